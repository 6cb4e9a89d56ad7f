"""Who is connected to an endpoint, and closing connections."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import strawberry

from event_service.base.page import Page
from event_service.base.problems import Problems
from functions.graphql_api.context import Info
from functions.graphql_api.schema.arguments import first_of
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.scalars import DateTime
from functions.graphql_api.schema.types import ID, OperationOutput

if TYPE_CHECKING:
    from event_service.sockets.open_connections import OpenConnection


@strawberry.type(description="An open connection of a WEB_SOCKET endpoint.")
class OpenConnectionOutput:
    id: ID
    connection_date: DateTime = strawberry.field(description="Since when it is open.")
    sequence: int = strawberry.field(description="The last that it was sent, as far as is stored.")
    behind: int = strawberry.field(description="How many events of the endpoint it has not been sent.")
    last_post_date: DateTime | None = strawberry.field(
        description="When it last took a frame, as far as is stored: while a connection keeps up, only now and then."
    )
    token_name: str | None = strawberry.field(description="Of the token that opened it; null when there is none.")
    batched: bool = strawberry.field(description="It takes arrays of events (`batch=1`).")
    own_lane: bool = strawberry.field(description="It catches up, is slow, or takes nothing.")
    failing_since: DateTime | None = strawberry.field(description="Since when it takes nothing.")

    @classmethod
    def of(cls, one: "OpenConnection") -> "OpenConnectionOutput":
        connection = one.connection
        return cls(
            id=ID(one.id),
            connection_date=DateTime(connection.connected_at),
            sequence=one.sequence,
            behind=one.behind,
            last_post_date=cast("DateTime | None", connection.posted_at),
            token_name=one.token_name,
            batched=connection.batched,
            own_lane=one.is_in_own_lane,
            failing_since=cast("DateTime | None", connection.trouble_since),
        )


@strawberry.type(description="A page of open connections.")
class OpenConnectionCollection:
    collection_items: list[OpenConnectionOutput]
    end_cursor: str | None = strawberry.field(description="Give it as `after` to get the next page.")
    has_next_page: bool = strawberry.field(description="False: this is the last page.")


@dataclass(frozen=True, slots=True)
class _Listed:
    """Which list it is, for its cursors."""

    endpoint_id: str


async def connections_of(info: Info, endpoint_id: str, first: int | None, after: str | None) -> OpenConnectionCollection:
    """A page of the connections of an endpoint.

    Args:
        info: of the field.
        endpoint_id: of an endpoint of the caller's workspace.
        first: how many, as the caller gave it.
        after: the cursor, as the caller gave it.
    """
    context, problems = info.context, Problems()
    limit = first_of(first, problems)
    problems.refuse()
    cursors = Cursors(context.workspace_id, "connections", _Listed(endpoint_id))
    place = None if after is None else cursors.read(after)
    page: Page[OpenConnection] = await context.loaders.connections(endpoint_id, limit, place)
    context.nodes.take(len(page.items))
    end = None if page.end is None else cursors.write(page.end)
    return OpenConnectionCollection(
        collection_items=[OpenConnectionOutput.of(one) for one in page.items], end_cursor=end, has_next_page=page.more
    )


@strawberry.type
class ConnectionMutations:
    """Of open connections."""

    @strawberry.mutation(
        description="Closes open connections, by 1 to 100 of their ids, within a few seconds. A client may connect again and misses "
        "nothing; revoke its token to keep it out."
    )
    async def close_connections(self, info: Info, ids: list[ID]) -> OperationOutput | None:
        context = info.context
        return OperationOutput(count=await context.change(context.open_connections.close, context.workspace_id, ids))
