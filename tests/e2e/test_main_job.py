"""The main job through the doors that users have, HTTP and sockets only: register, publish, watch it arrive."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import websockets
from standardwebhooks import Webhook

from local.deployed import IssuedToken
from local.stack import StackFile

PATIENCE = 60


@dataclass
class Received:
    """One request that a receiver got."""

    method: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A webhook receiver; ``statuses`` are given out one by one, then 200."""

    url: str
    requests: queue.Queue[Received] = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)

    def next(self) -> Received:
        return self.requests.get(timeout=PATIENCE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    got = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            got.requests.put(Received(self.command, headers, body))
            self.send_response(got.statuses.pop(0) if got.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the base class finds its methods by these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    got.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield got
    server.shutdown()
    server.server_close()


class Client:
    """A user with a token."""

    def __init__(self, stack: StackFile, token: str) -> None:
        self._url = stack.graphqlUrl
        self._token = token
        self._sockets = stack.webSocketUrl

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Token": self._token, "content-type": "application/json"}
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310 - our own local stack
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - as above
            loaded: dict[str, Any] = json.load(answer)
        return loaded

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def webhook(self, url: str, method: str = "POST", filters: list[str] | None = None) -> str:
        query = (
            'mutation($u: String!, $m: String, $f: [ID!]) {createWebhookEndpoint(name: "w", url: $u, method: $m, eventFiltersIds: $f) {id}}'
        )
        endpoint_id: str = self.data(query, u=url, m=method, f=filters)["createWebhookEndpoint"]["id"]
        return endpoint_id

    def publish(self, *events: dict[str, Any]) -> dict[str, Any]:
        query = "mutation($e: [EventInput!]!) {publishEvents(events: $e) {ok ids duplicateIds}}"
        published: dict[str, Any] = self.data(query, e=list(events))["publishEvents"]
        return published

    def socket(self, endpoint_id: str, **more: str) -> Any:
        extra = "".join(f"&{name}={value}" for name, value in more.items())
        return websockets.connect(f"{self._sockets}?endpoint_id={endpoint_id}&token={self._token}{extra}")


@pytest.fixture
def client(stack: StackFile, own_token: IssuedToken) -> Client:
    return Client(stack, own_token.token)


def test_a_webhook_gets_the_delivered_event_signed(client: Client, receiver: Receiver) -> None:
    endpoint_id = client.webhook(receiver.url, "put")
    secret = client.data("query($i: ID!) {endpointSecret(id: $i)}", i=endpoint_id)["endpointSecret"]

    published = client.publish({"id": "order-17", "type": "order.created", "data": {"text": "\uffff é"}})

    request = receiver.next()
    assert request.method == "PUT"
    assert Webhook(secret).verify(request.body, request.headers) == request.event
    assert list(request.event) == ["id", "type", "date", "data", "agentId", "cameraId", "workspaceId", "creationDate", "lastModified"]
    assert request.event["id"] == published["ids"][0] == "order-17"
    assert request.event["data"] == {"text": "\uffff é"}
    assert client.publish({"id": "order-17", "type": "x", "data": {}})["duplicateIds"] == ["order-17"]


def test_only_what_a_linked_filter_matches_is_delivered(client: Client, receiver: Receiver) -> None:
    query = "mutation($c: EventFiltersInput!) {createEventFilters(eventFiltersInput: $c) {id}}"
    wanted = {"in": {"eventTypes": ["order.created"]}, "pattern": '{"data": {"total": [{"numeric": [">", 100]}]}}'}
    filter_id = client.data(query, c=wanted)["createEventFilters"]["id"]
    client.webhook(receiver.url, filters=[filter_id])

    client.publish(
        {"type": "order.created", "data": {"total": 1}},
        {"type": "order.deleted", "data": {"total": 1000}},
        {"id": "the one", "type": "ORDER.created", "data": {"total": 101}},
    )

    assert receiver.next().event["id"] == "the one"
    assert receiver.requests.empty()


def test_a_failed_delivery_is_repeated_with_the_same_id_and_logged(client: Client, receiver: Receiver) -> None:
    receiver.statuses = [500]
    client.webhook(receiver.url)

    client.publish({"id": "e", "type": "t", "data": {}})

    first, second = receiver.next(), receiver.next()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    query = '{deliveries(filters: {eventId: {exact: "e"}}) {collectionItems {status attempts {number statusCode}}}}'
    delivery: dict[str, Any] = {}
    for _ in range(PATIENCE):
        (delivery,) = client.data(query)["deliveries"]["collectionItems"]
        if delivery["status"] == "DELIVERED":
            break
        threading.Event().wait(1)
    assert delivery["attempts"] == [{"number": 1, "statusCode": 500}, {"number": 2, "statusCode": 200}]


async def test_every_client_of_a_socket_endpoint_gets_every_event_in_order(client: Client) -> None:
    endpoint_id = client.data('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]
    async with client.socket(endpoint_id) as one, client.socket(endpoint_id) as other:
        ids = client.publish(*({"type": "t", "data": {"n": number}} for number in range(20)))["ids"]
        for socket in (one, other):
            frames = [json.loads(await asyncio.wait_for(socket.recv(), PATIENCE)) for _ in ids]
            assert [frame["id"] for frame in frames] == ids
            assert [frame["sequence"] for frame in frames] == list(range(1, 21))


async def test_deleting_an_endpoint_closes_its_sockets_and_stops_its_deliveries(client: Client, receiver: Receiver) -> None:
    socket_id = client.data('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]
    webhook_id = client.webhook(receiver.url)
    async with client.socket(socket_id) as socket:
        client.data("mutation($i: [ID!]!) {deleteEndpoints(ids: $i) {ok}}", i=[socket_id, webhook_id])
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), PATIENCE)
    other = client.webhook(receiver.url.replace("/hook", "/other"))
    client.publish({"id": "after", "type": "t", "data": {}})
    assert receiver.next().event["id"] == "after"
    assert receiver.requests.empty()
    listed = client.data("{endpoints {collectionItems {id}}}")["endpoints"]["collectionItems"]
    assert listed == [{"id": other}]


async def test_who_may_not_connect_is_refused(client: Client, stack: StackFile, own_token: IssuedToken) -> None:
    webhook_id = client.webhook("https://example.com/hook")
    socket_id = client.data('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]
    for endpoint_id, token in ((webhook_id, own_token.token), (socket_id, webhook_id), (socket_id, stack.token)):
        # a webhook's id, a wrong token, and another workspace's token
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"{stack.webSocketUrl}?endpoint_id={endpoint_id}&token={token}")


def test_an_endpoint_can_be_tested_and_events_replayed(client: Client, receiver: Receiver) -> None:
    client.webhook(receiver.url)
    client.publish({"id": "before", "type": "t", "data": {}})
    assert receiver.next().event["id"] == "before"  # it is routed: what is made from now on does not get it by itself
    endpoint_id = client.webhook(receiver.url)

    attempt = client.data("mutation($i: ID!) {testEndpoint(id: $i) {statusCode error}}", i=endpoint_id)["testEndpoint"]
    assert attempt == {"statusCode": 200, "error": None}
    assert receiver.next().event["type"] == "event-service.endpoint.test"

    replay = 'mutation($i: ID!) {replayEvents(endpointId: $i, since: "2020-01-01T00:00:00Z", missingOnly: false) {ok count continueSince}}'
    assert client.data(replay, i=endpoint_id)["replayEvents"] == {"ok": True, "count": 1, "continueSince": None}
    assert receiver.next().event["id"] == "before"


def test_nothing_is_said_without_or_with_a_wrong_token(client: Client, stack: StackFile) -> None:
    for token in ("", "52c6548d-3e17-4b9b-9268-ce51d6900530"):
        answer = Client(stack, token).ask("{endpoints {totalCount}}")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]
