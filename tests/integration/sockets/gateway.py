"""API Gateway's management interface on this machine."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from event_service.sockets.poster import SocketPoster

CONNECTION = "L0SM9cOFvHcCIhw="


@dataclass
class Gateway:
    """What it received, and what it answers: ``statuses`` are given out one by one, then 200."""

    url: str = ""
    received: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    statuses: deque[int] = field(default_factory=deque)
    silent: threading.Event = field(default_factory=threading.Event)


@contextmanager
def running() -> Iterator[Gateway]:
    """It answers until the block ends."""
    made = Gateway()
    made.silent.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            made.connections += 1
            super().setup()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            made.silent.wait(20)
            made.received.append((self.command, self.path, body))
            made.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(made.statuses.popleft() if made.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_DELETE = answer  # noqa: N815 - the base class finds its methods by these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/live"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    made.silent.set()
    server.shutdown()
    server.server_close()


def poster_of(gateway: Gateway) -> SocketPoster:
    return SocketPoster(gateway.url, "us-east-1", lambda: None)
