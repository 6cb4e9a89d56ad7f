"""The messages in ``events/`` are what today's codecs write: none has a field that nothing reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from event_service.delivery.lane import Look
from event_service.delivery.messages import parse_webhook_queue
from event_service.events.routing_message import RoutingMessage
from event_service.sockets.messages import WakeUp, is_backlog_message, parse_backlog_message

SAMPLES = Path(__file__).parents[2] / "events"


def _webhook(text: str) -> str:
    return Look.parse(text).text() if Look.is_look(text) else parse_webhook_queue(text).text()


def _socket(text: str) -> str:
    return parse_backlog_message(text).text() if is_backlog_message(text) else WakeUp.parse(text).text()


REWRITTEN: dict[str, Callable[[str], str]] = {
    "event_router": lambda text: RoutingMessage.parse(text).text(),
    "webhook_delivery": _webhook,
    "socket_delivery": _socket,
}
MESSAGES = [
    pytest.param(folder, record["body"], id=f"{folder}-{path.stem}-{number}")
    for folder in REWRITTEN
    for path in sorted((SAMPLES / folder).glob("*.json"))
    if path.stem != "unreadable"
    for number, record in enumerate(json.loads(path.read_text(encoding="utf-8")).get("Records", []))
]


def _parts(text: str) -> list[Any]:
    return [json.loads(part) for part in text.split("\n", 1)]


@pytest.mark.parametrize(("folder", "body"), MESSAGES)
def test_a_sample_message_is_what_its_codec_writes(folder: str, body: str) -> None:
    assert _parts(REWRITTEN[folder](body)) == _parts(body)


def test_samples_of_all_three_queues_are_looked_at() -> None:
    assert len(MESSAGES) >= 12
