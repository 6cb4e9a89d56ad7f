"""Client messages: what a WebSocket client may send, and what it is answered."""

from __future__ import annotations

from typing import Final

from event_service.base import json_values
from event_service.base.errors import BadUserInput

MAXIMUM_CLIENT_MESSAGE: Final = 1_000
"""Characters; what we understand is shorter, and nothing longer is read."""

PONG: Final = '{"notice":"pong"}'
_UNDERSTOOD: Final = json_values.dumps(
    {"notice": "not-understood", "message": 'This service understands {"action":"ping"}, which it answers with {"notice":"pong"}.'}
)


def answer_to(message: str | None) -> str:
    """What a client's own message is answered with. Nothing a client sends can fail or cost more than this."""
    if message is None or len(message) > MAXIMUM_CLIENT_MESSAGE:
        return _UNDERSTOOD
    try:
        value = json_values.loads(message, "message")
    except BadUserInput:
        return _UNDERSTOOD
    if isinstance(value, dict) and value.get("action") == "ping":
        return PONG
    return _UNDERSTOOD
