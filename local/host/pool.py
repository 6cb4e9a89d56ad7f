"""A bounded pool: who finds nothing free waits, in the order of arrival and for a bounded time.

MiniStack starts a process for every invocation that finds none idle, without a limit (222 were counted under 80 publishes per
second), and each start slows down all others. AWS would answer 429 at a limit; here the invocation waits, because the limit is
that of the developer's machine and not one that they chose.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

MOST_WAITING: Final = 5_000
"""For one pool. A waiting invocation is a thread of MiniStack."""
PATIENCE_SECONDS: Final = 0.2

T = TypeVar("T")


class Pool(Generic[T]):
    """Workers of one function version."""

    def __init__(self, make: Callable[[], T], limit: int, starts: threading.Semaphore) -> None:
        """
        Args:
            make: makes a worker, which takes long; called outside of any lock.
            limit: the most workers there are.
            starts: how many may be made at a time, in all pools that share it. Not asked for a pool's first one.
        """
        self._make = make
        self.limit = limit
        self._starts = starts
        self._lock = threading.Lock()
        self._idle: list[tuple[float, T]] = []
        self._count = 0
        self._waiting: deque[_Ticket[T]] = deque()

    def lease(self, seconds: float) -> T | None:
        """A worker for one invocation; ``None`` when none came free in time. Give it back with :meth:`release`.

        Another worker is made only when none came free for :data:`PATIENCE_SECONDS`: an invocation takes some milliseconds and
        a start some seconds of a processor, which those that run would have to wait for.
        """
        deadline = time.monotonic() + seconds
        with self._lock:
            if self._idle:
                return self._idle.pop()[1]  # the one used last: the others may grow old and end
            first = self._count == 0
            if first:
                self._count += 1
            elif len(self._waiting) >= MOST_WAITING:
                return None
            ticket = _Ticket[T]()
            if not first:
                self._waiting.append(ticket)
        if first:
            return self._make()
        return self._wait(ticket, seconds, deadline)

    def _wait(self, ticket: _Ticket[T], patience: float, deadline: float) -> T | None:
        """Waits for a worker that comes free, and makes one when there is none for a while and there may be more."""
        wait = PATIENCE_SECONDS
        while not ticket.given.wait(max(0.0, min(wait, deadline - time.monotonic()))):
            with self._lock:
                if ticket.given.is_set():  # in between
                    break
                late = time.monotonic() >= deadline
                if self._count >= self.limit:
                    # Only a worker that comes free helps now, and it is handed over: thousands who wait must not look for it.
                    wait = patience
                starts = not late and self._count < self.limit and self._starts.acquire(blocking=False)
                if late or starts:
                    self._waiting.remove(ticket)
                if starts:
                    self._count += 1
            if late:
                return None
            if starts:
                try:
                    return self._make()
                finally:
                    self._starts.release()
        return ticket.worker if ticket.worker is not None else self._make()

    def release(self, worker: T) -> None:
        """Gives a worker back: to the one who waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().give(worker)
            else:
                self._idle.append((time.monotonic(), worker))

    def discard(self) -> None:
        """Instead of :meth:`release`, for a worker that is broken: another may be made in its place."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().give(None)
            else:
                self._count -= 1

    def take_idle(self, seconds: float, keep: int = 1) -> list[T]:
        """Takes out the workers that have been idle for so many seconds, all but ``keep``; their caller ends them."""
        now = time.monotonic()
        with self._lock:
            old = [worker for since, worker in self._idle if now - since >= seconds]
            old = old[: max(0, self._count - keep)]
            self._idle = [(since, worker) for since, worker in self._idle if worker not in old]
            self._count -= len(old)
        return old

    @property
    def size(self) -> int:
        """How many workers there are, leased ones included."""
        with self._lock:
            return self._count

    @property
    def waiting(self) -> int:
        """How many invocations wait for one."""
        with self._lock:
            return len(self._waiting)


class _Ticket(Generic[T]):
    """One who waits. ``worker`` is ``None`` when it is to make one itself."""

    def __init__(self) -> None:
        self.given = threading.Event()
        self.worker: T | None = None

    def give(self, worker: T | None) -> None:
        self.worker = worker
        self.given.set()
