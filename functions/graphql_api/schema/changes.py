"""The history of the configuration."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import strawberry

from functions.graphql_api.context import Info
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.scalars import JSON, DateTime

if TYPE_CHECKING:
    from event_service.configuration.changes import ChangeSet


@strawberry.type(description="One change of the configuration.")
class Change:
    version: int
    date: DateTime
    actor: str | None = strawberry.field(description="Label of the token; `event-service` for the service itself.")
    actor_id: str | None = strawberry.field(description="The beginning of the token's id, as `token list` shows it.")
    operation: str = strawberry.field(description="The mutation, such as linkEndpointsToEventFilters, or the service's own reason.")
    sentence: str = strawberry.field(description="What was changed, for a person.")
    before: JSON | None = strawberry.field(description="What was changed, as it was, by the id of the endpoint or event filter.")
    after: JSON | None = strawberry.field(description="What was changed, as it was then, by the id of the endpoint or event filter.")

    @classmethod
    def of(cls, change: "ChangeSet") -> "Change":
        from event_service.base.dates import from_stored
        from event_service.explain.difference import difference_of

        difference, note = difference_of(change), change.note
        return cls(
            version=change.version,
            date=DateTime(from_stored(note.date)),
            actor=note.actor,
            actor_id=note.actor_id,
            operation=note.operation,
            sentence=difference.sentence,
            before=cast("JSON | None", difference.before),
            after=cast("JSON | None", difference.after),
        )


@strawberry.type(description="A page of changes.")
class ChangeConnection:
    collection_items: list[Change]
    end_cursor: str | None
    has_next_page: bool


@dataclass(frozen=True, slots=True)
class _AllChanges:
    """The list has no filters."""


@strawberry.type
class ChangeQueries:
    """What is asked about the history."""

    @strawberry.field(description="The configuration's history, newest first; the newest 1,000 changes are kept. `first`: 1 to 100.")
    async def changes(self, info: Info, first: int | None = 50, after: str | None = None) -> ChangeConnection:
        context = info.context
        cursors = Cursors(context.workspace_id, "changes", _AllChanges())
        place = None if after is None else cursors.read(after)
        found = await context.read(context.changes.page, context.workspace_id, 50 if first is None else first, place)
        context.nodes.take(len(found.changes))
        return ChangeConnection(
            collection_items=[Change.of(change) for change in found.changes],
            end_cursor=None if found.end is None else cursors.write(found.end),
            has_next_page=found.more,
        )
