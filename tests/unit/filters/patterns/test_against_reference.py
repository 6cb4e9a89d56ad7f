"""Compiled patterns agree with the slow reference on generated patterns and events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings

from event_service.filters.patterns.compile import compile_pattern
from tests.unit.filters.patterns import reference
from tests.unit.filters.patterns.strategies import EVENTS, PATTERNS
from tests.unit.filters.verdicts import pattern_matches


@pytest.mark.long
@settings(max_examples=300)
@given(pattern=PATTERNS, event=EVENTS)
@example(pattern={"a": [{"exists": False}], "b": ["x"]}, event={"a": [{"z": 1}], "b": "x"})
@example(pattern={"a": [{"numeric": [">", 0]}]}, event={"a": 2**53 + 1})
@example(pattern={"a": [{"numeric": [">", 0]}]}, event={"a": 10**400})
def test_a_pattern_matches_what_the_reference_matches(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert pattern_matches(pattern, event) == reference.matches(pattern, event)


@pytest.mark.long
@settings(max_examples=100)
@given(pattern=PATTERNS, event=EVENTS)
def test_a_pattern_as_a_string_matches_what_it_matches_as_an_object(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert compile_pattern(json.dumps(pattern)) == compile_pattern(pattern)
    assert pattern_matches(json.dumps(pattern), event) == reference.matches(pattern, event)
