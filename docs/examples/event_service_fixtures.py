"""pytest fixtures that run event-service on this machine, for the tests of your project. They need nothing but pytest.

Copy this file beside your tests as ``conftest.py``, or import its fixtures there. ``EVENT_SERVICE`` is the folder of your clone of
event-service; without it, a folder ``event-service`` beside that of your project. ``EVENT_SERVICE_PORT`` and
``EVENT_SERVICE_DIRECTORY`` (for its state) are passed on to ``make start``.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import pytest

CLONE = Path(os.environ.get("EVENT_SERVICE", "../event-service")).resolve()


@dataclass
class EventService:
    """The running service: what ``.local/stack.json`` says, and calls."""

    graphql_url: str
    web_socket_url: str
    token: str

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data of an answer. Raises an AssertionError when the answer has errors."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"content-type": "application/json", "token": self.token}
        with urllib.request.urlopen(urllib.request.Request(self.graphql_url, body, headers), timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def create_webhook(self, url: str, name: str = "test") -> str:
        """An endpoint that receives every event; returns its id."""
        create = "mutation($n: String!, $u: String!) { createWebhookEndpoint(name: $n, url: $u) { id } }"
        return str(self.graphql(create, n=name, u=url)["createWebhookEndpoint"]["id"])

    def publish(self, event_type: str, data: Any) -> str:
        """Publishes an event; returns its id."""
        publish = "mutation($e: [EventInput!]!) { publishEvents(events: $e) { ids } }"
        return str(self.graphql(publish, e=[{"type": event_type, "data": data}])["publishEvents"]["ids"][0])


@dataclass
class Received:
    """What came to a receiver, in the order of arrival."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    arrived: Condition = field(default_factory=Condition)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
        """The first event that is wanted. Raises an AssertionError when none comes in time."""
        deadline = time.monotonic() + seconds
        with self.arrived:
            while True:
                found = next((event for event in self.events if wanted(event)), None)
                if found is not None:
                    return found
                if not self.arrived.wait(deadline - time.monotonic()):
                    raise AssertionError(f"nothing of the kind came within {seconds} s, but: {self.events}")


@pytest.fixture(scope="session")
def event_service() -> Iterator[EventService]:
    """The service. It is started for the tests, and stopped after them unless it was running before."""
    directory = os.environ.get("EVENT_SERVICE_DIRECTORY", "")
    file = Path(directory) / "stack.json" if directory else CLONE / ".local" / "stack.json"
    options = [f"PORT={os.environ.get('EVENT_SERVICE_PORT', '')}", f"DIRECTORY={directory}"]
    ran = file.exists()
    subprocess.run(["make", "-C", str(CLONE), "start", *options], check=True)
    stack = json.loads(file.read_text(encoding="utf-8"))
    yield EventService(stack["graphqlUrl"], stack["webSocketUrl"], stack["token"])
    if not ran:
        subprocess.run(["make", "-C", str(CLONE), "stop", *options], check=True)


@pytest.fixture
def receiver() -> Iterator[Received]:
    """A webhook receiver on this machine that answers 204 and remembers what came."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with received.arrived:
                received.events.append(event)
                received.arrived.notify_all()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/"
    Thread(target=server.serve_forever, daemon=True).start()
    yield received
    server.shutdown()
    server.server_close()
