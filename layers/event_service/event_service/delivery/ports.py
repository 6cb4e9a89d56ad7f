"""What webhook delivery, its retries and the delivery log need from outside, beyond :mod:`event_service.configuration.ports`.

All methods block unless they are ``async``, and raise ``RateLimited`` or ``Unavailable`` as those do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from event_service.delivery.attempt import Delivery, DeliveryKey, DeliveryStatus, LogKey, LogRecord, PendingAttempt
from event_service.delivery.lane import Lane, Look, Trouble
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.receiver_health import EndpointHealth

LOG_SHARDS = 16
"""Partition keys of the list of one endpoint's deliveries: 1,000 new ones a second each."""
STATUS_SHARDS = 16
"""Partition keys of each list by status of one workspace: 1,000 deliveries that begin to fail, or end so, a second each."""
REMINDER_SHARDS = 8
"""Partition keys of the reminders of all endpoints."""
BACKLOG_SHARDS = 2
"""Partition keys of each kind of row of one endpoint's backlog: 1,000 rows a second each."""


@dataclass(frozen=True, slots=True)
class DeliveryRef:
    """One entry of an endpoint's list: the event's acceptance (a stored date) and its id."""

    accepted_at: str
    event_id: str


@dataclass(frozen=True, slots=True)
class DeliveryRefPage:
    """One part of an endpoint's list. ``position`` goes into the next call; ``None`` at the end."""

    refs: list[DeliveryRef]
    position: str | None


@dataclass(frozen=True, slots=True, order=True)
class DeliveryPlace:
    """Where a delivery stands in every list that has it. ``accepted_at`` is a stored date."""

    accepted_at: str
    event_id: str
    endpoint_id: str


class UnfinishedDeliveries(Protocol):
    """Deliveries that did not succeed yet, or at all, by their status."""

    def places(
        self,
        workspace_id: str,
        statuses: Collection[DeliveryStatus],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = True,
        after: DeliveryPlace | None = None,
        expected: int = 100,
    ) -> Iterator[DeliveryPlace]:
        """All that may have one of ``statuses``, in the order of their places, behind ``after``; strongly consistent. None is
        missing; some may have another status by now, or be gone. ``expected`` is about how many will be taken."""


class WideEvents(Protocol):
    """Events for very many webhooks, whose records the log spreads over several partition keys."""

    def mark(self, keys: Iterable[DeliveryKey]) -> None:
        """Notes the events of these deliveries, which are wide, before anything of them is logged; doing it again changes nothing."""

    def log_shards(self, workspace_id: str, event_ids: Collection[str]) -> dict[str, int]:
        """Over how many keys each of these events is spread; those that are not wide are missing. Strongly consistent."""


class DeliveryLog(Protocol):
    """The log of attempts. Records past their expiry count as absent."""

    def write(self, records: Sequence[LogRecord]) -> None:
        """Writes all; writing one again changes nothing. A failure never takes the place of a success. After an error some may
        have been written."""

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        """One delivery with all its attempts, strongly consistent."""

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        """Those that exist of many (endpoint id, event id), side by side, strongly consistent."""

    def of_event(
        self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int, *, descending: bool = False
    ) -> list[Delivery]:
        """Up to ``limit`` deliveries of one event, ordered by endpoint id, behind ``after_endpoint_id``, backwards if
        ``descending``; strongly consistent."""

    def of_endpoint(
        self,
        workspace_id: str,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = True,
        limit: int = 100,
        position: str | None = None,
    ) -> DeliveryRefPage:
        """Which events were on their way to one endpoint, in order of acceptance, ties by id, newest first unless
        ``descending`` is false; of those accepted in ``[since, until)`` and behind ``position``: that of a page, or the
        acceptance of any entry, ``#`` and its event id. It may lag by seconds. A page is shorter than
        ``limit`` only at the end. An endpoint of another workspace has none."""


@dataclass(frozen=True, slots=True)
class ReadableLog:
    """What lists of deliveries are read from."""

    log: DeliveryLog
    unfinished: UnfinishedDeliveries


@dataclass(frozen=True, slots=True)
class BacklogRow:
    """A delivery that waits in the backlog of its endpoint.

    Attributes:
        attempt: the attempt to make.
        at: its place, and not to be made before: the acceptance of the event, or when a retry is due; a stored date.
        live: it came from the shared lane just now, and does not queue behind an old backlog.
    """

    attempt: PendingAttempt
    at: str
    live: bool = False

    @property
    def key(self) -> LogKey:
        """Which attempt of which delivery."""
        return self.attempt.log_key

    @property
    def mark(self) -> str:
        """A short name for the key, of which a lane can hold a hundred."""
        return hashlib.blake2b("\n".join(map(str, self.key)).encode(), digest_size=8).hexdigest()


class BacklogStore(Protocol):
    """The backlogs of endpoints. A row's place does not depend on its workspace."""

    def add(self, rows: Sequence[BacklogRow]) -> None:
        """Stores all; storing one again changes nothing."""

    def oldest(self, endpoint_id: str, limit: int) -> list[BacklogRow]:
        """Up to ``limit`` live rows and as many others, each kind oldest first; those that are due later too. Strongly
        consistent."""

    def delete(self, rows: Sequence[BacklogRow]) -> None:
        """Forgets; unknown ones are fine."""

    def count(self, endpoint_id: str, most: int) -> int:
        """How many rows an endpoint has; ``most`` if there are as many or more. It may lag by seconds."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """That an endpoint's lane is to be looked at, at a minute. Equal ones are one."""

    workspace_id: str
    endpoint_id: str
    at: datetime


class ReminderStore(Protocol):
    """Reminders by their minute."""

    def put(self, reminders: Sequence[Reminder]) -> None:
        """Stores all; storing one again changes nothing."""

    def due(self, shard: int, now: datetime, limit: int) -> list[Reminder]:
        """The oldest of one shard whose minute has come; others are not even read. Strongly consistent."""

    def delete(self, reminders: Sequence[Reminder]) -> None:
        """Forgets; unknown ones are fine."""


class LaneStore(Protocol):
    """The lanes of endpoints; all reads are strongly consistent."""

    def read(self, endpoint_ids: Sequence[str]) -> dict[str, Lane]:
        """Those that exist, 100 a call."""

    def claim(self, lane: Lane, token: str, lease_until: datetime) -> Lane | None:
        """Makes ``token`` the owner; ``None`` when the lane is not as ``lane`` any more: somebody was faster."""

    def ask_again(self, lane: Lane) -> bool:
        """Tells the owner, who holds the lane as it was read, to look again before it ends; ``False``: it has ended."""

    def set_ending(self, lane: Lane, ending: bool) -> bool:
        """The owner says that it is about to end, or that it goes on; ``False``: it is the owner no longer."""

    def release(self, lane: Lane, next_at: datetime | None) -> bool:
        """The owner lets go, with ``open_rows``, ``look_at`` and ``pace`` as ``lane`` has them, and the lane is served next
        at ``next_at``. ``False``: it was asked to look again (unless ``lane`` says so), or is the owner no longer."""

    def note_trouble(self, workspace_id: str, endpoint_id: str, trouble: Trouble, not_before: datetime | None) -> bool:
        """Notes why live events go through the lane, and the latest wish for a pause. ``False``: that is said already."""

    def note_slow(self, workspace_id: str, endpoint_id: str, now: datetime, since: datetime) -> bool:
        """Notes that a request is open for long; ``False`` when the same was noted after ``since``."""

    def calm(self, lane: Lane) -> None:
        """The owner notes that live events do not go through the lane any more."""

    def reset(self, endpoint_id: str) -> None:
        """Forgets when the lane is served next and what was found out about the receiver, which may be another one now. Nothing
        happens without a lane."""


class WebhookQueue(Protocol):
    """Webhook delivery's queue, of the shared lane."""

    def send(self, messages: Sequence[tuple[WebhookMessage, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        """Sends messages, each with its delay in seconds, in as few calls as SQS allows, and tries again what failed, for as long
        as ``time_left()`` (in seconds) allows it. Does not raise: returns the positions of those that may not have been sent.

        A delay is at most 900 s
        (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html)."""


class LookQueue(Protocol):
    """The queue of the own lanes."""

    def send(self, looks: Sequence[tuple[Look, float]]) -> list[int]:
        """As :meth:`WebhookQueue.send`."""


class HealthStore(Protocol):
    """What is known of endpoints that fail."""

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        """Stores; ``False`` when what is stored is not ``replaces`` any more, or the endpoint was deleted."""

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        """Strongly consistent."""

    def clear(self, workspace_id: str, known: EndpointHealth) -> bool:
        """Forgets; ``False`` when what is stored is not ``known`` any more."""


class TestsMade(Protocol):
    """Counts tests of endpoints."""

    def take(self, workspace_id: str, now: datetime, limit: int) -> bool:
        """Counts one more; ``False`` when the workspace has made ``limit`` in this minute."""


class OperationalPublisher(Protocol):
    """The door of publishing for the service's own events."""

    def publish_operational(self, workspace_id: str, event_type: str, data: dict[str, Any], event_id: str | None = None) -> object:
        """Publishes one event; ``event_id`` makes a repeat a duplicate."""


class EndpointDisabler(Protocol):
    """The door of the configuration for the service's own verdict."""

    def disable_endpoint(self, workspace_id: str, endpoint_id: str, reason: str) -> bool:
        """Disables an ENABLED endpoint; whether it was ENABLED until now."""
