"""`event-service receive` as it is run: requests that come over a real connection, and what is answered and shown."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from event_service.webhooks.signature import signed_headers
from tests.fakes.graphql_api import GraphqlDouble
from tests.integration.cli.conftest import Run

ENDPOINT_ID = "357fe643-2396-4919-bd9e-a30f0ac28818"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDABCDEFGH"
EVENT = {"id": "order-17", "type": "order.created", "data": {"total": 120}}
BODY = json.dumps(EVENT).encode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Receiving:
    """The command in a thread of its own, ended by its ``--count``."""

    def __init__(self, run: Run, *words: str) -> None:
        self.port = free_port()
        self._results: list[Result] = []
        self._thread = threading.Thread(target=lambda: self._results.append(run("receive", "--port", str(self.port), *words)), daemon=True)
        self._thread.start()

    def post(self, body: bytes = BODY, headers: dict[str, str] | None = None, method: str = "POST") -> http.client.HTTPResponse:
        for _ in range(400):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request(method, "/hook", body, headers or {})
            except ConnectionRefusedError:
                time.sleep(0.05)
                continue
            response = connection.getresponse()
            response.read()
            connection.close()
            return response
        raise AssertionError("nothing listens")

    def end(self) -> Result:
        self._thread.join(30)
        return self._results[0]


@pytest.fixture
def start(run: Run) -> Callable[..., Receiving]:
    return lambda *words: Receiving(run, *words)


def signed(secret: str = SECRET, at: float | None = None, body: bytes = BODY) -> dict[str, str]:
    return signed_headers([secret], "msg_1", int(time.time() if at is None else at), body)


def test_what_comes_is_shown_to_people(start: Callable[..., Receiving]) -> None:
    receiving = start("--count", "2")

    assert receiving.post().status == 204
    assert receiving.post(b"no json\x1b[2J", method="PUT").status == 204

    result = receiving.end()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == '204  order.created  order-17  {"total": 120}'
    assert "\x1b" not in result.stdout  # a terminal would take it for a command
    assert "verifying nothing" in result.stderr


def test_what_is_not_signed_with_the_endpoints_secret_is_refused(api: GraphqlDouble, start: Callable[..., Receiving]) -> None:
    api.resolvers["endpointSecret"] = lambda **_: SECRET
    receiving = start("--endpoint", ENDPOINT_ID, "--count", "4", "--json")

    answers = [
        receiving.post(headers=signed()).status,
        receiving.post(headers=signed("whsec_" + "A" * 40)).status,
        receiving.post(headers=signed(at=time.time() - 1_000)).status,
        receiving.post().status,
    ]

    assert answers == [204, 401, 401, 401]
    shown: list[dict[str, Any]] = [json.loads(line) for line in receiving.end().stdout.splitlines()]
    assert [one["verified"] for one in shown] == [True, False, False, False]
    assert shown[0] == {"status": 204, "verified": True, "fault": None, "webhookId": "msg_1", "event": EVENT}
    assert "another secret" in shown[1]["fault"]
    assert "five minutes" in shown[2]["fault"]


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-timestamp": "9" * 5_000},
        {"webhook-timestamp": "\u00b2"},
        {"webhook-signature": "v1,\xff"},
        {"webhook-id": "\xff\xfe"},
    ],
)
def test_headers_of_any_bytes_are_refused_and_crash_nothing(headers: dict[str, str], start: Callable[..., Receiving]) -> None:
    receiving = start("--secret", SECRET, "--count", "1")

    assert receiving.post(headers={**signed(), **headers}).status == 401
    assert receiving.end().exit_code == 0


def test_the_receiver_answers_as_it_is_told_to(start: Callable[..., Receiving]) -> None:
    limited = start("--status", "429", "--retry-after", "7", "--count", "1")
    refused = limited.post()
    limited.end()  # one after the other: the runner puts its own standard output in the place of the process's
    failing = start("--fail", "1", "--count", "1")
    broken = failing.post()
    failing.end()

    assert (refused.status, refused.headers["retry-after"]) == (429, "7")
    assert broken.status == 500
    assert broken.headers["retry-after"] is None


def test_bodies_without_an_end_are_refused(start: Callable[..., Receiving]) -> None:
    receiving = start("--count", "1")

    assert receiving.post(b"", {"content-length": "9" * 30}).status == 413
    assert receiving.post(b"", {"content-length": "-1"}).status == 400
    assert receiving.post().status == 204
    assert len(receiving.end().stdout.splitlines()) == 1


def test_wrong_use_is_a_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        occupied = run("receive", "--port", str(taken.getsockname()[1]))
    both = run("receive", "--secret", SECRET, "--endpoint", ENDPOINT_ID)
    wrong = run("receive", "--port", "0", "--secret", "whsec_x")

    assert [one.exit_code for one in (occupied, both, wrong)] == [2, 2, 2]
    assert "Give another --port" in occupied.stderr
    assert "not both" in both.stderr
    assert "--secret: after whsec_ a signing secret" in wrong.stderr or "holds 24 to 64 bytes" in wrong.stderr
