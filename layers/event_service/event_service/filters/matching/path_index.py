"""Who waits for which values at one path.

A waiter is found by what an event holds and not by trying its condition: see :mod:`table`. What has nothing to be
found by (exists, anything-but with an operator, a wildcard without a literal character) is asked one by one, but each
distinct predicate once.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from event_service.filters.matching.budget import Budget
from event_service.filters.matching.postings import Postings
from event_service.filters.matching.table import Table
from event_service.filters.matching.text_tables import (
    BeginningTable,
    EndingTable,
    FoldedBeginningTable,
    FoldedEndingTable,
    FoldedTable,
    WildcardTable,
)
from event_service.filters.matching.value_tables import AddressTable, ExactTable, NetworkTable, RangeTable, RefusalTable
from event_service.filters.patterns.event_fields import FieldValues
from event_service.filters.patterns.numbers import HIGHEST, LOWEST
from event_service.filters.patterns.pattern import FieldCondition, path_order
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

W = TypeVar("W", bound=Hashable)

_TABLES: dict[type[Predicate], type[Table[Any, Any]]] = {
    Exactly: ExactTable,
    SameAddress: AddressTable,
    InNetwork: NetworkTable,
    InRange: RangeTable,
    StartsWith: BeginningTable,
    EndsWith: EndingTable,
    SameButForCase: FoldedTable,
    StartsWithButForCase: FoldedBeginningTable,
    EndsWithButForCase: FoldedEndingTable,
    Wildcard: WildcardTable,
}

# What a kind of condition is expected to find in vain, on top of those that share its entry. Only the order matters:
# a filter waits where the sum is least. An exact value is best; a range open at one end holds half of all numbers;
# anything-but holds for nearly every value.
COST_OF_SHORT_TEXT = 8
COST_OF_TEXT = 2
COST_OF_RANGE = 8
COST_OF_OPEN_RANGE = 32
COST_OF_ABSENCE = 48
COST_OF_SCAN = 64
SHORT_TEXT = 3


class SharedCondition:
    """One distinct condition on one field, shared by all filters that state it.

    Compared by identity: it stands in tables that are read while matching, where the condition itself would be hashed
    field by field each time.

    Attributes:
        condition: the condition.
        uses: how many filters (`$or` alternatives apart) state it.
        waiting: how many of them wait at it.
        accepts_any: whether its predicates accept one of a field's values.
        weight: steps to ask it about one short value.
    """

    __slots__ = ("accepts_any", "condition", "or_absent", "path", "uses", "waiting", "weight")

    def __init__(self, condition: FieldCondition) -> None:
        self.condition = condition
        self.path = condition.path
        self.or_absent = condition.or_absent
        self.uses = 0
        self.waiting = 0
        single = len(condition.predicates) == 1
        self.accepts_any = condition.predicates[0].accepts_any if single else condition.accepts_any
        self.weight = sum(map(_weight, condition.predicates))

    @property
    def order(self) -> bytes:
        """Where its path stands among others."""
        return path_order(self.condition)

    def cost(self, values: FieldValues) -> int:
        """Steps to ask it about ``values`` at most."""
        if not values.heavy:
            return self.weight
        return sum(predicate.cost(values) for predicate in self.condition.predicates)


class PathIndex(Generic[W]):
    """The waiters at one path."""

    __slots__ = ("_refusals", "_scan_steps", "_scanned", "_tables", "_waiting")

    def __init__(self) -> None:
        self._waiting = 0
        # Tables come when they are needed: a workspace may have 100,000 paths.
        self._tables: dict[type[Predicate], Table[Any, W]] = {}
        self._refusals: RefusalTable[W] | None = None
        self._scanned: Postings[Predicate, W] | None = None
        self._scan_steps = 0

    def __bool__(self) -> bool:
        return self._waiting > 0

    @property
    def tables(self) -> int:
        """How many tables there are."""
        return len(self._tables) + (self._refusals is not None) + (self._scanned is not None)

    def cost(self, shared: SharedCondition) -> int:
        """How crowded it would be to wait here for ``shared``."""
        condition = shared.condition
        cost = shared.uses + COST_OF_ABSENCE * condition.or_absent
        return cost + sum(self._cost(predicate) for predicate in _split(condition))

    def _cost(self, predicate: Predicate) -> int:
        if isinstance(predicate, AnythingBut) or _is_scanned(predicate):
            return COST_OF_SCAN
        table = self._tables.get(type(predicate))
        crowd = 1 if table is None else 1 + table.crowd(predicate)
        if isinstance(predicate, InRange):
            is_open = predicate.low == LOWEST or predicate.high == HIGHEST
            return crowd + (COST_OF_OPEN_RANGE if is_open else COST_OF_RANGE)
        if isinstance(predicate, StartsWith | EndsWith | StartsWithButForCase | EndsWithButForCase):
            return crowd + (COST_OF_SHORT_TEXT if len(predicate.text) < SHORT_TEXT else COST_OF_TEXT)
        if isinstance(predicate, Wildcard | InNetwork):
            return crowd + COST_OF_SHORT_TEXT
        return crowd

    def add(self, shared: SharedCondition, waiter: W) -> None:
        """Lets ``waiter`` wait for values that meet ``shared``."""
        self._waiting += 1
        for predicate in _split(shared.condition):
            if _is_scanned(predicate):
                if self._scanned is None:
                    self._scanned = Postings()
                if self._scanned.add(predicate, waiter):
                    self._scan_steps += _weight(predicate)
            elif isinstance(predicate, AnythingBut):
                if self._refusals is None:
                    self._refusals = RefusalTable()
                self._refusals.add(predicate, waiter)
            else:
                table = self._tables.get(type(predicate))
                if table is None:
                    table = self._tables[type(predicate)] = _TABLES[type(predicate)]()
                table.add(predicate, waiter)

    def remove(self, shared: SharedCondition, waiter: W) -> None:
        """Takes back an :meth:`add`."""
        self._waiting -= 1
        for predicate in _split(shared.condition):
            if _is_scanned(predicate):
                if self._scanned is not None and self._scanned.discard(predicate, waiter):
                    self._scan_steps -= _weight(predicate)
            elif isinstance(predicate, AnythingBut):
                if self._refusals is not None:
                    self._refusals.remove(predicate, waiter)
            else:
                self._tables[type(predicate)].remove(predicate, waiter)

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        """Puts all whose condition holds for ``values`` into ``found``.

        Raises:
            BudgetSpent: some of them may be missing.
        """
        for table in self._tables.values():
            table.collect(values, found, budget)
        if self._refusals:
            self._refusals.collect(values, found, budget)
        if self._scanned:
            budget.spend(self._scan_steps)
            for predicate, waiters in self._scanned.groups():
                if values.heavy:
                    budget.spend(predicate.cost(values))
                if predicate.accepts_any(values):
                    found.update(waiters)


def _weight(predicate: Predicate) -> int:
    """Steps to ask it about one short value."""
    return 1 + len(predicate.others) if isinstance(predicate, AnythingBut) else 1


def _is_scanned(predicate: Predicate) -> bool:
    """Whether there is no table for it, since nearly every value may meet it."""
    if isinstance(predicate, AnythingBut):
        return bool(predicate.others)
    if isinstance(predicate, Wildcard):
        return not any(predicate.pieces)
    if isinstance(predicate, StartsWith | EndsWith | StartsWithButForCase | EndsWithButForCase):
        return not predicate.text
    return isinstance(predicate, Anything)


def _split(condition: FieldCondition) -> list[Predicate]:
    """The predicates of a condition with one entry in a table each."""
    predicates: list[Predicate] = []
    for predicate in condition.predicates:
        if isinstance(predicate, OneOf):
            predicates.extend(map(Exactly, predicate.keys))
        else:
            predicates.append(predicate)
    return predicates
