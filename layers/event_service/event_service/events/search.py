"""Walking the time-ordered indexes of events: 16 shards side by side, each read only as far as their merge needs it."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from event_service.base.threads import ContextThreads
from event_service.events.ports import SHARDS, EventIndexes, TrackKey
from event_service.events.sort_key import EventEntry

ENTRIES_PER_READ: Final = 4_000
"""About what fits into the megabyte that DynamoDB answers with."""


@dataclass(slots=True)
class Search:
    """One walk through the indexes. An event is found when every key of ``keys`` names it: all indexes keep an event
    in the same shard and under the same sort key, so that they can be compared shard by shard."""

    indexes: EventIndexes
    keys: Sequence[TrackKey]
    dates: tuple[str, str]
    accept: Callable[[EventEntry], bool]
    check: Callable[[], None]
    descending: bool = False

    def merged(self, expected: int) -> Iterator[EventEntry]:
        """What is found, in order, read as it is taken.

        Args:
            expected: how many will probably be taken, which sizes the first reads.
        """
        # A fair share each, and what chance may put on top of it. How much more is needed because few entries are
        # accepted shows when they are read: each read is twice the one before.
        share = expected / SHARDS
        first = int(share + 3 * share**0.5) + 2
        shards = [_Shard(self, number, min(first, ENTRIES_PER_READ)) for number in range(SHARDS)]
        with ContextThreads(max_workers=SHARDS) as threads:

            def refill() -> None:
                # One has run dry; the others are about to: all are read together, not one after the other.
                low = [cursor for shard in shards for cursor in shard.cursors if cursor.is_low]
                list(threads.map(_Cursor.fetch, low))

            streams = [shard.entries(refill) for shard in shards]
            yield from heapq.merge(*streams, reverse=self.descending)

    def count(self, shard_number: int) -> int:
        """How many are found in one shard."""
        shard = _Shard(self, shard_number, ENTRIES_PER_READ)

        def refill() -> None:
            for cursor in shard.cursors:
                if cursor.is_empty:
                    cursor.fetch()

        return sum(1 for _ in shard.entries(refill))


class _Cursor:
    """How far one shard of one index has been read."""

    def __init__(self, search: Search, key: TrackKey, shard: int, limit: int) -> None:
        self._search = search
        self._key = key
        self._shard = shard
        self._limit = limit
        self._position: object | None = None
        self.buffer: deque[EventEntry] = deque()
        self.at_end = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is at hand although there may be more."""
        return not self.buffer and not self.at_end

    @property
    def is_low(self) -> bool:
        """Whether it will run dry soon after those that have."""
        return not self.at_end and len(self.buffer) * 4 <= self._limit

    def fetch(self) -> None:
        """Reads on, twice as much as the last time."""
        self._search.check()
        if self._position is not None:
            self._limit = min(self._limit * 2, ENTRIES_PER_READ)
        page = self._search.indexes.read(
            self._key,
            self._shard,
            self._search.dates,
            descending=self._search.descending,
            limit=self._limit,
            position=self._position,
        )
        self.buffer.extend(page.entries)
        self._position = page.position
        self.at_end = page.position is None


class _Shard:
    """One shard of all indexes of a search."""

    def __init__(self, search: Search, number: int, limit: int) -> None:
        self._search = search
        self.cursors = [_Cursor(search, key, number, limit) for key in search.keys]

    def entries(self, refill: Callable[[], None]) -> Iterator[EventEntry]:
        """What is found in the shard, in order; ``refill`` reads on when a cursor is empty."""
        while True:
            if any(cursor.is_empty for cursor in self.cursors):
                refill()
                continue
            if not all(cursor.buffer for cursor in self.cursors):
                return
            heads = [cursor.buffer[0] for cursor in self.cursors]
            # The one that is furthest; the others must catch up with it, or name it, too.
            furthest = min(heads) if self._search.descending else max(heads)
            behind = [cursor for cursor in self.cursors if cursor.buffer[0] != furthest]
            if behind:
                for cursor in behind:
                    cursor.buffer.popleft()
                continue
            for cursor in self.cursors:
                cursor.buffer.popleft()
            if self._search.accept(furthest):
                yield furthest
