"""Nothing that was received before a request was written is its answer, and what is left of an answer harms no other delivery."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

import pytest
import trustme
from aiohttp.connector import Connection

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.sending.connection import ReceiverConnector
from tests.integration.webhooks.http_sender.conftest import MakeSender, names, serving
from tests.integration.webhooks.http_sender.receivers import OK, Conversation, Script, answering, receiver

REAL = b"HTTP/1.1 500 Broken\r\ncontent-length: 4\r\n\r\nreal"
LATE = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstale",
    b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 2",
    b"\r\n",
    b"\x00",
]


def late(extra: bytes, sent: asyncio.Event, *, again: bool = True) -> Script:
    """Answers the first request of a connection, then writes ``extra`` unasked; goes on, with failures, where the sender does."""

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        if conversation.receiver.connections > 1:
            await conversation.send(REAL)
            return
        await conversation.send(OK)
        await asyncio.sleep(0.02)
        await conversation.send(extra)
        sent.set()
        while again:
            await conversation.request()
            await conversation.send(REAL)

    return script


@pytest.mark.parametrize("extra", LATE)
@pytest.mark.parametrize("endpoint_id", ["endpoint-1", "another endpoint of that host"])
async def test_an_answer_on_an_idle_connection_is_nobodys(make_sender: MakeSender, extra: bytes, endpoint_id: str) -> None:
    send, sent = make_sender(), asyncio.Event()

    async with receiver(late(extra, sent)) as hostile:
        first = await send(f"http://127.0.0.1:{hostile.port}/a")
        await sent.wait()
        await asyncio.sleep(0.02)
        second = await send(f"http://127.0.0.1:{hostile.port}/b", endpoint_id=endpoint_id)

    assert (first.status, first.body) == (200, "ok")
    assert (second.status, second.failure, second.body) == (500, None, "real")
    assert (hostile.connections, [request.target for request in hostile.requests]) == (2, ["/a", "/b"])


@pytest.mark.parametrize("extra", LATE)
async def test_an_answer_that_came_while_the_process_stood_still_is_nobodys(make_sender: MakeSender, extra: bytes) -> None:
    """As in a frozen Lambda: it lies in the kernel, and the event loop has not looked when the next request is written."""
    seen: list[bytes] = []
    frozen, written = threading.Event(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        first, _ = listening.accept()
        with first:
            seen.append(first.recv(65536))
            first.sendall(OK)
            frozen.wait()
            first.sendall(extra)
            written.set()
            second, _ = listening.accept()
            with second:
                seen.append(second.recv(65536))
                second.sendall(REAL)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    send, url = make_sender(), f"http://127.0.0.1:{listening.getsockname()[1]}/"
    try:
        first = await send(url)
        await asyncio.sleep(0)
        frozen.set()
        written.wait()  # blocks the event loop, as nothing may run until the bytes are there
        second = await send(url)
    finally:
        await asyncio.to_thread(thread.join)
        listening.close()

    assert (first.status, second.status, second.body) == (200, 500, "real")
    assert len(seen) == 2


@pytest.mark.parametrize("extra", [LATE[0], LATE[3]])
async def test_an_answer_on_an_idle_encrypted_connection_is_nobodys(
    make_sender: MakeSender, authority: trustme.CA, trusting: ssl.SSLContext, extra: bytes
) -> None:
    send, sent = make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=trusting), asyncio.Event()

    async with receiver(late(extra, sent), tls=serving(authority.issue_cert("receiver.test"))) as hostile:
        await send(f"https://receiver.test:{hostile.port}/a")
        await sent.wait()
        await asyncio.sleep(0.02)
        second = await send(f"https://receiver.test:{hostile.port}/b")

    assert (second.status, second.body) == (500, "real")


async def test_an_encrypted_connection_is_used_again(make_sender: MakeSender, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """Session tickets, which a server sends when it likes, are no answer."""
    send = make_sender(lookup=names(receiver_test=["127.0.0.1"]), tls=trusting)

    async with receiver(answering(OK), tls=serving(authority.issue_cert("receiver.test"))) as friendly:
        answers = [await send(f"https://receiver.test:{friendly.port}/") for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5
    assert friendly.connections == 1


@pytest.mark.parametrize("greeting", [LATE[0], b"SSH-2.0-OpenSSH_9.9\r\n", b"220 mail.example ESMTP\r\n"])
async def test_a_server_that_speaks_first_has_answered_nothing(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    """The process stands still between the connection and the request, as on a busy machine, until the greeting has come."""
    connect, greeted = ReceiverConnector.connect, threading.Event()

    async def slowly(*arguments: Any, **named: Any) -> Connection:
        connection = await connect(*arguments, **named)
        greeted.wait()
        return connection

    def greet() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(greeting)
            greeted.set()
            with suppress(ConnectionResetError):
                connection.recv(65536)

    monkeypatch.setattr(ReceiverConnector, "connect", slowly)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    try:
        answer = await make_sender()(f"http://127.0.0.1:{listening.getsockname()[1]}/")
    finally:
        await asyncio.to_thread(thread.join)
        listening.close()

    assert (answer.status, answer.failure) == (None, FailureClass.PROTOCOL)
    assert answer.explanation == "127.0.0.1 sent something before it was asked: HTTP servers wait for a request."


@pytest.mark.parametrize("rest", [b"ok", b"<html>\r\n\r\n</html>", b"0\r\n\r\n"])
async def test_late_rest_of_an_answer_is_not_the_next_one_s_failure(make_sender: MakeSender, rest: bytes) -> None:
    """A 204 with a body in a segment of its own: the connection looked clean when it was used again."""

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await conversation.request()
        await conversation.send(rest)
        await conversation.silence()

    send = make_sender()
    async with receiver(script) as target:
        answers = [await send(f"http://127.0.0.1:{target.port}/") for _ in range(4)]

    assert [(answer.status, answer.failure) for answer in answers] == [(204, None)] * 4


async def test_a_flood_on_an_idle_connection_is_cut_off(make_sender: MakeSender) -> None:
    flooding = asyncio.Event()

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK)
        await asyncio.sleep(0.02)
        flooding.set()
        while conversation.sent < 50_000_000:
            await conversation.send(b"x" * 65_536)

    send = make_sender()
    async with receiver(script) as hostile:
        await send(f"http://127.0.0.1:{hostile.port}/")
        await flooding.wait()
        await hostile.until_open(0)

    assert hostile.sent < 16 * 1024 * 1024
