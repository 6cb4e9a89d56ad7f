"""What waits for an endpoint that is off or cools down, and how it is sent when the time has come.

A durable marker says that an endpoint's waiting deliveries are to be sent. One step after the other takes the oldest of
them (see :mod:`event_service.webhooks.delivery`); each step is one message in the queue of webhook delivery, and
the marker holds the token of the step that may run next, so that no two ever run at once. Should a step or its message be
lost, the scheduler finds the marker when its time has passed and sends the step again. A marker goes only when nothing was
left at two looks with :data:`QUIET_SECONDS` in between: a worker that still believes that the endpoint is off puts its
delivery aside within that time or not at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.delivery.messages import DrainMessage
from event_service.delivery.ports import DeliveryQueue, DrainMarker, HealthStore, ParkedStore
from event_service.delivery.receiver_health import after_resume
from event_service.delivery.service_events import OperationalEvents

MAXIMUM_QUEUE_DELAY_SECONDS: Final = 900
STEP_SECONDS: Final = 120
"""A step that has not ended by then is dead: no invocation lasts longer than 60 s."""
QUIET_SECONDS: Final = 120
"""Longer than an invocation, which is how long a worker can act on a status that it read."""


class Drains:
    """Starts the sending of what waits."""

    def __init__(
        self,
        parked: ParkedStore,
        queue: DeliveryQueue,
        clock: Clock,
        draw_token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._parked = parked
        self._queue = queue
        self._clock = clock
        self.draw_token = draw_token

    def announce(self, workspace_id: str, endpoint_id: str) -> None:
        """Notes that sending is about to be started, should whoever starts it die before it can."""
        self._mark(workspace_id, endpoint_id, STEP_SECONDS)

    def begin(self, workspace_id: str, endpoint_id: str, delay_seconds: float = 0.0) -> None:
        """Starts sending after a delay of any length. A step that is under way is the last of its chain."""
        in_queue = delay_seconds <= MAXIMUM_QUEUE_DELAY_SECONDS
        marker = self._mark(workspace_id, endpoint_id, delay_seconds + (STEP_SECONDS if in_queue else 0.0))
        self.send_step(marker, delay_seconds)

    def send_step(self, marker: DrainMarker, delay_seconds: float = 0.0, hop: int = 0) -> None:
        """Puts the marker's step into the queue. A step that is due later than a queue can hold it back, or that could not
        be sent, is left to the scheduler."""
        if delay_seconds > MAXIMUM_QUEUE_DELAY_SECONDS:
            return
        self._queue.send([(DrainMessage(marker.workspace_id, marker.endpoint_id, marker.token, marker.quiet, hop), delay_seconds)])

    def _mark(self, workspace_id: str, endpoint_id: str, seconds: float) -> DrainMarker:
        check_at = self._clock() + timedelta(seconds=seconds)
        marker = DrainMarker(workspace_id, endpoint_id, self.draw_token(), check_at)
        self._parked.mark(marker)
        return marker


class WebhookObserver:
    """Implements :class:`~event_service.configuration.configuration.EndpointObserver` for what waits, the health of endpoints and the
    event that says that one was disabled."""

    def __init__(self, drains: Drains, health: HealthStore, events: OperationalEvents, clock: Clock) -> None:
        self._drains = drains
        self._health = health
        self._events = events
        self._clock = clock

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in _webhooks(endpoints):
            self._drains.announce(endpoint.workspace_id, endpoint.id)
            known = self._health.get(endpoint.workspace_id, endpoint.id)
            was_disabled = endpoint.status is EndpointStatus.DISABLED
            fresh = after_resume(known, endpoint.id, self._clock(), was_disabled=was_disabled)
            if fresh is not None:
                self._health.put(endpoint.workspace_id, fresh, known)
            elif known is not None:
                self._health.clear(endpoint.workspace_id, endpoint.id)

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in endpoints:
            if endpoint.status is EndpointStatus.DISABLED:
                self._events.endpoint_disabled(endpoint)
        for endpoint in _webhooks(endpoints):
            if endpoint.status is not EndpointStatus.ENABLED:
                continue
            known = self._health.get(endpoint.workspace_id, endpoint.id)
            if known is not None and known.cooling_until is not None:
                # Another URL may be another receiver: it need not wait for the end of the old one's time.
                fresh = replace(known, version=known.version + 1, strikes=0, cooling_until=None, coolings=0)
                self._health.put(endpoint.workspace_id, fresh, known)
            self._drains.begin(endpoint.workspace_id, endpoint.id)

    def deleted(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in _webhooks(endpoints):
            # What waits is discarded by the same steps that would send it.
            self._drains.begin(endpoint.workspace_id, endpoint.id)


def _webhooks(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint.type is EndpointType.WEB_HOOK]
