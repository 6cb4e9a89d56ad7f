"""The queue of webhook delivery."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from event_service.aws.sqs import Entry, Queues
from event_service.delivery.messages import BacklogMessage, WebhookMessage


class SqsWebhookQueue:
    """Implements :class:`~event_service.delivery.ports.WebhookQueue`."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(
        self,
        messages: Sequence[tuple[WebhookMessage | BacklogMessage, float]],
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> list[int]:
        # Rounded up: a wait that a receiver asked for is never undercut.
        entries = [Entry(message, delay_seconds=math.ceil(delay)) for message, delay in messages]
        return self._queues.send_all(self._url, entries, time_left)
