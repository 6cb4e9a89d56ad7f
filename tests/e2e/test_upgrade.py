"""An upgrade and the way back lose nothing: with messages in the queues, rows in every table, open sockets and traffic.

From which release: see local/upgrade.py. `make upgrade-test FROM=<revision>` names one.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_socket
import websockets.sync.client
from websockets.exceptions import WebSocketException

from event_service.base.identifiers import new_id
from local.build import build
from local.processes import free_port
from local.stack import LocalStack, client_settings_of
from local.tools import LOCAL, architecture, interpreter
from local.upgrade import build_of, other_revision
from tests.e2e.test_main_job import Client

PATIENCE = 60
QUEUES = ("RoutingQueue", "WebhookQueue", "OwnLaneQueue", "SocketQueue")
"""That hold messages while they are upgraded. What is in SocketBacklogQueue depends on how fast sockets catch up."""


class Receivers:
    """Webhook receivers by path; each can refuse some requests first."""

    def __init__(self) -> None:
        self.received: dict[str, set[str]] = {}
        self.refusals: dict[str, int] = {}
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                refused = receivers.refusals.get(self.path, 0)
                if refused:
                    receivers.refusals[self.path] = refused - 1
                else:
                    receivers.received.setdefault(self.path, set()).add(event["id"])
                self.send_response(503 if refused else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"


class Listener:
    """A socket client that connects again where it was."""

    def __init__(self, stack: LocalStack, endpoint_id: str) -> None:
        self._url = f"{stack.ready.webSocketUrl}?endpoint_id={endpoint_id}&token={stack.ready.token}"
        self.frames: list[tuple[int, str]] = []
        self.ended = threading.Event()
        self.open = threading.Event()
        self.failed: list[BaseException] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while not self.ended.is_set():
            last = self.frames[-1][0] if self.frames else 0
            try:
                with websockets.sync.client.connect(f"{self._url}&after={last}", open_timeout=PATIENCE) as connection:
                    self.open.set()
                    while not self.ended.is_set():
                        try:
                            frame = json.loads(connection.recv(timeout=1))
                        except TimeoutError:
                            continue
                        if "sequence" in frame and "id" in frame:
                            self.frames.append((frame["sequence"], frame["id"]))
            except (WebSocketException, OSError) as error:
                self.failed.append(error)
                time.sleep(0.5)


class Traffic:
    """Publishes all the time; what was not accepted is published again, as clients do."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.name = new_id()
        self.accepted: set[str] = set()
        self._ended = threading.Event()
        self._number = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def publish(self, number: int) -> None:
        for _ in range(number):
            self._number += 1
            event_id = f"{self.name}-{self._number}"
            data = {"identification_data": [{"profile_id": "p"}], "activity_id": "a"}
            while True:
                try:
                    self._client.publish({"id": event_id, "type": "order.created", "data": data})
                    break
                except (OSError, AssertionError):
                    time.sleep(0.3)  # nothing was accepted, or its answer was lost: the same id makes no second event
            self.accepted.add(event_id)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.publish(1)
            time.sleep(0.2)


def until(what: Callable[[], object], why: str, seen: Callable[[], object] = lambda: "") -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, f"{why}; {seen()}"
        time.sleep(0.3)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    pytest_socket.enable_socket()
    with LocalStack(tmp_path_factory.mktemp("upgrade"), free_port()) as stack:
        stack.start()
        yield stack


@pytest.mark.timeout(600)
def test_upgrade_and_way_back_lose_nothing(own_stack: LocalStack) -> None:
    this = build(LOCAL / "build" / "local", python=interpreter(), processor=architecture()).template
    revision = other_revision()
    other = build_of(revision) if revision else this
    deployments = 0

    def deploy(template: Path) -> None:
        nonlocal deployments
        deployments += 1
        own_stack.deploy(template, hashlib.sha256(f"{template} {deployments}".encode()).hexdigest())

    if revision:
        deploy(other)  # an empty stack goes back first
    settings = client_settings_of(own_stack.ready.region, own_stack.ready.awsEndpointUrl)
    client, receivers = Client(own_stack.ready, own_stack.ready.token), Receivers()
    pollers = Pollers(boto3.client("lambda", **settings))
    sqs, dynamodb = boto3.client("sqs", **settings), boto3.client("dynamodb", **settings)

    def messages(name: str) -> int:
        attributes = sqs.get_queue_attributes(QueueUrl=own_stack.outputs[f"{name}Url"], AttributeNames=["All"])["Attributes"]
        return sum(int(value) for key, value in attributes.items() if key.startswith("ApproximateNumberOfMessages"))

    # given rows in every table: deliveries made and put off, a backlog, an open socket
    filter_id = client.data('mutation {createEventFilters(eventFiltersInput: {in: {eventTypes: ["order.created"]}}) {id}}')[
        "createEventFilters"
    ]["id"]
    client.webhook(receivers.url("/healthy"), filters=[filter_id])
    receivers.refusals["/failing"] = 3
    client.webhook(receivers.url("/failing"))
    paused = client.webhook(receivers.url("/paused"))
    client.data("mutation($i: [ID!]!) {pauseEndpoints(ids: $i) {ok}}", i=[paused])
    socket = client.data('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]
    listener, traffic = Listener(own_stack, socket), Traffic(client)
    assert listener.open.wait(PATIENCE), "what is published before the first client connects is not kept for it"
    traffic.publish(5)
    until(
        lambda: (
            receivers.received.get("/healthy") == traffic.accepted and {event_id for _, event_id in listener.frames} == traffic.accepted
        ),
        "the first events arrive",
        lambda: (receivers.received, listener.frames, listener.failed),
    )
    # and messages in the queues, because nobody takes them
    pollers.stop("WebhookDelivery", "SocketDelivery")
    client.data("mutation($i: [ID!]!) {resumeEndpoints(ids: $i) {ok}}", i=[paused])
    traffic.publish(5)
    until(lambda: messages("WebhookQueue") and messages("SocketQueue"), "the router hands over")
    pollers.stop("EventRouter")
    traffic.publish(5)
    assert {name: messages(name) > 0 for name in QUEUES} == dict.fromkeys(QUEUES, True)
    tables = [name for key, name in own_stack.outputs.items() if key.endswith("TableName")]
    assert [name for name in tables if not dynamodb.scan(TableName=name, Limit=1)["Items"]] == []

    # when this tree is deployed while somebody publishes, and then the other release again
    traffic.start()
    deploy(this)
    pollers.start()
    until(lambda: receivers.received["/healthy"] >= {f"{traffic.name}-{number}" for number in range(1, 16)}, "what waited is delivered")
    deploy(other)
    traffic.stop()

    # then everything that was accepted is everywhere, on the socket without a gap
    for path in ("/healthy", "/failing", "/paused"):
        until(lambda path=path: receivers.received.get(path, set()) >= traffic.accepted, f"all events reach {path}")  # type: ignore[misc]
    until(lambda: {event_id for _, event_id in listener.frames} >= traffic.accepted, "all events reach the socket")
    listener.ended.set()
    sequences = sorted({sequence for sequence, _ in listener.frames})
    assert sequences == list(range(1, len(traffic.accepted) + 1))
    assert len(traffic.accepted) > 20


class Pollers:
    """The event source mappings of the functions."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._stopped: list[str] = []

    def stop(self, *functions: str) -> None:
        for mapping in self._client.list_event_source_mappings()["EventSourceMappings"]:
            if any(function in mapping["FunctionArn"] for function in functions):
                self._client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
                self._stopped.append(mapping["UUID"])

    def start(self) -> None:
        for one in self._stopped:
            self._client.update_event_source_mapping(UUID=one, Enabled=True)
