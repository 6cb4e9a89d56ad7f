"""The rule for names that people give: of endpoints, event filters and tokens."""

from __future__ import annotations

import unicodedata

from event_service.base.errors import BadUserInput

MAXIMUM_NAME_CHARACTERS = 256


def parse_name(value: str) -> str:
    """Returns the trimmed name.

    Raises:
        BadUserInput: not 1 to 256 characters after trimming, or with control characters or lone surrogates.
    """
    name = value.strip()
    if not name:
        raise BadUserInput(f"name: it is empty; give 1 to {MAXIMUM_NAME_CHARACTERS} characters.")
    if len(name) > MAXIMUM_NAME_CHARACTERS:
        raise BadUserInput(f"name: it has {len(name)} characters; at most {MAXIMUM_NAME_CHARACTERS} are allowed.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise BadUserInput("name: control characters are not allowed.")
    return name
