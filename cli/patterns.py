"""Event patterns from the command line: JSON, or a file that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli.errors import UsageError
from cli.json_input import NotJson, read_json


def read_pattern(given: str) -> Any:
    """The pattern in ``--pattern``.

    Raises:
        UsageError: it is no JSON, or its file cannot be read.
    """
    try:
        text = Path(given[1:]).read_text(encoding="utf-8-sig") if given.startswith("@") else given
    except UnicodeDecodeError as error:
        raise UsageError(f"--pattern: {given[1:]} is no UTF-8: {error.reason} at byte {error.start}.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--pattern: {given[1:]} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return read_json(text)
    except NotJson as error:
        raise UsageError(f"--pattern: this is no JSON: {error}.") from None
