"""JSON, strictly: what every JSON reader reads alike goes in, and what SQS can carry comes out.

The one rule: what would not come out as it went in is refused, as I-JSON (RFC 7493, sections 2.2 and 2.3) asks of senders. So
names that repeat, numbers beyond a 64-bit float and fractions with more digits than it keeps are errors. Integers are the
exception: they are kept digit by digit, whatever their length.

``json.loads`` takes more than JSON has (NaN, Infinity, 1e999 as infinity), lets lone surrogates through, which no
UTF-8 writer can write, and recurses until the interpreter's limit.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from event_service.base.errors import BadUserInput

MAXIMUM_DEPTH = 100
# CPython converts at most 4,300 digits (int_max_str_digits) and raises ValueError beyond; few receivers read even that.
MAXIMUM_NUMBER_CHARACTERS = 1_000
_MAXIMUM_BITS = (10**MAXIMUM_NUMBER_CHARACTERS).bit_length()

_DIGITS_PER_FLOAT = 17
_MANTISSA = re.compile(r"-?[0-9.]+")

_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def loads(text: str | bytes, name: str, maximum_depth: int = MAXIMUM_DEPTH, *, read_alike: bool = True) -> Any:
    """Reads one JSON text.

    Args:
        text: the JSON; bytes must be UTF-8.
        name: what it is, for the error.
        maximum_depth: how deep it may nest; more than the default only where an envelope holds such JSON.
        read_alike: whether repeated names and numbers that a float does not keep are refused. Event patterns have a rule of
            their own for both, AWS's.

    Raises:
        BadUserInput: not JSON, or JSON that :func:`check` refuses.
    """
    try:
        source = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise BadUserInput(f"{name}: not valid UTF-8 (byte {error.start}).") from None
    if _deeper_than(source, maximum_depth):
        raise BadUserInput(f"{name}: nested deeper than {maximum_depth} levels.")

    def constant(word: str) -> Any:
        raise BadUserInput(f"{name}: {word} is not JSON; only finite numbers are allowed.")

    def integer(digits: str) -> int:
        if len(digits) > MAXIMUM_NUMBER_CHARACTERS:
            raise BadUserInput(f"{name}: a number has {len(digits)} characters; at most {MAXIMUM_NUMBER_CHARACTERS} are allowed.")
        return int(digits)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if read_alike and len(value) != len(pairs):
            raise BadUserInput(f"{name}: the key {_shown(_repeated(pairs))!r} stands twice in one object.")
        return value

    try:
        value = json.loads(
            source,
            parse_constant=constant,
            parse_int=integer,
            parse_float=lambda digits: read_real(digits, name, kept_exactly=read_alike),
            object_pairs_hook=members,
        )
    except json.JSONDecodeError as error:
        raise BadUserInput(f"{name}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if _SURROGATE.search(source) or (_SURROGATE_ESCAPE.search(source) and _has_surrogate(value)):
        raise BadUserInput(f"{name}: it holds half of a surrogate pair, which is not a character.")
    return value


def read_real(digits: str, name: str, *, kept_exactly: bool = True) -> float:
    """The number that a text with a fraction or an exponent means.

    Args:
        digits: the text, as JSON and GraphQL spell such numbers.
        name: what it is, for the error.
        kept_exactly: whether a number that a float would change is refused, and not only one that it cannot hold.

    Raises:
        BadUserInput: another number would come out: it is too large or too small, or has more digits than a float keeps.
    """
    value = float(digits)
    # 17 significant digits are what writers need to name any float, so as many are taken, whatever they round to
    if len(digits) <= _DIGITS_PER_FLOAT and value and math.isfinite(value):
        return value
    if not math.isfinite(value):
        raise BadUserInput(f"{name}: the number {_shown(digits)} is too large for a 64-bit float.")
    if not kept_exactly:
        return value
    mantissa = _MANTISSA.match(digits)
    significant = mantissa[0].replace(".", "").strip("-").strip("0") if mantissa else ""
    if significant and not value:
        raise BadUserInput(f"{name}: the number {_shown(digits)} is too small for a 64-bit float, which would make it 0.")
    if len(significant) > _DIGITS_PER_FLOAT:
        raise BadUserInput(
            f"{name}: the number {_shown(digits)} has {len(significant)} digits; a 64-bit float keeps {_DIGITS_PER_FLOAT}. "
            "Round it, or send it as a string."
        )
    return value


def check(value: Any, name: str) -> None:
    """Checks a value that was not read by :func:`loads` (GraphQL literals) against the same rules.

    Raises:
        BadUserInput: a number that is not finite, a lone surrogate, a key that is no string, nesting beyond 100, or a
            value that JSON does not have.
    """
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, dict | list):
            if depth > MAXIMUM_DEPTH:
                raise BadUserInput(f"{name}: nested deeper than {MAXIMUM_DEPTH} levels.")
            if isinstance(item, dict):
                for key in item:
                    _check_scalar(key, name)
                    if not isinstance(key, str):
                        raise BadUserInput(f"{name}: the key {key!r} is not a string.")
            stack.extend((child, depth + 1) for child in (item.values() if isinstance(item, dict) else item))
        else:
            _check_scalar(item, name)


def dumps(value: Any) -> str:
    """Compact JSON without ASCII escapes, but for U+FFFE and U+FFFF: SQS refuses messages that hold them raw
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""
    text = _ENCODER.encode(value)
    if "\ufffe" in text or "\uffff" in text:
        text = text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
    return text


def _check_scalar(item: Any, name: str) -> None:
    if isinstance(item, str):
        if _SURROGATE.search(item):
            raise BadUserInput(f"{name}: it holds half of a surrogate pair, which is not a character.")
    elif isinstance(item, bool) or item is None:
        return
    elif isinstance(item, int):
        # bit_length and not str(): str() of a huge int raises, and is quadratic.
        if item.bit_length() > _MAXIMUM_BITS:
            raise BadUserInput(f"{name}: a number is too long; at most {MAXIMUM_NUMBER_CHARACTERS} characters are allowed.")
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise BadUserInput(f"{name}: {item} is not JSON; only finite numbers are allowed.")
    else:
        raise BadUserInput(f"{name}: {type(item).__name__} is not a JSON value.")


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    counts = Counter(key for key, _ in pairs)
    return next(key for key, count in counts.items() if count > 1)


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _strings(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _has_surrogate(value: Any) -> bool:
    return any(_SURROGATE.search(text) for text in _strings(value))


_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def _deeper_than(source: str, limit: int) -> bool:
    """Whether brackets outside strings nest deeper, found before `json.loads` recurses into them."""
    if source.count("[") + source.count("{") <= limit:
        return False
    depth = 0
    for token in _BRACKETS.finditer(source):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth > limit:
                return True
        elif first in "]}":
            depth -= 1
    return False
