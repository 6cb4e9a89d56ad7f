"""CPU that one webhook costs, by HTTP client: why the sender is built on aiohttp.

A receiver in a process of its own answers at once, so that what is measured is the process CPU of the client alone: 1 KB
of body, kept-alive connections, ten endpoints with at most ten requests each, 100 or 10 requests at a time.

    python -m benchmarks.http_clients

The lines: our sender with all its guards; aiohttp bare; httpx as people use it; and a client of 30 lines on an asyncio
protocol, which handles nothing a hostile receiver does, as the floor.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from multiprocessing.queues import Queue

BATCHES = (100, 10)
ENDPOINTS = 10
ROUNDS = 3
TARGET_MICROSECONDS = {100: 330, 10: 600}
BODY = b'{"id":"0a3c","type":"measured","data":{"text":"' + b"x" * 950 + b'"}}'
HEADERS = {
    "content-type": "application/json",
    "user-agent": "event-service",
    "webhook-id": "msg_abcdefghijklmnopqrstuvwxyz",
    "webhook-timestamp": "1795507200",
    "webhook-signature": "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'

Send = Callable[[int], Awaitable[int]]
Client = Callable[[int], AbstractAsyncContextManager[Send]]


class Answerer(asyncio.Protocol):
    """Reads one request after the other from a connection, the cheapest way there is, and writes what :meth:`answer` gives."""

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self._delay = delay_seconds
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole answer to a request; here that of a receiver who is content."""
        del head, body
        return ANSWER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if not separator or len(body) < int(length or 0):
            return
        self._received = b""
        assert self._transport is not None
        answer = self.answer(head, body)
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _serve(port: Queue[int]) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Answerer, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@asynccontextmanager
async def _our_sender(port: int) -> AsyncIterator[Send]:
    from event_service.webhooks.addresses import AddressGuard
    from event_service.webhooks.exchange import WebhookRequest
    from event_service.webhooks.http_sender import HttpSender
    from event_service.webhooks.url import UrlRules, parse_webhook_url

    rules = UrlRules(guard=AddressGuard.allowing(["127.0.0.0/8"]), allow_http=True)
    sender = HttpSender(rules.guard)

    async def send(number: int) -> int:
        url = parse_webhook_url(f"http://127.0.0.1:{port}/hook", rules)
        answer = await sender.send(WebhookRequest(f"endpoint-{number % ENDPOINTS}", url, "POST", HEADERS, BODY))
        return answer.status or 0

    yield send
    await sender.aclose()


@asynccontextmanager
async def _bare_aiohttp(port: int) -> AsyncIterator[Send]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send(_number: int) -> int:
            async with session.post(f"http://127.0.0.1:{port}/hook", data=BODY, headers=HEADERS) as response:
                await response.read()
                return response.status

        yield send


@asynccontextmanager
async def _httpx(port: int) -> AsyncIterator[Send]:
    import httpx

    async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=None)) as client:

        async def send(_number: int) -> int:
            return (await client.post(f"http://127.0.0.1:{port}/hook", content=BODY, headers=HEADERS)).status_code

        yield send


@asynccontextmanager
async def _requests_in_threads(port: int) -> AsyncIterator[Send]:
    """As many threads as requests at a time, a session each."""
    import requests

    here = threading.local()

    def post() -> int:
        if not hasattr(here, "session"):
            here.session = requests.Session()
            here.session.trust_env = False
        status: int = here.session.post(f"http://127.0.0.1:{port}/hook", data=BODY, headers=HEADERS, timeout=15).status_code
        return status

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max(BATCHES)) as pool:

        async def send(_number: int) -> int:
            return await loop.run_in_executor(pool, post)

        yield send


class _FloorProtocol(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) >= len(ANSWER) and self.answer is not None:
            answer, self.answer = self.answer, None
            received, self._received = self._received, b""
            answer.set_result(received)


@asynccontextmanager
async def _floor(port: int) -> AsyncIterator[Send]:
    loop = asyncio.get_running_loop()
    pool: list[_FloorProtocol] = []
    fields = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())

    async def send(_number: int) -> int:
        protocol = pool.pop() if pool else (await loop.create_connection(_FloorProtocol, "127.0.0.1", port))[1]
        protocol.answer = loop.create_future()
        assert protocol.transport is not None
        protocol.transport.write(f"POST /hook HTTP/1.1\r\nhost: x\r\n{fields}content-length: {len(BODY)}\r\n\r\n".encode() + BODY)
        answer = await protocol.answer
        pool.append(protocol)
        return int(answer[9:12])

    yield send
    for protocol in pool:
        assert protocol.transport is not None
        protocol.transport.close()


CLIENTS: dict[str, tuple[Client, int]] = {
    "our sender": (_our_sender, 6_000),
    "bare aiohttp": (_bare_aiohttp, 6_000),
    "httpx": (_httpx, 200),
    "requests, a pool of threads": (_requests_in_threads, 600),
    "floor (no protections)": (_floor, 6_000),
}


async def microseconds_per_request(client: Client, port: int, requests: int, batch: int) -> float:
    """Process CPU of one request, after one batch that opens the connections."""
    async with client(port) as send:
        slots = [asyncio.Semaphore(10) for _ in range(ENDPOINTS)]

        async def one(number: int) -> None:
            async with slots[number % ENDPOINTS]:
                assert await send(number) == 200

        await asyncio.gather(*(one(number) for number in range(batch)))
        started = time.process_time()
        for _ in range(requests // batch):
            await asyncio.gather(*(one(number) for number in range(batch)))
        return (time.process_time() - started) / (requests // batch * batch) * 1e6


def measure(rounds: int = ROUNDS) -> dict[tuple[str, int], float]:
    """Microseconds by client and batch size: the median of some rounds, in turn, so that a slow moment hits all alike."""
    context = multiprocessing.get_context("spawn")
    ports: Queue[int] = context.Queue()
    receiver = context.Process(target=_serve, args=(ports,), daemon=True)
    receiver.start()
    try:
        port = ports.get(timeout=30)
        taken: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for batch in BATCHES:
                for name, (client, requests) in CLIENTS.items():
                    taken.setdefault((name, batch), []).append(asyncio.run(microseconds_per_request(client, port, requests, batch)))
    finally:
        receiver.terminate()
        receiver.join()
    return {key: statistics.median(values) for key, values in taken.items()}


def run(quick: bool = False) -> dict[str, dict[str, dict[str, float]]]:
    """Microseconds of each client; ``quick`` measures one round."""
    measured = measure(1 if quick else ROUNDS)
    return {"clients": {name: {f"{batch} at a time": measured[name, batch] for batch in BATCHES} for name in CLIENTS}}


def main() -> None:
    """Prints the table."""
    measured = measure()
    print(f"{'microseconds of process CPU for one webhook':<46}" + "".join(f"{f'{batch} at a time':>16}" for batch in BATCHES))
    for name in CLIENTS:
        print(f"{name:<46}" + "".join(f"{measured[name, batch]:>16.0f}" for batch in BATCHES))
    print(f"{'target of a whole delivery with its log write':<46}" + "".join(f"{TARGET_MICROSECONDS[batch]:>16}" for batch in BATCHES))


if __name__ == "__main__":
    main()
