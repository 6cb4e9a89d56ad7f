"""Counts for charts."""

from enum import StrEnum

import strawberry

from functions.graphql_api.context import Info
from functions.graphql_api.schema.scalars import DateTime


@strawberry.enum(description="How long each point of a chart is. Steps begin at whole minutes, hours and days of UTC.")
class StatisticsStep(StrEnum):
    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"


_ROUNDED = "Rounded up to 5, 10, 20, 30, 50, 70, 100, 150, 200 and so on; null without answers."


@strawberry.type(description="What happened in one step.")
class StatisticsPoint:
    start: DateTime
    events: int = strawberry.field(description="Events routed, matched or not.")
    deliveries: int = strawberry.field(description="Deliveries begun, to sockets as well.")
    delivered: int = strawberry.field(description="Deliveries that a webhook took.")
    attempts_failed: int = strawberry.field(description="Attempts at webhooks that will be made again.")
    failed: int = strawberry.field(description="Deliveries to webhooks given up.")
    p50_ms: int | None = strawberry.field(description=f"Half of the answers of webhooks took no longer. {_ROUNDED}")
    p95_ms: int | None = strawberry.field(description=f"95 of 100 answers of webhooks took no longer. {_ROUNDED}")


@strawberry.type(
    description="Counts for charts, approximate by a minute: they come up to a minute late, and what a function did in its last minute may "
    "be missing."
)
class StatisticsOutput:
    counted: bool = strawberry.field(description="False: the operator has turned counting off, and there is nothing new.")
    p50_ms: int | None = strawberry.field(description=f"Of all points together: half of the answers took no longer. {_ROUNDED}")
    p95_ms: int | None = strawberry.field(description=f"Of all points together: 95 of 100 answers took no longer. {_ROUNDED}")
    points: list[StatisticsPoint] = strawberry.field(description="Each step of the span in order, also those in which nothing happened.")


@strawberry.type
class StatisticsQueries:
    """What is asked for charts."""

    @strawberry.field(
        description="How many events and deliveries there were in [since, until), in steps; by default in the last day. Counts are kept "
        "for 14 days; at most 1,500 steps."
    )
    async def statistics(
        self, info: Info, since: DateTime | None = None, until: DateTime | None = None, step: StatisticsStep = StatisticsStep.HOUR
    ) -> StatisticsOutput:
        from event_service.counting.ports import Counted
        from event_service.counting.statistics import Step, within_ms

        context = info.context
        found = await context.read(context.statistics.points, context.workspace_id, since, until, Step[step.value])
        context.nodes.take(len(found))
        return StatisticsOutput(
            counted=context.statistics.gathered,
            p50_ms=within_ms(found, 0.5),
            p95_ms=within_ms(found, 0.95),
            points=[
                StatisticsPoint(
                    start=DateTime(one.start),
                    events=one.counts.get(Counted.EVENTS, 0),
                    deliveries=one.counts.get(Counted.DELIVERIES, 0),
                    delivered=one.counts.get(Counted.DELIVERED, 0),
                    attempts_failed=one.counts.get(Counted.ATTEMPTS_FAILED, 0),
                    failed=one.counts.get(Counted.FAILED, 0),
                    p50_ms=within_ms([one], 0.5),
                    p95_ms=within_ms([one], 0.95),
                )
                for one in found
            ],
        )
