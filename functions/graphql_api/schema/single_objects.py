"""Queries for one object, by its id but for the token. What is not there, or belongs to another workspace, is null and no error."""

from typing import Annotated, cast

import strawberry

from event_service.base.errors import BadUserInput
from event_service.base.identifiers import parse_delivery_id, parse_uuid
from event_service.events.event import parse_event_id
from functions.graphql_api.context import TOKEN_ID_CHARACTERS, Info
from functions.graphql_api.schema.scalars import DateTime
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


@strawberry.type(description="The token that asks. Only tokens of kind `access` can.")
class TokenOutput:
    id: ID = strawberry.field(description="The beginning of its hash, as `token list` shows it and `Change.actorId` has it.")
    name: str = strawberry.field(description="Its label.")
    workspace_id: ID
    creation_date: DateTime
    expiry_date: DateTime | None = strawberry.field(description="null: it has no end.")


@strawberry.type
class SingleObjects:
    """Several of one kind in a request are read together."""

    @strawberry.field(description="The token that asks.")
    async def token(self, info: Info) -> TokenOutput:
        token = info.context.own_token
        info.context.nodes.take(1)
        return TokenOutput(
            id=ID(token.token_hash[:TOKEN_ID_CHARACTERS]),
            name=token.name,
            workspace_id=ID(token.workspace_id),
            creation_date=DateTime(token.created),
            expiry_date=cast("DateTime | None", token.expires),
        )

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
