"""What one invocation of socket delivery works with: its ports in one bundle, and what it reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from event_service.base.clock import Clock
from event_service.base.threads import InThread
from event_service.sockets.connection import Connection
from event_service.sockets.filter_ports import ConnectionFilters, Narrowing
from event_service.sockets.ports import (
    BacklogQueue,
    ConnectionStore,
    Counted,
    EventTexts,
    LogHead,
    Poster,
    SocketLogStore,
    WakeUpQueue,
)

_T = TypeVar("_T")


def _nobody_counts(closed: Sequence[Counted]) -> None:
    """There are no limits."""


def _nobody_notes(closed: Connection, head: LogHead) -> None:
    """Clients may come back at once."""


def _no_filters() -> ConnectionFilters:
    raise RuntimeError("a connection has an event filter, but this Outside was made without `filters`")


async def _at_any_pace(workspace_id: str) -> None:
    """No ceiling."""


@dataclass(slots=True)
class ServingReport:
    """What one batch of messages came to.

    Attributes:
        again: positions of messages whose work could not be finished; they must come again.
        posted: messages that were sent.
        throttled: posts that API Gateway put off: its rate is used up, or the client's buffer is full.
        gone: connections that were found closed.
        connections: the most connections that one group had.
        closed_slow: connections that were closed because they took nothing.
        faults: work that ended in a fault of our own.
    """

    again: list[int] = field(default_factory=list)
    posted: int = 0
    throttled: int = 0
    gone: int = 0
    connections: int = 0
    closed_slow: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that is not this invocation's own state.

    Attributes:
        connections: the open connections.
        log: the logs they are served from.
        events: published events, by id.
        poster: posts to connections.
        wake_ups: wakes groups.
        backlog: takes turns of single connections.
        clock: the time.
        in_thread: runs a blocking call off the event loop.
        sleep: waits, in seconds.
        slow_after: a connection that took nothing for so long is closed.
        pace: awaited before each call to API Gateway, with the workspace; see :mod:`event_service.sockets.pace`.
        release: told of connections that are closed; see :mod:`event_service.sockets.limits`.
        note_slow: told of connections that are closed because they took nothing; see :mod:`event_service.sockets.slow_clients`.
        filters: event filters of connections; asked only when one has any, so that others import nothing.
    """

    connections: ConnectionStore
    log: SocketLogStore
    events: EventTexts
    poster: Poster
    wake_ups: WakeUpQueue
    backlog: BacklogQueue
    clock: Clock
    in_thread: InThread
    sleep: Callable[[float], Awaitable[None]]
    slow_after: timedelta = timedelta(seconds=30)
    pace: Callable[[str], Awaitable[None]] = _at_any_pace
    release: Callable[[Sequence[Counted]], None] = _nobody_counts
    note_slow: Callable[[Connection, LogHead], None] = _nobody_notes
    filters: Callable[[], ConnectionFilters] = _no_filters

    async def call(self, function: Callable[[], _T]) -> _T:
        """Runs a blocking call off the event loop and gives its result."""
        result: _T = await self.in_thread(function)
        return result

    async def narrowing(self, connections: Collection[Connection], steps: int, *, judges_costly: bool) -> Narrowing | None:
        """What narrows connections of one endpoint; ``None``, without any call: none of them has an event filter.

        Args:
            connections: all of the run.
            steps: what judging may cost.
            judges_costly: also by filters that cost much for one event.
        """
        filter_ids = {one.filter_id for one in connections if one.filter_id is not None}
        if not filter_ids:
            return None
        workspace_id = next(iter(connections)).workspace_id
        return await self.call(lambda: self.filters().narrowing(workspace_id, filter_ids, steps, judges_costly=judges_costly))
