"""Real receivers on loopback that do what a script says, byte by byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass(slots=True)
class ReceivedRequest:
    """One request as it came over the wire."""

    head: str
    body: bytes

    @property
    def target(self) -> str:
        return self.head.split(" ")[1]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@dataclass(slots=True)
class Conversation:
    """One connection, from the receiver's side."""

    receiver: Receiver
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: int = 0
    sent: int = 0

    async def request(self) -> ReceivedRequest:
        """Reads one request; raises ``IncompleteReadError`` when the sender closes instead."""
        head = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1")
        received = ReceivedRequest(head, b"")
        received.body = await self.reader.readexactly(int(received.headers.get("content-length", "0")))
        self.requests += 1
        self.receiver.requests.append(received)
        return received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.sent += len(data)
        self.receiver.sent += len(data)

    async def send_slowly(self, data: bytes, pause: float) -> None:
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(pause)

    def reset(self) -> None:
        """Closes with a TCP reset instead of a FIN."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def silence(self) -> None:
        """Until the sender hangs up."""
        while await self.reader.read(65536):
            pass


Script = Callable[[Conversation], Awaitable[None]]


@dataclass(slots=True)
class Receiver:
    """What a receiver saw."""

    port: int = 0
    connections: int = 0
    open: int = 0
    most_open: int = 0
    sent: int = 0
    requests: list[ReceivedRequest] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """The server name of each TLS handshake."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until_open(self, count: int) -> None:
        """Waits until exactly so many connections are open."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.open == count)

    async def count(self, opened: int) -> None:
        """Notes connections that were opened (1) or closed (-1)."""
        async with self.changed:
            self.open += opened
            self.most_open = max(self.most_open, self.open)
            self.changed.notify_all()


@asynccontextmanager
async def receiver(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that runs ``script`` for each connection and closes it when the script returns."""
    state = Receiver()
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        state.connections += 1
        await state.count(1)
        try:
            await script(Conversation(state, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the sender hung up, which is what most of these tests are about; or the test is over
        finally:
            writer.close()
            await state.count(-1)
            conversations.discard(task)

    if tls is not None:
        tls.sni_callback = lambda _connection, name, _context: state.names.append(name)
    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls, limit=1 << 20)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(conversations):
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


def answering(answer: bytes, *, times: int | None = None) -> Script:
    """Answers each request with the same bytes and keeps the connection open; closes it after ``times`` of them."""

    async def script(conversation: Conversation) -> None:
        while times is None or conversation.requests < times:
            await conversation.request()
            await conversation.send(answer)

    return script


def answering_once(answer: bytes) -> Script:
    """Answers one request, then closes."""
    return answering(answer, times=1)
