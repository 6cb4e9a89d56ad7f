"""Finding deliveries: candidates of a list in its order, from the cheapest place that has them.

Lists have the order of acceptance of the events, ties by event and endpoint id. The log is keyed by event and indexed by
endpoint, so one delivery, those of one event and those of one endpoint are found directly. Those that did not succeed stand in lists
by status; all of a workspace are found by walking its events.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from event_service.base.dates import FIRST_YEAR, LAST_YEAR, from_stored
from event_service.base.errors import TooLarge
from event_service.base.identifiers import parse_delivery_id
from event_service.base.page import place
from event_service.base.threads import ContextThreads
from event_service.delivery.attempt import Delivery, DeliveryStatus
from event_service.delivery.places import event_at, is_ahead_of, of_one_endpoint, read_delivery_place
from event_service.delivery.ports import DeliveryPlace, ReadableLog

MAXIMUM_LIST_SECONDS: Final = 10.0
EVENTS_SIDE_BY_SIDE: Final = 16
DELIVERIES_IN_ONE_READ: Final = 101
"""A page of 100, and the one that says whether more follow."""
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


class DeliveryLists:
    """Reads candidates; whether they meet a query is looked at by who asked for them."""

    def __init__(self, readable: ReadableLog, accepted: AcceptedEvents, monotonic: Callable[[], float]) -> None:
        self._log, self._unfinished = readable.log, readable.unfinished
        self._accepted = accepted
        self._monotonic = monotonic

    def candidates(self, workspace_id: str, query: DeliveryQuery) -> Iterator[Delivery]:
        """What may be in the list of a query, behind ``query.after``, in the order of the list.

        Raises:
            BadUserInput: ``after`` is no place in a list.
            TooLarge: it takes more than 10 s.
        """
        check = self._deadline()
        after = None if query.after is None else read_delivery_place(query.after)
        keys = _named(query)
        if keys is not None:
            return iter(self._log.deliveries(workspace_id, keys).values()) if keys and after is None else iter(())
        if query.event_id is not None:
            behind = after.endpoint_id if after else None
            return self._of_event(workspace_id, query.event_id, behind, _expected(query), descending=query.descending)
        statuses = query.wanted_statuses
        if statuses is not None and DeliveryStatus.DELIVERED not in statuses:
            return self._of_statuses(workspace_id, query, statuses, after, check)
        if query.endpoint_id is not None:
            return self._of_endpoint(workspace_id, query, after, check)
        return self._of_workspace(workspace_id, query, after, check)

    def _of_event(self, workspace_id: str, event_id: str, after: str | None, size: int, *, descending: bool) -> Iterator[Delivery]:
        """An event may have 10,000: they are read as they are taken, so many at first."""
        while True:
            found = self._log.of_event(workspace_id, event_id, after, size, descending=descending)
            yield from found
            if len(found) < size:
                return
            after = found[-1].endpoint_id
            size = min(2 * size, DELIVERIES_IN_ONE_READ)

    def _of_endpoint(
        self, workspace_id: str, query: DeliveryQuery, after: DeliveryPlace | None, check: Callable[[], None]
    ) -> Iterator[Delivery]:
        endpoint_id = query.endpoint_id or ""
        position = None if after is None else place(after.accepted_at, after.event_id)
        size = _expected(query)
        while True:
            check()
            refs = self._log.of_endpoint(
                workspace_id,
                endpoint_id,
                since=query.since,
                until=query.until,
                descending=query.descending,
                limit=size,
                position=position,
            )
            keys = [(endpoint_id, ref.event_id) for ref in refs.refs]
            found = self._log.deliveries(workspace_id, keys) if keys else {}
            yield from (found[key] for key in keys if key in found)
            position = refs.position
            if position is None:
                return
            # More are needed: some do not meet the query, or they are counted.
            size = min(2 * size, DELIVERIES_IN_ONE_READ)

    def _of_statuses(
        self,
        workspace_id: str,
        query: DeliveryQuery,
        statuses: Collection[DeliveryStatus],
        after: DeliveryPlace | None,
        check: Callable[[], None],
    ) -> Iterator[Delivery]:
        size = _expected(query)
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

        share = max(2, 2 * _expected(query) // EVENTS_SIDE_BY_SIDE)

        def begin(entry: tuple[datetime, str]) -> Iterator[Delivery]:
            """The first of each event are read side by side, the others when they are taken."""
            behind = after.endpoint_id if after is not None and event_at(after) == entry else None
            deliveries = self._of_event(workspace_id, entry[1], behind, share, descending=descending)
            head = list(itertools.islice(deliveries, 1))
            return itertools.chain(head, deliveries)

        with ContextThreads(max_workers=EVENTS_SIDE_BY_SIDE) as threads:
            for some in in_groups(events, EVENTS_SIDE_BY_SIDE):
                check()
                for found in threads.map(begin, some):
                    yield from found

    def _deadline(self) -> Callable[[], None]:
        end = self._monotonic() + MAXIMUM_LIST_SECONDS

        def check() -> None:
            if self._monotonic() > end:
                raise TooLarge(
                    f"deliveries: this takes more than {MAXIMUM_LIST_SECONDS:.0f} seconds; ask for those of one event or one endpoint."
                )

        return check


def _expected(query: DeliveryQuery) -> int:
    """How many are read at first: those of a page, and one that says whether more follow."""
    return min(query.offset + query.limit + 1, DELIVERIES_IN_ONE_READ)


def _named(query: DeliveryQuery) -> list[tuple[str, str]] | None:
    """The one delivery that a query names; none when what it names contradicts itself; ``None`` when it names none."""
    endpoint_id, event_id = query.endpoint_id, query.event_id
    if query.id is not None:
        named = parse_delivery_id(query.id)
        if named is None or endpoint_id not in (None, named[0]) or event_id not in (None, named[1]):
            return []
        return [named]
    return [(endpoint_id, event_id)] if endpoint_id is not None and event_id is not None else None


def in_groups(entries: Iterable[_Entry], size: int) -> Iterator[list[_Entry]]:
    """So many at a time, the last ones fewer."""
    remaining = iter(entries)
    while some := list(itertools.islice(remaining, size)):
        yield some
