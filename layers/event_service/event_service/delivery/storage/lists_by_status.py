"""Deliveries that did not succeed, in lists by status: small items of the log's table, beside the records.

:class:`~event_service.delivery.storage.log.DynamoDeliveryLog` writes them with the records. A delivery that succeeds at once is in none.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from event_service.aws.dynamodb import AttributeMap, Database
from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR, LAST_YEAR, format_date
from event_service.base.threads import ContextThreads
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.ports import STATUS_SHARDS, DeliveryPlace
from event_service.delivery.storage.log_items import LogItem, list_key, place_key, read_list_entry

READERS: Final = 16
"""Queries side by side, fewer than the connections in the pool."""
MOST_IN_ONE_READ: Final = 500
_BEHIND: Final = "$"
"""Follows ``#``, so that a date with it is behind all places of that moment."""

_Bounds = tuple[str, str]


class DynamoUnfinishedDeliveries:
    """Implements :class:`~event_service.delivery.ports.UnfinishedDeliveries`."""

    def __init__(self, database: Database, clock: Clock, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._retention = timedelta(days=retention_days)

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
        low = format_date(since) if since else f"{FIRST_YEAR}"
        high = format_date(until) if until else f"{LAST_YEAR + 1}"
        behind = None if after is None else place_key(after)
        if behind is not None:
            low, high = (low, min(high, behind)) if descending else (max(low, behind), high)
        parts = [
            (list_key(workspace_id, status, shard), bounds)
            for status, bounds in self._ranges(statuses, low, high).items()
            if bounds[0] < bounds[1]
            for shard in range(STATUS_SHARDS)
        ]
        first = 2 * expected // STATUS_SHARDS + 2

        def begin(part: tuple[str, _Bounds]) -> Iterator[tuple[str, DeliveryPlace]]:
            stream = self._part(*part, behind, first, descending=descending)
            head = list(itertools.islice(stream, 1))
            return itertools.chain(head, stream)

        if not parts:
            return
        with ContextThreads(max_workers=READERS) as threads:
            # The first page of each part is read at once, not one after the other.
            streams = list(threads.map(begin, parts))
        # A delivery may be in two lists for a moment.
        yield from (place for (_, place), _ in itertools.groupby(heapq.merge(*streams, reverse=descending)))

    def _ranges(self, statuses: Collection[DeliveryStatus], low: str, high: str) -> dict[DeliveryStatus, _Bounds]:
        """Of each list to read, which part. What is PENDING past the end of its event is DISCARDED, and nobody writes that down."""
        ranges = dict.fromkeys(statuses, (low, high))
        pending, discarded = DeliveryStatus.PENDING in ranges, DeliveryStatus.DISCARDED in ranges
        expired = f"{format_date(self._clock() - self._retention)}{_BEHIND}"
        if pending and not discarded:
            ranges[DeliveryStatus.PENDING] = (max(low, expired), high)
        elif discarded and not pending:
            ranges[DeliveryStatus.PENDING] = (low, min(high, expired))
        return ranges

    def _part(
        self, partition: str, bounds: _Bounds, behind: str | None, first: int, *, descending: bool
    ) -> Iterator[tuple[str, DeliveryPlace]]:
        """With the sort keys, by which they stand in order."""
        start: AttributeMap | None = None
        limit = first
        while True:
            condition = (LogItem.event_key == partition) & LogItem.attempt_key.between(*bounds)
            page = self._database.query(LogItem, condition, consistent=True, descending=descending, limit=limit, start=start)
            yield from ((key, read_list_entry(item)) for item in page.items if (key := item["attemptKey"]["S"]) != behind)
            start = page.next
            if start is None:
                return
            limit = min(4 * limit, MOST_IN_ONE_READ)
