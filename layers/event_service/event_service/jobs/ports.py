"""What jobs need from outside, as protocols."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from event_service.base import json_values
from event_service.base.formats import check_format
from event_service.base.queue_message import FORMAT
from event_service.jobs.job import Job, StepDone

Step: TypeAlias = Callable[[Job, Callable[[], float]], StepDone]
"""Does the next step of a job in the seconds that the second argument says are left. Doing one again must be safe."""


@dataclass(frozen=True, slots=True)
class JobMessage:
    """Asks for one step of a job."""

    workspace_id: str
    job_id: str
    step: int

    @property
    def group(self) -> str:
        """The jobs of one workspace take turns with those of the others."""
        return self.workspace_id

    def text(self, *, repeat: bool = False) -> str:  # noqa: ARG002 - a copy asks for the same step, which is done once
        """The JSON text that is sent."""
        return json_values.dumps({"v": FORMAT, "workspaceId": self.workspace_id, "jobId": self.job_id, "step": self.step})

    @classmethod
    def parse(cls, text: str) -> JobMessage:
        """Reads what :meth:`text` made.

        Raises:
            ValueError: a newer release wrote it.
        """
        value = json.loads(text)
        check_format(value.get("v"), FORMAT, "a message of a job")
        return cls(value["workspaceId"], value["jobId"], value["step"])


class JobStore(Protocol):
    """The rows of jobs. Every read is strongly consistent."""

    def put(self, job: Job) -> None:
        """Stores a new one."""

    def get(self, workspace_id: str, job_id: str) -> Job | None:
        """One job of a workspace."""

    def newest(self, workspace_id: str, after: str | None, limit: int) -> list[Job]:
        """Up to ``limit`` jobs of a workspace, the newest first, those behind the id ``after`` if it is given."""

    def advance(self, job: Job) -> bool:
        """Stores what ``job`` has become by one more step, unless that step was stored before. A job that was cancelled meanwhile
        stays so, with what the step did.

        Returns:
            Whether the job goes on as ``job`` says.
        """

    def rouse(self, job: Job, now: datetime) -> bool:
        """Notes that a RUNNING job was asked for its step again, unless it has changed since it was read; ``False``: it has."""

    def cancel(self, workspace_id: str, job_id: str, now: datetime) -> bool:
        """Makes a RUNNING job CANCELLED; ``False``: there is none."""


class JobQueue(Protocol):
    """The queue of steps."""

    def send(self, message: JobMessage) -> None:
        """Asks for a step.

        Raises:
            RateLimited: it was not sent.
            Unavailable: it may have been sent.
        """
