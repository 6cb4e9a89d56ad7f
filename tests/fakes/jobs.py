"""Jobs and their queue, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from event_service.base.actor import Actor
from event_service.jobs.job import Job, JobKind, JobStatus
from event_service.jobs.ports import JobMessage

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def running_job(workspace_id: str, job_id: str) -> Job:
    """A job that is at its beginning."""
    return Job(workspace_id, job_id, JobKind.REPLAY_EVENTS, {}, Actor("someone", "1"), START, START, "")


class FakeJobStore:
    """Jobs by workspace and id."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, str], Job] = {}
        self.writes = 0

    def put(self, job: Job) -> None:
        self.writes += 1
        self.jobs[job.workspace_id, job.id] = job

    def get(self, workspace_id: str, job_id: str) -> Job | None:
        return self.jobs.get((workspace_id, job_id))

    def newest(self, workspace_id: str, after: str | None, limit: int) -> list[Job]:
        found = [one for (workspace, job_id), one in self.jobs.items() if workspace == workspace_id and (after is None or job_id < after)]
        return sorted(found, key=lambda one: one.id, reverse=True)[:limit]

    def advance(self, job: Job) -> bool:
        stored = self.jobs[job.workspace_id, job.id]
        if stored.step != job.step - 1 or stored.status not in (JobStatus.RUNNING, JobStatus.CANCELLED):
            return False
        self.writes += 1
        cancelled = stored.status is JobStatus.CANCELLED
        self.jobs[job.workspace_id, job.id] = replace(job, status=stored.status) if cancelled else job
        return not cancelled

    def rouse(self, job: Job, now: datetime) -> bool:
        stored = self.jobs.get((job.workspace_id, job.id))
        if stored is None or stored.changed != job.changed or stored.status is not JobStatus.RUNNING:
            return False
        self.writes += 1
        self.jobs[job.workspace_id, job.id] = replace(stored, changed=now)
        return True

    def cancel(self, workspace_id: str, job_id: str, now: datetime) -> bool:
        stored = self.jobs.get((workspace_id, job_id))
        if stored is None or stored.status is not JobStatus.RUNNING:
            return False
        self.jobs[workspace_id, job_id] = replace(stored, status=JobStatus.CANCELLED, changed=now)
        return True


class FakeJobQueue:
    """Messages in the order in which they were sent. ``error`` fails the next send."""

    def __init__(self) -> None:
        self.sent: list[JobMessage] = []
        self.error: Exception | None = None

    def send(self, message: JobMessage) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error
        self.sent.append(message)
