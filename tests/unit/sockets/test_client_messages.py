"""What a client of a socket may send, and what it is answered."""

from __future__ import annotations

import json

import pytest

from event_service.sockets.client_messages import ANSWERS, CONNECTIONS_COUNTED, NOT_UNDERSTOOD, TOO_MANY, MessageRates, answer_to
from local.tools import ROOT


@pytest.mark.parametrize("message", ['{"action":"ping"}', ' {"action": "ping", "more": 1}\n'])
def test_a_ping_is_answered_with_a_pong(message: str) -> None:
    answer = answer_to(message)

    assert json.loads(answer.text) == {"notice": "pong"}
    assert answer.understood


@pytest.mark.parametrize("action", ANSWERS)
def test_an_action_is_documented_has_a_sample_and_is_told_of(action: str) -> None:
    sample = json.loads((ROOT / "events" / "websocket" / f"default_{action}.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "websockets.md").read_text(encoding="utf-8")

    assert answer_to(sample["body"]) == ANSWERS[action]
    assert f'{{"action": "{action}"}}' in page
    assert f'{{"notice": "{json.loads(ANSWERS[action].text)["notice"]}"}}' in page
    assert f'{{"action":"{action}"}}' in json.loads(NOT_UNDERSTOOD.text)["message"]


@pytest.mark.parametrize(
    "message",
    [None, "", "ping", '["ping"]', "5", '{"action":"PING"}', '{"action":["ping"]}', '{"action":"ping","x":"' + "y" * 1_000 + '"}'],
)
def test_anything_else_is_told_what_is_understood(message: str | None) -> None:
    answer = answer_to(message)

    told = json.loads(answer.text)
    assert told["notice"] == "not-understood"
    assert '{"action":"ping"}' in told["message"]
    assert not answer.understood


def test_messages_are_counted_by_connection_and_minute() -> None:
    now = 0.0
    rates = MessageRates(lambda: now)

    assert [rates.take("a"), rates.take("a"), rates.take("b")] == [1, 2, 1]
    now = 59.9
    assert rates.take("a") == 3
    now = 60.0
    assert rates.take("a") == 1


def test_counts_of_many_connections_are_dropped() -> None:
    rates = MessageRates(lambda: 0.0)
    for number in range(CONNECTIONS_COUNTED - 1):
        rates.take(str(number))

    assert rates.take("0") == 2
    rates.take("last")
    assert rates.take("0") == 1


def test_client_that_sends_too_much_is_told_why_as_documented() -> None:
    page = (ROOT / "docs" / "websockets.md").read_text(encoding="utf-8")

    assert f"`{json.dumps(json.loads(TOO_MANY.text))}`" in page
