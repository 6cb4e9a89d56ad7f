"""The root of queries. Arguments are judged here, before anything is read; reading happens as fields are selected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import strawberry

from event_service.base.errors import BadUserInput
from event_service.base.identifiers import parse_delivery_id, parse_uuid
from event_service.base.problems import Problems
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.ports import EndpointPage, EventFilterPage
from event_service.events.event import parse_event_id, parse_event_type
from event_service.filters.event_filter import EventFilter
from functions.graphql_api.context import Info, Once
from functions.graphql_api.schema.arguments import Lookup, exact, order_of, page_of
from functions.graphql_api.schema.inputs import (
    DateLookup,
    DeliveryFilters,
    EndpointFilters,
    EndpointOrder,
    EventFilters,
    EventFiltersFilters,
    EventFiltersOrder,
    EventOrder,
    PaginationInput,
)
from functions.graphql_api.schema.types import (
    ID,
    DeliveryCollection,
    EndpointCollection,
    EventCollection,
    EventFiltersCollection,
    Ordering,
    Selected,
)

if TYPE_CHECKING:
    from event_service.events.reading import DateRange

T = TypeVar("T")


@strawberry.type
class Query:
    """Everything that can be read."""

    @strawberry.field(description="Endpoints, by default the oldest first.")
    async def endpoints(
        self,
        info: Info,
        filters: EndpointFilters | None = None,
        order: EndpointOrder | None = None,
        pagination: PaginationInput | None = None,
    ) -> EndpointCollection:
        context, configuration = info.context, info.context.configuration
        problems = Problems()
        offset, limit = page_of(pagination, problems)
        chosen = _creation_order(order, problems)
        given_id = exact(filters.id) if filters else None
        endpoint_id = None if given_id is None else problems.collect(lambda: parse_uuid(given_id, "filters.id.exact"), None)
        endpoint_type = exact(filters.type) if filters else None
        problems.refuse()
        if endpoint_id is not None:
            wanted = endpoint_id

            async def find() -> list[Endpoint]:
                found = await context.read(configuration.endpoints.endpoint, context.workspace_id, wanted)
                return [found] if found and endpoint_type in (None, found.type) else []

            return EndpointCollection(selected=_at_most_one(find, offset, limit))
        page = EndpointPage(endpoint_type, chosen is Ordering.DESC, offset, limit)
        return EndpointCollection(
            selected=Selected(
                Once(lambda: context.read(configuration.endpoints.page, context.workspace_id, page)),
                Once(lambda: context.read(configuration.endpoints.count, context.workspace_id, endpoint_type)),
            )
        )

    @strawberry.field(description="Event filters, by default the oldest first.")
    async def events_filters(
        self,
        info: Info,
        filters: EventFiltersFilters | None = None,
        order: EventFiltersOrder | None = None,
        pagination: PaginationInput | None = None,
    ) -> EventFiltersCollection:
        context, configuration = info.context, info.context.configuration
        problems = Problems()
        offset, limit = page_of(pagination, problems)
        keys = (
            {
                "creation_date": order.creation_date_snake,
                "creationDate": order.creation_date,
                "last_modified": order.last_modified_snake,
                "lastModified": order.last_modified,
            }
            if order
            else {}
        )
        key, direction = order_of(keys, problems) or ("creationDate", Ordering.ASC)
        given_id = exact(filters.id) if filters else None
        filter_id = None if given_id is None else problems.collect(lambda: parse_uuid(given_id, "filters.id.exact"), None)
        problems.refuse()
        if filter_id is not None:
            wanted = filter_id

            async def find() -> list[EventFilter]:
                found = await context.read(configuration.event_filters.event_filter, context.workspace_id, wanted)
                return [found] if found else []

            return EventFiltersCollection(selected=_at_most_one(find, offset, limit))
        page = EventFilterPage(key == "lastModified", direction is Ordering.DESC, offset, limit)
        return EventFiltersCollection(
            selected=Selected(
                Once(lambda: context.read(configuration.event_filters.page, context.workspace_id, page)),
                Once(lambda: context.read(configuration.event_filters.count, context.workspace_id)),
            )
        )

    @strawberry.field(description="Events within their retention, by default the latest first.")
    async def events(
        self,
        info: Info,
        filters: EventFilters | None = None,
        order: EventOrder | None = None,
        pagination: PaginationInput | None = None,
    ) -> EventCollection:
        from event_service.events.reading import EventQuery

        context, reading = info.context, info.context.events_reading
        problems = Problems()
        offset, limit = page_of(pagination, problems)
        _, direction = order_of({"date": order.date} if order else {}, problems) or ("date", Ordering.DESC)
        given = filters or EventFilters()
        query = EventQuery(
            id=_checked(given.id, "filters.id.exact", parse_event_id, problems),
            type=_checked(given.type, "filters.type.exact", _parse_any_type, problems),
            date=_date_range(given.date),
            profile_id=_checked(
                given.data_identification_data_profile_id, "filters.dataIdentificationDataProfileId.exact", parse_event_id, problems
            ),
            activity_id=_checked(given.activity_id, "filters.activityId.exact", parse_event_id, problems),
            descending=direction is Ordering.DESC,
            offset=offset,
            limit=limit,
        )
        problems.refuse()
        return EventCollection(
            page=lambda with_data: context.read(reading.page, context.workspace_id, replace(query, with_data=with_data)),
            count=Once(lambda: context.read(reading.count, context.workspace_id, query)),
        )

    @strawberry.field(description="Deliveries to WEB_HOOK endpoints, by default the latest first.")
    async def deliveries(
        self,
        info: Info,
        filters: DeliveryFilters | None = None,
        order: EndpointOrder | None = None,
        pagination: PaginationInput | None = None,
    ) -> DeliveryCollection:
        from event_service.delivery.history import DeliveryQuery

        context, deliveries = info.context, info.context.deliveries
        problems = Problems()
        offset, limit = page_of(pagination, problems)
        chosen = _creation_order(order, problems) or Ordering.DESC
        given = filters or DeliveryFilters()
        query = DeliveryQuery(
            id=_checked(given.id, "filters.id.exact", _parse_delivery_id, problems),
            event_id=_checked(given.event_id, "filters.eventId.exact", parse_event_id, problems),
            endpoint_id=_checked(given.endpoint_id, "filters.endpointId.exact", parse_uuid, problems),
            status=exact(given.status),
            descending=chosen is Ordering.DESC,
            offset=offset,
            limit=limit,
        )
        problems.refuse()
        return DeliveryCollection(
            selected=Selected(
                Once(lambda: context.read(deliveries.page, context.workspace_id, query)),
                Once(lambda: context.read(deliveries.count, context.workspace_id, query)),
            )
        )

    @strawberry.field(description="The secret that signs this webhook's requests: `whsec_…`.")
    async def endpoint_secret(self, info: Info, endpoint_id: Annotated[ID, strawberry.argument(name="id")]) -> str:
        context = info.context
        return await context.read(context.configuration.secrets.current, context.workspace_id, endpoint_id)


def _creation_order(order: EndpointOrder | None, problems: Problems) -> Ordering | None:
    keys = {"creation_date": order.creation_date_snake, "creationDate": order.creation_date} if order else {}
    chosen = order_of(keys, problems)
    return chosen[1] if chosen else None


def _at_most_one(find: Callable[[], Awaitable[list[T]]], offset: int, limit: int) -> Selected[T]:
    """The list that a filter by id gives: one read serves both halves."""
    found = Once(find)

    async def items() -> list[T]:
        return (await found.get())[offset : offset + limit]

    async def count() -> int:
        return len(await found.get())

    return Selected(Once(items), Once(count))


def _checked(lookup: Lookup[str] | None, name: str, parse: Callable[[str, str], str], problems: Problems) -> str | None:
    value = exact(lookup)
    return None if value is None else problems.collect(lambda: parse(value, name), None)


def _parse_delivery_id(value: str, name: str) -> str:
    if parse_delivery_id(value) is None:
        shown = value if len(value) <= 60 else value[:57] + "..."
        raise BadUserInput(f"{name}: {shown!r} is not the id of a delivery.")
    return value


def _parse_any_type(value: str, name: str) -> str:
    return parse_event_type(value, name, reserved=True)


def _date_range(lookup: DateLookup | None) -> DateRange:
    from event_service.events.reading import DateRange

    return DateRange() if lookup is None else DateRange(lookup.exact, lookup.gt, lookup.gte, lookup.lt, lookup.lte)
