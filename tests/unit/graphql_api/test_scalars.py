"""The scalars take what the contract lets clients write, as literals and as variables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import Door


def published_data(door: Door, services: FakeServices, literal: str, variables: dict[str, Any] | None = None, declared: str = "") -> Any:
    door.ask(f"mutation{declared} {{ publishEvents(events: [{{type: A, data: {literal}}}]) {{ ok }} }}", variables).data["publishEvents"]
    return services.publishing().events[-1].data


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("{}", {}),
        ('{a: 1, b: 2.5, c: "x", d: true, e: null}', {"a": 1, "b": 2.5, "c": "x", "d": True, "e": None}),
        ("{f: [1, [2]], g: {h: []}}", {"f": [1, [2]], "g": {"h": []}}),
        ("{a: -0.0, b: 1e3}", {"a": -0.0, "b": 1000.0}),
        ("{a: " + "9" * 999 + "}", {"a": int("9" * 999)}),
        ('{a: """block "quoted" """}', {"a": 'block "quoted" '}),
        ('{a: "\\u{1F600}\\uFFFF"}', {"a": "\U0001f600\uffff"}),
    ],
)
def test_json_may_be_written_as_a_literal(literal: str, value: Any, door: Door, services: FakeServices) -> None:
    assert published_data(door, services, literal) == value


def test_variables_may_stand_inside_a_json_literal(door: Door, services: FakeServices) -> None:
    data = published_data(
        door,
        services,
        "{a: $whole, list: [$text, $missing], missing: $missing, deep: {n: $number}}",
        {"whole": {"anything-but": [1]}, "text": "x", "number": 5},
        "($whole: JSON, $text: String, $number: Int, $missing: Int)",
    )

    assert data == {"a": {"anything-but": [1]}, "list": ["x", None], "deep": {"n": 5}}


@pytest.mark.parametrize("value", [{"a": 1}, {"$or": [{"b": [None, True, 1.5]}]}])
def test_json_may_be_a_variable(value: Any, door: Door, services: FakeServices) -> None:
    assert published_data(door, services, "$data", {"data": value}, "($data: JSON!)") == value


@pytest.mark.parametrize("literal", ['"IDENTIFICATION"', "IDENTIFICATION", '"com.example/door-opened"', "FACE_HIDE_CONTROL"])
def test_an_event_type_is_a_string_or_a_bare_name(literal: str, door: Door, services: FakeServices) -> None:
    door.ask(f"mutation {{ publishEvents(events: [{{type: {literal}, data: {{}}}}]) {{ ok }} }}")

    assert services.publishing().events[0].type == literal.strip('"')
    asked = door.ask(f"{{ events(filters: {{type: {{exact: {literal}}}}}) {{ collectionItems {{ type }} }} }}").data
    assert asked["events"]["collectionItems"] == [{"type": literal.strip('"')}]


@pytest.mark.parametrize("literal", ["5", "true", "{}", "[A]", "1.5"])
def test_nothing_else_is_an_event_type(literal: str, door: Door, services: FakeServices) -> None:
    response = door.ask(f"mutation {{ publishEvents(events: [{{type: {literal}, data: {{}}}}]) {{ ok }} }}")

    assert response.code == "BAD_USER_INPUT"
    assert not services.publishing().events


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2024-05-22T08:55:23.460103+00:00", "2024-05-22T08:55:23.460103+00:00"),
        ("2024-05-22T08:55:23Z", "2024-05-22T08:55:23.000000+00:00"),
        ("2024-05-22t08:55:23.1234569z", "2024-05-22T08:55:23.123456+00:00"),
        ("2024-05-22T08:55:23+14:00", "2024-05-21T18:55:23.000000+00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000+00:00"),
    ],
)
def test_a_date_goes_in_as_rfc_3339_and_out_with_microseconds_and_offset(given: str, shown: str, door: Door) -> None:
    door.ask("mutation($d: DateTime) { publishEvents(events: [{type: A, data: {}, date: $d}]) { ok } }", {"d": given})

    assert door.ask("{ events { collectionItems { date } } }").data["events"]["collectionItems"] == [{"date": shown}]


def test_a_pattern_may_be_an_object_or_a_string_that_holds_one(door: Door) -> None:
    query = "mutation($p: JSON) { createEventFilters(eventFiltersInput: {pattern: $p}) { meta } }"
    pattern = {"type": [{"anything-but": ["HAR"]}]}

    as_object = door.ask(query, {"p": pattern}).data["createEventFilters"]["meta"]
    as_string = door.ask(query, {"p": '{"type": [{"anything-but": ["HAR"]}]}'}).data["createEventFilters"]["meta"]

    assert as_object == as_string == {"pattern": pattern}
