"""What one invocation of socket delivery works with: its ports in one bundle, and what it reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from event_service.base.clock import Clock
from event_service.sockets.ports import ConnectionStore, EventsById, Poster, SocketLogStore, WakeUpQueue
from event_service.sockets.wake_up import WakeUp

_T = TypeVar("_T")


@dataclass(slots=True)
class ServingReport:
    """What one batch of wake-ups came to.

    Attributes:
        again: wake-ups whose work could neither be finished nor continued; they must come again.
        posted: messages that were sent.
        gone: connections that were found closed.
        connections: the most connections that one group had.
        faults: groups whose work ended in a fault of our own.
    """

    again: list[WakeUp] = field(default_factory=list)
    posted: int = 0
    gone: int = 0
    connections: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that is not this invocation's own state.

    Attributes:
        connections: the open connections.
        log: the logs they are served from.
        events: published events, by id.
        poster: posts to connections.
        queue: takes continuations.
        clock: the time.
        in_thread: runs a blocking call off the event loop.
        sleep: waits, in seconds.
    """

    connections: ConnectionStore
    log: SocketLogStore
    events: EventsById
    poster: Poster
    queue: WakeUpQueue
    clock: Clock
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    sleep: Callable[[float], Awaitable[None]]

    async def call(self, function: Callable[[], _T]) -> _T:
        """Runs a blocking call off the event loop and gives its result."""
        result: _T = await self.in_thread(function)
        return result
