"""Client messages: what a WebSocket client may send, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
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


ANSWERS: Final[Mapping[str, Answer]] = {"ping": Answer('{"notice":"pong"}')}
"""By the message's ``action``."""
_UNDERSTOOD: Final = " and ".join(f'{{"action":"{action}"}}, which it answers with {answer.text}' for action, answer in ANSWERS.items())
NOT_UNDERSTOOD: Final = Answer(
    json_values.dumps({"notice": "not-understood", "message": f"This service understands {_UNDERSTOOD}."}), understood=False
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
    action = value.get("action") if isinstance(value, dict) else None
    return ANSWERS.get(action, NOT_UNDERSTOOD) if isinstance(action, str) else NOT_UNDERSTOOD
