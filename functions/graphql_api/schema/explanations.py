"""Why an event did or did not reach an endpoint."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import strawberry

from event_service.explain.outcome import DeliveryOutcome
from functions.graphql_api.context import Info, Once
from functions.graphql_api.schema.changes import Change
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.scalars import JSON, DateTime
from functions.graphql_api.schema.types import ID, DeliveryOutput, EndpointOutput, EventOutput

if TYPE_CHECKING:
    from event_service.explain import delivery as explain
    from event_service.explain import last_match as looking
    from event_service.filters.matching import explanation

strawberry.enum(
    DeliveryOutcome,
    description="WAITING: another attempt will come. NOT_ROUTED_YET: it matches and nothing is recorded yet. "
    "LOGGED: for a WEB_SOCKET endpoint, it stands in the log, connected or not.",
)


@strawberry.type(description="One clause of an event filter that an event does not fulfil.")
class FailedClause:
    path: str = strawberry.field(description="Where in the event, such as data.total, or in.cameraIds for a list.")
    present: bool = strawberry.field(description="Whether the event has something there.")
    found: JSON | None = strawberry.field(description="The value; a list where there are several.")
    wanted: JSON = strawberry.field(description="What is allowed there, as a pattern writes it.")
    sentence: str = strawberry.field(description="For a person: `data.total`: 80 is not > 100.")

    @classmethod
    def of(cls, clause: "explanation.FailedClause") -> "FailedClause":
        return cls(
            path=clause.path,
            present=clause.present,
            found=cast("JSON | None", clause.found),
            wanted=JSON(clause.wanted),
            sentence=clause.sentence,
        )


@strawberry.type(description="When an event filter last matched, among the newest 1,000 events, 8 MB or 3 s.")
class LastMatch:
    event: EventOutput | None = strawberry.field(description="The newest event that it matches; null: none of those looked at.")
    examined: int = strawberry.field(description="How many events were looked at.")
    since: DateTime | None = strawberry.field(description="When the oldest of them was accepted.")
    complete: bool = strawberry.field(description="False: an older event that is retained may match.")
    sentence: str

    @classmethod
    def of(cls, one: "looking.LastMatch") -> "LastMatch":
        return cls(
            event=None if one.event is None else EventOutput.of(one.event),
            examined=one.examined,
            since=None if one.since is None else DateTime(one.since),
            complete=one.complete,
            sentence=one.sentence,
        )


@strawberry.type(description="One event filter held against an event.")
class FilterExplanation:
    last_matches: strawberry.Private[Once[list[Any]]]
    number: strawberry.Private[int]
    event_filters_id: ID
    name: str
    matched: bool
    failed: list[FailedClause] = strawberry.field(description="Of the alternative (of `$or`) that comes nearest; none where it matched.")
    last_change: Change | None = strawberry.field(description="Of the filter, or of its link to the endpoint; null when it is not kept.")

    @strawberry.field(description="Looked for when it is selected, once for all filters of an answer: the condition as it is shown here.")
    async def last_match(self, info: Info) -> LastMatch:
        found = (await self.last_matches.get())[self.number]
        info.context.nodes.take(2)
        return LastMatch.of(found)

    @classmethod
    def of(cls, one: "explain.FilterExplanation", last_matches: "Once[list[looking.LastMatch]]", number: int) -> "FilterExplanation":
        return cls(
            last_matches=last_matches,
            number=number,
            event_filters_id=ID(one.event_filter.id),
            name=one.event_filter.name,
            matched=one.matched,
            failed=[FailedClause.of(clause) for clause in one.failed],
            last_change=None if one.last_change is None else Change.of(one.last_change),
        )


@strawberry.type(description="What became of an event at an endpoint, and why.")
class DeliveryExplanation:
    endpoint: EndpointOutput
    outcome: DeliveryOutcome
    sentence: str
    delivery: DeliveryOutput | None = strawberry.field(description="Its record, for a WEB_HOOK endpoint.")
    sequence: int | None = strawberry.field(description="Where it stands in the log of a WEB_SOCKET endpoint.")
    configuration_version: int | None = strawberry.field(
        description="The version by which the event was routed; null when it is not known, or not which of several it was."
    )
    as_routed: bool = strawberry.field(description="False: the filters below are those of now.")
    filters: list[FilterExplanation]

    @classmethod
    def of(cls, one: "explain.DeliveryExplanation", filters: list[FilterExplanation]) -> "DeliveryExplanation":
        return cls(
            endpoint=EndpointOutput.of(one.endpoint),
            outcome=one.outcome,
            sentence=one.sentence,
            delivery=None if one.delivery is None else DeliveryOutput.of(one.delivery),
            sequence=one.sequence,
            configuration_version=one.routed.version,
            as_routed=one.as_routed,
            filters=filters,
        )


@strawberry.type(description="A page of endpoints and what became of one event there.")
class DestinationConnection:
    collection_items: list[DeliveryExplanation]
    end_cursor: str | None
    has_next_page: bool


@dataclass(frozen=True, slots=True)
class _OfEvent:
    """Which list of destinations."""

    event_id: str


async def destinations_of(info: Info, event_id: str, first: int, after: str | None) -> DestinationConnection:
    """The outcome of one event at each endpoint."""
    context = info.context
    cursors = Cursors(context.workspace_id, "destinations", _OfEvent(event_id))
    place = None if after is None else cursors.read(after)
    page = await context.read(context.explanations.destinations, context.workspace_id, event_id, first, place)
    return DestinationConnection(
        collection_items=_shown(info, page.explanations),
        end_cursor=None if page.end is None else cursors.write(page.end),
        has_next_page=page.more,
    )


def _shown(info: Info, explanations: "Sequence[explain.DeliveryExplanation]") -> list[DeliveryExplanation]:
    for one in explanations:
        attempts = 0 if one.delivery is None else len(one.delivery.attempts)
        info.context.nodes.take(2 + attempts + sum(2 + len(explained.failed) for explained in one.filters))
    conditions = [explained.event_filter.condition for one in explanations for explained in one.filters]
    context, numbers = info.context, itertools.count()
    last_matches = Once(lambda: context.read(context.last_matches.find, context.workspace_id, conditions))
    return [
        DeliveryExplanation.of(one, [FilterExplanation.of(explained, last_matches, next(numbers)) for explained in one.filters])
        for one in explanations
    ]


@strawberry.type
class ExplanationQueries:
    """What is asked about one event and one endpoint."""

    @strawberry.field(description="Why an event did or did not reach an endpoint.")
    async def explain_delivery(self, info: Info, event_id: ID, endpoint_id: ID) -> DeliveryExplanation:
        context = info.context
        found = await context.read(context.explanations.explain, context.workspace_id, event_id, endpoint_id)
        (shown,) = _shown(info, [found])
        return shown
