"""Requests over aiohttp's connections, against a server that writes what a test says."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from yarl import URL

from event_service.http.exchange import exchange
from event_service.http.request import OnePieceRequest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Server:
    """Answers the n-th request with the n-th of ``answers``, the last one again; ``None``: not at all."""

    answers: list[bytes | None] = field(default_factory=lambda: [OK])
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    hangs_up: bool = False
    sockets: list[socket.socket] = field(default_factory=list)

    def say(self, text: bytes) -> None:
        """Sends at once, over the first connection, what was not asked for."""
        os.write(self.sockets[0].fileno(), text)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.sockets.append(writer.get_extra_info("socket"))
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.received.append(head + await reader.readexactly(length))
                answer = self.answers[min(len(self.received), len(self.answers)) - 1]
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
                if self.hangs_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


Post = Callable[..., Awaitable[int]]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def post(server: Server) -> AsyncIterator[Post]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    origin = URL(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    async with aiohttp.TCPConnector() as connector:

        async def post(target: str = "/a%3Db?", method: str = "POST", body: bytes = b"x", **headers: str) -> int:
            async with asyncio.timeout(5):
                return await exchange(connector, OnePieceRequest(method, origin, target, headers, body))

        yield post
    listening.close()


async def test_a_request_leaves_as_it_was_given(server: Server, post: Post) -> None:
    assert await post(signed="yes") == 200

    ((head, body),) = [one.split(b"\r\n\r\n") for one in server.received]
    assert body == b"x"
    line, *headers = head.split(b"\r\n")
    assert line == b"POST /a%3Db? HTTP/1.1"
    assert sorted(one.partition(b":")[0].lower() for one in headers) == [b"content-length", b"host", b"signed"]


async def test_a_request_without_a_body_says_so(server: Server, post: Post) -> None:
    assert await post(method="DELETE", body=b"") == 200
    assert b"Content-Length: 0\r\n" in server.received[0]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 410),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200),
    ],
)
async def test_a_connection_is_used_again_after_a_whole_answer(server: Server, post: Post, answer: bytes, status: int) -> None:
    server.answers = [answer]

    assert [await post() for _ in range(3)] == [status] * 3
    assert server.connections == 1


async def test_a_connection_that_the_server_closes_is_not_used_again(server: Server, post: Post) -> None:
    server.answers = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]

    assert [await post() for _ in range(2)] == [200, 200]
    assert server.connections == 2


async def test_an_answer_that_came_too_late_is_not_that_of_the_next_request(server: Server, post: Post) -> None:
    server.answers = [None, OK]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await post()

    assert await post() == 200
    assert server.connections == 2


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b""])
async def test_what_is_no_whole_answer_is_an_error_of_the_client(server: Server, post: Post, answer: bytes) -> None:
    server.answers, server.hangs_up = [answer], True

    with pytest.raises((aiohttp.ClientError, OSError)):
        await post()


async def test_a_line_break_in_a_header_is_refused_and_nothing_is_sent(server: Server, post: Post) -> None:
    with pytest.raises(ValueError, match="Forbidden control character"):
        await post(signed="a\r\nb: c")
    assert await post() == 200
    assert len(server.received) == 1


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["not read yet", "read"])
async def test_an_answer_nobody_asked_for_is_not_that_of_the_next_request(server: Server, post: Post, pause: float) -> None:
    assert await post() == 200
    server.say(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    if pause:
        await asyncio.sleep(pause)

    assert await post() == 200
    assert server.connections == 2
