"""Client messages: what a WebSocket client may send, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from event_service.base import json_values
from event_service.base.errors import BadUserInput

MAXIMUM_CLIENT_MESSAGE: Final = 1_000
"""Characters; what we understand is shorter, and nothing longer is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client's message is answered with, as JSON text, and whether it was understood."""

    text: str
    understood: bool = True


PONG: Final = Answer('{"notice":"pong"}')
NOT_UNDERSTOOD: Final = Answer(
    json_values.dumps(
        {"notice": "not-understood", "message": 'This service understands {"action":"ping"}, which it answers with {"notice":"pong"}.'}
    ),
    understood=False,
)


def answer_to(message: str | None) -> Answer:
    """What a client's own message is answered with. Nothing a client sends can fail or cost more than this.

    Args:
        message: the text; ``None`` for a binary frame.

    Example::

        answer_to('{"action":"ping"}').text  # '{"notice":"pong"}'
    """
    if message is None or len(message) > MAXIMUM_CLIENT_MESSAGE:
        return NOT_UNDERSTOOD
    try:
        value = json_values.loads(message, "message")
    except BadUserInput:
        return NOT_UNDERSTOOD
    if isinstance(value, dict) and value.get("action") == "ping":
        return PONG
    return NOT_UNDERSTOOD
