"""Tables in which waiters are found by what an event holds, one class for each way to be found.

All have the same four methods. ``crowd`` tells how many share the entry that a predicate would get, which is how a
filter chooses where to wait.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from event_service.filters.matching.intervals import Intervals
from event_service.filters.matching.postings import Postings
from event_service.filters.matching.work import Work
from event_service.filters.patterns import letter_case
from event_service.filters.patterns.event_fields import FieldValues, Key
from event_service.filters.patterns.ip_addresses import Address, parse_address
from event_service.filters.patterns.predicates import (
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

W = TypeVar("W", bound=Hashable)
P_contra = TypeVar("P_contra", bound=Predicate, contravariant=True)

# Runs of literal characters are looked up in these lengths: a text has about as many runs of each as characters.
RUN_LENGTHS = (8, 4, 2, 1)
# A run half as long occurs in more values, whatever its crowd: it must have this many waiters less to be chosen.
ADVANTAGE_OF_LONGER_RUN = 4


class Table(Protocol[P_contra, W]):
    """Waiters for predicates of one kind at one path."""

    def crowd(self, predicate: P_contra) -> int:
        """How many waiters or predicates share the entry of ``predicate``."""

    def add(self, predicate: P_contra, waiter: W) -> None:
        """Lets ``waiter`` wait for a value that ``predicate`` accepts."""

    def remove(self, predicate: P_contra, waiter: W) -> None:
        """Takes back an :meth:`add`."""

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        """Puts all whose predicate accepts ``key`` into ``found``."""


class _Lengths:
    """Which lengths of text occur, and how often."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, text: str) -> None:
        length = len(text)
        self._counts[length] = self._counts.get(length, 0) + 1

    def remove(self, text: str) -> None:
        length = len(text)
        self._counts[length] -= 1
        if not self._counts[length]:
            del self._counts[length]

    def beginnings(self, text: str) -> list[str]:
        size = len(text)
        return [text[:length] for length in self._counts if length <= size]

    def endings(self, text: str) -> list[str]:
        size = len(text)
        return [text[size - length :] for length in self._counts if length <= size]

    def runs(self, text: str) -> set[str]:
        return {text[start : start + length] for length in self._counts for start in range(len(text) - length + 1)}


class _Guarded(Generic[W]):
    """Predicates that must look at the value once their guard, a text they cannot do without, was found."""

    __slots__ = ("_predicates", "_waiters", "lengths")

    def __init__(self) -> None:
        self._predicates: Postings[str, Predicate] = Postings()
        self._waiters: Postings[Predicate, W] = Postings()
        self.lengths = _Lengths()

    def waits(self, predicate: Predicate) -> bool:
        return predicate in self._waiters

    def crowd(self, guard: str) -> int:
        return self._predicates.count(guard)

    def add(self, guard: str, predicate: Predicate, waiter: W) -> None:
        if self._waiters.add(predicate, waiter) and self._predicates.add(guard, predicate):
            self.lengths.add(guard)

    def remove(self, guard: str, predicate: Predicate, waiter: W) -> None:
        if self._waiters.discard(predicate, waiter) and self._predicates.discard(guard, predicate):
            self.lengths.remove(guard)

    def collect(self, guards: Iterable[str], text: str, found: set[W], work: Work) -> None:
        for guard in guards:
            work.lookups += 1
            if guard in self._predicates:
                for predicate in self._predicates.values(guard):
                    work.tried += 1
                    if predicate.accepts(text):
                        self._waiters.collect(predicate, found)


class ExactTable(Generic[W]):
    """Values by themselves."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: Postings[Key, W] = Postings()

    def crowd(self, predicate: Exactly) -> int:
        return self._waiters.count(predicate.key)

    def add(self, predicate: Exactly, waiter: W) -> None:
        self._waiters.add(predicate.key, waiter)

    def remove(self, predicate: Exactly, waiter: W) -> None:
        self._waiters.discard(predicate.key, waiter)

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        work.lookups += 1
        self._waiters.collect(key, found)


class AddressTable(Generic[W]):
    """IP addresses by themselves, however they are spelled."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: Postings[Address, W] = Postings()

    def crowd(self, predicate: SameAddress) -> int:
        return self._waiters.count((predicate.bits, predicate.address))

    def add(self, predicate: SameAddress, waiter: W) -> None:
        self._waiters.add((predicate.bits, predicate.address), waiter)

    def remove(self, predicate: SameAddress, waiter: W) -> None:
        self._waiters.discard((predicate.bits, predicate.address), waiter)

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        if isinstance(key, str):
            address = parse_address(key)
            if address is not None:
                work.lookups += 1
                self._waiters.collect(address, found)


class NetworkTable(Generic[W]):
    """CIDR blocks: one look-up for each length of mask that occurs."""

    __slots__ = ("_masks", "_waiters")

    def __init__(self) -> None:
        self._waiters: Postings[tuple[int, int, int], W] = Postings()
        self._masks: dict[tuple[int, int], int] = {}

    def crowd(self, predicate: InNetwork) -> int:
        return self._waiters.count((predicate.bits, predicate.mask, predicate.network))

    def add(self, predicate: InNetwork, waiter: W) -> None:
        if self._waiters.add((predicate.bits, predicate.mask, predicate.network), waiter):
            mask = predicate.bits, predicate.mask
            self._masks[mask] = self._masks.get(mask, 0) + 1

    def remove(self, predicate: InNetwork, waiter: W) -> None:
        if self._waiters.discard((predicate.bits, predicate.mask, predicate.network), waiter):
            mask = predicate.bits, predicate.mask
            self._masks[mask] -= 1
            if not self._masks[mask]:
                del self._masks[mask]

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        address = parse_address(key) if isinstance(key, str) else None
        if address is None:
            return
        for bits, mask in self._masks:
            if bits == address[0]:
                work.lookups += 1
                self._waiters.collect((bits, mask, address[1] >> (bits - mask)), found)


class RangeTable(Generic[W]):
    """Numeric ranges."""

    __slots__ = ("_intervals",)

    def __init__(self) -> None:
        self._intervals: Intervals[W] = Intervals()

    def crowd(self, predicate: InRange) -> int:
        return self._intervals.count(predicate.low, predicate.high)

    def add(self, predicate: InRange, waiter: W) -> None:
        self._intervals.add(predicate.low, predicate.high, waiter)

    def remove(self, predicate: InRange, waiter: W) -> None:
        self._intervals.remove(predicate.low, predicate.high, waiter)

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        if isinstance(key, float):
            held = self._intervals.holding(key)
            work.lookups += 1 + len(held)
            found.update(held)


class BeginningTable(Generic[W]):
    """Beginnings of strings: one look-up for each length that occurs."""

    __slots__ = ("_lengths", "_waiters")

    def __init__(self) -> None:
        self._waiters: Postings[str, W] = Postings()
        self._lengths = _Lengths()

    def crowd(self, predicate: StartsWith | EndsWith) -> int:
        return self._waiters.count(predicate.text)

    def add(self, predicate: StartsWith | EndsWith, waiter: W) -> None:
        if self._waiters.add(predicate.text, waiter):
            self._lengths.add(predicate.text)

    def remove(self, predicate: StartsWith | EndsWith, waiter: W) -> None:
        if self._waiters.discard(predicate.text, waiter):
            self._lengths.remove(predicate.text)

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        if isinstance(key, str):
            parts = self._parts(key)
            work.lookups += len(parts)
            self._waiters.collect_all(parts, found)

    def _parts(self, text: str) -> list[str]:
        return self._lengths.beginnings(text)


class EndingTable(BeginningTable[W]):
    """Endings of strings."""

    __slots__ = ()

    def _parts(self, text: str) -> list[str]:
        return self._lengths.endings(text)


class FoldedTable(Generic[W]):
    """Whole strings, whatever their case."""

    __slots__ = ("_guarded",)

    def __init__(self) -> None:
        self._guarded: _Guarded[W] = _Guarded()

    def crowd(self, predicate: SameButForCase | StartsWithButForCase | EndsWithButForCase) -> int:
        return self._guarded.crowd(letter_case.search_key(predicate.text))

    def add(self, predicate: SameButForCase | StartsWithButForCase | EndsWithButForCase, waiter: W) -> None:
        self._guarded.add(letter_case.search_key(predicate.text), predicate, waiter)

    def remove(self, predicate: SameButForCase | StartsWithButForCase | EndsWithButForCase, waiter: W) -> None:
        self._guarded.remove(letter_case.search_key(predicate.text), predicate, waiter)

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        if isinstance(key, str):
            self._guarded.collect(self._guards(letter_case.search_key(key)), key, found, work)

    def _guards(self, text: str) -> list[str]:
        return [text]


class FoldedBeginningTable(FoldedTable[W]):
    """Beginnings of strings, whatever their case."""

    __slots__ = ()

    def _guards(self, text: str) -> list[str]:
        return self._guarded.lengths.beginnings(text)


class FoldedEndingTable(FoldedTable[W]):
    """Endings of strings, whatever their case."""

    __slots__ = ()

    def _guards(self, text: str) -> list[str]:
        return self._guarded.lengths.endings(text)


class WildcardTable(Generic[W]):
    """Wildcards, each behind the least crowded run of its literal characters."""

    __slots__ = ("_guarded", "_runs")

    def __init__(self) -> None:
        self._guarded: _Guarded[W] = _Guarded()
        self._runs: dict[Wildcard, str] = {}

    def crowd(self, predicate: Wildcard) -> int:
        return self._guarded.crowd(self._run(predicate))

    def add(self, predicate: Wildcard, waiter: W) -> None:
        run = self._runs[predicate] = self._run(predicate)
        self._guarded.add(run, predicate, waiter)

    def remove(self, predicate: Wildcard, waiter: W) -> None:
        self._guarded.remove(self._runs[predicate], predicate, waiter)
        if not self._guarded.waits(predicate):
            del self._runs[predicate]

    def collect(self, key: Key, found: set[W], work: Work) -> None:
        if isinstance(key, str):
            self._guarded.collect(self._guarded.lengths.runs(key), key, found, work)

    def _run(self, wildcard: Wildcard) -> str:
        """The run it waits behind, or would."""
        known = self._runs.get(wildcard)
        if known is not None:
            return known
        runs: dict[str, int] = {}
        for piece in filter(None, wildcard.pieces):
            handicap, length = next(pair for pair in enumerate(RUN_LENGTHS) if pair[1] <= len(piece))
            for start in range(len(piece) - length + 1):
                run = piece[start : start + length]
                runs[run] = self._guarded.crowd(run) + handicap * ADVANTAGE_OF_LONGER_RUN
        return min(runs, key=runs.__getitem__)


class RefusalTable(Generic[W]):
    """Anything but listed values: found are all, less those that refuse every value of the field.

    Each waits under one of the values it refuses, the one that most refuse, so that an event with that very value
    passes over all of them at once. This table alone is asked for all values of a field together.
    """

    __slots__ = ("_also_refusing", "_chosen", "_waiters")

    def __init__(self) -> None:
        self._waiters: Postings[Key, W] = Postings()
        self._also_refusing: Postings[Key, W] = Postings()
        self._chosen: dict[AnythingBut, tuple[Key, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._chosen)

    def add(self, predicate: AnythingBut, waiter: W) -> None:
        chosen, uses = self._chosen.get(predicate) or (max(predicate.keys, key=self._refusers), 0)
        self._chosen[predicate] = chosen, uses + 1
        self._waiters.add(chosen, waiter)
        for key in predicate.keys - {chosen}:
            self._also_refusing.add(key, waiter)

    def remove(self, predicate: AnythingBut, waiter: W) -> None:
        chosen, uses = self._chosen.pop(predicate)
        if uses > 1:
            self._chosen[predicate] = chosen, uses - 1
        self._waiters.discard(chosen, waiter)
        for key in predicate.keys - {chosen}:
            self._also_refusing.discard(key, waiter)

    def collect(self, values: FieldValues, found: set[W], work: Work) -> None:
        """Puts all that some value of ``values`` satisfies into ``found``."""
        sole = values.sole
        holding: set[W] = set()
        for key, waiters in self._waiters.groups():
            work.lookups += 1
            if key != sole:
                holding.update(waiters)
        work.lookups += len(holding)
        if not holding:
            return
        if sole is not None:
            holding.difference_update(self._also_refusing.values(sole))
            work.lookups += self._also_refusing.count(sole)
        else:
            holding -= self._refusing_all(values, work)
        found |= holding

    def _refusing_all(self, values: FieldValues, work: Work) -> set[W]:
        """Who refuses every one of ``values``; nearly always nobody, which the rarest value tells."""
        rarest = min(values.places, key=self._refusers)
        refusing = {*self._waiters.values(rarest), *self._also_refusing.values(rarest)}
        for key in values.places:
            if not refusing:
                break
            work.lookups += len(refusing)
            refusing = {waiter for waiter in refusing if self._waiters.has(key, waiter) or self._also_refusing.has(key, waiter)}
        return refusing

    def _refusers(self, key: Key) -> int:
        return self._waiters.count(key) + self._also_refusing.count(key)
