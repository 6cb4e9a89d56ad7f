"""Change sets: a workspace's configuration as a chain of numbered, whole changes. A stored form that two releases read.

A mutation is one change set and its single conditional put is the commit, for 1 id or 100. Every operation states the
result and not the difference ("this endpoint is now …", "these links exist"), so applying a chain to a state that
already holds some of its effects gives the right state: that is what lets a reader load rows that are being written.
No row is written by two operations of one change set: a row carries the version that wrote it last, and a second write
of the same version would be taken for a repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from event_service.configuration import codec
from event_service.configuration.change_note import NO_NOTE, ChangeNote
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.filters.event_filter import EventFilter


@dataclass(frozen=True, slots=True)
class PutEndpoint:
    """The endpoint exists and is this."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class DeletedEndpoint:
    """What is left to know of an endpoint that was deleted."""

    id: str
    workspace_id: str
    type: EndpointType


@dataclass(frozen=True, slots=True)
class DeleteEndpoints:
    """The endpoints and all their links are gone. ``types`` of each, in the same order: whoever acts on the deletion does
    not find them any more."""

    ids: tuple[str, ...]
    types: tuple[EndpointType, ...] = ()

    def of_workspace(self, workspace_id: str) -> list[DeletedEndpoint]:
        """The endpoints that were deleted."""
        return [DeletedEndpoint(one, workspace_id, kind) for one, kind in zip(self.ids, self.types, strict=True)]


@dataclass(frozen=True, slots=True)
class SetState:
    """The endpoints have this state from ``modified`` (a stored date) on. What is ``None`` stays as it is.

    Attributes:
        ids: of the endpoints.
        modified: when they were changed.
        status: with its reason, which goes away when the status comes without one.
        reason: why they are DISABLED.
        matches_nothing: whether no event is routed to those without event filters; otherwise every event is.
    """

    ids: tuple[str, ...]
    modified: str
    status: EndpointStatus | None = None
    reason: str | None = None
    matches_nothing: bool | None = None

    def fields(self) -> dict[str, Any]:
        """What it writes over the stored form of its endpoints; ``None``: is left out from then on."""
        fields: dict[str, Any] = {"modified": self.modified}
        if self.status is not None:
            fields |= {"status": self.status.value, "statusReason": self.reason}
        if self.matches_nothing is not None:
            fields["matchesNothing"] = self.matches_nothing or None
        return fields

    def applied_to(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as it is afterwards."""
        return codec.endpoint_of({**codec.endpoint_fields(endpoint), **self.fields()})


@dataclass(frozen=True, slots=True)
class PutEventFilter:
    """The event filter exists and is this."""

    event_filter: EventFilter


@dataclass(frozen=True, slots=True)
class DeleteEventFilters:
    """The event filters and all their links are gone."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """Each endpoint is linked to each event filter."""

    endpoint_ids: tuple[str, ...]
    event_filter_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlink:
    """No endpoint is linked to any of the event filters."""

    endpoint_ids: tuple[str, ...]
    event_filter_ids: tuple[str, ...]


Operation = PutEndpoint | DeleteEndpoints | SetState | PutEventFilter | DeleteEventFilters | Link | Unlink


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a workspace holds after a change: quotas and ``totalCount`` without counting rows."""

    endpoints_by_type: Mapping[EndpointType, int] = field(default_factory=lambda: MappingProxyType({}))
    event_filters: int = 0
    index_entries: int = 0

    @property
    def endpoints(self) -> int:
        """All types together."""
        return sum(self.endpoints_by_type.values())

    def of(self, endpoint_type: EndpointType | None) -> int:
        """Endpoints of one type; of all when ``None``."""
        return self.endpoints if endpoint_type is None else self.endpoints_by_type.get(endpoint_type, 0)

    def plus(self, endpoint_type: EndpointType, number: int) -> Counts:
        """With ``number`` more (or fewer) endpoints of a type."""
        by_type = {**self.endpoints_by_type, endpoint_type: self.of(endpoint_type) + number}
        return replace(self, endpoints_by_type=MappingProxyType(by_type))

    def plus_event_filters(self, number: int, index_entries: int) -> Counts:
        """With ``number`` more (or fewer) event filters, which take ``index_entries`` more (or fewer)."""
        return replace(self, event_filters=self.event_filters + number, index_entries=self.index_entries + index_entries)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest version of a chain, what the workspace holds then, and whether the rows show it already."""

    workspace_id: str
    version: int
    counts: Counts
    applied: bool = False


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """One link of the chain. ``applied`` says that the rows already show it, and all before it; ``note`` how it came about."""

    workspace_id: str
    version: int
    operations: tuple[Operation, ...]
    counts: Counts
    applied: bool = field(default=False, compare=False)
    note: ChangeNote = NO_NOTE

    @property
    def head(self) -> Head:
        """What a reader of the newest one needs."""
        return Head(self.workspace_id, self.version, self.counts, self.applied)


def counts_to_json(counts: Counts) -> dict[str, Any]:
    """The stored form of counts."""
    return {
        "endpoints": {kind.value: number for kind, number in counts.endpoints_by_type.items()},
        "eventFilters": counts.event_filters,
        "indexEntries": counts.index_entries,
    }


def counts_from_json(value: Mapping[str, Any]) -> Counts:
    """Reads what :func:`counts_to_json` made."""
    by_type = {EndpointType(kind): int(number) for kind, number in value["endpoints"].items()}
    return Counts(MappingProxyType(by_type), int(value["eventFilters"]), int(value.get("indexEntries", 0)))


def operations_to_json(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """The stored form of operations."""
    return [_operation_to_json(operation) for operation in operations]


def operations_from_json(values: Sequence[dict[str, Any]]) -> tuple[Operation, ...]:
    """Reads what :func:`operations_to_json` made.

    Raises:
        ValueError: an operation that this version of the code does not know. It must not be skipped: the reader's
            state would silently differ from everyone else's.
    """
    return tuple(map(_operation_from_json, values))


def _operation_to_json(operation: Operation) -> dict[str, Any]:
    match operation:
        case PutEndpoint(endpoint):
            return {"op": "putEndpoint", "endpoint": codec.without_none(codec.endpoint_fields(endpoint))}
        case DeleteEndpoints(ids, types):
            return {"op": "deleteEndpoints", "ids": list(ids), "types": [kind.value for kind in types]}
        case SetState(ids, modified, status, reason, matches_nothing):
            return {
                "op": "setState",
                "ids": list(ids),
                "modified": modified,
                "status": None if status is None else status.value,
                "reason": reason,
                "matchesNothing": matches_nothing,
            }
        case PutEventFilter(event_filter):
            return {"op": "putEventFilter", "eventFilter": codec.without_none(codec.event_filter_fields(event_filter))}
        case DeleteEventFilters(ids):
            return {"op": "deleteEventFilters", "ids": list(ids)}
        case Link(endpoint_ids, event_filter_ids):
            return {"op": "link", "endpointIds": list(endpoint_ids), "eventFilterIds": list(event_filter_ids)}
        case Unlink(endpoint_ids, event_filter_ids):
            return {"op": "unlink", "endpointIds": list(endpoint_ids), "eventFilterIds": list(event_filter_ids)}


def _operation_from_json(value: dict[str, Any]) -> Operation:
    match value["op"]:
        case "putEndpoint":
            return PutEndpoint(codec.endpoint_of(value["endpoint"]))
        case "deleteEndpoints":
            return DeleteEndpoints(tuple(value["ids"]), tuple(map(EndpointType, value["types"])))
        case "setState":
            status = None if value["status"] is None else EndpointStatus(value["status"])
            return SetState(tuple(value["ids"]), value["modified"], status, value["reason"], value["matchesNothing"])
        case "putEventFilter":
            return PutEventFilter(codec.event_filter_of(value["eventFilter"]))
        case "deleteEventFilters":
            return DeleteEventFilters(tuple(value["ids"]))
        case "link":
            return Link(tuple(value["endpointIds"]), tuple(value["eventFilterIds"]))
        case "unlink":
            return Unlink(tuple(value["endpointIds"]), tuple(value["eventFilterIds"]))
        case unknown:
            raise ValueError(f"change set operation {unknown!r} is not known to this version")
