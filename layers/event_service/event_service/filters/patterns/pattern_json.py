"""The JSON of a pattern as it is written: repeated keys and the digits of numbers included."""

from __future__ import annotations

import json
from typing import Any

from event_service.base import json_values
from event_service.base.errors import BadUserInput
from event_service.filters.patterns.faults import Fault, PatternError
from event_service.filters.patterns.numbers import WrittenNumber

# What EventBridge grants at most: its quota is 2,048 and can be raised to this (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html).
MAXIMUM_PATTERN_CHARACTERS = 4_096


class Pairs(list[tuple[str, Any]]):
    """A JSON object with its repeated keys, which a dict would swallow."""


def read_pattern(pattern: object, name: str) -> Any:
    """The pattern as :class:`Pairs`, lists and scalars."""
    try:
        if isinstance(pattern, str):
            size = len(pattern)
            if size <= MAXIMUM_PATTERN_CHARACTERS:
                json_values.loads(pattern, "it", read_alike=False)
        else:
            json_values.check(pattern, "it")
            size = len(json_values.dumps(pattern))
    except BadUserInput as error:
        raise PatternError([Fault(name, problem.removeprefix("it: ").rstrip(".")) for problem in error.problems]) from None
    if size > MAXIMUM_PATTERN_CHARACTERS:
        raise PatternError([Fault(name, f"it has {size:,} characters as JSON; at most {MAXIMUM_PATTERN_CHARACTERS:,} are allowed")])
    tree = json.loads(pattern, object_pairs_hook=Pairs, parse_float=WrittenNumber) if isinstance(pattern, str) else _as_pairs(pattern)
    if not isinstance(tree, Pairs):
        raise PatternError([Fault(name, "a pattern is a JSON object")])
    return tree


def _as_pairs(value: Any) -> Any:
    if isinstance(value, dict):
        return Pairs((key, _as_pairs(child)) for key, child in value.items())
    if isinstance(value, list):
        return [_as_pairs(child) for child in value]
    return value


def as_object(value: Any) -> Any:
    """The inverse of :func:`_as_pairs`; of repeated keys objects are joined, and otherwise the last one counts."""
    if isinstance(value, list) and not isinstance(value, Pairs):
        return [as_object(child) for child in value]
    if isinstance(value, WrittenNumber):
        return float(value.text)
    if not isinstance(value, Pairs):
        return value
    joined: dict[str, Any] = {}
    for key, child in value:
        before = joined.get(key)
        if isinstance(before, Pairs) and isinstance(child, Pairs):
            joined[key] = Pairs((*before, *child))
        else:
            joined.pop(key, None)
            joined[key] = child
    return {key: as_object(child) for key, child in joined.items()}


def mentions(tree: Any, name: str) -> bool:
    """Whether ``name`` is a key anywhere."""
    if isinstance(tree, Pairs):
        return any(key == name or mentions(child, name) for key, child in tree)
    return isinstance(tree, list) and any(mentions(child, name) for child in tree)


def below(where: str, key: str) -> str:
    """The name of what ``key`` holds, for errors."""
    plain = key and all(character.isalnum() or character in "-_$" for character in key)
    return f"{where}.{key}" if plain else f"{where}[{json.dumps(key, ensure_ascii=False)}]"
