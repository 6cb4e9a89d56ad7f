"""Who may talk to the local AWS from a browser: nobody but its own pages, except with the product's own APIs.

MiniStack answers every origin and every ``Host``, wants no credentials, and runs code that it is given. So any web page that a
developer visits could run programs on their machine: by a plain POST, or by a name of its own that it lets point at 127.0.0.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PRODUCT: Final = re.compile(r"/_aws/execute-api/[^/]+/(?!.*@connections)")
"""The HTTP API and the WebSocket API, which want a token. What posts to other people's connections is not among them."""
_SAME: Final = ("same-origin", "none")
"""``Sec-Fetch-Site`` of a page of the stack itself, and of an address that a person typed."""
_CORS: Final = b"access-control-"


class Door:
    """An ASGI application around MiniStack's."""

    def __init__(self, app: App, port: int, *, also: Path, cors_of: Callable[[str], Mapping[str, Any]]) -> None:
        """
        Args:
            app: MiniStack's.
            port: the one that it listens on.
            also: a file with a JSON list of further ``Host`` values, while there is one: `make invoke` reaches the stack
                from containers through an address of Docker's.
            cors_of: the CORS configuration of an API by its id; empty when it has none.
        """
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._also = also
        self._cors_of = cors_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may come in; answers 403 to all else, with a sentence for the person who made it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        product = _PRODUCT.match(scope["path"]) is not None
        refusal = self._refusal(headers, product)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
            return
        if scope["type"] == "http" and product and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self._preflight(scope, receive, send, headers["origin"])
            return
        keep = product and "origin" in headers and bool(self._cors_of(_api_of(scope["path"])))
        await self._app(scope, receive, send if keep else _without_cors(send))

    def _refusal(self, headers: Mapping[str, str], product: bool) -> str | None:
        host = headers.get("host", "")
        if host.lower() not in self._hosts and host not in self._further_hosts():
            return f"The local AWS has no name {host[:100]!r}; it is reached as {min(self._hosts)}."
        if product:
            return None
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{own}" for own in self._hosts}:
            return f"The local AWS takes nothing from pages of {origin[:100]!r}. Only the service's own APIs may be called from there."
        if headers.get("sec-fetch-site", "none") not in _SAME:
            return "The local AWS takes nothing from pages of other sites. Only the service's own APIs may be called from there."
        return None

    def _further_hosts(self) -> list[str]:
        try:
            found: list[str] = json.loads(self._also.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return found

    async def _preflight(self, scope: Scope, receive: Receive, send: Send, origin: str) -> None:
        """MiniStack allows everything to every origin before it looks at the API; AWS asks the API's configuration."""
        configuration = self._cors_of(_api_of(scope["path"]))
        allowed = configuration.get("allowOrigins", [])
        headers: list[tuple[bytes, bytes]] = [(b"content-length", b"0")]
        if origin in allowed or "*" in allowed:
            for name in ("allowMethods", "allowHeaders"):
                values = ",".join(configuration.get(name, []))
                headers.append((b"access-control-" + (b"allow-methods" if name == "allowMethods" else b"allow-headers"), values.encode()))
            headers.append((b"access-control-allow-origin", origin.encode("latin-1")))
            headers.append((b"access-control-max-age", str(configuration.get("maxAge", 0)).encode()))
        await _read(receive)
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _api_of(path: str) -> str:
    return path.split("/")[3]


def _without_cors(send: Send) -> Send:
    async def filtered(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = message | {"headers": [one for one in message.get("headers", []) if not one[0].lower().startswith(_CORS)]}
        await send(message)

    return filtered


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    await _read(receive)
    body = (sentence + "\n").encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{kind}.start", "status": 403, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


async def _read(receive: Receive) -> None:
    """Takes in the whole request: a client that still sends would not read the answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
