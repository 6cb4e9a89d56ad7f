"""No filter and no event takes more than its budget, and what the budget does not reach counts as a match.

Work is counted in steps, never in seconds. The pairs are those of the benchmark, with smaller events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.speed import hostile
from event_service.filters.matching.budget import STEPS_PER_EVENT, STEPS_PER_FILTER, Budget, BudgetSpent
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.event_fields import key_of
from event_service.filters.patterns.ip_addresses import parse_address
from event_service.filters.patterns.predicates import SameAddress
from tests.unit.filters.matching.counting import CountingMatcher

SMALL_EVENT = 24 * 1024

SLOW_TO_COMPILE = (hostile.alternatives_of_many_fields,)
each_pair = pytest.mark.parametrize("make", [one for one in hostile.NAMED if one not in SLOW_TO_COMPILE], ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def _small_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "EVENT_BYTES", SMALL_EVENT)


@each_pair
def test_a_hostile_pair_stays_within_the_budget_of_one_filter(make: Callable[[], hostile.Pair]) -> None:
    condition, event = make()
    matcher = CountingMatcher()
    matcher.add("f", condition)

    found = matcher.matches(event)

    assert matcher.steps <= STEPS_PER_FILTER
    assert found >= ({"f"} if matcher.undecided else set())


def test_each_text_that_is_compared_is_counted() -> None:
    # given 100 texts and 200 values that are one but for their case, each other spellings
    def spelled(number: int) -> str:
        return "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate("abcdefghijkl"))

    matcher = CountingMatcher()
    matcher.add("f", {"pattern": {"data": {"t": [{"equals-ignore-case": spelled(number) + "\u00df"} for number in range(100)]}}})

    # when the values are looked up
    matcher.matches(hostile.event({"t": [spelled(number + 500) + "s\u017f" for number in range(200)]}))

    # then each text was compared with each value, and counted
    assert matcher.steps >= 100 * 200


@pytest.mark.parametrize("seed", range(12))
def test_generated_pairs_stay_within_the_budget_of_one_filter(seed: int) -> None:
    condition, event = hostile.generated(seed)
    matcher = CountingMatcher()
    matcher.add("f", condition)

    matcher.matches(event)

    assert matcher.steps <= STEPS_PER_FILTER


def test_the_usual_budget_grows_with_the_filters_up_to_a_limit() -> None:
    condition, event = hostile.every_operator_at_once()
    for filters in (1, 3, 30):
        matcher = CountingMatcher()
        for number in range(filters):
            matcher.add(str(number), hostile.crowd(condition, number))
        matcher.matches(event)
        assert matcher.steps <= min(STEPS_PER_EVENT, filters * STEPS_PER_FILTER)


@pytest.mark.parametrize("steps", [0, 1, 10, 100, 1_000, 10_000])
def test_a_smaller_budget_never_loses_an_event(steps: int) -> None:
    # given filters that match an event, each by another way
    matcher = Matcher()
    patterns: list[dict[str, Any]] = [
        {"data": {"t": ["v"]}},
        {"data": {"t": [{"prefix": "v"}]}},
        {"data": {"t": [{"suffix": {"equals-ignore-case": "V"}}]}},
        {"data": {"t": [{"wildcard": "*v*"}]}},
        {"data": {"t": [{"anything-but": ["a"]}]}},
        {"data": {"t": [{"anything-but": {"prefix": "a"}}]}},
        {"data": {"n": [{"numeric": [">", 1]}]}},
        {"data": {"ip": [{"cidr": "10.0.0.0/8"}]}},
        {"data": {"missing": [{"exists": False}]}},
        {"data": {"rows": {"a": [1], "b": [2]}}, "$or": [{"type": ["x"]}, {"type": [{"exists": True}]}]},
    ]
    for number, pattern in enumerate(patterns):
        matcher.add(str(number), {"pattern": pattern})
    data = {"t": ["v", "w" * 400], "n": [5, 0], "ip": ["10.1.1.1", "x"], "rows": [{"a": 1}, {"a": 1, "b": 2}]}

    # when it comes with any budget
    found = matcher.matches(hostile.event(data), Budget(steps))

    # then all are found
    assert found == {str(number) for number in range(len(patterns))}


def test_what_was_spent_cannot_be_spent_again() -> None:
    budget = Budget(10)
    budget.allow(4)
    budget.spend(3)

    with pytest.raises(BudgetSpent):
        budget.spend(2)

    assert (budget.left, budget.allowed) == (6, 0)
    budget.allow(100)
    assert budget.allowed == 6


def test_many_integers_of_one_hash_are_keys_of_many_hashes() -> None:
    numbers = [2**53 + 1 + (number + 7) * (2**61 - 1) for number in range(1_000)]
    assert len({hash(number) for number in numbers}) == 1

    keys = [key_of(number) for number in numbers]

    assert len({hash(key) for key in keys}) >= 990
    assert len(set(keys)) == 1_000


def test_many_addresses_of_one_hash_are_conditions_of_many_hashes() -> None:
    numbers = [(1 << 120) + number * (2**61 - 1) for number in range(1_000)]
    assert len({hash(number) for number in numbers}) == 1
    texts = [":".join(f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)) for number in numbers]

    predicates = [SameAddress(parse_address(text) or b"") for text in texts]

    assert len({hash(predicate) for predicate in predicates}) >= 990
