"""Starting many deliveries again: all that meet a condition, counted first if the caller likes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from event_service.base.page import Page
from event_service.configuration.destinations import Destinations, Feature
from event_service.delivery.attempt import Delivery, DeliveryStatus
from event_service.delivery.lists import DeliveryQuery
from event_service.events.event import Event
from event_service.events.ports import EventStore
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.routing.endpoint_routing import EndpointsAndFilters, routing_of
from event_service.routing.table import Matcher, RoutingTable

MAXIMUM_DELIVERIES: Final = 2_000
"""Of one call, sent or skipped."""
MAXIMUM_RETRY_SECONDS: Final = 12.0
"""A call stops there and says where to go on: the function that answers has 29 s in all."""
SECONDS_PER_ROUND: Final = 5.0
"""Time that one step may take beyond the end: finding a hundred deliveries, reading their events and sending them."""
DELIVERIES_PER_ROUND: Final = 100
STEPS_PER_GROUP: Final = 2 * STEPS_PER_EVENT
"""Of matching, for the events of one step: about 2 s. What is not decided then is sent."""


class Deliveries(Protocol):
    """What is asked of the delivery log."""

    def read_page(self, workspace_id: str, query: DeliveryQuery) -> Page[Delivery]:
        """One page, and where the next one begins."""

    def send_deliveries(self, deliveries: Sequence[Delivery], events: Mapping[str, Event]) -> None:
        """Makes another attempt of each now; ``events`` by id, whose data is not needed."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What one call did.

    Attributes:
        count: deliveries that were started again, or would be.
        skipped: those whose endpoint was deleted or takes no retries, whose event has expired, or whose event matches no filter of
            the endpoint now.
        end: the place to go on; ``None``: all are done.
    """

    count: int
    skipped: int
    end: str | None


class BulkRetry:
    """The use case behind ``retryDeliveries`` by filters.

    Example::

        retried = bulk_retry.retry(workspace_id, DeliveryQuery(endpoint_id=endpoint_id), dry_run=True)
    """

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        store: EventStore,
        endpoints: EndpointsAndFilters,
        destinations: Destinations,
        make_matcher: Callable[[], Matcher],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliveries = deliveries
        self._store = store
        self._endpoints = endpoints
        self._destinations = destinations
        self._make_matcher = make_matcher
        self._monotonic = monotonic

    def retry(
        self,
        workspace_id: str,
        query: DeliveryQuery,
        *,
        dry_run: bool = False,
        unmatched_too: bool = False,
        time_left: Callable[[], float] = lambda: math.inf,
    ) -> Retried:
        """Starts deliveries again whose events the endpoint would get today, and begins the schedule of each anew.

        Args:
            workspace_id: the token's workspace.
            query: which ones. One that is under way now, or was delivered, is only among them if its status is asked for.
            dry_run: count them only.
            unmatched_too: also those whose event no filter of the endpoint matches any more.
            time_left: seconds that this call may still take.

        Raises:
            BadUserInput: ``query.after`` is no place in the list.
            TooLarge: finding the first ones takes more than 10 s.
            Unavailable: it is not known whether all were sent; asking again repeats none of the attempts.
        """
        stop = self._monotonic() + min(MAXIMUM_RETRY_SECONDS, time_left() - SECONDS_PER_ROUND)
        tables: dict[str, RoutingTable | None] = {}
        count, seen, after = 0, 0, query.after
        while True:
            step = replace(query, after=after, offset=0, limit=DELIVERIES_PER_ROUND, may_end_early=True)
            page = self._deliveries.read_page(workspace_id, step)
            chosen, events = self._chosen(workspace_id, page.items, tables, unmatched_too=unmatched_too)
            if chosen and not dry_run:
                self._deliveries.send_deliveries(chosen, events)
            count, seen, after = count + len(chosen), seen + len(page.items), page.end
            if not page.more:
                return Retried(count, seen - count, None)
            # At least one step each time, so that calling again comes to an end.
            if seen >= MAXIMUM_DELIVERIES or self._monotonic() > stop:
                return Retried(count, seen - count, after)

    def _chosen(
        self,
        workspace_id: str,
        deliveries: Sequence[Delivery],
        tables: dict[str, RoutingTable | None],
        *,
        unmatched_too: bool,
    ) -> tuple[list[Delivery], dict[str, Event]]:
        """Those to send, and their events without data: a hundred large events at once would take most of the function's memory."""
        of_event: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            of_event.setdefault(delivery.event_id, []).append(delivery)
            if delivery.endpoint_id not in tables:
                tables[delivery.endpoint_id] = self._table(workspace_id, delivery.endpoint_id)
        left = STEPS_PER_GROUP
        chosen: set[str] = set()
        events: dict[str, Event] = {}
        for stored in self._store.each(workspace_id, list(of_event), with_data=not unmatched_too) if of_event else ():
            for delivery in of_event[stored.event.id]:
                table = tables[delivery.endpoint_id]
                if table is None:
                    continue
                budget = Budget(min(STEPS_PER_EVENT, left))
                before = budget.left
                if unmatched_too or table.selects(delivery.endpoint_id, stored.event, budget):
                    chosen.add(delivery.id)
                left -= before - budget.left
            events[stored.event.id] = replace(stored.event, data={})
        return [delivery for delivery in deliveries if delivery.id in chosen], events

    def _table(self, workspace_id: str, endpoint_id: str) -> RoutingTable | None:
        """What an endpoint gets; ``None`` where it was deleted, or nothing is sent again to its type."""
        endpoint = self._endpoints.endpoint(workspace_id, endpoint_id)
        if endpoint is None or not self._destinations.can(endpoint.type, Feature.RETRY):
            return None
        return routing_of(endpoint, self._endpoints, self._make_matcher)


def failed_unless_asked(query: DeliveryQuery) -> DeliveryQuery:
    """A retry is for what was given up, unless a status is asked for."""
    return query if query.status is not None or query.statuses is not None else replace(query, status=DeliveryStatus.FAILED)
