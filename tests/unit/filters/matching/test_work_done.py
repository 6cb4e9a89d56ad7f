"""The steps that a budget counts are the work that is done: counted in calls of functions, never in seconds.

The pairs are those of the benchmark, with smaller events.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from benchmarks.speed import hostile
from event_service.filters.matching.budget import STEPS_PER_FILTER, Budget
from tests.unit.filters.matching.counting import CountingMatcher

SMALL_EVENT = 24 * 1024
CALLS_PER_STEP = 4
CALLS_PER_LEAF = 16

SLOW_TO_COMPILE = (hostile.alternatives_of_many_fields,)
each_pair = pytest.mark.parametrize("make", [one for one in hostile.NAMED if one not in SLOW_TO_COMPILE], ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def _small_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "EVENT_BYTES", SMALL_EVENT)


def calls_of(work: Callable[[], Any]) -> int:
    """How many functions ``work`` calls, those written in C included."""
    calls = 0

    def count(frame: FrameType, what: str, argument: Any) -> None:
        nonlocal calls
        calls += what in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@each_pair
def test_the_steps_told_are_the_work_done(make: Callable[[], hostile.Pair]) -> None:
    # A loop that the budget is not told of makes calls that no step stands for.
    condition, event = make()
    matcher = CountingMatcher()
    matcher.add("f", condition)

    calls = calls_of(lambda: matcher.matches(event))

    assert calls <= CALLS_PER_STEP * matcher.steps + CALLS_PER_LEAF * matcher.leaves + 2 * SMALL_EVENT


@pytest.mark.parametrize("seed", range(12))
def test_the_steps_told_of_generated_pairs_are_the_work_done(seed: int) -> None:
    condition, event = hostile.generated(seed)
    matcher = CountingMatcher()
    matcher.add("f", condition)

    calls = calls_of(lambda: matcher.matches(event))

    assert calls <= CALLS_PER_STEP * matcher.steps + CALLS_PER_LEAF * matcher.leaves + 2 * SMALL_EVENT


@pytest.mark.long
def test_many_hostile_filters_share_one_budget_and_are_all_delivered() -> None:
    # given 1,000 filters of which each spends all it may, beside two that are easily decided
    condition, event = hostile.lists_inside_elements()
    matcher = CountingMatcher()
    for number in range(1_000):
        matcher.add(str(number), hostile.crowd(condition, number))
    matcher.add("matches", {"pattern": {"type": [event["type"]]}})
    matcher.add("other", {"pattern": {"type": ["other"]}})
    budget = Budget(STEPS_PER_FILTER)

    # when an event comes
    found = matcher.matches(event, budget)

    # then the budget holds, none of the 1,000 is lost, the number is told, and the two have their own verdicts
    assert budget.left >= 0
    assert found == {*map(str, range(1_000)), "matches"}
    assert budget.undecided == 1_000
