"""The root of mutations. Each may be null, so that one that fails does not hide the result of its sibling."""

from typing import Annotated, cast

import strawberry

from event_service.base.marks import GivenMarks
from event_service.configuration.endpoint import EndpointType, Settings
from event_service.configuration.secret_rotation import DEFAULT_GRACE_SECONDS
from event_service.observability import Metric, count
from event_service.webhooks.destination import DEFAULT_METHOD
from functions.graphql_api import limits
from functions.graphql_api.context import Info
from functions.graphql_api.schema.connections import ConnectionMutations
from functions.graphql_api.schema.delivery_mutations import DeliveryMutations
from functions.graphql_api.schema.inputs import EventFiltersInput, EventInput
from functions.graphql_api.schema.jobs import Background, JobMutations, seconds_for, start_job
from functions.graphql_api.schema.scalars import JSON, DateTime
from functions.graphql_api.schema.types import (
    ID,
    AttemptOutput,
    EndpointOutput,
    EventFiltersOutput,
    OperationOutput,
    PublishOutput,
    ReplayOutput,
)

Id = Annotated[ID, strawberry.argument(name="id")]
"""The argument ``id``, under a Python name that says whose."""
IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description="1 to 256 printable characters. Of several calls with one key within 24 hours the first is done; the others "
        "answer the same, or CONFLICT if their input is another."
    ),
]
Key = Annotated[
    str | None,
    strawberry.argument(
        description="Your own id for it, up to 128 characters: no other of its kind in the workspace has it. An update with an empty text "
        "takes it away."
    ),
]
Description = Annotated[str | None, strawberry.argument(description="For people, up to 1,024 characters.")]
Labels = Annotated[
    JSON | None,
    strawberry.argument(description='Up to 20 pairs of texts, such as `{team: "shop"}`; an update replaces all of them.'),
]


@strawberry.type
class Mutation(ConnectionMutations, DeliveryMutations, JobMutations):
    """Everything that can be changed. Each mutation is done wholly or not at all."""

    # -- Endpoints -----------------------------------------------------------------------------------------------

    @strawberry.mutation(description="Creates an endpoint that programs connect to by WebSocket.")
    async def create_web_socket_endpoint(
        self,
        info: Info,
        name: str,
        event_filters_ids: list[ID] | None = None,
        idempotency_key: IdempotencyKey = None,
        *,
        key: Key = None,
        description: Description = None,
        labels: Labels = None,
    ) -> EndpointOutput | None:
        """Linked at once, so that no event slips through in between."""
        context, marks = info.context, GivenMarks(key, description, labels)
        create, kind = context.configuration.endpoints.create, EndpointType.WEB_SOCKET
        return EndpointOutput.of(
            await context.change(create, context.workspace_id, kind, name, None, event_filters_ids, idempotency_key, marks)
        )

    @strawberry.mutation(description="Creates an endpoint to which events are sent by HTTP. The method is POST, PUT or PATCH.")
    async def create_webhook_endpoint(
        self,
        info: Info,
        name: str,
        url: str,
        method: str | None = DEFAULT_METHOD,
        event_filters_ids: list[ID] | None = None,
        idempotency_key: IdempotencyKey = None,
        *,
        key: Key = None,
        description: Description = None,
        labels: Labels = None,
    ) -> EndpointOutput | None:
        """Linked at once, so that no event slips through in between."""
        context, marks = info.context, GivenMarks(key, description, labels)
        create, kind, settings = context.configuration.endpoints.create, EndpointType.WEB_HOOK, Settings(url, method)
        return EndpointOutput.of(
            await context.change(create, context.workspace_id, kind, name, settings, event_filters_ids, idempotency_key, marks)
        )

    @strawberry.mutation(description="Changes what is given and leaves the rest.")
    async def update_endpoint(
        self,
        info: Info,
        endpoint_id: Id,
        name: str | None = None,
        url: str | None = None,
        method: str | None = None,
        *,
        key: Key = None,
        description: Description = None,
        labels: Labels = None,
    ) -> EndpointOutput | None:
        context, marks = info.context, GivenMarks(key, description, labels)
        update, settings = context.configuration.endpoints.update, Settings(url, method)
        return EndpointOutput.of(await context.change(update, context.workspace_id, endpoint_id, name, settings, marks))

    @strawberry.mutation(description="Deletes endpoints, their links and their open sockets.")
    async def delete_endpoints(self, info: Info, ids: list[ID]) -> OperationOutput | None:
        context = info.context
        await context.change(context.configuration.endpoints.delete, context.workspace_id, ids)
        return OperationOutput()

    @strawberry.mutation(description="Stops sending; what arrives meanwhile waits.")
    async def pause_endpoints(self, info: Info, ids: list[ID]) -> OperationOutput | None:
        context = info.context
        await context.change(context.configuration.endpoints.pause, context.workspace_id, ids)
        return OperationOutput()

    @strawberry.mutation(description="Sends what waited and goes on; also re-enables a DISABLED endpoint.")
    async def resume_endpoints(
        self,
        info: Info,
        ids: list[ID],
        discard_waiting: Annotated[
            bool | None, strawberry.argument(description="Discard what waited instead: those deliveries are DISCARDED.")
        ] = False,
    ) -> OperationOutput | None:
        context = info.context
        discarded = None
        if discard_waiting:
            discard = context.cancelling.discard_waiting
            discarded = await context.change_within(limits.LEAST_RETRY_SECONDS, discard, context.workspace_id, ids, context.time_left)
        await context.change(context.configuration.endpoints.resume, context.workspace_id, ids)
        return OperationOutput(count=discarded)

    @strawberry.mutation(description="Makes a new signing secret and returns it; the old one signs too until the grace period is over.")
    async def rotate_endpoint_secret(
        self,
        info: Info,
        endpoint_id: Id,
        grace_period_seconds: int | None = DEFAULT_GRACE_SECONDS,
        idempotency_key: IdempotencyKey = None,
    ) -> str | None:
        context = info.context
        rotate = context.configuration.secrets.rotate
        return await context.change(rotate, context.workspace_id, endpoint_id, grace_period_seconds, idempotency_key)

    @strawberry.mutation(description="Sends one test event now and says how it went.")
    async def test_endpoint(self, info: Info, endpoint_id: Id) -> AttemptOutput | None:
        """The attempt; a failed one is no error of this mutation."""
        context = info.context
        return AttemptOutput.of(
            await context.change_within(limits.TEST_SECONDS, context.deliveries.test_endpoint, context.workspace_id, endpoint_id)
        )

    # -- Event filters -------------------------------------------------------------------------------------------

    @strawberry.mutation(description="Creates an event filter, linked to the endpoints given.")
    async def create_event_filters(
        self,
        info: Info,
        event_filters_input: EventFiltersInput,
        name: str | None = None,
        endpoint_ids: list[ID] | None = None,
        idempotency_key: IdempotencyKey = None,
        *,
        key: Key = None,
        description: Description = None,
        labels: Labels = None,
    ) -> EventFiltersOutput | None:
        """One event filter, whatever the plural in the name says."""
        context, marks = info.context, GivenMarks(key, description, labels)
        create = context.configuration.event_filters.create
        condition = event_filters_input.as_condition()
        return EventFiltersOutput.of(
            await context.change(create, context.workspace_id, condition, name, endpoint_ids, idempotency_key, marks)
        )

    @strawberry.mutation(description="Changes what is given and leaves the rest.")
    async def update_event_filters(
        self,
        info: Info,
        event_filter_id: Id,
        event_filters_input: EventFiltersInput | None = None,
        name: str | None = None,
        *,
        key: Key = None,
        description: Description = None,
        labels: Labels = None,
    ) -> EventFiltersOutput | None:
        """The event filter as it is then."""
        context, marks = info.context, GivenMarks(key, description, labels)
        update = context.configuration.event_filters.update
        condition = None if event_filters_input is None else event_filters_input.as_condition()
        return EventFiltersOutput.of(await context.change(update, context.workspace_id, event_filter_id, condition, name, marks))

    @strawberry.mutation(
        description="Deletes event filters. An endpoint that loses its last one is DISABLED: no event is routed to it until one is "
        "linked, or it is resumed."
    )
    async def delete_event_filters(self, info: Info, ids: list[ID]) -> OperationOutput | None:
        context = info.context
        await context.change(context.configuration.event_filters.delete, context.workspace_id, ids)
        return OperationOutput()

    @strawberry.mutation(description="Links endpoints to an event filter.")
    async def link_endpoints_to_event_filters(self, info: Info, endpoint_ids: list[ID], event_filters_id: ID) -> OperationOutput | None:
        context = info.context
        await context.change(context.configuration.links.link, context.workspace_id, endpoint_ids, event_filters_id)
        return OperationOutput()

    @strawberry.mutation(description="Unlinks endpoints from an event filter. With no filter left, an endpoint receives every event.")
    async def unlink_endpoints_to_event_filters(self, info: Info, endpoint_ids: list[ID], event_filters_id: ID) -> OperationOutput | None:
        context = info.context
        await context.change(context.configuration.links.unlink, context.workspace_id, endpoint_ids, event_filters_id)
        return OperationOutput()

    # -- Events and deliveries -----------------------------------------------------------------------------------

    @strawberry.mutation(description="Accepts 1 to 100 events, all or none. The one operation that an agent's token allows.")
    async def publish_events(self, info: Info, events: list[EventInput]) -> PublishOutput | None:
        """The ids, in the order given."""
        context = info.context
        given = [event.as_new_event() for event in events]
        result = await context.change(context.publishing.publish, context.token, given, context.traceparent)
        count(Metric.PUBLISHED, len(result.ids) - len(result.duplicate_ids))
        count(Metric.DUPLICATES, len(result.duplicate_ids))
        return PublishOutput(ok=True, ids=[ID(value) for value in result.ids], duplicate_ids=[ID(value) for value in result.duplicate_ids])

    @strawberry.mutation(
        description="Sends again, to one endpoint, the retained events accepted in [since, until) that its filters match. With `dryRun` "
        "it only counts them. A WEB_SOCKET endpoint gets them into its log, 100 a second, with new sequences and marked as replayed."
    )
    async def replay_events(
        self,
        info: Info,
        endpoint_id: ID,
        since: DateTime,
        until: DateTime | None = None,
        missing_only: bool | None = True,
        dry_run: bool | None = False,
        background: Background = False,
    ) -> ReplayOutput | None:
        """How many, and where to go on."""
        context = info.context
        if background:
            until = cast("DateTime", context.jobs.end_of(until))
        replay = context.replay.replay
        only_missing = True if missing_only is None else missing_only
        count, continue_since = await context.change_within(
            limits.LEAST_REPLAY_SECONDS,
            replay,
            context.workspace_id,
            endpoint_id,
            since,
            until,
            only_missing,
            await seconds_for(context, background=background),
            dry_run=bool(dry_run),
        )
        if background and until is not None and continue_since is not None:
            from event_service.jobs.job import JobKind
            from event_service.routing.job_steps import replay_given, replayed

            given = replay_given(endpoint_id, since, until, missing_only=only_missing, dry_run=bool(dry_run))
            job = await start_job(context, JobKind.REPLAY_EVENTS, given, replayed(given, count, continue_since))
            return ReplayOutput(ok=True, count=count, continue_since=None, job=job)
        return ReplayOutput(ok=True, count=count, continue_since=cast("DateTime | None", continue_since))
