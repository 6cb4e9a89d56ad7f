"""What explaining needs from outside, beyond the ports of the packages below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from event_service.configuration.changes import ChangeSet, Head
from event_service.delivery.attempt import Delivery
from event_service.events.ports import StoredEvent


class ChangeHistory(Protocol):
    """The chain of change sets of each workspace, read from its end. All reads are strongly consistent."""

    def head(self, workspace_id: str) -> Head | None:
        """The newest version; ``None`` before the first change."""

    def newest(self, workspace_id: str, before: int | None, limit: int) -> list[ChangeSet]:
        """Up to ``limit`` change sets, the newest first, below the version ``before`` if it is given."""


class Deliveries(Protocol):
    """The log of attempts."""

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        """Those that exist of many (endpoint id, event id), strongly consistent."""


class Events(Protocol):
    """Reads retained events by id."""

    def get(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        """Strongly consistent, by id."""
