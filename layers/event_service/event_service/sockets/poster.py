"""Posting to WebSocket connections through API Gateway's management interface, over aiohttp's connections: posting is the hot path, and
an SDK client takes several times the processor time for it, aiohttp's session half as much again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp
from botocore.credentials import ReadOnlyCredentials
from yarl import URL

from event_service.aws.signature_v4 import RequestSigner
from event_service.http.exchange import exchange
from event_service.http.request import OnePieceRequest
from event_service.sockets.ports import Posted

TIMEOUT_SECONDS: Final = 3.0
CONNECTIONS: Final = 320
"""Ten groups with 32 posts each."""
KEEP_ALIVE_SECONDS: Final = 50.0
"""Less than the 60 seconds after which AWS's load balancers close an idle connection by default
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html)."""

_OUTCOMES: Final = {
    200: Posted.SENT,
    204: Posted.SENT,
    410: Posted.GONE,
    413: Posted.TOO_LARGE,
    429: Posted.THROTTLED,
}


class SocketPoster:
    """Implements :class:`~event_service.sockets.ports.Poster`, within one event loop: connections are kept for the next posts,
    also for those of the process's next invocations."""

    def __init__(self, url: str, region: str, credentials: Callable[[], ReadOnlyCredentials | None]) -> None:
        """
        Args:
            url: the endpoint of the management interface, with the stage.
            region: for the signature.
            credentials: the current ones; asked for each call, because Lambda renews them. ``None``: do not sign.
        """
        parts = urlsplit(url)
        self._origin = URL(f"{parts.scheme}://{parts.netloc}")
        self._path = f"{parts.path.rstrip('/')}/@connections/"
        self._signer = RequestSigner(url, region, "execute-api")
        self._credentials = credentials

    @cached_property
    def _connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS)

    async def aclose(self) -> None:
        """Closes the connections; Lambda never does."""
        await self._connector.close()

    async def post(self, connection_id: str, data: bytes) -> Posted:
        return await self._call("POST", connection_id, data)

    async def close(self, connection_id: str) -> Posted:
        return await self._call("DELETE", connection_id, b"")

    async def _call(self, method: str, connection_id: str, data: bytes) -> Posted:
        path = self._path + quote(connection_id, safe="")
        credentials = self._credentials()
        headers = {} if credentials is None else self._signer.headers(method, path, data, credentials, datetime.now(UTC))
        request = OnePieceRequest(method, self._origin, path, headers, data)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status = await exchange(self._connector, request)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return Posted.UNKNOWN
        return _OUTCOMES.get(status, Posted.UNKNOWN if status >= 500 else Posted.REFUSED)
