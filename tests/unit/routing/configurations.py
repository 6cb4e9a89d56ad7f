"""Random configurations, and what they say about an event, told the slow and obvious way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from event_service.configuration.changes import (
    ChangeSet,
    Counts,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from tests import builders

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ENDPOINTS = [f"e0000000-0000-4000-8000-{number:012d}" for number in range(4)]
FILTERS = [f"f0000000-0000-4000-8000-{number:012d}" for number in range(4)]
TYPES = ["a", "b", "c"]


def endpoint(endpoint_id: str, endpoint_type: EndpointType = EndpointType.WEB_HOOK) -> Endpoint:
    return builders.an_endpoint(
        endpoint_type, id=endpoint_id, workspace_id=WORKSPACE, name="name", url="https://x.example", method="POST", created=AT, modified=AT
    )


def event_filter(event_filter_id: str, condition: dict[str, Any]) -> EventFilter:
    return EventFilter(event_filter_id, WORKSPACE, "name", condition, AT, AT)


def event(event_type: str = "a", data: dict[str, Any] | None = None, event_id: str = "event") -> Event:
    return builders.an_event(id=event_id, type=event_type, date=AT, data=data or {}, workspace_id=WORKSPACE, created=AT)


def change(version: int, *operations: Operation) -> ChangeSet:
    return ChangeSet(WORKSPACE, version, operations, Counts())


def chain_of(*operations: Operation | tuple[Operation, ...]) -> list[ChangeSet]:
    """One change set for each."""
    listed = [one if isinstance(one, tuple) else (one,) for one in operations]
    return [change(number + 1, *one) for number, one in enumerate(listed)]


_endpoint_ids = st.lists(st.sampled_from(ENDPOINTS), min_size=1, max_size=3, unique=True).map(tuple)
_filter_ids = st.lists(st.sampled_from(FILTERS), min_size=1, max_size=2, unique=True).map(tuple)
_conditions = st.lists(st.sampled_from(TYPES), max_size=2).map(lambda types: {"in": {"eventTypes": types}})
_operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(lambda one: PutEndpoint(endpoint(one)), st.sampled_from(ENDPOINTS)),
    st.builds(DeleteEndpoints, _endpoint_ids),
    st.builds(lambda one, condition: PutEventFilter(event_filter(one, condition)), st.sampled_from(FILTERS), _conditions),
    st.builds(DeleteEventFilters, _filter_ids),
    st.builds(Link, _endpoint_ids, _filter_ids),
    st.builds(Unlink, _endpoint_ids, _filter_ids),
    st.builds(lambda ids: SetState(ids, "2026-03-01T12:00:00.000000+00:00", EndpointStatus.PAUSED, None), _endpoint_ids),
    st.builds(
        lambda ids, nothing: SetState(ids, "2026-03-01T12:00:00.000000+00:00", matches_nothing=nothing), _endpoint_ids, st.booleans()
    ),
)


class Reference:
    """A configuration as plain sets, which refuses what the use cases refuse: links to what does not exist."""

    def __init__(self) -> None:
        self.endpoints: set[str] = set()
        self.filters: dict[str, list[str]] = {}
        self.links: set[tuple[str, str]] = set()
        self.matching_nothing: set[str] = set()

    def accepts(self, operation: Operation) -> bool:
        match operation:
            case Link(endpoint_ids, filter_ids) | Unlink(endpoint_ids, filter_ids):
                return set(endpoint_ids) <= self.endpoints and set(filter_ids) <= self.filters.keys()
            case PutEndpoint(one):
                # An id is not used again.
                return one.id not in self.endpoints
            case _:
                return True

    def apply(self, operation: Operation) -> None:
        match operation:
            case PutEndpoint(one):
                self.endpoints.add(one.id)
            case DeleteEndpoints(ids):
                self.endpoints -= set(ids)
                self.matching_nothing -= set(ids)
                self.links = {link for link in self.links if link[0] not in ids}
            case PutEventFilter(one):
                self.filters[one.id] = one.condition["in"]["eventTypes"]
            case DeleteEventFilters(ids):
                self.filters = {one: types for one, types in self.filters.items() if one not in ids}
                self.links = {link for link in self.links if link[1] not in ids}
            case Link(endpoint_ids, filter_ids):
                self.links |= {(one, other) for one in endpoint_ids for other in filter_ids}
            case Unlink(endpoint_ids, filter_ids):
                self.links -= {(one, other) for one in endpoint_ids for other in filter_ids}
            case SetState(ids, matches_nothing=matches_nothing):
                if matches_nothing is not None:
                    known = set(ids) & self.endpoints
                    self.matching_nothing = self.matching_nothing | known if matches_nothing else self.matching_nothing - known

    def endpoints_for(self, event_type: str) -> set[str]:
        return {
            one
            for one in self.endpoints
            if (one not in self.matching_nothing and not any(link[0] == one for link in self.links))
            or any(event_type in self.filters[other] for linked, other in self.links if linked == one)
        }


@st.composite
def chains(draw: st.DrawFn) -> list[ChangeSet]:
    """Change sets that the use cases could have made, one operation each."""
    reference = Reference()
    chain: list[ChangeSet] = []
    for operation in draw(st.lists(_operations, max_size=25)):
        if reference.accepts(operation):
            reference.apply(operation)
            chain.append(change(len(chain) + 1, operation))
    return chain
