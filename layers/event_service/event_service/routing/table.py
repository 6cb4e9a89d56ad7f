"""A workspace's routing table: its endpoints, links and compiled filters in memory, at one version of the configuration.

It follows the chain of change sets. Every operation states the result, so applying a change to a table that already
shows some of it gives the right table: a table may be loaded from rows that are being written, and the changes since
bring it to what the chain says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.endpoint import EndpointType
from event_service.events.event import RESERVED_TYPE_PREFIX, Event
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.budget import Budget
from event_service.routing.service_event_rules import names_operational_type

# What CPython takes beside the matcher, which knows what its filters take: measured with benchmarks/speed/router.py.
BYTES_PER_ENDPOINT: Final = 700
BYTES_PER_EVENT_FILTER: Final = 300
BYTES_PER_LINK: Final = 200


class Matcher(Protocol):
    """Many conditions compiled into one, which tells those that an event meets."""

    @property
    def estimated_bytes(self) -> int:
        """About how much memory all of it takes."""

    def add_stored(self, filter_id: str, condition: Mapping[str, Any], /) -> str | None:
        """Adds a condition, or replaces the one with this id. One that this release refuses matches nothing: returns why
        it is refused."""

    def remove(self, filter_id: str, /) -> None:
        """Forgets a condition; an unknown id is fine."""

    def matches(self, event: Mapping[str, Any], budget: Budget, /) -> Iterable[str]:
        """The ids of the conditions that the delivered event meets, and of those about which the budget ended."""


@dataclass(frozen=True, slots=True)
class RefusedFilter:
    """A stored event filter that this release cannot read, and why. It matches nothing."""

    event_filter: EventFilter
    reason: str


class OutOfOrder(Exception):
    """A change that does not follow the version of the table: those between are missing."""


class RoutingTable:
    """Which endpoints an event goes to."""

    def __init__(self, workspace_id: str, matcher: Matcher) -> None:
        self.workspace_id = workspace_id
        self.version = 0
        self._matcher = matcher
        self._endpoints: dict[str, EndpointType | None] = {}
        self._event_filters: set[str] = set()
        self._operational: set[str] = set()
        self._filters_of: dict[str, set[str]] = {}
        self._endpoints_of: dict[str, set[str]] = {}
        self._unfiltered: set[str] = set()
        # These lost their last event filter by its deletion: without one they match nothing, and not everything.
        self._matching_nothing: set[str] = set()
        self._links = 0
        self._refused: dict[str, RefusedFilter] = {}
        self.unwritten: frozenset[str] = frozenset()
        """Endpoints whose rows could not be written yet: where they are delivered to, they would count as deleted."""

    # -- loading and following -----------------------------------------------------------------------------------

    def load(
        self,
        version: int,
        endpoints: Mapping[str, EndpointType | None],
        event_filters: Iterable[EventFilter],
        links: Mapping[str, Iterable[str]],
        matching_nothing: Iterable[str] = (),
    ) -> None:
        """Fills an empty table from rows that show at least ``version``. A type is only needed where events are handed over."""
        self._matching_nothing.update(map(sys.intern, matching_nothing))
        for endpoint_id, endpoint_type in endpoints.items():
            self._put_endpoint(endpoint_id, endpoint_type)
        for event_filter in event_filters:
            self._put_event_filter(event_filter)
        for endpoint_id, event_filter_ids in links.items():
            self._link((endpoint_id,), event_filter_ids)
        self.version = version

    def apply(self, change: ChangeSet) -> None:
        """Brings the table to the next version.

        Raises:
            OutOfOrder: the change is not the next one; nothing was done.
        """
        if change.version != self.version + 1:
            raise OutOfOrder(f"change {change.version} does not follow version {self.version}")
        for operation in change.operations:
            self._apply(operation)
        self.version = change.version

    def _apply(self, operation: Operation) -> None:
        match operation:
            case PutEndpoint(endpoint):
                self._set_matching_nothing((endpoint.id,), matches_nothing=endpoint.matches_nothing)
                self._put_endpoint(endpoint.id, endpoint.type)
            case DeleteEndpoints(ids):
                for endpoint_id in ids:
                    self._unlink((endpoint_id,), tuple(self._filters_of.get(endpoint_id, ())))
                    self._endpoints.pop(endpoint_id, None)
                    self._unfiltered.discard(endpoint_id)
                    self._matching_nothing.discard(endpoint_id)
            case PutEventFilter(event_filter):
                self._put_event_filter(event_filter)
            case DeleteEventFilters(ids):
                for event_filter_id in ids:
                    self._unlink(tuple(self._endpoints_of.get(event_filter_id, ())), (event_filter_id,))
                    self._event_filters.discard(event_filter_id)
                    self._operational.discard(event_filter_id)
                    self._refused.pop(event_filter_id, None)
                    self._matcher.remove(event_filter_id)
            case Link(endpoint_ids, event_filter_ids):
                self._link(endpoint_ids, event_filter_ids)
            case Unlink(endpoint_ids, event_filter_ids):
                self._unlink(endpoint_ids, event_filter_ids)
            case SetState(ids, matches_nothing=matches_nothing):
                # The status changes nothing: what arrives for an endpoint that is off goes to its backlog.
                if matches_nothing is not None:
                    self._set_matching_nothing(ids, matches_nothing=matches_nothing)

    def _put_endpoint(self, endpoint_id: str, endpoint_type: EndpointType | None) -> None:
        endpoint_id = sys.intern(endpoint_id)
        self._endpoints[endpoint_id] = endpoint_type
        self._sort_unfiltered(endpoint_id)

    def _set_matching_nothing(self, endpoint_ids: Iterable[str], *, matches_nothing: bool) -> None:
        for endpoint_id in map(sys.intern, endpoint_ids):
            if matches_nothing:
                self._matching_nothing.add(endpoint_id)
            else:
                self._matching_nothing.discard(endpoint_id)
            self._sort_unfiltered(endpoint_id)

    def _sort_unfiltered(self, endpoint_id: str) -> None:
        if endpoint_id in self._endpoints and endpoint_id not in self._matching_nothing and not self._filters_of.get(endpoint_id):
            self._unfiltered.add(endpoint_id)
        else:
            self._unfiltered.discard(endpoint_id)

    def _put_event_filter(self, event_filter: EventFilter) -> None:
        event_filter_id = sys.intern(event_filter.id)
        self._event_filters.add(event_filter_id)
        reason = self._add_to_matcher(event_filter_id, event_filter.condition)
        if reason is None:
            self._refused.pop(event_filter_id, None)
        else:
            self._refused[event_filter_id] = RefusedFilter(event_filter, reason)
        if names_operational_type(event_filter.condition):
            self._operational.add(event_filter_id)
        else:
            self._operational.discard(event_filter_id)

    def _add_to_matcher(self, event_filter_id: str, condition: Mapping[str, Any]) -> str | None:
        try:
            return self._matcher.add_stored(event_filter_id, condition)
        except RecursionError:
            self._matcher.remove(event_filter_id)
            return "its condition is nested too deeply"

    def take_refused(self) -> list[RefusedFilter]:
        """The event filters that this release cannot read and that were met since the last call."""
        refused, self._refused = list(self._refused.values()), {}
        return refused

    def _link(self, endpoint_ids: Iterable[str], event_filter_ids: Iterable[str]) -> None:
        own = [sys.intern(endpoint_id) for endpoint_id in endpoint_ids]
        # Interned: ids are most of what a table holds, and each is read from several rows and changes.
        for event_filter_id in map(sys.intern, event_filter_ids):
            of_filter = self._endpoints_of.setdefault(event_filter_id, set())
            for endpoint_id in own:
                if endpoint_id not in of_filter:
                    of_filter.add(endpoint_id)
                    self._filters_of.setdefault(endpoint_id, set()).add(event_filter_id)
                    self._links += 1
                    self._unfiltered.discard(endpoint_id)

    def _unlink(self, endpoint_ids: Iterable[str], event_filter_ids: Iterable[str]) -> None:
        own = tuple(event_filter_ids)
        for endpoint_id in endpoint_ids:
            of_endpoint = self._filters_of.get(endpoint_id)
            if of_endpoint is None:
                continue
            for event_filter_id in own:
                if event_filter_id in of_endpoint:
                    of_endpoint.discard(event_filter_id)
                    self._links -= 1
                    of_filter = self._endpoints_of[event_filter_id]
                    of_filter.discard(endpoint_id)
                    if not of_filter:
                        del self._endpoints_of[event_filter_id]
            if not of_endpoint:
                del self._filters_of[endpoint_id]
                self._sort_unfiltered(endpoint_id)

    # -- routing -------------------------------------------------------------------------------------------------

    @property
    def estimated_bytes(self) -> int:
        """About how much memory the table takes."""
        own = len(self._endpoints) * BYTES_PER_ENDPOINT + len(self._event_filters) * BYTES_PER_EVENT_FILTER + self._links * BYTES_PER_LINK
        return own + self._matcher.estimated_bytes

    def type_of(self, endpoint_id: str) -> EndpointType:
        """The type of an endpoint.

        Raises:
            KeyError: the table has no such endpoint, or was loaded without its type: a fault of ours.
        """
        endpoint_type = self._endpoints[endpoint_id]
        if endpoint_type is None:
            raise KeyError(f"the type of endpoint {endpoint_id}")
        return endpoint_type

    def endpoints_for(self, event: Event, budget: Budget | None = None) -> set[str]:
        """The ids of the endpoints that get ``event``.

        Args:
            event: it.
            budget: what matching may cost, the usual when ``None``. Filters about which it ended count as matching.

        An endpoint that has no filter gets every event but the service's own, or nothing if its last filter was deleted.
        The service's own go only where a filter names such a type, and never to the endpoint they speak of.
        """
        if not self._endpoints:
            return set()
        operational = event.type.casefold().startswith(RESERVED_TYPE_PREFIX)
        chosen = set() if operational else set(self._unfiltered)
        if self._endpoints_of:
            for event_filter_id in self._matcher.matches(event.as_delivered(), Budget() if budget is None else budget):
                if not operational or event_filter_id in self._operational:
                    chosen |= self._endpoints_of.get(event_filter_id, set())
        if operational:
            chosen.discard(str(event.data.get("endpointId")))
        # A link may be read before the row, or the change, of its endpoint.
        return chosen & self._endpoints.keys()

    def selects(self, endpoint_id: str, event: Event, budget: Budget | None = None) -> bool:
        """Whether one endpoint gets ``event``: for sending it again. ``budget`` as for :meth:`endpoints_for`."""
        return endpoint_id in self.endpoints_for(event, budget)
