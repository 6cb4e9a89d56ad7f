"""An event loop whose clock jumps: whatever waits, waits no real time, and a run is the same everywhere."""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.builders import START

_T = TypeVar("_T")


@dataclass
class Time:
    """Seconds that have passed."""

    seconds: float = 0.0


class _Selector(selectors.DefaultSelector):
    """Asks the kernel only when there is nothing else to do: a loop that has only its own pipe to listen to, by which threads and
    signals wake it, need not be woken while it runs."""

    def select(self, timeout: float | None = None) -> Any:
        return [] if timeout is not None and len(self.get_map()) <= 1 else super().select(timeout)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is ready, then jumps to the moment at which something is."""

    def __init__(self, passed: Time | None = None) -> None:
        super().__init__(_Selector())
        self.passed = passed or Time()
        # asyncio runs a timer that is due before "now + resolution". With its own billionth of a second that is "now" itself once
        # 194 days have passed (2**24 s, where floats lie 4 billionths apart), and no timer would ever run again.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.passed.seconds

    def _run_once(self) -> None:
        loop: Any = self
        if not loop._ready:
            scheduled = loop._scheduled
            while scheduled and scheduled[0]._cancelled:
                handle = heapq.heappop(scheduled)
                handle._scheduled = False
                loop._timer_cancelled_count -= 1
            if scheduled:
                # Rounded up: a date that stands a part of a microsecond before the timer would stand there for ever.
                self.passed.seconds = max(self.passed.seconds, math.ceil(scheduled[0]._when * 1_000_000) / 1_000_000)
        super()._run_once()  # type: ignore[misc]  # asyncio's own, not in its stubs


class ShuffledLoop(VirtualLoop):
    """Runs what is ready in an order that is drawn: each seed is another order in which invocations meet."""

    def __init__(self, draw: random.Random, passed: Time | None = None) -> None:
        super().__init__(passed)
        self._draw = draw

    def _run_once(self) -> None:
        loop: Any = self
        # All but one wait another round, so that one may do several steps while another does none.
        ready = list(loop._ready)
        self._draw.shuffle(ready)
        loop._ready.clear()
        loop._ready.extend(ready[: self._draw.randint(1, len(ready))] if ready else ())
        kept = ready[len(loop._ready) :]
        super()._run_once()
        loop._ready.extend(kept)


class VirtualClock:
    """The date in a virtual loop, which moves when everybody on the loop waits; a test may also let time pass outside of it."""

    def __init__(self, passed: Time | None = None) -> None:
        self.passed = passed or Time()

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.passed.seconds)

    @property
    def now(self) -> datetime:
        return self()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self.passed.seconds

    def advance(self, **span: float) -> None:
        """Moves it, for example by ``advance(minutes=5)``."""
        self.passed.seconds += timedelta(**span).total_seconds()

    def advance_to(self, moment: datetime) -> None:
        """Moves it to a date, unless that has passed."""
        self.passed.seconds = max(self.passed.seconds, (moment - START).total_seconds())


def run(clock: VirtualClock, work: Coroutine[Any, Any, _T]) -> _T:
    """Runs ``work`` to its end in the virtual time of ``clock``."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock.passed)) as runner:
        return runner.run(work)


def running_time() -> Time:
    """The time of the running virtual loop; a time of its own outside of one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return Time()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("webhook delivery is tested in virtual time: run it in a VirtualLoop")
    return loop.passed
