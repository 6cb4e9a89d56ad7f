"""What the API returns.

Plain attributes, filled when the object is made: graphql-core then reads a field without a call of ours. Only what
costs a read (``totalCount``, items, nested lists) is a resolver, so it is done when it is selected and not otherwise.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.delivery.attempt import Attempt, Delivery, DeliveryStatus
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from functions.graphql_api.context import Info
from functions.graphql_api.schema.jobs import Job
from functions.graphql_api.schema.look_ahead import selects
from functions.graphql_api.schema.scalars import JSON, DateTime, EventType

if TYPE_CHECKING:
    from functions.graphql_api.schema.collections import DeliveryCollection
    from functions.graphql_api.schema.connections import OpenConnectionCollection
    from functions.graphql_api.schema.explanations import DestinationConnection
    from functions.graphql_api.schema.health import HealthOutput

ID = strawberry.ID
Deliveries = Annotated["DeliveryCollection", strawberry.lazy("functions.graphql_api.schema.collections")]
Health = Annotated["HealthOutput", strawberry.lazy("functions.graphql_api.schema.health")]
Connections = Annotated["OpenConnectionCollection", strawberry.lazy("functions.graphql_api.schema.connections")]
First = Annotated[int | None, strawberry.argument(description="1 to 1000 items, 100 by default; with `after` instead of `pagination`.")]
After = Annotated[
    str | None,
    strawberry.argument(description="`endCursor` of the page before. What is added meanwhile shifts nothing, and far pages cost no more."),
]

strawberry.enum(EndpointType, description="How an endpoint gets its events.")
strawberry.enum(EndpointStatus, description="PAUSED by a person, DISABLED by the service. What arrives meanwhile waits.")
strawberry.enum(
    DeliveryStatus,
    description="PENDING: another attempt will come. DELIVERED: a 2xx. FAILED: given up. "
    "DISCARDED: the endpoint was deleted, the event expired first, or somebody cancelled it.",
)


@strawberry.enum(description="ASC: the earliest first. DESC: the latest first.")
class Ordering(StrEnum):
    ASC = "ASC"
    DESC = "DESC"


@strawberry.type(description="The flag of successful completion.")
class OperationOutput:
    """``ok`` is true whenever there is no error."""

    ok: bool = True
    count: int | None = strawberry.field(default=None, description="How many were changed, or would be; null where it is not counted.")
    skipped: int | None = strawberry.field(
        default=None, description="How many were left out: their endpoint or event is gone, or no filter matches the event now."
    )
    end_cursor: str | None = strawberry.field(default=None, description="Give it as `after` to go on; null when all are done.")
    job: Job | None = strawberry.field(default=None, description="Does the rest; null when all are done, or no job was asked for.")


@strawberry.type(description="Where events are delivered.")
class EndpointOutput:
    id: ID
    creation_date: DateTime
    last_modified: DateTime
    name: str
    type: EndpointType
    meta: JSON = strawberry.field(description="`{}` for WEB_SOCKET; `url` and `method` for WEB_HOOK.")
    workspace_id: ID
    status: EndpointStatus
    status_reason: str | None = strawberry.field(description="Why it is DISABLED.")
    key: str | None = strawberry.field(description="Its owner's own id for it.")
    description: str | None
    labels: JSON = strawberry.field(description="Pairs of texts; `{}` when there are none.")

    @strawberry.field(description="The linked event filters; with none, the endpoint receives every event of the workspace.")
    async def event_filters(self, info: Info) -> "list[EventFiltersOutput]":
        """Batched over all endpoints of the result."""
        found = await info.context.loaders.event_filters_of.load(self.id)
        info.context.nodes.take(len(found))
        return [EventFiltersOutput.of(event_filter) for event_filter in found]

    @strawberry.field(description="The latest first. A WEB_SOCKET endpoint has none.")
    async def deliveries(self, info: Info, status: DeliveryStatus | None = None, first: First = None, after: After = None) -> Deliveries:
        """The pages of all endpoints of the result are read together."""
        from event_service.delivery.lists import DeliveryQuery
        from functions.graphql_api.schema.collections import deliveries_below

        return deliveries_below(info, DeliveryQuery(endpoint_id=self.id, status=status), first, after)

    @strawberry.field(description="How its receiver is doing.")
    async def health(self, info: Info) -> Health:
        """What is stored is batched over all endpoints of the result."""
        from functions.graphql_api.schema.health import HealthOutput

        return HealthOutput.of(self.id, await info.context.loaders.health.load(self.id))

    @strawberry.field(description="Who is connected to a WEB_SOCKET endpoint; for at most 10 endpoints in a request.")
    async def connections(self, info: Info, first: First = None, after: After = None) -> Connections:
        """Read only when selected."""
        from functions.graphql_api.schema.connections import connections_of

        return await connections_of(info, self.id, first, after)

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointOutput":
        return cls(
            id=ID(endpoint.id),
            creation_date=DateTime(endpoint.created),
            last_modified=DateTime(endpoint.modified),
            name=endpoint.name,
            type=endpoint.type,
            meta=JSON(endpoint.meta),
            workspace_id=ID(endpoint.workspace_id),
            status=endpoint.shown_status,
            status_reason=endpoint.shown_reason,
            key=endpoint.marks.key,
            description=endpoint.marks.description,
            labels=JSON(dict(endpoint.marks.labels)),
        )


@strawberry.type(description="Which events an endpoint wants.")
class EventFiltersOutput:
    id: ID
    creation_date: DateTime
    last_modified: DateTime
    name: str
    meta: JSON = strawberry.field(description='The condition as it was given: `{"in": …}` and/or `{"pattern": …}`.')
    workspace_id: ID
    key: str | None = strawberry.field(description="Its owner's own id for it.")
    description: str | None
    labels: JSON = strawberry.field(description="Pairs of texts; `{}` when there are none.")

    @strawberry.field(description="The linked endpoints.")
    async def endpoints(self, info: Info) -> list[EndpointOutput]:
        """Batched over all event filters of the result."""
        found = await info.context.loaders.endpoints_of.load(self.id)
        info.context.nodes.take(len(found))
        return [EndpointOutput.of(endpoint) for endpoint in found]

    @classmethod
    def of(cls, event_filter: EventFilter) -> "EventFiltersOutput":
        return cls(
            id=ID(event_filter.id),
            creation_date=DateTime(event_filter.created),
            last_modified=DateTime(event_filter.modified),
            name=event_filter.name,
            meta=JSON(event_filter.condition),
            workspace_id=ID(event_filter.workspace_id),
            key=event_filter.marks.key,
            description=event_filter.marks.description,
            labels=JSON(dict(event_filter.marks.labels)),
        )


@strawberry.type(description="Something that happened, as published.")
class EventOutput:
    id: ID
    date: DateTime = strawberry.field(description="When it happened.")
    type: EventType
    data: JSON
    agent_id: ID | None
    camera_id: ID | None
    workspace_id: ID
    creation_date: DateTime = strawberry.field(description="When it was accepted.")
    last_modified: DateTime

    @strawberry.field(
        description="What became of it at each endpoint of the workspace, matched or not, in order of their creation. `first`: 1 to 50."
    )
    async def destinations(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> Annotated["DestinationConnection", strawberry.lazy("functions.graphql_api.schema.explanations")]:
        """Explained only when selected."""
        from functions.graphql_api.schema.explanations import destinations_of

        return await destinations_of(info, self.id, 50 if first is None else first, after)

    @strawberry.field(description="Its ways to WEB_HOOK endpoints.")
    async def deliveries(self, info: Info, first: First = None, after: After = None) -> Deliveries:
        """The pages of all events of the result are read together."""
        from event_service.delivery.lists import DeliveryQuery
        from functions.graphql_api.schema.collections import deliveries_below

        return deliveries_below(info, DeliveryQuery(event_id=self.id), first, after)

    @classmethod
    def of(cls, event: Event) -> "EventOutput":
        return cls(
            id=ID(event.id),
            date=DateTime(event.date),
            type=EventType(event.type),
            data=JSON(event.data),
            agent_id=cast("ID | None", event.agent_id),
            camera_id=cast("ID | None", event.camera_id),
            workspace_id=ID(event.workspace_id),
            creation_date=DateTime(event.created),
            last_modified=DateTime(event.created),
        )


@strawberry.type(description="One try to deliver an event.")
class AttemptOutput:
    number: int = strawberry.field(description="1, 2, …")
    date: DateTime
    duration_ms: int
    status_code: int | None = strawberry.field(description="null when no response arrived.")
    error: str | None = strawberry.field(description="What went wrong, in a sentence that begins with its kind.")
    response_body: str | None = strawberry.field(description="At most 16 KiB of it.")
    url: str | None = strawberry.field(description="Where the request went; of a success the first 256 characters.")
    response_headers: JSON | None = strawberry.field(
        description="Of a failed attempt: a list of names and values, at most 2 KB; cookies are masked."
    )

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptOutput":
        return cls(
            number=attempt.number,
            date=DateTime(attempt.date),
            duration_ms=attempt.duration_ms,
            status_code=attempt.status_code,
            error=attempt.error,
            response_body=attempt.response_body,
            url=attempt.url,
            response_headers=JSON([[name, value] for name, value in attempt.response_headers]) if attempt.response_headers else None,
        )


@strawberry.type(description="One event on its way to one WEB_HOOK endpoint.")
class DeliveryOutput:
    id: ID
    event_id: ID
    endpoint_id: ID
    status: DeliveryStatus
    attempts: list[AttemptOutput]
    next_attempt_date: DateTime | None = strawberry.field(description="null unless PENDING.")
    creation_date: DateTime
    last_modified: DateTime

    @strawberry.field(description="null when its retention is over.")
    async def event(self, info: Info) -> EventOutput | None:
        """Batched over all deliveries of the result."""
        return await event_by_id(info, self.event_id)

    @strawberry.field(description="null when it was deleted.")
    async def endpoint(self, info: Info) -> EndpointOutput | None:
        """Batched over all deliveries of the result."""
        return await endpoint_by_id(info, self.endpoint_id)

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOutput":
        return cls(
            id=ID(delivery.id),
            event_id=ID(delivery.event_id),
            endpoint_id=ID(delivery.endpoint_id),
            status=delivery.status,
            attempts=[AttemptOutput.of(attempt) for attempt in delivery.attempts],
            next_attempt_date=cast("DateTime | None", delivery.next_attempt),
            creation_date=DateTime(delivery.created),
            last_modified=DateTime(delivery.modified),
        )


async def endpoint_by_id(info: Info, endpoint_id: str) -> EndpointOutput | None:
    """One endpoint, counted against the size of the result."""
    found = await info.context.loaders.endpoints.load(endpoint_id)
    info.context.nodes.take(1)
    return None if found is None else EndpointOutput.of(found)


async def event_by_id(info: Info, event_id: str) -> EventOutput | None:
    """One event, counted against the size of the result; with its data where that is selected."""
    found = await info.context.loaders.events.load((event_id, selects(info, "data")))
    info.context.nodes.take(1)
    return None if found is None else EventOutput.of(found)


@strawberry.type(description="What became of a publish.")
class PublishOutput:
    """The ids are in the order of the input."""

    ok: bool
    ids: list[ID]
    duplicate_ids: list[ID] = strawberry.field(description="Those that had been published before; they are not delivered again.")


@strawberry.type(
    description="At most 10,000 events and 15 s a call; `continueSince` is null when all are done. "
    "A call up to now waits for the youngest events."
)
class ReplayOutput:
    ok: bool
    count: int
    continue_since: DateTime | None
    job: Job | None = strawberry.field(default=None, description="Does the rest; null when all are done, or no job was asked for.")
