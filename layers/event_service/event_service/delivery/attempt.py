"""Deliveries: one event on its way to one webhook, and the log that proves each attempt.

The log has one record for each attempt and at most one without an attempt (number 0), which says that the delivery waits
for its endpoint or was discarded. Records are only added, never changed: what a delivery is now follows from all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from event_service.base.dates import from_stored
from event_service.base.identifiers import delivery_id

NO_ATTEMPT = 0
MAXIMUM_ATTEMPT_NUMBER = 9_999
"""The log's sort key has four digits. Ten attempts a retry or replay make that 999 of them."""


class FailureClass(StrEnum):
    """Why no complete answer came: one word for a log and for filters. The sentence beside it is for people."""

    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    BLOCKED_ADDRESS = "blocked-address"
    TOO_LARGE = "too-large"
    PROTOCOL = "protocol"
    CANCELLED = "cancelled"
    """No request was made: a person has cancelled the delivery."""


class DeliveryStatus(StrEnum):
    """PENDING: another attempt will come. FAILED: given up. DISCARDED: the endpoint was deleted, the event expired, or a person has
    cancelled it."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    DISCARDED = "DISCARDED"


UNFINISHED: Final = (DeliveryStatus.PENDING, DeliveryStatus.FAILED, DeliveryStatus.DISCARDED)
"""Each has a list of its own, so that the few deliveries that did not succeed are found among all others."""


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """Which delivery: one event at one endpoint.

    Attributes:
        accepted_at: the event's acceptance, a stored date.
        configuration_version: by which the event was routed here; ``None`` where it was sent again later. It is carried
            along to the log, so that the log can say why the event was sent.
        log_shards: over how many partition keys the log spreads the records of a wide event; 0: it is not wide, and has one.
    """

    workspace_id: str
    endpoint_id: str
    event_id: str
    accepted_at: str
    configuration_version: int | None = field(default=None, compare=False)
    log_shards: int = field(default=0, compare=False)

    @property
    def event(self) -> tuple[str, str]:
        """(workspace id, event id)"""
        return self.workspace_id, self.event_id


LogKey: TypeAlias = tuple[str, str, str, int, int]
"""(endpoint id, workspace id, event id, number of the attempt, ``log_shards``)."""

WIDE_FROM: Final = 200
"""An event for more webhooks is wide. They may all fail within a second, and the key that holds an event's records takes 1,000
kilobytes a second: a record is one kilobyte, or two with a long id."""
WIDE_SHARDS: Final = 32
"""Keys of a wide event: 10,000 attempts in one second are 312 records a key, and three reads for each when they are retries."""


@dataclass(frozen=True, slots=True)
class PendingAttempt:
    """The attempt of a delivery that comes next, wherever it waits: in a queue, as a retry, or in a backlog. The event itself
    stands in the events table.

    Attributes:
        number: of the attempt in the log, 1 for the first.
        schedule_start: the attempt with which the schedule of retries began: a retry or replay begins it anew.
        listed: the log has a record of this delivery, by which lists find it.
        traceparent: the trace of the publish.
        body_bytes: the size of the request's body, for whoever has to know before reading it.
        begun: the first attempt that was asked for: 1, or the one that a retry by hand or a replay began with.
    """

    delivery: DeliveryKey
    number: int = 1
    schedule_start: int = 1
    listed: bool = False
    traceparent: str | None = None
    body_bytes: int = 0
    begun: int = 1

    @property
    def log_key(self) -> LogKey:
        """By which the log finds the record of this attempt."""
        key = self.delivery
        return key.endpoint_id, key.workspace_id, key.event_id, self.number, key.log_shards

    @property
    def log_keys(self) -> list[LogKey]:
        """Where the log says whether this attempt is still to be made: its own place, and that of the attempt before it. Of two
        copies in flight at once one may have failed and asked for this attempt, and the other have succeeded."""
        own = self.log_key
        return [own, (*own[:3], self.number - 1, own[4])] if self.number > self.begun else [own]

    @property
    def lists(self) -> tuple[DeliveryStatus, ...]:
        """The lists by status that may have the delivery before this attempt is made. A single one has it for certain."""
        if self.number > self.begun or (self.listed and self.begun == 1):
            return (DeliveryStatus.PENDING,)
        return UNFINISHED if self.listed else ()

    def is_superfluous(self, recorded: Mapping[LogKey, LogRecord]) -> bool:
        """Whether the attempt before it has succeeded after all."""
        before = [recorded[key] for key in self.log_keys[1:] if key in recorded]
        return any(record.status is DeliveryStatus.DELIVERED for record in before)

    def following(self, *, spent: bool = True) -> PendingAttempt:
        """The attempt after this one. One that is not ``spent`` leaves the schedule of retries where it was: the receiver
        said that it is asked too often, which is no failure of the delivery."""
        start = self.schedule_start if spent else self.schedule_start + 1
        return replace(self, number=self.number + 1, schedule_start=start, listed=True)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one request and its answer were.

    Attributes:
        number: 1 for the first.
        date: when it began.
        status_code: ``None`` when no answer came.
        failure: why there is no complete answer; ``None`` when there is one.
        explanation: the failure as a sentence.
        response_body: the start of it: 16 KiB of a failure, 256 bytes of a success.
        url: where the request went: the start of it, 256 characters, if it was a success.
        response_headers: of a failure, as names in lower case and values, about 2 KB; cookies are masked.
    """

    number: int
    date: datetime
    duration_ms: int
    status_code: int | None
    failure: FailureClass | None
    explanation: str | None
    response_body: str | None
    url: str | None = None
    response_headers: tuple[tuple[str, str], ...] = ()

    @property
    def error(self) -> str | None:
        """Class and sentence in one text: ``timeout: No connection to … came about within 15 s.``"""
        if self.failure is None:
            return None
        return f"{self.failure.value}: {self.explanation}" if self.explanation else self.failure.value


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One item of the log.

    Attributes:
        status: what the delivery is after this record.
        date: of the attempt's beginning, or of the moment when it joined the backlog or was discarded.
        next_attempt: when the next attempt is due; ``None`` where there is none or where nobody knows.
        attempt: ``None`` for the record without an attempt.
        waits_for: in the record without an attempt, the number of the attempt that it stands before.
        schedule_start: the attempt with which the schedule of retries began: 1, or a later one after a retry or replay.
        disable_reason: set when this attempt is why the endpoint was disabled.
        listed: whether lists find the delivery by this record. One of its records is enough; the first has it.
        lists: as :attr:`PendingAttempt.lists`; it is not stored.
    """

    delivery: DeliveryKey
    status: DeliveryStatus
    date: datetime
    next_attempt: datetime | None = None
    attempt: Attempt | None = None
    waits_for: int = NO_ATTEMPT
    schedule_start: int = 1
    disable_reason: str | None = None
    listed: bool = False
    lists: tuple[DeliveryStatus, ...] = field(default=(), compare=False)

    @property
    def adds_to_list(self) -> bool:
        """Whether the list of its status may not have the delivery yet."""
        return self.status is not DeliveryStatus.DELIVERED and self.lists != (self.status,)

    @property
    def leaves_lists(self) -> tuple[DeliveryStatus, ...]:
        """The lists by status that may have the delivery and are not to have it any more."""
        return tuple(status for status in self.lists if status is not self.status)

    @property
    def is_failure(self) -> bool:
        """Whether an attempt was made and did not succeed: such a record never takes the place of a success."""
        return self.attempt is not None and self.status is not DeliveryStatus.DELIVERED

    @property
    def number(self) -> int:
        """The number in the key."""
        return NO_ATTEMPT if self.attempt is None else self.attempt.number

    @property
    def log_key(self) -> LogKey:
        """Where it stands."""
        key = self.delivery
        return key.endpoint_id, key.workspace_id, key.event_id, self.number, key.log_shards


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook.

    ``created`` is the acceptance of the event, so that deliveries and events have the same order; ``next_attempt`` is
    ``None`` unless PENDING, and also while it waits for its endpoint.
    """

    workspace_id: str
    endpoint_id: str
    event_id: str
    status: DeliveryStatus
    attempts: tuple[Attempt, ...]
    next_attempt: datetime | None
    created: datetime
    modified: datetime
    configuration_version: int | None = None
    """By which its event was routed; ``None`` where no record says."""
    log_shards: int = 0
    """As :class:`DeliveryKey` has it."""

    @property
    def id(self) -> str:
        """Derived from endpoint and event."""
        return delivery_id(self.endpoint_id, self.event_id)

    @property
    def last_number(self) -> int:
        """The number of the newest attempt; 0 before the first."""
        return self.attempts[-1].number if self.attempts else NO_ATTEMPT


def delivery_of(records: Iterable[LogRecord]) -> Delivery:
    """What the records of one delivery (at least one, in any order) say that it is now."""
    ordered = sorted(records, key=lambda record: record.number)
    attempts = tuple(record.attempt for record in ordered if record.attempt is not None)
    last = ordered[-1]
    unsent = ordered[0] if ordered[0].attempt is None else None
    # By number and not by date: two workers' clocks differ.
    if unsent is not None and (last.attempt is None or unsent.waits_for > last.number or _was_discarded(unsent, last)):
        last = unsent
    ends = [record.date + timedelta(milliseconds=record.attempt.duration_ms if record.attempt else 0) for record in ordered]
    return Delivery(
        workspace_id=last.delivery.workspace_id,
        endpoint_id=last.delivery.endpoint_id,
        event_id=last.delivery.event_id,
        status=last.status,
        attempts=attempts,
        next_attempt=last.next_attempt if last.status is DeliveryStatus.PENDING else None,
        created=from_stored(last.delivery.accepted_at),
        modified=max(ends),
        configuration_version=next(
            (record.delivery.configuration_version for record in ordered if record.delivery.configuration_version), None
        ),
        log_shards=last.delivery.log_shards,
    )


def _was_discarded(unsent: LogRecord, last: LogRecord) -> bool:
    """Whether nothing is sent any more, although the last attempt asked for another: its endpoint is deleted, or its event has expired, and
    neither comes back. The message that was discarded may have been a late copy of an earlier one."""
    return unsent.status is DeliveryStatus.DISCARDED and last.status is DeliveryStatus.PENDING


def discarded_record(attempt: PendingAttempt, now: datetime) -> LogRecord:
    """That a delivery will never be made."""
    return LogRecord(
        delivery=attempt.delivery,
        status=DeliveryStatus.DISCARDED,
        date=now,
        waits_for=attempt.number,
        schedule_start=attempt.schedule_start,
        # The record by which lists found the delivery may be about to expire.
        listed=True,
        # The attempt may have been made, and ended as FAILED: then the delivery stays in that list.
        lists=attempt.lists[:1],
    )


def cancelled_record(
    delivery: DeliveryKey, number: int, now: datetime, lists: tuple[DeliveryStatus, ...] = (DeliveryStatus.PENDING,)
) -> LogRecord:
    """Stands in the log where attempt ``number`` would: whoever is about to make that one finds it made. ``lists`` are as
    :attr:`PendingAttempt.lists`."""
    explanation = "The delivery was cancelled; no request was made."
    return LogRecord(
        delivery=delivery,
        status=DeliveryStatus.DISCARDED,
        date=now,
        attempt=Attempt(number, now, 0, None, FailureClass.CANCELLED, explanation, None),
        schedule_start=number,
        # The record by which lists found the delivery may be about to expire.
        listed=True,
        lists=lists,
    )
