"""Reading the log of one endpoint for all its connections."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from event_service.events.event import Event
from event_service.sockets.frames import Entry, EventFrame, Gap, event_frame
from event_service.sockets.outside import Outside
from event_service.sockets.ports import LogHead, Segment

EVENTS_AT_ONCE: Final = 100
CACHE_CHARACTERS: Final = 32 * 1024 * 1024
"""Of events kept for the connections of one endpoint, which are mostly at the same place."""


class LogWindow:
    """Reads one endpoint's log for all its connections, and keeps what was read as long as there is room."""

    def __init__(self, outside: Outside, workspace_id: str, endpoint_id: str) -> None:
        self._outside = outside
        self._workspace_id = workspace_id
        self._endpoint_id = endpoint_id
        self._known: OrderedDict[int, Entry] = OrderedDict()
        """By the first sequence of each."""
        self._characters = 0
        self._reading = asyncio.Lock()
        self._segments_per_read = 10
        self.head = LogHead(1, 1, outside.clock())

    async def behind(self, cursor: int) -> list[Entry]:
        """What follows ``cursor``: 100 entries, or somewhat more, or all; ``cursor`` is below the head."""
        entries = self._remembered(cursor)
        if self._is_too_little(entries):
            async with self._reading:
                # Somebody else may have read it while this one waited.
                entries = self._remembered(cursor)
                if self._is_too_little(entries):
                    more = await self._read(entries[-1].last if entries else cursor)
                    self._remember(more)
                    entries += more
        return entries

    def _is_too_little(self, entries: Sequence[Entry]) -> bool:
        return not entries or (len(entries) < EVENTS_AT_ONCE and entries[-1].last < self.head.last)

    def _remembered(self, cursor: int) -> list[Entry]:
        entries: list[Entry] = []
        while len(entries) < EVENTS_AT_ONCE and (entry := self._known.get(cursor + 1)) is not None:
            self._known.move_to_end(cursor + 1)
            entries.append(entry)
            cursor = entry.last
        return entries

    def _remember(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._known[_first(entry)] = entry
            self._characters += _size(entry)
        while self._characters > CACHE_CHARACTERS and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._characters -= _size(oldest)

    async def _read(self, cursor: int) -> list[Entry]:
        head, outside = self.head, self._outside
        behind = max(cursor, head.floor - 1)
        segments = await self._segments(behind, self._segments_per_read)
        if segments:
            # Publishers that send one event at a time make segments of one: as many are read as hold a window.
            held = sum(len(segment.event_ids) for segment in segments) / len(segments)
            self._segments_per_read = min(EVENTS_AT_ONCE, 1 + math.ceil(EVENTS_AT_ONCE / held))
        now = outside.clock()
        # A client is told of all that is missing in one notice, however long ago it was here and however little of that
        # DynamoDB has removed so far.
        while segments and all(segment.expires <= now for segment in segments):
            behind = await self._last_expired(segments[-1].last, now)
            segments = await self._segments(behind, self._segments_per_read)
        wanted: list[tuple[int, str]] = []
        for segment in segments:
            if segment.expires > now:
                wanted.extend(
                    (segment.first + offset, event_id)
                    for offset, event_id in enumerate(segment.event_ids)
                    if behind < segment.first + offset <= head.last
                )
            if len(wanted) >= EVENTS_AT_ONCE:
                break
        if not wanted:
            return [Gap(cursor + 1, head.last)]
        del wanted[EVENTS_AT_ONCE:]
        found = await outside.call(lambda: outside.events.get(self._workspace_id, [event_id for _, event_id in wanted]))
        events: dict[str, Event] = {event_id: stored.event for event_id, stored in found.items()}
        entries: list[Entry] = []
        for sequence, event_id in wanted:
            event = events.get(event_id)
            if event is None:
                continue
            if sequence > cursor + 1:
                entries.append(Gap(cursor + 1, sequence - 1))
            entries.append(event_frame(event, sequence))
            cursor = sequence
        if cursor < wanted[-1][0]:
            entries.append(Gap(cursor + 1, wanted[-1][0]))
        return entries

    async def _segments(self, after: int, limit: int) -> list[Segment]:
        outside, up_to = self._outside, self.head.last
        return await outside.call(lambda: outside.log.segments(self._endpoint_id, after, up_to, limit))

    async def _last_expired(self, low: int, now: datetime) -> int:
        """The sequence before the first that is retained, by halving: segments expire in their order.

        Args:
            low: a sequence that ends an expired segment.
            now: the time.
        """
        high = max(low, self.head.last)
        while low < high:
            middle = (low + high) // 2
            found = await self._segments(middle, 1)
            if found and found[0].expires > now:
                high = min(middle, found[0].first - 1)
            else:
                low = min(found[0].last, high) if found else high
        return low


def _first(entry: Entry) -> int:
    return entry.sequence if isinstance(entry, EventFrame) else entry.first


def _size(entry: Entry) -> int:
    return len(entry.text) if isinstance(entry, EventFrame) else 1
