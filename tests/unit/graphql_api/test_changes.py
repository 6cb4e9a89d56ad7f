"""The history of the configuration: every change says when, by whom and by which mutation, and what it changed."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.access.token import hash_token
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, TOKEN, WORKSPACE, Door

FIELDS = "version date actor actorId operation sentence before after"
CREATE_HOOK = 'createWebhookEndpoint(name: "Orders", url: "https://a.example.com", eventFiltersIds: %s) { id }'


def changes(door: Door, arguments: str = "", token: str = TOKEN) -> list[dict[str, Any]]:
    """The newest first."""
    items: list[dict[str, Any]] = door.ask(f"{{ changes{arguments} {{ collectionItems {{ {FIELDS} }} }} }}", token=token).data["changes"][
        "collectionItems"
    ]
    return items


def do(door: Door, mutation: str) -> Any:
    (answer,) = door.ask(f"mutation {{ {mutation} }}").data.values()
    return answer


@pytest.fixture
def ids(door: Door) -> dict[str, str]:
    """An event filter and an endpoint that is linked to it."""
    made = do(door, 'createEventFilters(name: "Large", eventFiltersInput: {in: {eventTypes: ["A"]}}) { id }')["id"]
    return {"filter": made, "endpoint": do(door, CREATE_HOOK % f'["{made}"]')["id"]}


def test_the_newest_change_comes_first_and_says_who_made_it(door: Door, ids: dict[str, str]) -> None:
    newest, oldest = changes(door)

    assert (newest["version"], oldest["version"]) == (2, 1)
    assert newest["date"] > oldest["date"] > "2026-03-01T12:00:00"
    assert newest["operation"] == "createWebhookEndpoint"
    assert (newest["actor"], newest["actorId"]) == ("test", hash_token(TOKEN)[:16])
    assert newest["sentence"] == 'Created the endpoint "Orders" (WEB_HOOK). Linked the endpoint "Orders" to the event filter "Large".'
    assert newest["before"] is None
    assert newest["after"] == {
        ids["endpoint"]: {
            "name": "Orders",
            "type": "WEB_HOOK",
            "url": "https://a.example.com",
            "method": "POST",
            "status": "ENABLED",
            "eventFiltersIds": [ids["filter"]],
        }
    }
    assert oldest["sentence"] == 'Created the event filter "Large".'
    assert oldest["after"] == {ids["filter"]: {"name": "Large", "meta": {"in": {"eventTypes": ["A"]}}}}


@pytest.mark.parametrize(
    ("mutation", "operation", "sentence", "before", "after"),
    [
        (
            'updateEndpoint(id: "%(endpoint)s", name: "New") { id }',
            "updateEndpoint",
            'Changed the endpoint "New": name from "Orders" to "New".',
            {"endpoint": {"name": "Orders"}},
            {"endpoint": {"name": "New"}},
        ),
        (
            'updateEventFilters(id: "%(filter)s", eventFiltersInput: {in: {eventTypes: ["B"]}}) { id }',
            "updateEventFilters",
            'Changed the event filter "Large": meta from {"in": {"eventTypes": ["A"]}} to {"in": {"eventTypes": ["B"]}}.',
            {"filter": {"meta": {"in": {"eventTypes": ["A"]}}}},
            {"filter": {"meta": {"in": {"eventTypes": ["B"]}}}},
        ),
        (
            'updateEndpoint(id: "%(endpoint)s", key: "orders", labels: {team: "a"}) { id }',
            "updateEndpoint",
            'Changed the endpoint "Orders": key from null to "orders"; labels from null to {"team": "a"}.',
            {"endpoint": {"key": None, "labels": None}},
            {"endpoint": {"key": "orders", "labels": {"team": "a"}}},
        ),
        (
            'pauseEndpoints(ids: ["%(endpoint)s"]) { ok }',
            "pauseEndpoints",
            'Paused the endpoint "Orders".',
            {"endpoint": {"status": "ENABLED"}},
            {"endpoint": {"status": "PAUSED", "statusReason": None}},
        ),
        (
            'unlinkEndpointsToEventFilters(endpointIds: ["%(endpoint)s"], eventFiltersId: "%(filter)s") { ok }',
            "unlinkEndpointsToEventFilters",
            'Unlinked the endpoint "Orders" from the event filter "Large".',
            {"endpoint": {"eventFiltersIds": ["filter"]}},
            None,
        ),
        (
            'linkEndpointsToEventFilters(endpointIds: ["%(endpoint)s"], eventFiltersId: "%(filter)s") { ok }',
            "linkEndpointsToEventFilters",
            'Linked the endpoint "Orders" to the event filter "Large".',
            None,
            {"endpoint": {"eventFiltersIds": ["filter"]}},
        ),
        (
            'deleteEventFilters(ids: ["%(filter)s"]) { ok }',
            "deleteEventFilters",
            (
                'With no event filter left, the endpoint "Orders" will receive nothing until one is linked or it is resumed. '
                'Deleted the event filter "Large".'
            ),
            {"filter": {"name": "Large"}},
            {"endpoint": {"matchesNothing": True}},
        ),
        ('deleteEndpoints(ids: ["%(endpoint)s"]) { ok }', "deleteEndpoints", 'Deleted the endpoint "Orders".', "name", None),
    ],
)
def test_every_mutation_leaves_its_name_and_what_it_changed(
    mutation: str, operation: str, sentence: str, before: Any, after: Any, door: Door, ids: dict[str, str]
) -> None:
    do(door, mutation % ids)

    change = changes(door)[0]
    assert (change["version"], change["operation"], change["sentence"]) == (3, operation, sentence)
    assert change["actor"] == "test"
    assert change["before"] == _with_ids({"endpoint": {"name": "Orders"}} if before == "name" else before, ids)
    assert change["after"] == _with_ids(after, ids)


def _with_ids(value: Any, ids: dict[str, str]) -> Any:
    """The same with ids in place of their short names."""
    if isinstance(value, dict):
        return {ids.get(key, key): _with_ids(inner, ids) for key, inner in value.items()}
    return [ids.get(one, one) for one in value] if isinstance(value, list) and value != ["A"] else value


def test_a_resume_ends_a_pause_and_says_what_was(door: Door, ids: dict[str, str]) -> None:
    do(door, f'pauseEndpoints(ids: ["{ids["endpoint"]}"]) {{ ok }}')
    do(door, f'resumeEndpoints(ids: ["{ids["endpoint"]}"]) {{ ok }}')

    newest = changes(door)[0]
    assert (newest["operation"], newest["sentence"]) == ("resumeEndpoints", 'Resumed the endpoint "Orders".')
    assert newest["before"] == {ids["endpoint"]: {"status": "PAUSED"}}


def test_what_the_service_does_itself_has_its_reason_and_its_name(door: Door, ids: dict[str, str], services: FakeServices) -> None:
    services.configuration().endpoints.disable_endpoint(WORKSPACE, ids["endpoint"], "the receiver answered 410 Gone")

    newest = changes(door)[0]
    assert (newest["actor"], newest["actorId"]) == ("event-service", None)
    assert newest["operation"] == "the receiver answered 410 Gone"
    assert newest["sentence"] == 'Disabled the endpoint "Orders": the receiver answered 410 Gone.'


def test_pages_go_on_where_the_last_one_ended_whatever_changes_meanwhile(door: Door, ids: dict[str, str]) -> None:
    query = "query($after: String) { changes(first: 1, after: $after) { collectionItems { version } endCursor hasNextPage } }"
    first = door.ask(query).data["changes"]
    do(door, f'updateEndpoint(id: "{ids["endpoint"]}", name: "Newer") {{ id }}')
    second = door.ask(query, {"after": first["endCursor"]}).data["changes"]

    assert [one["version"] for one in first["collectionItems"] + second["collectionItems"]] == [2, 1]
    assert (first["hasNextPage"], second["hasNextPage"]) == (True, False)
    end = door.ask(query, {"after": second["endCursor"]}).data["changes"]
    assert end == {"collectionItems": [], "endCursor": None, "hasNextPage": False}


@pytest.mark.parametrize("arguments", ["(first: 0)", "(first: 101)", '(after: "nonsense")', '(after: "")', '(after: "WyJhIiwiYiIsImMiXQ")'])
def test_a_wrong_page_is_refused_with_what_is_right(arguments: str, door: Door) -> None:
    response = door.ask(f"{{ changes{arguments} {{ hasNextPage }} }}")

    assert response.code == "BAD_USER_INPUT"


def test_a_cursor_of_another_list_is_refused(door: Door, ids: dict[str, str]) -> None:
    other = door.ask("{ eventsFilters { endCursor } }").data["eventsFilters"]["endCursor"]

    response = door.ask("query($after: String) { changes(after: $after) { hasNextPage } }", {"after": other})

    assert response.code == "BAD_USER_INPUT"
    assert "not an endCursor of this list" in response.error["message"]


def test_a_workspace_sees_only_its_own_history(door: Door, ids: dict[str, str]) -> None:
    assert changes(door, token=OTHER_TOKEN) == []
