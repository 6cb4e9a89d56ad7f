"""Compiled patterns back in words: the entries of a field's list as JSON, and what they ask as a phrase.

A pattern is compiled into predicates, which are what decides. What a person is told is made from the same predicates, so it
cannot say anything else than what was asked. :func:`entry_of` is the inverse of compiling: its result compiles to an equal
predicate.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Sequence
from typing import Any, Final

from event_service.filters.patterns.event_fields import FALSE, NULL, TRUE, Key
from event_service.filters.patterns.ip_addresses import parse_address
from event_service.filters.patterns.numbers import HIGHEST, LOWEST, next_above, next_below
from event_service.filters.patterns.operators import IGNORE_CASE
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

VALUES_SHOWN: Final = 10
CHARACTERS_SHOWN: Final = 200
"""Of one text in a sentence."""
NAMES_PER_SENTENCE: Final = 3
_LITERALS: Final[dict[Key, Any]] = {TRUE: True, FALSE: False, NULL: None}


def plain_value(key: Key) -> Any:
    """A key of :mod:`event_fields` as the JSON value that it stands for; numbers without a needless fraction."""
    if isinstance(key, tuple):
        return _LITERALS[key] if key in _LITERALS else int(key[1])
    if isinstance(key, float) and key.is_integer() and abs(key) < 2**53:
        return int(key)
    return key


def entries_of(predicates: Sequence[Predicate], *, or_absent: bool) -> list[Any]:
    """The list of allowed entries of a field, as a pattern writes it."""
    entries: list[Any] = []
    for predicate in predicates:
        if isinstance(predicate, OneOf):
            entries.extend(_exact(key) for key in sorted(predicate.keys, key=repr))
        else:
            entries.append(entry_of(predicate))
    return [*entries, {"exists": False}] if or_absent else entries


def entry_of(predicate: Predicate) -> Any:
    """One entry; of :class:`OneOf`, which stands for several, see :func:`entries_of`."""
    match predicate:
        case Exactly(key):
            return _exact(key)
        case SameAddress(address):
            return str(ipaddress.ip_address(address))
        case InNetwork(mask, network):
            return {"cidr": f"{ipaddress.ip_address(network)}/{mask}"}
        case InRange(low, high):
            return {"numeric": _bounds(low, high)}
        case SameButForCase() | StartsWith() | EndsWith() | StartsWithButForCase() | EndsWithButForCase() | Wildcard():
            return _text_entry(predicate)
        case Anything():
            return {"exists": True}
        case AnythingBut(keys, others):
            return {"anything-but": _refused(keys, others)}
        case _:
            raise TypeError(f"{type(predicate).__name__} has no words; give it some here")


def _exact(key: Key) -> Any:
    value = plain_value(key)
    # A text that is an address would be read as one; this predicate compares characters.
    return {"exactly": value} if isinstance(value, str) and parse_address(value) is not None else value


def _text_entry(predicate: Predicate) -> Any:
    match predicate:
        case StartsWith(text):
            return {"prefix": text}
        case EndsWith(text):
            return {"suffix": text}
        case SameButForCase(text):
            return {IGNORE_CASE: text}
        case StartsWithButForCase(text):
            return {"prefix": {IGNORE_CASE: text}}
        case EndsWithButForCase(text):
            return {"suffix": {IGNORE_CASE: text}}
        case Wildcard(pieces):
            return {"wildcard": "*".join(piece.replace("\\", "\\\\").replace("*", "\\*") for piece in pieces)}
        case _:
            raise TypeError(f"{type(predicate).__name__} compares no text")


def _bounds(low: float, high: float) -> list[Any]:
    bounds: list[Any] = []
    if low != LOWEST:
        bounds += _bound(low, next_below(low), ">=", ">")
    if high != HIGHEST:
        bounds += _bound(high, next_above(high), "<=", "<")
    return bounds


def _bound(included: float, excluded: float, closed: str, opened: str) -> list[Any]:
    """``> 100`` is compiled to the next float above 100: the shorter of the two numbers is the one that was written."""
    if math.isinf(included) or len(repr(excluded)) < len(repr(included)):
        return [opened, plain_value(excluded)]
    return [closed, plain_value(included)]


def _refused(keys: frozenset[Key], others: Sequence[Predicate]) -> Any:
    if not others:
        values = [plain_value(key) for key in sorted(keys, key=repr)]
        return values[0] if len(values) == 1 else values
    entries = [_text_entry(other) for other in others]
    ((operator, first),) = entries[0].items()
    return {operator: first if len(entries) == 1 else [entry[operator] for entry in entries]}


# -- phrases -------------------------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """A value in a sentence: JSON, cut where it is long."""
    if isinstance(value, str) and len(value) > CHARACTERS_SHOWN:
        value = value[:CHARACTERS_SHOWN] + "…"
    return json.dumps(value, ensure_ascii=False)


def listed(values: Sequence[str], joined_by: str = "or") -> str:
    """Some of several things, in a sentence."""
    more = len(values) - NAMES_PER_SENTENCE
    *some, last = [*values[:NAMES_PER_SENTENCE], *([f"{more:,} more"] if more > 0 else [])]
    return f"{', '.join(some)} {joined_by} {last}" if some else last


def refusal(entry: Any) -> str:
    """Why a value does not match the entry: the end of a sentence that begins with the value."""
    if not isinstance(entry, dict):
        return f"is not {shown(entry)}"
    ((operator, operand),) = entry.items()
    if operator == "numeric":
        pairs = [f"{name} {shown(number)}" for name, number in zip(operand[::2], operand[1::2], strict=True)]
        return f"is not {' and '.join(pairs)}"
    if operator == "exists":
        return "is no value" if operand else "is a value where there must be none"
    if operator == "anything-but":
        return f"is excluded by anything-but {shown(operand)}"
    anyhow = isinstance(operand, dict)
    text = shown(operand[IGNORE_CASE] if anyhow else operand) + (" in any case" if anyhow or operator == IGNORE_CASE else "")
    phrases = {
        "exactly": f"is not {text}",
        IGNORE_CASE: f"is not {text}",
        "prefix": f"does not begin with {text}",
        "suffix": f"does not end with {text}",
        "wildcard": f"does not fit the wildcard {text}",
        "cidr": f"is no address in {operand}",
    }
    return phrases[operator]


def wish(entry: Any) -> str:
    """What an entry asks for: the same as a thing of its own."""
    if not isinstance(entry, dict):
        return shown(entry)
    ((operator, operand),) = entry.items()
    if operator == "numeric":
        return " and ".join(f"{name} {shown(number)}" for name, number in zip(operand[::2], operand[1::2], strict=True))
    if operator == "exists":
        return "any value" if operand else "no value"
    return f"{operator} {shown(operand)}"
