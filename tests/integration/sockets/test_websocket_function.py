"""The routes of the WebSocket API, with the sample payloads of ``events/websocket``."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import boto3
import pytest

from event_service import wiring
from event_service.base.errors import RateLimited, Unavailable
from event_service.settings import Settings, SettingsError
from event_service.sockets.client_messages import ANSWERS
from event_service.sockets.connection import Connection, Lane
from event_service.sockets.connections import SocketConnections
from event_service.sockets.limits import FREE_CONNECTS, ConnectionLimits, SocketLimits
from event_service.sockets.ports import Scope, ScopeKind
from event_service.sockets.slow_clients import SlowClients
from event_service.sockets.storage.counts import DynamoConnectionCounts, OpenItem
from event_service.sockets.waking import wake_endpoints_of_token
from functions.websocket.handler import create_handler
from tests import builders
from tests.builders import SettableClock
from tests.integration.conftest import REGION
from tests.integration.sockets.conftest import (
    AGENT_TOKEN,
    ENDPOINT,
    FOREIGN_TOKEN,
    TOKEN,
    WEBHOOK,
    WORKSPACE,
    LambdaContext,
    Sockets,
    payload,
)
from tests.template_file import resources, template

CONNECTION = "L0SM9cOFvHcCIhw="


def call(sockets: Sockets, event: dict[str, Any]) -> dict[str, Any]:
    return create_handler(lambda: sockets.connections)(event, LambdaContext())


def connect_with(token: str = TOKEN, **query: str) -> dict[str, Any]:
    event = copy.deepcopy(payload("websocket/connect_token_in_query.json"))
    event["queryStringParameters"].update(token=token, **query)
    return event


@pytest.mark.parametrize("name", ["connect_token_in_query", "connect_token_header", "connect_bearer"])
def test_a_token_in_a_header_or_the_query_opens_a_socket(sockets: Sockets, name: str) -> None:
    assert call(sockets, payload(f"websocket/{name}.json")) == {"statusCode": 200}

    (connection,) = sockets.open_connections()
    assert (connection.connection_id, connection.workspace_id, connection.cursor) == (CONNECTION, WORKSPACE, 0)
    assert sockets.wake_ups() == sockets.turns() == []


def test_subprotocol_pair_opens_a_socket_and_hides_the_token(sockets: Sockets) -> None:
    answer = call(sockets, payload("websocket/connect_subprotocol.json"))

    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "token"}}


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (payload("websocket/connect_without_token.json"), 401),
        (connect_with("5f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"), 401),
        (connect_with("no uuid"), 401),
        (connect_with(AGENT_TOKEN), 403),
        (connect_with(FOREIGN_TOKEN), 404),
        (connect_with(endpoint_id="72c6548d-3e17-4b9b-9268-ce51d6900530"), 404),
        (connect_with(endpoint_id="no uuid"), 404),
        (connect_with(endpoint_id=WEBHOOK), 404),
        (payload("websocket/connect_bad_after.json"), 400),
        (connect_with(batch="2"), 400),
        (connect_with(endpoint_id=""), 400),
    ],
)
def test_who_may_not_connect_is_told_by_status_and_leaves_nothing_behind(sockets: Sockets, event: dict[str, Any], status: int) -> None:
    answer = call(sockets, event)

    assert answer["statusCode"] == status
    assert sockets.open_connections() == []
    assert sockets.wake_ups() == []


@pytest.mark.parametrize(("event", "counted"), [(connect_with("no uuid"), [1]), (connect_with(endpoint_id=WEBHOOK), [])])
def test_a_refused_token_is_counted_and_other_refusals_are_not(
    sockets: Sockets, event: dict[str, Any], counted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    call(sockets, event)

    summaries = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"message":"done"' in line]
    assert [line["RefusedTokens"] for line in summaries if "RefusedTokens" in line] == counted
    assert [line["RefusedConnects"] for line in summaries] == [1]


def as_deployed_by_default() -> dict[str, str]:
    """The variable as the template sets it."""
    variables = resources("AWS::Serverless::Function")["WebsocketFunction"]["Properties"]["Environment"]["Variables"]
    return {"WEB_SOCKET_AUTH": template()["Parameters"][variables["WEB_SOCKET_AUTH"]["Ref"]]["Default"]}


@pytest.mark.parametrize(
    ("environment", "status"),
    [(as_deployed_by_default(), 401), ({}, 401), ({"WEB_SOCKET_AUTH": "token"}, 401), ({"WEB_SOCKET_AUTH": "endpoint-id"}, 200)],
)
def test_only_with_web_socket_auth_endpoint_id_is_an_endpoint_s_id_enough(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], status: int
) -> None:
    connections = as_wired(sockets, monkeypatch, environment)

    answer = create_handler(lambda: connections)(payload("websocket/connect_without_token.json"), LambdaContext())

    assert answer["statusCode"] == status
    assert [row.token_hash for row in sockets.open_connections()] == ([None] if status == 200 else [])


@pytest.mark.parametrize("endpoint_id", [WEBHOOK, "72c6548d-3e17-4b9b-9268-ce51d6900530", "no uuid"])
def test_endpoint_id_alone_opens_no_unknown_endpoint_or_webhook(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch, endpoint_id: str
) -> None:
    connections = as_wired(sockets, monkeypatch, {"WEB_SOCKET_AUTH": "endpoint-id"})
    event = connect_with(endpoint_id=endpoint_id)

    assert create_handler(lambda: connections)(event, LambdaContext())["statusCode"] == 404


@pytest.mark.parametrize("value", ["none", "TOKEN"])
def test_a_web_socket_auth_that_is_neither_lets_nobody_in(sockets: Sockets, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(SettingsError):
        as_wired(sockets, monkeypatch, {"WEB_SOCKET_AUTH": value})


def as_wired(sockets: Sockets, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> SocketConnections:
    """The use case as :mod:`event_service.wiring` makes it in this environment, over the tables of the test."""
    monkeypatch.setattr(wiring, "get_settings", lambda: Settings(environment))
    ports = {
        "database": sockets.database,
        "connection_store": sockets.store,
        "socket_log_store": sockets.log_store,
        "socket_backlog_queue": sockets.backlog,
    }
    for name, made in ports.items():
        monkeypatch.setattr(wiring, name, partial(lambda one: one, made))
    monkeypatch.setattr(wiring, "clock", sockets.clock)
    return wiring.socket_connections.__wrapped__()


def test_a_connect_that_aws_throttles_is_told_so_and_wakes_nobody(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        raise RateLimited("busy")

    monkeypatch.setattr(sockets.store, "add", fail)

    assert call(sockets, connect_with())["statusCode"] == 429
    assert sockets.wake_ups() == []


def test_a_connect_whose_outcome_is_unknown_is_a_fault_that_refuses_it(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(endpoint_id: str, kept_until: datetime) -> None:
        raise Unavailable("lost")

    monkeypatch.setattr(sockets.log_store, "arrive", fail)

    # API Gateway refuses the handshake when the function fails, and the alarm on errors sees it.
    with pytest.raises(Unavailable):
        call(sockets, connect_with())


def test_an_expired_token_is_refused(sockets: Sockets) -> None:
    now = sockets.clock()
    text = "4f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
    sockets.tokens.put(
        builders.a_token(text, workspace_id=WORKSPACE, name="t", created=now - timedelta(days=2), expires=now - timedelta(days=1))
    )

    assert call(sockets, connect_with(text))["statusCode"] == 401


def test_a_revoked_token_is_refused(sockets: Sockets) -> None:
    sockets.token(TOKEN, revoked=True)

    assert call(sockets, connect_with())["statusCode"] == 401


def test_deleted_endpoint_stays_deleted_after_a_late_repair(sockets: Sockets) -> None:
    sockets.delete()
    sockets.version = 0
    sockets.configure(sockets.endpoint(ENDPOINT))

    assert call(sockets, connect_with())["statusCode"] == 404


def test_a_connect_costs_two_batch_gets_and_two_or_three_writes(sockets: Sockets) -> None:
    sockets.calls.clear()
    call(sockets, connect_with())
    first = dict(sockets.calls)
    sockets.calls.clear()
    call(sockets, connect_with())

    assert first == {"BatchGetItem": 2, "PutItem": 1, "BatchWriteItem": 1, "UpdateItem": 1}
    assert sockets.calls == {"BatchGetItem": 2, "BatchWriteItem": 1, "UpdateItem": 1}


def test_connection_rows_die_by_themselves_after_two_hours(sockets: Sockets, aws: dict[str, str]) -> None:
    call(sockets, connect_with())

    table = resources("AWS::DynamoDB::Table")["ConnectionsTable"]["Properties"]
    items = boto3.client("dynamodb", region_name=REGION).scan(TableName=aws["CONNECTIONS_TABLE"])["Items"]
    connected = payload("websocket/connect_token_in_query.json")["requestContext"]["connectedAt"] / 1000

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert not table.keys() & {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"}
    assert len(items) == 3
    assert all(2 * 3_600 < int(item["expiresAt"]["N"]) - connected <= 2.5 * 3_600 for item in items)


def test_resuming_is_stored_with_the_connection(sockets: Sockets) -> None:
    call(sockets, payload("websocket/connect_resume.json"))

    (connection,) = sockets.open_connections()
    assert (connection.cursor, connection.reset, connection.batched, connection.lane) == (0, True, True, Lane.OWN)
    assert [turn["turn"] for turn in sockets.turns()] == [1]


def test_a_disconnect_forgets_the_connection_by_its_id_alone(sockets: Sockets) -> None:
    call(sockets, connect_with())
    sockets.calls.clear()

    assert call(sockets, payload("websocket/disconnect.json")) == {"statusCode": 200}
    assert call(sockets, payload("websocket/disconnect.json")) == {"statusCode": 200}

    assert sockets.calls == {"GetItem": 2, "BatchWriteItem": 1}
    assert sockets.open_connections() == []
    assert sockets.store.owner(CONNECTION) is None


@pytest.mark.parametrize(
    ("name", "notice"),
    [
        *((f"default_{action}", json.loads(answer.text)["notice"]) for action, answer in ANSWERS.items()),
        ("default_not_understood", "not-understood"),
        ("default_garbage", "not-understood"),
    ],
)
def test_a_client_s_message_is_answered_for_one_read(sockets: Sockets, name: str, notice: str) -> None:
    call(sockets, connect_with())
    sockets.calls.clear()

    answer = call(sockets, payload(f"websocket/{name}.json"))

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["notice"] == notice
    assert sockets.calls == {"GetItem": 1}
    assert sockets.turns() == []


def test_a_message_of_a_connection_without_a_row_has_it_closed(sockets: Sockets) -> None:
    answer = call(sockets, payload("websocket/default_ping.json"))

    assert answer == {"statusCode": 200}
    assert sockets.turns() == [{"v": 2, "kind": "close", "connectionId": CONNECTION}]


@pytest.mark.parametrize("body", ["", "[" * 100_000, '{"action":' * 20_000, "x" * 131_072, "\ud83d", '{"action": NaN}', '["action"]', None])
def test_garbage_is_answered_like_anything_else_that_is_not_understood(
    sockets: Sockets, body: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {**payload("websocket/default_garbage.json"), "body": body}
    call(sockets, connect_with())
    capsys.readouterr()

    answer = call(sockets, event)

    assert json.loads(answer["body"])["notice"] == "not-understood"
    assert '"NotUnderstood"' in capsys.readouterr().out


def test_token_s_endpoints_are_found_while_connections_can_live(sockets: Sockets) -> None:
    call(sockets, connect_with())
    (connection,) = sockets.open_connections()
    sockets.wake_ups()
    assert connection.token_hash is not None

    found = wake_endpoints_of_token(sockets.store, sockets.log_store, sockets.queue, connection.token_hash)

    assert found == 1

    assert sockets.wake_ups() == [{"v": 2, "workspaceId": WORKSPACE, "endpointId": ENDPOINT, "group": 0, "turn": 0}]


def limited(sockets: Sockets, limits: SocketLimits) -> ConnectionLimits:
    """Another process with these limits, in which time stands still."""
    clock = SettableClock(sockets.clock.now)
    made = ConnectionLimits(DynamoConnectionCounts(sockets.database, clock), limits, clock)
    sockets.connections = sockets.use_cases.new_door(made)
    return made


def connect_as(connection_id: str) -> dict[str, Any]:
    event = connect_with()
    event["requestContext"]["connectionId"] = connection_id
    return event


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (SocketLimits(per_endpoint=1), "1 open connections per endpoint"),
        (SocketLimits(per_workspace=1), "1 open connections per workspace"),
        (SocketLimits(per_token=1), "1 open connections per token"),
    ],
)
def test_the_connection_beyond_a_limit_gets_429_and_a_disconnect_frees_it(sockets: Sockets, limits: SocketLimits, sentence: str) -> None:
    answers = []
    for connection_id in ("one=", "two="):
        limited(sockets, limits)
        answers.append(call(sockets, connect_as(connection_id)))
    limited(sockets, limits)
    call(sockets, {**payload("websocket/disconnect.json"), "requestContext": {"eventType": "DISCONNECT", "connectionId": "one="}})
    limited(sockets, limits)
    answers.append(call(sockets, connect_as("three=")))

    assert [answer["statusCode"] for answer in answers] == [200, 429, 200]
    assert sentence in answers[1]["body"]
    assert [one.connection_id for one in sockets.open_connections()] == ["three="]


def test_connects_of_a_second_beyond_the_rate_get_429(sockets: Sockets) -> None:
    limited(sockets, SocketLimits(connects_per_second=2))

    answers = [call(sockets, connect_as(f"{number}=")) for number in range(FREE_CONNECTS + 3)]

    assert [answer["statusCode"] for answer in answers] == [200] * (FREE_CONNECTS + 2) + [429]
    assert "2 connects a second" in answers[-1]["body"]


def test_client_that_took_nothing_again_and_again_is_told_when_to_come(sockets: Sockets) -> None:
    counts = DynamoConnectionCounts(sockets.database, sockets.clock)
    clients = SlowClients(counts, sockets.log_store, sockets.clock)

    def begin() -> None:
        limits = ConnectionLimits(counts, SocketLimits(), sockets.clock, SlowClients(counts, sockets.log_store, sockets.clock))
        sockets.connections = sockets.use_cases.new_door(limits)

    begin()
    assert call(sockets, connect_as("one="))["statusCode"] == 200
    (slow,) = sockets.open_connections()
    for _ in range(2):
        clients.note(slow, sockets.log_store.heads([slow.endpoint_id])[slow.endpoint_id])
    begin()
    refused = call(sockets, connect_as("two="))
    assert refused["statusCode"] == 429
    assert 40 <= int(refused["headers"]["Retry-After"]) <= 60
    assert "closed 2 times in a row" in refused["body"]

    sockets.clock.advance(seconds=60)
    assert call(sockets, connect_as("two="))["statusCode"] == 200
    sockets.clock.advance(hours=49)
    begin()
    assert counts.slow_closes(slow.client or "") is None


def test_counts_forget_connections_of_which_no_disconnect_came(sockets: Sockets) -> None:
    counts = DynamoConnectionCounts(sockets.database, sockets.clock)
    scope = Scope(ScopeKind.TOKEN, "t")
    opened = []
    for _ in range(30):
        opened.append(counts.count(scope, {sockets.clock.now: 2}))
        sockets.clock.advance(minutes=10)

    assert opened[:3] == [2, 4, 6]
    assert max(opened) == opened[-1] <= 28
    row = sockets.database.get(OpenItem, "open#token#t", "!")
    assert row is not None
    assert counts.count(scope, {sockets.clock.now - timedelta(minutes=20): -100}) < opened[-1]
    sockets.clock.advance(hours=3)
    assert counts.count(scope, {}) == 0
    assert counts.count(scope, {sockets.clock.now: 1}) == 1
    (raw,) = sockets.database.query_all(OpenItem, OpenItem.scope == "open#token#t")
    assert len(raw) < 25
