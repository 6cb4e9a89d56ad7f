"""Virtual time: an event loop in which nothing waits. When nobody has anything to do, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

_T = TypeVar("_T")
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class VirtualClock:
    """A time that moves when everybody on the loop waits, or when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **parts: float) -> None:
        """Lets time pass outside the loop."""
        self.now += timedelta(**parts)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return (self.now - START).total_seconds()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs as fast as it can; its timers move ``clock``."""

    _ready: Any
    _scheduled: Any
    _timer_cancelled_count: int

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return self._clock.seconds

    def _run_once(self) -> None:
        if not self._ready:
            while self._scheduled and self._scheduled[0]._cancelled:
                self._timer_cancelled_count -= 1
                heapq.heappop(self._scheduled)._scheduled = False
            if self._scheduled:
                # Rounded up: a clock that stands a part of a microsecond before the timer would stand there for ever.
                due = START + timedelta(microseconds=math.ceil(self._scheduled[0]._when * 1_000_000))
                self._clock.now = max(self._clock.now, due)
        super()._run_once()  # type: ignore[misc]  # asyncio's own method, which its types do not name


def run(clock: VirtualClock, work: Coroutine[Any, Any, _T]) -> _T:
    """Runs ``work`` to its end in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(work)
