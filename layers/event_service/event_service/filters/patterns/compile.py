"""From the JSON of an Amazon EventBridge event pattern to a :class:`~event_service.filters.patterns.pattern.Pattern`.

The verdict, accepted or refused, is AWS's: the grammar is the one that the EventBridge user guide and the open rule
engine of EventBridge (aws/event-ruler) share. Decision 0018 (docs/decisions) lists where the two differ and where we
are stricter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from event_service.base import json_values
from event_service.base.errors import BadUserInput
from event_service.filters.patterns.event_fields import FALSE, NULL, TRUE, Key, key_of_integer
from event_service.filters.patterns.faults import Fault, PatternError
from event_service.filters.patterns.ip_addresses import parse_address, parse_network
from event_service.filters.patterns.numbers import HIGHEST, LOWEST, WrittenNumber, as_float, next_above, next_below
from event_service.filters.patterns.pattern import FieldCondition, Pattern, path_order
from event_service.filters.patterns.predicates import (
    Anything,
    AnythingBut,
    EndsWith,
    EndsWithButForCase,
    Exactly,
    InNetwork,
    InRange,
    OneOf,
    Predicate,
    SameAddress,
    SameButForCase,
    StartsWith,
    StartsWithButForCase,
    Wildcard,
)

# What EventBridge grants at most (its quota is 2,048 and can be raised to this).
MAXIMUM_PATTERN_CHARACTERS = 4_096
# `$or` multiplies: three of ten branches each are 1,000 alternatives. EventBridge has the same limit.
MAXIMUM_ALTERNATIVES = 1_000
# What one alternative may ask; the rule engine of EventBridge has the same limit.
MAXIMUM_FIELDS = 256
# Each `*` is one more search through the event's value.
MAXIMUM_WILDCARDS_A_TEXT = 32
MAXIMUM_WILDCARDS = 128
MAXIMUM_FAULTS_REPORTED = 10

OR = "$or"
IGNORE_CASE = "equals-ignore-case"
OPERATORS = ("exactly", "prefix", "suffix", IGNORE_CASE, "wildcard", "anything-but", "numeric", "cidr", "exists")
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


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its repeated keys, which a dict would swallow."""


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
    result: dict[str, Any] = _as_object(_read(pattern, name))
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
    tree = _read(pattern, name)
    faults: list[Fault] = []
    try:
        alternatives = _Compiler(faults, or_is_a_field=False).alternatives(tree, name)
        if faults and _mentions_or(tree):
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


def _read(pattern: object, name: str) -> Any:
    """The pattern as ``_Pairs``, lists and scalars."""
    try:
        if isinstance(pattern, str):
            size = len(pattern)
            if size <= MAXIMUM_PATTERN_CHARACTERS:
                json_values.loads(pattern, "it")
        else:
            json_values.check(pattern, "it")
            size = len(json_values.dumps(pattern))
    except BadUserInput as error:
        raise PatternError([Fault(name, problem.removeprefix("it: ").rstrip(".")) for problem in error.problems]) from None
    if size > MAXIMUM_PATTERN_CHARACTERS:
        raise PatternError([Fault(name, f"it has {size:,} characters as JSON; at most {MAXIMUM_PATTERN_CHARACTERS:,} are allowed")])
    tree = json.loads(pattern, object_pairs_hook=_Pairs, parse_float=WrittenNumber) if isinstance(pattern, str) else _as_pairs(pattern)
    if not isinstance(tree, _Pairs):
        raise PatternError([Fault(name, "a pattern is a JSON object")])
    return tree


def _as_pairs(value: Any) -> Any:
    if isinstance(value, dict):
        return _Pairs((key, _as_pairs(child)) for key, child in value.items())
    if isinstance(value, list):
        return [_as_pairs(child) for child in value]
    return value


def _as_object(value: Any) -> Any:
    """The inverse of :func:`_as_pairs`; of repeated keys objects are joined, and otherwise the last one counts."""
    if isinstance(value, list) and not isinstance(value, _Pairs):
        return [_as_object(child) for child in value]
    if isinstance(value, WrittenNumber):
        return float(value.text)
    if not isinstance(value, _Pairs):
        return value
    joined: dict[str, Any] = {}
    for key, child in value:
        before = joined.get(key)
        if isinstance(before, _Pairs) and isinstance(child, _Pairs):
            joined[key] = _Pairs((*before, *child))
        else:
            joined.pop(key, None)
            joined[key] = child
    return {key: _as_object(child) for key, child in joined.items()}


def _mentions_or(tree: Any) -> bool:
    if isinstance(tree, _Pairs):
        return any(key == OR or _mentions_or(child) for key, child in tree)
    return isinstance(tree, list) and any(map(_mentions_or, tree))


def _below(where: str, key: str) -> str:
    plain = key and all(character.isalnum() or character in "-_$" for character in key)
    return f"{where}.{key}" if plain else f"{where}[{json.dumps(key, ensure_ascii=False)}]"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | WrittenNumber) and not isinstance(value, bool)


class _Compiler:
    """One reading of one pattern; it goes on after a fault, to report the others too."""

    def __init__(self, faults: list[Fault], *, or_is_a_field: bool) -> None:
        self._faults = faults
        self._or_is_a_field = or_is_a_field
        self._wildcards = 0

    def alternatives(self, tree: _Pairs, name: str) -> _Alternatives:
        return self._object(tree, [], name, [{}], inside_or=False)

    def _fault(self, path: str, reason: str) -> None:
        self._faults.append(Fault(path, reason))

    # -- fields

    def _object(self, tree: _Pairs, steps: list[str], where: str, so_far: _Alternatives, *, inside_or: bool) -> _Alternatives:
        if not tree:
            self._fault(where, "an empty object matches nothing; name at least one field")
        for key, value in tree:
            here = _below(where, key)
            if key == OR and not self._or_is_a_field:
                so_far = self._or(value, steps, here, so_far)
            elif inside_or and key in _NOT_FIELDS_INSIDE_OR:
                self._fault(here, f"{key!r} is a reserved word and no field name inside {OR}")
            elif isinstance(value, _Pairs):
                so_far = self._object(value, [*steps, key], here, so_far, inside_or=inside_or)
            elif isinstance(value, list):
                base = ".".join(steps)
                path = f"{base}.{key}" if base else key
                condition = self._condition(path, value, here)
                for alternative in so_far:
                    # A path given twice: the last one counts, as with AWS.
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
            if not isinstance(branch, _Pairs):
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
            if isinstance(entry, _Pairs):
                predicate = self._operator(entry, here)
                if predicate == _ABSENT:
                    or_absent = True
                    continue
            elif isinstance(entry, list):
                self._fault(here, "a list is not allowed inside a list of values")
                continue
            else:
                predicate = _value(entry)
            if isinstance(predicate, Exactly):
                keys[predicate.key] = None
            elif predicate is not None:
                predicates[predicate] = None
        if keys:
            exact = Exactly(next(iter(keys))) if len(keys) == 1 else OneOf(frozenset(keys))
            predicates = {exact: None, **predicates}
        return FieldCondition(path, tuple(predicates), or_absent)

    # -- operators

    def _operator(self, entry: _Pairs, where: str) -> Predicate | None:
        if len(entry) != 1:
            self._fault(where, "give exactly one operator" + (f", not {len(entry)}" if entry else ""))
            return None
        name, operand = entry[0]
        here = _below(where, name)
        if name in ("prefix", "suffix"):
            return self._prefix_or_suffix(name, operand, here)
        if name == "anything-but":
            return self._anything_but(operand, here)
        if name == "numeric":
            return self._numeric(operand, here)
        if name == "exists":
            if not isinstance(operand, bool):
                self._fault(here, "exists takes true or false")
                return None
            return Anything() if operand else _ABSENT
        if name not in OPERATORS:
            self._fault(here, f"{name!r} is no operator; allowed are {', '.join(OPERATORS)}")
            return None
        return self._of_text(name, operand, here)

    def _of_text(self, name: str, operand: Any, where: str) -> Predicate | None:
        """The operators that take one string."""
        if not isinstance(operand, str):
            self._fault(where, f"{name} takes a string")
            return None
        if name == "wildcard":
            return self._wildcard(operand, where)
        if name == "cidr":
            try:
                return InNetwork(*parse_network(operand))
            except BadUserInput as error:
                self._fault(where, error.message)
                return None
        return {
            "exactly": Exactly,
            "prefix": StartsWith,
            "suffix": EndsWith,
            IGNORE_CASE: SameButForCase,
        }[name](operand)

    def _prefix_or_suffix(self, name: str, operand: Any, where: str) -> Predicate | None:
        if not isinstance(operand, _Pairs):
            if not isinstance(operand, str):
                self._fault(where, f'{name} takes a string or {{"{IGNORE_CASE}": "…"}}')
                return None
            return self._of_text(name, operand, where)
        if len(operand) != 1 or operand[0][0] != IGNORE_CASE:
            self._fault(where, f"{name} takes a string, or an object with {IGNORE_CASE} as its only key")
            return None
        text = operand[0][1]
        if not isinstance(text, str):
            self._fault(_below(where, IGNORE_CASE), f"{IGNORE_CASE} takes a string")
            return None
        return StartsWithButForCase(text) if name == "prefix" else EndsWithButForCase(text)

    def _wildcard(self, text: str, where: str) -> Predicate | None:
        pieces = [""]
        index = 0
        while index < len(text):
            character = text[index]
            if character == "*":
                if text.startswith("**", index):
                    self._fault(where, f"two wildcards follow each other at position {index}; one says the same")
                    return None
                pieces.append("")
            elif character == "\\":
                index += 1
                if text[index : index + 1] not in ("*", "\\"):
                    self._fault(where, f"the backslash at position {index - 1} escapes neither * nor a backslash")
                    return None
                pieces[-1] += text[index]
            else:
                pieces[-1] += character
            index += 1
        stars = len(pieces) - 1
        self._wildcards += stars
        if stars > MAXIMUM_WILDCARDS_A_TEXT:
            self._fault(where, f"it has {stars} wildcards; at most {MAXIMUM_WILDCARDS_A_TEXT} are allowed in one text")
            return None
        if self._wildcards > MAXIMUM_WILDCARDS >= self._wildcards - stars:
            self._fault(where, f"here the pattern passes {MAXIMUM_WILDCARDS} wildcards in all")
        return Wildcard(tuple(pieces))

    # -- anything-but

    def _anything_but(self, operand: Any, where: str) -> Predicate | None:
        if isinstance(operand, _Pairs):
            return self._anything_but_operator(operand, where)
        entries = operand if isinstance(operand, list) else [operand]
        if not entries:
            self._fault(where, "an empty list refuses nothing; give at least one value")
            return None
        kinds = {str if isinstance(entry, str) else float if _is_number(entry) else None for entry in entries}
        if kinds == {str}:
            return _but([Exactly(entry) for entry in entries])
        if kinds != {float}:
            self._fault(where, "anything-but takes a string or a number, a list of strings, a list of numbers, or an operator")
            return None
        numbers = [self._comparable(entry, where) for entry in entries]
        return _but([Exactly(number) for number in numbers if number is not None])

    def _anything_but_operator(self, operand: _Pairs, where: str) -> Predicate | None:
        # Patterns that have `$or` as a field are read by AWS's older grammar, which knew less here.
        names = _REFUSABLE[:-1] if self._or_is_a_field else _REFUSABLE
        if len(operand) != 1 or operand[0][0] not in names:
            self._fault(where, f"anything-but takes one of {', '.join(names)} as its only key")
            return None
        name, value = operand[0]
        here = _below(where, name)
        many = isinstance(value, list)
        entries: Sequence[Any] = value if many else [value]
        if not entries:
            self._fault(here, "an empty list refuses nothing; give at least one string")
            return None
        if not all(isinstance(entry, str) for entry in entries) or (self._or_is_a_field and many and name != IGNORE_CASE):
            self._fault(here, f"{name} inside anything-but takes a string or a list of strings")
            return None
        if name in ("prefix", "suffix") and "" in entries:
            self._fault(here, f"an empty {name} would refuse every string")
            return None
        made = [self._of_text(name, entry, f"{here}[{index}]" if many else here) for index, entry in enumerate(entries)]
        return _but([predicate for predicate in made if predicate is not None])

    # -- numbers

    def _comparable(self, number: Any, where: str) -> float | None:
        value = as_float(number)
        if value is None:
            text = number.text if isinstance(number, WrittenNumber) else str(number)
            self._fault(where, f"{text} cannot be compared: a 64-bit float would round it")
        return value

    def _numeric(self, operand: Any, where: str) -> Predicate | None:
        if not isinstance(operand, list):
            self._fault(where, 'numeric takes a list, such as [">", 0, "<=", 5]')
            return None
        operators, numbers = operand[::2], operand[1::2]
        if (
            len(operand) not in (2, 4)
            or not all(isinstance(operator, str) for operator in operators)
            or not all(map(_is_number, numbers))
            or tuple(operators) not in _RANGES
        ):
            self._fault(where, 'numeric takes "=", "<", "<=", ">" or ">=" and a number, or ">" or ">=", a number, "<" or "<=", a number')
            return None
        low, high = LOWEST, HIGHEST
        bounds = []
        for index, (operator, number) in enumerate(zip(operators, numbers, strict=True)):
            bound = self._comparable(number, f"{where}[{2 * index + 1}]")
            if bound is None:
                return None
            bounds.append(bound)
            if operator == "=":
                return Exactly(bound)
            if operator[0] == ">":
                low = bound if operator == ">=" else next_above(bound)
            else:
                high = bound if operator == "<=" else next_below(bound)
        if len(bounds) == 2 and bounds[0] >= bounds[1]:
            self._fault(where, "the lower bound must be less than the upper one")
            return None
        return InRange(low, high)


_REFUSABLE = ("prefix", "suffix", IGNORE_CASE, "wildcard")
_RANGES = frozenset([("=",), ("<",), ("<=",), (">",), (">=",), *((lower, upper) for lower in (">", ">=") for upper in ("<", "<="))])

# Not a question about a value: `"exists": false` becomes `FieldCondition.or_absent`.
_ABSENT = AnythingBut(frozenset(), (Anything(),))


def _but(refused: Iterable[Predicate]) -> Predicate:
    """Everything but what ``refused`` accept; exact values are asked as one set."""
    listed = list(refused)
    return AnythingBut(
        frozenset(predicate.key for predicate in listed if isinstance(predicate, Exactly)),
        tuple(dict.fromkeys(predicate for predicate in listed if not isinstance(predicate, Exactly))),
    )


def _value(entry: Any) -> Predicate:
    """A value that stands for itself."""
    if isinstance(entry, str):
        address = parse_address(entry)
        return Exactly(entry) if address is None else SameAddress(*address)
    if entry is None:
        return Exactly(NULL)
    if isinstance(entry, bool):
        return Exactly(TRUE if entry else FALSE)
    if isinstance(entry, int):
        return Exactly(key_of_integer(entry))
    # A fraction that its float rounds is compared by the float all the same: the event's number went through one too.
    return Exactly(float(entry.text) if isinstance(entry, WrittenNumber) else float(entry))
