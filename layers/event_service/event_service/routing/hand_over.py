"""Hands over what a group of messages was planned to: to the outlets of the types of endpoints, and to a continuation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from event_service.configuration.endpoint import EndpointType
from event_service.delivery.outlet import Outlet
from event_service.events.ports import RoutingQueue
from event_service.routing.work import Work


class HandOver:
    """The ways out of routing. What fails is noted on the message that it is of."""

    def __init__(self, outlets: Mapping[EndpointType, Outlet], routing_queue: RoutingQueue) -> None:
        self._outlets = outlets
        self._routing_queue = routing_queue

    def send(self, works: Sequence[Work], time_left: Callable[[], float]) -> None:
        """Hands over the events of all works together, type by type, so that they share calls."""
        for endpoint_type, outlet in self._outlets.items():
            own = [(work, work.routed[endpoint_type]) for work in works if work.is_open and endpoint_type in work.routed]
            if own:
                for position in outlet.send([routed for _, routed in own], time_left):
                    own[position][0].failure = outlet.failure

    def continue_rest(self, work: Work) -> None:
        """Sends the message that continues ``work``. Last of all: that it is sent says that everything before it was
        handed over.

        Raises:
            RateLimited, Unavailable: it may not have been sent.
        """
        if work.rest is not None:
            self._routing_queue.send(work.rest)
            work.continued = 1
