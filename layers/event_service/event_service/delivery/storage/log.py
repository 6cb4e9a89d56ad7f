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
from typing import Final, TypeVar

from pynamodb.expressions.condition import Condition

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR, LAST_YEAR, format_date
from event_service.base.threads import ContextThreads
from event_service.delivery.attempt import UNFINISHED, Delivery, DeliveryStatus, LogRecord, delivery_of
from event_service.delivery.ports import LOG_SHARDS, DeliveryPlace, DeliveryRef, DeliveryRefPage
from event_service.delivery.storage.log_items import (
    TEXTS,
    ByEndpointIndex,
    LogItem,
    cut,
    endpoint_partition,
    event_key,
    is_mark,
    items_of,
    key_of_delivery,
    left_entries,
    list_entry,
    list_entry_key,
    read_event_key,
    record_of,
    shard_key,
    text_key,
)
from event_service.delivery.storage.wide_events import DynamoWideEvents

_T = TypeVar("_T")

READERS: Final = 16
"""Queries side by side, fewer than the connections in the pool."""
_ID_AT: Final = 33
FAILURE_TRIES: Final = 3
"""While the key is throttled, about as long as a batch is tried: an attempt that is not recorded is made again."""


class DynamoDeliveryLog:
    """Implements :class:`~event_service.delivery.ports.DeliveryLog`."""

    def __init__(self, database: Database, clock: Clock, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._retention = timedelta(days=retention_days)
        self._wide_events = DynamoWideEvents(database, retention_days)

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, records: Sequence[LogRecord]) -> None:
        parts = [items_of(record, self._retention) for record in records]
        # First the texts and the places in lists by status: a record that is there is complete, and found by its status. A record without
        # an attempt goes with its place: if only one of them is written, whoever wrote them does so again.
        before = [text for _, text in parts if text is not None]
        before += [list_entry(record, item) for (item, _), record in zip(parts, records, strict=True) if record.adds_to_list]
        kept = [item for (item, _), record in zip(parts, records, strict=True) if not record.is_failure]
        if before or kept:
            self._database.batch_put(LogItem, [*before, *kept])
        failures = [item for (item, _), record in zip(parts, records, strict=True) if record.is_failure]
        if len(failures) == 1:
            self._put_failure(failures[0])
        elif failures:
            with ContextThreads(max_workers=READERS) as threads:
                list(threads.map(self._put_failure, failures))
        left = [key for record in records for key in left_entries(record)]
        if left:
            self._database.batch_write(deletes=left)

    def _put_failure(self, item: AttributeMap) -> None:
        """One by one, because a batch knows no conditions. Of two copies of a message in flight at once one may have succeeded: the
        failure of the other must not take its place, or retries would follow a success."""
        condition: Condition = LogItem.status.does_not_exist() | (LogItem.status != DeliveryStatus.DELIVERED.value)
        with suppress(ConditionFailed):
            self._database.put_item(LogItem, item, condition, tries=FAILURE_TRIES)

    def erase(self, workspace_id: str, event_id: str) -> None:
        """Removes all records of one event, and their texts."""
        found = list(self._database.query_all(LogItem, LogItem.event_key == event_key(workspace_id, event_id), consistent=True))
        marks = [item for item in found if is_mark(item)]
        items = [item for item in found if not is_mark(item)]
        shards = _shards(marks[0]) if marks else 0
        for shard in range(shards):
            condition = LogItem.event_key == shard_key(workspace_id, event_id, shard, shards)
            items.extend(self._database.query_all(LogItem, condition, consistent=True))
        texts = [Key(LogItem, *text_key(item)) for item in items if "apart" in item]
        places = {(item["accepted"]["S"], item["attemptKey"]["S"].partition("#")[0]) for item in items}
        listed = [
            list_entry_key(workspace_id, status, DeliveryPlace(accepted_at, event_id, endpoint_id))
            for accepted_at, endpoint_id in places
            for status in UNFINISHED
        ]
        # First what is known from the records only. And the marks last: they say where the records are.
        self._database.batch_write(deletes=[*texts, *listed])
        for some in (items, marks):
            self._database.batch_write(deletes=[Key(LogItem, item["eventKey"]["S"], item["attemptKey"]["S"]) for item in some])

    # -- reading -------------------------------------------------------------------------------------------------

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        return self.deliveries(workspace_id, [(endpoint_id, event_id)]).get((endpoint_id, event_id))

    def _read(self, workspace_id: str, endpoint_id: str, event_id: str, shards: int) -> Delivery | None:
        condition: Condition = LogItem.event_key == key_of_delivery(workspace_id, endpoint_id, event_id, shards)
        condition &= LogItem.attempt_key.startswith(f"{endpoint_id}#")
        items = list(self._alive(self._database.query_all(LogItem, condition, consistent=True)))
        return self._delivery(self._complete(items)) if items else None

    def _complete(self, items: Sequence[AttributeMap]) -> list[LogRecord]:
        """The records of these items, with the texts that stand apart."""
        keys = {text_key(item): item for item in items if "apart" in item}
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
        found = self._read_all(workspace_id, [(*key, 0) for key in wanted])
        missing = [key for key in wanted if key not in found]
        if missing:
            wide = self._wide_events.log_shards(workspace_id, {event_id for _, event_id in missing})
            found |= self._read_all(workspace_id, [(*key, wide[key[1]]) for key in missing if key[1] in wide])
        return {key: found[key] for key in wanted if key in found}

    def _read_all(self, workspace_id: str, places: Sequence[tuple[str, str, int]]) -> dict[tuple[str, str], Delivery]:
        def read(place: tuple[str, str, int]) -> Delivery | None:
            return self._read(workspace_id, *place)

        if len(places) <= 1:
            found = [read(place) for place in places]
        else:
            with ContextThreads(max_workers=READERS) as threads:
                found = list(threads.map(read, places))
        return {place[:2]: delivery for place, delivery in zip(places, found, strict=True) if delivery is not None}

    def of_event(
        self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int, *, descending: bool = False
    ) -> list[Delivery]:
        # Two records an endpoint at first: most have one.
        first = min(2 * limit + 2, 1_000)
        items = self._records(event_key(workspace_id, event_id), after_endpoint_id, first, descending=descending)
        if after_endpoint_id is None:
            # A list of all that is wide begins with a mark, from either end.
            head = list(itertools.islice(items, 1))
            shards = _shards(head[0]) if head and is_mark(head[0]) else 0
            items = itertools.chain(head, items)
        else:
            shards = self._wide_events.log_shards(workspace_id, [event_id]).get(event_id, 0)
        if shards:
            items = self._merged(items, workspace_id, event_id, shards, after_endpoint_id, first, descending=descending)
        groups = itertools.groupby(self._alive(items), key=lambda item: item["attemptKey"]["S"].partition("#")[0])
        found = [list(of_endpoint) for _, of_endpoint in itertools.islice(groups, limit)]
        records = iter(self._complete(list(itertools.chain.from_iterable(found))))
        return [self._delivery([next(records) for _ in of_endpoint]) for of_endpoint in found]

    def _records(self, key: str, after_endpoint_id: str | None, first: int, *, descending: bool) -> Iterator[AttributeMap]:
        condition: Condition = LogItem.event_key == key
        if after_endpoint_id is not None:
            # "$" follows "#", so that this is behind all records of that endpoint.
            condition &= (LogItem.attempt_key < f"{after_endpoint_id}#") if descending else (LogItem.attempt_key > f"{after_endpoint_id}$")
        return self._database.query_all(LogItem, condition, consistent=True, limit=first, descending=descending)

    def _merged(
        self,
        plain: Iterator[AttributeMap],
        workspace_id: str,
        event_id: str,
        shards: int,
        after_endpoint_id: str | None,
        first: int,
        *,
        descending: bool,
    ) -> Iterator[AttributeMap]:
        """The records of a wide event. Some may stand under its plain key: of a replay that was faster than the router."""

        def begun(shard: int) -> Iterator[AttributeMap]:
            key = shard_key(workspace_id, event_id, shard, shards)
            return _started(self._records(key, after_endpoint_id, first // shards + 8, descending=descending))

        with ContextThreads(max_workers=READERS) as threads:
            streams = list(threads.map(begun, range(shards)))
        records = (item for item in plain if not is_mark(item))
        return heapq.merge(records, *streams, key=lambda item: item["attemptKey"]["S"], reverse=descending)

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
            position = position[:_ID_AT] + cut(position[_ID_AT:])
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
        condition: Condition = index.endpoint_shard == endpoint_partition(workspace_id, endpoint_id, shard)
        condition &= index.endpoint_key.between(low, high)
        items = self._database.query_all(LogItem, condition, index="by_endpoint", descending=descending, limit=first)
        for item in items:
            key = item["endpointKey"]["S"]
            if key != high:
                yield key, read_event_key(item["eventKey"]["S"])[1]

    def _alive(self, items: Iterator[AttributeMap]) -> Iterator[AttributeMap]:
        now = self._clock().timestamp()
        return (item for item in items if float(item["expiresAt"]["N"]) > now)


def _shards(mark: AttributeMap) -> int:
    return int(mark["shards"]["N"])


def _started(stream: Iterator[_T]) -> Iterator[_T]:
    """The same stream with its first entry already read."""
    head = list(itertools.islice(stream, 1))
    return itertools.chain(head, stream)
