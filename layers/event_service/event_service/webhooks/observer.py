"""What changed endpoints mean for webhook delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.ports import EndpointReference
from event_service.delivery.backlog import BacklogTickets
from event_service.delivery.ports import HealthStore
from event_service.delivery.receiver_health import after_resume
from event_service.delivery.service_events import OperationalEvents


class WebhookObserver:
    """Implements :class:`~event_service.configuration.ports.EndpointObserver` for backlogs, the health of endpoints
    and the event that says that one was disabled."""

    def __init__(self, tickets: BacklogTickets, health: HealthStore, events: OperationalEvents, clock: Clock) -> None:
        self._tickets = tickets
        self._health = health
        self._events = events
        self._clock = clock

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in _webhooks(endpoints):
            self._tickets.announce(endpoint.workspace_id, endpoint.id)
            known = self._health.get(endpoint.workspace_id, endpoint.id)
            was_disabled = endpoint.status is EndpointStatus.DISABLED
            fresh = after_resume(known, endpoint.id, self._clock(), was_disabled=was_disabled)
            if fresh is not None:
                self._health.put(endpoint.workspace_id, fresh, known)
            elif known is not None:
                self._health.clear(endpoint.workspace_id, endpoint.id)

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in endpoints:
            if endpoint.shown_status is EndpointStatus.DISABLED:
                self._events.endpoint_disabled(endpoint)
        for endpoint in _webhooks(endpoints):
            if endpoint.status is not EndpointStatus.ENABLED:
                continue
            known = self._health.get(endpoint.workspace_id, endpoint.id)
            if known is not None and known.backs_off_until is not None:
                # Another URL may be another receiver: it need not wait for the end of the old one's time.
                fresh = replace(known, version=known.version + 1, consecutive_failures=0, backs_off_until=None, back_offs=0)
                self._health.put(endpoint.workspace_id, fresh, known)
            self._tickets.begin(endpoint.workspace_id, endpoint.id)

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        for endpoint in endpoints:
            if endpoint.type is EndpointType.WEB_HOOK:
                # The backlog is discarded by the same runs that would send it.
                self._tickets.begin(endpoint.workspace_id, endpoint.id)


def _webhooks(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint.type is EndpointType.WEB_HOOK]
