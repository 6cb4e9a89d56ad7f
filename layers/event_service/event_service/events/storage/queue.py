"""The routing queue."""

from __future__ import annotations

from event_service.aws.sqs import Entry, Queues
from event_service.events.routing_message import RoutingMessage


class SqsRoutingQueue:
    """Implements :class:`~event_service.events.ports.RoutingQueue`."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, message: RoutingMessage) -> None:
        self._queues.send(self._url, Entry(message))
