"""An event filter's condition: `in`, `pattern`, or both."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from event_service.filters.event_filter import parse_condition
from event_service.filters.patterns.compile import compile_pattern
from event_service.filters.patterns.event_fields import EventFields
from event_service.filters.patterns.pattern import FieldCondition, Pattern
from event_service.filters.patterns.predicates import Exactly, OneOf, Predicate

# Paths of their own, since `in` compares otherwise than a pattern does at the same place (ids are never IP addresses,
# types have no case). No event and no pattern has such a path: half of a surrogate pair is refused in both.
LISTED = "\ud800"
CAMERA = f"{LISTED}cameraIds"
AGENT = f"{LISTED}agentIds"
PROFILE_GROUP = f"{LISTED}profileGroupIds"
EVENT_TYPE = f"{LISTED}eventTypes"


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition.

    Attributes:
        lists: what `in` asks; all must hold.
        alternatives: what the pattern asks: all of one of them must hold. One empty alternative without a pattern,
            none at all where an empty list lets nothing match.
    """

    lists: tuple[FieldCondition, ...]
    alternatives: tuple[tuple[FieldCondition, ...], ...]


def compile_condition(condition: Mapping[str, Any], name: str = "condition") -> Condition:
    """Reads and checks a condition as it is stored: ``{"in": {…}}``, ``{"pattern": …}`` or both.

    Args:
        condition: a key with the value ``None`` counts as left out.
        name: how the caller calls it; the paths of faults begin with it.

    Raises:
        BadUserInput: neither is given, or one is not well formed.
        TooLarge: more than 32 KiB as JSON.
    """
    patterns: list[Pattern] = []

    def check_pattern(pattern: Any) -> dict[str, Any]:
        patterns.append(compile_pattern(pattern, f"{name}.pattern"))
        return pattern if isinstance(pattern, dict) else {}

    checked = parse_condition(condition, check_pattern, name)
    lists = tuple(_listed(field, values) for field, values in checked.get("in", {}).items())
    alternatives = patterns[0].alternatives if patterns else ((),)
    return Condition(lists, () if any(not field.predicates for field in lists) else alternatives)


def _listed(field: str, values: list[str]) -> FieldCondition:
    path = LISTED + field
    # Interned: many filters of a workspace list the same cameras, and each list was read from a JSON text of its own.
    keys = frozenset(sys.intern(value.casefold() if path == EVENT_TYPE else value) for value in values)
    predicates: tuple[Predicate, ...] = ()
    if keys:
        predicates = (Exactly(next(iter(keys))) if len(keys) == 1 else OneOf(keys),)
    return FieldCondition(path, predicates)


def add_listed_values(event: Mapping[str, Any], fields: EventFields) -> None:
    """Adds to ``fields`` what `in` compares with: ids as they are, the type without case, all profile groups."""
    event_type = event.get("type")
    fields.put(CAMERA, _strings(event.get("cameraId")))
    fields.put(AGENT, _strings(event.get("agentId")))
    fields.put(EVENT_TYPE, _strings(event_type.casefold() if isinstance(event_type, str) else None))
    fields.put(PROFILE_GROUP, _strings(*_profile_groups(event.get("data"))))


def _strings(*values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _profile_groups(data: Any) -> list[Any]:
    """The ids in ``data.identification_data[].profile_groups``, given as strings or as objects with an ``id``."""
    rows = data.get("identification_data") if isinstance(data, dict) else None
    ids: list[Any] = []
    for row in rows if isinstance(rows, list) else (rows,):
        groups = row.get("profile_groups") if isinstance(row, dict) else None
        listed = groups if isinstance(groups, list) else (groups,)
        ids.extend(group.get("id") if isinstance(group, dict) else group for group in listed)
    return [str(value) if isinstance(value, int) and not isinstance(value, bool) else value for value in ids]
