"""The entries of a field's list: values that stand for themselves, and operators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from event_service.base.errors import BadUserInput
from event_service.filters.patterns.event_fields import FALSE, NULL, TRUE, key_of_integer
from event_service.filters.patterns.faults import Fault
from event_service.filters.patterns.ip_addresses import parse_address, parse_network
from event_service.filters.patterns.numbers import HIGHEST, LOWEST, WrittenNumber, as_float, next_above, next_below
from event_service.filters.patterns.pattern_json import Pairs, below
from event_service.filters.patterns.predicates import (
    Anything,
    AnythingBut,
    EndsWith,
    EndsWithButForCase,
    Exactly,
    InNetwork,
    InRange,
    Predicate,
    SameAddress,
    SameButForCase,
    StartsWith,
    StartsWithButForCase,
    Wildcard,
)

# Each `*` is one more search through the event's value.
MAXIMUM_WILDCARDS_PER_TEXT = 32
MAXIMUM_WILDCARDS = 128

IGNORE_CASE = "equals-ignore-case"
OPERATORS = ("exactly", "prefix", "suffix", IGNORE_CASE, "wildcard", "anything-but", "numeric", "cidr", "exists")

ABSENT = AnythingBut(frozenset(), (Anything(),))
"""`"exists": false`, which is no question about a value: it becomes ``FieldCondition.or_absent``."""

_REFUSABLE = ("prefix", "suffix", IGNORE_CASE, "wildcard")
_RANGES = frozenset([("=",), ("<",), ("<=",), (">",), (">=",), *((lower, upper) for lower in (">", ">=") for upper in ("<", "<="))])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | WrittenNumber) and not isinstance(value, bool)


class OperatorReader:
    """Reads the entries of one pattern; it goes on after a fault, to report the others too."""

    def __init__(self, faults: list[Fault], *, or_is_a_field: bool) -> None:
        self._faults = faults
        self._or_is_a_field = or_is_a_field
        self._wildcards = 0

    def _fault(self, path: str, reason: str) -> None:
        self._faults.append(Fault(path, reason))

    def operator(self, entry: Pairs, where: str) -> Predicate | None:
        """What an object with one operator asks; :data:`ABSENT` for ``"exists": false``, ``None`` after a fault."""
        if len(entry) != 1:
            self._fault(where, "give exactly one operator" + (f", not {len(entry)}" if entry else ""))
            return None
        name, operand = entry[0]
        here = below(where, name)
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
            return Anything() if operand else ABSENT
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
        if not isinstance(operand, Pairs):
            if not isinstance(operand, str):
                self._fault(where, f'{name} takes a string or {{"{IGNORE_CASE}": "…"}}')
                return None
            return self._of_text(name, operand, where)
        if len(operand) != 1 or operand[0][0] != IGNORE_CASE:
            self._fault(where, f"{name} takes a string, or an object with {IGNORE_CASE} as its only key")
            return None
        text = operand[0][1]
        if not isinstance(text, str):
            self._fault(below(where, IGNORE_CASE), f"{IGNORE_CASE} takes a string")
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
        if stars > MAXIMUM_WILDCARDS_PER_TEXT:
            self._fault(where, f"it has {stars} wildcards; at most {MAXIMUM_WILDCARDS_PER_TEXT} are allowed in one text")
            return None
        if self._wildcards > MAXIMUM_WILDCARDS >= self._wildcards - stars:
            self._fault(where, f"here the pattern passes {MAXIMUM_WILDCARDS} wildcards in all")
        return Wildcard(tuple(pieces))

    # -- anything-but

    def _anything_but(self, operand: Any, where: str) -> Predicate | None:
        if isinstance(operand, Pairs):
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

    def _anything_but_operator(self, operand: Pairs, where: str) -> Predicate | None:
        # Patterns that have `$or` as a field are read by AWS's older grammar, which knew less here.
        names = _REFUSABLE[:-1] if self._or_is_a_field else _REFUSABLE
        if len(operand) != 1 or operand[0][0] not in names:
            self._fault(where, f"anything-but takes one of {', '.join(names)} as its only key")
            return None
        name, value = operand[0]
        here = below(where, name)
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


def _but(refused: Iterable[Predicate]) -> Predicate:
    """Everything but what ``refused`` accept; exact values are asked as one set."""
    listed = list(refused)
    return AnythingBut(
        frozenset(predicate.key for predicate in listed if isinstance(predicate, Exactly)),
        tuple(dict.fromkeys(predicate for predicate in listed if not isinstance(predicate, Exactly))),
    )


def value_of(entry: Any) -> Predicate:
    """A value that stands for itself."""
    if isinstance(entry, str):
        address = parse_address(entry)
        return Exactly(entry) if address is None else SameAddress(address)
    if entry is None:
        return Exactly(NULL)
    if isinstance(entry, bool):
        return Exactly(TRUE if entry else FALSE)
    if isinstance(entry, int):
        return Exactly(key_of_integer(entry))
    # A fraction that its float rounds is compared by the float all the same: the event's number went through one too.
    return Exactly(float(entry.text) if isinstance(entry, WrittenNumber) else float(entry))
