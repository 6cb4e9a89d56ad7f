"""An event filter's condition: `in`, `pattern`, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from event_service.base.errors import BadUserInput
from event_service.filters.patterns.compile import compile_pattern
from event_service.filters.patterns.event_fields import NOWHERE, EventFields, FieldValues, Key
from event_service.filters.patterns.pattern import FieldCondition, alternative_holds
from event_service.filters.patterns.predicates import Exactly, OneOf, Predicate

# Paths of their own, which begin with none of the event's nine keys: `in` compares otherwise than a pattern does at the
# same place (ids are never IP addresses, types have no case).
CAMERA = "\0in.cameraIds"
AGENT = "\0in.agentIds"
PROFILE_GROUP = "\0in.profileGroupIds"
EVENT_TYPE = "\0in.eventTypes"

LISTS = {"cameraIds": CAMERA, "agentIds": AGENT, "profileGroupIds": PROFILE_GROUP, "eventTypes": EVENT_TYPE}


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

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether one event matches; a :class:`~event_service.filters.matching.matcher.Matcher` asks many at once."""
        fields = EventFields(event)
        add_listed_values(event, fields)
        return all(condition.may_hold(fields) for condition in self.lists) and any(
            alternative_holds(alternative, fields) for alternative in self.alternatives
        )


def compile_condition(condition: Mapping[str, Any], name: str = "condition") -> Condition:
    """Reads and checks a condition as it is stored: ``{"in": {…}}``, ``{"pattern": …}`` or both.

    Args:
        condition: a key with the value ``None`` counts as left out.
        name: how the caller calls it; empty to name only what is inside.

    Raises:
        BadUserInput: neither is given, or one is not well formed. A fault of the pattern is a
            :class:`~event_service.filters.patterns.faults.PatternError`.
    """
    dot = f"{name}." if name else ""
    unknown = condition.keys() - {"in", "pattern"}
    if unknown:
        raise BadUserInput(f"{dot}{min(unknown)}: only in and pattern are allowed.")
    listed, pattern = condition.get("in"), condition.get("pattern")
    if listed is None and pattern is None:
        raise BadUserInput(f"{name or 'condition'}: give in, pattern or both; without either it would match every event.")
    lists = () if listed is None else _lists(listed, f"{dot}in")
    alternatives: tuple[tuple[FieldCondition, ...], ...] = ((),)
    if pattern is not None:
        alternatives = compile_pattern(pattern, f"{dot}pattern").alternatives
    if any(not field.predicates for field in lists):
        alternatives = ()
    return Condition(lists, alternatives)


def _lists(listed: Any, name: str) -> tuple[FieldCondition, ...]:
    if not isinstance(listed, Mapping):
        raise BadUserInput(f"{name}: give an object with one or more of {', '.join(LISTS)}.")
    problems = [f"{name}.{key}: only {', '.join(LISTS)} are allowed." for key in listed if key not in LISTS]
    conditions = []
    for key, field in LISTS.items():
        values = listed.get(key)
        if values is None:
            continue
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            problems.append(f"{name}.{key}: give a list of strings.")
            continue
        keys = {value.casefold() if field == EVENT_TYPE else value for value in values}
        conditions.append(FieldCondition(field, _one_of(keys)))
    if problems:
        raise BadUserInput(*problems)
    if not conditions:
        raise BadUserInput(f"{name}: give at least one of {', '.join(LISTS)}.")
    return tuple(conditions)


def _one_of(keys: set[str]) -> tuple[Predicate, ...]:
    if not keys:
        return ()
    return (Exactly(next(iter(keys))) if len(keys) == 1 else OneOf(frozenset[Key](keys)),)


def add_listed_values(event: Mapping[str, Any], fields: EventFields) -> None:
    """Adds to ``fields`` what `in` compares with: ids as they are, the type without case, all profile groups."""
    event_type = event.get("type")
    _put(fields, CAMERA, [event.get("cameraId")])
    _put(fields, AGENT, [event.get("agentId")])
    _put(fields, EVENT_TYPE, [event_type.casefold() if isinstance(event_type, str) else None])
    _put(fields, PROFILE_GROUP, _profile_groups(event.get("data")))


def _put(fields: EventFields, path: str, values: Iterable[Any]) -> None:
    strings = [value for value in values if isinstance(value, str)]
    if strings:
        field = fields.values[path] = FieldValues()
        for value in strings:
            field.add(value, NOWHERE)


def _profile_groups(data: Any) -> list[Any]:
    """The ids in ``data.identification_data[].profile_groups``, given as strings or as objects with an ``id``."""
    rows = data.get("identification_data") if isinstance(data, dict) else None
    ids: list[Any] = []
    for row in rows if isinstance(rows, list) else (rows,):
        groups = row.get("profile_groups") if isinstance(row, dict) else None
        listed = groups if isinstance(groups, list) else (groups,)
        ids.extend(group.get("id") if isinstance(group, dict) else group for group in listed)
    return [str(value) if isinstance(value, int) and not isinstance(value, bool) else value for value in ids]
