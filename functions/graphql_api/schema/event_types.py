"""The types of events that a workspace has seen."""

from dataclasses import dataclass

import strawberry

from functions.graphql_api.context import Info
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.scalars import DateTime


@strawberry.type(description="A type of events, and when it was seen, to the hour.")
class SeenEventType:
    type: str
    first_seen: DateTime
    last_seen: DateTime


@strawberry.type(description="A page of types, in their order.")
class EventTypeConnection:
    collection_items: list[SeenEventType]
    end_cursor: str | None
    has_next_page: bool


@dataclass(frozen=True, slots=True)
class _AllTypes:
    """The list has no filters."""


@strawberry.type
class EventTypeQueries:
    """What is asked about types of events."""

    @strawberry.field(
        description="The types of events that were routed, with their first and last sight. Nothing is noted while the operator has turned "
        "counting off. `first`: 1 to 1000."
    )
    async def event_types(self, info: Info, first: int | None = 100, after: str | None = None) -> EventTypeConnection:
        context = info.context
        cursors = Cursors(context.workspace_id, "eventTypes", _AllTypes())
        place = None if after is None else cursors.read(after)
        found = await context.read(context.event_types.page, context.workspace_id, 100 if first is None else first, place)
        context.nodes.take(len(found.types))
        return EventTypeConnection(
            collection_items=[
                SeenEventType(type=one.type, first_seen=DateTime(one.first), last_seen=DateTime(one.last)) for one in found.types
            ],
            end_cursor=cursors.write(found.types[-1].type) if found.types else None,
            has_next_page=found.more,
        )
