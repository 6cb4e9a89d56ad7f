"""What webhook delivery, its retries and the delivery log need from outside, beyond :mod:`event_service.configuration.ports`.

All methods block unless they are ``async``, and raise ``RateLimited`` or ``Unavailable`` as those do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from event_service.delivery.attempt import Delivery, LogRecord, PendingAttempt
from event_service.delivery.messages import BacklogMessage, WebhookMessage
from event_service.delivery.receiver_health import EndpointHealth

LOG_SHARDS = 16
"""Partition keys of the list of one endpoint's deliveries: 1,000 new ones a second each."""
BACKLOG_SHARDS = 8
"""Partition keys of retries that are due later (all endpoints together), and of one endpoint's backlog."""


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

    def of_event(
        self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int, *, descending: bool = False
    ) -> list[Delivery]:
        """Up to ``limit`` deliveries of one event, ordered by endpoint id, behind ``after_endpoint_id``, backwards if
        ``descending``; strongly consistent."""

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
        ``descending`` is false; of those accepted in ``[since, until)`` and behind ``position``: that of a page, or the
        acceptance of any entry, ``#`` and its event id. It may lag by seconds. A page is shorter than
        ``limit`` only at the end. An endpoint of another workspace has none."""


@dataclass(frozen=True, slots=True)
class DueRetry:
    """A retry and when it is due. Equal ones are one entry."""

    due: datetime
    attempt: PendingAttempt


@dataclass(frozen=True, slots=True)
class BacklogTicket:
    """That an endpoint's backlog is to be sent, until that is done.

    Attributes:
        token: of the run that may come next; one run at a time holds it.
        check_at: when the scheduler starts the run again, because nobody seems to work on it.
        found_empty_once: nothing was left at the last look.
    """

    workspace_id: str
    endpoint_id: str
    token: str
    check_at: datetime
    found_empty_once: bool = False


class RetryStore(Protocol):
    """Retries by the moment they are due."""

    def put(self, retries: Sequence[DueRetry]) -> None:
        """Stores all; storing one again changes nothing."""

    def due(self, shard: int, now: datetime, limit: int) -> list[DueRetry]:
        """The oldest of one shard that are due; those that are not are not even read. Strongly consistent."""

    def delete(self, retries: Sequence[DueRetry]) -> None:
        """Forgets; unknown ones are fine."""


class BacklogStore(Protocol):
    """The backlogs of endpoints that are off or backed off from, in order of acceptance, and the tickets of their sending."""

    def add(self, attempts: Sequence[PendingAttempt]) -> None:
        """Stores all; storing one again changes nothing."""

    def oldest(self, endpoint_id: str, limit: int) -> list[PendingAttempt]:
        """The ``limit`` oldest, strongly consistent."""

    def delete(self, attempts: Sequence[PendingAttempt]) -> None:
        """Forgets; unknown ones are fine."""

    def put_ticket(self, ticket: BacklogTicket, replaces: str | None = None) -> bool:
        """Stores the endpoint's ticket; with ``replaces`` only if that is the token that stands there. Returns whether it did."""

    def delete_ticket(self, ticket: BacklogTicket) -> bool:
        """Removes the ticket if its token still stands there. Returns whether it did."""

    def tickets_due(self, now: datetime) -> list[BacklogTicket]:
        """Those whose ``check_at`` has come, oldest first, at most 1,000. Strongly consistent."""


class WebhookQueue(Protocol):
    """Webhook delivery's queue."""

    def send(
        self,
        messages: Sequence[tuple[WebhookMessage | BacklogMessage, float]],
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> list[int]:
        """Sends messages, each with its delay in seconds (at most 900), in as few calls as SQS allows, and tries again what
        failed, for as long as ``time_left()`` (in seconds) allows it. Does not raise: returns the positions of those that
        may not have been sent."""


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
