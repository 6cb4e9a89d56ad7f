"""Who waits for which values at one path.

A waiter is found by what an event holds and not by trying its condition: see :mod:`tables`. What has nothing to be
found by (anything-but, exists, a wildcard without a literal character) is asked one by one, but each distinct
condition once, and those that refuse the same value are dismissed together when an event has nothing but that value.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from event_service.domain.matching.postings import Postings
from event_service.domain.matching.tables import (
    AddressTable,
    BeginningTable,
    EndingTable,
    ExactTable,
    FoldedBeginningTable,
    FoldedEndingTable,
    FoldedTable,
    NetworkTable,
    RangeTable,
    Table,
    WildcardTable,
)
from event_service.domain.matching.work import Work
from event_service.domain.patterns.event_fields import FieldValues
from event_service.domain.patterns.numbers import HIGHEST, LOWEST
from event_service.domain.patterns.pattern import FieldCondition
from event_service.domain.patterns.predicates import (
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
        accepts_any: whether its predicates accept one of a field's values.
    """

    __slots__ = ("accepts_any", "condition", "or_absent", "path", "uses")

    def __init__(self, condition: FieldCondition) -> None:
        self.condition = condition
        self.path = condition.path
        self.or_absent = condition.or_absent
        self.uses = 0
        single = len(condition.predicates) == 1
        self.accepts_any = condition.predicates[0].accepts_any if single else condition.accepts_any


class PathIndex(Generic[W]):
    """The waiters at one path."""

    __slots__ = ("_refusal_of", "_refusals", "_scanned", "_tables", "_waiting")

    def __init__(self) -> None:
        self._waiting = 0
        self._tables: dict[type[Predicate], Table[Any, W]] = {}
        self._scanned: Postings[SharedCondition, W] | None = None
        # What is scanned, by one predicate whose values it refuses; Anything() where there is no such predicate.
        self._refusals: Postings[Predicate, SharedCondition] | None = None
        self._refusal_of: dict[SharedCondition, Predicate] = {}

    def __bool__(self) -> bool:
        return self._waiting > 0

    def cost(self, shared: SharedCondition) -> int:
        """How crowded it would be to wait here for ``shared``."""
        condition = shared.condition
        cost = shared.uses + COST_OF_ABSENCE * condition.or_absent
        if _is_scanned(condition):
            return cost + COST_OF_SCAN
        return cost + sum(self._cost(predicate) for predicate in _split(condition))

    def _cost(self, predicate: Predicate) -> int:
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
        """Lets ``waiter`` wait for values that fulfil ``shared``."""
        self._waiting += 1
        if not _is_scanned(shared.condition):
            for predicate in _split(shared.condition):
                table = self._tables.get(type(predicate))
                if table is None:
                    table = self._tables[type(predicate)] = _TABLES[type(predicate)]()
                table.add(predicate, waiter)
            return
        if self._scanned is None or self._refusals is None:
            self._scanned, self._refusals, self._refusal_of = Postings(), Postings(), {}
        if self._scanned.add(shared, waiter):
            refusal = self._refusal_of[shared] = self._refusal(shared.condition)
            self._refusals.add(refusal, shared)

    def remove(self, shared: SharedCondition, waiter: W) -> None:
        """Takes back an :meth:`add`."""
        self._waiting -= 1
        if not _is_scanned(shared.condition):
            for predicate in _split(shared.condition):
                self._tables[type(predicate)].remove(predicate, waiter)
        elif self._scanned is not None and self._refusals is not None and self._scanned.discard(shared, waiter):
            self._refusals.discard(self._refusal_of.pop(shared), shared)

    def collect(self, values: FieldValues, found: set[W], work: Work) -> None:
        """Puts all whose condition holds for ``values`` into ``found``."""
        tables = self._tables.values()
        for key in values.places:
            for table in tables:
                table.collect(key, found, work)
        if self._scanned and self._refusals:
            holding: list[SharedCondition] = []
            for refusal, group in self._refusals.groups():
                work.tried += 1
                if len(group) > 1 and refusal != _NO_REFUSAL and all(map(refusal.accepts, values.places)):
                    continue
                work.tried += len(group)
                holding += [shared for shared in group if shared.accepts_any(values)]
            self._scanned.collect_all(holding, found)

    def _refusal(self, condition: FieldCondition) -> Predicate:
        """A predicate none of whose values fulfils ``condition``: the one that most others here refuse too."""
        predicate = condition.predicates[0]
        if len(condition.predicates) != 1 or not isinstance(predicate, AnythingBut) or self._refusals is None:
            return _NO_REFUSAL
        return max((*map(Exactly, predicate.keys), *predicate.others), key=self._refusals.count)


# Stands for conditions that refuse nothing in particular.
_NO_REFUSAL = Anything()


def _is_scanned(condition: FieldCondition) -> bool:
    return any(
        isinstance(predicate, AnythingBut | Anything)
        or (isinstance(predicate, StartsWith | EndsWith | StartsWithButForCase | EndsWithButForCase) and not predicate.text)
        or (isinstance(predicate, Wildcard) and not any(predicate.pieces))
        for predicate in condition.predicates
    )


def _split(condition: FieldCondition) -> list[Predicate]:
    """The predicates of a condition with one entry in a table each."""
    predicates: list[Predicate] = []
    for predicate in condition.predicates:
        if isinstance(predicate, OneOf):
            predicates.extend(map(Exactly, predicate.keys))
        else:
            predicates.append(predicate)
    return predicates
