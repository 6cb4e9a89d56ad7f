"""A WebSocket service that speaks our protocol and behaves badly on purpose: it cuts connections, sends again what it sent,
leaves pings unanswered. It checks what a client is promised to be able to do: resume with `after`."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

DATE = "2026-03-01T12:00:00.000000+00:00"


def event(number: int, **changed: Any) -> dict[str, Any]:
    """An event as delivered."""
    return {
        "id": f"e{number}", "type": "counted", "date": DATE, "data": {"number": number}, "agentId": None, "cameraId": None,
        "workspaceId": "36ce940c-d8c7-4770-8f76-2d03a3aa8275", "creationDate": DATE, "lastModified": DATE, **changed,
    }  # fmt: skip


@dataclass
class SocketService:
    """One endpoint's log and its faults.

    Attributes:
        cut_chance: that a connection ends before a frame.
        repeat_chance: that a connection begins before what was asked for, as after a worker that died before it stored its cursor.
        hole_chance: that a frame is left out, which the real service never does.
        answers_pings: whether it answers them.
        refuse: HTTP statuses of the next handshakes; ``None`` lets one in.
        too_large: sequences that arrive as a notice.
    """

    log: list[dict[str, Any]] = field(default_factory=list)
    floor: int = 1
    cut_chance: float = 0.0
    repeat_chance: float = 0.0
    hole_chance: float = 0.0
    answers_pings: bool = True
    refuse: list[int | None] = field(default_factory=list)
    too_large: set[int] = field(default_factory=set)
    queries: list[dict[str, str]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    pings: int = 0
    cuts: int = 0
    repeats: int = 0
    gaps: int = 0
    resets: int = 0
    random: random.Random = field(default_factory=lambda: random.Random(7))
    url: str = ""
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, *events: dict[str, Any]) -> None:
        """Appends to the log."""
        self.log.extend(events)
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        """Lets a client in, or not."""
        self.tokens.append(request.headers.get("Token"))
        self.queries.append({name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()})
        status = self.refuse.pop(0) if self.refuse else None
        return None if status is None else connection.respond(HTTPStatus(status), "refused\n")

    async def serve_one(self, connection: ServerConnection) -> None:
        """Sends one client what it has not seen, until it goes or is cut."""
        asking = asyncio.ensure_future(self._answer(connection))  # ends with the connection
        sending = asyncio.ensure_future(self._send_all(connection, self.queries[-1]))
        await asyncio.wait({asking, sending}, return_when=asyncio.FIRST_COMPLETED)
        for task in (asking, sending):
            task.cancel()
        await asyncio.gather(asking, sending, return_exceptions=True)

    async def _send_all(self, connection: ServerConnection, query: dict[str, str]) -> None:
        after = query.get("after")
        head = len(self.log)
        cursor = head if after is None else min(int(after), head)
        if after is not None and int(after) > head:
            await _send(connection, {"notice": "reset", "next": head + 1})
            self.resets += 1
        elif cursor + 1 < self.floor:
            await _send(connection, {"notice": "gap", "from": cursor + 1, "to": self.floor - 1, "next": self.floor, "reason": "expired"})
            cursor = self.floor - 1
            self.gaps += 1
        elif self.random.random() < self.repeat_chance:
            again = min(cursor, 3)
            self.repeats += again
            cursor -= again
        while True:
            grown = self._grown
            if cursor == len(self.log):
                await grown.wait()
                continue
            if self.random.random() < self.cut_chance:
                self.cuts += 1
                if self.cuts % 2:
                    connection.transport.abort()
                else:
                    await connection.close(1001)
                return
            size = self.random.randint(1, 5) if query.get("batch") == "1" else 1
            frames = [(sequence, self.log[sequence - 1]) for sequence in range(cursor + 1, min(cursor + size, len(self.log)) + 1)]
            cursor = frames[-1][0]
            if self.random.random() < self.hole_chance:
                continue
            batch: list[dict[str, Any]] = []
            for sequence, one in frames:
                if sequence in self.too_large:
                    await _send_batch(connection, batch)
                    batch = []
                    await _send(connection, {"notice": "too-large", "id": one["id"], "sequence": sequence})
                else:
                    batch.append({**one, "sequence": sequence})
            await _send_batch(connection, batch)

    async def _answer(self, connection: ServerConnection) -> None:
        async for message in connection:
            self.pings += 1
            if self.answers_pings and json.loads(message) == {"action": "ping"}:
                await _send(connection, {"notice": "pong"})


async def _send(connection: ServerConnection, value: Any) -> None:
    await connection.send(json.dumps(value))


async def _send_batch(connection: ServerConnection, batch: list[dict[str, Any]]) -> None:
    if batch:
        await _send(connection, batch if len(batch) > 1 else batch[0])


@asynccontextmanager
async def socket_service(**faults: Any) -> AsyncIterator[SocketService]:
    """The service on a port of this machine while inside."""
    service = SocketService(**faults)
    server: Server
    async with serve(service.serve_one, "127.0.0.1", 0, process_request=service.handshake, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        service.url = f"ws://127.0.0.1:{port}/live"
        yield service
        server.close(close_connections=True)
