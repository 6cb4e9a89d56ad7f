"""The SQS adapter against what SQS does at times and moto never does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from event_service.aws.sqs import CONNECT_TIMEOUT_SECONDS, LEAST_SECONDS, READ_TIMEOUT_SECONDS, TRIES, Entry, Queues, connect
from event_service.base.errors import RateLimited, Unavailable
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.storage.queue import SqsWebhookQueue
from event_service.events.routing_message import RoutingMessage
from event_service.events.storage.queue import SqsRoutingQueue
from tests.fakes.events import FakeSqsClient, never_connected, never_left, refused, server_fault, throttled, timed_out

URL = "https://sqs/queue"


@dataclass(frozen=True)
class Text:
    """A message that shows whether it is marked."""

    name: str
    padding: int = 0
    group: str = "g"

    def text(self, *, repeat: bool) -> str:
        return f"{self.name}{'!' if repeat else ''}" + "x" * self.padding


class Sender:
    """A fake client and the queues over it."""

    def __init__(self, *faults: Exception | set[int] | None, **options: Any) -> None:
        self.client = FakeSqsClient(list(faults), **options)
        self.pauses: list[float] = []
        made: Callable[[], Any] = lambda: self.client  # noqa: E731 - a client of another type
        self.queues = Queues(made, sleep=self.pauses.append)

    def send(self, name: str = "m") -> None:
        self.queues.send(URL, Entry(Text(name)))

    def send_all(self, count: int, padding: int = 0, time_left: float = 60) -> list[int]:
        return self.queues.send_all(URL, [Entry(Text(str(number), padding)) for number in range(count)], lambda: time_left)

    @property
    def arrived(self) -> list[str]:
        return [entry["MessageBody"].rstrip("x") for entry in self.client.arrived]


# -- one message ---------------------------------------------------------------------------------------------------


def test_one_message_is_one_call() -> None:
    sender = Sender()

    sender.send()

    assert sender.client.calls == [[{"MessageBody": "m", "MessageGroupId": "g"}]]
    assert sender.pauses == []


@pytest.mark.parametrize("fault", [throttled(), never_left(), never_connected()])
def test_what_never_was_sent_is_sent_again_as_it_is(fault: Exception) -> None:
    sender = Sender(fault)

    sender.send()

    assert sender.arrived == ["m"]


@pytest.mark.parametrize("fault", [timed_out(), server_fault()])
def test_what_may_have_been_sent_is_sent_again_as_a_repeat(fault: Exception) -> None:
    sender = Sender(fault)

    sender.send()

    assert sender.arrived[-1] == "m!"
    assert len(sender.client.calls) == 2


def test_a_repeat_stays_one_when_a_later_try_is_throttled() -> None:
    sender = Sender(timed_out(), throttled(), never_left())

    sender.send()

    assert sender.arrived == ["m", "m!"]


def test_a_queue_that_takes_nothing_means_that_nothing_was_accepted() -> None:
    sender = Sender(*[throttled()] * TRIES)

    with pytest.raises(RateLimited):
        sender.send()
    assert sender.arrived == []
    assert len(sender.pauses) == TRIES - 1


def test_throttling_after_a_lost_answer_is_not_a_refusal() -> None:
    sender = Sender(timed_out(), *[throttled()] * (TRIES - 1))

    with pytest.raises(Unavailable):
        sender.send()
    assert sender.arrived == ["m"]


def test_a_refusal_is_not_tried_again() -> None:
    sender = Sender(refused("SendMessage"))

    with pytest.raises(Unavailable, match="AccessDenied"):
        sender.send()
    assert len(sender.client.calls) == 1


# -- many messages -------------------------------------------------------------------------------------------------


def test_ten_messages_are_one_call_and_eleven_are_two() -> None:
    ten, eleven = Sender(), Sender()

    assert (ten.send_all(10), eleven.send_all(11)) == ([], [])

    assert [len(call) for call in ten.client.calls] == [10]
    assert sorted(len(call) for call in eleven.client.calls) == [1, 10]


def test_nothing_to_send_is_no_call() -> None:
    sender = Sender()

    assert sender.send_all(0) == []
    assert sender.client.calls == []


def test_a_call_has_at_most_a_megabyte() -> None:
    sender = Sender()

    assert sender.send_all(10, padding=256 * 1024) == []

    # The fake refuses a call that is larger.
    assert sorted(len(call) for call in sender.client.calls) == [1, 3, 3, 3]


def test_all_of_very_many_arrive_once() -> None:
    sender = Sender()

    assert sender.send_all(1_234) == []

    assert sorted(map(int, sender.arrived)) == list(range(1_234))
    assert len(sender.client.calls) == 124


def test_only_what_failed_is_sent_again() -> None:
    sender = Sender({1, 3})

    assert sender.send_all(5) == []

    assert [[entry["MessageBody"] for entry in call] for call in sender.client.calls] == [["0", "1", "2", "3", "4"], ["1", "3"]]
    assert sorted(sender.arrived) == ["0", "1", "2", "3", "4"]


def test_what_sqs_refuses_for_what_it_is_is_not_sent_again() -> None:
    sender = Sender({1}, sender_fault=True)

    assert sender.send_all(3) == [1]
    assert len(sender.client.calls) == 1


def test_what_keeps_failing_is_reported_by_its_position() -> None:
    sender = Sender({2}, *[{0}] * (TRIES - 1))

    assert sender.send_all(4) == [2]
    assert sorted(sender.arrived) == ["0", "1", "3"]


def test_a_call_whose_answer_was_lost_is_sent_again_with_all_marked() -> None:
    sender = Sender(timed_out())

    assert sender.send_all(2) == []
    assert sender.arrived == ["0", "1", "0!", "1!"]


def test_marking_does_not_make_a_full_call_too_large() -> None:
    sender = Sender(timed_out(), acts=False)

    # The fake refuses a call of more than a megabyte.
    assert sender.send_all(10, padding=104_824) == []
    assert [len(call) for call in sender.client.calls] == [10, 10]


@pytest.mark.parametrize("fault", [throttled(), never_left(), never_connected()])
def test_a_call_that_was_not_made_is_made_again_unmarked(fault: Exception) -> None:
    sender = Sender(fault)

    assert sender.send_all(2) == []
    assert sender.arrived == ["0", "1"]


def test_a_call_that_keeps_failing_reports_all_of_it_and_nothing_else() -> None:
    sender = Sender(*[server_fault()] * TRIES)

    assert sender.send_all(3) == [0, 1, 2]


def test_a_refused_call_is_not_made_again() -> None:
    sender = Sender(refused())

    assert sender.send_all(3) == [0, 1, 2]
    assert len(sender.client.calls) == 1


def test_no_call_is_begun_that_could_not_end_in_time() -> None:
    sender = Sender()

    assert sender.send_all(3, time_left=LEAST_SECONDS - 0.1) == [0, 1, 2]
    assert sender.client.calls == []


def test_delay_and_deduplication_go_along() -> None:
    sender = Sender()

    sender.queues.send_all(URL, [Entry(Text("a"), delay_seconds=900), Entry(Text("b"), deduplication_id="d")], lambda: 60)

    first, second = sender.client.calls[0]
    assert (first["DelaySeconds"], "MessageDeduplicationId" in first) == (900, False)
    assert (second["MessageDeduplicationId"], "DelaySeconds" in second) == ("d", False)


# -- the queues ----------------------------------------------------------------------------------------------------


def test_a_publish_is_grouped_by_its_workspace() -> None:
    sender = Sender(timed_out())

    SqsRoutingQueue(sender.queues, URL).send(RoutingMessage("w", "00", "2026-03-01T12:00:00.000000+00:00", ()))

    (first,), (second,) = sender.client.calls
    assert first["MessageGroupId"] == "w"
    assert "repeat" not in json.loads(first["MessageBody"])
    assert json.loads(second["MessageBody"])["repeat"] is True


def test_delivery_is_grouped_by_endpoint_and_keeps_its_body() -> None:
    sender = Sender()
    message = WebhookMessage.first("w", "e", "1", "2026-03-01T12:00:00.000000+00:00", "trace", '{"a":"é\\uffff"}')

    assert SqsWebhookQueue(sender.queues, URL).send([(message, 0.0)], lambda: 60) == []

    (entry,) = sender.client.calls[0]
    head, _, body = entry["MessageBody"].partition("\n")
    assert entry["MessageGroupId"] == "e"
    assert body == '{"a":"é\\uffff"}'
    assert json.loads(head) == {
        "v": 1,
        "workspaceId": "w",
        "endpointId": "e",
        "eventId": "1",
        "acceptedAt": "2026-03-01T12:00:00.000000+00:00",
        "traceparent": "trace",
    }


def test_the_client_has_short_time_outs_and_no_retries_of_its_own() -> None:
    config: Any = connect("us-east-1", "http://127.0.0.1:1").meta.config

    assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
    assert config.retries["total_max_attempts"] == 1


# -- received messages ---------------------------------------------------------------------------------------------


class Received:
    """A client that notes what it is told about received messages, and answers as prepared."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.calls: list[tuple[str, list[dict[str, Any]]]] = []

    def _act(self, operation: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert 1 <= len(entries) <= 10, "SQS: TooManyEntriesInBatchRequest"
        assert len({one["Id"] for one in entries}) == len(entries), "SQS: BatchEntryIdsNotDistinct"
        self.calls.append((operation, entries))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - botocore's names
        return self._act("delete", Entries)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        return self._act("show", Entries)


@pytest.mark.parametrize(
    "answer", [{}, {"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]}, timed_out(), throttled(), refused()], ids=str
)
def test_received_messages_are_given_back_ten_a_call_without_raising(answer: dict[str, Any] | Exception) -> None:
    client = Received(answer)
    queues = Queues(lambda: client)  # type: ignore[arg-type,return-value]

    queues.delete_all("url", [f"r{number}" for number in range(12)])
    queues.show_again("url", ["a", "b"], 65)
    queues.delete_all("url", [])

    assert [(operation, [one["ReceiptHandle"] for one in entries]) for operation, entries in client.calls] == [
        ("delete", [f"r{number}" for number in range(10)]),
        ("delete", ["r10", "r11"]),
        ("show", ["a", "b"]),
    ]
    assert [one["VisibilityTimeout"] for one in client.calls[2][1]] == [65, 65]
