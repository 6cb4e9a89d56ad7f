"""Which event filters ask for the service's own events by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from event_service.events.event import RESERVED_TYPE_PREFIX

NAMING_OPERATORS: Final = ("exactly", "prefix", "equals-ignore-case", "wildcard")
"""Those whose operand is a type, or its beginning."""


def names_operational_type(condition: Mapping[str, Any]) -> bool:
    """Whether a condition names a type of the service's own: a value of ``in.eventTypes``, or what ``pattern`` wants
    ``type`` to be or to begin with, begins with ``event-service.``.

    ``exists``, ``anything-but``, a suffix and a wildcard at the front name none: who wrote ``{"type": [{"exists":
    true}]}`` meant the events of the workspace.
    """
    fields = condition.get("in") or {}
    types = (fields.get("eventTypes") if isinstance(fields, Mapping) else None) or ()
    return any(_is_operational(one) for one in types) or _pattern_names(condition.get("pattern"))


def _pattern_names(pattern: Any) -> bool:
    if not isinstance(pattern, Mapping):
        return False
    for key, value in pattern.items():
        if key == "$or" and isinstance(value, list):
            if any(_pattern_names(alternative) for alternative in value):
                return True
        elif key == "type" and isinstance(value, list) and any(_is_operational(_named(rule)) for rule in value):
            return True
    return False


def _named(rule: Any) -> Any:
    """The text that a rule wants a value to be or to begin with."""
    if not isinstance(rule, Mapping):
        return rule
    for operator in NAMING_OPERATORS:
        if operator in rule:
            return _named(rule[operator])
    return None


def _is_operational(text: Any) -> bool:
    return isinstance(text, str) and text.casefold().startswith(RESERVED_TYPE_PREFIX)
