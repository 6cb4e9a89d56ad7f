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
from event_service.filters.matching.work import Work
from event_service.filters.patterns.faults import PatternError

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


def matches(condition: dict[str, Any], one: dict[str, Any]) -> bool:
    """Whether a matcher with this one filter finds it."""
    matcher = Matcher()
    matcher.add("f", condition)
    return matcher.matches(one) == {"f"}


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


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "give in, pattern or both"),
        ({"in": None, "pattern": None}, "give in, pattern or both"),
        ({"in": {}}, "at least one of cameraIds"),
        ({"in": {"cameraIds": None}}, "at least one of cameraIds"),
        ({"in": {"cameraIds": "c1"}}, "in.cameraIds: give a list of strings"),
        ({"in": {"cameraIds": [5]}}, "in.cameraIds: give a list of strings"),
        ({"in": {"cameras": ["c1"]}}, "in.cameras: only cameraIds"),
        ({"in": ["c1"]}, "in: give an object"),
        ({"on": {}}, "condition.on: only in and pattern"),
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
    assert len(matcher) == 1


def test_a_refused_condition_leaves_the_matcher_as_it_was() -> None:
    matcher = Matcher()
    matcher.add("f", {"pattern": {"type": ["Door"]}})

    with pytest.raises(PatternError):
        matcher.add("f", {"pattern": {"type": "Window"}})

    assert matcher.matches(event()) == {"f"}


def test_removing_what_is_not_there_is_fine() -> None:
    matcher = Matcher()
    matcher.remove("f")

    assert "f" not in matcher
    assert matcher.matches(event()) == set()


@pytest.mark.parametrize("name", sorted(benchmark.MIXES))
def test_nothing_is_left_of_removed_filters(name: str) -> None:
    # given a matcher with many filters of one kind and one that stays
    matcher = Matcher()
    matcher.add("stays", {"pattern": {"type": ["Door"]}})
    before = {key: dict.fromkeys(table) for key, table in vars(matcher).items()}

    # when the others come and go in another order
    numbers = list(range(200))
    for number in numbers:
        matcher.add(str(number), benchmark.MIXES[name](number))
    random.Random(1).shuffle(numbers)
    for number in numbers:
        matcher.remove(str(number))

    # then every table is as before
    assert {key: dict.fromkeys(table) for key, table in vars(matcher).items()} == before
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
    matcher = benchmark.load(benchmark.MIXES[name], size)
    work = Work()
    for number in range(benchmark.EVENTS):
        assert len(matcher.matches(benchmark.event(number), work)) == benchmark.MATCHING
    return work.total / benchmark.EVENTS


ORDINARY = sorted(name for name in benchmark.MIXES if not name.startswith("hurting"))


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
    matcher = benchmark.load(benchmark.MIXES[name], 1_000)
    first = Work()
    matcher.matches(benchmark.event(0), first)
    assert first.candidates >= 1_000

    # when a few events have come
    for number in range(benchmark.EVENTS):
        matcher.matches(benchmark.event(number))

    # then they wait elsewhere
    later = Work()
    assert len(matcher.matches(benchmark.event(0), later)) == benchmark.MATCHING
    assert later.candidates <= 150


def test_few_found_in_vain_stay_where_they_are() -> None:
    matcher = benchmark.load(benchmark.MIXES["hurting: crossing ranges"], 50)
    works = [Work(), Work()]

    for work in works:
        matcher.matches(benchmark.event(0), work)

    assert works[0].candidates == works[1].candidates >= 50


def test_a_shared_condition_is_asked_once() -> None:
    # given 1,000 filters that share what fails and differ in what holds
    matcher = Matcher()
    for number in range(1_000):
        pattern = {"data": {"level": [{"numeric": [">", -number]}], "status": [{"anything-but": {"prefix": "on"}}]}}
        matcher.add(str(number), {"pattern": pattern})
    work = Work()

    # when an event comes that fails the shared one
    assert matcher.matches(event({"level": 5, "status": "online"}), work) == set()

    # then one evaluation served all
    assert (work.candidates, work.checked) == (1_000, 1)


def test_fields_that_no_filter_asks_for_are_not_read() -> None:
    matcher = Matcher()
    matcher.add("f", {"pattern": {"data": {"a": {"b": [1]}}}})
    work = Work()

    matcher.matches(event({"a": {"b": 1, "c": 2}, "big": [{"x": number} for number in range(1_000)]}), work)

    assert work.leaves == 1


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
    matcher = Matcher()
    matcher.add("f", {"pattern": pattern})

    def steps_for(size: int) -> int:
        work = Work()
        elements = [ROWS[rows](index) for index in reversed(range(size))]
        matcher.matches(event({"rows": elements, "others": elements}), work)
        return work.total

    assert steps_for(3_000) <= 2.2 * steps_for(1_500) + 200


def test_a_search_among_many_spellings_of_one_path_ends() -> None:
    # given a path that leads into many arrays, each of which has all fields but never in one element
    keys = "abcdef"
    step = {"x.y.z": None, "x": {"y.z": None}, "x.y": {"z": None}}

    def arrays(value: Any) -> list[Any]:
        return [{key: 1} for key in keys] if value is None else [{name: arrays(inner) for name, inner in value.items()}]

    matcher = Matcher()
    matcher.add("f", {"pattern": {"data": {"x": {"y": {"z": {key: [1] for key in keys}}}}}})
    one = event({name: arrays(value) for name, value in step.items()})
    work = Work()

    # when it is matched
    matcher.matches(one, work)

    # then the search was bounded by the size of the event
    assert work.placed <= 10_000 + 60 * work.leaves + 1
