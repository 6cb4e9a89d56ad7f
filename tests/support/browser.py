"""A real Chromium, driven over the DevTools protocol as a person would use it: by labels, names and keys.

The protocol is spoken directly, over the ``websockets`` that the tests have anyway: a driver such as Playwright would bring a
Node of its own, 50 MB, into the environment that `make run` makes.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
import websockets

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_SECONDS: Final = 30
_KEYS: Final = {
    "Enter": ("Enter", 13, "\r"),
    "Tab": ("Tab", 9, ""),
    "Escape": ("Escape", 27, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
    "PageDown": ("PageDown", 34, ""),
    " ": ("Space", 32, " "),
    "End": ("End", 35, ""),
}
_AXE: Final = "() => {" + gzip.decompress(Path(__file__).with_name("axe-core-4.14.1.min.js.gz").read_bytes()).decode() + "}"
"""The accessibility rules of Deque (MPL-2.0), as its npm package ships them. They are a test's, and in no artifact."""
_PRACTICE: Final = """(() => {
  const rules = {
    "no doctype": document.doctype?.name === "html" && document.compatMode === "CSS1Compat",
    "no charset": document.characterSet === "UTF-8" && !!document.querySelector("meta[charset]"),
    "no language": document.documentElement.lang === "en",
    "no title of its own": / · Event service$/.test(document.title) || document.title === "Event service",
    "no viewport that can be zoomed": [...document.querySelectorAll("meta[name=viewport]")].some((one) =>
      one.content.includes("width=device-width") && !/user-scalable|maximum-scale/.test(one.content)),
    "not one heading of the page": document.querySelectorAll("h1").length === 1,
    "an image without its size": [...document.images].every((one) => one.hasAttribute("width") && one.hasAttribute("height")),
    "a link to another window without noopener":
      [...document.querySelectorAll("a[target=_blank]")].every((one) => one.rel.includes("noopener")),
    "a button that submits by accident": [...document.querySelectorAll("button")].every((one) => one.hasAttribute("type")),
    "an id twice": new Set([...document.querySelectorAll("[id]")].map((one) => one.id)).size === document.querySelectorAll("[id]").length,
    "something beside the edge": document.documentElement.scrollWidth <= innerWidth,
  };
  return Object.entries(rules).filter(([, kept]) => !kept).map(([rule]) => rule);
})()"""
_SCRIPT: Final = Path(__file__).with_name("page.js").read_text(encoding="utf-8")


class Page:
    """One page of the browser."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.faults: list[str] = []
        """Exceptions, errors of the console, and refusals of the security policy, as the browser reported them."""
        self.issues: list[str] = []
        """What the browser advises against, such as an interface that is going to end, once it is asked to tell."""
        self.requested: list[str] = []
        """The address of each request."""
        self._reader = asyncio.create_task(self._read())

    async def begin(self) -> None:
        """Turns on what the page reports."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        await self.send("Page.addScriptToEvaluateOnNewDocument", source=_SCRIPT)

    async def end(self) -> None:
        """Stops listening to the browser."""
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = await asyncio.wait_for(self._answers[number], PATIENCE_SECONDS)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def run(self, script: str) -> Any:
        """The value of a script."""
        answer = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def open(self, url: str) -> None:
        """Goes to an address and waits until the page is loaded, also where the address differs by its fragment only."""
        await self.send("Page.navigate", url="about:blank")
        await self.send("Page.navigate", url=url)
        await self.until("location.href !== 'about:blank' && document.readyState === 'complete' && !!window.consoleTest")

    async def look(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Sets the size of the window and the colours that the system prefers."""
        await self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        colors = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.send("Emulation.setEmulatedMedia", features=[colors, still])

    async def offline(self, off: bool) -> None:
        """Takes the network away, or gives it back."""
        await self.send("Network.emulateNetworkConditions", offline=off, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    async def until(self, script: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Waits until a script is true."""
        end = time.monotonic() + seconds
        while True:
            with suppress(AssertionError):  # between two documents there is nothing to run it in
                if await self.run(f"!!({script})"):
                    return
            if time.monotonic() > end:
                raise AssertionError(f"{script} did not become true. The page says: {await self.text()}. Faults: {self.faults}")
            await asyncio.sleep(0.05)

    async def sees(self, text: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Waits until the page, or its open dialog, shows a text."""
        await self.until(f"consoleTest.text().includes({json.dumps(text)})", seconds=seconds)

    async def sees_no_more(self, text: str) -> None:
        """Waits until it does not show the text."""
        await self.until(f"!consoleTest.text().includes({json.dumps(text)})")

    async def text(self) -> str:
        """What the page shows."""
        shown: str = await self.run("document.body ? document.body.innerText.replace(/\\s+/g, ' ').slice(0, 3000) : ''")
        return shown

    async def click(self, name: str, *, within: str = "") -> None:
        """Clicks on the button, link or choice of this name, with the mouse: what lies over it would get the click.

        Args:
            name: as it is shown, or its label.
            within: a CSS selector, where the name is not the only one on the page.
        """
        quoted = f"{json.dumps(name)}, {json.dumps(within)}"
        await self.until(f"consoleTest.named({quoted}) && !consoleTest.named({quoted}).disabled")
        end = time.monotonic() + PATIENCE_SECONDS
        while not (place := await self.run(f"consoleTest.place({quoted})"))["free"]:
            assert time.monotonic() < end, f"{name} is covered by {place['over']}"
            await asyncio.sleep(0.05)
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=place["x"], y=place["y"], button="left", clickCount=1)

    async def fill(self, label: str, text: str) -> None:
        """Writes into the field of this label, over what is there."""
        found = f"consoleTest.field({json.dumps(label)})"
        await self.until(found)
        await self.run(f"{found}.focus(), {found}.select()")
        if text:
            await self.send("Input.insertText", text=text)
        else:
            await self.press("Delete")
        # some fields take what they hold when they are left
        await self.run(f"{found}?.dispatchEvent(new Event('change', {{bubbles: true}}))")

    async def choose(self, label: str, value: str) -> None:
        """Chooses one of a list by its value."""
        arguments = f"{json.dumps(label)}, {json.dumps(value)}"
        await self.until(f"[...(consoleTest.field({json.dumps(label)})?.options ?? [])].some((one) => one.value === {json.dumps(value)})")
        await self.run(f"consoleTest.set({arguments})")

    async def pick(self, label: str, name: str) -> None:
        """Searches for one by its name in the field of this label, and takes it."""
        await self.fill(label, name)
        options = f"document.getElementById(consoleTest.field({json.dumps(label)}).getAttribute('aria-controls'))"
        await self.until(f"{options}.querySelector('[role=option][aria-selected=true]')?.innerText.includes({json.dumps(name)})")
        await self.press("Enter")

    async def write(self, label: str, text: str) -> None:
        """Replaces the text of the editor of this label."""
        found = f"consoleTest.editor({json.dumps(label)})"
        await self.until(found)
        await self.run(f"{found}.focus()")
        await self.press("a", control=True)
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, *, control: bool = False) -> None:
        """Presses one key."""
        code, number, typed = _KEYS.get(key, (key, ord(key.upper()) if len(key) == 1 else 46, "" if control or len(key) > 1 else key))
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 2 if control else 0}
        commands = {"commands": ["selectAll"]} if control and key == "a" else {}
        await self.send(
            "Input.dispatchKeyEvent", type="keyDown" if typed else "rawKeyDown", **({"text": typed} if typed else {}), **common, **commands
        )
        await self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    async def faults_of_access(self) -> list[str]:
        """What axe-core finds wrong for people who do not see the page or do not use a mouse: rule, and where."""
        await self.run(f"window.axe ? 0 : (({_AXE})(), 0)")
        # Large enough targets are a rule of WCAG 2.2 that axe-core leaves out unless it is asked for.
        found = await self.run("axe.run(document, {resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})")
        return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found["violations"] for node in one["nodes"]]

    async def faults_of_practice(self) -> list[str]:
        """What is against good practice on this page, by rules that need no network: each in a few words."""
        found: list[str] = await self.run(_PRACTICE)
        return found

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """Writes what is seen as a PNG; ``whole`` also what one would scroll to."""
        answer = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def _read(self) -> None:
        async for text in self._connection:
            message = json.loads(text)
            if "id" in message:
                waiting = self._answers.pop(message["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            else:
                self._note(message["method"], message["params"])

    def _note(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])
        elif method == "Audits.issueAdded" and "NavigationEntryMarkedSkippable" not in json.dumps(parameters):
            # But for that the test and no person went to another screen.
            self.issues.append(json.dumps(parameters["issue"])[:500])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(
                str(parameters["exceptionDetails"].get("exception", {}).get("description", parameters["exceptionDetails"]["text"]))
            )
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.faults.append(" ".join(str(one.get("value", one.get("description"))) for one in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.faults.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")


class Chromium:
    """A browser for many tests: each gets a page in a context of its own, which shares no storage, cookie or cache with another.

    To start Chromium takes more than a second of a core, a context a few milliseconds.
    """

    def __init__(self, directory: Path) -> None:
        """
        Args:
            directory: holds its profiles.
        """
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = itertools.count(1)
        self._address = ""

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A page that nothing was opened in before; it ends with all that it stored."""
        if self._process is None or self._process.poll() is not None:  # not yet started, or a test before this one made it crash
            await self._start()
        host = self._address.removeprefix("ws://").partition("/")[0]
        async with websockets.connect(self._address, max_size=None) as connection:
            whole = Page(connection)
            try:
                context = (await whole.send("Target.createBrowserContext"))["browserContextId"]
                target = (await whole.send("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
                async with websockets.connect(f"ws://{host}/devtools/page/{target}", max_size=None) as own:
                    page = Page(own)
                    await page.begin()
                    try:
                        yield page
                    finally:
                        await page.end()
                await whole.send("Target.disposeBrowserContext", browserContextId=context)
            finally:
                await whole.end()

    def stop(self) -> None:
        """Ends it, if it was started."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    async def _start(self) -> None:
        assert CHROMIUM is not None
        profile = self._directory / str(next(self._starts))
        arguments = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
            "--force-color-profile=srgb", "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - it is started, not awaited
        port_file = profile / "DevToolsActivePort"
        await _until(lambda: port_file.exists() and port_file.read_text().count("\n") == 1)
        port, path = port_file.read_text().split("\n")
        self._address = f"ws://127.0.0.1:{port}{path}"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """The browser of all tests of this process; the first that asks for a page starts it."""
    running = Chromium(tmp_path_factory.mktemp("chromium"))
    yield running
    running.stop()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is in another process
            await asyncio.sleep(0.05)
