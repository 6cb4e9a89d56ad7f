"""What one entry of a pattern's list asks of one value.

Predicates are values: equal predicates are the same question, which lets the matcher ask it once for many filters.
Each takes the keys of :mod:`event_fields`. ``accepts`` judges one value; ``accepts_any`` whether some value at a path
is accepted, without visiting all of them where a sorted list answers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from event_service.filters.patterns import letter_case
from event_service.filters.patterns.event_fields import FieldValues, Key
from event_service.filters.patterns.ip_addresses import parse_address


@dataclass(frozen=True, slots=True)
class Predicate:
    """Base of all predicates."""

    def accepts(self, key: Key) -> bool:
        """Whether the value fulfils the predicate."""
        raise NotImplementedError

    def accepts_any(self, values: FieldValues) -> bool:
        """Whether one of ``values`` does."""
        sole = values.sole
        return self.accepts(sole) if sole is not None else any(map(self.accepts, values.places))

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        """The distinct values that do."""
        return filter(self.accepts, values.places)


@dataclass(frozen=True, slots=True)
class Exactly(Predicate):
    """One string, number or literal."""

    key: Key

    def accepts(self, key: Key) -> bool:
        return key == self.key

    def accepts_any(self, values: FieldValues) -> bool:
        return self.key in values.places

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        return (self.key,) if self.key in values.places else ()


@dataclass(frozen=True, slots=True)
class OneOf(Predicate):
    """Any of several strings, numbers and literals."""

    keys: frozenset[Key]

    def accepts(self, key: Key) -> bool:
        return key in self.keys

    def accepts_any(self, values: FieldValues) -> bool:
        return not self.keys.isdisjoint(values.places)

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        return self.keys & values.places.keys()


@dataclass(frozen=True, slots=True)
class SameAddress(Predicate):
    """An IP address, however the event spells it."""

    bits: int
    address: int

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and parse_address(key) == (self.bits, self.address)


@dataclass(frozen=True, slots=True)
class InNetwork(Predicate):
    """An IP address inside a CIDR block: ``network`` is the leading ``mask`` of ``bits`` bits."""

    bits: int
    mask: int
    network: int

    def accepts(self, key: Key) -> bool:
        if not isinstance(key, str):
            return False
        address = parse_address(key)
        return address is not None and address[0] == self.bits and address[1] >> (self.bits - self.mask) == self.network


@dataclass(frozen=True, slots=True)
class InRange(Predicate):
    """A number from ``low`` to ``high``, both included."""

    low: float
    high: float

    def accepts(self, key: Key) -> bool:
        return isinstance(key, float) and self.low <= key <= self.high

    def accepts_any(self, values: FieldValues) -> bool:
        sole = values.sole
        if sole is not None:
            return isinstance(sole, float) and self.low <= sole <= self.high
        numbers = values.numbers
        index = bisect_left(numbers, self.low)
        return index < len(numbers) and numbers[index] <= self.high


@dataclass(frozen=True, slots=True)
class SameButForCase(Predicate):
    """A string, whatever its case."""

    text: str

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and letter_case.accepts_whole(self.text, key)


@dataclass(frozen=True, slots=True)
class StartsWith(Predicate):
    """A string with this beginning."""

    text: str

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and key.startswith(self.text)

    def accepts_any(self, values: FieldValues) -> bool:
        sole = values.sole
        if sole is not None:
            return isinstance(sole, str) and sole.startswith(self.text)
        strings = values.strings
        index = bisect_left(strings, self.text)
        return index < len(strings) and strings[index].startswith(self.text)


@dataclass(frozen=True, slots=True)
class EndsWith(Predicate):
    """A string with this ending."""

    text: str

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and key.endswith(self.text)

    def accepts_any(self, values: FieldValues) -> bool:
        sole = values.sole
        if sole is not None:
            return isinstance(sole, str) and sole.endswith(self.text)
        strings = values.reversed_strings
        turned = self.text[::-1]
        index = bisect_left(strings, turned)
        return index < len(strings) and strings[index].startswith(turned)


@dataclass(frozen=True, slots=True)
class StartsWithButForCase(Predicate):
    """A string with this beginning, whatever its case."""

    text: str

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and letter_case.accepts_start(self.text, key)


@dataclass(frozen=True, slots=True)
class EndsWithButForCase(Predicate):
    """A string with this ending, whatever its case."""

    text: str

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and letter_case.accepts_end(self.text, key)


@dataclass(frozen=True, slots=True)
class Wildcard(Predicate):
    """A string made of ``pieces`` in this order, with anything between them."""

    pieces: tuple[str, ...]

    def accepts(self, key: Key) -> bool:
        if not isinstance(key, str):
            return False
        first, last = self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return key == first
        position, end = len(first), len(key) - len(last)
        if position > end or not key.startswith(first) or not key.endswith(last):
            return False
        # The leftmost place for each piece leaves most room to the others, so there is nothing to go back for.
        for piece in self.pieces[1:-1]:
            found = key.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
        return True


@dataclass(frozen=True, slots=True)
class Anything(Predicate):
    """Any value whatever, `null` included: the field exists."""

    def accepts(self, key: Key) -> bool:
        del key
        return True

    def accepts_any(self, values: FieldValues) -> bool:
        del values
        return True


@dataclass(frozen=True, slots=True)
class AnythingBut(Predicate):
    """Any value of any kind but ``keys`` and what one of ``others`` accepts."""

    keys: frozenset[Key]
    others: tuple[Predicate, ...] = ()

    def accepts(self, key: Key) -> bool:
        if key in self.keys:
            return False
        for predicate in self.others:  # noqa: SIM110 - any() and its generator cost more than the question
            if predicate.accepts(key):
                return False
        return True

    def accepts_any(self, values: FieldValues) -> bool:
        sole = values.sole
        if sole is not None:
            return sole not in self.keys and (not self.others or self.accepts(sole))
        if not self.others and len(values.places) > len(self.keys):
            return True
        return any(map(self.accepts, values.places))
