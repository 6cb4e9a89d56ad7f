"""How far an attempt has come. aiohttp calls back into the connector, the resolver and the socket factory without saying for which
request; a context variable tells them, because each attempt runs in a task of its own."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["look", "connect", "wait", "body"]


@dataclass(slots=True)
class Progress:
    """One attempt.

    Attributes:
        target: path and query, exactly as they are to be sent.
        dialled: whether a new connection was opened for it.
        phase: looking the name up, connecting, waiting for the answer, reading its body.
        status: of the answer, as soon as its status line and headers were read.
        headers: those that a verdict needs.
        failure_headers: all, of an answer that is no success, as the log keeps them.
        content_encoding: the header of that name.
        body: the start of the body.
        body_is_cut: whether there was more of it, or may have been.
        malformed: what of the answer is not as HTTP/1.1 has it, although its status line is.
    """

    target: str = "/"
    dialled: bool = False
    phase: Phase = "look"
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    failure_headers: tuple[tuple[str, str], ...] = ()
    content_encoding: str | None = None
    body: bytearray = field(default_factory=bytearray)
    body_is_cut: bool = True
    malformed: Literal["headers", "body"] | None = None

    @property
    def reused(self) -> bool:
        """Whether it got as far as a connection, and that one from the pool."""
        return self.phase == "wait" and not self.dialled


current: ContextVar[Progress] = ContextVar("webhook_attempt_progress")
