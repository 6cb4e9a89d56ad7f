"""What changed endpoints mean for webhook delivery."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.ports import EndpointReference
from event_service.delivery.lane import Look
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import HealthStore, LaneStore
from event_service.delivery.receiver_health import after_resume
from event_service.delivery.service_events import OperationalEvents


class WebhookObserver:
    """Implements :class:`~event_service.configuration.ports.EndpointObserver` for backlogs, the health of endpoints
    and the event that says that one was disabled."""

    def __init__(self, looks: Looks, lanes: LaneStore, health: HealthStore, events: OperationalEvents, clock: Clock) -> None:
        self._looks = looks
        self._lanes = lanes
        self._health = health
        self._events = events
        self._clock = clock

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in _webhooks(endpoints):
            self._looks.announce(endpoint.workspace_id, endpoint.id)
            known = self._health.get(endpoint.workspace_id, endpoint.id)
            fresh = after_resume(endpoint.id, self._clock(), was_disabled=endpoint.status is EndpointStatus.DISABLED)
            if fresh is not None:
                self._health.put(endpoint.workspace_id, fresh, known)
            elif known is not None:
                self._health.clear(endpoint.workspace_id, known)

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        for endpoint in endpoints:
            if endpoint.shown_status is EndpointStatus.DISABLED:
                self._events.endpoint_disabled(endpoint)
        enabled = [endpoint for endpoint in _webhooks(endpoints) if endpoint.status is EndpointStatus.ENABLED]
        for endpoint in enabled:
            # Another URL may be another receiver: it need not wait for what the old one wanted.
            self._lanes.reset(endpoint.id)
        self._look_at(enabled)

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        # The backlog is discarded by whoever would send it.
        self._look_at([endpoint for endpoint in endpoints if endpoint.type is EndpointType.WEB_HOOK])

    def _look_at(self, endpoints: Sequence[Endpoint | EndpointReference]) -> None:
        if endpoints:
            self._looks.ask([Look(endpoint.workspace_id, endpoint.id) for endpoint in endpoints])


def _webhooks(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint.type is EndpointType.WEB_HOOK]
