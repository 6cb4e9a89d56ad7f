"""What counting needs from outside, and what is counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Counted(StrEnum):
    """What is counted, by its stored name."""

    EVENTS = "events"
    """Events routed, each once."""
    DELIVERIES = "deliveries"
    """Deliveries that routing began, to sockets as well."""
    DELIVERED = "delivered"
    """Deliveries that a webhook took."""
    ATTEMPTS_FAILED = "attemptsFailed"
    """Attempts that will be made again."""
    FAILED = "failed"
    """Deliveries given up."""


Counts = Mapping[Counted, int]


class CountWriter(Protocol):
    """Adds to stored counts."""

    def add(self, workspace_id: str, minute: datetime, counts: Counts) -> None:
        """Adds to those of a minute.

        Raises:
            RateLimited: nothing was added.
            Unavailable: it is not known whether it was.
        """


class CountReader(Protocol):
    """Reads stored counts."""

    def between(self, workspace_id: str, since: datetime, until: datetime) -> Iterable[tuple[datetime, Counts]]:
        """Those of each minute in [since, until), in no order; a minute may come more than once."""
