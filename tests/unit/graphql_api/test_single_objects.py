"""One object by its id, and what it leads to: read in batches, null where nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.base.dates import format_date
from event_service.base.identifiers import delivery_id
from event_service.delivery.attempt import DeliveryStatus
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import TOKEN, WORKSPACE, Door

HOOK = "00000000-0000-4000-8000-000000000001"
SOCKET = "00000000-0000-4000-8000-000000000002"
FILTER = "00000000-0000-4000-8000-00000000000f"
UNKNOWN = "00000000-0000-4000-8000-0000000000ff"


@pytest.fixture
def door(services: FakeServices) -> Door:
    """Two endpoints, one of them with a filter; three events on their way to the webhook."""
    services.put_endpoint(WORKSPACE, HOOK)
    services.put_endpoint(WORKSPACE, SOCKET, url=None)
    services.put_event_filter(WORKSPACE, FILTER, [HOOK])
    door = Door(services)
    events = [{"id": f"e-{number}", "type": "A", "data": {"n": number}} for number in range(3)]
    door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": events})
    for number in range(3):
        services.add_delivery(WORKSPACE, HOOK, f"e-{number}", status=DeliveryStatus.FAILED, attempts=(), next_attempt=None)
    return door


def test_a_token_says_whose_it_is(door: Door, services: FakeServices) -> None:
    known = services.tokens().authenticate(TOKEN)

    found = door.ask("{ token { id name workspaceId creationDate expiryDate } }").data["token"]

    assert found["id"] == known.token_hash[:16]
    assert (found["name"], found["workspaceId"], found["expiryDate"]) == (known.name, WORKSPACE, None)
    assert found["creationDate"] == format_date(known.created)


def reads(services: FakeServices) -> dict[str, int]:
    return {name: number for name, number in services.calls.items() if number}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            f'{{ endpoint(id: "{HOOK.upper()}") {{ id type eventFilters {{ id }} }} }}',
            {"id": HOOK, "type": "WEB_HOOK", "eventFilters": [{"id": FILTER}]},
        ),
        (f'{{ eventFilter(id: "{FILTER}") {{ id endpoints {{ id }} }} }}', {"id": FILTER, "endpoints": [{"id": HOOK}]}),
        ('{ event(id: "e-1") { id data } }', {"id": "e-1", "data": {"n": 1}}),
        (
            f'{{ delivery(id: "{delivery_id(HOOK, "e-1")}") {{ status event {{ data }} endpoint {{ name }} }} }}',
            {"status": "FAILED", "event": {"data": {"n": 1}}, "endpoint": {"name": "test"}},
        ),
    ],
    ids=["endpoint", "eventFilter", "event", "delivery"],
)
def test_one_object_is_found_by_its_id(query: str, expected: dict[str, Any], door: Door) -> None:
    (found,) = door.ask(query).data.values()

    assert found == expected


@pytest.mark.parametrize(
    "query",
    [
        f'{{ endpoint(id: "{UNKNOWN}") {{ id }} }}',
        f'{{ eventFilter(id: "{UNKNOWN}") {{ id }} }}',
        '{ event(id: "unknown") { id } }',
        f'{{ delivery(id: "{delivery_id(UNKNOWN, "e-1")}") {{ id }} }}',
    ],
)
def test_what_is_not_there_is_null(query: str, door: Door) -> None:
    assert list(door.ask(query).data.values()) == [None]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('{ endpoint(id: "x") { id } }', "id: 'x' is not a UUID"),
        ('{ eventFilter(id: "x") { id } }', "id: 'x' is not a UUID"),
        ('{ event(id: "") { id } }', "id: give 1 to 256"),
        ('{ delivery(id: "x") { id } }', "id: it is not the id of a delivery"),
    ],
)
def test_what_is_no_id_is_refused(query: str, said: str, door: Door) -> None:
    response = door.ask(query)

    assert response.code == "BAD_USER_INPUT"
    assert said in response.error["message"]
    assert list(response.json["data"].values()) == [None]


def test_a_faulty_id_hides_nothing_of_its_siblings(door: Door) -> None:
    response = door.ask(f'{{ endpoint(id: "x") {{ id }} other: endpoint(id: "{HOOK}") {{ id }} }}')

    assert response.json["data"] == {"endpoint": None, "other": {"id": HOOK}}


def test_several_of_one_kind_are_one_read(door: Door, services: FakeServices) -> None:
    ids = {"a": HOOK, "b": SOCKET, "c": UNKNOWN, "d": HOOK}

    answered = door.ask("{" + " ".join(f'{name}: endpoint(id: "{one}") {{ id }}' for name, one in ids.items()) + "}").data

    assert answered == {"a": {"id": HOOK}, "b": {"id": SOCKET}, "c": None, "d": {"id": HOOK}}
    assert reads(services) == {"rows.endpoints": 1}


def test_the_edges_of_a_list_of_deliveries_are_one_read_each(door: Door, services: FakeServices) -> None:
    answered = door.ask("{ deliveries { collectionItems { endpoint { id } event { id type } again: event { date } } } }").data

    items = answered["deliveries"]["collectionItems"]
    assert [(one["endpoint"]["id"], one["event"]["id"]) for one in items] == [(HOOK, f"e-{number}") for number in range(3)]
    assert reads(services) == {"rows.endpoints": 1}
    assert services.events_reading().lookups == [(["e-0", "e-1", "e-2"], False)]


def test_the_data_of_an_event_is_read_where_it_is_selected(door: Door, services: FakeServices) -> None:
    answered = door.ask('{ a: event(id: "e-0") { id } b: event(id: "e-1") { data } c: event(id: "e-1") { type } }').data

    assert answered == {"a": {"id": "e-0"}, "b": {"data": {"n": 1}}, "c": {"type": "A"}}
    assert services.events_reading().lookups == [(["e-1"], True), (["e-0"], False)]


def test_what_a_delivery_leads_to_is_counted(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.graphql_api.limits.MAXIMUM_NODES", 7)
    query = "{ deliveries { collectionItems { event { id } %s } } }"

    assert "errors" not in door.ask(query % "").json
    assert {error["extensions"]["code"] for error in door.ask(query % "endpoint { id }").json["errors"]} == {"TOO_LARGE"}


def test_an_object_is_read_again_after_a_change(door: Door) -> None:
    changed = door.ask(
        f'''mutation {{
            updateEndpoint(id: "{HOOK}", name: "new") {{ eventFilters {{ endpoints {{ name }} }} }}
        }}'''
    ).data

    assert changed["updateEndpoint"]["eventFilters"] == [{"endpoints": [{"name": "new"}]}]
