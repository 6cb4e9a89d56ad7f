"""Deliveries as their owner sees them: reading the log, sending again, and testing an endpoint.

Lists have the order of acceptance of the events, ties by event and endpoint id. The log is keyed by event and indexed by
endpoint, so one delivery, those of one event and those of one endpoint are found directly. Those that did not succeed stand in lists
by status; all of a workspace are found by walking its events.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from event_service.base.dates import FIRST_YEAR, LAST_YEAR, from_stored
from event_service.base.errors import BadUserInput, NotFound, TooLarge
from event_service.base.identifiers import parse_delivery_id, parse_delivery_ids, parse_uuid
from event_service.base.look_through import EXAMINED_PER_ROUND
from event_service.base.page import Page, place
from event_service.base.threads import ContextThreads
from event_service.configuration.destinations import Destinations, Feature
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import Attempt, Delivery, DeliveryStatus
from event_service.delivery.places import event_at, is_ahead_of, of_one_endpoint, place_of, read_delivery_place
from event_service.delivery.ports import DeliveryPlace, ReadableLog
from event_service.delivery.resending import Resending, row_again
from event_service.events.event import Event
from event_service.events.ports import EventStore

MAXIMUM_LIST_SECONDS: Final = 10.0
EVENTS_SIDE_BY_SIDE: Final = 16
ENDPOINTS_SIDE_BY_SIDE: Final = 2
DELIVERIES_IN_ONE_READ: Final = 101
"""A page of 100, and the one that says whether more follow."""
EVENTS_IN_ONE_READ: Final = 50
"""What a batch of the database holds at most is 100; a page of a screen is 50, and need not read more."""
_TICK: Final = timedelta(microseconds=1)
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries of a workspace: those that meet everything given, behind the place ``after``.

    Attributes:
        statuses: one of these; ``None`` for any.
        status_code: of the last attempt.
        event_types: of their events, in upper case; one of these, ``None`` for any.
        since: their events were accepted at this moment or later.
        until: their events were accepted before this moment.
        may_end_early: a page may end early, so that it ends in time, and say that there may be more.
    """

    id: str | None = None
    event_id: str | None = None
    endpoint_id: str | None = None
    status: DeliveryStatus | None = None
    statuses: tuple[DeliveryStatus, ...] | None = None
    status_code: int | None = None
    event_types: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    descending: bool = True
    offset: int = 0
    limit: int = 100
    after: str | None = None
    may_end_early: bool = False

    @property
    def is_cheap_to_count(self) -> bool:
        """Whether a total reads the deliveries of one event at most, and no index."""
        return self.id is not None or self.event_id is not None

    @property
    def is_looked_up(self) -> bool:
        """Whether each delivery has to be looked at."""
        return any(one is not None for one in (self.status, self.statuses, self.status_code, self.event_types))

    @property
    def wanted_statuses(self) -> set[DeliveryStatus] | None:
        """Those that a delivery may have; ``None``: any."""
        if self.status is None:
            return None if self.statuses is None else set(self.statuses)
        return {self.status} if self.statuses is None or self.status in self.statuses else set()

    def matches(self, delivery: Delivery) -> bool:
        """Whether it meets what can be seen of it alone."""
        return (
            self.status in (None, delivery.status)
            and (self.since is None or delivery.created >= self.since)
            and (self.until is None or delivery.created < self.until)
            and (self.statuses is None or delivery.status in self.statuses)
            and (self.status_code is None or (bool(delivery.attempts) and delivery.attempts[-1].status_code == self.status_code))
        )


class AcceptedEvents(Protocol):
    """The order in which events were accepted."""

    def accepted(self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False) -> Iterator[tuple[datetime, str]]:
        """All accepted in ``[since, until)`` as (moment, id), in that order or backwards."""


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
        self._log, self._unfinished = readable.log, readable.unfinished
        self._resending = resending
        self._store = store
        self._accepted = accepted
        self._endpoints = endpoints
        self._destinations = destinations
        self._tester = tester
        self._monotonic = monotonic

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
        candidates = self._candidates(workspace_id, query)
        if query.event_types is None:
            yield from ((delivery, query.matches(delivery)) for delivery in candidates)
            return
        for some in _in_groups(candidates, EVENTS_IN_ONE_READ):
            ids = list(dict.fromkeys(delivery.event_id for delivery in some if query.matches(delivery)))
            events = self._store.get(workspace_id, ids, consistent=False, with_data=False) if ids else {}
            wanted = {event_id for event_id, stored in events.items() if stored.event.type.upper() in query.event_types}
            yield from ((delivery, delivery.event_id in wanted) for delivery in some)

    def _candidates(self, workspace_id: str, query: DeliveryQuery) -> Iterator[Delivery]:
        check = self._deadline()
        after = None if query.after is None else read_delivery_place(query.after)
        keys = _named(query)
        if keys is not None:
            return iter(self._log.deliveries(workspace_id, keys).values()) if keys and after is None else iter(())
        if query.event_id is not None:
            return self._of_event(workspace_id, query.event_id, after.endpoint_id if after else None, descending=query.descending)
        statuses = query.wanted_statuses
        if statuses is not None and DeliveryStatus.DELIVERED not in statuses:
            return self._of_statuses(workspace_id, query, statuses, after, check)
        if query.endpoint_id is not None:
            return self._of_endpoint(workspace_id, query, after, check)
        return self._of_workspace(workspace_id, query, after, check)

    def _of_event(self, workspace_id: str, event_id: str, after: str | None, *, descending: bool) -> Iterator[Delivery]:
        while True:
            found = self._log.of_event(workspace_id, event_id, after, DELIVERIES_IN_ONE_READ, descending=descending)
            yield from found
            if len(found) < DELIVERIES_IN_ONE_READ:
                return
            after = found[-1].endpoint_id

    def _of_endpoint(
        self, workspace_id: str, query: DeliveryQuery, after: DeliveryPlace | None, check: Callable[[], None]
    ) -> Iterator[Delivery]:
        endpoint_id = query.endpoint_id or ""
        position = None if after is None else place(after.accepted_at, after.event_id)
        while True:
            check()
            refs = self._log.of_endpoint(
                workspace_id,
                endpoint_id,
                since=query.since,
                until=query.until,
                descending=query.descending,
                limit=DELIVERIES_IN_ONE_READ,
                position=position,
            )
            keys = [(endpoint_id, ref.event_id) for ref in refs.refs]
            found = self._log.deliveries(workspace_id, keys) if keys else {}
            yield from (found[key] for key in keys if key in found)
            position = refs.position
            if position is None:
                return

    def _of_statuses(
        self,
        workspace_id: str,
        query: DeliveryQuery,
        statuses: Collection[DeliveryStatus],
        after: DeliveryPlace | None,
        check: Callable[[], None],
    ) -> Iterator[Delivery]:
        size = min(query.offset + query.limit + 1, DELIVERIES_IN_ONE_READ)
        since, until, descending = query.since, query.until, query.descending
        places = self._unfinished.places(
            workspace_id, statuses, since=since, until=until, descending=descending, after=after, expected=size
        )
        end: list[DeliveryPlace] = []
        if query.endpoint_id is not None:
            places = of_one_endpoint(places, query.endpoint_id, end)
        while some := list(itertools.islice(places, size)):
            check()
            keys = [(place.endpoint_id, place.event_id) for place in some]
            found = self._log.deliveries(workspace_id, keys)
            yield from (found[key] for key in keys if key in found)
            # More are needed: some have another status by now, or they are counted.
            size = min(2 * size, DELIVERIES_IN_ONE_READ)
        if end:
            yield from self._of_endpoint(workspace_id, query, end[0], check)

    def _of_workspace(
        self, workspace_id: str, query: DeliveryQuery, after: DeliveryPlace | None, check: Callable[[], None]
    ) -> Iterator[Delivery]:
        descending = query.descending
        since = query.since or datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
        until = query.until or datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
        if after is not None:
            since, until = (
                (since, min(until, from_stored(after.accepted_at) + _TICK))
                if descending
                else (max(since, from_stored(after.accepted_at)), until)
            )
        events = self._accepted.accepted(workspace_id, since, until, descending=descending)
        if after is not None:
            events = itertools.dropwhile(is_ahead_of(after, descending=descending), events)

        def read(entry: tuple[datetime, str]) -> list[Delivery]:
            behind = after.endpoint_id if after is not None and event_at(after) == entry else None
            return list(self._of_event(workspace_id, entry[1], behind, descending=descending))

        with ContextThreads(max_workers=EVENTS_SIDE_BY_SIDE) as threads:
            for some in _in_groups(events, EVENTS_SIDE_BY_SIDE):
                check()
                for found in threads.map(read, some):
                    yield from found

    def _deadline(self) -> Callable[[], None]:
        end = self._monotonic() + MAXIMUM_LIST_SECONDS

        def check() -> None:
            if self._monotonic() > end:
                raise TooLarge(
                    f"deliveries: this takes more than {MAXIMUM_LIST_SECONDS:.0f} seconds; ask for those of one event or one endpoint."
                )

        return check

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
        events = self._store.get(workspace_id, list(dict.fromkeys(delivery.event_id for delivery in deliveries)))
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
        """Makes another attempt of each, at its receiver's own pace, and begins the schedule of retries anew; ``events`` by id.

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


def _named(query: DeliveryQuery) -> list[tuple[str, str]] | None:
    """The one delivery that a query names; none when what it names contradicts itself; ``None`` when it names none."""
    endpoint_id, event_id = query.endpoint_id, query.event_id
    if query.id is not None:
        named = parse_delivery_id(query.id)
        if named is None or endpoint_id not in (None, named[0]) or event_id not in (None, named[1]):
            return []
        return [named]
    return [(endpoint_id, event_id)] if endpoint_id is not None and event_id is not None else None


def _in_groups(entries: Iterable[_Entry], size: int) -> Iterator[list[_Entry]]:
    remaining = iter(entries)
    while some := list(itertools.islice(remaining, size)):
        yield some
