"""The root of queries. Arguments are judged here, before anything is read; reading happens as fields are selected."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, TypeVar

import strawberry

from event_service.base.page import Page
from event_service.base.problems import Problems
from event_service.configuration.ports import EndpointPage, EventFilterPage
from functions.graphql_api.context import Context, Info, Once
from functions.graphql_api.schema.arguments import span_of
from functions.graphql_api.schema.collections import (
    DeliveryCollection,
    EndpointCollection,
    EventCollection,
    EventFiltersCollection,
    Listed,
)
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.inputs import (
    DeliveryFilters,
    EndpointFilters,
    EndpointOrder,
    EventFilters,
    EventFiltersFilters,
    EventFiltersOrder,
    EventOrder,
    PaginationInput,
)
from functions.graphql_api.schema.list_queries import delivery_query, endpoint_page, event_filter_page, event_query
from functions.graphql_api.schema.look_ahead import selects
from functions.graphql_api.schema.single_objects import SingleObjects
from functions.graphql_api.schema.types import ID, After, First

T = TypeVar("T")
P = TypeVar("P", EndpointPage, EventFilterPage)


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
        context, endpoints = info.context, info.context.configuration.endpoints
        problems = Problems()
        page = endpoint_page(filters, order, span_of(pagination, first, after, problems), problems)
        problems.refuse()
        cursors = Cursors(context.workspace_id, "endpoints", page)
        page = page if after is None else replace(page, after=cursors.read(after))
        if page.id is not None:
            return EndpointCollection(listed=_at_most_one(context, endpoints.read_page, page, cursors))
        return EndpointCollection(
            listed=Listed(
                Once(lambda: context.read(endpoints.read_page, context.workspace_id, page)),
                Once(lambda: context.read(endpoints.count_page, context.workspace_id, page)),
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
        context, event_filters = info.context, info.context.configuration.event_filters
        problems = Problems()
        page = event_filter_page(filters, order, span_of(pagination, first, after, problems), problems)
        problems.refuse()
        cursors = Cursors(context.workspace_id, "eventsFilters", page)
        page = page if after is None else replace(page, after=cursors.read(after))
        if page.id is not None:
            return EventFiltersCollection(listed=_at_most_one(context, event_filters.read_page, page, cursors))
        return EventFiltersCollection(
            listed=Listed(
                Once(lambda: context.read(event_filters.read_page, context.workspace_id, page)),
                Once(lambda: context.read(event_filters.count_page, context.workspace_id, page)),
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
        context, reading = info.context, info.context.events_reading
        problems = Problems()
        span = span_of(pagination, first, after, problems)
        query = event_query(filters, order, span, selects(info, "collectionItems", "data"), problems)
        problems.refuse()
        cursors = Cursors(context.workspace_id, "events", query)
        query = query if after is None else replace(query, after=cursors.read(after))
        return EventCollection(
            listed=Listed(
                Once(lambda: context.read(reading.read_page, context.workspace_id, query)),
                Once(lambda: context.count(reading.count, query)),
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
        context, deliveries = info.context, info.context.deliveries
        problems = Problems()
        query = delivery_query(filters, order, span_of(pagination, first, after, problems), problems)
        problems.refuse()
        cursors = Cursors(context.workspace_id, "deliveries", query)
        query = query if after is None else replace(query, after=cursors.read(after))
        return DeliveryCollection(
            listed=Listed(
                Once(lambda: context.read(deliveries.read_page, context.workspace_id, query)),
                Once(lambda: context.count(deliveries.count, query)),
                cursors,
            )
        )

    @strawberry.field(description="The secret that signs this webhook's requests: `whsec_…`.")
    async def endpoint_secret(self, info: Info, endpoint_id: Annotated[ID, strawberry.argument(name="id")]) -> str:
        context = info.context
        return await context.read(context.configuration.secrets.current, context.workspace_id, endpoint_id)


def _at_most_one(context: Context, read_page: Callable[[str, P], Page[T]], page: P, cursors: Cursors) -> Listed[T]:
    """The list that a filter by id gives: one read serves all parts."""
    found = Once(lambda: context.read(read_page, context.workspace_id, replace(page, offset=0, limit=1, after=None)))

    async def items() -> Page[T]:
        shown = [] if page.after is not None else (await found.get()).items[page.offset : page.offset + page.limit]
        return Page(shown, page.after, more=False)

    async def count() -> int:
        return len((await found.get()).items)

    return Listed(Once(items), Once(count), cursors)
