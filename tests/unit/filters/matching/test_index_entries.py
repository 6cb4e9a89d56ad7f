"""How many index entries a filter takes, which a quota counts."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.filters.event_filter import MAXIMUM_INDEX_ENTRIES
from event_service.filters.matching.conditions import compile_condition
from event_service.filters.matching.size import BYTES_PER_MORE_WAITER, BYTES_PER_POSTING, bytes_of_place, index_entries


@pytest.mark.parametrize(
    ("condition", "entries"),
    [
        ({"in": {"cameraIds": ["c1", "c2"]}}, 4 + 2 + 1 + 1),
        ({"in": {"cameraIds": []}}, 4),
        ({"pattern": {"data": {"a": [1]}}}, 4 + 1 + 2 + 1),
        ({"pattern": {"a": ["x" * 640]}}, 4 + 11 + 1 + 1),
        ({"pattern": {"a": [{"numeric": [">", 1]}]}}, 4 + 3 + 1 + 1),
        ({"pattern": {"a": [{"exists": False}, 1, 2]}}, 4 + 3 + 1 + 1),
        ({"pattern": {"a": [{"exists": True}]}}, 4 + 1 + 1 + 1),
        ({"pattern": {"a": ["10.0.0.1", {"prefix": "a"}, {"suffix": "a"}]}}, 4 + 3 + 1 + 1),
        ({"pattern": {"a": [{"cidr": "10.0.0.0/8"}]}}, 4 + 2 + 1 + 1),
        ({"pattern": {"a": [{"equals-ignore-case": "x" * 64}]}}, 4 + 2 * 2 + 1 + 1),
        ({"pattern": {"a": [{"wildcard": "a*b*" + "c" * 64}]}}, 4 + 2 * (1 + 1 + 2) + 1 + 1),
        # an exclusion by itself, its values twice, and other exclusions as what they exclude
        ({"pattern": {"a": [{"anything-but": ["x", "y" * 64]}]}}, 4 + 1 + 2 * (1 + 2) + 1 + 1),
        ({"pattern": {"a": [{"anything-but": {"prefix": ["a", "b"]}}]}}, 4 + 1 + 2 + 1 + 1),
        ({"pattern": {"a" * 64: {"b": [1]}}}, 4 + 1 + 2 + 1 + 1),
        # lists are a field of each alternative
        ({"in": {"cameraIds": ["c1"]}, "pattern": {"$or": [{"a": [1]}, {"b": [1]}]}}, 4 + 3 * 2 + 2 * 2),
        # three distinct conditions with a value and a segment each, two alternatives of two fields each
        ({"pattern": {"a": [1], "$or": [{"b": [1]}, {"c": [1]}]}}, 4 + 3 * 2 + 2 * 2),
    ],
)
def test_entries_are_counted_by_a_stated_rule(condition: dict[str, Any], entries: int) -> None:
    assert index_entries(condition) == entries


def test_filters_of_800_cameras_fit_up_to_a_stated_number() -> None:
    entries = index_entries({"in": {"cameraIds": [f"camera-{number}" for number in range(800)]}})

    assert MAXIMUM_INDEX_ENTRIES // entries == 3_101  # as docs/filters.md says


@pytest.mark.parametrize("number", [10, 100, 1_000])
def test_a_list_takes_half_a_posting_a_value_where_it_waits_first(number: int) -> None:
    """Its other values are mostly those of other lists. Where one waits already, each value has one more who waits."""
    ((field,),) = (compile_condition({"in": {"cameraIds": [f"c{one}" for one in range(number)]}}).lists,)

    assert bytes_of_place(field, 0) == number * BYTES_PER_POSTING // 2
    assert bytes_of_place(field, 1) == number * BYTES_PER_MORE_WAITER
