"""What the records of a delivery say, and the records that no attempt makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

from event_service.base.dates import format_date
from event_service.delivery.attempt import (
    Attempt,
    DeliveryKey,
    DeliveryStatus,
    FailureClass,
    LogRecord,
    PendingAttempt,
    cancelled_record,
    delivery_of,
    discarded_record,
)
from tests.builders import ENDPOINT, START, WORKSPACE

KEY = DeliveryKey(WORKSPACE, ENDPOINT, "e", format_date(START))
LATER = START + timedelta(hours=1)


def record(number: int, status: DeliveryStatus = DeliveryStatus.PENDING) -> LogRecord:
    """Of an attempt that lasted for a second and failed."""
    began = START + timedelta(minutes=number)
    attempt = Attempt(number, began, 1_000, 500, FailureClass.RESET, "It broke off.", "")
    return LogRecord(KEY, status, began, next_attempt=began + timedelta(minutes=5), attempt=attempt)


def test_the_newest_attempt_decides_in_whatever_order_records_come() -> None:
    records = [record(1), record(2), record(3, DeliveryStatus.FAILED)]
    for order in permutations(records):
        found = delivery_of(order)
        assert (found.status, found.next_attempt) == (DeliveryStatus.FAILED, None)
        assert [one.number for one in found.attempts] == [1, 2, 3]


def test_a_pending_delivery_says_when_it_is_tried_again() -> None:
    assert delivery_of([record(1), record(2)]).next_attempt == record(2).next_attempt


def test_a_delivery_changed_when_its_last_attempt_ended() -> None:
    assert delivery_of([record(1), record(2)]).modified == START + timedelta(minutes=2, seconds=1)


def test_any_record_tells_the_version_that_routed_the_event() -> None:
    versioned = replace(record(2), delivery=replace(KEY, configuration_version=7))
    assert delivery_of([record(1), versioned, record(3)]).configuration_version == 7
    assert delivery_of([record(1)]).configuration_version is None


def test_a_record_without_an_attempt_counts_while_nothing_newer_was_tried() -> None:
    waiting = LogRecord(KEY, DeliveryStatus.PENDING, LATER, waits_for=3)
    assert delivery_of([waiting, record(2, DeliveryStatus.FAILED)]).status is DeliveryStatus.PENDING
    assert delivery_of([waiting, record(3, DeliveryStatus.FAILED)]).status is DeliveryStatus.FAILED
    assert delivery_of([waiting]).status is DeliveryStatus.PENDING


def test_a_discarded_copy_of_an_earlier_message_ends_the_delivery() -> None:
    """Its endpoint was deleted: whatever else waited for it is not sent either."""
    discarded = discarded_record(PendingAttempt(KEY, number=1), LATER)
    assert delivery_of([discarded, record(1), record(2)]).status is DeliveryStatus.DISCARDED
    assert delivery_of([discarded, record(1), record(2, DeliveryStatus.DELIVERED)]).status is DeliveryStatus.DELIVERED
    assert delivery_of([discarded, record(1), record(2, DeliveryStatus.FAILED)]).status is DeliveryStatus.FAILED


def test_a_discarded_delivery_is_listed_and_keeps_its_schedule() -> None:
    attempt = PendingAttempt(KEY, number=4, schedule_start=3)
    made = discarded_record(attempt, LATER)
    assert made == LogRecord(KEY, DeliveryStatus.DISCARDED, LATER, waits_for=4, schedule_start=3, listed=True)


def test_a_cancelled_delivery_is_listed_in_the_place_of_its_next_attempt() -> None:
    made = cancelled_record(KEY, 4, LATER)
    attempt = Attempt(4, LATER, 0, None, FailureClass.CANCELLED, "The delivery was cancelled; no request was made.", None)
    assert made == LogRecord(KEY, DeliveryStatus.DISCARDED, LATER, attempt=attempt, schedule_start=4, listed=True)


def test_the_attempt_after_a_limit_does_not_move_the_schedule() -> None:
    attempt = PendingAttempt(KEY, number=2, schedule_start=1, begun=2)
    assert attempt.following() == replace(attempt, number=3, listed=True)
    assert attempt.following(spent=False) == replace(attempt, number=3, schedule_start=2, listed=True)
