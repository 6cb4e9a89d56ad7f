"""One request and its answer."""

from __future__ import annotations

import asyncio
from typing import Final, cast
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from event_service.http.readable import is_readable
from event_service.http.request import OnePieceRequest

_SWITCHING_PROTOCOLS: Final = 101
_NO_TIMEOUTS: Final = aiohttp.ClientTimeout()
"""The caller has one for all of it."""
_USED: Final[WeakSet[ResponseHandler]] = WeakSet()
"""Connections that had a request. What a new one has to read are tickets of TLS, and no answer."""


async def exchange(connector: aiohttp.BaseConnector, request: OnePieceRequest) -> int:
    """Sends a request, reads its answer to the end, and returns its status. It ends when its caller cancels it, and not before.

    Args:
        connector: aiohttp's pool.
        request: what is sent.

    Raises:
        aiohttp.ClientError: no connection came about, it was lost, or the answer is no HTTP.
        OSError: likewise.

    Example::

        async with asyncio.timeout(3):
            status = await exchange(connector, OnePieceRequest("POST", url, "/path", {}, b"{}"))
    """
    connection = await _connect(connector, request)
    try:
        protocol = _protocol(connection)
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        _open(protocol).write(request.written())
        while True:
            message, content = await protocol.read()
            if not 100 <= message.code <= 199 or message.code == _SWITCHING_PROTOCOLS:
                break
        if not content.is_eof():
            await content.read()
    except aiohttp.http.HttpProcessingError as error:
        connection.close()
        raise aiohttp.ClientPayloadError(str(error)) from error
    except BaseException:
        connection.close()
        raise
    connection.release()
    return message.code


async def _connect(connector: aiohttp.BaseConnector, request: OnePieceRequest) -> Connection:
    """A connection over which nothing came that was not asked for: aiohttp would take it for the next answer."""
    connection = await connector.connect(request, [], _NO_TIMEOUTS)
    while _protocol(connection) in _USED and _has_unread(_protocol(connection)):
        connection.close()
        connection = await connector.connect(request, [], _NO_TIMEOUTS)
    _USED.add(_protocol(connection))
    return connection


def _has_unread(protocol: ResponseHandler) -> bool:
    transport = protocol.transport
    return transport is None or protocol.should_close or is_readable(transport.get_extra_info("socket").fileno())


def _protocol(connection: Connection) -> ResponseHandler:
    return cast("ResponseHandler", connection.protocol)


def _open(protocol: ResponseHandler) -> asyncio.Transport:
    transport = protocol.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ClientOSError(None, "The connection was lost before the request was written")
    return transport
