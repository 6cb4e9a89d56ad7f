"""What a client of a socket may send, and what it is answered."""

from __future__ import annotations

import json

import pytest

from event_service.sockets.client_messages import answer_to


@pytest.mark.parametrize("message", ['{"action":"ping"}', ' {"action": "ping", "more": 1}\n'])
def test_a_ping_is_answered_with_a_pong(message: str) -> None:
    answer = answer_to(message)

    assert json.loads(answer.text) == {"notice": "pong"}
    assert answer.understood


@pytest.mark.parametrize(
    "message", [None, "", "ping", '{"action":"PING"}', '{"action":["ping"]}', '{"action":"ping","x":"' + "y" * 1_000 + '"}']
)
def test_anything_else_is_told_what_is_understood(message: str | None) -> None:
    answer = answer_to(message)

    told = json.loads(answer.text)
    assert told["notice"] == "not-understood"
    assert '{"action":"ping"}' in told["message"]
    assert not answer.understood
