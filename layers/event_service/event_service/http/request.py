"""A request that leaves as it was given, and in one piece."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
from aiohttp.http_writer import _serialize_headers  # it refuses line breaks in headers
from multidict import CIMultiDict
from yarl import URL


class OnePieceRequest(aiohttp.ClientRequest):
    """What aiohttp's connector needs to know of a request, and the bytes to write.

    aiohttp's constructor prepares cookies, credentials, proxies, compression and headers that were not given, and its ``send`` starts a
    task that writes the body: together a tenth of a delivery (decision 0104 in docs/decisions).
    """

    def __init__(self, method: str, url: URL, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """
        Args:
            method: in upper case.
            url: where to; of path and query, ``target`` is sent.
            target: path and query. yarl would drop the question mark of an empty query.
            headers: all but ``host`` and ``content-length``.
            body: may be empty.
        """
        self.method = method
        self.url = self.original_url = url
        self.headers = CIMultiDict({"Host": url.host_port_subcomponent or "", **headers, "Content-Length": str(len(body))})
        self.server_hostname = self.proxy = self.proxy_auth = self.proxy_headers = None
        self._ssl = True  # as the connector has it
        self._target = target
        self._bytes = body

    def written(self) -> bytes:
        """Head and body.

        Raises:
            ValueError: a line break in a header.
        """
        return _serialize_headers(f"{self.method} {self._target} HTTP/1.1", self.headers) + self._bytes
