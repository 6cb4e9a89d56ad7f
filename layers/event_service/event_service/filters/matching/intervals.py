"""Which of many numeric ranges hold a number, found without looking at the others.

Each range hangs at the one fork of the binary tree over all 64-bit floats where its two ends part. A number meets at
most 65 forks on its way down that tree; at each, the ranges that hold it are the beginning or the end of a sorted
list. Ranges come and go one by one, and one costs the same memory wherever it lies and however wide it is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from typing import Generic, TypeVar

from event_service.filters.patterns.numbers import order

W = TypeVar("W", bound=Hashable)

_Bounds = tuple[int, int]
_BEYOND = 1 << 64


class _Rows(Generic[W]):
    """Waiters in the order of their bounds. Two lists, so that a run of waiters is one slice."""

    __slots__ = ("bounds", "waiters")

    def __init__(self) -> None:
        self.bounds: list[_Bounds] = []
        self.waiters: list[W] = []

    def count(self, bounds: _Bounds) -> int:
        return bisect_right(self.bounds, bounds) - bisect_left(self.bounds, bounds)

    def add(self, bounds: _Bounds, waiter: W) -> None:
        index = bisect_right(self.bounds, bounds)
        self.bounds.insert(index, bounds)
        self.waiters.insert(index, waiter)

    def remove(self, bounds: _Bounds, waiter: W) -> None:
        index = self.waiters.index(waiter, bisect_left(self.bounds, bounds))
        del self.bounds[index]
        del self.waiters[index]


class _Fork(Generic[W]):
    """The ranges at one fork: by (low, high) and by (high, low)."""

    __slots__ = ("by_high", "by_low")

    def __init__(self) -> None:
        self.by_low: _Rows[W] = _Rows()
        self.by_high: _Rows[W] = _Rows()


class Intervals(Generic[W]):
    """Waiters for numbers in closed ranges of floats."""

    __slots__ = ("_forks", "_forks_by_level")

    def __init__(self) -> None:
        self._forks: dict[tuple[int, int], _Fork[W]] = {}
        self._forks_by_level: dict[int, int] = {}

    @property
    def levels(self) -> int:
        """Levels of the tree at which ranges hang: forks that a number meets."""
        return len(self._forks_by_level)

    def count(self, low: float, high: float) -> int:
        """How many wait for this very range."""
        bounds = order(low), order(high)
        fork = self._forks.get(_place(bounds))
        return 0 if fork is None else fork.by_low.count(bounds)

    def add(self, low: float, high: float, waiter: W) -> None:
        """Lets ``waiter`` wait for numbers from ``low`` to ``high``; where none lies between, it is never found."""
        bounds = order(low), order(high)
        place = _place(bounds)
        fork = self._forks.get(place)
        if fork is None:
            fork = self._forks[place] = _Fork()
            self._forks_by_level[place[0]] = self._forks_by_level.get(place[0], 0) + 1
        fork.by_low.add(bounds, waiter)
        fork.by_high.add(bounds[::-1], waiter)

    def remove(self, low: float, high: float, waiter: W) -> None:
        """Takes back an :meth:`add`."""
        bounds = order(low), order(high)
        place = _place(bounds)
        fork = self._forks[place]
        fork.by_low.remove(bounds, waiter)
        fork.by_high.remove(bounds[::-1], waiter)
        if not fork.by_low.bounds:
            del self._forks[place]
            self._forks_by_level[place[0]] -= 1
            if not self._forks_by_level[place[0]]:
                del self._forks_by_level[place[0]]

    def holding(self, number: float) -> list[W]:
        """Who waits for ``number``."""
        position = order(number)
        waiting: list[W] = []
        for level in self._forks_by_level:
            fork = self._forks.get((level, position >> level))
            if fork is None:
                continue
            if level and position >> (level - 1) & 1:
                waiting += fork.by_high.waiters[bisect_left(fork.by_high.bounds, (position, -1)) :]
            else:
                waiting += fork.by_low.waiters[: bisect_right(fork.by_low.bounds, (position, _BEYOND))]
        return waiting


def _place(bounds: _Bounds) -> tuple[int, int]:
    """Level and number of the fork where the ends part."""
    level = (bounds[0] ^ bounds[1]).bit_length()
    return level, bounds[0] >> level
