"""Hands events over to webhooks: each delivery is a message in the queue of the shared lane."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from event_service.base.errors import DomainError, Unavailable
from event_service.delivery.attempt import WIDE_SHARDS
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.outlet import PARTS_PER_CALL, RoutedEvents
from event_service.delivery.ports import WebhookQueue, WideEvents
from event_service.events.event import Event

MESSAGE_PARTS: Final = PARTS_PER_CALL // 10
"""A call sends ten messages, or a megabyte:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
CALL_BYTES: Final = 1_048_576

_LOG = logging.getLogger(__name__)


class MarkingQueue:
    """Webhook delivery's queue, for routing: before anything of a wide event is sent, the event is marked as wide, so that whoever
    reads its deliveries knows where they are."""

    def __init__(self, queue: WebhookQueue, wide_events: Callable[[], WideEvents]) -> None:
        """``wide_events`` is called when there is one, which is rare."""
        self._queue = queue
        self._wide_events = wide_events

    def send(self, messages: Sequence[tuple[WebhookMessage, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        """As the queue's own; what could not be marked was not sent."""
        wide = {message.delivery.event: message.delivery for message, _ in messages if message.delivery.log_shards}
        if not wide:
            return self._queue.send(messages, time_left)
        try:
            self._wide_events().mark(wide.values())
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d wide events could not be marked: %s", len(wide), error)
            kept = [position for position, (message, _) in enumerate(messages) if not message.delivery.log_shards]
            unsent = self._queue.send([messages[position] for position in kept], time_left) if kept else []
            return sorted({*range(len(messages))} - {*kept} | {kept[position] for position in unsent})
        return self._queue.send(messages, time_left)


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
                log_shards=WIDE_SHARDS if event.id in routed.wide else 0,
                repeat=routed.repeat,
            )
