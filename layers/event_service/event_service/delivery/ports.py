"""What webhook delivery, its retries and the delivery log need from outside, beyond :mod:`event_service.configuration.ports`.

All methods block unless they are ``async``, and raise ``RateLimited`` or ``Unavailable`` as those do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from event_service.delivery.attempt import Delivery, LogRecord
from event_service.delivery.messages import DrainMessage, WebhookMessage
from event_service.delivery.receiver_health import EndpointHealth

LOG_SHARDS = 16
"""Partition keys of the list of one endpoint's deliveries: 1,000 new ones a second each."""
WAITING_SHARDS = 8
"""Partition keys of what waits: retries that are due later (all endpoints together), and of one endpoint that is off."""


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """One entry of an endpoint's list: the event's acceptance (a stored date) and its id."""

    accepted_at: str
    event_id: str


@dataclass(frozen=True, slots=True)
class DeliveryRefPage:
    """One part of an endpoint's list. ``position`` goes into the next call; ``None`` at the end."""

    refs: list[DeliveryRef]
    position: str | None


class DeliveryLog(Protocol):
    """The log of attempts. Records past their expiry count as absent."""

    def write(self, records: Sequence[LogRecord]) -> None:
        """Writes all, 25 a call; writing one again changes nothing. After an error some may have been written."""

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        """One delivery with all its attempts, strongly consistent."""

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        """Those that exist of many (endpoint id, event id), side by side, strongly consistent."""

    def of_event(self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int) -> list[Delivery]:
        """Up to ``limit`` deliveries of one event, ordered by endpoint id, behind ``after_endpoint_id``; strongly
        consistent."""

    def of_endpoint(
        self,
        workspace_id: str,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = True,
        limit: int = 100,
        position: str | None = None,
    ) -> DeliveryRefPage:
        """Which events were on their way to one endpoint, in order of acceptance, ties by id, newest first unless
        ``descending`` is false; of those accepted in ``[since, until)``. It may lag by seconds. A page is shorter than
        ``limit`` only at the end. An endpoint of another workspace has none."""


@dataclass(frozen=True, slots=True)
class WaitingDelivery:
    """What is kept of a delivery that waits: never the event itself, which stands in the events table.

    ``attempt`` is the number of the attempt that will be made; ``listed``: the log has a record of the delivery.
    """

    workspace_id: str
    endpoint_id: str
    event_id: str
    accepted_at: str
    attempt: int = 1
    schedule_start: int = 1
    listed: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A retry and when it is due. Equal ones are one entry."""

    due: datetime
    delivery: WaitingDelivery


@dataclass(frozen=True, slots=True)
class DrainMarker:
    """That what waits for an endpoint is to be sent, until it is done.

    Attributes:
        token: of the step that may run next; one step at a time holds it.
        check_at: when the scheduler sends the step again, because nobody seems to run it.
        quiet: nothing was left at the last look.
    """

    workspace_id: str
    endpoint_id: str
    token: str
    check_at: datetime
    quiet: bool = False


class DueStore(Protocol):
    """Retries by the moment they are due."""

    def put(self, entries: Sequence[DueDelivery]) -> None:
        """Stores all; storing one again changes nothing."""

    def due(self, shard: int, now: datetime, limit: int) -> list[DueDelivery]:
        """The oldest of one shard that are due; those that are not are not even read. Strongly consistent."""

    def delete(self, entries: Sequence[DueDelivery]) -> None:
        """Forgets; unknown ones are fine."""


class ParkedStore(Protocol):
    """What waits for endpoints that are off or cool down, in order of acceptance, and the markers of its release."""

    def park(self, deliveries: Sequence[WaitingDelivery]) -> None:
        """Stores all; storing one again changes nothing."""

    def oldest(self, endpoint_id: str, limit: int) -> list[WaitingDelivery]:
        """The ``limit`` oldest, strongly consistent."""

    def delete(self, deliveries: Sequence[WaitingDelivery]) -> None:
        """Forgets; unknown ones are fine."""

    def mark(self, marker: DrainMarker, replaces: str | None = None) -> bool:
        """Stores the endpoint's marker; with ``replaces`` only if that is the token that stands there. Returns whether it did."""

    def unmark(self, marker: DrainMarker) -> bool:
        """Removes the marker if its token still stands there. Returns whether it did."""

    def markers_due(self, now: datetime) -> list[DrainMarker]:
        """Those whose ``check_at`` has come, oldest first, at most 1,000. Strongly consistent."""


class DeliveryQueue(Protocol):
    """Webhook delivery's own queue."""

    def send(self, messages: Sequence[tuple[WebhookMessage | DrainMessage, float]]) -> list[int]:
        """Sends messages, each with its delay in seconds (at most 900). Does not raise: returns the positions of those
        that may not have been sent."""


class HealthStore(Protocol):
    """What is known of endpoints that fail."""

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        """Stores; ``False`` when what is stored is not ``replaces`` any more, or the endpoint was deleted."""

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        """Strongly consistent."""

    def clear(self, workspace_id: str, endpoint_id: str) -> None:
        """Forgets; unknown ones are fine."""


class OperationalPublisher(Protocol):
    """The door of publishing for the service's own events."""

    def publish_operational(self, workspace_id: str, event_type: str, data: dict[str, Any], event_id: str | None = None) -> object:
        """Publishes one event; ``event_id`` makes a repeat a duplicate."""


class EndpointDisabler(Protocol):
    """The door of the configuration for the service's own verdict."""

    def disable_endpoint(self, workspace_id: str, endpoint_id: str, reason: str) -> bool:
        """Disables an ENABLED endpoint; whether it was ENABLED until now."""
