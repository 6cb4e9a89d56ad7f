"""Who makes the changes that this thread makes.

It travels in a context variable, set at the door where the caller was recognised, so that whatever commits a change can
note who made it, and no use case on the way has to hand it on. Without a caller the service itself acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change.

    Attributes:
        name: for people: the label of the token.
        id: of the token, as ``token list`` shows it; empty for the service itself.
    """

    name: str
    id: str = ""


SERVICE: Final = Actor("event-service")
"""Acts where nobody called: it disables endpoints whose receivers are gone."""

_current: ContextVar[Actor] = ContextVar("actor", default=SERVICE)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """What is changed inside is changed by ``actor``."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


def current_actor() -> Actor:
    """Who makes changes in this context."""
    return _current.get()
