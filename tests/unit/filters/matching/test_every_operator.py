"""Every operator of the pattern language reaches the matcher: one that is only parsed would fail when a filter is added."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.filters.event_filter import parse_condition
from event_service.filters.matching.matcher import Matcher
from event_service.filters.patterns.compile import parse_pattern
from event_service.filters.patterns.operators import OPERATORS
from local.tools import ROOT

# operator: operand, a value that it accepts, a value that it does not
EXAMPLES: dict[str, tuple[Any, Any, Any]] = {
    "exactly": ("abc", "abc", "abcd"),
    "prefix": ("ab", "abc", "cab"),
    "suffix": ("bc", "abc", "bca"),
    "equals-ignore-case": ("ABC", "abc", "ab"),
    "wildcard": ("a*c", "abc", "abd"),
    "anything-but": ("abc", "abd", "abc"),
    "numeric": ([">", 1], 2, 1),
    "cidr": ("10.0.0.0/8", "10.1.2.3", "11.0.0.1"),
    "exists": (True, "abc", []),
}


def test_every_operator_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(OPERATORS)


@pytest.mark.parametrize(
    "path",
    [
        "tests/unit/filters/patterns/strategies.py",
        "tests/unit/filters/patterns/test_verdicts.py",
        "tests/unit/filters/patterns/test_refusals.py",
        "tests/fuzz/ruler/generator.py",
    ],
)
def test_every_operator_is_generated_judged_and_refused(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")

    assert [operator for operator in OPERATORS if f'"{operator}"' not in text] == []


@pytest.mark.parametrize("operator", EXAMPLES)
def test_an_operator_is_matched_and_its_filter_can_be_removed(operator: str) -> None:
    operand, accepted, refused = EXAMPLES[operator]
    matcher = Matcher()
    matcher.add("filter", parse_condition({"pattern": {"data": {"field": [{operator: operand}]}}}, parse_pattern))

    assert matcher.matches({"data": {"field": accepted}}) == {"filter"}
    assert matcher.matches({"data": {"field": refused}}) == set()
    matcher.remove("filter")
    assert matcher.matches({"data": {"field": accepted}}) == set()
