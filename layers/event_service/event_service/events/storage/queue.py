"""The routing queue."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.aws.sqs import Entry, Queues
from event_service.events.routing_message import RoutingMessage


class SqsRoutingQueue:
    """Implements :class:`~event_service.events.ports.RoutingQueue`, and what its reader needs (``routing.ports``)."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, message: RoutingMessage) -> None:
        self._queues.send(self._url, Entry(message))

    def delete(self, receipts: Sequence[str]) -> None:
        self._queues.delete_all(self._url, receipts)

    def show_again(self, receipts: Sequence[str], seconds: int) -> None:
        self._queues.show_again(self._url, receipts, seconds)
