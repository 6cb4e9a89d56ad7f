"""Client messages: what a WebSocket client may send, and what it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from event_service.base import json_values
from event_service.base.errors import BadUserInput

MAXIMUM_CLIENT_MESSAGE: Final = 1_000
"""Characters; what we understand is shorter, and nothing longer is read."""
MESSAGES_PER_MINUTE: Final = 120
"""Of one connection, as far as one process sees them; a client needs one in five minutes."""
CONNECTIONS_COUNTED: Final = 10_000
MESSAGES_BETWEEN_CLOSES: Final = 100


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
TOO_MANY: Final = Answer(json_values.dumps({"notice": "closing", "reason": "too-many-messages"}))


class MessageRates:
    """Counts what clients send, in this process alone: nothing is read or written for it. Lambda gives the messages of a flood to a
    few processes, so one of them soon sees more than a minute allows.

    Example::

        if rates.take(connection_id) > MESSAGES_PER_MINUTE:
            ...  # close it
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            monotonic: a clock that only goes forward, in seconds.
        """
        self._monotonic = monotonic
        self._since = monotonic()
        self._counts: dict[str, int] = {}

    def take(self, connection_id: str) -> int:
        """Counts one message. Returns how many of this connection came within the minute."""
        now = self._monotonic()
        if now - self._since >= 60 or len(self._counts) >= CONNECTIONS_COUNTED:
            self._since = now
            self._counts.clear()
        number = self._counts[connection_id] = self._counts.get(connection_id, 0) + 1
        return number


def closes(number: int) -> bool:
    """Whether the connection is to be closed for its message with this number within a minute: at the first that is too much, and
    now and then later, in case closing failed."""
    return number > MESSAGES_PER_MINUTE and (number - MESSAGES_PER_MINUTE) % MESSAGES_BETWEEN_CLOSES == 1


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
