"""Items of the local DynamoDB share what is equal, and nothing that a change of one could show in another place."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.host.attributes import MOST_CHARACTERS, REMEMBERED, SharedAttributes

_TEXT = st.text(max_size=MOST_CHARACTERS + 2)
_VALUES = st.one_of(
    st.fixed_dictionaries({"S": _TEXT}),
    st.fixed_dictionaries({"N": st.integers().map(str)}),
    st.fixed_dictionaries({"BOOL": st.booleans()}),
    st.fixed_dictionaries({"L": st.lists(st.fixed_dictionaries({"S": _TEXT}), max_size=2)}),
    st.fixed_dictionaries({"M": st.dictionaries(_TEXT, st.fixed_dictionaries({"S": _TEXT}), max_size=2)}),
)


def parsed(item: dict[str, Any]) -> dict[str, Any]:
    """As a request brings it: with strings of its own."""
    made: dict[str, Any] = json.loads(json.dumps(item))
    return made


@given(st.lists(st.dictionaries(_TEXT, _VALUES, max_size=5), max_size=5))
def test_an_item_is_equal_to_the_one_given(items: list[dict[str, Any]]) -> None:
    shared = SharedAttributes()
    for item in items:
        assert shared.of(parsed(item)) == item


def test_equal_attributes_of_items_are_one_object() -> None:
    shared = SharedAttributes()
    item = {"status": {"S": "DELIVERED"}, "v": {"N": "1"}}
    first, second = shared.of(parsed(item)), shared.of(parsed(item))
    assert all(one is other for one, other in zip(first, second, strict=True))
    assert all(first[name] is second[name] for name in item)


def test_a_copy_may_be_changed_in_one_attribute() -> None:
    item = SharedAttributes().of({"a": {"N": "1"}, "b": {"N": "1"}})
    changed = copy.deepcopy(item)
    changed["a"]["N"] = "2"
    assert (item, changed) == ({"a": {"N": "1"}, "b": {"N": "1"}}, {"a": {"N": "2"}, "b": {"N": "1"}})


def test_what_is_remembered_is_bounded() -> None:
    shared = SharedAttributes()
    for number in range(REMEMBERED + 1):
        shared.of({"id": {"S": f"{number}"}})
    assert len(shared._known) == 1
