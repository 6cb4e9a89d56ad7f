"""Numbers as event patterns compare them: as 64-bit floats, as long as nothing is lost.

A number takes part in numeric comparison when the shortest decimal text of its 64-bit float is the number itself.
`300`, `300.0` and `3.0e2` are one number; 9007199254740993 has no float of its own and is equal only to itself.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# Up to here every integer is a float of its own.
_LARGEST_EXACT_INTEGER = 2**53

LOWEST = -math.inf
HIGHEST = math.inf


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number with a fraction or an exponent as it was written, which its float may not tell any more."""

    text: str


def as_float(number: int | float | WrittenNumber) -> float | None:  # noqa: PYI041 - mypy tells the two apart
    """The float that stands for ``number``, or ``None`` when no float does exactly."""
    if isinstance(number, WrittenNumber):
        return _written_as_float(number.text)
    if isinstance(number, float):
        return number
    if -_LARGEST_EXACT_INTEGER <= number <= _LARGEST_EXACT_INTEGER:
        return float(number)
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if Decimal(repr(value)) == number else None


def _written_as_float(text: str) -> float | None:
    value = float(text)
    if not math.isfinite(value):
        return None
    try:
        exact = Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal holds, and so beyond any float
        return None
    return value if Decimal(repr(value)) == exact else None


def next_above(value: float) -> float:
    """The smallest float greater than ``value``: `> value` is `>= next_above(value)`."""
    return math.nextafter(value, math.inf)


def next_below(value: float) -> float:
    """The greatest float smaller than ``value``."""
    return math.nextafter(value, -math.inf)


def order(value: float) -> int:
    """A 64-bit integer that sorts as ``value`` does; both zeros are one."""
    bits = int(struct.unpack(">Q", struct.pack(">d", value + 0.0))[0])
    return bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63
