"""The GraphQL IDE in a real browser that can reach nothing but this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import TOKEN, WORKSPACE, Door, payload

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
PREFIX = "/_aws/execute-api/abc123"
"""The local stack serves the API behind a prefix that the function does not see."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
    pytest.mark.enable_socket,
]


class Gateway:
    """An HTTP API in front of the handler."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.paths: list[str] = []
        gateway = self
        lock = threading.Lock()  # as Lambda: one request at a time in one environment

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve("")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers["content-length"])).decode())

            def _serve(self, body: str) -> None:
                path = self.path.removeprefix(PREFIX)
                gateway.paths.append(path)
                event: dict[str, Any] = payload("endpoints")
                event["requestContext"]["http"] |= {"method": self.command, "path": path}
                event |= {"headers": {name.lower(): value for name, value in self.headers.items()}, "body": body}
                with lock:
                    response = gateway.door.invoke(event)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    if name != "content-length":
                        self.send_header(name, value)
                self.send_header("content-length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{PREFIX}/event-service/graphql"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    services = FakeServices()
    services.add_token(TOKEN, WORKSPACE)
    gateway = Gateway(Door(services))
    thread = threading.Thread(target=gateway.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()
    thread.join(10)


def open_page(gateway: Gateway, profile: Path, *more: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    return subprocess.run(
        [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--enable-logging=stderr",
            "--window-size=1400,900",
            "--virtual-time-budget=15000",
            f"--user-data-dir={profile}",
            *more,
            gateway.url,
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )


def test_the_page_shows_the_editor_the_examples_and_the_token_field(gateway: Gateway, tmp_path: Path) -> None:
    page = open_page(gateway, tmp_path, "--dump-dom")

    assert 'class="graphiql-container"' in page.stdout
    for example in ("CreateWebhook", "CreateWebSocket", "CreateFilter", "Publish", "Look"):
        assert re.search(rf">{example}<", page.stdout), example
    assert 'id="token"' in page.stdout
    assert [line for line in page.stderr.splitlines() if "CONSOLE" in line and "data:," not in line] == []
    assert "/event-service/graphql/ide/schema.json" in gateway.paths
    assert all(path.startswith("/event-service/graphql") for path in gateway.paths)
