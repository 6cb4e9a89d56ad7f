"""Who is connected, as an endpoint's owner asks for it, and closing connections."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from event_service.access.token import hash_token
from event_service.base.dates import format_date
from event_service.sockets.connection import Connection, Lane
from event_service.sockets.messages import CloseSocket
from event_service.sockets.ports import GroupState, LogHead
from functions.graphql_api.loaders import MAXIMUM_ENDPOINTS_READ_EACH
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

SOCKET = "00000000-0000-4000-8000-0000000000aa"
THEIRS = "00000000-0000-4000-8000-0000000000bb"
FIELDS = "id connectionDate sequence behind lastPostDate tokenName batched ownLane failingSince"


class Connected:
    """A socket of ours with two groups of connections, and one of theirs."""

    def __init__(self, services: FakeServices) -> None:
        self.services, self.door, self.tables = services, Door(services), services.socket_logs
        self.now = services.clock()
        for workspace, endpoint in ((WORKSPACE, SOCKET), (OTHER_WORKSPACE, THEIRS)):
            services.put_endpoint(workspace, endpoint, None)
            self.tables.log_heads[endpoint] = LogHead(101, 1, self.now + timedelta(days=1), groups=2)
        self.tables.tokens[hash_token(TOKEN)] = replace(services.add_token(TOKEN, WORKSPACE), name="dashboard")

    def open(self, connection_id: str, endpoint: str = SOCKET, **fields: Any) -> Connection:
        workspace = WORKSPACE if endpoint == SOCKET else OTHER_WORKSPACE
        row = replace(Connection(endpoint, connection_id, workspace, self.now, 90), **fields)
        self.tables.rows[endpoint, connection_id] = row
        return row

    def page(self, arguments: str = "", selection: str = "id", endpoint: str = SOCKET) -> Any:
        shown = f"connections{arguments} {{ collectionItems {{ {selection} }} endCursor hasNextPage }}"
        return self.door.ask(f'{{ endpoint(id: "{endpoint}") {{ {shown} }} }}').data["endpoint"]["connections"]

    def close(self, *ids: str, token: str = TOKEN) -> Any:
        query = "mutation($ids: [ID!]!) { closeConnections(ids: $ids) { ok count } }"
        return self.door.ask(query, {"ids": list(ids)}, token=token)

    @property
    def closed(self) -> list[Any]:
        return [message for message, _ in self.services.socket_backlog.sent]


@pytest.fixture
def connected(services: FakeServices) -> Connected:
    return Connected(services)


def test_a_connection_says_since_when_how_far_and_by_which_token(connected: Connected) -> None:
    moment = connected.now + timedelta(minutes=1)
    connected.open(
        "c=", token_hash=hash_token(TOKEN), lane=Lane.OWN, batched=True, posted_at=moment, trouble_since=moment + timedelta(seconds=5)
    )

    assert connected.page(selection=FIELDS)["collectionItems"] == [
        {
            "id": f"{SOCKET}.0.c=",
            "connectionDate": format_date(connected.now),
            "sequence": 90,
            "behind": 10,
            "lastPostDate": format_date(moment),
            "tokenName": "dashboard",
            "batched": True,
            "ownLane": True,
            "failingSince": format_date(moment + timedelta(seconds=5)),
        }
    ]


@pytest.mark.parametrize(("lane", "sequence"), [(Lane.LIVE, 99), (Lane.JOINING, 90), (Lane.OWN, 90)])
def test_a_live_connection_is_as_far_as_its_group(connected: Connected, lane: Lane, sequence: int) -> None:
    connected.tables.groups[SOCKET, 1] = GroupState(cursor=99)
    connected.open("c=", group=1, lane=lane)

    (item,) = connected.page(selection="sequence behind tokenName")["collectionItems"]

    assert item == {"sequence": sequence, "behind": 100 - sequence, "tokenName": None}


@pytest.mark.parametrize("first", [1, 2, 3, 7])
def test_pages_show_each_connection_once(connected: Connected, first: int) -> None:
    for number in range(7):
        connected.open(f"c{number}=", group=number % 2)
    connected.open("ended=", connected_at=connected.now - timedelta(hours=3))
    connected.open("foreign=", THEIRS)

    seen, arguments = [], f"(first: {first})"
    while True:
        page = connected.page(arguments)
        seen += [item["id"] for item in page["collectionItems"]]
        assert len(page["collectionItems"]) <= first
        if not page["hasNextPage"]:
            break
        arguments = f'(first: {first}, after: "{page["endCursor"]}")'

    assert sorted(seen) == sorted(f"{SOCKET}.{number % 2}.c{number}=" for number in range(7))


def test_an_endpoint_nobody_connected_to_has_none(connected: Connected) -> None:
    connected.tables.log_heads.clear()

    assert connected.page() == {"collectionItems": [], "endCursor": None, "hasNextPage": False}


def test_a_cursor_of_another_list_is_refused(connected: Connected) -> None:
    response = connected.door.ask(f'{{ endpoint(id: "{SOCKET}") {{ connections(after: "x") {{ endCursor }} }} }}')

    assert response.code == "BAD_USER_INPUT"


def test_connections_of_more_than_ten_endpoints_are_refused(connected: Connected) -> None:
    for number in range(MAXIMUM_ENDPOINTS_READ_EACH):
        connected.services.put_endpoint(WORKSPACE, f"00000000-0000-4000-8000-0000000001{number:02}", None)

    response = connected.door.ask("{ endpoints { collectionItems { connections { endCursor } } } }")

    assert response.code == "TOO_LARGE"


def test_connections_are_closed_by_id(connected: Connected) -> None:
    connected.open("c1=")
    connected.open("c2=", group=1)
    ids = [item["id"] for item in connected.page()["collectionItems"]]

    assert connected.close(*ids, ids[0]).data["closeConnections"] == {"ok": True, "count": 2}
    assert connected.closed == [CloseSocket("c1=", at_once=True), CloseSocket("c2=", at_once=True)]


@pytest.mark.parametrize("other", [f"{SOCKET}.0.gone=", f"{SOCKET}.1.c=", f"{THEIRS}.0.t=", "c=", "", f"{SOCKET}.0.c", "x" * 5_000])
def test_nothing_is_closed_with_one_unknown_or_foreign_id(connected: Connected, other: str) -> None:
    connected.open("c=")
    connected.open("t=", THEIRS)

    response = connected.close(f"{SOCKET}.0.c=", other)

    assert response.code == "NOT_FOUND"
    assert connected.closed == []
    assert connected.close(f"{THEIRS}.0.t=", token=OTHER_TOKEN).data["closeConnections"]["count"] == 1


@pytest.mark.parametrize("number", [0, 101])
def test_no_or_too_many_ids_are_refused(connected: Connected, number: int) -> None:
    response = connected.close(*(f"{SOCKET}.0.c{one}=" for one in range(number)))

    assert response.code == "BAD_USER_INPUT"
    assert "1 to 100" in response.error["message"]
