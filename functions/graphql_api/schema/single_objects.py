"""Queries for one object by its id. What is not there, or belongs to another workspace, is null and no error."""

from typing import Annotated

import strawberry

from event_service.base.errors import BadUserInput
from event_service.base.identifiers import parse_delivery_id, parse_uuid
from event_service.events.event import parse_event_id
from functions.graphql_api.context import Info
from functions.graphql_api.schema.types import (
    ID,
    DeliveryOutput,
    EndpointOutput,
    EventFiltersOutput,
    EventOutput,
    endpoint_by_id,
    event_by_id,
)

Id = Annotated[ID, strawberry.argument(name="id")]
"""The argument ``id``, under a Python name that says whose."""


@strawberry.type
class SingleObjects:
    """Several of one kind in a request are read together."""

    @strawberry.field(description="One endpoint; null when there is none with this id.")
    async def endpoint(self, info: Info, endpoint_id: Id) -> EndpointOutput | None:
        return await endpoint_by_id(info, parse_uuid(endpoint_id, "id"))

    @strawberry.field(description="One event filter; null when there is none with this id.")
    async def event_filter(self, info: Info, event_filter_id: Id) -> EventFiltersOutput | None:
        found = await info.context.loaders.event_filters.load(parse_uuid(event_filter_id, "id"))
        info.context.nodes.take(1)
        return None if found is None else EventFiltersOutput.of(found)

    @strawberry.field(description="One event; null when there is none with this id, or its retention is over.")
    async def event(self, info: Info, event_id: Id) -> EventOutput | None:
        return await event_by_id(info, parse_event_id(event_id, "id"))

    @strawberry.field(description="One delivery; null when there is none with this id, or its retention is over.")
    async def delivery(self, info: Info, delivery_id: Id) -> DeliveryOutput | None:
        key = parse_delivery_id(delivery_id)
        if key is None:
            raise BadUserInput("id: it is not the id of a delivery.")
        found = await info.context.loaders.deliveries.load(key)
        info.context.nodes.take(1)
        return None if found is None else DeliveryOutput.of(found)
