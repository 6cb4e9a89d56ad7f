"""Endpoints, events, tokens and times for tests: each with values of its own, of which a test changes what matters to it.

A field that is added to a dataclass of the product gets its value here, and no test has to be edited.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from event_service.access.token import Token, TokenKind, hash_token
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.events.event import Event

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
ENDPOINT = "3a6c1b52-7f1e-4f55-9a3a-0c7b6f9f2d10"


class SettableClock:
    """A time that moves only when it is told to, or by a step at each look.

    Args:
        now: where it begins.
        step_seconds: how far each look moves it, so that no two dates are equal by chance.
        runs: real time passes as well, for code that waits and looks at the time.
    """

    def __init__(self, now: datetime = START, step_seconds: float = 0, *, runs: bool = False) -> None:
        self.now = now
        self._step = timedelta(seconds=step_seconds)
        self._began = time.monotonic() if runs else None

    def __call__(self) -> datetime:
        self.now += self._step
        return self.now if self._began is None else self.now + timedelta(seconds=time.monotonic() - self._began)

    def advance(self, **span: float) -> None:
        """Moves it, for example by ``advance(minutes=5)``."""
        self.now += timedelta(**span)


def a_webhook(**changes: Any) -> Endpoint:
    """A WEB_HOOK endpoint that is ENABLED."""
    return replace(
        Endpoint(
            id=ENDPOINT,
            workspace_id=WORKSPACE,
            type=EndpointType.WEB_HOOK,
            name="name",
            url="https://hooks.example.com/in",
            method="POST",
            status=EndpointStatus.ENABLED,
            status_reason=None,
            created=START,
            modified=START,
        ),
        **changes,
    )


def a_socket(**changes: Any) -> Endpoint:
    """A WEB_SOCKET endpoint that is ENABLED."""
    return replace(a_webhook(type=EndpointType.WEB_SOCKET, url=None, method=None), **changes)


def an_endpoint(endpoint_type: EndpointType, **changes: Any) -> Endpoint:
    """An endpoint of either type."""
    return a_webhook(**changes) if endpoint_type is EndpointType.WEB_HOOK else a_socket(**changes)


def an_event(**changes: Any) -> Event:
    """An event of type ``ALARM`` without agent and camera."""
    return replace(
        Event(
            id="event-1",
            type="ALARM",
            date=START,
            data={},
            agent_id=None,
            camera_id=None,
            workspace_id=WORKSPACE,
            created=START,
        ),
        **changes,
    )


def a_token(text: str, **changes: Any) -> Token:
    """What is stored of the access token ``text``."""
    return replace(Token(hash_token(text), WORKSPACE, TokenKind.ACCESS, None, "token", START, None, None), **changes)
