"""What one entry of a pattern's list asks of one value.

Predicates are values: equal predicates are the same question, which lets the matcher ask it once for many filters.
Each takes the keys of :mod:`event_fields`. ``accepts`` judges one value; ``accepts_any`` whether some value at a path
is accepted, without visiting all of them where a sorted list answers. ``cost`` tells beforehand how much work that is, in
steps of about a quarter of a microsecond, so that a budget can refuse it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from event_service.filters.patterns import letter_case
from event_service.filters.patterns.event_fields import FieldValues, Key
from event_service.filters.patterns.ip_addresses import Address, first_address, parse_address

CHARACTERS_PER_STEP = 512
"""Pairs of a pattern's and a text's character that a search for a piece of text compares in one step at worst."""

STEPS_PER_ADDRESS = 6


def salted_hash(keys: Iterable[Key | float]) -> int:
    """A hash of numbers and texts that nobody can foresee.

    Python's hash of numbers has no secret, so a workspace could write thousands of different conditions with one hash,
    which makes the tables they stand in slow for all its events.
    """
    return hash(",".join(sorted(repr(key + 0.0) if isinstance(key, float) else repr(key) for key in keys)))


@dataclass(frozen=True, slots=True)
class Predicate:
    """Judges one value of a field, and states what that costs."""

    def accepts(self, key: Key) -> bool:
        """Whether the value meets the predicate."""
        raise NotImplementedError

    def accepts_any(self, values: FieldValues) -> bool:
        """Whether one of ``values`` does."""
        sole = values.sole
        return self.accepts(sole) if sole is not None else any(map(self.accepts, values.places))

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        """The distinct values that do."""
        return filter(self.accepts, values.places)

    def cost(self, values: FieldValues) -> int:
        """Steps that :meth:`accepts_any` or :meth:`accepted` takes at most."""
        return len(values.places)

    def cost_of(self, text: str) -> int:
        """Steps that :meth:`accepts` takes at most for one string."""
        del text
        return 1


@dataclass(frozen=True, slots=True)
class TextPredicate(Predicate):
    """Base of what compares a string with one text, whatever the case."""

    text: str

    def cost(self, values: FieldValues) -> int:
        size = len(values.places)
        return 2 * size if self.text.isascii() else 2 * size + min(size * len(self.text), values.characters)

    def cost_of(self, text: str) -> int:
        return 2 if self.text.isascii() else 2 + min(len(self.text), len(text))


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

    def cost(self, values: FieldValues) -> int:
        del values
        return 1


@dataclass(frozen=True, slots=True)
class OneOf(Predicate):
    """Any of several strings, numbers and literals."""

    keys: frozenset[Key]

    def __hash__(self) -> int:
        return salted_hash(self.keys)

    def accepts(self, key: Key) -> bool:
        return key in self.keys

    def accepts_any(self, values: FieldValues) -> bool:
        sole = values.sole
        return sole in self.keys if sole is not None else not values.places.keys().isdisjoint(self.keys)

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        return self.keys & values.places.keys()

    def cost(self, values: FieldValues) -> int:
        return 1 + (len(self.keys) + len(values.places) >> 3)


@dataclass(frozen=True, slots=True)
class AddressPredicate(Predicate):
    """Base of what compares an IP address, however the event spells it."""

    def holds(self, address: Address) -> bool:
        """Whether the address meets the predicate."""
        raise NotImplementedError

    def accepts(self, key: Key) -> bool:
        address = parse_address(key) if isinstance(key, str) else None
        return address is not None and self.holds(address)

    def accepts_any(self, values: FieldValues) -> bool:
        return any(map(self.holds, values.addresses.values()))

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        return [key for key, address in values.addresses.items() if self.holds(address)]

    def cost(self, values: FieldValues) -> int:
        known = values.known_addresses
        return 1 + (STEPS_PER_ADDRESS * len(values.places) if known is None else 2 * len(known))


@dataclass(frozen=True, slots=True)
class SameAddress(AddressPredicate):
    """One IP address."""

    address: Address

    def holds(self, address: Address) -> bool:
        return address == self.address


@dataclass(frozen=True, slots=True)
class InNetwork(AddressPredicate):
    """An IP address inside a CIDR block: ``network`` is its first address, ``mask`` the bits that all have in common."""

    mask: int
    network: Address

    def holds(self, address: Address) -> bool:
        return len(address) == len(self.network) and first_address(address, self.mask) == self.network


@dataclass(frozen=True, slots=True)
class InRange(Predicate):
    """A number from ``low`` to ``high``, both included."""

    low: float
    high: float

    def __hash__(self) -> int:
        return salted_hash((self.low, self.high))

    def accepts(self, key: Key) -> bool:
        return isinstance(key, float) and self.low <= key <= self.high

    def accepts_any(self, values: FieldValues) -> bool:
        sole = values.sole
        if sole is not None:
            return isinstance(sole, float) and self.low <= sole <= self.high
        numbers = values.numbers
        index = bisect_left(numbers, self.low)
        return index < len(numbers) and numbers[index] <= self.high

    def accepted(self, values: FieldValues) -> Iterable[Key]:
        return values.numbers[bisect_left(values.numbers, self.low) : bisect_right(values.numbers, self.high)]

    def cost(self, values: FieldValues) -> int:
        return 4 + (len(values.places) >> 3)


@dataclass(frozen=True, slots=True)
class SameButForCase(TextPredicate):
    """A string, whatever its case."""

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

    def cost(self, values: FieldValues) -> int:
        return 4 + (len(values.places) >> 1) + len(self.text) // CHARACTERS_PER_STEP


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

    def cost(self, values: FieldValues) -> int:
        return 4 + (len(values.places) >> 1) + len(self.text) // CHARACTERS_PER_STEP


@dataclass(frozen=True, slots=True)
class StartsWithButForCase(TextPredicate):
    """A string with this beginning, whatever its case."""

    def accepts(self, key: Key) -> bool:
        return isinstance(key, str) and letter_case.accepts_start(self.text, key)


@dataclass(frozen=True, slots=True)
class EndsWithButForCase(TextPredicate):
    """A string with this ending, whatever its case."""

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

    def cost(self, values: FieldValues) -> int:
        return len(values.places) * (1 + len(self.pieces) // 2) + values.characters * self._size() // CHARACTERS_PER_STEP

    def cost_of(self, text: str) -> int:
        return 1 + len(self.pieces) // 2 + len(text) * self._size() // CHARACTERS_PER_STEP

    def _size(self) -> int:
        # `str.find` may compare each character of the piece at each character of the text.
        return sum(map(len, self.pieces))


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

    def __hash__(self) -> int:
        return hash((salted_hash(self.keys), self.others))

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

    def cost(self, values: FieldValues) -> int:
        return len(values.places) + sum(predicate.cost(values) for predicate in self.others)
