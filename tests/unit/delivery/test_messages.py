"""What the queues carry."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from event_service.events.routing_message import RoutingMessage
from tests import builders

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# What SQS takes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
SQS_TEXT = re.compile("[\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


def message(**changes: object) -> RoutingMessage:
    event = builders.an_event(
        id="id", type="type", date=AT, data={"text": "é\uffff\ufffe\x00\x1f\U0001f600"}, agent_id="agent", workspace_id="w", created=AT
    )
    return RoutingMessage("w", "0a", "2026-03-01T12:00:00.000000+00:00", (event,), **changes)  # type: ignore[arg-type]


def test_a_message_reads_back_as_it_was() -> None:
    for one in (message(), message(traceparent="00-1-2-01"), message(after="x", continuation=3, repeat=True)):
        assert RoutingMessage.parse(one.text()) == one


def test_a_message_holds_only_characters_that_sqs_takes() -> None:
    assert SQS_TEXT.fullmatch(message().text())


def test_a_message_that_is_sent_again_says_so() -> None:
    assert RoutingMessage.parse(message().text(repeat=True)).repeat
    assert not RoutingMessage.parse(message().text(repeat=False)).repeat
    assert RoutingMessage.parse(message(repeat=True).text(repeat=False)).repeat


def test_another_format_is_not_guessed_at() -> None:
    value = json.loads(message().text())
    with pytest.raises(ValueError, match="format 2"):
        RoutingMessage.parse(json.dumps({**value, "v": 2}))


def test_a_continuation_is_numbered() -> None:
    first = message().continued("endpoint-5")
    second = first.continued("endpoint-9")

    assert (first.after, first.continuation, second.after, second.continuation) == ("endpoint-5", 1, "endpoint-9", 2)
