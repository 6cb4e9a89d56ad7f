"""Where a replay puts events. Each type of endpoints that can be replayed to has a target in its own package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from event_service.configuration.destinations import Destinations, Feature
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.events.event import Event


@dataclass(frozen=True, slots=True)
class Chosen:
    """Events that are to be sent; ``send`` does it, and may raise ``RateLimited`` or ``Unavailable``."""

    count: int
    send: Callable[[], None]


class Receiver(Protocol):
    """One endpoint, during one call."""

    def choose(self, events: Sequence[Event]) -> Chosen:
        """Those of the events that are wanted; they come in the order of acceptance, without their data."""


class ReplayTarget(Protocol):
    """One type of endpoints."""

    def open(self, endpoint: Endpoint, since: datetime, *, missing_only: bool, run_id: str) -> Receiver:
        """Begins with one endpoint.

        Args:
            endpoint: of this type.
            since: events from this moment on will come.
            missing_only: leave out what the endpoint has, or will get.
            run_id: equal for tries of one step.

        Raises:
            BadUserInput: it can be sent nothing now.
        """


class ReplayTargets:
    """The targets of the types that have one."""

    def __init__(self, destinations: Destinations, targets: Mapping[EndpointType, ReplayTarget]) -> None:
        self._destinations = destinations
        self._targets = targets

    def of(self, endpoint: Endpoint) -> ReplayTarget:
        """The one of an endpoint's type.

        Raises:
            BadUserInput: nothing is replayed to endpoints of this type; the sentence says what to do instead.
        """
        self._destinations.require(endpoint, Feature.REPLAY, "endpointId")
        return self._targets[endpoint.type]
