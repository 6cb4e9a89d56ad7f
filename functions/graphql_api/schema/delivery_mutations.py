"""Mutations of many deliveries at once: starting them again, and ending them."""

from dataclasses import replace
from typing import Annotated

import strawberry

from event_service.base.errors import BadUserInput
from event_service.base.problems import Problems
from functions.graphql_api import limits
from functions.graphql_api.context import Info
from functions.graphql_api.schema.arguments import Span
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.inputs import DeliveryFilters
from functions.graphql_api.schema.jobs import Background, seconds_for, start_job
from functions.graphql_api.schema.list_queries import delivery_query
from functions.graphql_api.schema.types import ID, After, OperationOutput


@strawberry.type
class DeliveryMutations:
    """Each takes ids, or filters and is then done call by call."""

    @strawberry.mutation(
        description="Starts deliveries again that were given up: those with these ids, or all that meet the filters (FAILED ones unless a "
        "status is given) and whose event the endpoint's filters match now. By filters at most 2,000, or 12 s, a call: `endCursor` "
        "goes on, or a job does."
    )
    async def retry_deliveries(
        self,
        info: Info,
        ids: list[ID] | None = None,
        filters: DeliveryFilters | None = None,
        after: After = None,
        dry_run: Annotated[bool | None, strawberry.argument(description="With filters: only count.")] = False,
        unmatched_too: Annotated[
            bool | None, strawberry.argument(description="With filters: also events that no filter of the endpoint matches any more.")
        ] = False,
        background: Background = False,
    ) -> OperationOutput | None:
        context = info.context
        if (ids is None) == (filters is None):
            raise BadUserInput("retryDeliveries: give either ids or filters.")
        if ids is not None:
            if dry_run or unmatched_too or background or after is not None:
                raise BadUserInput(
                    "retryDeliveries: dryRun, unmatchedToo, background and after go with filters; with ids each is started again."
                )
            await context.change(context.deliveries.retry, context.workspace_id, ids)
            return OperationOutput()
        from event_service.routing.bulk_retry import failed_unless_asked

        retry, problems = context.bulk_retry.retry, Problems()
        query = failed_unless_asked(delivery_query(filters, None, Span(0, 0, may_end_early=True), problems))
        problems.refuse()
        cursors = Cursors(context.workspace_id, "retryDeliveries", query)
        done = await context.change_within(
            limits.LEAST_RETRY_SECONDS,
            retry,
            context.workspace_id,
            query if after is None else replace(query, after=cursors.read(after)),
            dry_run=bool(dry_run),
            unmatched_too=bool(unmatched_too),
            time_left=await seconds_for(context, background=background),
        )
        if background and done.end is not None:
            from event_service.jobs.job import JobKind
            from event_service.routing.job_steps import query_given, walked

            given = query_given(query, dryRun=bool(dry_run), unmatchedToo=bool(unmatched_too))
            job = await start_job(context, JobKind.RETRY_DELIVERIES, given, walked(query, done.count, done.skipped, done.end))
            return OperationOutput(count=done.count, skipped=done.skipped, job=job)
        return OperationOutput(count=done.count, skipped=done.skipped, end_cursor=None if done.end is None else cursors.write(done.end))

    @strawberry.mutation(
        description="Ends PENDING deliveries, which are DISCARDED then: those with these ids, or all that meet the filters. A request that "
        "is under way is not stopped. By filters at most 2,000, or 12 s, a call: `endCursor` goes on, or a job does."
    )
    async def cancel_deliveries(
        self,
        info: Info,
        ids: list[ID] | None = None,
        filters: DeliveryFilters | None = None,
        after: After = None,
        dry_run: Annotated[bool | None, strawberry.argument(description="With filters: only count.")] = False,
        background: Background = False,
    ) -> OperationOutput | None:
        context, cancelling = info.context, info.context.cancelling
        if (ids is None) == (filters is None):
            raise BadUserInput("cancelDeliveries: give either ids or filters.")
        if ids is not None:
            if dry_run or background or after is not None:
                raise BadUserInput("cancelDeliveries: dryRun, background and after go with filters.")
            return OperationOutput(count=await context.change(cancelling.cancel_ids, context.workspace_id, ids))
        problems = Problems()
        query = delivery_query(filters, None, Span(0, 0, may_end_early=True), problems)
        if query.status is not None or query.statuses is not None:
            problems.add("filters.status: only PENDING deliveries can be cancelled; leave it out.")
        problems.refuse()
        cursors = Cursors(context.workspace_id, "cancelDeliveries", query)
        done = await context.change_within(
            limits.LEAST_RETRY_SECONDS,
            cancelling.cancel,
            context.workspace_id,
            query if after is None else replace(query, after=cursors.read(after)),
            dry_run=bool(dry_run),
            time_left=await seconds_for(context, background=background),
        )
        if background and done.end is not None:
            from event_service.jobs.job import JobKind
            from event_service.routing.job_steps import query_given, walked

            given = query_given(query, dryRun=bool(dry_run))
            job = await start_job(context, JobKind.CANCEL_DELIVERIES, given, walked(query, done.count, 0, done.end))
            return OperationOutput(count=done.count, job=job)
        return OperationOutput(count=done.count, end_cursor=None if done.end is None else cursors.write(done.end))
