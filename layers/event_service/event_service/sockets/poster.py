"""API Gateway's management interface over aiohttp: posting to a socket is the hot path, and an SDK client takes several
times the processor time for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urlsplit

import aiohttp
from botocore.credentials import ReadOnlyCredentials
from yarl import URL

from event_service.aws.signature_v4 import RequestSigner
from event_service.sockets.ports import Posted

TIMEOUT_SECONDS: Final = 3.0
CONNECTIONS: Final = 64

_OUTCOMES: Final = {
    200: Posted.SENT,
    204: Posted.SENT,
    410: Posted.GONE,
    413: Posted.TOO_LARGE,
    429: Posted.THROTTLED,
}


class SocketPoster:
    """Implements :class:`~event_service.sockets.ports.Poster`. Use it as an async context manager, once:
    a Lambda's event loop ends with the invocation, and so do the HTTP connections."""

    def __init__(self, url: str, region: str, credentials: Callable[[], ReadOnlyCredentials | None]) -> None:
        """
        Args:
            url: the endpoint of the management interface, with the stage.
            region: for the signature.
            credentials: the current ones; asked for each call, because Lambda renews them. ``None``: do not sign.
        """
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = f"{parts.path.rstrip('/')}/@connections/"
        self._signer = RequestSigner(url, region, "execute-api")
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._session = await self._stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent",),
            )
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    async def post(self, connection_id: str, data: bytes) -> Posted:
        return await self._call("POST", connection_id, data)

    async def close(self, connection_id: str) -> Posted:
        return await self._call("DELETE", connection_id, b"")

    async def _call(self, method: str, connection_id: str, data: bytes) -> Posted:
        if self._session is None:
            raise RuntimeError("the poster is used outside its context")
        path = self._path + quote(connection_id, safe="")
        credentials = self._credentials()
        headers = {} if credentials is None else self._signer.headers(method, path, data, credentials, datetime.now(UTC))
        try:
            # encoded=True: the path must leave exactly as it was signed.
            async with self._session.request(method, URL(self._origin + path, encoded=True), data=data, headers=headers) as response:
                await response.read()
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError):
            return Posted.UNKNOWN
        return _OUTCOMES.get(status, Posted.UNKNOWN if status >= 500 else Posted.REFUSED)
