"""One request and its answer."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

from event_service.http.request import OnePieceRequest

_SWITCHING_PROTOCOLS: Final = 101
_NO_TIMEOUTS: Final = aiohttp.ClientTimeout()
"""The caller has one for all of it."""


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
    connection = await connector.connect(request, [], _NO_TIMEOUTS)
    try:
        protocol = cast("ResponseHandler", connection.protocol)
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


def _open(protocol: ResponseHandler) -> asyncio.Transport:
    transport = protocol.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ClientOSError(None, "The connection was lost before the request was written")
    return transport
