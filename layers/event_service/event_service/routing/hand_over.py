"""Hands over what a group of messages was planned to: to the webhook queue, to socket logs, and to a continuation."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from event_service.base.errors import DomainError, Unavailable
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import WebhookQueue, WideEvents
from event_service.events.ports import RoutingQueue
from event_service.routing.ports import SocketLog
from event_service.routing.work import Work
from event_service.sockets.log import Routed

_LOG = logging.getLogger(__name__)


class MarkingQueue:
    """Webhook delivery's queue, for the router: before anything of a wide event is sent, the event is marked as wide, so that whoever
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


class HandOver:
    """The ways out of routing. What fails is noted on the message that it is of."""

    def __init__(self, webhooks: WebhookQueue, sockets: SocketLog, routing_queue: RoutingQueue) -> None:
        self._webhooks = webhooks
        self._sockets = sockets
        self._routing_queue = routing_queue

    def send(self, works: Sequence[Work], time_left: Callable[[], float]) -> None:
        """Sends the messages of all works together, so that they share calls."""
        outbox = [(work, message) for work in works if work.is_open for message in work.webhooks]
        unsent = self._webhooks.send([(message, 0.0) for _, message in outbox], time_left) if outbox else []
        for position in unsent:
            outbox[position][0].failure = "not all webhook deliveries could be queued"
        self._append(works)

    def _append(self, works: Sequence[Work]) -> None:
        # By nonce: the queue may have handed over two copies of a message at once, and a log takes a nonce once.
        routed: dict[str, Routed] = {}
        for work in works:
            if work.is_open and work.per_socket:
                message = work.received.message
                known = routed.get(message.nonce)
                per_endpoint = work.per_socket if known is None else {**known.event_ids, **work.per_socket}
                version = None if work.table is None else work.table.version
                routed[message.nonce] = Routed(message.workspace_id, message.nonce, per_endpoint, work.received.repeat, version)
        if not routed:
            return
        failed = self._sockets.append(list(routed.values()))
        for work in works:
            if work.is_open and work.per_socket and work.received.message.nonce in failed:
                work.failure = "not all socket logs could be extended"

    def continue_rest(self, work: Work) -> None:
        """Sends the message that continues ``work``. Last of all: that it is sent says that everything before it was
        handed over.

        Raises:
            RateLimited, Unavailable: it may not have been sent.
        """
        if work.rest is not None:
            self._routing_queue.send(work.rest)
            work.continued = 1
