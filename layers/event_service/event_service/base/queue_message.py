"""What all queue messages share: a format number that two deployed versions must both read."""

from __future__ import annotations

from typing import Protocol

FORMAT = 1


class QueueMessage(Protocol):
    """One message on its way into a queue."""

    @property
    def group(self) -> str:
        """Messages of one group share a place in the fair order of the queue."""

    def text(self, *, repeat: bool) -> str:
        """The body. ``repeat``: an earlier try may have been sent."""
