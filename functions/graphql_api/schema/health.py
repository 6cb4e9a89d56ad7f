"""How the receiver of an endpoint is doing."""

from enum import StrEnum
from typing import TYPE_CHECKING, cast

import strawberry

from functions.graphql_api.context import Info
from functions.graphql_api.schema.scalars import DateTime

if TYPE_CHECKING:
    from event_service.delivery.receiver_health import EndpointHealth
    from event_service.delivery.receiver_reports import LastHour


@strawberry.type(description="Attempts of the last hour, of the newest 100 deliveries whose events were accepted in it.")
class LastHourOutput:
    attempts: int
    success_rate: float | None = strawberry.field(description="From 0 to 1; null without attempts.")
    last_success_date: DateTime | None
    p50_ms: int | None = strawberry.field(description="Half of the attempts took no longer.")
    p95_ms: int | None = strawberry.field(description="95 of 100 attempts took no longer.")
    complete: bool = strawberry.field(description="False: there were more deliveries than were looked at.")

    @classmethod
    def of(cls, found: "LastHour") -> "LastHourOutput":
        return cls(
            attempts=found.attempts,
            success_rate=found.success_rate,
            last_success_date=cast("DateTime | None", found.last_success),
            p50_ms=found.percentile_ms(0.5),
            p95_ms=found.percentile_ms(0.95),
            complete=found.complete,
        )


@strawberry.enum(description="Why an endpoint has a lane of its own. LIMITED: it answers 429, or 503 with `Retry-After`.")
class ReceiverTrouble(StrEnum):
    SLOW = "SLOW"
    LIMITED = "LIMITED"
    FAILING = "FAILING"


@strawberry.type(description="All null, and no lane of its own, while deliveries succeed at once.")
class HealthOutput:
    endpoint_id: strawberry.Private[str]
    own_lane: bool = strawberry.field(description="Its events go through a lane of its own, at the pace that it takes.")
    failing_since: DateTime | None = strawberry.field(description="The first failure without a success since.")
    last_failure_date: DateTime | None = strawberry.field(description="A recent one.")
    disable_date: DateTime | None = strawberry.field(description="When it will be DISABLED unless a delivery succeeds before.")

    @strawberry.field(description="Why its events go through a lane of its own; null when only its backlog does, or nothing.")
    async def trouble(self, info: Info) -> ReceiverTrouble | None:
        """Batched over all endpoints of the result."""
        lane = await info.context.loaders.lanes.load(self.endpoint_id)
        return None if lane is None or lane.trouble is None else ReceiverTrouble(lane.trouble.value.upper())

    @strawberry.field(description="Until when the receiver asked to be left alone, with `Retry-After`.")
    async def not_before(self, info: Info) -> DateTime | None:
        """Batched over all endpoints of the result."""
        lane = await info.context.loaders.lanes.load(self.endpoint_id)
        return cast("DateTime | None", lane and lane.not_before)

    @strawberry.field(description="Requests a second that the receiver was found to take, while its events go through a lane of its own.")
    async def limited_to(self, info: Info) -> float | None:
        """Batched over all endpoints of the result."""
        lane = await info.context.loaders.lanes.load(self.endpoint_id)
        rate = None if lane is None else lane.requests_per_second
        return None if rate is None else round(rate, 2)

    @strawberry.field(description="Deliveries in its backlog; 1,000 stands for as many or more. For at most 10 endpoints in a request.")
    async def waiting(self, info: Info) -> int:
        """Read only when selected."""
        return await info.context.loaders.waiting(self.endpoint_id)

    @strawberry.field(description="Read from the delivery log, for at most 10 endpoints in a request.")
    async def last_hour(self, info: Info) -> LastHourOutput:
        """Read only when selected."""
        return LastHourOutput.of(await info.context.loaders.last_hour(self.endpoint_id))

    @classmethod
    def of(cls, endpoint_id: str, known: "EndpointHealth | None") -> "HealthOutput":
        from event_service.delivery.receiver_reports import disabled_at

        return cls(
            endpoint_id=endpoint_id,
            own_lane=known is not None and known.own_lane,
            failing_since=cast("DateTime | None", known and known.failing_since),
            last_failure_date=cast("DateTime | None", known and known.last_failure),
            disable_date=cast("DateTime | None", known and disabled_at(known)),
        )
