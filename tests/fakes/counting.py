"""Counts in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from event_service.counting.ports import Counts
from event_service.counting.seen_types import SeenType


class FakeCounts:
    """Implements both ports of counting. ``error`` is raised by each write."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, datetime, Counts]] = []
        self.error: Exception | None = None
        self.tries = 0

    def add(self, workspace_id: str, minute: datetime, counts: Counts) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.rows.append((workspace_id, minute.replace(second=0, microsecond=0), dict(counts)))

    def between(self, workspace_id: str, since: datetime, until: datetime) -> Iterable[tuple[datetime, Counts]]:
        return [(minute, counts) for owner, minute, counts in self.rows if owner == workspace_id and since <= minute < until]


class FakeSeenTypes:
    """Types in a mapping; ``error`` is raised by each write."""

    def __init__(self) -> None:
        self.dates: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self.error: Exception | None = None
        self.writes = 0

    def see(self, workspace_id: str, event_type: str, date: datetime) -> None:
        self.writes += 1
        if self.error is not None:
            raise self.error
        first, _ = self.dates.get((workspace_id, event_type), (date, date))
        self.dates[workspace_id, event_type] = (first, date)

    def seen(self, workspace_id: str, after: str | None, limit: int) -> list[SeenType]:
        found = sorted((key[1], dates) for key, dates in self.dates.items() if key[0] == workspace_id)
        return [SeenType(one, *dates) for one, dates in found if after is None or one > after][:limit]
