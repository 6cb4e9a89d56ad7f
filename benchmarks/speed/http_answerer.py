"""A server that answers HTTP at once, and what is sent to it: so that what is measured is the client alone."""

from __future__ import annotations

import asyncio
from typing import Final

BODY: Final = b'{"id":"0a3c","type":"measured","data":{"text":"' + b"x" * 950 + b'"}}'
"""1 KB, the size of a usual event."""
ANSWER: Final = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'


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
