"""From the arguments of the four lists to what the use cases are asked. Faults are collected."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from event_service.base import json_values
from event_service.base.errors import BadUserInput
from event_service.base.identifiers import parse_delivery_id, parse_uuid
from event_service.base.marks import parse_labels
from event_service.base.problems import Problems
from event_service.configuration.ports import EndpointPage, EventFilterPage
from event_service.events.event import parse_event_id, parse_event_type
from functions.graphql_api.schema.arguments import Lookup, Span, exact, order_of
from functions.graphql_api.schema.inputs import (
    DateLookup,
    DeliveryFilters,
    EndpointFilters,
    EndpointOrder,
    EventFilters,
    EventFiltersFilters,
    EventFiltersOrder,
    EventOrder,
    EventTypeLookup,
    TextLookup,
)
from functions.graphql_api.schema.types import Ordering

if TYPE_CHECKING:
    from event_service.delivery.lists import DeliveryQuery
    from event_service.events.reading import DateRange, EventQuery

MAXIMUM_VALUES = 100
"""In one list of a lookup."""
MAXIMUM_TEXT_CHARACTERS = 256


def endpoint_page(filters: EndpointFilters | None, order: EndpointOrder | None, span: Span, problems: Problems) -> EndpointPage:
    given = filters or EndpointFilters()
    return EndpointPage(
        type=exact(given.type),
        descending=_creation_order(order, problems) is Ordering.DESC,
        offset=span.offset,
        limit=span.limit,
        id=_checked(given.id, "filters.id.exact", parse_uuid, problems),
        name=_contains(given.name, "filters.name.contains", problems),
        status=exact(given.status),
        key=_checked(given.key, "filters.key.exact", _parse_text, problems),
        labels=_labels(given.labels, problems),
        event_filter_id=_checked(given.event_filters_id, "filters.eventFiltersId.exact", parse_uuid, problems),
        may_end_early=span.may_end_early,
    )


def event_filter_page(
    filters: EventFiltersFilters | None, order: EventFiltersOrder | None, span: Span, problems: Problems
) -> EventFilterPage:
    given, ordered = filters or EventFiltersFilters(), order or EventFiltersOrder()
    keys = {
        "creation_date": ordered.creation_date_snake,
        "creationDate": ordered.creation_date,
        "last_modified": ordered.last_modified_snake,
        "lastModified": ordered.last_modified,
    }
    key, direction = order_of(keys, problems) or ("creationDate", Ordering.ASC)
    return EventFilterPage(
        by_modification=key == "lastModified",
        descending=direction is Ordering.DESC,
        offset=span.offset,
        limit=span.limit,
        id=_checked(given.id, "filters.id.exact", parse_uuid, problems),
        name=_contains(given.name, "filters.name.contains", problems),
        key=_checked(given.key, "filters.key.exact", _parse_text, problems),
        labels=_labels(given.labels, problems),
        endpoint_id=_checked(given.endpoint_id, "filters.endpointId.exact", parse_uuid, problems),
        linked=given.linked,
        may_end_early=span.may_end_early,
    )


def event_query(filters: EventFilters | None, order: EventOrder | None, span: Span, with_data: bool, problems: Problems) -> "EventQuery":
    from event_service.events.reading import EventQuery

    _, direction = order_of({"date": order.date} if order else {}, problems) or ("date", Ordering.DESC)
    given = filters or EventFilters()
    kind = given.type or EventTypeLookup()
    profile_id = "filters.dataIdentificationDataProfileId.exact"
    return EventQuery(
        id=_checked(given.id, "filters.id.exact", parse_event_id, problems),
        type=_checked(kind, "filters.type.exact", _parse_any_type, problems),
        types=None if kind.in_ is None else _several(kind.in_, "filters.type.in", _parse_any_type, problems),
        type_prefix=None if kind.starts_with is None else _text(kind.starts_with, "filters.type.startsWith", problems),
        date=_date_range(given.date),
        profile_id=_checked(given.data_identification_data_profile_id, profile_id, parse_event_id, problems),
        activity_id=_checked(given.activity_id, "filters.activityId.exact", parse_event_id, problems),
        agent_id=_checked(given.agent_id, "filters.agentId.exact", parse_event_id, problems),
        camera_id=_checked(given.camera_id, "filters.cameraId.exact", parse_event_id, problems),
        pattern=_pattern(given.pattern, problems),
        descending=direction is Ordering.DESC,
        offset=span.offset,
        limit=span.limit,
        with_data=with_data,
        may_end_early=span.may_end_early,
    )


def delivery_query(filters: DeliveryFilters | None, order: EndpointOrder | None, span: Span, problems: Problems) -> "DeliveryQuery":
    from event_service.delivery.lists import DeliveryQuery

    given = filters or DeliveryFilters()
    since, until = (None, None) if given.creation_date is None else _date_range(given.creation_date).bounds()
    return DeliveryQuery(
        id=_checked(given.id, "filters.id.exact", _parse_delivery_id, problems),
        event_id=_checked(given.event_id, "filters.eventId.exact", parse_event_id, problems),
        endpoint_id=_checked(given.endpoint_id, "filters.endpointId.exact", parse_uuid, problems),
        status=exact(given.status),
        statuses=None if given.status is None or given.status.in_ is None else tuple(sorted(set(given.status.in_))),
        status_code=exact(given.status_code),
        event_types=_delivery_types(given.event_type, problems),
        since=since,
        until=until,
        descending=(_creation_order(order, problems) or Ordering.DESC) is Ordering.DESC,
        offset=span.offset,
        limit=span.limit,
        may_end_early=span.may_end_early,
    )


def _delivery_types(lookup: EventTypeLookup | None, problems: Problems) -> tuple[str, ...] | None:
    """In upper case, and the same order whatever the caller's is: it is part of what a cursor belongs to."""
    if lookup is None:
        return None
    if lookup.starts_with is not None:
        problems.add("filters.eventType.startsWith: deliveries are found by whole types; give exact or in.")
    given = [_several(lookup.in_, "filters.eventType.in", _parse_any_type, problems)] if lookup.in_ is not None else []
    one = _checked(lookup, "filters.eventType.exact", _parse_any_type, problems)
    given += [] if one is None else [(one,)]
    found = [{kind.upper() for kind in some} for some in given]
    return tuple(sorted(set.intersection(*found))) if found else None


def _creation_order(order: EndpointOrder | None, problems: Problems) -> Ordering | None:
    keys = {"creation_date": order.creation_date_snake, "creationDate": order.creation_date} if order else {}
    chosen = order_of(keys, problems)
    return chosen[1] if chosen else None


def _checked(lookup: Lookup[str] | None, name: str, parse: Callable[[str, str], str], problems: Problems) -> str | None:
    value = exact(lookup)
    return None if value is None else problems.collect(lambda: parse(value, name), None)


def _several(values: Sequence[str], name: str, parse: Callable[[str, str], str], problems: Problems) -> tuple[str, ...]:
    if len(values) > MAXIMUM_VALUES:
        problems.add(f"{name}: it has {len(values)} values; at most {MAXIMUM_VALUES} are allowed.")
        return ()
    parsed = [problems.collect(partial(parse, value, f"{name}[{number}]"), "") for number, value in enumerate(values)]
    return tuple(sorted(set(parsed)))


def _contains(lookup: TextLookup | None, name: str, problems: Problems) -> str | None:
    return None if lookup is None or lookup.contains is None else _text(lookup.contains, name, problems)


def _text(value: str, name: str, problems: Problems) -> str | None:
    return problems.collect(lambda: _parse_text(value, name), None)


def _parse_text(value: str, name: str) -> str:
    if not 1 <= len(value) <= MAXIMUM_TEXT_CHARACTERS:
        raise BadUserInput(f"{name}: it has {len(value)} characters; give 1 to {MAXIMUM_TEXT_CHARACTERS}.")
    return value


def _labels(given: object, problems: Problems) -> tuple[tuple[str, str], ...]:
    return () if given is None else problems.collect(lambda: parse_labels(given, "filters.labels"), ())


def _pattern(given: object, problems: Problems) -> str | None:
    """An event pattern as JSON, in one spelling, so that cursors know it again."""
    if given is None:
        return None
    from event_service.filters.event_filter import MAXIMUM_CONDITION_BYTES
    from event_service.filters.patterns.compile import parse_pattern

    name = "filters.pattern"
    text = problems.collect(lambda: json_values.dumps(parse_pattern(given, name)), "")
    if len(text.encode()) > MAXIMUM_CONDITION_BYTES:
        problems.add(f"{name}: it has {len(text.encode()):,} bytes as JSON; at most {MAXIMUM_CONDITION_BYTES:,} are allowed.")
    return text


def _parse_delivery_id(value: str, name: str) -> str:
    if parse_delivery_id(value) is None:
        shown = value if len(value) <= 60 else value[:57] + "..."
        raise BadUserInput(f"{name}: {shown!r} is not the id of a delivery.")
    return value


def _parse_any_type(value: str, name: str) -> str:
    return parse_event_type(value, name, reserved=True)


def _date_range(lookup: DateLookup | None) -> "DateRange":
    from event_service.events.reading import DateRange

    return DateRange() if lookup is None else DateRange(lookup.exact, lookup.gt, lookup.gte, lookup.lt, lookup.lte)
