"""The configuration as it was."""

from enum import StrEnum
from typing import TYPE_CHECKING

import strawberry

from functions.graphql_api.context import Info
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.scalars import JSON, DateTime
from functions.graphql_api.schema.types import ID

if TYPE_CHECKING:
    from event_service.explain.past_configuration import PastObject


@strawberry.enum(description="What a configuration consists of.")
class ConfiguredKind(StrEnum):
    ENDPOINT = "ENDPOINT"
    EVENT_FILTER = "EVENT_FILTER"


@strawberry.type(description="An endpoint or an event filter as it was.")
class ConfiguredObject:
    kind: ConfiguredKind
    id: ID
    name: str
    value: JSON = strawberry.field(description="What was set, named as in `changes`.")
    event_filters_ids: list[ID] | None = strawberry.field(
        description="Of an endpoint: the event filters that it was linked to; null when they are not known any more."
    )

    @classmethod
    def of(cls, one: "PastObject") -> "ConfiguredObject":
        return cls(
            kind=ConfiguredKind.ENDPOINT if one.is_endpoint else ConfiguredKind.EVENT_FILTER,
            id=ID(one.id),
            name=one.name,
            value=JSON(one.value),
            event_filters_ids=None if one.event_filter_ids is None else [ID(linked) for linked in one.event_filter_ids],
        )


@strawberry.type(description="A page of a configuration: endpoints, then event filters, each the oldest first.")
class ConfigurationConnection:
    version: int | None = strawberry.field(description="Null when it is older than all changes that are kept.")
    date: DateTime | None = strawberry.field(description="When this version was made, where that is kept.")
    complete: bool = strawberry.field(description="False: what was last set by changes that are not kept any more is missing.")
    sentence: str = strawberry.field(description="Which configuration this is, and how far back the changes reach.")
    collection_items: list[ConfiguredObject]
    end_cursor: str | None
    has_next_page: bool


@strawberry.type
class PastConfigurationQueries:
    """What is asked about the configuration of another time."""

    @strawberry.field(
        description="The configuration as it was at a version or a date, rebuilt from the changes that are kept; by default the newest. "
        "`first`: 1 to 100."
    )
    async def configuration(
        self, info: Info, version: int | None = None, date: DateTime | None = None, first: int | None = 50, after: str | None = None
    ) -> ConfigurationConnection:
        from event_service.explain.past_configuration import Moment

        context, moment = info.context, Moment(version, date)
        cursors = Cursors(context.workspace_id, "configuration", moment)
        place = None if after is None else cursors.read(after)
        found = await context.read(context.past_configuration.page, context.workspace_id, moment, 50 if first is None else first, place)
        context.nodes.take(len(found.objects) + sum(len(one.event_filter_ids or ()) for one in found.objects))
        return ConfigurationConnection(
            version=found.version,
            date=None if found.date is None else DateTime(found.date),
            complete=found.complete,
            sentence=found.sentence,
            collection_items=[ConfiguredObject.of(one) for one in found.objects],
            end_cursor=None if found.end is None else cursors.write(found.end),
            has_next_page=found.more,
        )
