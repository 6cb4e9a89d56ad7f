"""A webhook receiver for trying things out: it verifies, shows what comes, and answers as it is told to."""

from __future__ import annotations

import hmac
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from cli.errors import UsageError
from event_service.webhooks.signature import secret_key, sign

MAXIMUM_BODY_BYTES: Final = 2 * 1024 * 1024
"""An event has at most 256 KiB; JSON may write one byte of it in six characters."""
TOLERANCE_SECONDS: Final = 300
"""As Standard Webhooks recommends: an older request may be a replay by somebody who recorded it."""
SILENCE_SECONDS: Final = 30.0
"""A client that sends nothing for so long is hung up on."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How requests are answered.

    Attributes:
        status: of the answer to a request that is trusted.
        failing: share of those, from 0 to 1, that are answered 500 instead.
        delay_seconds: before the answer.
        retry_after_seconds: sent with every answer of 400 and above; ``None``: never.
        secret: requests that are not signed with it get 401; ``None``: nothing is verified.
    """

    status: int = 204
    failing: float = 0.0
    delay_seconds: float = 0.0
    retry_after_seconds: int | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request and its answer. ``fault`` says why it was not trusted; ``verified`` is ``None`` where nothing is verified."""

    status: int
    message_id: str
    body: bytes
    verified: bool | None
    fault: str | None

    @property
    def event(self) -> Any:
        """The body as JSON; ``None`` when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@contextmanager
def receiving(host: str, port: int, behaviour: Behaviour) -> Iterator[tuple[int, queue.SimpleQueue[ReceivedRequest]]]:
    """Receives while the block runs.

    Args:
        host: address of this machine to listen on.
        port: 0 takes a free one.
        behaviour: how requests are answered.

    Returns:
        The port, and what was received, in the order of the answers.

    Raises:
        UsageError: the port is taken or not allowed, or the secret has the wrong form.
    """
    if behaviour.secret is not None:
        try:
            secret_key(behaviour.secret)
        except ValueError as error:
            raise UsageError(f"--secret: {error}.") from None
    received: queue.SimpleQueue[ReceivedRequest] = queue.SimpleQueue()
    try:
        server = ThreadingHTTPServer((host, port), _handler(behaviour, received.put, random.SystemRandom().random))
    except (OSError, OverflowError) as error:
        raise UsageError(f"Cannot listen on {host}:{port}: {error}. Give another --port.") from None
    server.daemon_threads = True  # a delayed answer must not hold up Ctrl-C
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server.server_port, received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fault_of(secret: str, message_id: str, timestamp: str, signatures: str, body: bytes, now: float) -> str | None:
    """Why a request is not to be trusted, whatever its headers hold; ``None``: it is signed with ``secret`` and fresh."""
    if not timestamp.isascii() or not timestamp.isdigit() or not abs(now - int(timestamp[:20])) <= TOLERANCE_SECONDS:
        return "webhook-timestamp is missing, or more than five minutes away from this machine's clock"
    try:
        expected = sign([secret], message_id, int(timestamp), body).encode()
    except UnicodeEncodeError:
        return "webhook-id is no text"
    if not any(hmac.compare_digest(expected, given.encode(errors="replace")) for given in signatures.split(" ")):
        return "webhook-signature does not fit: another secret, or another body"
    return None


def _handler(
    behaviour: Behaviour, received: Callable[[ReceivedRequest], None], chance: Callable[[], float]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = SILENCE_SECONDS

        def _answer(self) -> None:
            length = self.headers.get("content-length", "0")
            if not length.isascii() or not length.isdigit() or int(length[:20]) > MAXIMUM_BODY_BYTES:
                self._send(413 if length.isdigit() else 400)
                self.close_connection = True
                return
            body = self.rfile.read(int(length))
            message_id, timestamp, signatures = (self.headers.get(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature"))
            fault = None
            if behaviour.secret is not None:
                fault = fault_of(behaviour.secret, message_id, timestamp, signatures, body, time.time())
            status = 401 if fault else 500 if chance() < behaviour.failing else behaviour.status
            time.sleep(behaviour.delay_seconds)
            self._send(status)
            received(ReceivedRequest(status, message_id, body, None if behaviour.secret is None else fault is None, fault))

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def _send(self, status: int) -> None:
            self.send_response(status)
            if status >= 400 and behaviour.retry_after_seconds is not None:
                self.send_header("retry-after", str(behaviour.retry_after_seconds))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing besides what the command prints."""

    return Handler
