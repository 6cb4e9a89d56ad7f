"""Hands events over to webhooks: each delivery is a message in the queue of the shared lane."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from event_service.delivery.messages import WebhookMessage
from event_service.delivery.outlet import PARTS_PER_CALL, RoutedEvents
from event_service.delivery.ports import WebhookQueue
from event_service.events.event import Event

MESSAGE_PARTS: Final = PARTS_PER_CALL // 10
"""A call sends ten messages, or a megabyte:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
CALL_BYTES: Final = 1_048_576


class WebhookOutlet:
    """Implements :class:`~event_service.delivery.outlet.Outlet`."""

    failure = "not all webhook deliveries could be queued"

    def __init__(self, queue: WebhookQueue) -> None:
        self._queue = queue

    def cost(self, routed: RoutedEvents, events: Sequence[Event]) -> int:
        return sum(max(MESSAGE_PARTS, len(routed.body(event)) * PARTS_PER_CALL // CALL_BYTES) for event in events)

    def send(self, routed: Sequence[RoutedEvents], time_left: Callable[[], float]) -> Collection[int]:
        outbox = [(position, message) for position, one in enumerate(routed) for message in _messages(one)]
        unsent = self._queue.send([(message, 0.0) for _, message in outbox], time_left)
        return {outbox[position][0] for position in unsent}


def _messages(routed: RoutedEvents) -> Iterator[WebhookMessage]:
    for endpoint_id, events in routed.per_endpoint.items():
        for event in events:
            yield WebhookMessage.first(
                workspace_id=routed.workspace_id,
                endpoint_id=endpoint_id,
                event_id=event.id,
                accepted_at=routed.accepted_at,
                traceparent=routed.traceparent,
                body=routed.body(event),
                configuration_version=routed.configuration_version,
                repeat=routed.repeat,
            )
