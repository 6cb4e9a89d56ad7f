"""Serves MiniStack with a parser and an event loop in C.

An event on its way to a webhook is six to seven requests to the local AWS. With MiniStack's own server (hypercorn, whose parser h11 is
Python) each took 1.2 ms of the one thread that answers them all, more than half of it for HTTP alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import uvicorn  # type: ignore[import-not-found]  # only in MiniStack's environment
import uvloop  # type: ignore[import-not-found]  # likewise

App = Callable[..., Awaitable[None]]

_SUBPROTOCOL: Final = b"sec-websocket-protocol"
KEEP_ALIVE_SECONDS: Final = 75
"""More than botocore keeps a connection that it does not use: 60 s."""


class Server(uvicorn.Server):  # type: ignore[misc]  # as above
    """MiniStack's server. What stops it is ``should_exit``: signals are the host's own."""

    def __init__(self, app: App, *, host: str, port: int, stop_seconds: float) -> None:
        """
        Args:
            app: the ASGI application.
            host: the address that it listens on.
            port: likewise.
            stop_seconds: for connections to end after ``should_exit``.
        """
        super().__init__(
            uvicorn.Config(
                with_subprotocols(app),
                host,
                port,
                http="httptools",
                ws="wsproto",
                # As API Gateway: neither compresses nor pings.
                ws_per_message_deflate=False,
                ws_ping_interval=None,
                lifespan="on",
                log_config=None,
                access_log=False,
                # MiniStack writes both, and believes no X-Forwarded-For.
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=int(stop_seconds),
                # MiniStack keeps account and region of a request in context variables.
                reset_contextvars=True,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def with_subprotocols(app: App) -> App:
    """Shows the application the header of a handshake that asks for subprotocols: the server keeps it to itself, API Gateway does not."""

    async def shown(scope: dict[str, Any], receive: Any, send: Any) -> None:
        asked = scope.get("subprotocols") if scope["type"] == "websocket" else None
        if asked and not any(name == _SUBPROTOCOL for name, _ in scope["headers"]):
            scope = scope | {"headers": [*scope["headers"], (_SUBPROTOCOL, ", ".join(asked).encode("latin-1"))]}
        await app(scope, receive, send)

    return shown


def run(main: Callable[[], Awaitable[Any]]) -> None:
    """Runs a coroutine on a loop in C until it ends."""

    async def begin() -> None:
        await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(begin())
