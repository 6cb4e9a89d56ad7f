"""Change sets: a workspace's configuration as a chain of numbered, whole changes.

A mutation is one change set and its single conditional put is the commit, for 1 id or 100. Every operation states the
result and not the difference ("this endpoint is now …", "these links exist"), so applying a chain to a state that
already holds some of its effects gives the right state: that is what lets a reader load rows that are being written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from event_service.base.dates import format_date, from_stored
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.filters.event_filter import EventFilter


@dataclass(frozen=True, slots=True)
class PutEndpoint:
    """The endpoint exists and is this."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class DeleteEndpoints:
    """The endpoints and all their links are gone."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetStatus:
    """The endpoints have this status from ``modified`` (a stored date) on."""

    ids: tuple[str, ...]
    status: EndpointStatus
    reason: str | None
    modified: str


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


Operation = PutEndpoint | DeleteEndpoints | SetStatus | PutEventFilter | DeleteEventFilters | Link | Unlink


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a workspace holds after a change: quotas and ``totalCount`` without counting rows."""

    web_sockets: int = 0
    webhooks: int = 0
    event_filters: int = 0

    @property
    def endpoints(self) -> int:
        """Both types together."""
        return self.web_sockets + self.webhooks

    def plus(self, endpoint_type: EndpointType, number: int) -> Counts:
        """With ``number`` more (or fewer) endpoints of a type."""
        if endpoint_type is EndpointType.WEB_SOCKET:
            return replace(self, web_sockets=self.web_sockets + number)
        return replace(self, webhooks=self.webhooks + number)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """One link of the chain. ``applied`` says that the rows already show it, and all before it."""

    workspace_id: str
    version: int
    operations: tuple[Operation, ...]
    counts: Counts
    applied: bool = field(default=False, compare=False)


def operations_to_json(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """The stored form of operations."""
    return [_operation_to_json(operation) for operation in operations]


def operations_from_json(workspace_id: str, values: Sequence[dict[str, Any]]) -> tuple[Operation, ...]:
    """Reads what :func:`operations_to_json` made.

    Raises:
        ValueError: an operation that this version of the code does not know. It must not be skipped: the reader's
            state would silently differ from everyone else's.
    """
    return tuple(_operation_from_json(workspace_id, value) for value in values)


def _operation_to_json(operation: Operation) -> dict[str, Any]:
    match operation:
        case PutEndpoint(endpoint):
            return {
                "op": "putEndpoint",
                "id": endpoint.id,
                "type": endpoint.type.value,
                "name": endpoint.name,
                "url": endpoint.url,
                "method": endpoint.method,
                "status": endpoint.status.value,
                "reason": endpoint.status_reason,
                "created": format_date(endpoint.created),
                "modified": format_date(endpoint.modified),
            }
        case DeleteEndpoints(ids):
            return {"op": "deleteEndpoints", "ids": list(ids)}
        case SetStatus(ids, status, reason, modified):
            return {"op": "setStatus", "ids": list(ids), "status": status.value, "reason": reason, "modified": modified}
        case PutEventFilter(event_filter):
            return {
                "op": "putEventFilter",
                "id": event_filter.id,
                "name": event_filter.name,
                "condition": event_filter.condition,
                "created": format_date(event_filter.created),
                "modified": format_date(event_filter.modified),
            }
        case DeleteEventFilters(ids):
            return {"op": "deleteEventFilters", "ids": list(ids)}
        case Link(endpoint_ids, event_filter_ids):
            return {"op": "link", "endpointIds": list(endpoint_ids), "eventFilterIds": list(event_filter_ids)}
        case Unlink(endpoint_ids, event_filter_ids):
            return {"op": "unlink", "endpointIds": list(endpoint_ids), "eventFilterIds": list(event_filter_ids)}


def _operation_from_json(workspace_id: str, value: dict[str, Any]) -> Operation:
    match value["op"]:
        case "putEndpoint":
            return PutEndpoint(
                Endpoint(
                    id=value["id"],
                    workspace_id=workspace_id,
                    type=EndpointType(value["type"]),
                    name=value["name"],
                    url=value["url"],
                    method=value["method"],
                    status=EndpointStatus(value["status"]),
                    status_reason=value["reason"],
                    created=from_stored(value["created"]),
                    modified=from_stored(value["modified"]),
                )
            )
        case "deleteEndpoints":
            return DeleteEndpoints(tuple(value["ids"]))
        case "setStatus":
            return SetStatus(tuple(value["ids"]), EndpointStatus(value["status"]), value["reason"], value["modified"])
        case "putEventFilter":
            return PutEventFilter(
                EventFilter(
                    id=value["id"],
                    workspace_id=workspace_id,
                    name=value["name"],
                    condition=value["condition"],
                    created=from_stored(value["created"]),
                    modified=from_stored(value["modified"]),
                )
            )
        case "deleteEventFilters":
            return DeleteEventFilters(tuple(value["ids"]))
        case "link":
            return Link(tuple(value["endpointIds"]), tuple(value["eventFilterIds"]))
        case "unlink":
            return Unlink(tuple(value["endpointIds"]), tuple(value["eventFilterIds"]))
        case unknown:
            raise ValueError(f"change set operation {unknown!r} is not known to this version")
