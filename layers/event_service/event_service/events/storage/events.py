"""Events in DynamoDB, one item each, and the rows that find them by profile and activity.

An item is made small on purpose: writes are billed by started kilobyte, index entries included, and this is the table
that grows with the traffic. So what only goes back to the reader is one compressed attribute, and the indexes carry
keys alone.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.aws.batches import MAXIMUM_WRITES_PER_BATCH
from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.base.identifiers import shard_of
from event_service.base.threads import ContextThreads
from event_service.events.event import Event
from event_service.events.ports import SHARDS, Publisher, PutOutcome, StoredEvent, Track, TrackKey
from event_service.events.sort_key import activity_id, cut_id, expiry, indexed_profile_ids, sort_key
from event_service.events.storage.codec import delivered_text, pack, unpack

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

WRITERS: Final = 8
"""Calls of one publish at the same time: 100 conditional puts are then 13 rounds, and four publishes share the pool."""
MAXIMUM_ROWS_WITH_EVENTS: Final = 2_000
"""Rows that are written before the events of a publish: 80 calls. The router writes those of the other events, once it has
routed them. Two such puts, 100 puts of events and what else a publish takes stay below 250 calls."""
ROW_SECONDS: Final = 1.0
"""Rows that are not begun by then are left to the router, so that a slow index delays no answer."""
ROW_TRIES: Final = 3
STORING_SECONDS: Final = 5.0
"""Events that are not begun by then are left to the router. They are accepted already."""
MAXIMUM_ROWS_FORGOTTEN: Final = 500
"""Rows of publishes that lost a race. Those beyond make a count too high until they expire, and harm nobody else."""


class EventItem(Model):
    """Row of one event; its body is written and read by :mod:`event_service.events.storage.codec`."""

    class Meta:
        """The table's logical name."""

        table_name = "events"

    key = UnicodeAttribute(hash_key=True)
    """``<workspace id>#<event id>``"""
    nonce = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute(attr_name="expiresAt")
    body = BinaryAttribute(legacy_encoding=False)
    """See :mod:`event_service.events.storage.codec`."""
    rows_missing = BooleanAttribute(attr_name="rowsMissing", null=True)
    """Set where the rows by profile and activity may not all be written; the router writes them when it routes the event."""
    date_shard = UnicodeAttribute(attr_name="dateShard")
    date_key = UnicodeAttribute(attr_name="dateKey")
    """Keys of the index ``by_date``: all events by when they happened."""
    acceptance_shard = UnicodeAttribute(attr_name="acceptanceShard", null=True)
    acceptance_key = UnicodeAttribute(attr_name="acceptanceKey", null=True)
    """Keys of the index ``by_acceptance``, set only where the date is not the moment of acceptance: all others have the
    same place in ``by_date``, and an index entry that is not written costs nothing."""


class EventIndexItem(Model):
    """That an event has a profile or an activity."""

    class Meta:
        """The table's logical name."""

        table_name = "event_index"

    subject = UnicodeAttribute(hash_key=True)
    """``<workspace id>#profile#<profile id>#<shard>`` or ``…#activity#…``. Sharded as the time index is: one activity may be
    all that a workspace sees."""
    date_key = UnicodeAttribute(range_key=True, attr_name="dateKey")
    expires_at = NumberAttribute(attr_name="expiresAt")
    id = UnicodeAttribute(null=True)
    """The event's id, only where the sort key could not hold it."""


def partition(key: TrackKey, shard: int) -> str:
    """The partition key of one shard of an index."""
    if key.track in (Track.DATE, Track.ACCEPTANCE):
        return f"{key.workspace_id}#{shard}"
    return f"{key.workspace_id}#{key.track.value}#{key.value}#{shard}"


class DynamoEventStore:
    """Implements :class:`~event_service.events.ports.EventStore`."""

    def __init__(self, database: Database, clock: Clock, retention_days: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._retention_days = retention_days
        self._monotonic = monotonic

    # -- reading -------------------------------------------------------------------------------------------------

    def get(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> dict[str, StoredEvent]:
        found = self.each(workspace_id, event_ids, consistent=consistent, with_data=with_data)
        return {one.event.id: one for one in found}

    def each(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> Iterator[StoredEvent]:
        now = self._clock().timestamp()
        for raw in self._raw(workspace_id, event_ids, consistent=consistent):
            if float(raw["expiresAt"]["N"]) > now:
                yield _stored(workspace_id, raw, with_data=with_data)

    def packed(self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True) -> dict[str, Callable[[], StoredEvent]]:
        """Those that exist, by id, read now and as they are stored. Each is unpacked when it is called: as objects, an event
        may take 25 times the bytes of its JSON."""
        now = self._clock().timestamp()
        return {
            str(raw["key"]["S"]).removeprefix(f"{workspace_id}#"): partial(_stored, workspace_id, raw)
            for raw in self._raw(workspace_id, event_ids, consistent=consistent)
            if float(raw["expiresAt"]["N"]) > now
        }

    def _raw(self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool) -> Iterator[AttributeMap]:
        if len(event_ids) == 1:
            # GetItem and BatchGetItem cost the same; the first has no unprocessed keys.
            item = self._database.get_raw(Key(EventItem, f"{workspace_id}#{event_ids[0]}"), consistent=consistent)
            return iter(() if item is None else (item,))
        keys = (Key(EventItem, f"{workspace_id}#{event_id}") for event_id in event_ids)
        return (raw for _, raw in self._database.batch_get(keys, consistent=consistent))

    def texts(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, bytes]:
        """The JSON text of each event as it is delivered, by id, put together from the stored text: nothing is parsed.
        Read strongly consistent."""
        now = self._clock().timestamp()
        found: dict[str, bytes] = {}
        for raw in self._raw(workspace_id, event_ids, consistent=True):
            if float(raw["expiresAt"]["N"]) > now:
                event_id = str(raw["key"]["S"]).removeprefix(f"{workspace_id}#")
                found[event_id] = delivered_text(workspace_id, event_id, bytes(raw["body"]["B"]))
        return found

    def owners(self, keys: Collection[tuple[str, str]], *, consistent: bool = True) -> dict[tuple[str, str], Publisher]:
        now = self._clock().timestamp()
        wanted = {f"{workspace_id}#{event_id}": (workspace_id, event_id) for workspace_id, event_id in keys}
        found = self._database.batch_get(
            (Key(EventItem, key) for key in wanted), consistent=consistent, attributes=("key", "nonce", "expiresAt", "rowsMissing")
        )
        return {wanted[raw["key"]["S"]]: _owner(raw) for _, raw in found if float(raw["expiresAt"]["N"]) > now}

    # -- writing -------------------------------------------------------------------------------------------------

    def put(self, events: Sequence[Event], nonce: str) -> None:
        # First the rows that find the event, then the event: of an event that is there the rows are there, unless it says
        # that they are not.
        late = self._write_some_rows(events)
        self._database.batch_write(puts=[self._item(event, nonce, rows_missing=event.id in late) for event in events])

    def put_if_absent(self, events: Sequence[Event], nonce: str, *, rows_later: bool = False) -> PutOutcome:
        late = {event.id for event in events if self._tracks(event)} if rows_later else self._write_some_rows(events)
        end = self._monotonic() + STORING_SECONDS
        taken: dict[str, Publisher] = {}
        failed: list[str] = []
        needless: list[EventIndexItem] = []

        def put(event: Event) -> None:
            if self._monotonic() > end:
                failed.append(event.id)
                return
            condition = EventItem.key.does_not_exist() | (EventItem.expires_at <= int(self._clock().timestamp()))
            try:
                self._database.put(self._item(event, nonce, rows_missing=event.id in late), condition)
            except ConditionFailed as refused:
                standing = refused.current
                if standing is None:
                    failed.append(event.id)
                    return
                taken[event.id] = _owner(standing)
                if not rows_later:
                    needless.extend(self._not_of(standing, event))
            except (DomainError, Unavailable):
                failed.append(event.id)

        _each(put, events)
        if needless:
            self._forget(needless[:MAXIMUM_ROWS_FORGOTTEN])
        return PutOutcome(taken, tuple(failed))

    def write_rows(self, events: Sequence[Event]) -> None:
        self._database.batch_write(puts=[row for event in events for row in self._index_rows(event)])

    def erase(self, workspace_id: str, event_ids: Sequence[str]) -> list[str]:
        """Removes events and their rows. Rows carry the expiry of the event as it was stored: the retention may have changed since."""
        found = list(self._raw(workspace_id, event_ids, consistent=True))
        rows = [row for raw in found for row in self._index_rows(_stored(workspace_id, raw).event, int(raw["expiresAt"]["N"]))]
        self._database.batch_write(deletes=[Key(EventIndexItem, row.subject, row.date_key) for row in rows])
        self._database.batch_write(deletes=[Key(EventItem, raw["key"]["S"]) for raw in found])
        return [str(raw["key"]["S"]).removeprefix(f"{workspace_id}#") for raw in found]

    def _write_some_rows(self, events: Sequence[Event]) -> set[str]:
        """Writes rows within a second or so; returns the ids of the events of which some may be missing."""
        rows = [(event.id, row) for event in events for row in self._index_rows(event)]
        late = {event_id for event_id, _ in rows[MAXIMUM_ROWS_WITH_EVENTS:]}
        end = self._monotonic() + ROW_SECONDS

        def write(some: tuple[tuple[str, EventIndexItem], ...]) -> None:
            try:
                if self._monotonic() <= end:
                    self._database.batch_write(puts=[row for _, row in some], tries=ROW_TRIES)
                    return
            except (DomainError, Unavailable) as error:
                _LOG.warning("rows of accepted events are written later, by the router: %s", error)
            late.update(event_id for event_id, _ in some)

        _each(write, list(_batched(rows[:MAXIMUM_ROWS_WITH_EVENTS], MAXIMUM_WRITES_PER_BATCH)))
        return late

    def _not_of(self, standing: AttributeMap, event: Event) -> Iterator[EventIndexItem]:
        """Those rows of ``event`` that the event which has the id does not have itself."""
        rows = list(self._index_rows(event))
        if not rows:
            return
        owner = _stored(event.workspace_id, standing).event
        kept = {(row.subject, row.date_key) for row in self._index_rows(owner)}
        yield from (row for row in rows if (row.subject, row.date_key) not in kept)

    def _forget(self, rows: Sequence[EventIndexItem]) -> None:
        try:
            self._database.batch_write(deletes=[Key(EventIndexItem, row.subject, row.date_key) for row in rows])
        except (DomainError, Unavailable):
            # A list drops them when it reads the event; only a count is one too high until they expire.
            return

    def _item(self, event: Event, nonce: str, *, rows_missing: bool) -> EventItem:
        shard = shard_of(event.id, SHARDS)
        expires = expiry(event.created, self._retention_days)
        item = EventItem(
            f"{event.workspace_id}#{event.id}",
            nonce=bytes.fromhex(nonce),
            expires_at=expires,
            body=pack(event),
            date_shard=partition(TrackKey(event.workspace_id, Track.DATE), shard),
            date_key=sort_key(event, event.date, expires),
            rows_missing=rows_missing or None,
        )
        if event.date != event.created:
            item.acceptance_shard = partition(TrackKey(event.workspace_id, Track.ACCEPTANCE), shard)
            item.acceptance_key = sort_key(event, event.created, expires)
        return item

    @staticmethod
    def _tracks(event: Event) -> list[TrackKey]:
        tracks = [TrackKey(event.workspace_id, Track.PROFILE, profile) for profile in indexed_profile_ids(event.data)]
        activity = activity_id(event.data)
        return tracks if activity is None else [*tracks, TrackKey(event.workspace_id, Track.ACTIVITY, activity)]

    def _index_rows(self, event: Event, stored_expiry: int | None = None) -> Iterator[EventIndexItem]:
        tracks = self._tracks(event)
        if not tracks:
            return
        shard = shard_of(event.id, SHARDS)
        expires = expiry(event.created, self._retention_days) if stored_expiry is None else stored_expiry
        date_key = sort_key(event, event.date, expires)
        whole_id = event.id if cut_id(event.id) else None
        for track in tracks:
            yield EventIndexItem(partition(track, shard), date_key, expires_at=expires, id=whole_id)


def _each(act: Callable[[_T], None], arguments: Sequence[_T]) -> None:
    """Calls ``act`` for each, several side by side."""
    if len(arguments) < 2:
        for argument in arguments:
            act(argument)
        return
    with ContextThreads(max_workers=min(WRITERS, len(arguments))) as threads:
        # list(): a future's error is raised only when its result is asked for.
        list(threads.map(act, arguments))


def _batched(values: Sequence[_T], size: int) -> Iterator[tuple[_T, ...]]:
    remaining = iter(values)
    while some := tuple(itertools.islice(remaining, size)):
        yield some


def _owner(raw: AttributeMap) -> Publisher:
    return Publisher(bytes(raw["nonce"]["B"]).hex(), rows_missing="rowsMissing" in raw)


def _stored(workspace_id: str, raw: AttributeMap, *, with_data: bool = True) -> StoredEvent:
    event_id = str(raw["key"]["S"]).removeprefix(f"{workspace_id}#")
    event, size = unpack(workspace_id, event_id, bytes(raw["body"]["B"]), with_data=with_data)
    return StoredEvent(event, bytes(raw["nonce"]["B"]).hex(), size)
