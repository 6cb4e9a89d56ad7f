"""Positions in lists, as callers carry them from one page to the next: opaque, and refused where they do not belong."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

from event_service.base.errors import BadUserInput

MAXIMUM_CHARACTERS: Final = 2_048


def write_cursor(list_name: str, asked: Any, position: str) -> str:
    """A cursor.

    Args:
        list_name: of which list; a cursor of another one is refused.
        asked: what was asked for, as JSON: a cursor is refused where something else is asked.
        position: where to go on.
    """
    text = json.dumps([list_name, _digest(asked), position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(list_name: str, asked: Any, cursor: str, name: str = "after") -> str:
    """The position in a cursor.

    Raises:
        BadUserInput: :func:`write_cursor` did not make it for this list and this question.
    """
    try:
        found_name, digest, position = json.loads(base64.urlsafe_b64decode(cursor[:MAXIMUM_CHARACTERS] + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise BadUserInput(f"{name}: this is no cursor; give the endCursor of the page before, as it is.") from None
    if found_name != list_name or not isinstance(position, str):
        raise BadUserInput(f"{name}: this cursor belongs to another list; give the endCursor of the page before.")
    if digest != _digest(asked):
        raise BadUserInput(f"{name}: this cursor belongs to another question; repeat the other arguments of the page before.")
    return position


def _digest(asked: Any) -> str:
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()
