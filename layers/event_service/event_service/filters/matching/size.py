"""How much filters keep in an index: in entries, which a quota counts, and in bytes, by which a process makes room.

An entry is one value, one segment of a field's path, or one field of one alternative that `$or` makes, and each filter
has four. What takes more memory counts more often: a range three times; networks, wildcards and what has no case twice;
a text once for each 64 characters begun. So an entry is 300 bytes at most, and mostly 100 to 200.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import getsizeof
from typing import Any, Final

from event_service.filters.matching.conditions import LISTED, Condition, compile_condition
from event_service.filters.patterns.pattern import FieldCondition
from event_service.filters.patterns.predicates import (
    AnythingBut,
    EndsWith,
    Exactly,
    InNetwork,
    InRange,
    OneOf,
    Predicate,
    SameAddress,
    StartsWith,
    TextPredicate,
    Wildcard,
)

CHARACTERS_PER_ENTRY: Final = 64
ENTRIES_PER_FILTER: Final = 4

# What CPython takes; a test compares the sums with what tracemalloc measures.
BYTES_PER_FILTER: Final = 150
BYTES_PER_CONDITION: Final = 320
BYTES_PER_PATH_INDEX: Final = 250
BYTES_PER_TABLE: Final = 300
BYTES_PER_SEGMENT: Final = 240
BYTES_PER_WAITER: Final = 110
BYTES_PER_FIELD_OF_WAITER: Final = 8
BYTES_PER_LISTED_ID: Final = 85
"""An id of `in` as one of many: most stand in many filters, which share its text."""
BYTES_PER_KEY: Final = 55
"""A value in a set."""
BYTES_PER_POSTING: Final = 85
"""A value in a table, with who waits for it."""

BYTES_PER_MORE_WAITER: Final = 85
"""Who waits with others for a value."""

_BYTES_KEPT: Final[dict[type[Predicate], int]] = {InRange: 110, AnythingBut: 280, OneOf: 160, InNetwork: 140, SameAddress: 100}
_BYTES_WAITING: Final[dict[type[Predicate], int]] = {InRange: 380, AnythingBut: 230, InNetwork: 200, Wildcard: 260}
_BYTES_FOLDED_WAITING: Final = 180
_ENTRIES_PER_VALUE: Final[dict[type[Predicate], int]] = {InRange: 3, InNetwork: 2, Wildcard: 2}


def index_entries(condition: Condition | Mapping[str, Any]) -> int:
    """How many index entries a filter with ``condition`` takes, whatever other filters there are.

    Example::

        index_entries({"in": {"cameraIds": ["c1", "c2"]}})  # 8: the filter's four, two values, one path, one field

    Raises:
        BadUserInput, TooLarge: the condition is refused.
    """
    compiled = condition if isinstance(condition, Condition) else compile_condition(condition)
    alternatives = [(*alternative, *compiled.lists) for alternative in compiled.alternatives]
    distinct = {field for alternative in alternatives for field in alternative}
    return ENTRIES_PER_FILTER + sum(map(len, alternatives)) + sum(_segments(field.path) + _values(field) for field in distinct)


def bytes_of_condition(condition: FieldCondition) -> int:
    """What one distinct condition takes, wherever filters wait."""
    return BYTES_PER_CONDITION + 2 * len(condition.path) + sum(_kept(predicate, condition.path) for predicate in condition.predicates)


def bytes_of_place(condition: FieldCondition, waiting: int) -> int:
    """What one more waiter takes in the tables of the condition it waits at, where ``waiting`` others do."""
    if waiting:
        return BYTES_PER_MORE_WAITER * (condition.or_absent + sum(map(_entries_of, condition.predicates)))
    return BYTES_PER_POSTING * condition.or_absent + sum(map(_waiting, condition.predicates))


def bytes_of_waiter(fields: int) -> int:
    """What one alternative with this many fields takes by itself."""
    return BYTES_PER_WAITER + BYTES_PER_FIELD_OF_WAITER * fields


def _kept(predicate: Predicate, path: str) -> int:
    base = _BYTES_KEPT.get(type(predicate), 60)
    if isinstance(predicate, OneOf) and path.startswith(LISTED):
        return base + BYTES_PER_LISTED_ID * len(predicate.keys)
    if isinstance(predicate, OneOf | AnythingBut):
        others = predicate.others if isinstance(predicate, AnythingBut) else ()
        return base + sum(BYTES_PER_KEY + getsizeof(key) for key in predicate.keys) + sum(_kept(other, path) for other in others)
    return base + sum(map(getsizeof, _texts(predicate)))


def _waiting(predicate: Predicate) -> int:
    if isinstance(predicate, OneOf):
        # Of a long list most values are other filters' too, and then an entry is small.
        return BYTES_PER_POSTING * len(predicate.keys) // 2
    if isinstance(predicate, AnythingBut):
        return _BYTES_WAITING[AnythingBut] + BYTES_PER_POSTING * len(predicate.keys)
    if isinstance(predicate, TextPredicate):
        return _BYTES_FOLDED_WAITING + getsizeof(predicate.text)
    return _BYTES_WAITING.get(type(predicate), BYTES_PER_POSTING)


def _entries_of(predicate: Predicate) -> int:
    return len(predicate.keys) if isinstance(predicate, OneOf) else 1


def _texts(predicate: Predicate) -> Iterable[object]:
    if isinstance(predicate, Exactly):
        return (predicate.key,)
    if isinstance(predicate, Wildcard):
        return predicate.pieces
    return (predicate.text,) if isinstance(predicate, StartsWith | EndsWith | TextPredicate) else ()


def _segments(path: str) -> int:
    return 1 + path.count(".") + len(path) // CHARACTERS_PER_ENTRY


def _values(condition: FieldCondition) -> int:
    return condition.or_absent + sum(map(_values_of, condition.predicates))


def _values_of(predicate: Predicate) -> int:
    if isinstance(predicate, OneOf):
        return sum(map(_of_text, predicate.keys))
    if isinstance(predicate, AnythingBut):
        return 1 + sum(2 * _of_text(key) for key in predicate.keys) + sum(map(_values_of, predicate.others))
    times = _ENTRIES_PER_VALUE.get(type(predicate), 2 if isinstance(predicate, TextPredicate) else 1)
    return times * (sum(map(_of_text, _texts(predicate))) or 1)


def _of_text(key: object) -> int:
    return 1 + len(key) // CHARACTERS_PER_ENTRY if isinstance(key, str) else 1
