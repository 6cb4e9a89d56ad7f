"""What a matcher of many filters promises beside its verdicts: it changes in place, and its work follows the matches.

Work is counted in steps, never in seconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.speed import matcher as benchmark
from event_service.base.errors import BadUserInput
from event_service.filters.matching.conditions import compile_condition
from event_service.filters.matching.intervals import Intervals
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.event_fields import FieldValues
from event_service.filters.patterns.predicates import AnythingBut
from tests.unit.filters.matching.counting import CountingMatcher, tables_of
from tests.unit.filters.verdicts import matches

CAMERA = "5f0c0f7e-8a67-4a53-9d0b-0a6b3c1d2e22"


def event(data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A delivered event."""
    return {
        "id": "e1",
        "type": "Door",
        "date": "2026-11-24T08:00:00.000000+00:00",
        "data": {} if data is None else data,
        "agentId": None,
        "cameraId": None,
        "workspaceId": "w1",
        "creationDate": "2026-11-24T08:00:00.000000+00:00",
        "lastModified": "2026-11-24T08:00:00.000000+00:00",
        **fields,
    }


# -- conditions


def test_ids_are_compared_exactly_and_types_without_case() -> None:
    assert matches({"in": {"cameraIds": [CAMERA]}}, event(cameraId=CAMERA))
    assert not matches({"in": {"cameraIds": [CAMERA]}}, event(cameraId=CAMERA.upper()))
    assert matches({"in": {"eventTypes": ["STRASSE"]}}, event(type="Straße"))
    assert not matches({"in": {"agentIds": ["::1"]}}, event(agentId="0::1"))


def test_values_of_a_list_are_alternatives_and_lists_must_all_hold() -> None:
    both = {"in": {"cameraIds": ["c1", "c2"], "agentIds": ["a1"]}}

    assert matches(both, event(cameraId="c2", agentId="a1"))
    assert not matches(both, event(cameraId="c2", agentId="a2"))
    assert not matches(both, event(cameraId="c2"))


@pytest.mark.parametrize(
    "rows",
    [
        [{"profile_groups": ["g1"]}],
        [{"profile_groups": [{"id": "g0"}, {"id": "g1"}]}],
        [{"profile_groups": None}, {}, 5, {"profile_groups": [{"id": "g1", "name": "n"}]}],
        {"profile_groups": "g1"},
    ],
)
def test_a_profile_group_is_found_wherever_the_event_lists_it(rows: Any) -> None:
    wanted = {"in": {"profileGroupIds": ["g1"]}}

    assert matches(wanted, event({"identification_data": rows}))
    assert not matches({"in": {"profileGroupIds": ["g2"]}}, event({"identification_data": rows}))


def test_an_empty_list_matches_nothing_whatever_stands_beside_it() -> None:
    assert not matches({"in": {"cameraIds": []}}, event(cameraId="c1"))
    assert not matches({"in": {"cameraIds": [], "eventTypes": ["door"]}}, event(cameraId="c1"))
    assert not matches({"in": {"cameraIds": []}, "pattern": {"type": ["Door"]}}, event(cameraId="c1"))


def test_in_and_pattern_must_both_hold() -> None:
    condition = {"in": {"eventTypes": ["door"]}, "pattern": {"data": {"level": [1]}}}

    assert matches(condition, event({"level": 1}))
    assert not matches(condition, event({"level": 2}))
    assert not matches(condition, event({"level": 1}, type="Window"))


@pytest.mark.parametrize("key", sorted(event()))
def test_a_pattern_sees_all_nine_keys(key: str) -> None:
    one = event({"x": 1}, agentId="a1")
    value = one[key]
    pattern = {key: {"x": [1]}} if key == "data" else {key: [value]}

    assert matches({"pattern": pattern}, one)


def test_what_was_not_given_is_null_and_exists() -> None:
    assert matches({"pattern": {"cameraId": [None], "agentId": [{"exists": True}]}}, event())


def test_an_event_may_use_the_names_of_the_lists() -> None:
    assert not matches({"in": {"cameraIds": ["c1"]}}, event({"\0in.cameraIds": "c1", "in": {"cameraIds": ["c1"]}}))


def test_fields_meet_in_an_element_however_many_there_are() -> None:
    """Elements are bits of a number: of its first byte, its last, and those between."""
    pattern = {"data": {"rows": {"a": [1], "b": [1]}}}
    for first, second in ((0, 8), (3, 12), (7, 16), (1, 1_000)):
        rows: list[dict[str, int]] = [{"c": 1} for _ in range(1_001)]
        rows[first], rows[second] = {"a": 1}, {"b": 1}
        assert not matches({"pattern": pattern}, event({"rows": rows}))
        rows[second] = {"a": 1, "b": 1}
        assert matches({"pattern": pattern}, event({"rows": rows}))


def test_a_field_that_holds_outside_of_lists_settles_nothing_inside_them() -> None:
    """It has two spellings: one value stands in a list, and the one that is wanted does not."""
    condition = {"pattern": {"data": {"a": {"b": [1]}, "rows": {"c": [1], "d": [1]}}}}
    both = {"a.b": 1, "a": [{"b": 2}, {"b": 3}]}

    assert not matches(condition, event({**both, "rows": [{"c": 1}, {"d": 1}]}))
    assert matches(condition, event({**both, "rows": [{"c": 1}, {"c": 1, "d": 1}]}))


@pytest.mark.parametrize("operand", [{"prefix": "on"}, {"suffix": "ne"}, {"wildcard": "o*e"}, {"equals-ignore-case": ["Once", "ONE"]}])
def test_an_exclusion_is_asked_of_each_value_of_a_list(operand: dict[str, Any]) -> None:
    condition = {"pattern": {"data": {"words": [{"anything-but": operand}]}}}

    assert not matches(condition, event({"words": ["one", "one"]}))
    refused = {"prefix": ["one", "once"], "suffix": ["one", "none"], "wildcard": ["one", "once"], "equals-ignore-case": ["one", "once"]}
    for words in refused[next(iter(operand))], ["one"]:
        assert not matches(condition, event({"words": words}))
        assert matches(condition, event({"words": [*words, "two"]}))


@pytest.mark.parametrize("operator", ["prefix", "suffix"])
def test_long_texts_are_compared_without_case_to_their_ends(operator: str) -> None:
    text = "aB" * 1_500
    for wanted in ({"equals-ignore-case": text}, {operator: {"equals-ignore-case": text[:300]}}):
        condition = {"pattern": {"data": {"text": [wanted]}}}
        assert matches(condition, event({"text": text.swapcase()}))
        assert not matches(condition, event({"text": f"x{text}x"}))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "condition: it is empty; give 'in', 'pattern' or both"),
        ({"in": None, "pattern": None}, "give 'in', 'pattern' or both"),
        ({"in": {}}, "condition.in: it holds no list; give at least one of cameraIds"),
        ({"in": {"cameraIds": None}}, "at least one of cameraIds"),
        ({"in": {"cameraIds": "c1"}}, "condition.in.cameraIds: it is not a list of strings"),
        ({"in": {"cameraIds": [5]}}, "condition.in.cameraIds: it is not a list of strings"),
        ({"in": {"cameras": ["c1"]}}, "condition.in: 'cameras' is not known; the lists are cameraIds"),
        ({"in": ["c1"]}, "condition.in: it is not an object"),
        ({"on": {}}, "condition: 'on' is not known"),
        ({"pattern": {"a": 1}}, "condition.pattern.a: give an object"),
    ],
)
def test_a_condition_that_is_not_well_formed_is_refused(condition: dict[str, Any], words: str) -> None:
    with pytest.raises(BadUserInput) as caught:
        compile_condition(condition)

    assert words in caught.value.message


# -- changes


def test_adding_again_replaces() -> None:
    matcher = Matcher()
    matcher.add("f", {"pattern": {"type": ["Door"]}})
    matcher.add("f", {"pattern": {"type": ["Window"]}})

    assert matcher.matches(event()) == set()
    assert matcher.matches(event(type="Window")) == {"f"}


def test_a_refused_condition_leaves_the_matcher_as_it_was() -> None:
    matcher = Matcher()
    matcher.add("f", {"pattern": {"type": ["Door"]}})

    with pytest.raises(BadUserInput):
        matcher.add("f", {"pattern": {"type": "Window"}})

    assert matcher.matches(event()) == {"f"}


@pytest.mark.parametrize("condition", [{"pattern": {"type": [{"regex": "D.*"}]}}, {"in": {"zones": ["z1"]}}, {}, {"pattern": {"a": [[1]]}}])
def test_a_stored_condition_that_is_refused_matches_nothing_and_says_why(condition: dict[str, Any]) -> None:
    # given a filter that matches, beside another
    matcher = Matcher()
    matcher.add("f", {"pattern": {"type": ["Door"]}})
    matcher.add("other", {"pattern": {"type": ["Door"]}})

    # when its stored condition is now one that this release refuses
    reason = matcher.add_stored("f", condition)

    # then it matches nothing, the other is as it was, and it can be replaced and removed like any other
    with pytest.raises(BadUserInput) as refused:
        compile_condition(condition)
    assert reason == refused.value.message
    assert matcher.matches(event()) == {"other"}
    assert matcher.add_stored("f", {"pattern": {"type": ["Door"]}}) is None
    assert matcher.matches(event()) == {"f", "other"}
    matcher.add_stored("f", condition)
    matcher.remove("f")
    matcher.remove("other")
    assert tables_of(matcher) == tables_of(Matcher())


def test_removing_what_is_not_there_is_fine() -> None:
    matcher = Matcher()
    matcher.remove("f")

    assert matcher.matches(event()) == set()


@pytest.mark.parametrize("name", sorted(benchmark.MIXES))
def test_nothing_is_left_of_removed_filters(name: str) -> None:
    # given a matcher with many filters of one kind and one that stays
    matcher = Matcher()
    matcher.add("stays", {"pattern": {"type": ["Door"]}})
    before = tables_of(matcher)

    # when the others come and go in another order
    numbers = list(range(200))
    for number in numbers:
        matcher.add(str(number), benchmark.MIXES[name](number))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        matcher.remove(str(number))

    # then every table is as before
    assert tables_of(matcher) == before
    assert matcher.matches(event()) == {"stays"}


def test_ranges_come_and_go_without_a_trace() -> None:
    chance = random.Random(7)
    ranges = {number: sorted((chance.uniform(-5, 5), chance.uniform(-5, 5))) for number in range(300)}
    intervals: Intervals[int] = Intervals()
    for number, (low, high) in ranges.items():
        intervals.add(low, high, number)

    for probe in [0.0, -0.0, 4.9, -4.9, *(low for low, _ in ranges.values())]:
        expected = {number for number, (low, high) in ranges.items() if low <= probe <= high}
        assert set(intervals.holding(probe)) == expected
    for number, (low, high) in list(ranges.items())[::2]:
        intervals.remove(low, high, number)
        del ranges[number]
    assert set(intervals.holding(0.5)) == {number for number, (low, high) in ranges.items() if low <= 0.5 <= high}


# -- work


def steps(name: str, size: int) -> float:
    """Steps an event takes on average in a mix of the benchmark, all events having matched what they must."""
    matcher = CountingMatcher()
    benchmark.load(benchmark.MIXES[name], size, matcher)
    total = 0
    for number in range(benchmark.EVENTS):
        assert len(matcher.matches(benchmark.event(number))) == benchmark.MATCHING
        total += matcher.steps + matcher.leaves
    return total / benchmark.EVENTS


ORDINARY = sorted(name for name in benchmark.MIXES if not name.startswith("hurting"))


@pytest.mark.long
@pytest.mark.parametrize("name", ORDINARY)
def test_work_does_not_grow_with_filters_that_do_not_match(name: str) -> None:
    assert steps(name, 4_000) <= 1.25 * steps(name, 400)


def test_the_published_mix_takes_few_steps() -> None:
    assert steps("published mix", 10_000) <= 300


@pytest.mark.parametrize("name", sorted(set(benchmark.MIXES) - set(ORDINARY)))
def test_the_worst_mixes_take_a_few_steps_a_filter(name: str) -> None:
    assert steps(name, 2_000) <= 5 * 2_000 + 500


@pytest.mark.parametrize("name", ["hurting: ranges that hold", "hurting: crossing ranges"])
def test_filters_found_in_vain_are_found_no_more(name: str) -> None:
    # given 1,000 filters that wait where nearly every event finds them
    matcher = CountingMatcher()
    benchmark.load(benchmark.MIXES[name], 1_000, matcher)
    matcher.matches(benchmark.event(0))
    assert matcher.candidates >= 1_000

    # when a few events have come
    for number in range(benchmark.EVENTS):
        matcher.matches(benchmark.event(number))

    # then they wait elsewhere
    assert len(matcher.matches(benchmark.event(0))) == benchmark.MATCHING
    assert matcher.candidates <= 150


def test_few_found_in_vain_stay_where_they_are() -> None:
    matcher = CountingMatcher()
    benchmark.load(benchmark.MIXES["hurting: crossing ranges"], 50, matcher)
    candidates = []

    for _ in range(2):
        matcher.matches(benchmark.event(0))
        candidates.append(matcher.candidates)

    assert candidates[0] == candidates[1] >= 50


def test_a_shared_condition_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # given 1,000 filters that share what fails and differ in what holds
    asked: list[FieldValues] = []
    original = AnythingBut.accepts_any

    def accepts_any(predicate: AnythingBut, values: FieldValues) -> bool:
        asked.append(values)
        return original(predicate, values)

    monkeypatch.setattr(AnythingBut, "accepts_any", accepts_any)
    matcher = CountingMatcher()
    for number in range(1_000):
        pattern = {"data": {"level": [{"numeric": [">", -number]}], "status": [{"anything-but": {"prefix": "on"}}]}}
        matcher.add(str(number), {"pattern": pattern})

    # when an event comes that fails the shared one
    assert matcher.matches(event({"level": 5, "status": "online"})) == set()

    # then one evaluation served all
    assert (matcher.candidates, len(asked)) == (1_000, 1)


def test_fields_that_no_filter_asks_for_are_not_read() -> None:
    matcher = CountingMatcher()
    matcher.add("f", {"pattern": {"data": {"a": {"b": [1]}}}})

    matcher.matches(event({"a": {"b": 1, "c": 2}, "big": [{"x": number} for number in range(1_000)]}))

    assert matcher.leaves == 1


ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "no element has both": lambda index: {"a": "hit", "b": -index},
    "the last element has both": lambda index: {"a": "hit", "b": 1 if index == 0 else -1},
    "fields alternate": lambda index: {"a": "hit"} if index % 2 else {"b": 1},
    "lists inside": lambda index: {"inner": [{"a": "hit"}, {"b": 1}]},
}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(
    "pattern",
    [
        {"data": {"rows": {"a": ["hit"], "b": [{"numeric": [">", 0]}]}}},
        {"data": {"rows": {"a": ["hit"], "b": [{"exists": False}], "c": [{"exists": False}]}}},
        {"data": {"rows": {"inner": {"a": ["hit"], "b": [1]}}}},
        {"data": {"rows": {"a": ["hit"]}, "others": {"a": ["hit"], "b": [{"exists": False}, 5]}}},
    ],
)
def test_work_on_arrays_is_linear(rows: str, pattern: dict[str, Any]) -> None:
    matcher = CountingMatcher()
    matcher.add("f", {"pattern": pattern})

    def steps_for(size: int) -> int:
        elements = [ROWS[rows](index) for index in reversed(range(size))]
        matcher.matches(event({"rows": elements, "others": elements}))
        assert matcher.undecided == 0
        return matcher.steps + matcher.leaves

    assert steps_for(3_000) <= 2.2 * steps_for(1_500) + 200
