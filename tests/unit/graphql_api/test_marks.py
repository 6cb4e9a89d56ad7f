"""Keys, descriptions and labels through the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.graphql_api.door import Door

MARKS = 'key: "orders", description: "For the shop.", labels: {team: "shop", env: "prod"}'
SHOWN = {"key": "orders", "description": "For the shop.", "labels": {"env": "prod", "team": "shop"}}
FIELDS = "id key description labels"
CREATE = {
    "createWebSocketEndpoint": f'createWebSocketEndpoint(name: "a" %s) {{ {FIELDS} }}',
    "createWebhookEndpoint": f'createWebhookEndpoint(name: "a", url: "https://web-hook.server.com" %s) {{ {FIELDS} }}',
    "createEventFilters": f'createEventFilters(eventFiltersInput: {{in: {{eventTypes: ["A"]}}}} %s) {{ {FIELDS} }}',
}
UPDATE = {"createEventFilters": "updateEventFilters"}


def made(door: Door, name: str, marks: str = MARKS) -> dict[str, Any]:
    answered: dict[str, Any] = door.ask(f"mutation {{ {CREATE[name] % marks} }}").data[name]
    return answered


@pytest.mark.parametrize("name", CREATE)
def test_marks_are_given_and_shown(name: str, door: Door) -> None:
    assert {key: value for key, value in made(door, name).items() if key != "id"} == SHOWN


@pytest.mark.parametrize("name", CREATE)
def test_there_are_no_marks_where_none_are_given(name: str, door: Door) -> None:
    for marks in ("", "key: null, description: null, labels: null"):
        assert {key: value for key, value in made(door, name, marks).items() if key != "id"} == {
            "key": None,
            "description": None,
            "labels": {},
        }


@pytest.mark.parametrize("name", CREATE)
def test_an_update_changes_what_is_given(name: str, door: Door) -> None:
    one, update = made(door, name)["id"], UPDATE.get(name, "updateEndpoint")

    query = f'mutation($labels: JSON) {{ {update}(id: "{one}", description: "", labels: $labels) {{ key description labels }} }}'

    assert door.ask(query, {"labels": {"cost-center": "17"}}).data[update] == {
        "key": "orders",
        "description": None,
        "labels": {"cost-center": "17"},
    }
    assert door.ask(query, {"labels": None}).data[update]["labels"] == {"cost-center": "17"}
    assert door.ask(query, {"labels": {}}).data[update]["labels"] == {}


@pytest.mark.parametrize("name", CREATE)
def test_a_taken_key_is_a_conflict_that_names_the_holder(name: str, door: Door) -> None:
    holder = made(door, name)["id"]

    response = door.ask(f"mutation {{ {CREATE[name] % MARKS} }}")

    assert response.code == "CONFLICT"
    assert response.error["extensions"]["ids"] == [holder]
    assert holder in response.error["message"]


def test_an_endpoint_and_a_filter_may_have_the_same_key(door: Door) -> None:
    assert made(door, "createWebhookEndpoint")["key"] == made(door, "createEventFilters")["key"]


@pytest.mark.parametrize("name", CREATE)
def test_bad_marks_are_told_with_the_other_faults(name: str, door: Door) -> None:
    response = door.ask("mutation { " + CREATE[name] % 'key: " x", labels: {a: 1}' + " }")

    assert response.code == "BAD_USER_INPUT"
    assert "key: it begins or ends with a space" in response.error["message"]
    assert "labels.a: it is no text" in response.error["message"]
