"""The root of queries. Arguments are judged here, before anything is read; reading happens as fields are selected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import strawberry

from event_service.base.errors import BadUserInput
from event_service.base.identifiers import parse_delivery_id, parse_uuid
from event_service.base.page import Page
from event_service.base.problems import Problems
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.ports import EndpointPage, EventFilterPage
from event_service.events.event import parse_event_id, parse_event_type
from event_service.filters.event_filter import EventFilter
from functions.graphql_api.context import Info, Once
from functions.graphql_api.schema.arguments import Lookup, exact, order_of, page_of
from functions.graphql_api.schema.collections import (
    DeliveryCollection,
    EndpointCollection,
    EventCollection,
    EventFiltersCollection,
    Listed,
)
from functions.graphql_api.schema.cursors import Cursors
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
from functions.graphql_api.schema.look_ahead import selects
from functions.graphql_api.schema.single_objects import SingleObjects
from functions.graphql_api.schema.types import ID, After, First, Ordering

if TYPE_CHECKING:
    from event_service.events.reading import DateRange

T = TypeVar("T")


@strawberry.type
class Query(SingleObjects):
    """Everything that can be read."""

    @strawberry.field(description="Endpoints, by default the oldest first.")
    async def endpoints(
        self,
        info: Info,
        filters: EndpointFilters | None = None,
        order: EndpointOrder | None = None,
        pagination: PaginationInput | None = None,
        first: First = None,
        after: After = None,
    ) -> EndpointCollection:
        context, configuration = info.context, info.context.configuration
        problems = Problems()
        offset, limit = page_of(pagination, first, after, problems)
        chosen = _creation_order(order, problems)
        given_id = exact(filters.id) if filters else None
        endpoint_id = None if given_id is None else problems.collect(lambda: parse_uuid(given_id, "filters.id.exact"), None)
        endpoint_type = exact(filters.type) if filters else None
        problems.refuse()
        page = EndpointPage(endpoint_type, chosen is Ordering.DESC, offset, limit)
        cursors = Cursors(context.workspace_id, f"endpoints {endpoint_id}", page)
        page = page if after is None else replace(page, after=cursors.read(after))
        if endpoint_id is not None:
            wanted = endpoint_id

            async def find() -> list[Endpoint]:
                found = await context.read(configuration.endpoints.endpoint, context.workspace_id, wanted)
                return [found] if found and endpoint_type in (None, found.type) else []

            return EndpointCollection(listed=_at_most_one(find, page, cursors))
        return EndpointCollection(
            listed=Listed(
                Once(lambda: context.read(configuration.endpoints.read_page, context.workspace_id, page)),
                Once(lambda: context.read(configuration.endpoints.count, context.workspace_id, endpoint_type)),
                cursors,
            )
        )

    @strawberry.field(description="Event filters, by default the oldest first.")
    async def events_filters(
        self,
        info: Info,
        filters: EventFiltersFilters | None = None,
        order: EventFiltersOrder | None = None,
        pagination: PaginationInput | None = None,
        first: First = None,
        after: After = None,
    ) -> EventFiltersCollection:
        context, configuration = info.context, info.context.configuration
        problems = Problems()
        offset, limit = page_of(pagination, first, after, problems)
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
        page = EventFilterPage(key == "lastModified", direction is Ordering.DESC, offset, limit)
        cursors = Cursors(context.workspace_id, f"eventsFilters {filter_id}", page)
        page = page if after is None else replace(page, after=cursors.read(after))
        if filter_id is not None:
            wanted = filter_id

            async def find() -> list[EventFilter]:
                found = await context.read(configuration.event_filters.event_filter, context.workspace_id, wanted)
                return [found] if found else []

            return EventFiltersCollection(listed=_at_most_one(find, page, cursors))
        return EventFiltersCollection(
            listed=Listed(
                Once(lambda: context.read(configuration.event_filters.read_page, context.workspace_id, page)),
                Once(lambda: context.read(configuration.event_filters.count, context.workspace_id)),
                cursors,
            )
        )

    @strawberry.field(description="Events within their retention, by default the latest first.")
    async def events(
        self,
        info: Info,
        filters: EventFilters | None = None,
        order: EventOrder | None = None,
        pagination: PaginationInput | None = None,
        first: First = None,
        after: After = None,
    ) -> EventCollection:
        from event_service.events.reading import EventQuery

        context, reading = info.context, info.context.events_reading
        problems = Problems()
        offset, limit = page_of(pagination, first, after, problems)
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
            with_data=selects(info, "collectionItems", "data"),
        )
        problems.refuse()
        cursors = Cursors(context.workspace_id, "events", query)
        query = query if after is None else replace(query, after=cursors.read(after))
        return EventCollection(
            listed=Listed(
                Once(lambda: context.read(reading.read_page, context.workspace_id, query)),
                Once(lambda: context.read(reading.count, context.workspace_id, query)),
                cursors,
            )
        )

    @strawberry.field(description="Deliveries to WEB_HOOK endpoints, by default the latest first.")
    async def deliveries(
        self,
        info: Info,
        filters: DeliveryFilters | None = None,
        order: EndpointOrder | None = None,
        pagination: PaginationInput | None = None,
        first: First = None,
        after: After = None,
    ) -> DeliveryCollection:
        from event_service.delivery.history import DeliveryQuery

        context, deliveries = info.context, info.context.deliveries
        problems = Problems()
        offset, limit = page_of(pagination, first, after, problems)
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
        cursors = Cursors(context.workspace_id, "deliveries", query)
        query = query if after is None else replace(query, after=cursors.read(after))
        return DeliveryCollection(
            listed=Listed(
                Once(lambda: context.read(deliveries.read_page, context.workspace_id, query)),
                Once(lambda: context.read(deliveries.count, context.workspace_id, query)),
                cursors,
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


def _at_most_one(find: Callable[[], Awaitable[list[T]]], page: EndpointPage | EventFilterPage, cursors: Cursors) -> Listed[T]:
    """The list that a filter by id gives: one read serves all parts."""
    found = Once(find)

    async def items() -> Page[T]:
        shown = [] if page.after is not None else (await found.get())[page.offset : page.offset + page.limit]
        return Page(shown, page.after, more=False)

    async def count() -> int:
        return len(await found.get())

    return Listed(Once(items), Once(count), cursors)


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
