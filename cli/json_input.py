"""JSON that a person gives, read as the service reads it: what it would refuse is said before anything is sent."""

from __future__ import annotations

from typing import Any, Final

from event_service.base import json_values
from event_service.base.errors import BadUserInput

_LEVELS_AROUND_DATA: Final = 2
"""A list of events, and the event."""


class NotJson(Exception):
    """Why a text is no JSON, or none that the service takes."""


def read_json(text: str) -> Any:
    """The value of one JSON text.

    Raises:
        NotJson: the service would refuse it.
    """
    try:
        return json_values.loads(text, "", json_values.MAXIMUM_DEPTH + _LEVELS_AROUND_DATA)
    except BadUserInput as error:
        raise NotJson(error.message.removeprefix(": ").removeprefix("not JSON: ").rstrip(".")) from None
