"""The delivery log in DynamoDB: one item for each attempt.

Items are written as plain attribute maps: this is the busiest table of the service, and building an item from its model
takes several times the CPU of sending it. The model gives the schema and the key conditions.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR, LAST_YEAR, format_date, from_stored
from event_service.base.identifiers import shard_of
from event_service.base.threads import ContextThreads
from event_service.delivery import codec
from event_service.delivery.attempt import Delivery, DeliveryStatus, LogRecord, delivery_of
from event_service.delivery.ports import LOG_SHARDS, DeliveryRef, DeliveryRefPage

KEPT_BEYOND_THE_EVENT: Final = timedelta(days=1)
"""So that the record of an event that expired before it could be sent is still seen."""
READERS: Final = 16
"""Queries side by side, fewer than the connections in the pool."""
_INDEX_ID_BYTES: Final = 900
"""DynamoDB takes 1,024 bytes of sort key; the date before the id takes 33.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
_ID_AT: Final = 33
FAILURE_TRIES: Final = 3
"""While the key is throttled, about as long as a batch is tried: an attempt that is not recorded is made again."""
INLINE_BYTES: Final = 500
"""Texts of a failed attempt that are longer stand in an item of their own. All records of one event share a partition key, which takes
1,000 kilobytes a second (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html): an
error page of 16 KiB would take the place of the records of sixteen other endpoints."""
TEXTS: Final = ("body", "headers", "explanation", "url")
""":mod:`event_service.delivery.codec` names them."""


class ByEndpointIndex(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """The deliveries of one endpoint in order of acceptance."""

    class Meta:
        """Name and projection of ``by_endpoint``."""

        index_name = "by_endpoint"
        projection = KeysOnlyProjection()

    endpoint_shard = UnicodeAttribute(hash_key=True, attr_name="endpointShard")
    """``<workspace id>#<endpoint id>#<shard>``"""
    endpoint_key = UnicodeAttribute(range_key=True, attr_name="endpointKey")


class LogItem(Model):
    """One record of the log."""

    class Meta:
        """The table's logical name."""

        table_name = "deliveries"

    event_key = UnicodeAttribute(hash_key=True, attr_name="eventKey")
    """``<workspace id>#<event id>``, or ``text#<workspace id>#<endpoint id>#<event id>`` for the texts of its failed attempts."""
    attempt_key = UnicodeAttribute(range_key=True, attr_name="attemptKey")
    """``<endpoint id>#<attempt, 4 digits>``; 0000 is the record without an attempt."""
    endpoint_shard = UnicodeAttribute(attr_name="endpointShard", null=True)
    endpoint_key = UnicodeAttribute(attr_name="endpointKey", null=True)
    expires_at = NumberAttribute(attr_name="expiresAt")
    status = UnicodeAttribute(null=True)
    by_endpoint = ByEndpointIndex()


def log_key(endpoint_id: str, workspace_id: str, event_id: str, number: int) -> Key:
    """Where one record stands."""
    return Key(LogItem, f"{workspace_id}#{event_id}", f"{endpoint_id}#{number:04d}")


class DynamoDeliveryLog:
    """Implements :class:`~event_service.delivery.ports.DeliveryLog`."""

    def __init__(self, database: Database, clock: Clock, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, records: Sequence[LogRecord]) -> None:
        parts = [_parted(self._item(record), record) for record in records]
        # First the texts: a record that is there is complete.
        texts = [text for _, text in parts if text is not None]
        kept = [item for (item, _), record in zip(parts, records, strict=True) if not record.is_failure]
        if texts or kept:
            self._database.batch_put(LogItem, [*texts, *kept])
        failures = [item for (item, _), record in zip(parts, records, strict=True) if record.is_failure]
        if len(failures) == 1:
            self._put_failure(failures[0])
        elif failures:
            with ContextThreads(max_workers=READERS) as threads:
                list(threads.map(self._put_failure, failures))

    def _put_failure(self, item: AttributeMap) -> None:
        """One by one, because a batch knows no conditions. Of two copies of a message in flight at once one may have succeeded: the
        failure of the other must not take its place, or retries would follow a success."""
        condition: Condition = LogItem.status.does_not_exist() | (LogItem.status != DeliveryStatus.DELIVERED.value)
        with suppress(ConditionFailed):
            self._database.put_item(LogItem, item, condition, tries=FAILURE_TRIES)

    def _item(self, record: LogRecord) -> AttributeMap:
        # The records of one delivery expire together, with their event, or soon after the newest.
        expires = max(from_stored(record.delivery.accepted_at) + self._retention, record.date) + KEPT_BEYOND_THE_EVENT
        key = record.delivery
        item: AttributeMap = {
            "eventKey": {"S": f"{key.workspace_id}#{key.event_id}"},
            "attemptKey": {"S": f"{key.endpoint_id}#{record.number:04d}"},
            "expiresAt": {"N": str(int(expires.timestamp()))},
        }
        if record.listed:
            item["endpointShard"] = {"S": _partition(key.workspace_id, key.endpoint_id, shard_of(key.event_id, LOG_SHARDS))}
            item["endpointKey"] = {"S": f"{key.accepted_at}#{_cut(key.event_id)}"}
        return item | codec.record_attributes(record)

    def erase(self, workspace_id: str, event_id: str) -> None:
        """Removes all records of one event, and their texts."""
        items = list(self._database.query_all(LogItem, LogItem.event_key == f"{workspace_id}#{event_id}", consistent=True))
        texts = [Key(LogItem, *_text_key(item)) for item in items if "apart" in item]
        # First the texts: their place is known from the record only.
        self._database.batch_write(deletes=texts)
        self._database.batch_write(deletes=[Key(LogItem, item["eventKey"]["S"], item["attemptKey"]["S"]) for item in items])

    # -- reading -------------------------------------------------------------------------------------------------

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        condition: Condition = LogItem.event_key == f"{workspace_id}#{event_id}"
        condition &= LogItem.attempt_key.startswith(f"{endpoint_id}#")
        items = list(self._alive(self._database.query_all(LogItem, condition, consistent=True)))
        return self._delivery(self._complete(items)) if items else None

    def _complete(self, items: Sequence[AttributeMap]) -> list[LogRecord]:
        """The records of these items, with the texts that stand apart."""
        keys = {_text_key(item): item for item in items if "apart" in item}
        if keys:
            for _, text in self._database.batch_get([Key(LogItem, *key) for key in keys]):
                item = keys[text["eventKey"]["S"], text["attemptKey"]["S"]]
                item.update({name: text[name] for name in TEXTS if name in text})
        return [record_of(item) for item in items]

    def _delivery(self, records: Iterable[LogRecord]) -> Delivery:
        delivery = delivery_of(records)
        # A delivery that waits past the end of its event is never sent. That is so from that moment on, not from when somebody looks.
        if delivery.status is DeliveryStatus.PENDING and delivery.created + self._retention <= self._clock():
            return replace(delivery, status=DeliveryStatus.DISCARDED, next_attempt=None)
        return delivery

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        wanted = list(dict.fromkeys(keys))

        def read(key: tuple[str, str]) -> Delivery | None:
            return self.delivery(workspace_id, *key)

        if len(wanted) == 1:
            found = [read(wanted[0])]
        else:
            with ContextThreads(max_workers=READERS) as threads:
                found = list(threads.map(read, wanted))
        return {key: delivery for key, delivery in zip(wanted, found, strict=True) if delivery is not None}

    def of_event(
        self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int, *, descending: bool = False
    ) -> list[Delivery]:
        condition: Condition = LogItem.event_key == f"{workspace_id}#{event_id}"
        if after_endpoint_id is not None:
            # "$" follows "#", so that this is behind all records of that endpoint.
            condition &= (LogItem.attempt_key < f"{after_endpoint_id}#") if descending else (LogItem.attempt_key > f"{after_endpoint_id}$")
        # Two records an endpoint at first: most have one.
        first = min(2 * limit + 2, 1_000)
        items = self._database.query_all(LogItem, condition, consistent=True, limit=first, descending=descending)
        groups = itertools.groupby(self._alive(items), key=lambda item: item["attemptKey"]["S"].partition("#")[0])
        found = [list(of_endpoint) for _, of_endpoint in itertools.islice(groups, limit)]
        records = iter(self._complete(list(itertools.chain.from_iterable(found))))
        return [self._delivery([next(records) for _ in of_endpoint]) for of_endpoint in found]

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
        low = format_date(since) if since else f"{FIRST_YEAR}"
        high = format_date(until) if until else f"{LAST_YEAR + 1}"
        if position is not None:
            position = position[:_ID_AT] + _cut(position[_ID_AT:])
            # The position is the last key that was given out, and whoever comes back begins behind it.
            low, high = (low, position) if descending else (f"{position}\x00", high)
        if low >= high:
            return DeliveryRefPage([], None)
        first = limit // LOG_SHARDS + 8
        shards = range(LOG_SHARDS)

        def open_shard(shard: int) -> Iterator[tuple[str, str]]:
            return self._shard(workspace_id, endpoint_id, shard, (low, high), first, descending=descending)

        with ContextThreads(max_workers=READERS) as threads:
            # The first page of each shard is read at once, not one after the other.
            streams = list(threads.map(lambda shard: _started(open_shard(shard)), shards))
        merged = heapq.merge(*streams, reverse=descending)
        # Several records of one delivery may be listed, after a worker died: they are equal and stand together.
        distinct = (entry for entry, _ in itertools.groupby(merged))
        page = list(itertools.islice(distinct, limit))
        refs = [DeliveryRef(key[: _ID_AT - 1], event_id) for key, event_id in page]
        return DeliveryRefPage(refs, page[-1][0] if len(page) == limit and limit else None)

    def _shard(
        self,
        workspace_id: str,
        endpoint_id: str,
        shard: int,
        bounds: tuple[str, str],
        first: int,
        *,
        descending: bool,
    ) -> Iterator[tuple[str, str]]:
        low, high = bounds
        index = ByEndpointIndex
        condition: Condition = index.endpoint_shard == _partition(workspace_id, endpoint_id, shard)
        condition &= index.endpoint_key.between(low, high)
        items = self._database.query_all(LogItem, condition, index="by_endpoint", descending=descending, limit=first)
        prefix = f"{workspace_id}#"
        for item in items:
            key, event_key = item["endpointKey"]["S"], item["eventKey"]["S"]
            if key != high:
                yield key, event_key.removeprefix(prefix)

    def _alive(self, items: Iterator[AttributeMap]) -> Iterator[AttributeMap]:
        now = self._clock().timestamp()
        return (item for item in items if float(item["expiresAt"]["N"]) > now)


def record_of(item: AttributeMap) -> LogRecord:
    """Reads an item of the log."""
    workspace_id, _, event_id = item["eventKey"]["S"].partition("#")
    endpoint_id, _, number = item["attemptKey"]["S"].partition("#")
    return codec.read_record(item, workspace_id, endpoint_id, event_id, int(number), listed="endpointShard" in item)


def _text_key(item: AttributeMap) -> tuple[str, str]:
    """Where the texts of a record stand, under a partition key that no other delivery has. Ids of events may hold anything, but
    no key of an event begins with this word."""
    workspace_id, _, event_id = item["eventKey"]["S"].partition("#")
    endpoint_id, _, number = item["attemptKey"]["S"].partition("#")
    return f"text#{workspace_id}#{endpoint_id}#{event_id}", number


def _parted(item: AttributeMap, record: LogRecord) -> tuple[AttributeMap, AttributeMap | None]:
    """The record, and its texts if they are to stand apart. Those of a success are short, and it stays one item."""
    texts = {name: item[name] for name in TEXTS if name in item}
    if record.status is DeliveryStatus.DELIVERED or sum(len(text["S"].encode()) for text in texts.values()) <= INLINE_BYTES:
        return item, None
    event_key, number = _text_key(item)
    record_only = {name: value for name, value in item.items() if name not in texts}
    apart: AttributeMap = {"eventKey": {"S": event_key}, "attemptKey": {"S": number}, "expiresAt": item["expiresAt"]}
    return record_only | {"apart": {"BOOL": True}}, apart | texts


def _partition(workspace_id: str, endpoint_id: str, shard: int) -> str:
    # With the workspace: who names an endpoint of another one reads nothing, so that not even the time it takes tells of it.
    return f"{workspace_id}#{endpoint_id}#{shard}"


def _cut(event_id: str) -> str:
    if len(event_id) * 4 <= _INDEX_ID_BYTES:
        return event_id
    return event_id.encode()[:_INDEX_ID_BYTES].decode(errors="ignore")


def _started(stream: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The same stream with its first entry already read."""
    head = list(itertools.islice(stream, 1))
    return itertools.chain(head, stream)
