"""Which of many numeric ranges hold a number, found without looking at the others.

Each range hangs at the one fork of the binary tree over all 64-bit floats where its two ends part. A number meets at
most 65 forks on its way down that tree; at each, the ranges that hold it are the beginning or the end of a sorted
list. Ranges come and go one by one, and one costs the same memory wherever it lies and however wide it is.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from event_service.domain.patterns.numbers import order

Bounds = tuple[int, int]
"""Two ends as :func:`~event_service.domain.patterns.numbers.order` maps them."""

_BEYOND = 1 << 64


class _Fork:
    """The ranges at one fork: (low, high) sorted, and (high, low) sorted."""

    __slots__ = ("by_high", "by_low")

    def __init__(self) -> None:
        self.by_low: list[Bounds] = []
        self.by_high: list[Bounds] = []


class Intervals:
    """A set of closed ranges of floats."""

    __slots__ = ("_forks", "_forks_by_level")

    def __init__(self) -> None:
        self._forks: dict[tuple[int, int], _Fork] = {}
        self._forks_by_level: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._forks)

    def add(self, low: float, high: float) -> None:
        """Adds a range that is not in the set; one that is empty is never found."""
        bounds = (order(low), order(high))
        place = _place(bounds)
        fork = self._forks.get(place)
        if fork is None:
            fork = self._forks[place] = _Fork()
            self._forks_by_level[place[0]] = self._forks_by_level.get(place[0], 0) + 1
        insort(fork.by_low, bounds)
        insort(fork.by_high, bounds[::-1])

    def remove(self, low: float, high: float) -> None:
        """Removes a range that is in the set."""
        bounds = (order(low), order(high))
        place = _place(bounds)
        fork = self._forks[place]
        del fork.by_low[bisect_left(fork.by_low, bounds)]
        del fork.by_high[bisect_left(fork.by_high, bounds[::-1])]
        if not fork.by_low:
            del self._forks[place]
            self._forks_by_level[place[0]] -= 1
            if not self._forks_by_level[place[0]]:
                del self._forks_by_level[place[0]]

    def holding(self, number: float) -> list[Bounds]:
        """The ranges that hold ``number``, as :func:`bounds_of` gives them."""
        position = order(number)
        held: list[Bounds] = []
        for level in self._forks_by_level:
            fork = self._forks.get((level, position >> level))
            if fork is None:
                continue
            if level and position >> (level - 1) & 1:
                by_high = fork.by_high
                held += [(low, high) for high, low in by_high[bisect_left(by_high, (position, -1)) :]]
            else:
                held += fork.by_low[: bisect_right(fork.by_low, (position, _BEYOND))]
        return held


def bounds_of(low: float, high: float) -> Bounds:
    """How :meth:`Intervals.holding` names the range from ``low`` to ``high``."""
    return order(low), order(high)


def _place(bounds: Bounds) -> tuple[int, int]:
    """Level and number of the fork where the ends part."""
    level = (bounds[0] ^ bounds[1]).bit_length()
    return level, bounds[0] >> level
