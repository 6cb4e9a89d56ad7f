"""Starting, following and cancelling jobs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from event_service.base.actor import current_actor
from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, Conflict, NotFound, RateLimited, Unavailable
from event_service.base.identifiers import parse_uuid
from event_service.jobs.job import Job, JobKind, JobStatus, StepDone, new_job_id
from event_service.jobs.ports import JobMessage, JobQueue, JobStore

MAXIMUM_RUNNING: Final = 10
"""Of one workspace."""
MAXIMUM_JOBS: Final = 100
"""Of one page."""
MAXIMUM_STARTED: Final = 10_000
"""Of one workspace, within the time that a job may run: all of them are looked at before another is started."""
LONGEST: Final = timedelta(days=4)
"""A job runs no longer: so long its messages are kept."""
STALLED: Final = timedelta(minutes=20)
"""A step that fails is tried five times, three minutes apart. A job that stands still for longer has lost its message: the process that
stored the job or its last step died before it sent one."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, the newest first; ``more``: others follow."""

    jobs: list[Job]
    more: bool


class Jobs:
    """The use cases behind ``job``, ``jobs`` and ``cancelJob``, and how mutations start a job.

    Example::

        job = jobs.start(workspace_id, JobKind.REPLAY_EVENTS, {"endpointId": endpoint_id}, done_so_far)
        jobs.cancel(workspace_id, job.id)
    """

    def __init__(self, store: JobStore, queue: JobQueue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    def require_room(self, workspace_id: str) -> None:
        """Looks whether a workspace may start another job, before a call begins what a job would go on with.

        Raises:
            Conflict: ten of its jobs are running, or it has started ten thousand within four days.
        """
        running, after, since = 0, None, self._clock() - LONGEST
        for _ in range(MAXIMUM_STARTED // MAXIMUM_JOBS):
            found = self._store.newest(workspace_id, after, MAXIMUM_JOBS)
            running += sum(one.status is JobStatus.RUNNING for one in found)
            if running >= MAXIMUM_RUNNING:
                raise Conflict(
                    f"{running} jobs of this workspace are running, and that is the most: wait until one is done, or cancel one."
                )
            if len(found) < MAXIMUM_JOBS or found[-1].started <= since:
                return
            after = found[-1].id
        raise Conflict(
            f"{MAXIMUM_STARTED:,} jobs of this workspace were started within {LONGEST.days} days, and that is the most. Start fewer and "
            "longer ones."
        )

    def end_of(self, until: datetime | None) -> datetime:
        """The end of a job's span of time: no later than now, since a job ends and does not wait for what is not there yet."""
        now = self._clock()
        return now if until is None else min(until, now)

    def start(self, workspace_id: str, kind: JobKind, given: Mapping[str, Any], done: StepDone) -> Job:
        """Has somebody else go on with what a call has begun.

        Args:
            workspace_id: the token's workspace.
            kind: what it does.
            given: what it was asked to do, as JSON.
            done: what the call did itself; ``done.place`` is where the job begins.

        Raises:
            RateLimited, Unavailable: it was not started.
        """
        now = self._clock()
        job = Job(workspace_id, new_job_id(now), kind, given, current_actor(), now, now, "").after(done, now)
        self._store.put(job)
        try:
            self._queue.send(JobMessage(workspace_id, job.id, job.step))
        except (RateLimited, Unavailable):
            # If the message was sent after all, it finds a job that is over.
            self._store.cancel(workspace_id, job.id, now)
            raise
        return job

    def job(self, workspace_id: str, job_id: str) -> Job | None:
        """One job; ``None``: there is none with this id, or it was started more than 30 days ago. One that has lost its message goes on.

        Raises:
            BadUserInput: a malformed id.
        """
        job = self._store.get(workspace_id, parse_uuid(job_id, "id"))
        return None if job is None else self._roused(job)

    def page(self, workspace_id: str, first: int, after: str | None = None) -> JobPage:
        """One page of a workspace's jobs, the newest first.

        Args:
            workspace_id: the token's workspace.
            first: how many, 1 to 100.
            after: the id of the last job of the page before.

        Raises:
            BadUserInput: another number.
        """
        if not 1 <= first <= MAXIMUM_JOBS:
            raise BadUserInput(f"first: {first} is not from 1 to {MAXIMUM_JOBS}.")
        found = self._store.newest(workspace_id, after, first + 1)
        return JobPage(found[:first], len(found) > first)

    def cancel(self, workspace_id: str, job_id: str) -> Job:
        """Ends a job. A step that is under way ends by itself; what was done stays done. A job that is over is left as it is.

        Raises:
            BadUserInput: a malformed id.
            NotFound: an unknown one.
        """
        wanted = parse_uuid(job_id, "id")
        job = self._store.get(workspace_id, wanted)
        if job is not None and job.status is JobStatus.RUNNING:
            self._store.cancel(workspace_id, wanted, self._clock())
            job = self._store.get(workspace_id, wanted)
        if job is None:
            raise NotFound("job", [wanted])
        return job

    def _roused(self, job: Job) -> Job:
        now = self._clock()
        if job.status is JobStatus.RUNNING and now - job.changed > STALLED and self._store.rouse(job, now):
            # Nobody minds a failure: who looks again, asks again.
            with suppress(RateLimited, Unavailable):
                self._queue.send(JobMessage(job.workspace_id, job.id, job.step))
        return job
