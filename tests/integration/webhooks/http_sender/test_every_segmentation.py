"""The status line decides, and TCP does not: a corpus of answers, each in every segmentation, ends the same way each time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.exchange import WebhookAnswer
from tests.integration.webhooks.http_sender.conftest import MakeSender
from tests.integration.webhooks.http_sender.receivers import Conversation, receiver


@dataclass(frozen=True, slots=True)
class Case:
    """What a receiver writes, and what comes of it however it is cut."""

    raw: bytes
    status: int | None
    failure: FailureClass | None = None
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    reusable: bool = False
    """Whether the connection may carry the next request."""


CHUNKED = b"transfer-encoding: chunked\r\n"
CORPUS = {
    "200 with a length": Case(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, body="ok", reusable=True),
    "200 in chunks": Case(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n", 200, body="ok", reusable=True),
    "200 in chunks with a trailer": Case(
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n", 200, body="ok", reusable=True
    ),
    "204": Case(b"HTTP/1.1 204 No Content\r\n\r\n", 204, reusable=True),
    "204 with a length and a body": Case(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 204),
    "204 with a body": Case(b"HTTP/1.1 204 No Content\r\n\r\nok", 204),
    "204 with a page": Case(b"HTTP/1.1 204 No Content\r\ncontent-type: text/html\r\n\r\n<html>\r\n\r\n</html>", 204),
    "204 with chunks": Case(b"HTTP/1.1 204 No Content\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 204),
    "204 with a byte": Case(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n\n", 204),
    "304 with a body": Case(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\nhello", 304),
    "200 with a broken chunk": Case(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\nzz\r\nok\r\n0\r\n\r\n", 200, FailureClass.PROTOCOL),
    "200 with a broken second chunk": Case(
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n2\r\nok\r\nzz\r\nok\r\n0\r\n\r\n", 200, FailureClass.PROTOCOL, body="ok"
    ),
    "500 with a broken chunk": Case(b"HTTP/1.1 500 Oops\r\n" + CHUNKED + b"\r\n-1\r\n\r\n", 500, FailureClass.PROTOCOL),
    "200 with bytes after the end": Case(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more", 200, body="ok"),
    "200 with an answer after the end": Case(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n", 200, body="ok"
    ),
    "chunks with bytes after the end": Case(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 5", 200, body="ok"),
    "chunks with an answer after the end": Case(
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n0\r\n\r\nHTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", 200
    ),
    "500 with bytes after the end": Case(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n<br>", 500),
    "503 that says when": Case(
        b"HTTP/1.1 503 Later\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", 503, headers=(("retry-after", "7"),), reusable=True
    ),
    "200 with a space before the colon": Case(b"HTTP/1.1 200 OK\r\nX-A : b\r\ncontent-length: 2\r\n\r\nok", 200, FailureClass.PROTOCOL),
    "503 with a line that is no header": Case(
        b"HTTP/1.1 503 Later\r\nwhat is this\r\nRetry-After: 9\r\ncontent-length: 0\r\n\r\n",
        503,
        FailureClass.PROTOCOL,
        headers=(("retry-after", "9"),),
    ),
    "200 with two lengths": Case(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok", 200, FailureClass.PROTOCOL),
    "410 with a negative length": Case(b"HTTP/1.1 410 Gone\r\ncontent-length: -1\r\n\r\n", 410, FailureClass.PROTOCOL),
    "hints before": Case(b"HTTP/1.1 103 Hints\r\nlink: </>\r\n\r\nHTTP/1.1 204 X\r\n\r\nmore", 204),
    "100 before a failure": Case(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\nno", 500, body="no", reusable=True
    ),
    "without a reason": Case(b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200, reusable=True),
    "HTTP/1.0 until it closes": Case(b"HTTP/1.0 200 OK\r\n\r\nok", 200, body="ok"),
    "bare line feeds": Case(b"HTTP/1.1 204 No Content\n\nok", 204),
    "SSH": Case(b"SSH-2.0-OpenSSH_9.9\r\n", None, FailureClass.PROTOCOL),
    "HTTP/9.9": Case(b"HTTP/9.9 200 OK\r\n\r\n", None, FailureClass.PROTOCOL),
    "a status that is none": Case(b"HTTP/1.1 2x4 OK\r\n\r\n", None, FailureClass.PROTOCOL),
    "a head that breaks off": Case(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", None, FailureClass.RESET),
}


def segmentations(raw: bytes) -> Iterator[list[bytes]]:
    """In one segment, in two at every place, in single bytes, and in ten."""
    yield [raw]
    for place in range(1, len(raw)):
        yield [raw[:place], raw[place:]]
    yield [raw[place : place + 1] for place in range(len(raw))]
    size = -(-len(raw) // 10)
    yield [raw[place : place + size] for place in range(0, len(raw), size)]


@pytest.mark.parametrize("case", CORPUS.values(), ids=CORPUS.keys())
async def test_an_answer_ends_the_same_way_in_every_segmentation(make_sender: MakeSender, case: Case) -> None:
    cuts = list(segmentations(case.raw))
    waiting = iter(cuts)

    async def script(conversation: Conversation) -> None:
        await conversation.request()
        for number, piece in enumerate(next(waiting)):
            if number:
                # The sender reads in the same event loop: it has had the piece before when it has had two turns.
                for _ in range(3):
                    await asyncio.sleep(0)
            await conversation.send(piece)

    send = make_sender()
    seen: dict[tuple[object, ...], int] = {}
    async with receiver(script) as target:
        for _ in cuts:
            answer = await send(f"http://127.0.0.1:{target.port}/")
            await target.until_open(0)
            seen[_essence(answer)] = seen.get(_essence(answer), 0) + 1

    assert seen == {(case.status, case.failure, case.body, case.headers): len(cuts)}


def _essence(answer: WebhookAnswer) -> tuple[object, ...]:
    return (answer.status, answer.failure, answer.body, answer.headers)


@pytest.mark.parametrize("case", CORPUS.values(), ids=CORPUS.keys())
@pytest.mark.parametrize("together", [True, False])
async def test_only_a_connection_with_a_clean_end_carries_the_next_request(make_sender: MakeSender, case: Case, together: bool) -> None:
    """A receiver that would go on with the connection, whatever it has just written on it."""

    written = asyncio.Event()

    async def script(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            written.clear()
            try:
                for piece in [case.raw] if together else segment_by_segment(case.raw):
                    await conversation.send(piece)
                    for _ in range(3):
                        await asyncio.sleep(0)
            finally:
                written.set()
            if case.status is None or case.raw.startswith(b"HTTP/1.0"):
                return

    send = make_sender()
    async with receiver(script) as target:
        answers = []
        for _ in range(3):
            answers.append(await send(f"http://127.0.0.1:{target.port}/"))
            await written.wait()

    assert [(answer.status, answer.failure) for answer in answers] == [(case.status, case.failure)] * 3
    assert target.connections == (1 if case.reusable else 3)


def segment_by_segment(raw: bytes) -> list[bytes]:
    return [raw[place : place + 7] for place in range(0, len(raw), 7)]
