"""Events in DynamoDB, one item each, and the rows that find them by profile and activity.

An item is made small on purpose: writes are billed by started kilobyte, index entries included, and this is the table
that grows with the traffic. So what only goes back to the reader is one compressed attribute, and the indexes carry
keys alone.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base import json_values
from event_service.base.clock import Clock
from event_service.base.dates import format_date, from_stored
from event_service.base.errors import DomainError, Unavailable
from event_service.base.identifiers import shard_of
from event_service.events.event import Event
from event_service.events.ports import SHARDS, PutOutcome, StoredEvent, Track, TrackKey
from event_service.events.sort_key import activity_id, cut_id, expiry, profile_ids, sort_key

WRITERS: Final = 8
"""Calls of one publish at the same time: 100 conditional puts are then 13 rounds, and four publishes share the pool."""
# zlib's first byte; JSON text begins with a bracket.
_COMPRESSED: Final = 0x78


class EventItem(Model):
    class Meta:
        """The table's logical name."""

        table_name = "events"

    key = UnicodeAttribute(hash_key=True)
    """``<workspace id>#<event id>``"""
    nonce = BinaryAttribute(legacy_encoding=False)
    expires_at = NumberAttribute(attr_name="expiresAt")
    body = BinaryAttribute(legacy_encoding=False)
    """JSON ``[type, date, creationDate, agentId, cameraId, data]``, compressed where that is shorter."""
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

    def __init__(self, database: Database, clock: Clock, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._retention_days = retention_days

    # -- reading -------------------------------------------------------------------------------------------------

    def get(self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True) -> dict[str, StoredEvent]:
        if len(event_ids) == 1:
            # GetItem and BatchGetItem cost the same; the first has no unprocessed keys.
            item = self._database.get(EventItem, f"{workspace_id}#{event_ids[0]}", consistent=consistent)
            items = [item] if item else []
        else:
            keys = (Key(EventItem, f"{workspace_id}#{event_id}") for event_id in event_ids)
            found = self._database.batch_get(keys, consistent=consistent)
            items = [EventItem.from_raw_data(raw) for _, raw in found]
        now = self._clock().timestamp()
        stored = (_stored(workspace_id, item) for item in items if item.expires_at > now)
        return {one.event.id: one for one in stored}

    def texts(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, bytes]:
        """The JSON text of each event as it is delivered, by id, put together from the stored text: nothing is parsed.
        Read strongly consistent."""
        keys = (Key(EventItem, f"{workspace_id}#{event_id}") for event_id in event_ids)
        now = self._clock().timestamp()
        found: dict[str, bytes] = {}
        for _, raw in self._database.batch_get(keys):
            if float(raw["expiresAt"]["N"]) > now:
                event_id = raw["key"]["S"].removeprefix(f"{workspace_id}#")
                found[event_id] = _delivered(workspace_id, event_id, bytes(raw["body"]["B"]))
        return found

    def nonces(self, keys: Collection[tuple[str, str]], *, consistent: bool = True) -> dict[tuple[str, str], str]:
        now = self._clock().timestamp()
        wanted = {f"{workspace_id}#{event_id}": (workspace_id, event_id) for workspace_id, event_id in keys}
        found = self._database.batch_get(
            (Key(EventItem, key) for key in wanted), consistent=consistent, attributes=("key", "nonce", "expiresAt")
        )
        return {wanted[raw["key"]["S"]]: bytes(raw["nonce"]["B"]).hex() for _, raw in found if float(raw["expiresAt"]["N"]) > now}

    # -- writing -------------------------------------------------------------------------------------------------

    def put(self, events: Sequence[Event], nonce: str) -> None:
        # First the rows that find the event, then the event: once an event is there, the router takes it as stored whole.
        self._database.batch_write(puts=[row for event in events for row in self._index_rows(event)])
        self._database.batch_write(puts=[self._item(event, nonce) for event in events])

    def put_if_absent(self, events: Sequence[Event], nonce: str) -> PutOutcome:
        rows = {event.id: list(self._index_rows(event)) for event in events}
        try:
            self._database.batch_write(puts=[row for of_event in rows.values() for row in of_event])
        except (DomainError, Unavailable):
            return PutOutcome({}, tuple(rows))
        taken: dict[str, str] = {}
        failed: list[str] = []
        needless: list[EventIndexItem] = []

        def put(event: Event) -> None:
            condition = EventItem.key.does_not_exist() | (EventItem.expires_at <= int(self._clock().timestamp()))
            try:
                self._database.put(self._item(event, nonce), condition)
            except ConditionFailed as refused:
                standing = refused.current
                if standing is None:
                    failed.append(event.id)
                    return
                taken[event.id] = bytes(standing["nonce"]["B"]).hex()
                needless.extend(self._not_of(standing, event, rows[event.id]))
            except (DomainError, Unavailable):
                failed.append(event.id)

        if len(events) == 1:
            put(events[0])
        else:
            with ThreadPoolExecutor(max_workers=WRITERS) as threads:
                # list(): a future's error is raised only when its result is asked for.
                list(threads.map(put, events))
        if needless:
            self._forget(needless)
        return PutOutcome(taken, tuple(failed))

    def _not_of(self, standing: AttributeMap, event: Event, rows: Sequence[EventIndexItem]) -> Iterator[EventIndexItem]:
        """Those of the rows that the event which has the id does not have itself."""
        if not rows:
            return
        owner = _stored(event.workspace_id, EventItem.from_raw_data(standing)).event
        kept = {(row.subject, row.date_key) for row in self._index_rows(owner)}
        yield from (row for row in rows if (row.subject, row.date_key) not in kept)

    def _forget(self, rows: Sequence[EventIndexItem]) -> None:
        try:
            self._database.batch_write(deletes=[Key(EventIndexItem, row.subject, row.date_key) for row in rows])
        except (DomainError, Unavailable):
            # A list drops them when it reads the event; only a count is one too high until they expire.
            return

    def _item(self, event: Event, nonce: str) -> EventItem:
        shard = shard_of(event.id, SHARDS)
        expires = expiry(event.created, self._retention_days)
        item = EventItem(
            f"{event.workspace_id}#{event.id}",
            nonce=bytes.fromhex(nonce),
            expires_at=expires,
            body=_pack(event),
            date_shard=partition(TrackKey(event.workspace_id, Track.DATE), shard),
            date_key=sort_key(event, event.date, expires),
        )
        if event.date != event.created:
            item.acceptance_shard = partition(TrackKey(event.workspace_id, Track.ACCEPTANCE), shard)
            item.acceptance_key = sort_key(event, event.created, expires)
        return item

    def _index_rows(self, event: Event) -> Iterator[EventIndexItem]:
        tracks = [TrackKey(event.workspace_id, Track.PROFILE, profile) for profile in profile_ids(event.data)]
        activity = activity_id(event.data)
        if activity is not None:
            tracks.append(TrackKey(event.workspace_id, Track.ACTIVITY, activity))
        if not tracks:
            return
        shard = shard_of(event.id, SHARDS)
        expires = expiry(event.created, self._retention_days)
        date_key = sort_key(event, event.date, expires)
        whole_id = event.id if cut_id(event.id) else None
        for track in tracks:
            yield EventIndexItem(partition(track, shard), date_key, expires_at=expires, id=whole_id)


def _pack(event: Event) -> bytes:
    parts = [event.type, format_date(event.date), format_date(event.created), event.agent_id, event.camera_id, event.data]
    plain = json_values.dumps(parts).encode()
    compressed = zlib.compress(plain, level=6)
    return compressed if len(compressed) < len(plain) else plain


_HEAD_OF_BODY = re.compile(rb'\[("(?:[^"\\]|\\.)*"),("[^"]*"),("[^"]*"),(null|"(?:[^"\\]|\\.)*"),(null|"(?:[^"\\]|\\.)*"),')
"""All of a stored body but the event's data, which stands last."""


def _delivered(workspace_id: str, event_id: str, body: bytes) -> bytes:
    """What :meth:`~event_service.events.event.Event.as_json` makes of the event, byte for byte."""
    plain = zlib.decompress(body) if body[0] == _COMPRESSED else body
    head = _HEAD_OF_BODY.match(plain)
    if head is None:
        raise ValueError(f"the stored body of event {event_id} begins with {plain[:80]!r}")
    event_type, date, created, agent_id, camera_id = head.groups()
    return b"".join(
        (
            b'{"id":%b,"type":%b,"date":%b,"data":' % (json_values.dumps(event_id).encode(), event_type, date),
            memoryview(plain)[head.end() : -1],
            b',"agentId":%b,"cameraId":%b,"workspaceId":' % (agent_id, camera_id),
            json_values.dumps(workspace_id).encode(),
            b',"creationDate":%b,"lastModified":%b}' % (created, created),
        )
    )


def _stored(workspace_id: str, item: EventItem) -> StoredEvent:
    body = bytes(item.body)
    plain = zlib.decompress(body) if body[0] == _COMPRESSED else body
    event_type, date, created, agent_id, camera_id, data = json.loads(plain)
    event = Event(
        id=item.key.removeprefix(f"{workspace_id}#"),
        type=event_type,
        date=from_stored(date),
        data=data,
        agent_id=agent_id,
        camera_id=camera_id,
        workspace_id=workspace_id,
        created=from_stored(created),
    )
    return StoredEvent(event, bytes(item.nonce).hex())
