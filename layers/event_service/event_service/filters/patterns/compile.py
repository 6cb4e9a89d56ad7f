"""From the JSON of an Amazon EventBridge event pattern to a :class:`~event_service.filters.patterns.pattern.Pattern`.

The verdict, accepted or refused, is AWS's: the grammar is the one that the EventBridge user guide and the open rule
engine of EventBridge (aws/event-ruler) share. Decision 0018 (docs/decisions) lists where the two differ and where we
are stricter.
"""

from __future__ import annotations

from typing import Any

from event_service.filters.patterns.event_fields import Key
from event_service.filters.patterns.faults import Fault, PatternError
from event_service.filters.patterns.operators import ABSENT, OPERATORS, OperatorReader, value_of
from event_service.filters.patterns.pattern import FieldCondition, Pattern, path_order
from event_service.filters.patterns.pattern_json import Pairs, as_object, below, mentions, read_pattern
from event_service.filters.patterns.predicates import Exactly, OneOf, Predicate

# `$or` multiplies: three of ten branches each are 1,000 alternatives. EventBridge has the same limit
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html).
MAXIMUM_ALTERNATIVES = 1_000
# What one alternative may ask; the rule engine of EventBridge has the same limit
# (https://github.com/aws/event-ruler).
MAXIMUM_FIELDS = 256
MAXIMUM_FAULTS_REPORTED = 10

OR = "$or"
# A field with one of these names inside `$or` is taken for an operator in the wrong place.
_NOT_FIELDS_INSIDE_OR = frozenset(
    (
        *OPERATORS,
        *("=", "<", "<=", ">", ">="),
        *("regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    )
)

_Alternatives = list[dict[str, FieldCondition]]


class _TooManyAlternatives(Exception):
    """Stops the multiplication before it costs memory."""


def parse_pattern(pattern: object, name: str = "eventFiltersInput.pattern") -> dict[str, Any]:
    """Checks an event pattern and returns it as an object.

    Args:
        pattern: a JSON object, or a string that holds one.
        name: how the caller calls it; the paths of faults begin with it.

    Raises:
        PatternError: it is refused; each fault has its path and reason.
    """
    compiled = compile_pattern(pattern, name)
    if isinstance(pattern, dict):
        return pattern
    result: dict[str, Any] = as_object(read_pattern(pattern, name))
    # An object holds each key once. Repeated keys nearly always have an object that means the same.
    if compile_pattern(result, name) != compiled:
        raise PatternError([Fault(name, "it repeats a key in a way that no object can say; write each key once")])
    return result


def compile_pattern(pattern: object, name: str = "pattern") -> Pattern:
    """Reads and checks an event pattern.

    Args:
        pattern: a JSON object, or a string that holds one.
        name: how the caller calls it; the paths of faults begin with it.

    Raises:
        PatternError: it is refused; each fault has its path and reason.
    """
    tree = read_pattern(pattern, name)
    faults: list[Fault] = []
    try:
        alternatives = _Compiler(faults, or_is_a_field=False).alternatives(tree, name)
        if faults and mentions(tree, OR):
            # Patterns from before `$or` was an operator may have it as a field; what reads well that way is that.
            old_faults: list[Fault] = []
            old_alternatives = _Compiler(old_faults, or_is_a_field=True).alternatives(tree, name)
            if not old_faults:
                faults, alternatives = [], old_alternatives
    except _TooManyAlternatives:
        faults.append(
            Fault(
                name,
                f"its {OR} branches multiply to more than {MAXIMUM_ALTERNATIVES:,} alternatives; split it into several filters",
            )
        )
        alternatives = []
    if any(len(alternative) > MAXIMUM_FIELDS for alternative in alternatives):
        faults.append(Fault(name, f"it asks of more than {MAXIMUM_FIELDS} fields at once"))
    if faults:
        raise PatternError(faults[:MAXIMUM_FAULTS_REPORTED])
    return Pattern(tuple(dict.fromkeys(_sorted(alternative) for alternative in alternatives)))


def _sorted(alternative: dict[str, FieldCondition]) -> tuple[FieldCondition, ...]:
    return tuple(sorted(alternative.values(), key=path_order))


class _Compiler:
    """One reading of one pattern; it goes on after a fault, to report the others too."""

    def __init__(self, faults: list[Fault], *, or_is_a_field: bool) -> None:
        self._faults = faults
        self._or_is_a_field = or_is_a_field
        self._operators = OperatorReader(faults, or_is_a_field=or_is_a_field)

    def alternatives(self, tree: Pairs, name: str) -> _Alternatives:
        return self._object(tree, [], name, [{}], inside_or=False)

    def _fault(self, path: str, reason: str) -> None:
        self._faults.append(Fault(path, reason))

    # -- fields

    def _object(self, tree: Pairs, steps: list[str], where: str, so_far: _Alternatives, *, inside_or: bool) -> _Alternatives:
        if not tree:
            self._fault(where, "an empty object matches nothing; name at least one field")
        for key, value in tree:
            here = below(where, key)
            if key == OR and not self._or_is_a_field:
                so_far = self._or(value, steps, here, so_far)
            elif inside_or and key in _NOT_FIELDS_INSIDE_OR:
                self._fault(here, f"{key!r} is a reserved word and no field name inside {OR}")
            elif isinstance(value, Pairs):
                so_far = self._object(value, [*steps, key], here, so_far, inside_or=inside_or)
            elif isinstance(value, list):
                base = ".".join(steps)
                path = f"{base}.{key}" if base else key
                condition = self._condition(path, value, here)
                for alternative in so_far:
                    # A path given twice: the last one counts, as with AWS
                    # (https://github.com/aws/event-ruler).
                    alternative[path] = condition
            else:
                self._fault(here, 'give an object of fields or a list of allowed values, such as ["value"]')
        return so_far

    def _or(self, value: Any, steps: list[str], where: str, so_far: _Alternatives) -> _Alternatives:
        if not isinstance(value, list):
            self._fault(where, f"{OR} takes a list of objects")
            return so_far
        if len(value) < 2:
            self._fault(where, f"{OR} takes at least two objects")
        result: _Alternatives = []
        for index, branch in enumerate(value):
            here = f"{where}[{index}]"
            if not isinstance(branch, Pairs):
                self._fault(here, f"only objects are allowed in {OR}")
                continue
            copies = [dict(alternative) for alternative in so_far]
            result.extend(self._object(branch, steps, here, copies, inside_or=True))
            if len(result) > MAXIMUM_ALTERNATIVES:
                raise _TooManyAlternatives
        return result or so_far

    def _condition(self, path: str, entries: list[Any], where: str) -> FieldCondition:
        if not entries:
            self._fault(where, "an empty list matches nothing; give at least one value")
        predicates: dict[Predicate, None] = {}
        keys: dict[Key, None] = {}
        or_absent = False
        for index, entry in enumerate(entries):
            here = f"{where}[{index}]"
            if isinstance(entry, Pairs):
                predicate = self._operators.operator(entry, here)
                if predicate == ABSENT:
                    or_absent = True
                    continue
            elif isinstance(entry, list):
                self._fault(here, "a list is not allowed inside a list of values")
                continue
            else:
                predicate = value_of(entry)
            if isinstance(predicate, Exactly):
                keys[predicate.key] = None
            elif predicate is not None:
                predicates[predicate] = None
        if keys:
            exact = Exactly(next(iter(keys))) if len(keys) == 1 else OneOf(frozenset(keys))
            predicates = {exact: None, **predicates}
        return FieldCondition(path, tuple(predicates), or_absent)
