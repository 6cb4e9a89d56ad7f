"""Load on a running local stack: publishers at a fixed rate, receivers of several characters, and what became of each event.

All in one event loop, so that measuring takes little of the machine that the stack runs on as well. The clock of an event starts
when it was due to be published, so that a publisher that cannot keep up is not kind to the numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import websockets

from event_service.base.identifiers import new_id
from local.deployed import IssuedToken
from local.stack import StackFile

PATIENCE_SECONDS: Final = 40
"""For an answer: more than the 30 s after which API Gateway gives up."""
SETTLED_SECONDS: Final = 20
"""Without any arrival, after which what has not arrived counts as lost."""
TEXT: Final = "A person entered the region of interest. " * 17
PUBLISH: Final = "mutation($e: [EventInput!]!) {publishEvents(events: $e) {ok}}"
_EVENT_ID: Final = b'"id":"'


class Receipts:
    """When which event arrived, by its id; what came more than once counts as often."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.times: Counter[str] = Counter()
        self.last = time.perf_counter()

    def note(self, event_id: str) -> None:
        """Called by whoever received it."""
        self.last = time.perf_counter()
        self.at.setdefault(event_id, self.last)
        self.times[event_id] += 1


@dataclass
class Outcome:
    """What a stretch of load gave; latencies in milliseconds from when an event was due to be published to its receipt."""

    name: str
    published: int
    latencies: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    """Milliseconds that the publishes took to be answered."""
    lost: int = 0
    """Of those that were answered ``ok``."""
    repeated: int = 0
    unanswered: int = 0
    """Events whose publish failed, or had no answer in time."""


class _Receiver(asyncio.Protocol):
    """Reads requests from a kept connection and answers each with what :attr:`status_of` says, or not at all."""

    def __init__(self, receipts: Receipts, status_of: Callable[[int], int | None], count: Counter[str]) -> None:
        self._receipts = receipts
        self._status_of = status_of
        self._count = count
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, separator, rest = self._received.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if not separator or len(rest) < length:
                return
            body, self._received = rest[:length], rest[length:]
            self._count["requests"] += 1
            status = self._status_of(self._count["requests"])
            if status is None:
                continue  # it hangs
            if status < 300:
                start = body.index(_EVENT_ID) + len(_EVENT_ID)
                self._receipts.note(body[start : start + 36].decode())
            assert self._transport is not None
            self._transport.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % status)


@asynccontextmanager
async def receiver(receipts: Receipts, status_of: Callable[[int], int | None] = lambda _: 200) -> AsyncIterator[str]:
    """A webhook receiver; yields its URL. ``status_of`` gives the status for the n-th request, ``None`` for no answer at all."""
    count: Counter[str] = Counter()
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(receipts, status_of, count), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        if sys.version_info >= (3, 13):
            server.abort_clients()


class Publisher:
    """A user with a token."""

    def __init__(self, stack: StackFile, token: str, session: aiohttp.ClientSession) -> None:
        self._url = stack.graphqlUrl
        self._session = session
        self._headers = {"Token": token}

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors.

        Raises:
            RuntimeError: there is no such answer, or none in time.
        """
        timeout = aiohttp.ClientTimeout(PATIENCE_SECONDS)
        try:
            async with self._session.post(
                self._url, json={"query": query, "variables": variables}, headers=self._headers, timeout=timeout
            ) as response:
                answer = await response.json(content_type=None)
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise RuntimeError(f"the local stack does not answer: {error!r}") from error
        if not isinstance(answer, dict) or "data" not in answer or "errors" in answer:
            raise RuntimeError(f"the local stack refuses: {answer}")
        return answer["data"]

    async def webhook(self, url: str) -> None:
        """Creates a webhook endpoint that gets every event."""
        await self.ask('mutation($u: String!) {createWebhookEndpoint(name: "w", url: $u) {id}}', u=url)

    async def socket(self) -> str:
        """Creates a socket endpoint that gets every event; returns its id."""
        answer = await self.ask('mutation {createWebSocketEndpoint(name: "s") {id}}')
        return str(answer["createWebSocketEndpoint"]["id"])

    async def publish(self, ids: list[str]) -> None:
        """Events of 1 KB with these ids."""
        await self.ask(PUBLISH, e=[{"id": one, "type": "measured", "data": {"text": TEXT}} for one in ids])


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """For publishers: as many connections as they want."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as opened:
        yield opened


async def listen(
    stack: StackFile, token: IssuedToken, endpoint: str, receipts: Receipts, ready: asyncio.Event, *, reads: bool = True
) -> None:
    """Listens to a socket endpoint until it is cancelled, or only connects and does not read."""
    url = f"{stack.webSocketUrl}?endpoint_id={endpoint}&token={token.token}"
    async with websockets.connect(url, max_queue=1 if not reads else 1024, ping_interval=None) as client:
        ready.set()
        if not reads:
            await asyncio.Event().wait()
        async for text in client:
            frame = json.loads(text)
            if "sequence" in frame:
                receipts.note(frame["id"])


async def stretch(
    name: str, publisher: Publisher, receipts: Receipts, *, rate: float, seconds: float, batch: int = 1, settle: bool = True
) -> Outcome:
    """Publishes ``batch`` events ``rate`` times per second, for so many seconds, and waits for what was answered to arrive.

    Args:
        name: of the outcome.
        publisher: whose endpoint ``receipts`` are of.
        receipts: noted by the receiver.
        rate: publishes per second.
        seconds: for which it publishes.
        batch: events of a publish.
        settle: whether to wait for what was answered to arrive.
    """
    publishes = [[new_id() for _ in range(batch)] for _ in range(int(rate * seconds))]
    outcome = Outcome(name, len(publishes) * batch)
    due: dict[str, float] = {}
    accepted: list[str] = []
    begin = time.perf_counter()

    async def one(place: int, ids: list[str]) -> None:
        at = begin + place / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.update(dict.fromkeys(ids, at))
        try:
            await publisher.publish(ids)
        except RuntimeError:
            outcome.unanswered += len(ids)
        else:
            outcome.answers.append((time.perf_counter() - at) * 1_000)
            accepted.extend(ids)

    await asyncio.gather(*(one(place, ids) for place, ids in enumerate(publishes)))
    receipts.last = time.perf_counter()
    missing = set(accepted)
    while settle and missing and time.perf_counter() - receipts.last < SETTLED_SECONDS:
        await asyncio.sleep(0.1)
        missing = {one for one in missing if one not in receipts.at}
    outcome.lost = len(missing)
    outcome.latencies = [(receipts.at[one] - at) * 1_000 for one, at in due.items() if one in receipts.at]
    outcome.repeated = sum(receipts.times[one] - 1 for one in due if one in receipts.at)
    return outcome


@asynccontextmanager
async def running(*coroutines: Any) -> AsyncIterator[None]:
    """Runs coroutines beside what is in the block, and cancels them after it."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
