"""Reading the log of one endpoint for all its connections.

The head may show sequences whose segment cannot be read yet: it was given out a moment ago, or the two reads saw different
moments. So a hole is read again until it is filled. If nobody fills it, its sequences are marked as unused by a conditional
write, after which nobody can. Only then, or when an event is older than the retention, is a client told of a gap.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from event_service.sockets.budget import ByteBudget
from event_service.sockets.frames import Entry, EventFrame, Gap, GapReason, event_frame
from event_service.sockets.log import SEQUENCES_PER_BLOCK
from event_service.sockets.outside import Outside
from event_service.sockets.ports import LogHead, Segment

EVENTS_AT_ONCE: Final = 100
READ_BYTES: Final = 2 * 1024 * 1024
"""A read asks for about so many bytes of events, by the size of those it read before."""
FIRST_READ_EVENTS: Final = 16
HOLE_PAUSES: Final = (0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 0.9)
"""Seconds between two looks at a hole; after the last one it is sealed."""
SURELY_COMMITTED: Final = timedelta(seconds=60)
"""No append takes so long: what cannot be read after it was never stored, or has expired."""
SEALED_AT_ONCE: Final = 100
MOST_SEALED: Final = 1_000


class LogWindow:
    """Reads one endpoint's log, and keeps what was read as long as there is room."""

    def __init__(self, outside: Outside, workspace_id: str, endpoint_id: str, budget: ByteBudget) -> None:
        """
        Args:
            outside: the ports.
            workspace_id: the endpoint's.
            endpoint_id: whose log it is.
            budget: bounds what all windows of the invocation hold.
        """
        self._outside = outside
        self._workspace_id = workspace_id
        self._endpoint_id = endpoint_id
        self._budget = budget
        self._known: OrderedDict[int, Entry] = OrderedDict()
        """By the first sequence of each."""
        self._reading = asyncio.Lock()
        self._events_per_read = FIRST_READ_EVENTS
        self.head = LogHead(1, 1, outside.clock())

    async def behind(self, cursor: int) -> list[Entry]:
        """What follows ``cursor``: about 100 entries or two megabytes, or less before a hole; ``cursor`` is below the head."""
        entries = self._remembered(cursor)
        if self._is_too_little(entries):
            async with self._reading:
                # Somebody else may have read it while this one waited.
                entries = self._remembered(cursor)
                while self._is_too_little(entries):
                    more = await self._read(entries[-1].last if entries else cursor, patiently=not entries)
                    if not more:
                        break
                    self._remember(more)
                    entries += more
        return entries

    def _is_too_little(self, entries: Sequence[Entry]) -> bool:
        if not entries:
            return True
        is_full = len(entries) >= EVENTS_AT_ONCE or sum(map(_size, entries)) >= READ_BYTES
        return not is_full and entries[-1].last < self.head.last

    def close(self) -> None:
        """Gives back what it holds."""
        while self._known:
            self._forget_oldest()

    # -- what is kept --------------------------------------------------------------------------------------------

    def _remembered(self, cursor: int) -> list[Entry]:
        entries: list[Entry] = []
        while len(entries) < EVENTS_AT_ONCE and (entry := self._known.get(cursor + 1)) is not None:
            self._known.move_to_end(cursor + 1)
            entries.append(entry)
            cursor = entry.last
        return entries

    def _remember(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._known[entry.first] = entry
            self._budget.used += _size(entry)
        while self._budget.is_exceeded and self._known:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, oldest = self._known.popitem(last=False)
        self._budget.used -= _size(oldest)

    # -- reading -------------------------------------------------------------------------------------------------

    async def _read(self, cursor: int, *, patiently: bool = True) -> list[Entry]:
        # Before the floor nothing can be resumed from: the log was off.
        start = max(cursor + 1, min(self.head.floor, self.head.next))
        segments = await self._segments(start) if start < self.head.next else []
        now = self._outside.clock()
        if segments and segments[0].expires <= now:
            return [Gap(cursor + 1, await self._expired_end(segments[0].last))]
        if start > cursor + 1:
            return [Gap(cursor + 1, start - 1)]
        if segments and segments[0].first <= start:
            return await self._entries(cursor, segments, now)
        return await self._hole(cursor) if patiently else []

    async def _entries(self, cursor: int, segments: Sequence[Segment], now: datetime) -> list[Entry]:
        """Of segments that follow each other, the first of which holds what is behind the cursor."""
        wanted: list[tuple[int, str | None, bool]] = []
        at = cursor
        for segment in segments:
            if segment.first > at + 1 or segment.expires <= now or len(wanted) >= self._events_per_read:
                break
            ids: Sequence[str | None] = segment.event_ids or [None] * segment.unused
            wanted.extend((segment.first + place, one, segment.replayed) for place, one in enumerate(ids) if segment.first + place > at)
            at = segment.last
        del wanted[self._events_per_read :]
        texts = await self._texts([event_id for _, event_id, _ in wanted if event_id is not None])
        entries: list[Entry] = []
        for sequence, event_id, replayed in wanted:
            text = texts.get(event_id) if event_id is not None else None
            if event_id is not None and text is not None:
                entries.append(event_frame(event_id, text, sequence, replayed=replayed))
                continue
            reason = GapReason.UNUSED if event_id is None else GapReason.EXPIRED
            before = entries[-1] if entries else None
            if isinstance(before, Gap) and before.reason is reason:
                entries[-1] = Gap(before.first, sequence, reason)
            else:
                entries.append(Gap(sequence, sequence, reason))
        return entries

    async def _texts(self, event_ids: Sequence[str]) -> dict[str, bytes]:
        if not event_ids:
            return {}
        outside = self._outside
        async with self._budget.reads:
            texts = await outside.call(lambda: outside.events.texts(self._workspace_id, event_ids))
        if texts:
            fits = READ_BYTES * len(texts) // max(1, sum(map(len, texts.values())))
            self._events_per_read = max(4, min(EVENTS_AT_ONCE, fits, self._events_per_read * 4))
        return texts

    async def _segments(self, first: int, limit: int = EVENTS_AT_ONCE) -> list[Segment]:
        outside = self._outside
        return await outside.call(lambda: outside.log.segments(self._endpoint_id, first, limit))

    # -- what is not there ---------------------------------------------------------------------------------------

    async def _hole(self, cursor: int) -> list[Entry]:
        """Nothing can be read right behind the cursor, although it was given out."""
        following = await self._first_kept(cursor + 1)
        if self._is_old(following.appended if following else self.head.appended_at):
            # It was given out before what follows, so it is no append under way.
            return [Gap(cursor + 1, self._before(cursor + 1, following))]
        for pause in HOLE_PAUSES:
            await self._outside.sleep(pause)
            segments = await self._segments(cursor + 1, 1)
            if segments and segments[0].first <= cursor + 1:
                return await self._read(cursor)
        if not await self._ends_at(cursor):
            return []  # what follows may be the rest of a segment that cannot be read at this moment
        end = self._before(cursor + 1, await self._first_kept(cursor + 1))
        # Appends under way stand right before what is there; what is further away was given out long ago.
        first = max(cursor + 1, end - MOST_SEALED + 1)
        if first > cursor + 1:
            return [Gap(cursor + 1, first - 1)]
        if not await self._seal(first, end):
            return await self._read(cursor)  # its writer came after all
        return [Gap(first, end, GapReason.UNUSED)]

    async def _ends_at(self, cursor: int) -> bool:
        """Whether what stands at the cursor certainly ends there."""
        if cursor < self.head.floor:
            return True
        standing = await self._segments(cursor, 1)
        return bool(standing) and standing[0].first <= cursor == standing[0].last

    async def _expired_end(self, low: int) -> int:
        """The last sequence, from the end ``low`` of an expired segment on, that has certainly expired."""
        following = await self._first_kept(low + 1) if low < self.head.last else None
        if self._is_old(following.appended if following else self.head.appended_at):
            return self._before(low + 1, following)
        end = self._before(low + 1, following)
        now = self._outside.clock()
        standing = await self._segments(max(low + 1, end - SEQUENCES_PER_BLOCK)) if end > low else []
        return max([low, *(one.last for one in standing if one.expires <= now)])

    def _before(self, low: int, following: Segment | None) -> int:
        return (max(low, following.first) if following else self.head.next) - 1

    def _is_old(self, appended: datetime | None) -> bool:
        return appended is not None and appended + SURELY_COMMITTED < self._outside.clock()

    async def _seal(self, first: int, last: int) -> bool:
        outside = self._outside
        now = outside.clock()
        expires = now + max(timedelta(hours=1), self.head.kept_until - now)
        for low in range(first, last + 1, SEALED_AT_ONCE):
            # Each sequence alone: the writer's own segment begins at one of them.
            sequences = range(low, min(last, low + SEALED_AT_ONCE - 1) + 1)
            segments = [Segment(sequence, (), now, expires, unused=1) for sequence in sequences]
            if not await outside.call(lambda some=segments: outside.log.seal(self._endpoint_id, some)):  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                return False
        return True

    async def _first_kept(self, low: int) -> Segment | None:
        """The first segment from ``low`` on that can be read, by halving the blocks: segments expire in their order."""
        now = self._outside.clock()

        async def kept_in(block: int) -> Segment | None:
            segments = await self._segments(max(low, block * SEQUENCES_PER_BLOCK), SEQUENCES_PER_BLOCK)
            return next((one for one in segments if one.expires > now), None)

        first, last = low // SEQUENCES_PER_BLOCK, self.head.last // SEQUENCES_PER_BLOCK
        best = await kept_in(first)
        if best is not None or last <= first:
            return best
        best = await kept_in(last)
        while best is not None and first + 1 < last:
            middle = (first + last) // 2
            found = await kept_in(middle)
            if found is None:
                first = middle
            else:
                last, best = middle, found
        return best


def _size(entry: Entry) -> int:
    return len(entry.data) + 200 if isinstance(entry, EventFrame) else 200
