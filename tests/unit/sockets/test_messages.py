"""Every field of a message arrives as it was sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from event_service.sockets.messages import (
    BacklogMessage,
    CloseSocket,
    LateAppend,
    OwnTurn,
    WakeUp,
    is_backlog_message,
    parse_backlog_message,
)


@pytest.mark.parametrize("wake_up", [WakeUp("workspace", "endpoint"), WakeUp("workspace", "endpoint", 2, 3, deleted=True)])
def test_a_wake_up_arrives_as_it_was_sent(wake_up: WakeUp) -> None:
    text = wake_up.text()

    assert WakeUp.parse(text) == wake_up
    assert not is_backlog_message(text)


@pytest.mark.parametrize(
    "message",
    [
        OwnTurn("workspace", "endpoint", 2, "connection", 3),
        CloseSocket("connection"),
        CloseSocket("connection", at_once=True),
        LateAppend("workspace", "endpoint", "nonce", ("a", "b é")),
        LateAppend("workspace", "endpoint", "nonce", ("a",), 7, replayed=True),
    ],
)
def test_a_backlog_message_arrives_as_it_was_sent(message: BacklogMessage) -> None:
    text = message.text()

    assert parse_backlog_message(text) == message
    assert is_backlog_message(text)


def test_a_wake_up_of_a_deletion_is_not_the_same_as_one_before_it() -> None:
    texts = {WakeUp("w", "e", group, turn, deleted).deduplication_id for group in (0, 1) for turn in (0, 1) for deleted in (False, True)}

    assert len(texts) == 8


@pytest.mark.parametrize("read", [WakeUp.parse, parse_backlog_message])
def test_a_message_of_another_kind_or_release_is_refused(read: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="a message of sockets"):
        read('{"v": 99, "kind": "turn"}')
    with pytest.raises(ValueError, match="kind 'other'"):
        parse_backlog_message('{"v": 2, "kind": "other"}')
