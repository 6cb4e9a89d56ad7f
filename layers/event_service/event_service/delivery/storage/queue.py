"""The queues of webhook delivery: of the shared lane, and of the endpoints' own lanes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from event_service.aws.sqs import Entry, Queues
from event_service.delivery.lane import Look
from event_service.delivery.messages import WebhookMessage


class SqsWebhookQueue:
    """Implements :class:`~event_service.delivery.ports.WebhookQueue`."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, messages: Sequence[tuple[WebhookMessage, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        # Rounded up: a wait that a receiver asked for is never undercut.
        entries = [Entry(message, delay_seconds=math.ceil(delay)) for message, delay in messages]
        return self._queues.send_all(self._url, entries, time_left)


class SqsLookQueue:
    """Implements :class:`~event_service.delivery.ports.LookQueue`."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, looks: Sequence[tuple[Look, float]]) -> list[int]:
        entries = [Entry(look, delay_seconds=math.ceil(delay)) for look, delay in looks]
        return self._queues.send_all(self._url, entries, lambda: math.inf)
