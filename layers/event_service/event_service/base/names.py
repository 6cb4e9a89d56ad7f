"""The rule for names that people give: of endpoints, event filters and tokens."""

from __future__ import annotations

from event_service.base.characters import check_visible
from event_service.base.errors import BadUserInput

MAXIMUM_NAME_CHARACTERS = 256


def parse_name(value: str) -> str:
    """Returns the trimmed name.

    Raises:
        BadUserInput: empty after trimming, longer than :data:`MAXIMUM_NAME_CHARACTERS`, or with characters that cannot be seen.
    """
    name = value.strip()
    if not name:
        raise BadUserInput(f"name: it is empty; give 1 to {MAXIMUM_NAME_CHARACTERS} characters.")
    if len(name) > MAXIMUM_NAME_CHARACTERS:
        raise BadUserInput(f"name: it has {len(name)} characters; at most {MAXIMUM_NAME_CHARACTERS} are allowed.")
    check_visible(name, "name")
    return name
