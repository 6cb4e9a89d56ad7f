"""Where an event stands in the log of a WEB_SOCKET endpoint.

A log has no index by event. But segments are appended in order of time, and an event is appended right after its acceptance: so
the place is found by halving, and a few segments are looked through.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Protocol

from event_service.sockets.log import block_end
from event_service.sockets.ports import LogHead, Segment

SEGMENTS_PER_READ: Final = 100
MAXIMUM_READS: Final = 20
"""From the moment of acceptance on."""
MARGIN: Final = timedelta(seconds=2)
"""Times are kept in whole seconds, and clocks differ a little."""


class SocketLogs(Protocol):
    """The logs of WEB_SOCKET endpoints."""

    def heads(self, endpoint_ids: Collection[str]) -> dict[str, LogHead]:
        """The counters of those that have a log."""

    def segments(self, endpoint_id: str, first: int, limit: int) -> list[Segment]:
        """Up to ``limit`` segments, in order, that hold ``first`` or follow it within its block of sequences."""


class SocketPlaces:
    """Finds events in logs."""

    def __init__(self, logs: SocketLogs, retention: timedelta) -> None:
        self._logs = logs
        self._retention = retention

    @property
    def retention(self) -> timedelta:
        """How long a log keeps its events."""
        return self._retention

    def head(self, endpoint_id: str) -> LogHead | None:
        """The counter of the log; ``None``: no client has ever connected."""
        return self._logs.heads([endpoint_id]).get(endpoint_id)

    def place_of(self, endpoint_id: str, head: LogHead, event_id: str, accepted: datetime) -> tuple[int, int | None] | None:
        """The sequence of an event, and the version of the configuration by which it was routed, if its segment says;
        ``None``: it is not found."""
        at = self.since(endpoint_id, head, accepted)
        for _ in range(MAXIMUM_READS):
            if at > head.last:
                return None
            segments, at = self.read(endpoint_id, at)
            for segment in segments:
                if event_id in segment.event_ids:
                    return segment.first + segment.event_ids.index(event_id), segment.configuration_version
        return None

    def read(self, endpoint_id: str, sequence: int) -> tuple[list[Segment], int]:
        """Segments that hold a sequence or follow it, and where to go on."""
        segments = self._logs.segments(endpoint_id, sequence, SEGMENTS_PER_READ)
        return segments, segments[-1].last + 1 if len(segments) == SEGMENTS_PER_READ else block_end(sequence) + 1

    def since(self, endpoint_id: str, head: LogHead, moment: datetime) -> int:
        """A sequence from which on everything stands that was appended from ``moment`` on."""
        moment -= MARGIN
        low, high = head.floor, head.next
        while low < high:
            middle = (low + high) // 2
            found, looked_up_to = self._first(endpoint_id, head, middle)
            if found is None and looked_up_to < head.last:
                low = looked_up_to + 1  # it has expired, and so has what is before it
            elif found is None or found.appended >= moment:
                high = middle
            else:
                low = max(found.last, middle) + 1
        return max(head.floor, low - 1)

    def _first(self, endpoint_id: str, head: LogHead, sequence: int) -> tuple[Segment | None, int]:
        """What holds a sequence or follows it in its block or the next, and how far that was looked for."""
        for first in (sequence, block_end(sequence) + 1):
            if first <= head.last and (found := self._logs.segments(endpoint_id, first, 1)):
                return found[0], found[0].last
        return None, block_end(block_end(sequence) + 1)
