"""How receivers are doing, for their owner: what is stored about those that fail, and what the log says of the last hour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from event_service.base.clock import Clock
from event_service.delivery.attempt import Attempt
from event_service.delivery.lane import Lane
from event_service.delivery.ports import BacklogStore, DeliveryLog
from event_service.delivery.receiver_health import DISABLE_AFTER, EndpointHealth

SPAN: Final = timedelta(hours=1)
MAXIMUM_DELIVERIES: Final = 100
"""Of the span, the newest: each is a read of its own."""

MOST_WAITING: Final = 1_000
"""Counted of a backlog: its rows are read for it."""


class KnownHealth(Protocol):
    """What is stored of endpoints that fail."""

    def of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, EndpointHealth]:
        """Of those about which anything is known, 100 a call; strongly consistent."""


class Lanes(Protocol):
    """Reads the stored lanes of several endpoints in one call."""

    def read(self, endpoint_ids: Sequence[str]) -> dict[str, Lane]:
        """Those that exist, 100 a call; strongly consistent."""


@dataclass(frozen=True, slots=True)
class LastHour:
    """Attempts of the last hour.

    Attributes:
        attempts: how many.
        successes: of them.
        last_success: when the newest began.
        durations_ms: of all, shortest first.
        complete: whether all deliveries of the span were looked at, and not only the newest 100.
    """

    attempts: int
    successes: int
    last_success: datetime | None
    durations_ms: tuple[int, ...]
    complete: bool

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1; ``None`` without attempts."""
        return self.successes / self.attempts if self.attempts else None

    def percentile_ms(self, share: float) -> int | None:
        """The duration that ``share`` of the attempts did not exceed; ``None`` without attempts."""
        return self.durations_ms[max(0, math.ceil(share * self.attempts) - 1)] if self.attempts else None


class ReceiverReports:
    """The use case behind ``endpoint.health``.

    Example::

        known = reports.known(workspace_id, [endpoint_id]).get(endpoint_id)  # None: it has not failed
    """

    def __init__(self, health: KnownHealth, lanes: Lanes, log: DeliveryLog, backlog: BacklogStore, clock: Clock) -> None:
        self._health = health
        self._lanes = lanes
        self._log = log
        self._backlog = backlog
        self._clock = clock

    def known(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, EndpointHealth]:
        """What is stored of those that fail; any number of ids."""
        return self._health.of(workspace_id, endpoint_ids)

    def lanes(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, Lane]:
        """The lanes of those that have, or had, one of their own; any number of ids."""
        return {one: lane for one, lane in self._lanes.read(endpoint_ids).items() if lane.workspace_id == workspace_id}

    def waiting(self, endpoint_id: str) -> int:
        """Deliveries in the backlog of an endpoint, which is known to be the caller's; at most 1,000 are counted."""
        return self._backlog.count(endpoint_id, MOST_WAITING)

    def last_hour(self, workspace_id: str, endpoint_id: str) -> LastHour:
        """The attempts of the last hour, of at most 100 deliveries whose events were accepted in it."""
        since = self._clock() - SPAN
        refs = self._log.of_endpoint(workspace_id, endpoint_id, since=since, limit=MAXIMUM_DELIVERIES + 1).refs
        keys = [(endpoint_id, ref.event_id) for ref in refs[:MAXIMUM_DELIVERIES]]
        deliveries = self._log.deliveries(workspace_id, keys).values() if keys else ()
        attempts = [attempt for delivery in deliveries for attempt in delivery.attempts]
        successes = [attempt.date for attempt in attempts if _succeeded(attempt)]
        return LastHour(
            attempts=len(attempts),
            successes=len(successes),
            last_success=max(successes, default=None),
            durations_ms=tuple(sorted(attempt.duration_ms for attempt in attempts)),
            complete=len(refs) <= MAXIMUM_DELIVERIES,
        )


def disabled_at(known: EndpointHealth) -> datetime | None:
    """When an endpoint will be disabled unless a delivery succeeds before."""
    since: datetime | None = known.failing_since
    return None if since is None else since + DISABLE_AFTER


def _succeeded(attempt: Attempt) -> bool:
    return attempt.status_code is not None and 200 <= attempt.status_code < 300
