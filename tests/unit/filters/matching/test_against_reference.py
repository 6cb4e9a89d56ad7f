"""A matcher with many filters agrees with the slow reference, filter by filter, also while filters come and go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from event_service.filters.matching import matcher as matcher_module
from event_service.filters.matching.matcher import Matcher
from tests.unit.filters.matching.counting import tables_of
from tests.unit.filters.patterns import reference
from tests.unit.filters.patterns.strategies import ENTRIES, EVENTS, PATTERNS, SCALARS

IDS = st.sampled_from(["k1", "K1", "k2", "10.0.0.1"])
TYPES = st.sampled_from(["Door", "door", "WINDOW", "Straße"])
LISTS: st.SearchStrategy[dict[str, list[str]]] = st.fixed_dictionaries(
    {},
    optional={
        "cameraIds": st.lists(IDS, max_size=2),
        "agentIds": st.lists(IDS, max_size=2),
        "profileGroupIds": st.lists(IDS, max_size=2),
        "eventTypes": st.lists(TYPES, max_size=2),
    },
).filter(bool)
GROUPS = st.one_of(
    st.none(),
    st.lists(st.one_of(IDS, st.builds(lambda group: {"id": group, "name": "n"}, IDS), st.just({}), st.none()), max_size=3),
)
DELIVERED = st.builds(
    lambda fields, groups, kind, camera, agent: {
        "type": kind,
        "cameraId": camera,
        "agentId": agent,
        **fields,
        "data": {**fields, "identification_data": [{"profile_groups": groups}, {"profile_id": "k1"}]},
    },
    EVENTS,
    GROUPS,
    st.sampled_from(["Door", "DOOR", "window", "STRASSE"]),
    st.one_of(st.none(), IDS),
    st.one_of(st.none(), IDS),
)
CONDITIONS = st.one_of(
    PATTERNS.map(lambda pattern: {"pattern": pattern}),
    LISTS.map(lambda lists: {"in": lists}),
    st.builds(lambda lists, pattern: {"in": lists, "pattern": pattern}, LISTS, PATTERNS),
)


def _listed(lists: dict[str, list[str]], event: dict[str, Any]) -> bool:
    groups = [
        group["id"] if isinstance(group, dict) and "id" in group else group
        for row in event["data"]["identification_data"]
        for group in row.get("profile_groups") or []
    ]
    types = [kind.casefold() for kind in lists.get("eventTypes", [])]
    return (
        ("cameraIds" not in lists or event["cameraId"] in lists["cameraIds"])
        and ("agentIds" not in lists or event["agentId"] in lists["agentIds"])
        and ("eventTypes" not in lists or event["type"].casefold() in types)
        and ("profileGroupIds" not in lists or any(group in lists["profileGroupIds"] for group in groups))
    )


def expected(conditions: dict[str, dict[str, Any]], event: dict[str, Any]) -> set[str]:
    """The ids of ``conditions`` that hold, one by one."""
    return {
        filter_id
        for filter_id, condition in conditions.items()
        if _listed(condition.get("in", {}), event) and ("pattern" not in condition or reference.matches(condition["pattern"], event))
    }


@pytest.mark.long
@settings(max_examples=100)
@given(conditions=st.lists(CONDITIONS, min_size=1, max_size=12), events=st.lists(DELIVERED, min_size=1, max_size=3))
def test_a_matcher_finds_exactly_the_filters_that_match_one_by_one(conditions: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    matcher = Matcher()
    by_id = {str(number): condition for number, condition in enumerate(conditions)}
    for filter_id, condition in by_id.items():
        matcher.add(filter_id, condition)
    for event in events:
        assert matcher.matches(event) == expected(by_id, event)


@pytest.mark.long
@settings(max_examples=100)
@given(conditions=st.lists(CONDITIONS, min_size=1, max_size=12), events=st.lists(DELIVERED, min_size=2, max_size=5))
def test_filters_that_move_where_they_wait_keep_their_verdicts(conditions: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    by_id = {str(number): condition for number, condition in enumerate(conditions)}
    matcher = Matcher()
    for filter_id, condition in by_id.items():
        matcher.add(filter_id, condition)
    with pytest.MonkeyPatch.context() as patch:
        # given that one filter found in vain is enough to move it
        patch.setattr(matcher_module, "MANY_IN_VAIN", 0)
        for event in (*events, *events):
            assert matcher.matches(event) == expected(by_id, event)
    for filter_id in by_id:
        matcher.remove(filter_id)
    assert tables_of(matcher) == tables_of(Matcher())


@settings(max_examples=100)
@given(
    changes=st.lists(st.tuples(st.sampled_from("abcdef"), st.one_of(st.none(), CONDITIONS)), max_size=25),
    event=DELIVERED,
)
def test_a_matcher_after_any_changes_is_as_one_built_anew(changes: list[tuple[str, dict[str, Any] | None]], event: dict[str, Any]) -> None:
    matcher = Matcher()
    kept: dict[str, dict[str, Any]] = {}
    for filter_id, condition in changes:
        if condition is None:
            matcher.remove(filter_id)
            kept.pop(filter_id, None)
        else:
            matcher.add(filter_id, condition)
            kept[filter_id] = condition
        assert matcher.matches(event) == expected(kept, event)
    for filter_id in kept:
        matcher.remove(filter_id)
    assert tables_of(matcher) == tables_of(Matcher())


LISTS_OF_ENTRIES = st.lists(ENTRIES, min_size=1, max_size=6)
ONE_FIELD = st.builds(lambda entries: {"pattern": {"a": entries}}, LISTS_OF_ENTRIES)
STEPS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.one_of(st.none(), ONE_FIELD, ONE_FIELD, ONE_FIELD)), min_size=1, max_size=30)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), st.lists(st.fixed_dictionaries({}, optional={"b": SCALARS}), max_size=3))


@settings(max_examples=250)
@given(steps=STEPS, values=st.lists(VALUES, min_size=1, max_size=3))
@example(
    steps=[("a", {"pattern": {"a": [{"anything-but": ["w", "x"]}, {"anything-but": ["y", "z"]}]}})],
    values=["w", "y", ["w", "y"], 1],
)
@example(
    steps=[("a", {"pattern": {"a": [{"anything-but": ["x", "y"]}, {"anything-but": ["y", "z"]}]}}), ("a", None)],
    values=["x", "y"],
)
def test_lists_of_any_operators_in_one_index_lose_no_event(steps: list[tuple[str, dict[str, Any] | None]], values: list[Any]) -> None:
    # All stand at one path, so that they share every table; they come and go in any order.
    matcher = Matcher()
    kept: dict[str, dict[str, Any]] = {}
    events: list[dict[str, Any]] = [{"a": value} for value in values]
    for filter_id, condition in steps:
        if condition is None:
            matcher.remove(filter_id)
            kept.pop(filter_id, None)
        else:
            matcher.add(filter_id, condition)
            kept[filter_id] = condition
        for event in events:
            found = {one for one, condition in kept.items() if reference.matches(condition["pattern"], event)}
            assert matcher.matches(event) == found
    for filter_id in kept:
        matcher.remove(filter_id)
    assert tables_of(matcher) == tables_of(Matcher())
