"""An explanation and the verdict never disagree, and the one clause that is blamed is the one that stands in the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings

from event_service.filters.matching.budget import Budget
from event_service.filters.matching.explanation import Explainer
from event_service.filters.patterns.compile import compile_pattern
from event_service.filters.patterns.wording import entries_of
from tests.unit.filters.matching.test_against_reference import CONDITIONS, DELIVERED, expected
from tests.unit.filters.matching.test_every_operator import EXAMPLES
from tests.unit.filters.patterns import reference
from tests.unit.filters.patterns.strategies import EVENTS, PATTERNS
from tests.unit.filters.patterns.test_verdicts import VERDICTS
from tests.unit.filters.verdicts import matches

APART = {"a": [{"b": 1, "c": 2}, {"b": 2, "c": 1}]}


@pytest.mark.long
@settings(max_examples=300)
@given(condition=CONDITIONS, event=DELIVERED)
def test_an_explanation_names_a_clause_exactly_where_the_verdict_is_no(condition: dict[str, Any], event: dict[str, Any]) -> None:
    explanation = Explainer(condition).explain(event)

    assert explanation.complete
    assert (not explanation.failed) is matches(condition, event) is bool(expected({"f": condition}, event))
    assert Explainer(condition).near_miss(event) == explanation.near_miss


@pytest.mark.parametrize(("pattern", "yes", "no"), [row[1:] for row in VERDICTS], ids=[row[0] for row in VERDICTS])
def test_an_explanation_agrees_with_every_verdict_of_the_corpus(pattern: str, yes: list[str], no: list[str]) -> None:
    explainer = Explainer({"pattern": pattern})

    assert [explainer.explain(json.loads(event)).failed for event in yes] == [()] * len(yes)
    assert all(explainer.explain(json.loads(event)).failed for event in no)


@pytest.mark.long
@settings(max_examples=300)
@given(pattern=PATTERNS, event=EVENTS)
@example(pattern={"a": {"b": [1], "c": [1]}}, event=APART)
@example(pattern={"a": {"b": [1], "c": [1], "d": [{"exists": False}]}}, event=APART)
def test_a_near_miss_is_a_match_but_for_the_clause_that_is_blamed(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    explanation = Explainer({"pattern": pattern}).explain(event)
    leaves = list(reference._leaves(event))
    without_one = {
        path
        for fields in reference.alternatives(pattern)
        for path in fields
        if reference._can_pick(sorted((key, value) for key, value in fields.items() if key != path), leaves, {})
    }

    if not explanation.failed:
        return
    if explanation.near_miss is None:
        assert without_one == set()
    else:
        assert explanation.near_miss.path in without_one


@pytest.mark.long
@settings(max_examples=300)
@given(pattern=PATTERNS)
@example(pattern={"a": [{"numeric": [">", 1.7976931348623157e308]}, {"numeric": ["<", 0]}, {"exactly": "10.0.0.1"}, "::1"]})
def test_what_is_wanted_is_said_as_the_pattern_would_say_it(pattern: dict[str, Any]) -> None:
    for alternative in compile_pattern(pattern).alternatives:
        for condition in alternative:
            entries = entries_of(condition.predicates, or_absent=condition.or_absent)
            ((again,),) = compile_pattern(json.loads(json.dumps({condition.path: entries}))).alternatives
            assert (set(again.predicates), again.or_absent) == (set(condition.predicates), condition.or_absent)


@pytest.mark.parametrize("operator", EXAMPLES)
def test_every_operator_has_words(operator: str) -> None:
    operand, accepted, refused = EXAMPLES[operator]
    explainer = Explainer({"pattern": {"data": {"field": [{operator: operand}]}}})

    assert explainer.explain({"data": {"field": accepted}}).failed == ()
    (failed,) = explainer.explain({"data": {"field": refused}}).failed
    assert failed.sentence.startswith("`data.field`: ")


@pytest.mark.parametrize(
    ("condition", "event", "sentences"),
    [
        ({"pattern": {"data": {"total": [{"numeric": [">", 100]}]}}}, {"data": {"total": 80}}, ["`data.total`: 80 is not > 100."]),
        ({"pattern": {"a": [{"numeric": [">", 0, "<=", 5]}]}}, {"a": [7, 8]}, ["`a`: none of 7 and 8 fits; wanted is > 0 and <= 5."]),
        ({"pattern": {"a": ["x", {"prefix": "ab"}]}}, {"a": "y"}, ['`a`: "y" is none of "x" or prefix "ab".']),
        ({"pattern": {"a": ["x"], "b": [1]}}, {}, ['`a`: there is no value; wanted is "x".', "`b`: there is no value; wanted is 1."]),
        ({"pattern": {"a": [{"exists": False}]}}, {"a": None}, ["`a`: null is a value where there must be none."]),
        ({"pattern": {"a": [{"anything-but": ["x", "y"]}]}}, {"a": "x"}, ['`a`: "x" is excluded by anything-but ["x", "y"].']),
        ({"pattern": {"a": [{"cidr": "10.0.0.0/8"}]}}, {"a": "11.0.0.1"}, ['`a`: "11.0.0.1" is no address in 10.0.0.0/8.']),
        ({"pattern": {"a": [{"suffix": {"equals-ignore-case": ".JPG"}}]}}, {"a": "b"}, ['`a`: "b" does not end with ".JPG" in any case.']),
        ({"in": {"eventTypes": ["Door"]}}, {"type": "Window"}, ['`in.eventTypes`: "Window" is not "Door".']),
        (
            {"in": {"cameraIds": ["1", "2", "3", "4", "5"]}},
            {"cameraId": "9"},
            ['`in.cameraIds`: "9" is none of "1", "2", "3" or 2 more.'],
        ),
        ({"in": {"cameraIds": []}}, {"cameraId": "9"}, ["`in.cameraIds`: the list is empty, and so it matches nothing."]),
        (
            {"in": {"cameraIds": [], "agentIds": ["1"]}, "pattern": {"type": ["Door"]}},
            {"cameraId": "9", "type": "Window", "agentId": "2"},
            [
                "`in.cameraIds`: the list is empty, and so it matches nothing.",
                '`type`: "Window" is not "Door".',
                '`in.agentIds`: "2" is not "1".',
            ],
        ),
        (
            {"pattern": {"a": {"b": [1], "c": [1]}}},
            APART,
            ["`a.c`: no value fits in the same element of the list in which `a.b` holds; wanted is 1."],
        ),
    ],
)
def test_the_sentence_says_what_was_found_and_what_was_wanted(
    condition: dict[str, Any], event: dict[str, Any], sentences: list[str]
) -> None:
    assert [failed.sentence for failed in Explainer(condition).explain(event).failed] == sentences


def test_the_nearest_of_several_alternatives_is_explained() -> None:
    pattern = {"type": ["a"], "$or": [{"b": [1], "c": [1]}, {"d": [{"numeric": ["<", 5]}]}]}

    explanation = Explainer({"pattern": pattern}).explain({"type": "a", "b": 2, "c": 2, "d": 9})

    assert explanation.near_miss is not None
    assert (explanation.near_miss.path, explanation.near_miss.found, explanation.near_miss.wanted) == ("d", 9, [{"numeric": ["<", 5]}])


def test_the_clause_in_the_middle_is_found_where_two_others_agree() -> None:
    event = {"a": [{"b": 1}, {"c": 1, "d": 1}]}

    explanation = Explainer({"pattern": {"a": {"b": [1], "c": [1], "d": [1]}}}).explain(event)

    assert explanation.near_miss is not None
    assert explanation.near_miss.path == "a.b"


@pytest.mark.parametrize(
    ("condition", "event", "path"),
    [
        ({"pattern": {"a": {"b": [1], "c": [1]}}}, APART, "a.c"),
        ({"pattern": {"a": {"b": [1], "c": [1]}, "d": [1]}}, APART, None),
        ({"pattern": {"a": {"b": [1], "c": [1]}, "d": [1], "e": [1]}}, APART, None),
        ({"in": {"cameraIds": []}}, APART, "in.cameraIds"),
        ({"in": {"cameraIds": []}, "pattern": {"d": [1]}}, APART, None),
        ({"pattern": {"a": {"b": [1]}}}, APART, None),
    ],
)
def test_a_near_miss_is_one_clause_of_whatever_kind(condition: dict[str, Any], event: dict[str, Any], path: str | None) -> None:
    miss = Explainer(condition).near_miss(event)

    assert miss == Explainer(condition).explain(event).near_miss
    assert (miss.path if miss else None) == path


def test_an_explanation_stays_within_its_budget_and_says_so() -> None:
    pattern = {"a": [{"wildcard": "*x*y*z*"}], "b": [1]}

    explanation = Explainer({"pattern": pattern}).explain({"a": ["xyq" * 500 + str(n) for n in range(100)], "b": 2}, Budget(1_000))

    assert not explanation.complete
    assert explanation.near_miss is None
