"""What a web page can do to the local stack of the person who visits it, in a real Chromium: use the APIs with a token, and no more."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from local.deployed import IssuedToken
from local.stack import REGION, StackFile, client_settings_of
from local.tools import runtime
from tests.e2e.test_main_job import Client
from tests.e2e.test_sockets import socket_endpoint
from tests.e2e.test_sockets_in_a_browser import CHROMIUM, Page, page  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


@pytest.fixture
def site() -> Iterator[str]:
    """An empty page of another site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>another site</title>")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


async def _visit(browser: Page, url: str) -> None:
    await browser.run(f"location.href = {json.dumps(url)}; 0")
    async with asyncio.timeout(60):
        while await browser.run("document.title") != "another site":  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.1)


async def test_a_page_of_another_site_makes_no_function_and_reads_no_table(
    page: Page,  # noqa: F811 - the fixture imported above
    site: str,
    stack: StackFile,
) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", "def handler(event, context): return 1")
    function = {
        "FunctionName": "evil",
        "Runtime": runtime(),
        "Role": "arn:aws:iam::000000000000:role/r",
        "Handler": "index.handler",
        "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
    }
    await _visit(page, site)

    async def fetched(path: str, body: str, mode: str, **headers: str) -> Any:
        options = json.dumps({"method": "POST", "body": body, "mode": mode, "headers": {"content-type": "text/plain"} | headers})
        return await page.run(f"fetch({json.dumps(stack.awsEndpointUrl + path)}, {options}).then((r) => r.type, () => 'refused')")

    assert await fetched("/2015-03-31/functions", json.dumps(function), "no-cors") == "opaque"  # it was sent, and not carried out
    assert await fetched("/2015-03-31/functions", json.dumps(function), "cors") == "refused"
    assert await fetched("/", "{}", "cors", **{"X-Amz-Target": "DynamoDB_20120810.ListTables"}) == "refused"
    lambda_ = boto3.client("lambda", **client_settings_of(REGION, stack.awsEndpointUrl))
    assert "evil" not in {one["FunctionName"] for one in lambda_.list_functions()["Functions"]}


async def test_a_page_of_another_site_connects_with_its_token_as_a_subprotocol(
    page: Page,  # noqa: F811 - the fixture imported above
    site: str,
    stack: StackFile,
    own_token: IssuedToken,
) -> None:
    endpoint = socket_endpoint(Client(stack, own_token.token))
    url = json.dumps(f"{stack.webSocketUrl}?endpoint_id={endpoint}")
    await _visit(page, site)

    opened = await page.run(
        f"new Promise((resolve) => {{ const s = new WebSocket({url}, ['token', {json.dumps(own_token.token)}]);"
        "s.onopen = () => resolve('open ' + s.protocol); s.onerror = () => resolve('refused'); })"
    )

    assert opened == "open token"
