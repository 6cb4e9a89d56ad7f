"""The configuration of an endpoint as it was when an event was routed, rebuilt from the chain of change sets.

The chain states results, so what held at a version follows from the changes up to it. The newest 1,000 changes are kept. Where
older ones would be needed, what is known is the configuration of now, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from event_service.base.dates import from_stored
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
from event_service.configuration.endpoint import Endpoint
from event_service.explain.ports import ChangeHistory
from event_service.filters.event_filter import EventFilter

CHANGES_PER_READ: Final = 100
MAXIMUM_CHARACTERS: Final = 20_000_000
"""Of the changes that one answer looks at. Older ones then count as not kept: a change may have 380 KB."""
ROUTED_WITHIN: Final = timedelta(seconds=30)
"""An event is nearly always routed within a second of its acceptance. A change that was made in this time may have come first."""


@dataclass(frozen=True, slots=True)
class Routed:
    """By which version of the configuration an event was routed.

    Attributes:
        version: the version; ``None``: it is not known any more, or not which of several it was.
        low: the version in force when it was accepted; ``None``: not kept any more.
        high: the newest version that it may have been routed by.
    """

    version: int | None
    low: int | None
    high: int

    @property
    def shown(self) -> int | None:
        """The version that is looked at: the oldest of several, which the answer then says."""
        return self.low if self.version is None else self.version


@dataclass(frozen=True, slots=True)
class EndpointThen:
    """What routing knew of one endpoint.

    Attributes:
        exists: whether the endpoint was there.
        filters: its linked event filters, in creation order.
        matches_nothing: no event is routed to it although it has no filter.
        as_routed: whether it is certain; otherwise it is the configuration of now.
    """

    exists: bool
    filters: tuple[EventFilter, ...]
    matches_nothing: bool
    as_routed: bool


@dataclass(slots=True)
class _State:
    """One endpoint while changes are applied to it."""

    endpoint_id: str
    exists: bool = False
    matches_nothing: bool = False
    linked: set[str] = field(default_factory=set)


class ConfigurationThen:
    """The changes of a workspace as far back as they were needed. Made for one answer."""

    def __init__(self, history: ChangeHistory, workspace_id: str) -> None:
        self._history = history
        self._workspace_id = workspace_id
        self._read: list[ChangeSet] = []
        self._characters = 0
        self._at_end = False

    def newest_first(self) -> Iterator[ChangeSet]:
        """All changes that are kept, read as they are taken and only once."""
        position = 0
        while True:
            while position < len(self._read):
                yield self._read[position]
                position += 1
            if self._at_end:
                return
            before = self._read[-1].version if self._read else None
            more = self._history.newest(self._workspace_id, before, CHANGES_PER_READ)
            self._read.extend(more)
            self._characters += sum(len(repr(change.operations)) for change in more)
            self._at_end = len(more) < CHANGES_PER_READ or self._characters > MAXIMUM_CHARACTERS

    @property
    def is_whole(self) -> bool:
        """Whether the first change is still kept. Reads all of them."""
        for _ in self.newest_first():
            pass
        return not self._read or self._read[-1].version == 1

    def routed(self, accepted: datetime, recorded: int | None) -> Routed:
        """By which version an event was routed.

        Args:
            accepted: the event's acceptance.
            recorded: the version that a record of its delivery names.
        """
        if recorded is not None:
            return Routed(recorded, recorded, recorded)
        high = 0
        for change in self.newest_first():
            date = from_stored(change.note.date)
            if date > accepted + ROUTED_WITHIN:
                continue
            high = max(high, change.version)
            if date <= accepted:
                return Routed(change.version if change.version == high else None, change.version, high)
        if self.is_whole:
            return Routed(0 if high == 0 else None, 0, high)
        return Routed(None, None, high)

    def endpoint_at(self, version: int | None, endpoint: Endpoint, filters: Sequence[EventFilter]) -> EndpointThen:
        """One endpoint as it was at a version.

        Args:
            version: which; ``None``: it is not known, and the answer is what is now.
            endpoint: as it is now.
            filters: that are linked to it now.
        """
        now = EndpointThen(exists=True, filters=tuple(filters), matches_nothing=endpoint.matches_nothing, as_routed=True)
        if version is None:
            return EndpointThen(now.exists, now.filters, now.matches_nothing, as_routed=False)
        if not self._changed_since(version, endpoint.id, {one.id for one in filters}):
            return now
        if not self.is_whole:
            return EndpointThen(now.exists, now.filters, now.matches_nothing, as_routed=False)
        return self._rebuilt(version, endpoint.id)

    def last_changes(self, event_filter_ids: set[str], endpoint_id: str) -> Mapping[str, ChangeSet]:
        """Of each event filter the newest change of it or of its link to an endpoint, as far as it is kept."""
        found: dict[str, ChangeSet] = {}
        for change in self.newest_first():
            for operation in change.operations:
                for one in _filters_changed(operation, endpoint_id) & event_filter_ids:
                    found.setdefault(one, change)
            if len(found) == len(event_filter_ids):
                break
        return found

    def _changed_since(self, version: int, endpoint_id: str, filter_ids: set[str]) -> bool:
        for change in self.newest_first():
            if change.version <= version:
                return False
            if any(_concerns(operation, endpoint_id, filter_ids) for operation in change.operations):
                return True
        return False

    def _rebuilt(self, version: int, endpoint_id: str) -> EndpointThen:
        state = _State(endpoint_id)
        filters: dict[str, EventFilter] = {}
        for change in reversed(self._read):
            if change.version > version:
                break
            for operation in change.operations:
                _apply(operation, state, filters)
        linked = sorted((filters[one] for one in state.linked if one in filters), key=lambda one: (one.created, one.id))
        return EndpointThen(state.exists, tuple(linked), state.matches_nothing, as_routed=True)


def _concerns(operation: Operation, endpoint_id: str, filter_ids: set[str]) -> bool:
    """Whether what is routed to an endpoint may have been otherwise before."""
    match operation:
        case PutEndpoint(endpoint):
            # Only its creation: routing knows neither its name nor its URL.
            return endpoint.id == endpoint_id and endpoint.created == endpoint.modified
        case SetState(ids, matches_nothing=matches_nothing):
            return matches_nothing is not None and endpoint_id in ids
        case PutEventFilter(event_filter):
            return event_filter.id in filter_ids
        case DeleteEventFilters():
            # Which endpoints it was linked to is not said; it may have been this one.
            return True
        case Link(endpoint_ids) | Unlink(endpoint_ids) | DeleteEndpoints(endpoint_ids):
            return endpoint_id in endpoint_ids


def _apply(operation: Operation, state: _State, filters: dict[str, EventFilter]) -> None:
    match operation:
        case PutEndpoint(endpoint) if endpoint.id == state.endpoint_id:
            state.exists, state.matches_nothing = True, endpoint.matches_nothing
        case SetState(ids, matches_nothing=matches_nothing) if matches_nothing is not None and state.endpoint_id in ids:
            state.matches_nothing = matches_nothing
        case DeleteEndpoints(ids) if state.endpoint_id in ids:
            state.exists = False
            state.linked.clear()
        case PutEventFilter(event_filter):
            filters[event_filter.id] = event_filter
        case DeleteEventFilters(ids):
            state.linked.difference_update(ids)
        case Link(endpoint_ids, event_filter_ids) if state.endpoint_id in endpoint_ids:
            state.linked.update(event_filter_ids)
        case Unlink(endpoint_ids, event_filter_ids) if state.endpoint_id in endpoint_ids:
            state.linked.difference_update(event_filter_ids)
        case _:
            pass


def _filters_changed(operation: Operation, endpoint_id: str) -> set[str]:
    match operation:
        case PutEventFilter(event_filter):
            return {event_filter.id}
        case DeleteEventFilters(ids):
            return set(ids)
        case Link(endpoint_ids, event_filter_ids) | Unlink(endpoint_ids, event_filter_ids) if endpoint_id in endpoint_ids:
            return set(event_filter_ids)
        case _:
            return set()
