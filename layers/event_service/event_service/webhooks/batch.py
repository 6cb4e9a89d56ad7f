"""What one invocation of webhook delivery knows and does: its messages, tasks, results and report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from event_service.configuration.endpoint import Endpoint
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import DeliveryStatus, LogRecord
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import BacklogRow
from event_service.delivery.receiver_health import EndpointHealth
from event_service.webhooks.ports import Snapshot
from event_service.webhooks.verdict import Verdict

REQUESTS_TO_ONE_ENDPOINT: Final = 10
"""At once, in one invocation of the shared lane."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the queue handed it over; ``receive_count`` is 1 the first time."""

    text: str
    receive_count: int = 1


@dataclass(slots=True)
class DeliveryReport:
    """The outcome of a batch.

    Attributes:
        failed: positions of messages that must come again.
        attempts: requests that were made, by what the delivery is after them.
        to_backlog: deliveries that wait for their endpoint, because it is off or served in its own lane.
        cut: requests that the shared lane broke off to leave them to the endpoint's own lane.
        limited: answers that said that the receiver is asked too often.
        dropped: attempts that the log had already.
        discarded: deliveries that will never be made.
        disabled: endpoints that were disabled.
        lanes_begun: endpoints that went to a lane of their own.
        by_workspace: ``attempts`` by workspace.
        answers_ms: by workspace, how many answers came after so many milliseconds.
        traceparents: of the messages.
    """

    failed: set[int] = field(default_factory=set)
    attempts: dict[DeliveryStatus, int] = field(default_factory=dict)
    to_backlog: int = 0
    cut: int = 0
    limited: int = 0
    dropped: int = 0
    discarded: int = 0
    disabled: int = 0
    lanes_begun: int = 0
    by_workspace: dict[str, dict[DeliveryStatus, int]] = field(default_factory=dict)
    answers_ms: dict[str, dict[int, int]] = field(default_factory=dict)
    traceparents: list[str | None] = field(default_factory=list)


class Outcome(Enum):
    """The outcome of a task."""

    ATTEMPTED = auto()
    BACKLOG = auto()
    """It waits for its endpoint."""
    CUT = auto()
    """Its request was open for too long: the endpoint's own lane makes it again, with its full time."""
    POSTPONED = auto()
    REPEATED = auto()
    """The log has it; only what follows from the record is done again."""


@dataclass(eq=False, slots=True)
class Task:
    """One delivery to make: a message of the shared lane's batch, at ``position``, or the ``row`` of a backlog."""

    message: WebhookMessage
    endpoint: Endpoint
    position: int | None = None
    row: BacklogRow | None = None


@dataclass(slots=True)
class Result:
    """The outcome of a task, and what is written about it.

    Attributes:
        record: for the log; of a REPEATED task the one that the log has.
        delay: seconds until the next attempt.
        seconds: how long the request took.
    """

    task: Task
    outcome: Outcome
    record: LogRecord | None = None
    verdict: Verdict | None = None
    delay: float | None = None
    seconds: float = 0.0


class Batch:
    """What one invocation knows of endpoints, and how many requests it has open to each."""

    def __init__(self, snapshot: Snapshot, time_left: Callable[[], float], report: DeliveryReport) -> None:
        self.time_left = time_left
        self.report = report
        self.secrets: dict[str, EndpointSecrets] = {}
        self.health: dict[str, EndpointHealth] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.stopped: set[str] = set()
        """Endpoints to which the shared lane sends nothing more: off, or in a lane of their own."""
        self.disabled: set[str] = set()
        self.added_to: set[tuple[str, str]] = set()
        """Backlogs that got something: (workspace id, endpoint id)."""
        self._slots: dict[str, asyncio.Semaphore] = {}
        self.add(snapshot)

    def add(self, snapshot: Snapshot) -> None:
        """Adds what another read found."""
        self.endpoints.update(snapshot.endpoints)
        self.secrets.update(snapshot.secrets)
        self.health.update(snapshot.health)
        self.stopped.update(one for one, health in snapshot.health.items() if health.own_lane)

    def forget(self, endpoint_id: str) -> None:
        """Before another read of the endpoint: what that does not find is not there any more."""
        self.endpoints.pop(endpoint_id, None)
        self.health.pop(endpoint_id, None)

    def slots(self, endpoint_id: str) -> asyncio.Semaphore:
        """The requests that may be open to the endpoint at once."""
        if endpoint_id not in self._slots:
            self._slots[endpoint_id] = asyncio.Semaphore(REQUESTS_TO_ONE_ENDPOINT)
        return self._slots[endpoint_id]

    def fail(self, tasks: Sequence[Task]) -> None:
        """The messages of these tasks must come again."""
        self.report.failed.update(task.position for task in tasks if task.position is not None)
