"""What routing needs from outside, beyond :mod:`event_service.events.ports` and :mod:`event_service.delivery.outlet`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from event_service.events.ports import RoutingQueue
from event_service.routing.table import RefusedFilter


class RoutingMessages(RoutingQueue, Protocol):
    """The routing queue as its reader sees it."""

    def delete(self, receipts: Sequence[str]) -> None:
        """Removes messages that are done, before the invocation ends. Does not raise: what was not removed comes again,
        as a repeat."""

    def show_again(self, receipts: Sequence[str], seconds: int) -> None:
        """Has messages come again after ``seconds``, instead of the queue's visibility time-out. Does not raise: without
        it they come later."""


class RefusedFilterReports(Protocol):
    """Where the owner of a workspace reads that some of its event filters match nothing."""

    def filters_refused(self, workspace_id: str, refused: Sequence[RefusedFilter]) -> None:
        """Publishes an operational event; the same filters again are the same event."""
