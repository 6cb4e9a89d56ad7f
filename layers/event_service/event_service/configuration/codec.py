"""The stored form of endpoints and event filters: the one place that writes and reads them.

The form is a flat mapping under names that all stores share: the rows in DynamoDB, the change sets
of the chain, and what webhook delivery reads for each batch. What is ``None`` or ``False`` is left out.

:data:`FORMAT` goes up when a release writes what the one before cannot read; see "Formats" in CONTRIBUTING.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from event_service.base import json_values
from event_service.base.dates import format_date, from_stored
from event_service.base.formats import check_format
from event_service.base.marks import MARKS as NAMES_OF_MARKS
from event_service.base.marks import NO_MARKS, Marks
from event_service.configuration.endpoint import SETTINGS, Endpoint, EndpointStatus, EndpointType, contract_name
from event_service.filters.event_filter import EventFilter

FORMAT: Final = 1
MARKS: Final = frozenset(NAMES_OF_MARKS)
"""Fields that are for their owner alone: delivery reads endpoints without them."""
JSON_FIELDS: Final = frozenset(("condition", "labels"))
"""Fields that are mappings. Flat stores hold them as JSON text."""
ROUTED: Final = ("format", "type", "matchesNothing")
"""What :func:`endpoint_type_of` reads."""
_STORED_SETTINGS: Final = tuple((name, contract_name(name)) for name in SETTINGS)

Fields = dict[str, Any]


def endpoint_fields(endpoint: Endpoint) -> Fields:
    """An endpoint as it is stored. ``None`` stands for what is left out, which a row that is updated must lose."""
    return {
        "format": FORMAT,
        "id": endpoint.id,
        "workspaceId": endpoint.workspace_id,
        "type": endpoint.type.value,
        "name": endpoint.name,
        **{stored: getattr(endpoint, name) for name, stored in _STORED_SETTINGS},
        "status": endpoint.status.value,
        "statusReason": endpoint.status_reason,
        "created": format_date(endpoint.created),
        "modified": format_date(endpoint.modified),
        "matchesNothing": endpoint.matches_nothing or None,
        **_marks_fields(endpoint.marks),
    }


def endpoint_of(fields: Mapping[str, Any]) -> Endpoint:
    """Reads what :func:`endpoint_fields` made; other keys are fine.

    Raises:
        ValueError: a format of a newer release.
    """
    check_format(fields.get("format", FORMAT), FORMAT, "an endpoint")
    return Endpoint(
        id=fields["id"],
        workspace_id=fields["workspaceId"],
        type=EndpointType(fields["type"]),
        name=fields["name"],
        **{name: fields.get(stored) for name, stored in _STORED_SETTINGS},
        status=EndpointStatus(fields["status"]),
        status_reason=fields.get("statusReason"),
        created=from_stored(fields["created"]),
        modified=from_stored(fields["modified"]),
        matches_nothing=bool(fields.get("matchesNothing", False)),
        marks=_marks_of(fields),
    )


def event_filter_fields(event_filter: EventFilter) -> Fields:
    """An event filter as it is stored; ``condition`` is a JSON object. ``None`` stands for what is left out."""
    return {
        "format": FORMAT,
        "id": event_filter.id,
        "workspaceId": event_filter.workspace_id,
        "name": event_filter.name,
        "condition": event_filter.condition,
        "created": format_date(event_filter.created),
        "modified": format_date(event_filter.modified),
        "indexEntries": event_filter.index_entries,
        **_marks_fields(event_filter.marks),
    }


def event_filter_of(fields: Mapping[str, Any]) -> EventFilter:
    """Reads what :func:`event_filter_fields` made; other keys are fine.

    Raises:
        ValueError: a format of a newer release.
    """
    check_format(fields.get("format", FORMAT), FORMAT, "an event filter")
    return EventFilter(
        id=fields["id"],
        workspace_id=fields["workspaceId"],
        name=fields["name"],
        condition=decoded("condition", fields["condition"]),
        created=from_stored(fields["created"]),
        modified=from_stored(fields["modified"]),
        index_entries=int(fields.get("indexEntries", 0)),
        marks=_marks_of(fields),
    )


def _marks_fields(marks: Marks) -> Fields:
    return {"key": marks.key, "description": marks.description, "labels": json_values.dumps(dict(marks.labels)) if marks.labels else None}


def _marks_of(fields: Mapping[str, Any]) -> Marks:
    if MARKS.isdisjoint(fields):
        return NO_MARKS
    labels = decoded("labels", fields.get("labels"))
    return Marks(fields.get("key"), fields.get("description"), tuple(labels.items()) if labels else ())


def without_none(fields: Mapping[str, Any]) -> Fields:
    """What is stored where nothing has to be removed."""
    return {name: value for name, value in fields.items() if value is not None}


def flat(fields: Mapping[str, Any]) -> Fields:
    """Fields for a store that holds text, booleans and whole numbers only: a condition as JSON text."""
    condition = fields.get("condition")
    return {**fields, "condition": json_values.dumps(condition)} if condition is not None else dict(fields)


def decoded(name: str, value: Any) -> Any:
    """The value of a field, with what :data:`JSON_FIELDS` are stored as."""
    return json.loads(value) if name in JSON_FIELDS and isinstance(value, str) else value


def endpoint_type_of(fields: Mapping[str, Any]) -> tuple[EndpointType, bool]:
    """The type of a stored endpoint, and whether it matches nothing: all that routing keeps of it. Much quicker than
    :func:`endpoint_of`, of which it reads the fields ``format``, ``type`` and ``matchesNothing``.

    Raises:
        ValueError: a format of a newer release, or a type that only it knows.
    """
    check_format(fields.get("format", FORMAT), FORMAT, "an endpoint")
    return EndpointType(fields["type"]), bool(fields.get("matchesNothing", False))
