"""Trying an event filter before anybody depends on it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import strawberry

from functions.graphql_api.context import Info
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.explanations import FailedClause
from functions.graphql_api.schema.inputs import EventFiltersInput, EventInput
from functions.graphql_api.schema.scalars import DateTime
from functions.graphql_api.schema.types import ID, EventOutput

if TYPE_CHECKING:
    from event_service.explain.backtest import MatchPage, Question
    from event_service.explain.tally import Bucket


@strawberry.input(
    description="One of eventFiltersInput and eventFiltersId. One of a span of acceptance (since, until), eventIds and events; without "
    "them, everything that is retained."
)
class MatchEventsInput:
    event_filters_input: EventFiltersInput | None = None
    event_filters_id: ID | None = None
    endpoint_id: ID | None = strawberry.field(
        default=None, description="Also say what this endpoint would gain and lose if the filter were its only one."
    )
    keep_others: bool | None = strawberry.field(default=False, description="With endpointId: it keeps its other event filters.")
    replaces_id: ID | None = strawberry.field(
        default=None, description="With keepOthers: but for this one. An existing filter that is tried (eventFiltersId) replaces itself."
    )
    since: DateTime | None = None
    until: DateTime | None = None
    event_ids: list[ID] | None = None
    events: list[EventInput] | None = strawberry.field(
        default=None, description="Events of one's own, at most 100. They are not published."
    )
    after: str | None = strawberry.field(default=None, description="endCursor of the page before.")

    def question(self) -> "Question":
        """The input as the use case takes it."""
        from event_service.explain.backtest import Question

        return Question(
            condition=None if self.event_filters_input is None else self.event_filters_input.as_condition(),
            event_filter_id=self.event_filters_id,
            endpoint_id=self.endpoint_id,
            keep_others=bool(self.keep_others),
            replaces_id=self.replaces_id,
            since=self.since,
            until=self.until,
            event_ids=self.event_ids,
            events=None if self.events is None else [one.as_new_event() for one in self.events],
            after=self.after,
        )


@strawberry.type(description="The events that were accepted within one hour or day.")
class MatchBucket:
    start: DateTime
    examined: int
    matched: int

    @classmethod
    def of(cls, bucket: "Bucket") -> "MatchBucket":
        return cls(start=DateTime(bucket.start), examined=bucket.examined, matched=bucket.matched)


@strawberry.type(description="An event that fails in one clause only.")
class NearMiss:
    event: EventOutput
    clause: FailedClause


@strawberry.type(description="What one page of events says about a filter, the newest events first.")
class MatchEventsOutput:
    examined: int
    matched: int
    complete: bool = strawberry.field(description="False: go on with endCursor.")
    end_cursor: str | None
    histogram: list[MatchBucket] = strawberry.field(description="By hour for a span of up to three days, by day otherwise.")
    matches: list[EventOutput] = strawberry.field(description="The newest of the page, at most 50.")
    near_misses: list[NearMiss] = strawberry.field(description="Events that fail in one clause only, the newest of the page, at most 50.")
    gained: int | None = strawberry.field(description="Events that endpointId does not receive now and would with this filter.")
    lost: int | None = strawberry.field(description="Events that endpointId receives now and would not with this filter.")

    @classmethod
    def of(cls, page: "MatchPage", end_cursor: str | None) -> "MatchEventsOutput":
        tally = page.tally
        return cls(
            examined=tally.examined,
            matched=tally.matched,
            complete=page.end is None,
            end_cursor=end_cursor,
            histogram=[MatchBucket.of(bucket) for bucket in tally.histogram],
            matches=[EventOutput.of(event) for event in tally.matches],
            near_misses=[NearMiss(event=EventOutput.of(one.event), clause=FailedClause.of(one.clause)) for one in tally.near_misses],
            gained=tally.gained if page.compared else None,
            lost=tally.lost if page.compared else None,
        )


@strawberry.type
class MatchingQueries:
    """What is asked about a filter."""

    @strawberry.field(description="Try a filter on events that are retained, or on events of one's own. Nothing is changed.")
    async def match_events(self, info: Info, input: MatchEventsInput) -> MatchEventsOutput:  # noqa: A002 - the contract's name
        context, question = info.context, input.question()
        cursors = Cursors(context.workspace_id, "matchEvents", question)
        if question.after is not None:
            question = replace(question, after=cursors.read(question.after))
        page = await context.read(context.backtest.page, context.workspace_id, question, context.time_left)
        context.nodes.take(len(page.tally.histogram) + len(page.tally.matches) + 3 * len(page.tally.near_misses))
        return MatchEventsOutput.of(page, None if page.end is None else cursors.write(page.end))
