"""How much filters keep in an index: in entries, which a quota counts, and in bytes, by which a process makes room.

An entry is one value, one segment of a field's path, or one field of one alternative that `$or` makes. Long texts count
once for each 64 characters begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from event_service.base.errors import TooLarge
from event_service.filters.matching.conditions import Condition, compile_condition
from event_service.filters.patterns.pattern import FieldCondition
from event_service.filters.patterns.predicates import AnythingBut, EndsWith, Exactly, OneOf, Predicate, StartsWith, TextPredicate, Wildcard

CHARACTERS_PER_ENTRY: Final = 64

# What CPython takes; a test compares the sums with what tracemalloc measures.
BYTES_PER_FILTER: Final = 200
BYTES_PER_CONDITION: Final = 500
BYTES_PER_PATH_INDEX: Final = 600
BYTES_PER_SEGMENT: Final = 300
BYTES_PER_VALUE: Final = 100
BYTES_PER_WAITING_VALUE: Final = 100
BYTES_PER_WAITER: Final = 150
BYTES_PER_FIELD_OF_WAITER: Final = 8


def index_entries(condition: Condition | Mapping[str, Any]) -> int:
    """How many index entries a filter with ``condition`` takes, whatever other filters there are.

    Example::

        index_entries({"in": {"cameraIds": ["c1", "c2"]}})  # 4: two values, one path, one field of one alternative

    Raises:
        BadUserInput, TooLarge: the condition is refused.
    """
    compiled = condition if isinstance(condition, Condition) else compile_condition(condition)
    alternatives = [(*alternative, *compiled.lists) for alternative in compiled.alternatives]
    distinct = {field for alternative in alternatives for field in alternative}
    return sum(map(len, alternatives)) + sum(_segments(field.path) + _values(field) for field in distinct)


def check_index_quota(kept: int, added: int, quota: int) -> None:
    """Whether a workspace may add filters.

    Args:
        kept: index entries of its filters without those that are added.
        added: entries of those that are added.
        quota: entries that a workspace may have.

    Raises:
        TooLarge: it may not.
    """
    if kept + added > quota:
        raise TooLarge(
            f"eventFiltersInput: the filter takes {added:,} index entries (its values, path segments and $or alternatives) and the "
            f"workspace's other filters take {kept:,}; a workspace may have {quota:,}, so one with at most {max(0, quota - kept):,} fits."
        )


def bytes_of_condition(condition: FieldCondition) -> int:
    """What one distinct condition takes, wherever filters wait."""
    return BYTES_PER_CONDITION + 2 * len(condition.path) + BYTES_PER_VALUE * _values(condition)


def bytes_of_place(condition: FieldCondition) -> int:
    """What one waiter takes in the tables of the condition it waits at."""
    return BYTES_PER_WAITING_VALUE * _values(condition)


def bytes_of_waiter(fields: int) -> int:
    """What one alternative with this many fields takes by itself."""
    return BYTES_PER_WAITER + BYTES_PER_FIELD_OF_WAITER * fields


def _segments(path: str) -> int:
    return 1 + path.count(".") + len(path) // CHARACTERS_PER_ENTRY


def _values(condition: FieldCondition) -> int:
    return condition.or_absent + sum(map(_values_of, condition.predicates))


def _values_of(predicate: Predicate) -> int:
    if isinstance(predicate, Exactly):
        return _of_text(predicate.key)
    if isinstance(predicate, OneOf):
        return sum(map(_of_text, predicate.keys))
    if isinstance(predicate, AnythingBut):
        return sum(map(_of_text, predicate.keys)) + sum(map(_values_of, predicate.others))
    if isinstance(predicate, Wildcard):
        return sum(map(_of_text, predicate.pieces))
    if isinstance(predicate, StartsWith | EndsWith | TextPredicate):
        return _of_text(predicate.text)
    return 1


def _of_text(key: object) -> int:
    return 1 + len(key) // CHARACTERS_PER_ENTRY if isinstance(key, str) else 1
