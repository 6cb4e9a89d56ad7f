"""Deliveries as their owner sees them: reading the log, sending again, and testing an endpoint. How they are found says ``lists``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from event_service.base.errors import BadUserInput, NotFound
from event_service.base.identifiers import parse_delivery_id, parse_delivery_ids, parse_uuid
from event_service.base.look_through import EXAMINED_PER_ROUND
from event_service.base.page import Page
from event_service.base.threads import ContextThreads
from event_service.configuration.destinations import Destinations, Feature
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import Attempt, Delivery
from event_service.delivery.lists import EVENTS_SIDE_BY_SIDE, AcceptedEvents, DeliveryLists, DeliveryQuery, in_groups
from event_service.delivery.places import place_of
from event_service.delivery.ports import ReadableLog
from event_service.delivery.resending import Resending, row_again
from event_service.events.event import Event
from event_service.events.ports import EventStore

ENDPOINTS_SIDE_BY_SIDE: Final = 2
EVENTS_IN_ONE_READ: Final = 50
"""What a batch of the database holds at most is 100; a page of a screen is 50, and need not read more."""


class Endpoints(Protocol):
    """What is asked of the configuration."""

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        """The endpoint; ``None`` when it is unknown, deleted or of another workspace."""


class EndpointTester(Protocol):
    """Makes one attempt now, by the way and under the guards of a real delivery."""

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        """Sends one event made for this purpose and waits for the outcome."""


class DeliveryHistory:
    """The use cases behind ``deliveries``, ``retryDeliveries`` and ``testEndpoint``.

    Example::

        page = history.read_page(workspace_id, DeliveryQuery(endpoint_id=endpoint_id, status=DeliveryStatus.FAILED))
        history.retry(workspace_id, [one.id for one in page.items])
    """

    def __init__(
        self,
        *,
        readable: ReadableLog,
        resending: Resending,
        store: EventStore,
        accepted: AcceptedEvents,
        endpoints: Endpoints,
        destinations: Destinations,
        tester: EndpointTester,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = readable.log
        self._lists = DeliveryLists(readable, accepted, monotonic)
        self._resending = resending
        self._store = store
        self._endpoints = endpoints
        self._destinations = destinations
        self._tester = tester

    # -- reading -------------------------------------------------------------------------------------------------

    def page(self, workspace_id: str, query: DeliveryQuery) -> list[Delivery]:
        """The deliveries of one page; see :meth:`read_page`."""
        return self.read_page(workspace_id, query).items

    def read_page(self, workspace_id: str, query: DeliveryQuery) -> Page[Delivery]:
        """One page, and where the next one begins.

        Raises:
            BadUserInput: ``after`` is no place in a list.
            TooLarge: finding it takes more than 10 s.
        """
        if query.limit == 0:
            return Page([], query.after, more=True)
        found: list[Delivery] = []
        end, more = query.after, False
        for number, (delivery, matches) in enumerate(self._examined(workspace_id, query)):
            more = (matches and len(found) == query.offset + query.limit) or (
                query.may_end_early and query.is_looked_up and number >= EXAMINED_PER_ROUND
            )
            if more:
                break
            if matches:
                found.append(delivery)
            end = place_of(delivery)
        return Page(found[query.offset :], end, more)

    def count(self, workspace_id: str, query: DeliveryQuery) -> int:
        """How many there are, whatever ``offset`` and ``limit`` say.

        Raises:
            TooLarge: counting takes more than 10 s.
        """
        return sum(matches for _, matches in self._examined(workspace_id, query))

    def read_pages(self, workspace_id: str, queries: Sequence[DeliveryQuery]) -> list[Page[Delivery]]:
        """As :meth:`read_page` for several, side by side."""
        # A query for an endpoint makes 16 calls at once by itself, one for an event a single one.
        of_events = all(query.event_id is not None for query in queries)
        with ContextThreads(max_workers=EVENTS_SIDE_BY_SIDE if of_events else ENDPOINTS_SIDE_BY_SIDE) as threads:
            return list(threads.map(lambda query: self.read_page(workspace_id, query), queries))

    def by_keys(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        """Those that exist of many (endpoint id, event id); strongly consistent."""
        return self._log.deliveries(workspace_id, keys)

    def _examined(self, workspace_id: str, query: DeliveryQuery) -> Iterator[tuple[Delivery, bool]]:
        """What may be in the list, and whether it is. Types stand in the events alone, which are read in groups."""
        candidates = self._lists.candidates(workspace_id, query)
        if query.event_types is None:
            yield from ((delivery, query.matches(delivery)) for delivery in candidates)
            return
        for some in in_groups(candidates, EVENTS_IN_ONE_READ):
            ids = list(dict.fromkeys(delivery.event_id for delivery in some if query.matches(delivery)))
            events = self._store.get(workspace_id, ids, consistent=False, with_data=False) if ids else {}
            wanted = {event_id for event_id, stored in events.items() if stored.event.type.upper() in query.event_types}
            yield from ((delivery, delivery.event_id in wanted) for delivery in some)

    # -- sending again -------------------------------------------------------------------------------------------

    def retry(self, workspace_id: str, ids: Sequence[str]) -> None:
        """Makes another attempt of each delivery now and begins the schedule of retries anew.

        Raises:
            BadUserInput: no or too many ids, or deliveries that cannot be sent any more; nothing was sent.
            NotFound: unknown ids; nothing was sent.
            Unavailable: it is not known whether all were sent; asking again repeats none of the attempts.
        """
        wanted = parse_delivery_ids(ids)
        named = {one: parse_delivery_id(one) for one in wanted}
        found = self._log.deliveries(workspace_id, [key for key in named.values() if key is not None])
        unknown = [one for one, key in named.items() if key is None or key not in found]
        if unknown:
            raise NotFound("delivery", unknown)
        deliveries = [found[key] for key in named.values() if key is not None]
        events = self._store.get(workspace_id, list(dict.fromkeys(delivery.event_id for delivery in deliveries)), with_data=False)
        endpoints = {one: self._endpoints.endpoint(workspace_id, one) for one in dict.fromkeys(one.endpoint_id for one in deliveries)}
        reasons = [(one, self._why_not_again(endpoints[one.endpoint_id], one.event_id in events)) for one in deliveries]
        problems = [f"ids: {one.id} cannot be sent again: {reason}" for one, reason in reasons if reason is not None]
        if problems:
            raise BadUserInput(*problems)
        self.send_deliveries(deliveries, {event_id: stored.event for event_id, stored in events.items()})

    def _why_not_again(self, endpoint: Endpoint | None, event_is_kept: bool) -> str | None:
        if endpoint is None:
            return "its endpoint was deleted."
        if not event_is_kept:
            return "its event has expired."
        return self._destinations.of(endpoint.type).lacks.get(Feature.RETRY)

    def send_deliveries(self, deliveries: Sequence[Delivery], events: Mapping[str, Event]) -> None:
        """Makes another attempt of each, at its receiver's own pace, and begins the schedule of retries anew; ``events`` by
        id, whose data is not needed.

        Raises:
            RateLimited, Unavailable: it is not known whether all will be sent; asking again repeats none of the attempts.
        """
        self._resending.send([row_again(delivery.endpoint_id, events[delivery.event_id], delivery) for delivery in deliveries])

    # -- testing -------------------------------------------------------------------------------------------------

    def test_endpoint(self, workspace_id: str, endpoint_id: str) -> Attempt:
        """Sends one event of type ``event-service.test`` now, to this endpoint alone, and tells how it went. It is in no
        list and in no log.

        Raises:
            BadUserInput: a malformed id, or an endpoint of a type that cannot be tested.
            NotFound: an unknown endpoint.
            Unavailable: the attempt could not be made.
        """
        parsed = parse_uuid(endpoint_id, "id")
        endpoint = self._endpoints.endpoint(workspace_id, parsed)
        if endpoint is None:
            raise NotFound("endpoint", [parsed])
        self._destinations.require(endpoint, Feature.TEST, "id")
        return self._tester.test(workspace_id, endpoint.id)
