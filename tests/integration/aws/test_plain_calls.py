"""Batches without the SDK, against a server that answers as DynamoDB does, or badly."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from event_service.aws.plain_batches import PlainBatches

CREDENTIALS = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token==")
KEYS = {"RequestItems": {"Table": {"Keys": [{"id": {"S": "\u00e9 \u2028 \U0001f600"}}]}}}
ANSWER = {"Responses": {"Table": [{"id": {"S": "\u00e9"}, "number": {"N": "1"}}]}, "UnprocessedKeys": {}}


@dataclass
class Server:
    """What it was asked, and how it answers."""

    url: str = ""
    status: int = 200
    body: bytes = json.dumps(ANSWER).encode()
    hangs_up: bool = False
    before: Callable[[], object] = lambda: None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)
    clients: list[PlainBatches] = field(default_factory=list)
    now: float = 1_000.0

    def batches(self, credentials: ReadOnlyCredentials | None = CREDENTIALS, timeout_seconds: float = 5.0) -> PlainBatches:
        """One that calls this server."""
        self.clients.append(PlainBatches(self.url, "eu-central-1", lambda: credentials, timeout_seconds, lambda: self.now))
        return self.clients[-1]


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            state.connections.append(self.request)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            state.before()
            if state.hangs_up:
                self.close_connection = True
                return
            self.send_response(state.status)
            self.send_header("content-length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    state.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    for client in state.clients:
        client.close()
    listening.shutdown()
    listening.server_close()
    thread.join()


def without_metadata(answer: dict[str, Any] | None) -> dict[str, Any]:
    assert answer is not None
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_a_call_is_sent_as_it_is_and_its_answer_read_as_it_is(server: Server) -> None:
    answer = server.batches().answer("BatchGetItem", KEYS)

    assert without_metadata(answer) == ANSWER
    ((headers, body),) = server.requests
    assert json.loads(body) == KEYS
    assert headers["x-amz-target"] == "DynamoDB_20120810.BatchGetItem"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["user-agent"] == "event-service/1"


def test_the_bytes_of_an_answer_are_where_the_sdk_has_them(server: Server) -> None:
    answer = server.batches().answer("BatchGetItem", KEYS)

    assert answer is not None
    assert int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"]) == len(server.body)


def test_a_call_is_signed_as_the_sdk_signs_it(server: Server) -> None:
    server.batches().answer("BatchWriteItem", KEYS)

    ((headers, body),) = server.requests
    reference = AWSRequest("POST", f"{server.url}/", data=body, headers={"X-Amz-Target": headers["x-amz-target"]})
    reference.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(CREDENTIALS, "dynamodb", "eu-central-1")
    reference.headers["X-Amz-Date"] = headers["x-amz-date"]
    reference.headers["X-Amz-Security-Token"] = str(CREDENTIALS.token)
    signature = signer.signature(signer.string_to_sign(reference, signer.canonical_request(reference)), reference)
    assert headers["x-amz-security-token"] == CREDENTIALS.token
    assert headers["authorization"].endswith(f"SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target, Signature={signature}")


def test_one_connection_serves_many_calls(server: Server) -> None:
    calls = server.batches()
    for _ in range(3):
        assert calls.answer("BatchGetItem", KEYS) is not None

    assert (len(server.requests), len(server.connections)) == (3, 1)


def test_calls_at_the_same_time_have_a_connection_each(server: Server) -> None:
    calls = server.batches()
    together = threading.Barrier(3)
    server.before = lambda: together.wait(5)
    threads = [threading.Thread(target=calls.answer, args=("BatchGetItem", KEYS)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert (len(server.requests), len(server.connections)) == (3, 3)


def test_a_connection_that_was_closed_while_idle_is_not_used(server: Server) -> None:
    calls = server.batches()
    assert calls.answer("BatchGetItem", KEYS) is not None
    server.connections[0].shutdown(socket.SHUT_RDWR)

    assert calls.answer("BatchGetItem", KEYS) is not None
    assert len(server.connections) == 2


def test_a_connection_that_was_idle_for_long_is_not_used(server: Server) -> None:
    calls = server.batches()
    assert calls.answer("BatchGetItem", KEYS) is not None
    server.now += 49
    assert calls.answer("BatchGetItem", KEYS) is not None
    assert len(server.connections) == 1
    server.now += 51

    assert calls.answer("BatchGetItem", KEYS) is not None
    assert len(server.connections) == 2


@pytest.mark.parametrize("status", [400, 500, 503])
def test_what_dynamodb_does_not_do_is_left_to_the_sdk(server: Server, status: int) -> None:
    calls = server.batches()
    server.status, server.body = status, b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}'
    assert calls.answer("BatchGetItem", KEYS) is None
    assert len(server.requests) == 1

    server.status, server.body = 200, json.dumps(ANSWER).encode()
    assert calls.answer("BatchGetItem", KEYS) is not None


@pytest.mark.parametrize("trouble", ["hangs up", "no JSON", "takes too long"])
def test_without_an_answer_the_sdk_makes_all_calls_for_a_while(server: Server, trouble: str) -> None:
    calls = server.batches(timeout_seconds=0.5 if trouble == "takes too long" else 5.0)
    released = threading.Event()
    if trouble == "hangs up":
        server.hangs_up = True
    elif trouble == "no JSON":
        server.body = b"<html>"
    else:
        server.before = lambda: released.wait(5)

    assert calls.answer("BatchGetItem", KEYS) is None
    released.set()
    server.hangs_up, server.body = False, json.dumps(ANSWER).encode()
    server.now += 9.9
    assert calls.answer("BatchGetItem", KEYS) is None
    assert len(server.requests) == 1
    server.now += 0.2
    calls.answer("BatchGetItem", KEYS)
    assert len(server.requests) == 2


def test_nothing_is_sent_without_credentials(server: Server) -> None:
    assert server.batches(None).answer("BatchGetItem", KEYS) is None
    assert server.requests == []


def test_a_binary_attribute_is_refused_before_anything_is_sent(server: Server) -> None:
    with pytest.raises(TypeError):
        server.batches().answer("BatchWriteItem", {"RequestItems": {"T": [{"PutRequest": {"Item": {"id": {"B": b"x"}}}}]}})
    assert server.requests == []
