"""What routing hands events to, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from event_service.delivery.messages import WebhookMessage
from event_service.sockets.log import Routed


class WebhookQueue(Protocol):
    """From routing to webhook delivery."""

    def send(self, messages: Sequence[WebhookMessage], time_left: Callable[[], float]) -> list[int]:
        """Sends all, in as few calls as SQS allows, and tries again what failed, for as long as ``time_left()`` (in
        seconds) allows it. Does not raise: returns the positions of those that may not have been sent."""


class SocketLog(Protocol):
    """The logs of WEB_SOCKET endpoints."""

    def append(self, messages: Sequence[Routed]) -> set[str]:
        """Appends each endpoint's events and wakes its clients. Once a nonce is in an endpoint's log, doing it again
        only wakes. Does not raise: returns the nonces of which that is not certain."""
