"""What routing hands over for webhooks, when wide events cannot be marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

from event_service.base.errors import Unavailable
from event_service.delivery.attempt import WIDE_SHARDS, DeliveryKey
from event_service.delivery.messages import WebhookMessage
from event_service.webhooks.outlet import MarkingQueue

ACCEPTED = "2026-03-01T12:00:00.000000+00:00"


class Queue:
    """Takes messages, except those at some positions."""

    def __init__(self, *refused: int) -> None:
        self.refused = list(refused)
        self.sent: list[str] = []

    def send(self, messages: Sequence[tuple[WebhookMessage, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        del time_left
        self.sent += [message.delivery.event_id for position, (message, _) in enumerate(messages) if position not in self.refused]
        return self.refused


class Marks:
    def __init__(self, *, fail: bool) -> None:
        self.fail = fail
        self.marked: list[str] = []

    def mark(self, keys: Iterable[DeliveryKey]) -> None:
        if self.fail:
            raise Unavailable("no marks today")
        self.marked += [key.event_id for key in keys]

    def log_shards(self, workspace_id: str, event_ids: Collection[str]) -> dict[str, int]:
        raise AssertionError("whoever sends does not read")


def message(event_id: str, *, wide: bool) -> tuple[WebhookMessage, float]:
    return WebhookMessage.first("w", "e", event_id, ACCEPTED, None, "{}", log_shards=WIDE_SHARDS if wide else 0), 0.0


MESSAGES = [message("a", wide=False), message("b", wide=True), message("c", wide=False), message("d", wide=False)]


def test_wide_events_are_marked_before_anything_is_sent() -> None:
    queue, marks = Queue(), Marks(fail=False)
    assert MarkingQueue(queue, lambda: marks).send(MESSAGES, lambda: 60.0) == []
    assert (queue.sent, marks.marked) == (["a", "b", "c", "d"], ["b"])


def test_others_are_sent_when_wide_events_cannot_be_marked() -> None:
    queue, marks = Queue(1), Marks(fail=True)
    unsent = MarkingQueue(queue, lambda: marks).send(MESSAGES, lambda: 60.0)
    assert list(unsent) == [1, 2], "the wide one, and the second of those that were sent"
    assert queue.sent == ["a", "d"]


def test_nothing_is_sent_when_all_are_wide_and_cannot_be_marked() -> None:
    queue, marks = Queue(), Marks(fail=True)
    wide = [message("a", wide=True), message("b", wide=True)]
    assert list(MarkingQueue(queue, lambda: marks).send(wide, lambda: 60.0)) == [0, 1]
    assert queue.sent == []
