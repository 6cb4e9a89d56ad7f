"""The whole configuration of a workspace as it was at a version or a date, rebuilt from the chain of change sets.

The newest 1,000 changes are kept. While the first one is among them, the answer is complete. Later it holds what the kept changes
state as a whole, and says from which version on they reach: what was last set before that version is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from event_service.base.dates import from_stored
from event_service.base.errors import BadUserInput
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
from event_service.configuration.codec import endpoint_fields, event_filter_fields, without_none
from event_service.configuration.endpoint import Endpoint
from event_service.explain.configuration_then import ConfigurationThen
from event_service.explain.difference import shown_fields
from event_service.explain.ports import ChangeHistory
from event_service.filters.event_filter import EventFilter

MAXIMUM_OBJECTS: Final = 100
"""Of one page: an event filter may have 32 KB, and an endpoint the ids of all its event filters."""
_ENDPOINTS, _FILTERS = "0", "1"
"""Begin the place of an object: endpoints come before event filters."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which configuration is asked for: of a version, or of a date; the newest when both are ``None``."""

    version: int | None = None
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastObject:
    """An endpoint or an event filter as it was.

    Attributes:
        is_endpoint: otherwise it is an event filter.
        id: its id.
        name: as it was.
        value: what a person set, as the API names it.
        event_filter_ids: of an endpoint the event filters that it was linked to; ``None`` where they are not known any more.
    """

    is_endpoint: bool
    id: str
    name: str
    value: dict[str, Any]
    event_filter_ids: list[str] | None


@dataclass(frozen=True, slots=True)
class PastPage:
    """Some objects: endpoints, then event filters, each the oldest first.

    Attributes:
        version: which configuration it is; ``None``: it is older than all changes that are kept.
        date: when the version was made; ``None`` where there is no such change any more, or was none yet.
        complete: whether the kept changes tell everything.
        sentence: that for a person.
        objects: of the page.
        end: the place of the last one.
        more: whether others follow.
    """

    version: int | None
    date: datetime | None
    complete: bool
    sentence: str
    objects: list[PastObject]
    end: str | None
    more: bool


@dataclass(slots=True)
class _State:
    """The configuration while changes are applied to it. ``links`` has an entry for each endpoint whose creation was seen."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    filters: dict[str, EventFilter] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)


class PastConfiguration:
    """The use case behind ``configuration``.

    Example::

        page = past.page(workspace_id, Moment(version=17), first=100)
    """

    def __init__(self, history: ChangeHistory) -> None:
        self._history = history

    def page(self, workspace_id: str, moment: Moment, first: int, after: str | None = None) -> PastPage:
        """One page. All changes that are kept are read for it, up to 20 MB of them.

        Args:
            workspace_id: the token's workspace.
            moment: which configuration.
            first: how many objects, 1 to 100.
            after: ``end`` of the page before, which stays at the version of that page.

        Raises:
            BadUserInput: another number, no version of this workspace, both a version and a date, or no place in this list.
            TooLarge: the changes are more than one request may read.
        """
        if not 1 <= first <= MAXIMUM_OBJECTS:
            raise BadUserInput(f"first: {first} is not from 1 to {MAXIMUM_OBJECTS}.")
        if moment.version is not None and moment.date is not None:
            raise BadUserInput("version, date: give one of them.")
        at, begin = (None, "") if after is None else _place_in(after)
        chain = ConfigurationThen(self._history, workspace_id)
        whole = chain.is_whole
        kept = list(chain.newest_first())[::-1]
        version = at if after is not None else _version_of(moment, kept, whole=whole)
        state, change = _rebuilt(kept, version)
        listed = [one for one in _places(state) if one[0] > begin]
        page = listed[:first]
        return PastPage(
            version=version,
            date=None if change is None else from_stored(change.note.date),
            complete=whole,
            sentence=_sentence(version, change, None if whole else kept[0]),
            objects=[_shown(one, state) for _, one in page],
            end=f"{'' if version is None else version} {page[-1][0]}" if page else None,
            more=len(listed) > first,
        )


def _version_of(moment: Moment, kept: list[ChangeSet], *, whole: bool) -> int | None:
    newest = kept[-1].version if kept else 0
    if moment.date is not None:
        found = next((one.version for one in reversed(kept) if from_stored(one.note.date) <= moment.date), None)
        return 0 if found is None and whole else found
    if moment.version is None:
        return newest
    if not 0 <= moment.version <= newest:
        raise BadUserInput(f"version: {moment.version} is not from 0 to {newest}, which is the newest.")
    return moment.version


def _rebuilt(kept: list[ChangeSet], version: int | None) -> tuple[_State, ChangeSet | None]:
    """The configuration at a version, and the change that made it, if it is kept."""
    state, last = _State(), None
    for change in kept:
        if version is None or change.version > version:
            break
        for operation in change.operations:
            _apply(operation, state)
        last = change if change.version == version else None
    return state, last


def _apply(operation: Operation, state: _State) -> None:
    match operation:
        case PutEndpoint(endpoint):
            state.endpoints[endpoint.id] = endpoint
            if endpoint.created == endpoint.modified:
                state.links.setdefault(endpoint.id, set())
        case SetState(ids):
            state.endpoints |= {one: operation.applied_to(state.endpoints[one]) for one in ids if one in state.endpoints}
        case DeleteEndpoints(ids):
            for one in ids:
                state.endpoints.pop(one, None)
                state.links.pop(one, None)
        case PutEventFilter(event_filter):
            state.filters[event_filter.id] = event_filter
        case DeleteEventFilters(ids):
            for one in ids:
                state.filters.pop(one, None)
            _unlink(state, state.links, ids)
        case Link(endpoint_ids, event_filter_ids):
            for linked in _known(state, endpoint_ids):
                linked.update(event_filter_ids)
        case Unlink(endpoint_ids, event_filter_ids):
            _unlink(state, endpoint_ids, event_filter_ids)


def _unlink(state: _State, endpoint_ids: Iterable[str], event_filter_ids: Sequence[str]) -> None:
    for linked in _known(state, endpoint_ids):
        linked.difference_update(event_filter_ids)


def _known(state: _State, endpoint_ids: Iterable[str]) -> list[set[str]]:
    """The links of the endpoints whose creation was seen."""
    return [state.links[one] for one in endpoint_ids if one in state.links]


def _places(state: _State) -> Iterator[tuple[str, Endpoint | EventFilter]]:
    """All objects with their places, in order."""
    for kind, objects in ((_ENDPOINTS, state.endpoints.values()), (_FILTERS, state.filters.values())):
        placed = {f"{kind}{one.created.isoformat(timespec='microseconds')} {one.id}": one for one in objects}
        yield from sorted(placed.items())


def _shown(one: Endpoint | EventFilter, state: _State) -> PastObject:
    if isinstance(one, EventFilter):
        return PastObject(False, one.id, one.name, shown_fields(without_none(event_filter_fields(one))), None)
    links = state.links.get(one.id)
    shown = shown_fields(without_none(endpoint_fields(one)))
    return PastObject(True, one.id, one.name, shown, None if links is None else sorted(links))


def _sentence(version: int | None, change: ChangeSet | None, oldest: ChangeSet | None) -> str:
    if oldest is None and not version:
        return "Nothing was configured yet."
    if change is not None:
        begin = f"The configuration at version {version}, of {change.note.date}."
    else:
        begin = "The configuration before the changes that are kept." if version is None else f"The configuration at version {version}."
    if oldest is None:
        return begin
    return (
        f"{begin} Changes before version {oldest.version}, of {oldest.note.date}, are not kept any more: "
        "what was last set by them is missing."
    )


def _place_in(place: str) -> tuple[int | None, str]:
    version, _, begin = place.partition(" ")
    return (int(version) if version else None), begin
