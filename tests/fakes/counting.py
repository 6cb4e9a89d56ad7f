"""Counts in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from event_service.counting.ports import Counts


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
