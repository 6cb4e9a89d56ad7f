"""The stores of deliveries in memory, misbehaving as AWS does. ``tests/integration/delivery/test_stores.py`` holds each against
the same tests as the real one."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from event_service.base.clock import Clock
from event_service.base.dates import format_date, from_stored
from event_service.base.errors import Unavailable
from event_service.base.identifiers import shard_of
from event_service.delivery.attempt import Delivery, DeliveryKey, DeliveryStatus, LogKey, LogRecord, delivery_of
from event_service.delivery.lane import Lane, Trouble
from event_service.delivery.ports import REMINDER_SHARDS, BacklogRow, DeliveryPlace, DeliveryRef, DeliveryRefPage, Reminder
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.log_items import KEPT_BEYOND_THE_EVENT, place_of

if TYPE_CHECKING:
    from tests.fakes.key_meter import KeyMeter


class Aws:
    """Counts the calls and lets tests fail them, before they act (``lost=False``) or after (the answer is lost)."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.sdk_calls = 0
        self.meter: KeyMeter | None = None
        """Counts the units of each key, where a test asks for it."""
        self.fault: Callable[[str], str | None] = lambda operation: None

    def call(self, operation: str, act: Callable[[], Any], write: Callable[[int], Any] | None = None, sdk_calls: int = 1) -> Any:
        """``fault`` answers ``None``, ``"refused"``, ``"lost"``, or ``"half"``: a batch of which only a part is done.
        ``sdk_calls`` is how many calls of the SDK the real adapter makes of it."""
        self.calls[operation] += 1
        self.sdk_calls += sdk_calls
        fault = self.fault(operation)
        if fault == "refused":
            raise Unavailable(operation)
        if fault == "half" and write is not None:
            write(2)
            raise Unavailable(operation)
        result = act()
        if fault == "lost":
            raise Unavailable(operation)
        return result


def batches(number: int, size: int) -> int:
    """Calls that a batch of so many items takes."""
    return math.ceil(number / size)


def _owner(record: LogRecord) -> tuple[str, DeliveryPlace]:
    return record.delivery.workspace_id, place_of(record)


class FakeDeliveryLog:
    """The log in memory."""

    def __init__(self, aws: Aws, clock: Clock, retention_days: int = 14) -> None:
        self._aws = aws
        self._clock = clock
        self._retention = timedelta(days=retention_days)
        self.records: dict[LogKey, LogRecord] = {}
        self.writes: list[LogKey] = []
        self.reads = 0
        """Deliveries that were asked for by their keys."""
        self.wide: dict[tuple[str, str], int] = {}
        """Shards of the events that are marked as wide."""
        self.listed: set[tuple[DeliveryStatus, str, DeliveryPlace]] = set()
        """Lists by status: (status, workspace id, place)."""
        self.missing: set[LogKey] = set()
        """The last records of deliveries that were in no list of their status at any moment."""
        self.places_read = 0
        self._of_delivery: dict[tuple[str, str, str], dict[int, LogRecord]] = defaultdict(dict)

    def write(self, records: Sequence[LogRecord]) -> None:
        def put(number: int) -> None:
            some = list(records)[:number]
            # First the places in lists by status, and what leaves a list last.
            self.listed.update((record.status, *_owner(record)) for record in some if record.adds_to_list)
            for record in some:
                key = record.log_key
                if record.is_failure and key in self.records and self.records[key].status is DeliveryStatus.DELIVERED:
                    continue
                self.records[key] = record
                self._of_delivery[key[:3]][record.number] = record
                self.writes.append(key)
            self.missing |= self.not_listed(records)
            if number == len(records):
                self.listed.difference_update((status, *_owner(record)) for record in some for status in record.leaves_lists)

        keys = [record.log_key for record in records]
        assert len(set(keys)) == len(keys), "BatchWriteItem refuses equal keys"
        # Failures are written one by one, on condition.
        if self._aws.meter is not None:
            self._aws.meter.log_written(records)
        failures = sum(record.is_failure for record in records)
        first = len(records) - failures + sum(record.adds_to_list for record in records)
        last = sum(len(record.leaves_lists) for record in records)
        calls = failures + batches(first, 25) + batches(last, 25)
        self._aws.call("log.write", lambda: put(len(records)), lambda share: put(len(records) // share), calls)

    def not_listed(self, records: Iterable[LogRecord] | None = None) -> set[LogKey]:
        """The records by which a delivery has a status whose list does not have it."""
        found: set[LogKey] = set()
        for owner in {record.log_key[:3] for record in (self.records.values() if records is None else records)}:
            last = list(self._of_delivery[owner].values())
            status = delivery_of(last).status
            if status is not DeliveryStatus.DELIVERED and (status, *_owner(last[0])) not in self.listed:
                found.add(last[-1].log_key)
        return found

    def places(
        self,
        workspace_id: str,
        statuses: Collection[DeliveryStatus],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = True,
        after: DeliveryPlace | None = None,
        expected: int = 100,
    ) -> Iterator[DeliveryPlace]:
        del expected
        expired = format_date(self._clock() - self._retention)
        low, high = format_date(since) if since else "", format_date(until) if until else "~"
        found: set[DeliveryPlace] = set()
        for status, workspace, place in self.listed:
            if status is DeliveryStatus.PENDING and place.accepted_at <= expired:
                wanted = DeliveryStatus.DISCARDED in statuses
            else:
                wanted = status in statuses
            behind = after is None or (place < after if descending else place > after)
            if wanted and workspace == workspace_id and low <= place.accepted_at < high and behind:
                found.add(place)
        for place in sorted(found, reverse=descending):
            self.places_read += 1
            yield place

    def mark(self, keys: Iterable[DeliveryKey]) -> None:
        self._aws.call("wide.mark", lambda: self.wide.update({key.event: key.log_shards for key in keys}))

    def log_shards(self, workspace_id: str, event_ids: Collection[str]) -> dict[str, int]:
        return {one: self.wide[workspace_id, one] for one in event_ids if (workspace_id, one) in self.wide}

    def _alive(self, records: Iterable[LogRecord]) -> list[LogRecord]:
        now = self._clock()
        kept = []
        for record in records:
            expires = max(from_stored(record.delivery.accepted_at) + self._retention, record.date) + KEPT_BEYOND_THE_EVENT
            if expires > now:
                kept.append(record)
        return kept

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        records = self._alive(self._of_delivery.get((endpoint_id, workspace_id, event_id), {}).values())
        if not records:
            return None
        delivery = delivery_of(records)
        if delivery.status is DeliveryStatus.PENDING and delivery.created + self._retention <= self._clock():
            return replace(delivery, status=DeliveryStatus.DISCARDED, next_attempt=None)
        return delivery

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        self.reads += len(keys)
        found = {key: self.delivery(workspace_id, *key) for key in keys}
        return {key: delivery for key, delivery in found.items() if delivery is not None}

    def of_event(
        self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int, *, descending: bool = False
    ) -> list[Delivery]:
        ids = sorted((key[0] for key in self._of_delivery if key[1:] == (workspace_id, event_id)), reverse=descending)
        if after_endpoint_id is not None:
            ids = [one for one in ids if (one < after_endpoint_id if descending else one > after_endpoint_id)]
        found = (self.delivery(workspace_id, one, event_id) for one in ids)
        return list(itertools.islice((delivery for delivery in found if delivery is not None), limit))

    def of_endpoint(
        self,
        workspace_id: str,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = True,
        limit: int = 100,
        position: str | None = None,
    ) -> DeliveryRefPage:
        listed = [record for key, record in self.records.items() if key[:2] == (endpoint_id, workspace_id) and record.listed]
        refs = sorted({(record.delivery.accepted_at, record.delivery.event_id) for record in listed}, reverse=descending)
        low, high = format_date(since) if since else "", format_date(until) if until else "~"
        refs = [ref for ref in refs if low <= ref[0] < high]
        if position is not None:
            refs = [ref for ref in refs if ("#".join(ref) < position if descending else "#".join(ref) > position)]
        page = refs[:limit]
        return DeliveryRefPage([DeliveryRef(*ref) for ref in page], "#".join(page[-1]) if len(page) == limit and limit else None)


class FakeBacklogStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.rows: dict[tuple[str, bool, str, str, int], BacklogRow] = {}
        self._order: dict[tuple[str, bool], list[tuple[str, bool, str, str, int]]] = defaultdict(list)

    @staticmethod
    def _key(row: BacklogRow) -> tuple[str, bool, str, str, int]:
        delivery = row.attempt.delivery
        return delivery.endpoint_id, row.live, row.at, delivery.event_id, row.attempt.number

    def add(self, rows: Sequence[BacklogRow]) -> None:
        def put(number: int) -> None:
            for row in list(rows)[:number]:
                key = self._key(row)
                if key not in self.rows:
                    bisect.insort(self._order[key[0], key[1]], key)
                self.rows[key] = row

        if self._aws.meter is not None:
            self._aws.meter.rows_written(rows)
        self._aws.call("backlog.add", lambda: put(len(rows)), lambda share: put(len(rows) // share), batches(len(rows), 25))

    def oldest(self, endpoint_id: str, limit: int) -> list[BacklogRow]:
        def read() -> list[BacklogRow]:
            return [self.rows[key] for live in (True, False) for key in self._order[endpoint_id, live][:limit]]

        found: list[BacklogRow] = self._aws.call("backlog.oldest", read, sdk_calls=4)
        if self._aws.meter is not None:
            self._aws.meter.rows_read(endpoint_id, len(found))
        return found

    def delete(self, rows: Sequence[BacklogRow]) -> None:
        def remove() -> None:
            for key in map(self._key, rows):
                if self.rows.pop(key, None) is not None:
                    order = self._order[key[0], key[1]]
                    del order[bisect.bisect_left(order, key)]

        if self._aws.meter is not None:
            self._aws.meter.rows_written(rows)
        self._aws.call("backlog.delete", remove, sdk_calls=batches(len(rows), 25))

    def count(self, endpoint_id: str, most: int) -> int:
        return min(most, int(self._aws.call("backlog.count", lambda: self.waiting(endpoint_id), sdk_calls=8)))

    def waiting(self, endpoint_id: str) -> int:
        """How many rows an endpoint has."""
        return sum(len(self._order[endpoint_id, live]) for live in (True, False))


class FakeReminderStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.rows: set[tuple[int, datetime, str, str]] = set()
        self.rows_read = 0

    @staticmethod
    def _key(one: Reminder) -> tuple[int, datetime, str, str]:
        return shard_of(one.endpoint_id, REMINDER_SHARDS), one.at, one.endpoint_id, one.workspace_id

    def put(self, reminders: Sequence[Reminder]) -> None:
        if self._aws.meter is not None:
            self._aws.meter.reminders_written(reminders)
        self._aws.call("reminders.put", lambda: self.rows.update(map(self._key, reminders)), sdk_calls=batches(len(reminders), 25))

    def due(self, shard: int, now: datetime, limit: int) -> list[Reminder]:
        def read() -> list[Reminder]:
            # A copy: the scheduler reads and deletes with several threads.
            found = sorted(key for key in list(self.rows) if key[0] == shard and key[1] <= now)[:limit]
            self.rows_read += len(found)
            if self._aws.meter is not None:
                self._aws.meter.reminders_read(shard, len(found))
            return [Reminder(workspace_id, endpoint_id, at) for _, at, endpoint_id, workspace_id in found]

        result: list[Reminder] = self._aws.call("reminders.due", read)
        return result

    def delete(self, reminders: Sequence[Reminder]) -> None:
        if self._aws.meter is not None:
            self._aws.meter.reminders_written(reminders)
        keys = set(map(self._key, reminders))
        self._aws.call("reminders.delete", lambda: self.rows.difference_update(keys), sdk_calls=batches(len(keys), 25))


class FakeLaneStore:
    def __init__(self, aws: Aws, clock: Callable[[], datetime]) -> None:
        self._aws = aws
        self._clock = clock
        self.items: dict[str, Lane] = {}
        self.writes: Counter[str] = Counter()

    def _held(self, lane: Lane) -> Lane | None:
        known = self.items.get(lane.endpoint_id)
        return known if known is not None and known.token == lane.token and known.lease_until is not None else None

    def _write(self, operation: str, act: Callable[[], Any], endpoint_id: str) -> Any:
        self.writes[endpoint_id] += 1
        if self._aws.meter is not None:
            self._aws.meter.lane_used(endpoint_id, write=True)
        return self._aws.call(operation, act)

    def read(self, endpoint_ids: Sequence[str]) -> dict[str, Lane]:
        found: dict[str, Lane] = self._aws.call("lanes.read", lambda: {one: self.items[one] for one in endpoint_ids if one in self.items})
        return found

    def claim(self, lane: Lane, token: str, lease_until: datetime) -> Lane | None:
        def act() -> Lane | None:
            known = self.items.get(lane.endpoint_id, Lane(lane.workspace_id, lane.endpoint_id))
            if (known.token, known.lease_until) != (lane.token, lane.lease_until):
                return None
            self.items[lane.endpoint_id] = replace(known, token=token, lease_until=lease_until, again=False, ending=False)
            return replace(lane, token=token, lease_until=lease_until, again=False, ending=False)

        claimed: Lane | None = self._write("lanes.claim", act, lane.endpoint_id)
        return claimed

    def _change(self, operation: str, lane: Lane, condition: Callable[[Lane], bool] = lambda known: True, **changes: Any) -> bool:
        def act() -> bool:
            known = self._held(lane)
            if known is None or not condition(known):
                return False
            self.items[lane.endpoint_id] = replace(known, **changes)
            return True

        return bool(self._write(operation, act, lane.endpoint_id))

    def ask_again(self, lane: Lane) -> bool:
        return self._change("lanes.ask_again", lane, again=True)

    def set_ending(self, lane: Lane, ending: bool) -> bool:
        return self._change("lanes.set_ending", lane, ending=ending)

    def release(self, lane: Lane, next_at: datetime | None) -> bool:
        def free(known: Lane) -> bool:
            return lane.again or not known.again

        left = {"open_rows": lane.open_rows, "look_at": lane.look_at, "pace": lane.pace}
        return self._change("lanes.release", lane, free, lease_until=None, ending=False, next_at=next_at, **left)

    def note_trouble(self, workspace_id: str, endpoint_id: str, trouble: Trouble, not_before: datetime | None) -> bool:
        def act() -> bool:
            known = self.items.get(endpoint_id, Lane(workspace_id, endpoint_id))
            if not_before is not None:
                if known.not_before is not None and known.not_before >= not_before:
                    return False
                self.items[endpoint_id] = replace(known, trouble=trouble, not_before=not_before)
                return True
            if known.trouble is not None and (trouble is not Trouble.LIMITED or known.trouble is trouble):
                return False
            self.items[endpoint_id] = replace(known, trouble=trouble)
            return True

        return bool(self._write("lanes.note_trouble", act, endpoint_id))

    def note_slow(self, workspace_id: str, endpoint_id: str, now: datetime, since: datetime) -> bool:
        def act() -> bool:
            known = self.items.get(endpoint_id, Lane(workspace_id, endpoint_id))
            if known.slow_at is not None and known.slow_at >= since:
                return False
            self.items[endpoint_id] = replace(known, slow_at=now)
            return True

        return bool(self._write("lanes.note_slow", act, endpoint_id))

    def calm(self, lane: Lane) -> None:
        self._change("lanes.calm", lane, trouble=None, not_before=None)

    def reset(self, endpoint_id: str) -> None:
        def act() -> None:
            known = self.items.get(endpoint_id)
            if known is not None:
                self.items[endpoint_id] = replace(known, next_at=None, not_before=None, pace="")

        self._write("lanes.reset", act, endpoint_id)


class FakeHealthStore:
    """Health of endpoints in memory. ``exists`` says whether a workspace has an endpoint."""

    def __init__(self, aws: Aws, exists: Callable[[str, str], bool] = lambda workspace_id, endpoint_id: True) -> None:
        self._aws = aws
        self._exists = exists
        self.items: dict[str, EndpointHealth] = {}
        self.writes: Counter[str] = Counter()
        self.interfere: Callable[[str], None] = lambda endpoint_id: None
        """Called before each put: another worker may have been faster."""

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        self.writes[health.endpoint_id] += 1

        def put() -> bool:
            self.interfere(health.endpoint_id)
            if not self._exists(workspace_id, health.endpoint_id):
                return False
            known = self.items.get(health.endpoint_id)
            if (known.version if known else None) != (replaces.version if replaces else None):
                return False
            self.items[health.endpoint_id] = health
            return True

        return bool(self._aws.call("health.put", put))

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        found: EndpointHealth | None = self._aws.call("health.get", lambda: self.items.get(endpoint_id))
        return found if self._exists(workspace_id, endpoint_id) else None

    def clear(self, workspace_id: str, known: EndpointHealth) -> bool:
        del workspace_id
        self.writes[known.endpoint_id] += 1

        def remove() -> bool:
            found = self.items.get(known.endpoint_id)
            if found is None or found.version != known.version:
                return found is None
            del self.items[known.endpoint_id]
            return True

        return bool(self._aws.call("health.clear", remove))
