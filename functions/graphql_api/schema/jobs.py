"""Jobs: long work that goes on when its mutation has been answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry

from event_service.jobs.job import JobKind, JobStatus
from functions.graphql_api.context import Context, Info
from functions.graphql_api.limits import SECONDS_BEFORE_JOB
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.scalars import JSON, DateTime

if TYPE_CHECKING:
    from event_service.jobs import job as domain

SECONDS_PER_STEP = 5.0
"""That use cases keep back of the time they are given."""

strawberry.enum(JobKind, description="What a job does: the mutation that started it.")
strawberry.enum(JobStatus, description="How far a job is; all but RUNNING are final.")

Background = Annotated[
    bool | None,
    strawberry.argument(description="What is not done within some seconds goes on as a job: the answer has it, and no place to go on."),
]
JobId = Annotated[strawberry.ID, strawberry.argument(name="id")]


@strawberry.type(description="Long work that goes on when its mutation has been answered. It is kept for 30 days.")
class Job:
    id: strawberry.ID
    kind: JobKind
    status: JobStatus
    started: DateTime
    changed: DateTime = strawberry.field(description="When its last step ended, or it was ended. A step takes up to 20 s.")
    actor: str = strawberry.field(description="Label of the token that started it.")
    dry_run: bool = strawberry.field(description="Whether it only counts.")
    count: int = strawberry.field(description="How many were done so far, or would be, with what the mutation did itself.")
    skipped: int = strawberry.field(description="How many were looked at and left out, where that is counted.")
    progress: float | None = strawberry.field(description="The part that lies behind, 0 to 1, by the span of time; null: not known.")
    estimated_total: int | None = strawberry.field(description="`count` at the end, judged by the part that lies behind.")
    arguments: JSON = strawberry.field(description="What it was asked to do.")
    reason: str | None = strawberry.field(description="Why it FAILED.")

    @classmethod
    def of(cls, job: "domain.Job") -> "Job":
        return cls(
            id=strawberry.ID(job.id),
            kind=job.kind,
            status=job.status,
            started=DateTime(job.started),
            changed=DateTime(job.changed),
            actor=job.actor.name,
            dry_run=bool(job.given.get("dryRun")),
            count=job.count,
            skipped=job.skipped,
            progress=job.part,
            estimated_total=job.estimated_total,
            arguments=cast("JSON", dict(job.given)),
            reason=job.reason,
        )


@strawberry.type(description="A page of jobs, the newest first.")
class JobConnection:
    collection_items: list[Job]
    end_cursor: str | None
    has_next_page: bool


@dataclass(frozen=True, slots=True)
class _AllJobs:
    """The list has no filters."""


@strawberry.type
class JobQueries:
    """What is asked about jobs."""

    @strawberry.field(description="One job; null when there is none with this id, or it was started more than 30 days ago.")
    async def job(self, info: Info, job_id: JobId) -> Job | None:
        context = info.context
        found = await context.read(context.jobs.job, context.workspace_id, job_id)
        context.nodes.take(1)
        return None if found is None else Job.of(found)

    @strawberry.field(description="The jobs of the last 30 days, newest first. `first`: 1 to 100.")
    async def jobs(self, info: Info, first: int | None = 50, after: str | None = None) -> JobConnection:
        context = info.context
        cursors = Cursors(context.workspace_id, "jobs", _AllJobs())
        place = None if after is None else cursors.read(after)
        found = await context.read(context.jobs.page, context.workspace_id, 50 if first is None else first, place)
        context.nodes.take(len(found.jobs))
        return JobConnection(
            collection_items=[Job.of(one) for one in found.jobs],
            end_cursor=cursors.write(found.jobs[-1].id) if found.jobs else None,
            has_next_page=found.more,
        )


@strawberry.type
class JobMutations:
    """What can be done to jobs."""

    @strawberry.mutation(
        description="Ends a job. A step that is under way ends by itself, within 20 s; what was done stays done. A job that is over is "
        "left as it is."
    )
    async def cancel_job(self, info: Info, job_id: JobId) -> Job | None:
        context = info.context
        return Job.of(await context.change(context.jobs.cancel, context.workspace_id, job_id))


async def seconds_for(context: Context, *, background: bool | None) -> Callable[[], float]:
    """Time left for what a mutation does itself; a short one where a job may take over.

    Raises:
        Conflict: no job can take over.
    """
    if not background:
        return context.time_left
    await context.read(context.jobs.require_room, context.workspace_id)
    return lambda: min(context.time_left(), SECONDS_BEFORE_JOB + SECONDS_PER_STEP)


async def start_job(context: Context, kind: JobKind, given: Mapping[str, Any], done: "domain.StepDone") -> Job:
    """Has a job go on with what a mutation has begun."""
    return Job.of(await context.change_within(0, context.jobs.start, context.workspace_id, kind, given, done))
