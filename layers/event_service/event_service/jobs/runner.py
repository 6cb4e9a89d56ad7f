"""Doing jobs, one step a message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from event_service.base.actor import acting
from event_service.base.clock import Clock
from event_service.base.errors import DomainError, RateLimited
from event_service.jobs.job import Job, JobKind, JobStatus
from event_service.jobs.ports import JobMessage, JobQueue, JobStore, Step

MAXIMUM_STEPS: Final = 2_000
"""Some eight hours. What is longer is begun again by a person, from where it ended."""
MAXIMUM_TRIES: Final = 5
"""Of one step. The queue gives a message up after ten."""
TOO_LONG: Final = f"It was not done after {MAXIMUM_STEPS:,} steps. Start another job for the rest."
GIVEN_UP: Final = f"One step failed {MAXIMUM_TRIES} times. What was done before it stays done; start another job for the rest."

_LOG = logging.getLogger(__name__)


class JobRunner:
    """Takes messages of the job queue.

    Example::

        runner.run(JobMessage(workspace_id, job.id, step=1), receives=1, time_left=time_left)
    """

    def __init__(self, store: JobStore, queue: JobQueue, steps: Mapping[JobKind, Step], clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._steps = steps
        self._clock = clock

    def run(self, message: JobMessage, receives: int, time_left: Callable[[], float]) -> None:
        """Does the step that a message asks for, unless it was done, and asks for the next one.

        Args:
            message: of the job queue.
            receives: how often it was received, this time included.
            time_left: seconds until this process is stopped.

        Raises:
            RateLimited, Unavailable: the message must come again.
        """
        job = self._store.get(message.workspace_id, message.job_id)
        if job is None or job.status is not JobStatus.RUNNING:
            return
        if message.step != job.step:
            if receives > 1 and message.step == job.step - 1:
                # The step was stored, and then the process may have died before it asked for the next one.
                self._ask(job)
            return
        after = self._step(job, receives, time_left)
        if self._store.advance(after) and after.status is JobStatus.RUNNING:
            self._ask(after)

    def _step(self, job: Job, receives: int, time_left: Callable[[], float]) -> Job:
        if receives > MAXIMUM_TRIES:
            _LOG.error("a step of job %s failed %d times; the job ends", job.id, MAXIMUM_TRIES, extra={"workspace_id": job.workspace_id})
            return job.failed(GIVEN_UP, self._clock())
        if job.step >= MAXIMUM_STEPS:
            return job.failed(TOO_LONG, self._clock())
        try:
            with acting(job.actor):
                done = self._steps[job.kind](job, time_left)
        except RateLimited:
            raise
        except DomainError as error:
            # The endpoint is gone, or the rest of the span cannot be read: it would be the same the next time.
            return job.failed(error.message, self._clock())
        return job.after(done, self._clock())

    def _ask(self, job: Job) -> None:
        self._queue.send(JobMessage(job.workspace_id, job.id, job.step))
