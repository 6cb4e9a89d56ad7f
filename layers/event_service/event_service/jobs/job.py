"""A job, as its row holds it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from event_service.base.actor import Actor


class JobKind(StrEnum):
    """What a job does."""

    REPLAY_EVENTS = "REPLAY_EVENTS"
    RETRY_DELIVERIES = "RETRY_DELIVERIES"
    CANCEL_DELIVERIES = "CANCEL_DELIVERIES"


class JobStatus(StrEnum):
    """How far a job is. All but RUNNING are final."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class StepDone:
    """What one step did.

    Attributes:
        count: how many were done, or would be.
        skipped: how many were looked at and left out.
        place: where the next step begins; ``None``: all are done.
        part: of the whole that lies behind, 0 to 1; ``None``: not known.
    """

    count: int
    skipped: int = 0
    place: str | None = None
    part: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Long work of one workspace.

    Attributes:
        given: what it was asked to do, as JSON.
        actor: on whose behalf.
        changed: when its last step ended, or it was ended.
        step: steps done so far.
        place: where the next one begins.
        count, skipped, part: see :class:`StepDone`, of all steps together.
        reason: why it FAILED.
    """

    workspace_id: str
    id: str
    kind: JobKind
    given: Mapping[str, Any]
    actor: Actor
    started: datetime
    changed: datetime
    place: str
    status: JobStatus = JobStatus.RUNNING
    step: int = 0
    count: int = 0
    skipped: int = 0
    part: float | None = None
    reason: str | None = None

    @property
    def estimated_total(self) -> int | None:
        """How many there will be, from the part that lies behind; ``None``: nobody knows yet."""
        if self.status is JobStatus.DONE:
            return self.count
        return round(self.count / self.part) if self.part and self.count else None

    def after(self, done: StepDone, now: datetime) -> Job:
        """The job when one more step was done."""
        return replace(
            self,
            step=self.step + 1,
            count=self.count + done.count,
            skipped=self.skipped + done.skipped,
            place=self.place if done.place is None else done.place,
            part=1.0 if done.place is None else done.part,
            status=JobStatus.DONE if done.place is None else JobStatus.RUNNING,
            changed=now,
        )

    def failed(self, reason: str, now: datetime) -> Job:
        """The job when it cannot go on."""
        return replace(self, step=self.step + 1, status=JobStatus.FAILED, reason=reason, changed=now)


def new_job_id(now: datetime) -> str:
    """A UUID of version 7: ids sort by the millisecond in which they were made, so that the newest jobs are found first."""
    milliseconds = int(now.timestamp() * 1000)
    drawn = random.SystemRandom()
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | drawn.getrandbits(12) << 64 | 0b10 << 62 | drawn.getrandbits(62)))
