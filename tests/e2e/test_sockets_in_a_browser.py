"""The browser client that docs/websockets.md prints, in a real Chromium with the browser's own ``WebSocket``."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from local.deployed import IssuedToken
from local.stack import StackFile
from tests.e2e.test_main_job import Client
from tests.e2e.test_sockets import _until, socket_endpoint
from tests.printed import printed

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


class Page:
    """A page of the browser, driven over the DevTools protocol."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    async def run(self, script: str) -> Any:
        """The value of a script."""
        number = next(self._numbers)
        parameters = {"expression": script, "returnByValue": True, "awaitPromise": True}
        await self._connection.send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": parameters}))
        while True:
            answer = json.loads(await asyncio.wait_for(self._connection.recv(), 30))
            if answer.get("id") == number:
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    assert CHROMIUM is not None
    arguments = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--remote-debugging-port=0", f"--user-data-dir={tmp_path}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - it is started, not awaited
    try:
        port_file = tmp_path / "DevToolsActivePort"
        await _until(lambda: port_file.exists() and port_file.read_text().count("\n") == 1)
        port = port_file.read_text().split("\n")[0]
        targets = await asyncio.to_thread(_get_json, f"http://127.0.0.1:{port}/json/list")
        target = next(one for one in targets if one["type"] == "page")
        async with websockets.connect(target["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        process.wait(20)


def _get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the browser that this test started
        return json.load(answer)


async def test_a_browser_reconnects_by_the_recipe_and_misses_nothing(
    page: Page, client: Client, stack: StackFile, own_token: IssuedToken
) -> None:
    endpoint_id = socket_endpoint(client)
    # Only the list of sockets is ours, so that they can be broken from outside.
    await page.run(
        "window.sockets = []; const Own = window.WebSocket;"
        "window.WebSocket = class extends Own { constructor(...a) { super(...a); sockets.push(this); } }; window.handled = []; 0"
    )
    await page.run(printed("js", "function listen") + "; window.listen = listen; 0")
    arguments = ", ".join(map(json.dumps, (stack.webSocketUrl, endpoint_id, own_token.token)))
    await page.run(f"listen({arguments}, (frame) => handled.push(frame.sequence)); 0")

    async def handled(number: int) -> None:
        async with asyncio.timeout(60):
            while await page.run("handled.length") < number:  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(0.1)

    async with asyncio.timeout(60):
        while not await page.run("sockets.length > 0 && sockets[0].readyState === 1"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)
    for round_ in range(3):
        await asyncio.to_thread(client.publish, *({"type": "t", "data": {}} for _ in range(20)))
        await handled(40 * round_ + 20)
        await page.run("sockets.at(-1).close(); 0")
        await asyncio.to_thread(client.publish, *({"type": "t", "data": {}} for _ in range(20)))
        await handled(40 * round_ + 40)

    assert await page.run("handled") == list(range(1, 121))
    assert await page.run("sockets.length") == 4


@pytest.fixture
def client(stack: StackFile, own_token: IssuedToken) -> Client:
    return Client(stack, own_token.token)
