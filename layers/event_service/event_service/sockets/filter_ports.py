"""What serving connections needs of event filters, as protocols."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from event_service.sockets.frames import Entry


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a narrowed connection gets.

    Attributes:
        entries: events that match, and gaps.
        last: the sequence up to which was judged; ``None``: nothing was, since that costs too much at the moment.
    """

    entries: Sequence[Entry]
    last: int | None


class Narrowing(Protocol):
    """The event filters that connections of one endpoint are narrowed by, for one run."""

    def is_gone(self, filter_id: str) -> bool:
        """It was deleted, or is larger than a connection may use."""

    def is_costly(self, filter_id: str) -> bool:
        """It took very many steps for one event."""

    async def narrow(self, filter_id: str, entries: Sequence[Entry], replay_to: int) -> Narrowed:
        """Judges entries in their order, as many as there are steps for.

        Args:
            filter_id: the connection's.
            entries: what stands in the log.
            replay_to: the end of the log when the connection was opened, which its client is told to have reached.
        """


class ConnectionFilters(Protocol):
    """Event filters that connections may be narrowed by."""

    def narrowing(self, workspace_id: str, filter_ids: Collection[str], steps: int, *, judges_costly: bool) -> Narrowing:
        """For one run; one call at most.

        Args:
            workspace_id: the endpoint's.
            filter_ids: that its connections have.
            steps: what judging may cost, all filters together (see filters/matching/budget.py).
            judges_costly: also by filters that cost much for one event.
        """
