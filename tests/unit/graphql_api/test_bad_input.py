"""Bad input is refused with a sentence and a code, nothing is changed, and nothing becomes a fault of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_WORKSPACE, WORKSPACE, Door

KNOWN = "357fe643-2396-4919-bd9e-a30f0ac28818"
FOREIGN = "8374c43d-7561-4a08-b3b7-afce7799e2a8"
UNKNOWN = "00000000-0000-4000-8000-000000000001"
FILTER = "452cb352-1315-44d1-95d0-15eb9a7760fb"

CREATE = (
    "mutation($name: String!, $url: String!, $method: String) { createWebhookEndpoint(name: $name, url: $url, method: $method) { id } }"
)
PRIVATE = (
    "127.0.0.1",
    "10.0.0.1",
    "2130706433",
    "0x7f.1",
    "017700000001",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "localhost",
    "169.254.169.254",
)
GOOD = {"name": "a", "url": "https://web-hook.server.com"}
PUBLISH = "mutation($events: [EventInput!]!) { publishEvents(events: $events) { ok } }"


@pytest.fixture
def door(services: FakeServices) -> Door:
    services.put_endpoint(WORKSPACE, KNOWN)
    services.put_endpoint(OTHER_WORKSPACE, FOREIGN)
    services.put_event_filter(WORKSPACE, FILTER)
    return Door(services)


def refused(door: Door, services: FakeServices, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """Sends it, and returns the first error after having seen that nothing was changed."""
    response = door.ask(query, variables)
    assert response.status in (200, 400), response.body
    errors: list[dict[str, Any]] = response.json["errors"]
    assert services.calls["changes.append"] == 0
    assert not services.publishing().events
    assert "INTERNAL" not in {error["extensions"]["code"] for error in errors}
    return errors[0]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name: it is empty"),
        ({"name": "   "}, "name: it is empty"),
        ({"name": "a" * 300}, "300 characters; at most 256"),
        ({"name": "a\u0000b"}, "control characters"),
        ({"name": 5}, "String cannot represent"),
        ({"url": ""}, "url"),
        ({"url": "web-hook.server.com"}, "url"),
        ({"url": "ftp://web-hook.server.com"}, "url"),
        ({"url": "http://web-hook.server.com"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https:///path"}, "url"),
        ({"url": "https://user:password@web-hook.server.com"}, "url"),
        ({"url": "https://web-hook.server.com/" + "a" * 3_000}, "at most 2048"),
        *(({"url": f"https://{host}/"}, "url") for host in PRIVATE),
        ({"method": "GET"}, "not one of POST, PUT, PATCH"),
        ({"method": "TRACE"}, "not one of POST, PUT, PATCH"),
        ({"method": "P OST"}, "not one of POST, PUT, PATCH"),
        ({"method": ""}, "not one of POST, PUT, PATCH"),
    ],
)
def test_a_bad_webhook_is_not_created(variables: dict[str, Any], said: str, door: Door, services: FakeServices) -> None:
    error = refused(door, services, CREATE, GOOD | variables)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in error["message"]


def test_several_bad_arguments_are_reported_together(door: Door, services: FakeServices) -> None:
    error = refused(door, services, CREATE, {"name": "", "url": "ftp://x", "method": "GET"})

    assert sorted(problem.split(":")[0] for problem in error["extensions"]["problems"]) == ["method", "name", "url"]


ON_IDS = [
    "mutation($ids: [ID!]!) { deleteEndpoints(ids: $ids) { ok } }",
    "mutation($ids: [ID!]!) { pauseEndpoints(ids: $ids) { ok } }",
    "mutation($ids: [ID!]!) { resumeEndpoints(ids: $ids) { ok } }",
    "mutation($ids: [ID!]!) { deleteEventFilters(ids: $ids) { ok } }",
    f'mutation($ids: [ID!]!) {{ linkEndpointsToEventFilters(endpointIds: $ids, eventFiltersId: "{FILTER}") {{ ok }} }}',
    f'mutation($ids: [ID!]!) {{ unlinkEndpointsToEventFilters(endpointIds: $ids, eventFiltersId: "{FILTER}") {{ ok }} }}',
    'mutation($ids: [ID!]!) { createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}, endpointIds: $ids) { id } }',
]


@pytest.mark.parametrize("query", ON_IDS)
@pytest.mark.parametrize(
    ("ids", "code"),
    [
        (["nonsense"], "BAD_USER_INPUT"),
        ([""], "BAD_USER_INPUT"),
        (["{357fe643-2396-4919-bd9e-a30f0ac28818}"], "BAD_USER_INPUT"),
        ([None], "BAD_USER_INPUT"),
        ([5], "BAD_USER_INPUT"),
        ([KNOWN] * 101, "BAD_USER_INPUT"),
        ([UNKNOWN], "NOT_FOUND"),
        ([FOREIGN], "NOT_FOUND"),
        ([KNOWN, FOREIGN], "NOT_FOUND"),
    ],
)
def test_bad_ids_change_nothing(query: str, ids: list[Any], code: str, door: Door, services: FakeServices) -> None:
    error = refused(door, services, query, {"ids": ids})

    assert error["extensions"]["code"] == code


@pytest.mark.parametrize("query", ON_IDS[:6])
def test_an_empty_list_of_ids_is_refused(query: str, door: Door, services: FakeServices) -> None:
    assert "1 to 100" in refused(door, services, query, {"ids": []})["message"]


@pytest.mark.parametrize("ids", [[UNKNOWN], [FOREIGN]])
def test_a_foreign_id_behaves_like_an_unknown_id(ids: list[str], door: Door, services: FakeServices) -> None:
    error = refused(door, services, ON_IDS[0], {"ids": ids})

    assert error["extensions"]["ids"] == ids
    assert error["message"] == f"No endpoint with id {ids[0]} in this workspace; nothing was changed."


@pytest.mark.parametrize("field", ["endpoints", "eventsFilters", "events"])
@pytest.mark.parametrize(
    ("pagination", "said"),
    [
        ("{limit: -1}", "-1 is not from 0 to 1000"),
        ("{limit: 1001}", "1001 is not from 0 to 1000"),
        ("{limit: 2147483647}", "not from 0 to 1000"),
        ("{limit: 99999999999}", "32-bit"),
        ("{offset: -5}", "-5 is negative"),
        ("{offset: 1e30}", "Int cannot represent"),
        ('{limit: "5"}', "Int cannot represent"),
        ("{first: 5}", "'first'"),
    ],
)
def test_a_bad_page_is_refused(field: str, pagination: str, said: str, door: Door, services: FakeServices) -> None:
    error = refused(door, services, f"{{ {field}(pagination: {pagination}) {{ totalCount }} }}")

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert said in error["message"]


def test_a_page_beyond_the_end_is_empty(door: Door) -> None:
    asked = door.ask("{ endpoints(pagination: {offset: 2147483647, limit: 1000}) { collectionItems { id } } }")

    assert asked.data == {"endpoints": {"collectionItems": []}}


def test_faults_of_several_arguments_of_a_list_are_reported_together(door: Door, services: FakeServices) -> None:
    query = """{ endpoints(
        filters: {id: {exact: "x"}}, order: {creation_date: ASC, creationDate: ASC}, pagination: {offset: -1, limit: -1}
    ) { totalCount } }"""

    problems = refused(door, services, query)["extensions"]["problems"]

    assert [problem.split(":")[0] for problem in problems] == ["pagination.offset", "pagination.limit", "order", "filters.id.exact"]


@pytest.mark.parametrize(
    "order",
    [
        "eventsFilters(order: {creationDate: ASC, lastModified: ASC})",
        "eventsFilters(order: {creation_date: ASC, last_modified: DESC})",
        "eventsFilters(order: {last_modified: ASC, lastModified: ASC})",
        "endpoints(order: {creation_date: DESC, creationDate: DESC})",
    ],
)
def test_two_keys_in_one_order_are_refused(order: str, door: Door, services: FakeServices) -> None:
    assert "one key" in refused(door, services, f"{{ {order} {{ totalCount }} }}")["message"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({}, "BAD_USER_INPUT"),
        ({"type": "A"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": None}, "BAD_USER_INPUT"),
        ({"type": "A", "data": 5}, "BAD_USER_INPUT"),
        ({"type": "A", "data": "{}"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": []}, "BAD_USER_INPUT"),
        ({"type": "", "data": {}}, "BAD_USER_INPUT"),
        ({"type": "A" * 257, "data": {}}, "BAD_USER_INPUT"),
        ({"type": None, "data": {}}, "BAD_USER_INPUT"),
        ({"type": 5, "data": {}}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "unknown": 1}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "workspaceId": WORKSPACE}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "date": "yesterday"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "date": "2024-05-22"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "date": "2024-05-22T08:55:23"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "date": "1969-12-31T23:59:59Z"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "date": 1716368123}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "id": ""}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "id": "x" * 257}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {}, "id": "a\nb"}, "BAD_USER_INPUT"),
        ({"type": "A", "data": {"text": "x" * 300_000}}, "TOO_LARGE"),
    ],
)
def test_a_bad_event_publishes_nothing(event: dict[str, Any], code: str, door: Door, services: FakeServices) -> None:
    error = refused(door, services, PUBLISH, {"events": [{"type": "GOOD", "data": {}}, event]})

    assert error["extensions"]["code"] == code


@pytest.mark.parametrize(("events", "code"), [([], "BAD_USER_INPUT"), ([{"type": "A", "data": {}}] * 101, "TOO_LARGE")])
def test_a_publish_has_1_to_100_events(events: list[Any], code: str, door: Door, services: FakeServices) -> None:
    error = refused(door, services, PUBLISH, {"events": events})

    assert error["extensions"]["code"] == code
    assert "100" in error["message"]


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_data_may_nest_100_deep_and_no_deeper(door: Door, services: FakeServices) -> None:
    error = refused(door, services, PUBLISH, {"events": [{"type": "A", "data": nested(101)}]})

    assert "deeper than 100" in error["message"]
    assert door.ask(PUBLISH, {"events": [{"type": "A", "data": nested(100)}]}).data == {"publishEvents": {"ok": True}}


@pytest.mark.parametrize(
    ("literal", "said"),
    [
        ("{a: 1e999}", "too large for a 64-bit float"),
        ("{a: -1e999}", "too large for a 64-bit float"),
        ("{a: " + "9" * 5_000 + "}", "at most 1000 are allowed"),
        ("{a: NaN}", "write it as a string"),
        ('{a: "\\ud800"}', "Syntax Error"),
        ("{a: 1, a: 2}", "only one input field named 'a'"),
        ("{a: " * 150 + "1" + "}" * 150, "deeper than 100"),
        ("{a: " * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
    ],
)
def test_bad_json_in_a_literal_is_refused(literal: str, said: str, door: Door, services: FakeServices) -> None:
    error = refused(door, services, f"mutation {{ publishEvents(events: [{{type: A, data: {literal}}}]) {{ ok }} }}")

    assert said in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_the_last_two_characters_of_the_basic_plane_arrive(door: Door, services: FakeServices) -> None:
    door.ask(PUBLISH, {"events": [{"type": "A", "data": {"text": "\ufffe\uffff"}}]})

    assert services.publishing().events[0].data == {"text": "\ufffe\uffff"}
    assert door.ask("{ events { collectionItems { data } } }").data["events"]["collectionItems"][0]["data"] == {"text": "\ufffe\uffff"}


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"in": None},
        {"in": {}},
        {"in": {"cameraIds": None}},
        {"in": {"colours": ["red"]}},
        {"in": {"eventTypes": [None]}},
        {"pattern": "nonsense"},
        {"pattern": "[]"},
        {"pattern": {"type": "A"}},
        {"pattern": {"type": [{"unknown-operator": 1}]}},
        {"pattern": 5},
    ],
)
def test_a_bad_condition_is_refused(condition: dict[str, Any], door: Door, services: FakeServices) -> None:
    query = "mutation($c: EventFiltersInput!) { createEventFilters(eventFiltersInput: $c) { id } }"

    assert refused(door, services, query, {"c": condition})["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{ endpoints }",
        "{ endpoints { totalCount { x } } }",
        "subscription { events { totalCount } }",
        "query A { __typename } query B { __typename }",
        "{ endpoints(filters: {type: {exact: SMTP}}) { totalCount } }",
        '{ endpoints(filters: {type: {exact: "WEB_HOOK"}}) { totalCount } }',
        "query($x: Nope) { endpoints { totalCount } }",
        "fragment F on Query { __typename }",
        "{ ...F }",
        "{ ...F } fragment F on Query { ...F }",
        "{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }",
        "type X { a: Int }",
        "{ endpoints @nope { totalCount } }",
        "mutation { deleteEndpoints { ok } }",
    ],
)
def test_graphql_that_does_not_fit_the_schema_is_bad_input(query: str, door: Door, services: FakeServices) -> None:
    response = door.ask(query)

    assert response.status == 200
    assert {error["extensions"]["code"] for error in response.json["errors"]} == {"BAD_USER_INPUT"}
    assert "data" not in response.json


def test_a_missing_variable_is_bad_input(door: Door, services: FakeServices) -> None:
    error = refused(door, services, CREATE, {"name": "a"})

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "$url" in error["message"]


def test_an_unknown_operation_name_is_bad_input(door: Door) -> None:
    response = door.ask("query A { __typename } query B { __typename }", operation_name="C")

    assert "'C'" in response.error["message"]
    assert door.ask("query A { __typename } query B { t: __typename }", operation_name="B").data == {"t": "Query"}


def test_one_mutation_that_fails_does_not_hide_its_sibling(door: Door, services: FakeServices) -> None:
    response = door.ask('mutation { a: createWebSocketEndpoint(name: "") { id } b: createWebSocketEndpoint(name: "b") { name } }')

    assert response.json["data"] == {"a": None, "b": {"name": "b"}}
    assert response.error["path"] == ["a"]
    assert json.dumps(response.json).index('"data"') < json.dumps(response.json).index('"errors"')
