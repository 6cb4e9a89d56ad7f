"""Who may do what, for every operation of the schema. An operation without a verdict here fails the test.

Each is tried with the ids of another workspace, without a token, with a wrong, a revoked and an expired one, and with an
agent's. What an operation then does must be what it does for an id that does not exist, and must change nothing.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLField
from starlette.routing import Route

from event_service.access.token import TokenKind
from event_service.base.identifiers import delivery_id
from event_service.delivery.attempt import DeliveryStatus
from event_service.settings import Settings
from event_service.sockets.connection import Connection
from functions.graphql_api.app import create_app
from functions.graphql_api.schema.schema import build_schema
from tests.fakes.graphql_services import FakeServices
from tests.fakes.jobs import running_job
from tests.template_file import resources
from tests.unit.graphql_api.door import AGENT_TOKEN, OTHER_TOKEN, OTHER_WORKSPACE, PATH, TOKEN, WORKSPACE, Door

LISTENER_TOKEN = "5a1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a77"
UNKNOWN = "00000000-0000-4000-8000-000000000001"
THEIRS = "8374c43d-7561-4a08-b3b7-afce7799e2a8"
THEIR_FILTER = "452cb352-1315-44d1-95d0-15eb9a7760fb"
OURS = "357fe643-2396-4919-bd9e-a30f0ac28818"
OUR_FILTER = "36ce940c-d8c7-4770-8f76-2d03a3aa8275"
REVOKED_TOKEN = "11111111-1111-4111-8111-111111111111"
EXPIRED_TOKEN = "22222222-2222-4222-8222-222222222222"


@dataclass(frozen=True)
class Verdict:
    """How an operation is tried.

    Attributes:
        call: the operation, with ``%(endpoint)s``, ``%(filter)s``, ``%(event)s`` and ``%(delivery)s`` for ids.
        foreign: what it answers to the ids of another workspace: a code, or data.
        agent: whether an agent's token may call it.
    """

    call: str
    foreign: str | dict[str, Any] | None = field(default="NOT_FOUND")
    agent: bool = False


EMPTY = {"totalCount": 0, "collectionItems": []}
VERDICTS: dict[str, Verdict] = {
    # -- queries
    "endpoints": Verdict('{ endpoints(filters: {id: {exact: "%(endpoint)s"}}) { totalCount collectionItems { id } } }', EMPTY),
    "eventsFilters": Verdict('{ eventsFilters(filters: {id: {exact: "%(filter)s"}}) { totalCount collectionItems { id } } }', EMPTY),
    "events": Verdict('{ events(filters: {id: {exact: "%(event)s"}}) { totalCount collectionItems { id } } }', EMPTY),
    "deliveries": Verdict('{ deliveries(filters: {id: {exact: "%(delivery)s"}}) { totalCount collectionItems { id } } }', EMPTY),
    "changes": Verdict("{ changes { collectionItems { version } } }", {"collectionItems": []}),
    "eventTypes": Verdict("{ eventTypes { collectionItems { type } } }", {"collectionItems": []}),
    "statistics": Verdict("{ statistics(step: DAY) { points { events } } }", {"points": [{"events": 0}, {"events": 0}]}),
    "configuration": Verdict("{ configuration { collectionItems { id } } }", {"collectionItems": []}),
    "explainDelivery": Verdict('{ explainDelivery(eventId: "%(event)s", endpointId: "%(endpoint)s") { outcome } }'),
    "matchEvents": Verdict(
        '{ matchEvents(input: {eventFiltersId: "%(filter)s", endpointId: "%(endpoint)s", eventIds: ["%(event)s"]}) { matched } }'
    ),
    "job": Verdict('{ job(id: "%(endpoint)s") { id } }', None),
    "jobs": Verdict("{ jobs { collectionItems { id } } }", {"collectionItems": [{"id": OURS}]}),
    "endpointSecret": Verdict('{ endpointSecret(id: "%(endpoint)s") }'),
    "token": Verdict("{ token { workspaceId } }", {"workspaceId": WORKSPACE}),
    "endpoint": Verdict('{ endpoint(id: "%(endpoint)s") { id } }', None),
    "eventFilter": Verdict('{ eventFilter(id: "%(filter)s") { id } }', None),
    "event": Verdict('{ event(id: "%(event)s") { id } }', None),
    "delivery": Verdict('{ delivery(id: "%(delivery)s") { id } }', None),
    # -- mutations
    "createWebSocketEndpoint": Verdict('mutation { createWebSocketEndpoint(name: "a", eventFiltersIds: ["%(filter)s"]) { id } }'),
    "createWebhookEndpoint": Verdict(
        'mutation { createWebhookEndpoint(name: "a", url: "https://web-hook.server.com", eventFiltersIds: ["%(filter)s"]) { id } }'
    ),
    "updateEndpoint": Verdict('mutation { updateEndpoint(id: "%(endpoint)s", name: "a") { id } }'),
    "deleteEndpoints": Verdict('mutation { deleteEndpoints(ids: ["%(endpoint)s"]) { ok } }'),
    "pauseEndpoints": Verdict('mutation { pauseEndpoints(ids: ["%(endpoint)s"]) { ok } }'),
    "resumeEndpoints": Verdict('mutation { resumeEndpoints(ids: ["%(endpoint)s"]) { ok } }'),
    "rotateEndpointSecret": Verdict('mutation { rotateEndpointSecret(id: "%(endpoint)s") }'),
    "testEndpoint": Verdict('mutation { testEndpoint(id: "%(endpoint)s") { number } }'),
    "createEventFilters": Verdict(
        'mutation { createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}, endpointIds: ["%(endpoint)s"]) { id } }'
    ),
    "updateEventFilters": Verdict('mutation { updateEventFilters(id: "%(filter)s", name: "a") { id } }'),
    "deleteEventFilters": Verdict('mutation { deleteEventFilters(ids: ["%(filter)s"]) { ok } }'),
    "linkEndpointsToEventFilters": Verdict(
        'mutation { linkEndpointsToEventFilters(endpointIds: ["%(endpoint)s"], eventFiltersId: "%(filter)s") { ok } }'
    ),
    "unlinkEndpointsToEventFilters": Verdict(
        'mutation { unlinkEndpointsToEventFilters(endpointIds: ["%(endpoint)s"], eventFiltersId: "%(filter)s") { ok } }'
    ),
    # an id that another workspace has published is free in this one
    "publishEvents": Verdict(
        'mutation { publishEvents(events: [{id: "%(event)s", type: A, data: {}}]) { ok duplicateIds } }',
        {"ok": True, "duplicateIds": []},
        agent=True,
    ),
    "retryDeliveries": Verdict('mutation { retryDeliveries(ids: ["%(delivery)s"]) { ok } }'),
    "cancelDeliveries": Verdict('mutation { cancelDeliveries(ids: ["%(delivery)s"]) { ok } }'),
    "cancelJob": Verdict('mutation { cancelJob(id: "%(endpoint)s") { id } }'),
    "closeConnections": Verdict('mutation { closeConnections(ids: ["%(endpoint)s.0.c="]) { ok } }'),
    "replayEvents": Verdict('mutation { replayEvents(endpointId: "%(endpoint)s", since: "2026-03-01T00:00:00Z") { ok } }'),
}


def root_fields() -> dict[str, GraphQLField]:
    core = build_schema().core
    assert core.query_type is not None
    assert core.mutation_type is not None
    return {**core.query_type.fields, **core.mutation_type.fields}


FIELDS = sorted(root_fields())


@pytest.fixture
def door(services: FakeServices) -> Door:
    """Two workspaces with the same things in each, under ids of their own."""
    for workspace, endpoint, event_filter in ((WORKSPACE, OURS, OUR_FILTER), (OTHER_WORKSPACE, THEIRS, THEIR_FILTER)):
        services.put_endpoint(workspace, endpoint)
        services.put_event_filter(workspace, event_filter, [endpoint])
        services.socket_logs.rows[endpoint, "c="] = Connection(endpoint, "c=", workspace, services.clock(), 0)
        services.add_delivery(workspace, endpoint, "e-1", status=DeliveryStatus.FAILED, attempts=(), next_attempt=None)
    for workspace, endpoint in ((WORKSPACE, OURS), (OTHER_WORKSPACE, THEIRS)):
        services.job_store.put(running_job(workspace, endpoint))
    services.add_token(REVOKED_TOKEN, WORKSPACE, revoked=services.clock())
    services.add_token(EXPIRED_TOKEN, WORKSPACE, expires=services.clock() - timedelta(seconds=1))
    door = Door(services)
    door.ask('mutation { publishEvents(events: [{id: "e-theirs", type: A, data: {}}]) { ok } }', token=OTHER_TOKEN)
    door.ask('mutation { publishEvents(events: [{id: "e-2", type: A, data: {}}]) { ok } }', token=TOKEN)
    return door


def call(name: str, *, endpoint: str, event_filter: str, event: str) -> str:
    ids = {"endpoint": endpoint, "filter": event_filter, "event": event, "delivery": delivery_id(endpoint, "e-1")}
    return VERDICTS[name].call % ids


def snapshot(services: FakeServices) -> tuple[Any, ...]:
    """Everything that an operation could have changed."""
    return (
        services.calls["changes.append"],
        dict(services.rows.endpoint_rows),
        dict(services.rows.filter_rows),
        dict(services.secrets.stored),
        list(services.publishing().events),
        list(services.deliveries().retried),
        list(services.deliveries().written),
        list(services.deliveries().replayed),
        list(services.socket_backlog.sent),
        dict(services.job_store.jobs),
        list(services.job_queue.sent),
    )


def test_every_operation_of_the_schema_has_a_verdict() -> None:
    assert sorted(VERDICTS) == FIELDS


def test_every_argument_that_takes_an_id_is_tried() -> None:
    """An id argument that no call uses would let a new way in slip past this matrix."""
    for name, definition in root_fields().items():
        for argument, details in definition.args.items():
            if "ID" in str(details.type):
                assert f"{argument}:" in VERDICTS[name].call, f"{name}({argument})"


@pytest.mark.long
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("token", [None, "wrong", UNKNOWN, REVOKED_TOKEN, EXPIRED_TOKEN])
def test_nothing_happens_without_a_valid_token(name: str, token: str | None, door: Door, services: FakeServices) -> None:
    before = snapshot(services)

    response = door.ask(call(name, endpoint=OURS, event_filter=OUR_FILTER, event="e-2"), token=token)

    assert response.code == "UNAUTHENTICATED"
    assert "data" not in response.json
    assert snapshot(services) == before


@pytest.mark.parametrize("name", FIELDS)
def test_a_listeners_token_does_nothing_here(name: str, door: Door, services: FakeServices) -> None:
    services.add_token(LISTENER_TOKEN, WORKSPACE, TokenKind.LISTENER, endpoint_ids=(OURS,))
    before = snapshot(services)

    response = door.ask(call(name, endpoint=OURS, event_filter=OUR_FILTER, event="e-2"), token=LISTENER_TOKEN)

    assert response.code == "FORBIDDEN"
    assert "listener" in response.error["message"]
    assert snapshot(services) == before


def test_a_listener_cannot_publish_cloud_events(door: Door, services: FakeServices) -> None:
    services.add_token(LISTENER_TOKEN, WORKSPACE, TokenKind.LISTENER, endpoint_ids=(OURS,))
    before = snapshot(services)

    response = door.send(CLOUD_EVENT, token=LISTENER_TOKEN, path=CLOUD_EVENTS, headers={"content-type": "application/cloudevents+json"})

    assert response.status == 403
    assert snapshot(services) == before


@pytest.mark.parametrize("name", FIELDS)
def test_an_agents_token_only_publishes(name: str, door: Door, services: FakeServices) -> None:
    before = snapshot(services)

    response = door.ask(call(name, endpoint=OURS, event_filter=OUR_FILTER, event="e-2"), token=AGENT_TOKEN)

    if VERDICTS[name].agent:
        assert "errors" not in response.json
    else:
        assert response.code == "FORBIDDEN"
        assert not any((response.json["data"] or {}).values())
        assert snapshot(services) == before


@pytest.mark.parametrize("name", FIELDS)
def test_the_ids_of_another_workspace_behave_like_unknown_ids(name: str, door: Door, services: FakeServices) -> None:
    verdict = VERDICTS[name]
    before = snapshot(services)

    foreign = door.ask(call(name, endpoint=THEIRS, event_filter=THEIR_FILTER, event="e-theirs"), token=TOKEN)
    after = snapshot(services)
    unknown = door.ask(call(name, endpoint=UNKNOWN, event_filter=UNKNOWN, event="e-unknown"), token=TOKEN)

    if isinstance(verdict.foreign, str):
        assert foreign.code == unknown.code == verdict.foreign
        assert after == before
        assert _without(foreign.error["message"], delivery_id(THEIRS, "e-1"), THEIRS, THEIR_FILTER, "e-theirs") == _without(
            unknown.error["message"], delivery_id(UNKNOWN, "e-1"), UNKNOWN, "e-unknown"
        )
    else:
        assert foreign.data == unknown.data == {name: verdict.foreign}


def _without(message: str, *ids: str) -> str:
    for one in ids:
        message = message.replace(one, "…")
    return message


@pytest.mark.parametrize("name", FIELDS)
def test_the_same_call_with_ids_of_ones_own_works(name: str, door: Door) -> None:
    """So that the refusals above are for the ids and not for a mistake in the call."""
    response = door.ask(call(name, endpoint=OURS, event_filter=OUR_FILTER, event="e-2"), token=TOKEN)

    assert "errors" not in response.json


def test_nested_lists_stay_in_the_workspace(door: Door, services: FakeServices) -> None:
    services.rows.links[WORKSPACE].update({(OURS, THEIR_FILTER), (THEIRS, OUR_FILTER)})

    answered = door.ask("{ endpoints { collectionItems { eventFilters { id endpoints { id } } } } }").data

    ((only,),) = ([item["eventFilters"] for item in answered["endpoints"]["collectionItems"]],)
    assert only == [{"id": OUR_FILTER, "endpoints": [{"id": OURS}]}]


@pytest.mark.parametrize(
    "query",
    [
        f'{{ endpoints(filters: {{eventFiltersId: {{exact: "{THEIR_FILTER}"}}}}) {{ totalCount collectionItems {{ id }} }} }}',
        f'{{ eventsFilters(filters: {{endpointId: {{exact: "{THEIRS}"}}}}) {{ totalCount collectionItems {{ id }} }} }}',
        '{ endpoints(filters: {key: {exact: "theirs"}}) { totalCount collectionItems { id } } }',
        '{ eventsFilters(filters: {key: {exact: "theirs"}}) { totalCount collectionItems { id } } }',
    ],
)
def test_filters_by_what_another_workspace_has_find_nothing(query: str, door: Door) -> None:
    for call in (f'updateEndpoint(id: "{THEIRS}", key: "theirs")', f'updateEventFilters(id: "{THEIR_FILTER}", key: "theirs")'):
        door.ask(f"mutation {{ {call} {{ id }} }}", token=OTHER_TOKEN)

    assert list(door.ask(query).data.values()) == [EMPTY]
    assert list(door.ask(query, token=OTHER_TOKEN).data.values()) != [EMPTY]


def test_edges_of_a_delivery_stay_in_the_workspace(door: Door, services: FakeServices) -> None:
    services.add_delivery(WORKSPACE, THEIRS, "e-theirs", status=DeliveryStatus.FAILED, attempts=(), next_attempt=None)

    answered = door.ask(f'{{ delivery(id: "{delivery_id(THEIRS, "e-theirs")}") {{ id event {{ id }} endpoint {{ id }} }} }}').data

    assert answered["delivery"] == {"id": delivery_id(THEIRS, "e-theirs"), "event": None, "endpoint": None}


def test_an_agent_publishes_only_for_itself(door: Door, services: FakeServices) -> None:
    response = door.ask(
        f'mutation {{ publishEvents(events: [{{type: A, data: {{}}, agentId: "{UNKNOWN}"}}]) {{ ok }} }}', token=AGENT_TOKEN
    )

    assert response.code == "FORBIDDEN"
    agent_id = services.tokens().authenticate(AGENT_TOKEN).agent_id
    door.ask("mutation { publishEvents(events: [{type: A, data: {}}]) { ok } }", token=AGENT_TOKEN)
    assert services.publishing().events[-1].agent_id == agent_id


# -- HTTP routes -----------------------------------------------------------------------------------------------------

CLOUD_EVENT = '{"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {}}'
CLOUD_EVENTS = "/event-service/events"
PUBLIC = "public"
"""Shows nothing but files of ours."""
ROUTES = {PATH: "by operation, see above", f"{PATH}/ide/{{name}}": PUBLIC, CLOUD_EVENTS: "publishes, also for agents"}


def test_every_http_route_has_a_verdict(services: FakeServices) -> None:
    app = create_app(services, Settings({"GRAPHQL_IDE": "true", "GRAPHQL_INTROSPECTION": "true"}))

    assert {route.path for route in app.routes if isinstance(route, Route)} == set(ROUTES)
    assert all(isinstance(route, Route) for route in app.routes)


@pytest.mark.parametrize("token", [None, "wrong", UNKNOWN, REVOKED_TOKEN, EXPIRED_TOKEN])
def test_the_cloud_events_route_is_closed_without_a_valid_token(token: str | None, door: Door, services: FakeServices) -> None:
    before = snapshot(services)

    response = door.send(CLOUD_EVENT, token=token, path=CLOUD_EVENTS, headers={"content-type": "application/cloudevents+json"})

    assert response.status == 401
    assert snapshot(services) == before


@pytest.mark.parametrize(("token", "workspace"), [(TOKEN, WORKSPACE), (AGENT_TOKEN, WORKSPACE), (OTHER_TOKEN, OTHER_WORKSPACE)])
def test_the_cloud_events_route_publishes_into_the_tokens_workspace(token: str, workspace: str, door: Door, services: FakeServices) -> None:
    response = door.send(CLOUD_EVENT, token=token, path=CLOUD_EVENTS, headers={"content-type": "application/cloudevents+json"})

    assert response.status == 202
    assert services.publishing().events[-1].workspace_id == workspace


# -- socket doors ------------------------------------------------------------------------------------------------------

SOCKET_TESTS = Path(__file__).parents[2] / "integration" / "sockets" / "test_websocket_function.py"
SOCKET_DOORS = {
    "$connect": {  # a token of the endpoint's workspace; a foreign endpoint is an unknown one
        "test_who_may_not_connect_is_told_by_status_and_leaves_nothing_behind",
        "test_a_revoked_token_is_refused",
        "test_an_expired_token_is_refused",
        "test_only_with_web_socket_auth_endpoint_id_is_an_endpoint_s_id_enough",
    },
    # API Gateway fills in the connection's own id, so nobody can name another's.
    "$disconnect": {"test_a_disconnect_forgets_the_connection_by_its_id_alone"},
    # Reads the connection's own row and changes nothing, whatever a client sends; a socket without a row is closed.
    "$default": {"test_a_client_s_message_is_answered_for_one_read", "test_a_message_of_a_connection_without_a_row_has_it_closed"},
}
"""The routes of the WebSocket API, each with the tests that try who may pass it."""


def test_every_socket_door_has_a_verdict() -> None:
    routes = resources("AWS::Serverless::WebSocketApi")["WebSocketApi"]["Properties"]["Routes"]
    written = {node.name for node in ast.parse(SOCKET_TESTS.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}

    assert set(SOCKET_DOORS) == set(routes)
    assert set().union(*SOCKET_DOORS.values()) <= written
