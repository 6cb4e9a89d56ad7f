"""Publishing's and routing's ports in memory, misbehaving as AWS does. ``tests/tools/fakes`` shows that they misbehave."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from event_service.base.clock import Clock
from event_service.base.errors import Unavailable
from event_service.base.identifiers import shard_of
from event_service.base.json_values import dumps
from event_service.delivery.messages import WebhookMessage
from event_service.events.event import Event
from event_service.events.ports import SHARDS, EntryPage, Publisher, PutOutcome, StoredEvent, Track, TrackKey
from event_service.events.routing_message import RoutingMessage
from event_service.events.sort_key import EventEntry, activity_id, expiry, indexed_profile_ids, read_sort_key, sort_key
from event_service.routing.table import RefusedFilter
from event_service.sockets.log import Routed

RETENTION_DAYS = 14
MOST_PAGE_BYTES = 1_048_576
"""DynamoDB ends a page at a megabyte, whatever limit was asked for."""
ENTRY_BYTES = 300
"""Of an index entry beside the event's id: keys, names of attributes, and 100 bytes that every index entry takes."""


class FakeEventStore:
    """Events in a dictionary.

    ``before`` is called with the name of each operation and its ids, to count, fail or interleave. ``failing`` are ids
    whose put fails. Reads that are not consistent see nothing that is in ``lagging``. Rows of an event that are not
    written are in ``rows_missing``; ``unpacked`` counts the events whose data was unpacked.
    """

    def __init__(self, clock: Clock, before: Callable[[str, list[str]], None] = lambda operation, ids: None) -> None:
        self.clock = clock
        self.before = before
        self.items: dict[tuple[str, str], StoredEvent] = {}
        self.failing: set[str] = set()
        self.lagging: set[str] = set()
        self.rows_missing: set[tuple[str, str]] = set()
        self.unpacked = 0

    def _standing(self, workspace_id: str, event_id: str, *, consistent: bool = True) -> StoredEvent | None:
        stored = self.items.get((workspace_id, event_id))
        if stored is None or (not consistent and event_id in self.lagging):
            return None
        return stored if expiry(stored.event.created, RETENTION_DAYS) > self.clock().timestamp() else None

    def get(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> dict[str, StoredEvent]:
        found = self.each(workspace_id, event_ids, consistent=consistent, with_data=with_data)
        return {one.event.id: one for one in found}

    def each(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> Iterator[StoredEvent]:
        self.before("get", list(event_ids))
        for event_id in event_ids:
            stored = self._standing(workspace_id, event_id, consistent=consistent)
            if stored is None:
                continue
            self.unpacked += with_data
            event = stored.event
            size = len(dumps(event.data).encode()) if with_data else 0
            yield StoredEvent(event if with_data else replace(event, data={}), stored.nonce, size)

    def owners(self, keys: Collection[tuple[str, str]], *, consistent: bool = True) -> dict[tuple[str, str], Publisher]:
        self.before("owners", [event_id for _, event_id in keys])
        found = {key: self._standing(*key, consistent=consistent) for key in keys}
        return {key: self._owner(key, stored) for key, stored in found.items() if stored is not None}

    def _owner(self, key: tuple[str, str], stored: StoredEvent) -> Publisher:
        return Publisher(stored.nonce, rows_missing=key in self.rows_missing)

    def put_if_absent(self, events: Sequence[Event], nonce: str, *, rows_later: bool = False) -> PutOutcome:
        self.before("put_if_absent", [event.id for event in events])
        taken: dict[str, Publisher] = {}
        failed: list[str] = []
        for event in events:
            key = event.workspace_id, event.id
            standing = self._standing(*key)
            if event.id in self.failing:
                failed.append(event.id)
            elif standing is not None:
                taken[event.id] = self._owner(key, standing)
            else:
                self.items[key] = StoredEvent(event, nonce)
                if rows_later:
                    self.rows_missing.add(key)
        return PutOutcome(taken, tuple(failed))

    def put(self, events: Sequence[Event], nonce: str) -> None:
        self.before("put", [event.id for event in events])
        for event in events:
            if event.id in self.failing:
                # A batch is not atomic: what stands before the one that failed is written.
                raise Unavailable("BatchWriteItem: timed out")
            self.items[event.workspace_id, event.id] = StoredEvent(event, nonce)

    def write_rows(self, events: Sequence[Event]) -> None:
        self.before("write_rows", [event.id for event in events])
        self.rows_missing -= {(event.workspace_id, event.id) for event in events}


class FakeEventIndexes:
    """The time-ordered indexes over a :class:`FakeEventStore`, in pages that may be shorter than asked for.

    ``hidden`` ids are not in the indexes yet; ``stale`` entries are in them although the event is gone.
    """

    def __init__(self, store: FakeEventStore) -> None:
        self._store = store
        self.reads: list[tuple[TrackKey, int, int]] = []
        self.entries_read = 0
        self.hidden: set[str] = set()
        self.stale: list[Event] = []
        self.page_bytes = MOST_PAGE_BYTES

    def read(
        self, key: TrackKey, shard: int, dates: tuple[str, str], *, descending: bool, limit: int, position: object | None
    ) -> EntryPage:
        self.reads.append((key, shard, limit))
        events = [stored.event for (workspace, _), stored in self._store.items.items() if workspace == key.workspace_id]
        keys = sorted(
            (own, event.id)
            for event in [*events, *self.stale]
            if shard_of(event.id, SHARDS) == shard and event.id not in self.hidden
            for own in self._keys(event, key)
            if dates[0] <= own <= dates[1]
        )
        found = [read_sort_key(own, event_id) for own, event_id in keys]
        if descending:
            found.reverse()
        start = position if isinstance(position, int) else 0
        end, size = start, 0
        while end < len(found) and end - start < limit and size < self.page_bytes:
            size += ENTRY_BYTES + 2 * len(found[end].id.encode())
            end += 1
        if end == len(found) and end - start < limit and size < self.page_bytes:
            return self._page(found[start:end], None)
        # As in DynamoDB, a full page has a position behind it even when nothing follows.
        return self._page(found[start:end], end)

    def _page(self, entries: list[EventEntry], position: int | None) -> EntryPage:
        self.entries_read += len(entries)
        return EntryPage(entries, position)

    @staticmethod
    def _keys(event: Event, key: TrackKey) -> list[str]:
        date = event.created if key.track is Track.ACCEPTANCE else event.date
        wanted = {
            Track.DATE: True,
            Track.ACCEPTANCE: event.date != event.created,
            Track.PROFILE: key.value in indexed_profile_ids(event.data),
            Track.ACTIVITY: key.value == activity_id(event.data),
        }[key.track]
        return [sort_key(event, date, expiry(event.created, RETENTION_DAYS))] if wanted else []


@dataclass
class FakeRoutingQueue:
    """Keeps what was sent. ``fault`` is raised by the next send, before or (``acted``) after it acted. ``deleted`` and
    ``shown_again`` are the receipts that its reader gave back."""

    sent: list[RoutingMessage] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    shown_again: list[tuple[str, int]] = field(default_factory=list)
    fault: Exception | None = None
    acted: bool = False

    def send(self, message: RoutingMessage) -> None:
        fault, self.fault = self.fault, None
        if fault is None or self.acted:
            # As text and back: what a queue does to it.
            self.sent.append(RoutingMessage.parse(message.text()))
        if fault is not None:
            raise fault

    def delete(self, receipts: Sequence[str]) -> None:
        self.deleted.extend(receipts)

    def show_again(self, receipts: Sequence[str], seconds: int) -> None:
        self.shown_again.extend((receipt, seconds) for receipt in receipts)


@dataclass
class FakeWebhookQueue:
    """Keeps what was sent, but for the endpoints in ``refusing``."""

    sent: list[WebhookMessage] = field(default_factory=list)
    refusing: set[str] = field(default_factory=set)

    def send(self, messages: Sequence[tuple[WebhookMessage, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        taken = [message for message, _ in messages]
        refused = [position for position, message in enumerate(taken) if message.delivery.endpoint_id in self.refusing]
        self.sent.extend(message for position, message in enumerate(taken) if position not in refused)
        return refused

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(message.delivery.endpoint_id, message.delivery.event_id) for message in self.sent]


@dataclass
class FakeRefusedFilterReports:
    """Keeps what was announced; ``fault`` is raised instead."""

    announced: list[tuple[str, list[RefusedFilter]]] = field(default_factory=list)
    fault: Exception | None = None

    def filters_refused(self, workspace_id: str, refused: Sequence[RefusedFilter]) -> None:
        if self.fault is not None:
            raise self.fault
        self.announced.append((workspace_id, list(refused)))


@dataclass
class FakeSocketLog:
    """A log that takes each nonce once for each endpoint; nonces in ``refusing`` are not taken."""

    logs: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    refusing: set[str] = field(default_factory=set)

    def append(self, messages: Sequence[Routed]) -> set[str]:
        nonces = [message.nonce for message in messages]
        assert len(nonces) == len(set(nonces)), "a log takes a nonce once in a call"
        for message in messages:
            if message.nonce not in self.refusing:
                for endpoint_id, event_ids in message.event_ids.items():
                    self.logs.setdefault(endpoint_id, {}).setdefault(message.nonce, tuple(event_ids))
        return self.refusing & set(nonces)


def throttled(operation: str = "SendMessageBatch") -> ClientError:
    """SQS took nothing."""
    return ClientError({"Error": {"Code": "RequestThrottled", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)  # type: ignore[typeddict-item]


def server_fault(operation: str = "SendMessageBatch") -> ClientError:
    """SQS failed; whether it acted is unknown."""
    return ClientError({"Error": {"Code": "InternalError", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 500}}, operation)  # type: ignore[typeddict-item]


def refused(operation: str = "SendMessageBatch") -> ClientError:
    """SQS will never take it."""
    return ClientError({"Error": {"Code": "AccessDenied", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)  # type: ignore[typeddict-item]


def timed_out() -> ReadTimeoutError:
    """The request was sent, no answer came."""
    return ReadTimeoutError(endpoint_url="https://sqs")


def never_left() -> Exception:
    """No connection."""
    return EndpointConnectionError(endpoint_url="https://sqs")


def never_connected() -> Exception:
    """No connection in time."""
    return ConnectTimeoutError(endpoint_url="https://sqs")


@dataclass
class FakeSqsClient:
    """SendMessage and SendMessageBatch with prepared faults.

    A fault that is an exception is raised after ``acts`` (a timed-out call acts, a throttled one does not). One that is
    a set of positions in the call fails those entries; with ``sender_fault`` for what they are, otherwise for now.
    """

    faults: list[Exception | set[int] | None] = field(default_factory=list)
    sender_fault: bool = False
    acts: bool = True
    calls: list[list[dict[str, Any]]] = field(default_factory=list)
    arrived: list[dict[str, Any]] = field(default_factory=list)

    def send_message(self, *, QueueUrl: str, **arguments: Any) -> dict[str, Any]:  # noqa: N803 - botocore's names
        self.calls.append([arguments])
        self._take([arguments])
        return {"MessageId": "id"}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.calls.append(Entries)
        assert 1 <= len(Entries) <= 10, "SQS: TooManyEntriesInBatchRequest"
        assert sum(len(entry["MessageBody"].encode()) for entry in Entries) <= 1_048_576, "SQS: BatchRequestTooLong"
        failing = self._take(Entries)
        failed = [{"Id": entry["Id"], "SenderFault": self.sender_fault, "Code": "X"} for entry in failing]
        return {"Failed": failed} if failed else {}

    def _take(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            if isinstance(fault, ReadTimeoutError) and self.acts:
                self.arrived.extend(entries)
            raise fault
        failing = [entry for position, entry in enumerate(entries) if position in (fault or ())]
        self.arrived.extend(entry for entry in entries if entry not in failing)
        return failing
