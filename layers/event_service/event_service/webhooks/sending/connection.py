"""A connection to a receiver, and which of the bytes that come over it are the answer to which request.

aiohttp's own reader hands everything that arrives to its parser, at any time and in the pieces in which TCP delivers it. That is wrong
for a sender of webhooks in two ways:

* What arrives on an idle connection was not asked for (RFC 9112, section 9.2), but aiohttp keeps it for the next request, which may
  be for another endpoint of the same host. A late 200 would then mark a failed event as delivered.
* When a piece does not parse, aiohttp drops all of it, also a complete head at its beginning. So a 204 with a body (against RFC 9110,
  but common) was an answer or a failure by the chance of how TCP cut it.

Here the head is collected first and goes to the parser by itself; the body follows up to its announced end; everything after that end
makes the connection unusable and is never parsed.
"""

from __future__ import annotations

import asyncio
import functools
import re
from enum import Enum
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpVersion11, RawResponseMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy

from event_service.http.readable import is_readable
from event_service.http.request import OnePieceRequest
from event_service.webhooks.sending import progress

MAXIMUM_HEADER_LINE_BYTES = 8190
MAXIMUM_HEADERS = 100
_READ_BUFFER_BYTES = 16 * 1024
_MAXIMUM_HEAD_BYTES = (MAXIMUM_HEADERS + 1) * (MAXIMUM_HEADER_LINE_BYTES + 2)

# The parser takes a bare LF for the end of a line, as RFC 9112, section 2.2, allows.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?![^ \r\n])")
_HEADER_LINE = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n\x00]*?)[ \t]*\r?$", re.MULTILINE)
# They say where the body ends; from a head that contradicts itself nobody can tell.
_FRAMING = (b"content-length", b"transfer-encoding", b"connection", b"upgrade")
_TOO_LARGE = ("Got more than", "Too many headers")
_TLS_ALERT = b"\x15"
"""The first byte of the record by which a TLS server refuses what is no TLS (RFC 8446, section 5.1)."""
_SWITCHING_PROTOCOLS = 101
_NO_BODY = (204, 304)


class UnaskedAnswer(aiohttp.ClientError):
    """A receiver sent bytes on a new connection before the request was written."""


class TlsAnswer(aiohttp.ClientError):
    """The answer to plain HTTP begins like an alert of TLS."""


class _Stage(Enum):
    IDLE = "nothing was asked, or the answer is complete"
    HEAD = "a request was written, and its answer is awaited"
    BODY = "the head was read"


class ReceiverConnection(ResponseHandler):
    """aiohttp's connection, which reads only what was asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.used = False
        self._stage = _Stage.IDLE
        self._head = b""
        self._searched = 0
        self._parsing_head = False
        self._body: StreamReader = EMPTY_PAYLOAD
        self._progress = progress.Progress()
        self._left: int | None = None
        self._end = b""

    def spoiled(self) -> bool:
        """Whether anything arrived since the last answer ended, or the receiver has hung up."""
        transport = self.transport
        if transport is None or self.should_close or self._reading_paused or transport.is_closing():
            return True
        # A new TLS connection has session tickets to read, which are no answer.
        if not self.used and transport.get_extra_info("ssl_object") is not None:
            return False
        return is_readable(transport.get_extra_info("socket").fileno())

    @property
    def should_close(self) -> bool:
        """Also when the receiver has answered before it had read the whole request."""
        return super().should_close or (self.transport is not None and self.transport.get_write_buffer_size() > 0)

    def expect_answer(self) -> None:
        """The request is written now: from here on, what arrives is its answer."""
        self.used = True
        self._stage = _Stage.HEAD
        self._head, self._searched = b"", 0
        self._body = EMPTY_PAYLOAD
        self._progress = progress.current.get()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with each piece that arrives; by aiohttp with none when it goes on reading."""
        if not data:
            super().data_received(data)
            return
        if self._stage is _Stage.HEAD:
            data = self._receive_head(data)
        if data and self._stage is _Stage.BODY:
            data = self._receive_body(data)
        if data:
            self._drop()

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Called by aiohttp with a head that was parsed, and with the stream of its body."""
        message, body = data
        if not 100 <= message.code <= 199:
            self._stage = _Stage.BODY
            self._body = body
            self._left = _announced_bytes(message)
            self._end = b""
        elif message.code == _SWITCHING_PROTOCOLS:
            self._stage = _Stage.IDLE
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Called by aiohttp when what was received does not parse, and when the connection is lost."""
        if self._parsing_head:
            self._accept_status(exc)
        elif self._stage is _Stage.BODY and isinstance(exc, aiohttp.http.HttpProcessingError):
            # No exception for whoever reads the body: it would come before what was received of it.
            self._progress.malformed = "body"
            self._body.feed_eof()
        super().set_exception(exc, *cause)

    def _receive_head(self, data: bytes) -> bytes:
        """Collects the head, has it parsed, and returns what follows it; heads with a 1xx status are followed by another."""
        while data and self._stage is _Stage.HEAD:
            collected = self._head + data
            found = _END_OF_HEAD.search(collected, self._searched)
            if found is None:
                self._head, self._searched = collected, max(0, len(collected) - 2)
                if collected.startswith(_TLS_ALERT):
                    self.set_exception(TlsAnswer())
                    self._drop()
                elif not _may_be_a_head(collected):
                    self._parse_head(collected)
                return b""
            self._head, self._searched = b"", 0
            data = collected[found.end() :]
            self._parse_head(collected[: found.end()])
            if self.transport is None or self.transport.is_closing():
                break
        return data

    def _parse_head(self, head: bytes) -> None:
        self._head = head
        self._parsing_head = True
        try:
            super().data_received(head)
        finally:
            self._parsing_head = False
            self._head = b""

    def _receive_body(self, data: bytes) -> bytes:
        """Has the body parsed up to its end, and returns what follows."""
        if self._left is not None:
            mine, surplus = data[: self._left], data[self._left :]
            self._left -= len(mine)
            if mine:
                super().data_received(mine)
            return surplus
        if self._body.is_eof():
            return data
        self._end = (self._end + data)[-4:]
        super().data_received(data)
        # A chunked body ends with an empty line. The parser does not say whether it was given more than that.
        return data if self._body.is_eof() and self._end != b"\r\n\r\n" else b""

    def _drop(self) -> None:
        self._stage = _Stage.IDLE
        self.force_close()
        if self.transport is not None:
            self.transport.close()

    def _accept_status(self, error: BaseException) -> None:
        """Makes an answer of a head with a good status line and malformed headers, so that the status decides.

        A receiver that says 200 has the event, whatever is wrong with its other lines.
        """
        status = _STATUS_LINE.match(self._head)
        complete = _END_OF_HEAD.search(self._head) is not None
        if status is None or status[1] < b"200" or not complete or str(getattr(error, "message", "")).startswith(_TOO_LARGE):
            return
        headers = CIMultiDict(
            (name.decode("ascii"), value.decode("utf-8", "surrogateescape"))
            for name, value in _HEADER_LINE.findall(self._head, self._head.index(b"\n"))
            if name.lower() not in _FRAMING
        )
        self._progress.malformed = "headers"
        message = RawResponseMessage(HttpVersion11, int(status[1]), "", CIMultiDictProxy(headers), (), True, None, False, False)
        self.feed_data((message, EMPTY_PAYLOAD), 0)


def _may_be_a_head(start: bytes) -> bool:
    """Whether to go on collecting. What begins otherwise, or is too long, is for the parser to refuse at once."""
    return (
        len(start) <= _MAXIMUM_HEAD_BYTES
        and start[:7] == b"HTTP/1."[: len(start)]
        and (b"\n" not in start or bool(_STATUS_LINE.match(start)))
    )


def _announced_bytes(message: RawResponseMessage) -> int | None:
    """How many bytes the body has; ``None`` when they end with the last chunk, or with the connection."""
    if message.code in _NO_BODY:
        return 0
    if message.chunked:
        return None
    length = message.headers.get("content-length")
    return None if length is None else int(length)


class ExactRequest(OnePieceRequest):
    """A request to a receiver."""

    def write(self, connection: ReceiverConnection) -> None:
        """Writes the request.

        Raises:
            UnaskedAnswer: something arrived on a new connection before. (On one from the pool, the connector has looked.)
            aiohttp.ClientOSError: the connection was lost.
        """
        if not connection.used and connection.spoiled():
            raise UnaskedAnswer
        if connection.transport is None or connection.transport.is_closing():
            raise aiohttp.ClientOSError(None, "The connection was lost before the request was written")
        connection.expect_answer()
        # Without waiting until all of it has left: a receiver may answer before it has read everything.
        connection.transport.write(self.written())


class Answer:
    """An answer whose head was read. Whoever has it releases it."""

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(self, connection: Connection, message: RawResponseMessage, content: StreamReader) -> None:
        self._connection = connection
        self.status = message.code
        self.headers = message.headers
        self.content = content

    @property
    def announced_bytes(self) -> int:
        """The length of the body by its header; 0 where that says nothing."""
        return int(self.headers.get("content-length", 0))

    def release(self) -> None:
        """Gives the connection back to the pool if the body was read to its end, else closes it."""
        self._connection.release()


class ReceiverConnector(aiohttp.TCPConnector):
    """aiohttp's pool, which hands out no connection that received anything while it was idle, and sends over them.

    It notes in the attempt's progress that there is a connection; aiohttp's own tracing costs a tenth of a delivery.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = cast("Any", functools.partial(ReceiverConnection, loop=asyncio.get_running_loop()))

    async def ask(self, request: ExactRequest, timeout: aiohttp.ClientTimeout) -> Answer:  # noqa: ASYNC109 - aiohttp's
        """Sends a request, and reads the head of its answer.

        As aiohttp's ``ClientSession`` does, without what that looks at for each request: cookies, redirects, proxies, credentials,
        time-outs. That is a tenth of a delivery.

        Raises:
            aiohttp.ClientError: no valid head came.
            TimeoutError: no connection came about in time.
        """
        connection = await self.connect(request, [], timeout)
        try:
            protocol = _protocol(connection)
            protocol.set_response_params(
                read_until_eof=True,
                auto_decompress=False,
                read_bufsize=_READ_BUFFER_BYTES,
                max_line_size=MAXIMUM_HEADER_LINE_BYTES,
                max_field_size=MAXIMUM_HEADER_LINE_BYTES,
                max_headers=MAXIMUM_HEADERS,
            )
            request.write(protocol)
            while True:
                message, content = await protocol.read()
                if not 100 <= message.code <= 199 or message.code == _SWITCHING_PROTOCOLS:
                    return Answer(connection, message, content)
        except aiohttp.http.HttpProcessingError as error:
            connection.close()
            raise aiohttp.ClientResponseError(
                request.request_info, (), status=error.code, message=error.message, headers=error.headers
            ) from error
        except BaseException:
            connection.close()
            raise

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        """A connection from the pool, or a new one."""
        connection = await super().connect(req, traces, timeout)
        while _protocol(connection).used and _protocol(connection).spoiled():
            connection.close()
            connection = await super().connect(req, traces, timeout)
        progress.current.get().phase = "wait"
        return connection


def _protocol(connection: Connection) -> ReceiverConnection:
    return cast("ReceiverConnection", connection.protocol)
