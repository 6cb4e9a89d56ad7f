"""Counts of a span, for charts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import BadUserInput
from event_service.counting.ports import WITHIN_MS, Counted, CountReader

KEPT: Final = timedelta(days=14)
WITHOUT_SINCE: Final = timedelta(days=1)
MAXIMUM_POINTS: Final = 1_500
"""A day by minutes has 1,440."""


class Step(Enum):
    """How long one point of a chart is."""

    MINUTE = timedelta(minutes=1)
    HOUR = timedelta(hours=1)
    DAY = timedelta(days=1)


@dataclass(slots=True)
class Point:
    """The counts of one step, which begins at ``start``."""

    start: datetime
    counts: dict[Counted, int] = field(default_factory=dict)


def within_ms(points: Iterable[Point], share: float) -> int | None:
    """The least of ``WITHIN_MS`` that ``share`` of the answers did not exceed; ``None`` without answers.

    Args:
        points: of which the answers are counted together.
        share: above 0, up to 1.
    """
    counts = [point.counts for point in points]
    answers = {most: sum(one.get(name, 0) for one in counts) for most, name in WITHIN_MS.items()}
    wanted = math.ceil(share * sum(answers.values()))
    reached = 0
    for most, number in answers.items():
        reached += number
        if number and reached >= wanted:
            return most
    return None


class Statistics:
    """The use case behind ``statistics``.

    Example::

        points = statistics.points(workspace_id, since, until, Step.HOUR)
    """

    def __init__(self, store: CountReader, clock: Clock, *, gathered: bool) -> None:
        """
        Args:
            store: has the counts.
            clock: the time.
            gathered: whether anything is counted now; otherwise there are only older counts.
        """
        self._store = store
        self._clock = clock
        self.gathered = gathered

    def points(self, workspace_id: str, since: datetime | None, until: datetime | None, step: Step) -> list[Point]:
        """All steps from the one that holds ``since`` to the one before ``until``, in order, also those in which nothing happened.

        Args:
            workspace_id: the token's workspace.
            since: the beginning; a day before the end without it.
            until: the end; now without it.
            step: how long each point is; steps begin at whole minutes, hours and days of UTC.

        Raises:
            BadUserInput: nothing is between them, or too much.
            TooLarge: the counts are more than one request may read.
        """
        now = self._clock()
        end = now if until is None else min(until, now)
        since = end - WITHOUT_SINCE if since is None else since
        if since >= end:
            raise BadUserInput(f"since: {format_date(since)} is not before until, or not before now.")
        if now - since > KEPT:
            raise BadUserInput(f"since: {format_date(since)} is more than {KEPT.days} days ago; older counts are not kept.")
        first = _begin(since, step)
        number = -((first - end) // step.value)
        if number > MAXIMUM_POINTS:
            raise BadUserInput(f"step: the span has {number:,} steps; at most {MAXIMUM_POINTS:,} are allowed. Take longer steps.")
        points = [Point(first + position * step.value) for position in range(number)]
        for minute, counts in self._store.between(workspace_id, first, end):
            point = points[(minute - first) // step.value]
            for name, count in counts.items():
                point.counts[name] = point.counts.get(name, 0) + count
        return points


def _begin(date: datetime, step: Step) -> datetime:
    begin = date.replace(second=0, microsecond=0)
    if step is not Step.MINUTE:
        begin = begin.replace(minute=0)
    return begin.replace(hour=0) if step is Step.DAY else begin
