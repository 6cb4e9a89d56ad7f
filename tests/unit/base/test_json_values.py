"""Strict JSON: what other readers would read differently, or not at all, is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_service.base.errors import BadUserInput
from event_service.base.json_values import MAXIMUM_DEPTH, check, dumps, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('{"a": 1e999}', "too large for a 64-bit float"),
        ("1" * 5_000, "5000 characters"),
        ("1e-400", "too small for a 64-bit float"),
        ("-0.0000001e-320", "too small for a 64-bit float"),
        ("0.12345678901234567890", "19 digits; a 64-bit float keeps 17"),
        ("123456789012345678.5", "19 digits; a 64-bit float keeps 17"),
        ('{"a": 1, "b": 2, "a": 1}', "the key 'a' stands twice"),
        (r'[{"\u0061": 1, "a": null}]', "the key 'a' stands twice"),
        ('{"": 1, "": 2}', "the key '' stands twice"),
        (r'"\ud800"', "surrogate"),
        (r'{"\uDC00": 1}', "surrogate"),
        ('"\ud800"', "surrogate"),
        ("[" * 5_000 + "]" * 5_000, "deeper than 100"),
        ('{"a":' * 101 + "1" + "}" * 101, "deeper than 100"),
        ("[" * 5_000, "deeper than 100"),
        ("", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("[1,]", "not JSON"),
        ("1 2", "not JSON"),
        ("\ufeff{}", "not JSON"),
        (b"\xff", "not valid UTF-8"),
    ],
)
def test_what_is_not_strict_json_is_refused(text: str | bytes, says: str) -> None:
    with pytest.raises(BadUserInput, match=says):
        loads(text, "data")


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud83d\ude00"',
        '"[[[[ \\" [[[["',
        "[" * MAXIMUM_DEPTH + "]" * MAXIMUM_DEPTH,
        '"' + "[" * 5_000 + '"',
        "9" * 1_000,
        '"\\u0000\ufffe\uffff"',
        "-0.0",
        "0e-400",
        "0.10000000000000001",
        "5e-324",
        "1.7976931348623157e308",
        "1.50000000000000000000000000",
        "0.00000000000000000000000000000012345678901234567",
        "12345678901234567890123456789",
        '{"a": {"a": 1}, "A": 2}',
    ],
)
def test_unusual_but_strict_json_is_read(text: str) -> None:
    assert loads(text, "data") == json.loads(text)


@given(JSON)
def test_what_is_written_is_read_back_and_fits_into_sqs(value: Any) -> None:
    text = dumps(value)
    assert loads(text, "data") == value
    assert "\ufffe" not in text
    assert "\uffff" not in text


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        ([10**5_000], "too long"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        ({1: 2}, "not a string"),
        ({"a": {1, 2}}, "not a JSON value"),
    ],
)
def test_values_from_elsewhere_meet_the_same_rules(value: Any, says: str) -> None:
    with pytest.raises(BadUserInput, match=says):
        check({"nested": [value]} if not isinstance(value, dict) else value, "data")


def test_values_from_elsewhere_may_nest_100_levels() -> None:
    value: list[Any] = []
    for _ in range(MAXIMUM_DEPTH - 1):
        value = [value]
    check(value, "data")
    with pytest.raises(BadUserInput, match="deeper"):
        check([value], "data")
