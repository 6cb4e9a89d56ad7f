"""What one invocation of webhook delivery knows and does: its messages, tasks, results and report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeVar

from event_service.configuration.endpoint import Endpoint
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import DeliveryStatus, LogRecord
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.receiver_health import EndpointHealth
from event_service.webhooks.ports import Snapshot
from event_service.webhooks.verdict import Verdict

_T = TypeVar("_T")

REQUESTS_TO_ONE_ENDPOINT: Final = 10
"""At once, in one invocation."""
BACKLOG_REQUESTS: Final = REQUESTS_TO_ONE_ENDPOINT // 2
"""The half of them that a backlog may use: live events keep the other one."""


class InThread(Protocol):
    """Runs blocking code beside the event loop."""

    def __call__(self, function: Callable[..., _T], /, *arguments: Any) -> Awaitable[_T]:
        """What the function returns or raises."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the queue handed it over; ``receive_count`` is 1 the first time."""

    text: str
    receive_count: int = 1


@dataclass(slots=True)
class DeliveryReport:
    """What became of a batch.

    Attributes:
        failed: positions of messages that must come again.
        attempts: requests that were made, by what the delivery is after them.
        to_backlog: deliveries that wait for their endpoint, because it is off or backed off from.
        dropped: attempts that the log had already.
        discarded: deliveries that will never be made.
        postponed: handed back for want of time.
        disabled: endpoints that were disabled.
        traceparents: of the messages.
    """

    failed: set[int] = field(default_factory=set)
    attempts: dict[DeliveryStatus, int] = field(default_factory=dict)
    to_backlog: int = 0
    dropped: int = 0
    discarded: int = 0
    postponed: int = 0
    disabled: int = 0
    traceparents: list[str | None] = field(default_factory=list)


class Outcome(Enum):
    """What became of a task."""

    ATTEMPTED = auto()
    BACKLOG = auto()
    """It waits for its endpoint."""
    POSTPONED = auto()
    REPEATED = auto()
    """The log has it; only what follows from the record is done again."""


@dataclass(eq=False, slots=True)
class Task:
    """One delivery to make. ``position`` in the batch; ``None`` for one that comes from the backlog."""

    message: WebhookMessage
    endpoint: Endpoint
    position: int | None = None
    probe: bool = False
    least_time: float = 0.0
    """With fewer seconds left it is not begun any more."""

    @property
    def from_backlog(self) -> bool:
        """Whether a row of the backlog stands for it, and no message of the batch."""
        return self.position is None


@dataclass(slots=True)
class Result:
    """What became of a task, and what is written about it.

    Attributes:
        record: for the log; of a REPEATED task the one that the log has.
        delay: seconds until the next attempt.
    """

    task: Task
    outcome: Outcome
    record: LogRecord | None = None
    verdict: Verdict | None = None
    delay: float | None = None


class Batch:
    """What one invocation knows of endpoints, and how many requests it has open to each."""

    def __init__(self, snapshot: Snapshot, time_left: Callable[[], float], report: DeliveryReport) -> None:
        self.time_left = time_left
        self.report = report
        self.secrets: dict[str, EndpointSecrets] = {}
        self.health: dict[str, EndpointHealth] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.stopped: set[str] = set()
        """Endpoints to which nothing more is sent: off, or backed off from."""
        self.disabled: set[str] = set()
        self._slots: dict[tuple[str, bool], asyncio.Semaphore] = {}
        self.add(snapshot)

    def add(self, snapshot: Snapshot) -> None:
        """Adds what another read found."""
        self.endpoints.update(snapshot.endpoints)
        self.secrets.update(snapshot.secrets)
        self.health.update(snapshot.health)

    def slots(self, task: Task) -> asyncio.Semaphore:
        """The requests that may be open to the task's endpoint at once."""
        key = (task.endpoint.id, task.from_backlog)
        if key not in self._slots:
            self._slots[key] = asyncio.Semaphore(BACKLOG_REQUESTS if task.from_backlog else REQUESTS_TO_ONE_ENDPOINT)
        return self._slots[key]

    def fail(self, tasks: Sequence[Task]) -> None:
        """The messages of these tasks must come again."""
        self.report.failed.update(task.position for task in tasks if task.position is not None)
