"""The scheduler hands on what is due, deletes only what was sent, and says what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from event_service.base.errors import Unavailable
from event_service.base.identifiers import new_id
from event_service.delivery.lane import Look
from event_service.delivery.ports import Reminder
from event_service.delivery.retry_scheduler import LEAST_SECONDS, ROUND, RetryReport, RetryScheduler
from tests.builders import START, WORKSPACE, SettableClock
from tests.fakes.delivery import Aws, FakeReminderStore


class Looks:
    """A queue that takes the looks of some endpoints."""

    def __init__(self) -> None:
        self.takes: Callable[[str], bool] = lambda endpoint_id: True
        self.error: Exception | None = None
        self.sent: list[str] = []

    def send(self, messages: Sequence[tuple[Look, float]], time_left: Callable[[], float] = lambda: 60.0) -> list[int]:
        if self.error is not None:
            raise self.error
        assert len(messages) <= ROUND
        refused = [position for position, (look, _) in enumerate(messages) if not self.takes(look.endpoint_id)]
        self.sent += [look.endpoint_id for position, (look, _) in enumerate(messages) if position not in refused]
        return refused


class Scene:
    """Reminders of so many endpoints, due so many seconds ago."""

    def __init__(self, endpoints: int, seconds_ago: float = 30) -> None:
        self.store = FakeReminderStore(Aws())
        self.queue = Looks()
        self.endpoints = [new_id() for _ in range(endpoints)]
        at = START - timedelta(seconds=seconds_ago)
        self.store.put([Reminder(WORKSPACE, endpoint_id, at) for endpoint_id in self.endpoints])
        self.scheduler = RetryScheduler(self.store, self.queue, SettableClock())

    def run(self, seconds_left: float = 60) -> RetryReport:
        return self.scheduler.run(lambda: seconds_left)


def test_all_that_is_due_is_handed_on_once() -> None:
    scene = Scene(20)
    scene.store.put([Reminder(WORKSPACE, new_id(), START + timedelta(seconds=1))])
    assert scene.run() == RetryReport(sent=20, complete=True, late_seconds=30.0)
    assert sorted(scene.queue.sent) == sorted(scene.endpoints)
    assert scene.run() == RetryReport()
    assert len(scene.store.rows) == 1


def test_what_was_not_sent_is_found_by_the_next_run() -> None:
    scene = Scene(20)
    refused = set(scene.endpoints[:5])
    scene.queue.takes = lambda endpoint_id: endpoint_id not in refused
    report = scene.run()
    assert (report.sent, report.complete) == (15, False)
    scene.queue.takes = lambda endpoint_id: True
    assert scene.run().sent == 5
    assert sorted(scene.queue.sent) == sorted(scene.endpoints)


def test_a_queue_that_fails_or_takes_nothing_ends_the_run() -> None:
    scene = Scene(3)
    scene.queue.takes = lambda endpoint_id: False
    assert scene.run() == RetryReport(complete=False, late_seconds=30.0)
    scene.queue.error = Unavailable("SQS")
    assert scene.run() == RetryReport(complete=False, late_seconds=30.0)
    assert len(scene.store.rows) == 3


def test_no_round_begins_without_the_time_for_it() -> None:
    scene = Scene(3)
    assert scene.run(LEAST_SECONDS - 0.1) == RetryReport(complete=False)
    assert scene.run(LEAST_SECONDS).sent == 3
