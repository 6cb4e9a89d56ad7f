"""Where an event stands in the log of a WEB_SOCKET endpoint.

A log has no index by event. But segments are appended in order of time, and an event is appended right after its acceptance: so
the place is found by halving, and a few segments are looked through.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from event_service.explain.ports import SocketLogs
from event_service.sockets.ports import LogHead, Segment

SEGMENTS_PER_READ: Final = 100
MAXIMUM_SEGMENTS: Final = 2_000
"""That are looked through from the moment of acceptance on."""
MARGIN: Final = timedelta(seconds=2)
"""Expiries are kept in whole seconds, and clocks differ a little."""


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

    def sequence_of(self, endpoint_id: str, head: LogHead, event_id: str, accepted: datetime) -> int | None:
        """The sequence of an event; ``None``: it is not found."""
        after = self._before(endpoint_id, head, accepted - MARGIN)
        looked_through = 0
        while after < head.last and looked_through < MAXIMUM_SEGMENTS:
            segments = self._behind(endpoint_id, head, after, SEGMENTS_PER_READ)
            if not segments:
                return None
            for segment in segments:
                if event_id in segment.event_ids:
                    return segment.first + segment.event_ids.index(event_id)
            after = segments[-1].last
            looked_through += len(segments)
        return None

    def _before(self, endpoint_id: str, head: LogHead, moment: datetime) -> int:
        """A sequence behind which everything stands that was appended from ``moment`` on."""
        low, high = head.floor - 1, head.last
        while low < high:
            middle = (low + high) // 2
            found = self._behind(endpoint_id, head, middle, 1)
            if not found or self._appended(found[0]) >= moment:
                high = middle
            else:
                low = max(found[0].last, middle + 1)
        return low

    def _behind(self, endpoint_id: str, head: LogHead, sequence: int, limit: int) -> list[Segment]:
        """Segments that hold what follows a sequence; none at the end of the log."""
        return self._logs.segments(endpoint_id, sequence, head.last, limit)

    def _appended(self, segment: Segment) -> datetime:
        return segment.expires - self._retention
