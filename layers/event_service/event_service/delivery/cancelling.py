"""Ending deliveries that have not been made yet: by id, by condition, or all that wait for endpoints that are off.

The worker that is about to make an attempt looks it up in the log, but for the very first one of a delivery that nothing has
delayed. So a record in the place of the next attempt ends a delivery, wherever its message or row waits. A request that is under
way is not stopped: what comes of it is recorded over the cancellation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import NotFound, TooLarge
from event_service.base.identifiers import parse_delivery_id, parse_delivery_ids, parse_uuids
from event_service.base.page import Page
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery.attempt import Delivery, DeliveryKey, DeliveryStatus, PendingAttempt, cancelled_record
from event_service.delivery.lists import DeliveryQuery
from event_service.delivery.ports import BacklogStore, DeliveryLog

MAXIMUM_DELIVERIES: Final = 2_000
"""Of one call."""
MAXIMUM_SECONDS: Final = 12.0
SECONDS_PER_ROUND: Final = 3.0
DELIVERIES_PER_ROUND: Final = 100
ROWS_PER_ROUND: Final = 500


class Deliveries(Protocol):
    """What is asked of the delivery log."""

    def read_page(self, workspace_id: str, query: DeliveryQuery) -> Page[Delivery]:
        """One page, and where the next one begins."""


class Endpoints(Protocol):
    """What is asked of the configuration."""

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        """Those that exist."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What one call did.

    Attributes:
        count: deliveries that were cancelled, or would be.
        end: the place to go on; ``None``: all are done.
    """

    count: int
    end: str | None


class Cancelling:
    """The use cases behind ``cancelDeliveries`` and ``resumeEndpoints(discardWaiting: true)``.

    Example::

        number = cancelling.cancel_ids(workspace_id, [delivery.id])
    """

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        log: DeliveryLog,
        backlog: BacklogStore,
        endpoints: Endpoints,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        self._log = log
        self._backlog = backlog
        self._endpoints = endpoints
        self._clock = clock
        self._monotonic = monotonic

    def cancel_ids(self, workspace_id: str, ids: Sequence[str]) -> int:
        """Cancels deliveries that are PENDING and leaves the others.

        Returns:
            How many were cancelled.

        Raises:
            BadUserInput: no or too many ids.
            NotFound: unknown ids; nothing was cancelled.
        """
        named = {one: parse_delivery_id(one) for one in parse_delivery_ids(ids)}
        found = self._log.deliveries(workspace_id, [key for key in named.values() if key is not None])
        unknown = [one for one, key in named.items() if key is None or key not in found]
        if unknown:
            raise NotFound("delivery", unknown)
        return self._cancel([one for one in found.values() if one.status is DeliveryStatus.PENDING])

    def cancel(
        self, workspace_id: str, query: DeliveryQuery, *, dry_run: bool = False, time_left: Callable[[], float] = lambda: math.inf
    ) -> Cancelled:
        """Cancels the PENDING deliveries of a list.

        Args:
            workspace_id: the token's workspace.
            query: which ones; its statuses are not looked at.
            dry_run: count them only.
            time_left: seconds that this call may still take.

        Raises:
            BadUserInput: ``query.after`` is no place in the list.
            TooLarge: finding the first ones takes more than 10 s.
        """
        stop = self._stop(time_left)
        count, after = 0, query.after
        while True:
            pending = replace(query, status=DeliveryStatus.PENDING, statuses=None, after=after, offset=0, may_end_early=True)
            page = self._deliveries.read_page(workspace_id, replace(pending, limit=DELIVERIES_PER_ROUND))
            count += len(page.items) if dry_run else self._cancel(page.items)
            after = page.end
            if not page.more:
                return Cancelled(count, None)
            # At least one step each time, so that calling again comes to an end.
            if count >= MAXIMUM_DELIVERIES or self._monotonic() > stop:
                return Cancelled(count, after)

    def discard_waiting(self, workspace_id: str, endpoint_ids: Sequence[str], time_left: Callable[[], float] = lambda: math.inf) -> int:
        """Discards the backlogs of those endpoints that are off; of one that is on, the backlog is being sent.

        Returns:
            How many deliveries were discarded.

        Raises:
            BadUserInput: no, too many or malformed ids.
            NotFound: unknown ids; nothing was discarded.
            TooLarge: the time did not suffice; what was discarded so far stays so.
        """
        parsed = parse_uuids(endpoint_ids, "ids")
        existing = self._endpoints.by_ids(workspace_id, parsed)
        missing = [one for one in parsed if one not in existing]
        if missing:
            raise NotFound("endpoint", missing)
        stop = self._stop(time_left)
        count = 0
        for endpoint in existing.values():
            if endpoint.status is EndpointStatus.ENABLED:
                continue
            while rows := self._backlog.oldest(endpoint.id, ROWS_PER_ROUND):
                if count and self._monotonic() > stop:
                    raise TooLarge(
                        f"resumeEndpoints: {count:,} deliveries were discarded and more wait, so that no endpoint was resumed. Send the "
                        "same request again until it succeeds."
                    )
                # Two rows of one delivery would be two records with one key.
                newest: dict[object, PendingAttempt] = {}
                for row in rows:
                    known = newest.get(row.attempt.delivery)
                    if known is None or known.number < row.attempt.number:
                        newest[row.attempt.delivery] = row.attempt
                self._log.write([cancelled_record(one.delivery, one.number, self._clock(), one.lists) for one in newest.values()])
                self._backlog.delete(rows)
                count += len(newest)
        return count

    def _cancel(self, deliveries: Sequence[Delivery]) -> int:
        if deliveries:
            self._log.write([cancelled_record(_key_of(one), one.last_number + 1, self._clock()) for one in deliveries])
        return len(deliveries)

    def _stop(self, time_left: Callable[[], float]) -> float:
        return self._monotonic() + min(MAXIMUM_SECONDS, time_left() - SECONDS_PER_ROUND)


def _key_of(delivery: Delivery) -> DeliveryKey:
    accepted_at, shards = format_date(delivery.created), delivery.log_shards
    return DeliveryKey(delivery.workspace_id, delivery.endpoint_id, delivery.event_id, accepted_at, log_shards=shards)
