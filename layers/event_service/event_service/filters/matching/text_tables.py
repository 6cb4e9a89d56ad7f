"""Tables of waiters for parts of strings: beginnings, endings, wildcards, with and without case."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

from event_service.filters.matching.budget import Budget
from event_service.filters.matching.postings import Postings
from event_service.filters.patterns import letter_case
from event_service.filters.patterns.event_fields import LONG_TEXT, FieldValues
from event_service.filters.patterns.predicates import (
    EndsWith,
    EndsWithButForCase,
    Predicate,
    SameButForCase,
    StartsWith,
    StartsWithButForCase,
    Wildcard,
)

W = TypeVar("W", bound=Hashable)

# Runs of literal characters are looked up in these lengths: a text has about as many runs of each as characters.
RUN_LENGTHS = (8, 4, 2, 1)
# A run half as long occurs in more values, whatever its crowd: it must have this many waiters less to be chosen.
ADVANTAGE_OF_LONGER_RUN = 4

# What one step does of each.
CHARACTERS_COPIED = 256
ASCII_CHARACTERS_FOLDED = 128
OTHER_CHARACTERS_FOLDED = 4
CHARACTERS_SEARCHED_PER_RUN = 32
RUNS_CUT = 2


class _Lengths:
    """Which lengths of text occur, and how often."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

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

    def guards(self) -> Collection[str]:
        return self._predicates.keys()

    def crowd(self, guard: str) -> int:
        return self._predicates.count(guard)

    def add(self, guard: str, predicate: Predicate, waiter: W) -> None:
        if self._waiters.add(predicate, waiter) and self._predicates.add(guard, predicate):
            self.lengths.add(guard)

    def remove(self, guard: str, predicate: Predicate, waiter: W) -> None:
        if self._waiters.discard(predicate, waiter) and self._predicates.discard(guard, predicate):
            self.lengths.remove(guard)

    def accepting(self, guards: Iterable[str], text: str, budget: Budget) -> list[Predicate]:
        """The predicates behind ``guards`` that accept ``text``."""
        accepting = []
        for guard in guards:
            if guard in self._predicates:
                for predicate in self._predicates.values(guard):
                    budget.spend(predicate.cost_of(text))
                    if predicate.accepts(text):
                        accepting.append(predicate)
        return accepting

    def collect(self, predicates: Iterable[Predicate], found: set[W]) -> None:
        """Puts those who wait for one of ``predicates`` into ``found``."""
        self._waiters.collect_all(predicates, found)


def _texts(values: FieldValues) -> Iterable[str]:
    """The distinct strings, in no order."""
    sole = values.sole
    if sole is not None:
        return (sole,) if isinstance(sole, str) else ()
    return [key for key in values.places if isinstance(key, str)]


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

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        known: set[str] = set()
        budget.spend(1 + len(values.places) // 8)
        for text in _texts(values):
            budget.spend(1 + len(self._lengths))
            parts = self._parts(text)
            if len(text) > LONG_TEXT:
                budget.spend(sum(map(len, parts)) // CHARACTERS_COPIED)
            known.update(part for part in parts if part in self._waiters)
        self._waiters.collect_all(known, found)

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

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        accepting: set[Predicate] = set()
        budget.spend(1 + len(values.places) // 8)
        for text in _texts(values):
            folded = ASCII_CHARACTERS_FOLDED if text.isascii() else OTHER_CHARACTERS_FOLDED
            budget.spend(2 + len(text) // folded + len(self._guarded.lengths))
            guards = self._guards(letter_case.search_key(text))
            if len(text) > LONG_TEXT:
                budget.spend(sum(map(len, guards)) // CHARACTERS_COPIED)
            accepting.update(self._guarded.accepting(guards, text, budget))
        self._guarded.collect(accepting, found)

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

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        accepting: set[Predicate] = set()
        budget.spend(1 + len(values.places) // 8)
        for text in _texts(values):
            accepting.update(self._guarded.accepting(self._present(text, budget), text, budget))
        self._guarded.collect(accepting, found)

    def _present(self, text: str, budget: Budget) -> Collection[str]:
        """The runs somebody waits behind that ``text`` holds, and perhaps others."""
        guards, size = self._guarded.guards(), len(text)
        searching = len(guards) * (1 + size // CHARACTERS_SEARCHED_PER_RUN)
        cutting = 1 + size * len(self._guarded.lengths) // RUNS_CUT
        budget.spend(min(searching, cutting))
        if searching <= cutting:
            return [guard for guard in guards if guard in text]
        return self._guarded.lengths.runs(text)

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
