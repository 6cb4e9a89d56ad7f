"""The configuration as it was at a version or a date, rebuilt from the changes that are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, TOKEN, WORKSPACE, Door

FIELDS = "version date complete sentence collectionItems { kind id name value eventFiltersIds } endCursor hasNextPage"


def past(door: Door, arguments: str = "", token: str = TOKEN) -> dict[str, Any]:
    found: dict[str, Any] = door.ask(f"{{ configuration{arguments} {{ {FIELDS} }} }}", token=token).data["configuration"]
    return found


def do(door: Door, mutation: str) -> Any:
    (answer,) = door.ask(f"mutation {{ {mutation} }}").data.values()
    return answer


@pytest.fixture
def ids(door: Door) -> dict[str, str]:
    """Six changes: an event filter, an endpoint linked to it, a pause, another condition, an unlink, the endpoint's deletion."""
    event_filter = do(door, 'createEventFilters(name: "Large", eventFiltersInput: {in: {eventTypes: ["A"]}}) { id }')["id"]
    hook = f'createWebhookEndpoint(name: "Orders", url: "https://a.example.com", eventFiltersIds: ["{event_filter}"]) {{ id }}'
    endpoint = do(door, hook)["id"]
    do(door, f'pauseEndpoints(ids: ["{endpoint}"]) {{ ok }}')
    do(door, f'updateEventFilters(id: "{event_filter}", eventFiltersInput: {{in: {{eventTypes: ["B"]}}}}) {{ id }}')
    do(door, f'unlinkEndpointsToEventFilters(endpointIds: ["{endpoint}"], eventFiltersId: "{event_filter}") {{ ok }}')
    do(door, f'deleteEndpoints(ids: ["{endpoint}"]) {{ ok }}')
    return {"filter": event_filter, "endpoint": endpoint}


def test_each_version_is_rebuilt_as_it_was(door: Door, ids: dict[str, str]) -> None:
    third = past(door, "(version: 3)")

    assert (third["version"], third["complete"], third["hasNextPage"]) == (3, True, False)
    assert third["sentence"] == f"The configuration at version 3, of {third['date']}."
    endpoint, event_filter = third["collectionItems"]
    assert endpoint == {
        "kind": "ENDPOINT",
        "id": ids["endpoint"],
        "name": "Orders",
        "value": {"name": "Orders", "type": "WEB_HOOK", "url": "https://a.example.com", "method": "POST", "status": "PAUSED"},
        "eventFiltersIds": [ids["filter"]],
    }
    assert event_filter == {
        "kind": "EVENT_FILTER",
        "id": ids["filter"],
        "name": "Large",
        "value": {"name": "Large", "meta": {"in": {"eventTypes": ["A"]}}},
        "eventFiltersIds": None,
    }
    second, fourth, fifth, newest = (past(door, f"(version: {version})")["collectionItems"] for version in (2, 4, 5, 6))
    assert second[0]["value"]["status"] == "ENABLED"
    assert fourth[1]["value"]["meta"] == {"in": {"eventTypes": ["B"]}}
    assert fifth[0]["eventFiltersIds"] == []
    assert [one["kind"] for one in newest] == ["EVENT_FILTER"]
    assert past(door)["version"] == 6


def test_a_deleted_event_filter_leaves_its_links(door: Door, ids: dict[str, str]) -> None:
    hook = f'createWebhookEndpoint(name: "Again", url: "https://a.example.com", eventFiltersIds: ["{ids["filter"]}"]) {{ id }}'
    do(door, hook)
    do(door, f'deleteEventFilters(ids: ["{ids["filter"]}"]) {{ ok }}')

    (endpoint,) = past(door)["collectionItems"]

    assert endpoint["eventFiltersIds"] == []
    assert endpoint["value"]["matchesNothing"] is True


def test_a_date_stands_for_the_newest_version_up_to_it(door: Door, ids: dict[str, str], services: FakeServices) -> None:
    dates = {one.version: one.note.date for one in services.change_log.chains[WORKSPACE]}

    assert past(door, f'(date: "{dates[4]}")')["version"] == 4
    before = past(door, '(date: "2020-01-01T00:00:00Z")')
    assert (before["version"], before["date"], before["complete"], before["collectionItems"]) == (0, None, True, [])
    assert before["sentence"] == "Nothing was configured yet."


def test_a_configuration_says_where_the_changes_no_longer_reach_back(door: Door, ids: dict[str, str], services: FakeServices) -> None:
    chain = services.change_log.chains[WORKSPACE]
    del chain[:3]

    fifth = past(door, "(version: 5)")
    assert fifth["complete"] is False
    assert fifth["sentence"].endswith(
        f"Changes before version 4, of {chain[0].note.date}, are not kept any more: what was last set by them is missing."
    )
    # What the kept changes state as a whole is there; the endpoint was made before them.
    assert [(one["kind"], one["value"]["meta"]) for one in fifth["collectionItems"]] == [("EVENT_FILTER", {"in": {"eventTypes": ["B"]}})]
    older = past(door, "(version: 2)")
    assert (older["version"], older["complete"], older["collectionItems"]) == (2, False, [])
    assert past(door, '(date: "2020-01-01T00:00:00Z")')["version"] is None


def test_an_endpoint_whose_links_are_not_all_known_is_left_out(door: Door, ids: dict[str, str], services: FakeServices) -> None:
    endpoint = do(door, 'createWebhookEndpoint(name: "Old", url: "https://a.example.com", eventFiltersIds: []) { id }')["id"]
    do(door, f'updateEndpoint(id: "{endpoint}", name: "New") {{ id }}')
    do(door, f'linkEndpointsToEventFilters(endpointIds: ["{endpoint}"], eventFiltersId: "{ids["filter"]}") {{ ok }}')
    chain = services.change_log.chains[WORKSPACE]
    del chain[:-2]

    (shown,) = past(door)["collectionItems"]

    # Its update states the endpoint, and links that were made before are not kept.
    assert (shown["name"], shown["eventFiltersIds"]) == ("New", None)


def test_pages_go_on_at_the_same_version_whatever_is_changed_meanwhile(door: Door, ids: dict[str, str]) -> None:
    for number in range(3):
        do(door, f'createWebhookEndpoint(name: "Hook {number}", url: "https://a.example.com", eventFiltersIds: []) {{ id }}')
    query = f"query($after: String) {{ configuration(first: 2, after: $after) {{ {FIELDS} }} }}"
    first = door.ask(query).data["configuration"]
    do(door, 'createWebhookEndpoint(name: "Late", url: "https://a.example.com", eventFiltersIds: []) { id }')
    second = door.ask(query, {"after": first["endCursor"]}).data["configuration"]

    assert (first["hasNextPage"], second["hasNextPage"]) == (True, False)
    assert first["version"] == second["version"] == 9
    assert [one["name"] for one in first["collectionItems"] + second["collectionItems"]] == ["Hook 0", "Hook 1", "Hook 2", "Large"]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ("(version: 7)", "version"),
        ("(version: -1)", "version"),
        ('(version: 1, date: "2026-03-01T00:00:00Z")', "version"),
        ("(first: 0)", "first"),
        ("(first: 101)", "first"),
        ('(after: "nonsense")', "after"),
    ],
)
def test_a_wrong_question_is_refused_with_what_is_right(arguments: str, argument: str, door: Door, ids: dict[str, str]) -> None:
    response = door.ask(f"{{ configuration{arguments} {{ version }} }}")

    assert response.code == "BAD_USER_INPUT"
    assert response.error["message"].startswith(argument)


def test_a_cursor_of_another_version_is_refused(door: Door, ids: dict[str, str]) -> None:
    cursor = past(door, "(version: 3, first: 1)")["endCursor"]

    response = door.ask("query($after: String) { configuration(version: 4, after: $after) { version } }", {"after": cursor})

    assert response.code == "BAD_USER_INPUT"


def test_a_workspace_sees_only_its_own_past(door: Door, ids: dict[str, str]) -> None:
    other = past(door, token=OTHER_TOKEN)

    assert (other["version"], other["collectionItems"]) == (0, [])


def test_the_chain_is_read_once_for_a_page(door: Door, ids: dict[str, str], services: FakeServices) -> None:
    chain = services.change_log.chains[WORKSPACE]
    chain.extend(replace(chain[-1], version=version) for version in range(7, 251))
    services.calls.clear()

    past(door)

    assert services.calls["changes.newest"] == 3
