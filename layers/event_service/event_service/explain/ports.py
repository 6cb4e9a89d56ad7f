"""What explaining needs from outside, beyond the ports of the packages below."""

from __future__ import annotations

from typing import Protocol

from event_service.configuration.changes import ChangeSet, Head


class ChangeHistory(Protocol):
    """The chain of change sets of each workspace, read from its end. All reads are strongly consistent."""

    def head(self, workspace_id: str) -> Head | None:
        """The newest version; ``None`` before the first change."""

    def newest(self, workspace_id: str, before: int | None, limit: int) -> list[ChangeSet]:
        """Up to ``limit`` change sets, the newest first, below the version ``before`` if it is given."""
