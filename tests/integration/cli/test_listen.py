"""`event-service listen` as it is run: printing, forwarding, and saying why a connection was refused."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.fakes.graphql_api import GraphqlDouble, RefusedCall
from tests.fakes.socket_service import DATE, SocketService, event, socket_service
from tests.integration.cli.conftest import Run

ROOT = Path(__file__).parents[3]
ENDPOINT_ID = "357fe643-2396-4919-bd9e-a30f0ac28818"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDABCDEFGH"


@contextmanager
def in_background(*events: dict[str, Any], **faults: Any) -> Iterator[SocketService]:
    """The socket service on an event loop of its own: the tool runs one itself."""
    ready = threading.Event()
    holder: list[tuple[SocketService, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        async with socket_service(**faults) as service:
            service.publish(*events)
            stop = asyncio.Event()
            holder.append((service, asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    service, loop, stop = holder[0]
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A webhook receiver that answers with the given statuses, then with 200."""
    answers, requests = list(statuses), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of the base class
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_events_are_printed_for_people_and_for_programs(run: Run) -> None:
    with in_background(event(1), event(2)) as service:
        text = run("--socket-url", service.url, "listen", ENDPOINT_ID, "--after", "0", "--count", "2")
        machine = run("--socket-url", service.url, "listen", ENDPOINT_ID, "--after", "1", "--count", "1", "--json")

    assert text.exit_code == machine.exit_code == 0
    assert text.stdout.splitlines()[0] == f'#1  {DATE}  counted  e1  {{"number":1}}'
    assert "2 events in 1 connections, 0 repeats dropped, 0 missed; go on with --after 2" in text.stderr
    assert [json.loads(line)["sequence"] for line in machine.stdout.splitlines()] == [2]


def test_events_are_forwarded_in_order_signed_and_as_a_webhook_gets_them(run: Run) -> None:
    with in_background(*(event(number) for number in range(1, 6))) as service, receiver() as (url, requests):
        result = run(
            "--socket-url", service.url, "listen", ENDPOINT_ID, "--after", "0", "--count", "5", "--forward", url, "--secret", SECRET
        )  # fmt: skip

    assert result.exit_code == 0
    assert [json.loads(body) for _, body in requests] == [event(number) for number in range(1, 6)]
    for headers, body in requests:
        assert Webhook(SECRET).verify(body, headers) == json.loads(body)
        assert headers["content-type"] == "application/json"
        assert headers["traceparent"].startswith("00-")
    assert len({headers["webhook-id"] for headers, _ in requests}) == 5
    assert result.stdout.count("-> taken") == 5


def test_make_listen_resumes_and_forwards_signed_requests(run: Run) -> None:
    with in_background(event(1), event(2)) as service, receiver() as (url, requests):
        command = ["make", "-n", "listen", f"ENDPOINT={ENDPOINT_ID}", f"FORWARD={url}", "AFTER=1"]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
        words = shlex.split(next(line for line in printed.splitlines() if "cli.main" in line))
        result = run("--socket-url", service.url, *words[words.index("cli.main") + 1 :], "--count", "1")

    assert result.exit_code == 0, result.stderr
    ((headers, body),) = requests
    (secret,) = re.findall(r"signed with (whsec_\S+)", result.stderr)
    assert Webhook(secret).verify(body, headers) == event(2)


def test_a_receiver_that_fails_gets_the_event_again_under_the_same_id(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.forwarding.LONGEST_PAUSE_SECONDS", 0.01)
    with in_background(event(1), event(2)) as service, receiver(500, 302, 404) as (url, requests):
        result = run("--socket-url", service.url, "listen", ENDPOINT_ID, "--after", "0", "--count", "2", "--forward", url)

    assert [json.loads(body)["id"] for _, body in requests] == ["e1", "e1", "e1", "e1", "e2"]
    assert len({headers["webhook-id"] for headers, _ in requests[:4]}) == 1
    assert "event e1 was not taken (HTTP 500)" in result.stderr
    assert "event e1 was not taken (HTTP 302)" in result.stderr
    assert result.stdout.count("-> taken") == 2


def test_an_event_that_is_never_taken_is_given_up_and_marked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.forwarding.LONGEST_PAUSE_SECONDS", 0.01)
    with in_background(event(1), event(2)) as service, receiver(500, 500) as (url, requests):
        result = run("--socket-url", service.url, "listen", ENDPOINT_ID, "--after", "0", "--count", "2", "--forward", url, "--tries", "2")

    assert [json.loads(body)["id"] for _, body in requests] == ["e1", "e1", "e2"]
    first, second = result.stdout.splitlines()
    assert first.endswith("-> NOT TAKEN")
    assert second.endswith("-> taken")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([], f"there is no endpoint {ENDPOINT_ID} in this workspace"),
        (["WEB_HOOK"], f"{ENDPOINT_ID} is a WEB_HOOK endpoint; make one for sockets"),
        (["WEB_SOCKET"], "the endpoint is there, so it is the token, or a limit of connections"),
    ],
)
def test_a_refused_connection_is_explained(api: GraphqlDouble, run: Run, found: list[str], message: str) -> None:
    api.resolvers["endpoints"] = lambda **_: {
        "totalCount": len(found),
        "collectionItems": [_endpoint(kind) for kind in found],
        "hasNextPage": False,
    }
    with in_background(refuse=[403]) as service:
        result = run("--socket-url", service.url, "listen", ENDPOINT_ID)

    assert result.exit_code == 1
    assert f"The connection was refused (HTTP 403): {message}" in result.stderr


def test_an_unknown_filter_is_told_apart(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["endpoints"] = lambda **_: {"totalCount": 1, "collectionItems": [_endpoint("WEB_SOCKET")], "hasNextPage": False}
    api.resolvers["eventsFilters"] = lambda **_: {"totalCount": 0, "collectionItems": [], "hasNextPage": False}
    with in_background(refuse=[404]) as service:
        result = run("--socket-url", service.url, "listen", ENDPOINT_ID, "--filter", "93d0c8b2")

    assert service.queries[0]["filter"] == "93d0c8b2"
    assert "The connection was refused (HTTP 404): there is no event filter 93d0c8b2 in this workspace" in result.stderr


def test_a_refused_token_is_told_apart(api: GraphqlDouble, run: Run) -> None:
    def refuse(**_: Any) -> None:
        raise RefusedCall("UNAUTHENTICATED", "Give a valid token.")

    api.resolvers["endpoints"] = refuse
    with in_background(refuse=[403]) as service:
        result = run("--socket-url", service.url, "listen", ENDPOINT_ID)

    assert result.exit_code == 4
    assert "Give a valid token." in result.stderr


def _endpoint(kind: str) -> dict[str, Any]:
    return {
        "id": ENDPOINT_ID, "name": "n", "type": kind, "status": "ENABLED", "statusReason": None, "meta": {},
        "creationDate": DATE, "lastModified": DATE, "eventFilters": [], "labels": {},
    }  # fmt: skip
