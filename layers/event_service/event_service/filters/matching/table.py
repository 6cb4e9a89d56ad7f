"""What all tables of waiters have in common.

In a table, waiters are found by what an event holds and not by trying their conditions: one class for each way to be
found. A budget is told of the work, value by value.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol, TypeVar

from event_service.filters.matching.budget import Budget
from event_service.filters.patterns.event_fields import FieldValues
from event_service.filters.patterns.predicates import Predicate

W = TypeVar("W", bound=Hashable)
P_contra = TypeVar("P_contra", bound=Predicate, contravariant=True)


class Table(Protocol[P_contra, W]):
    """Waiters for predicates of one kind at one path."""

    def crowd(self, predicate: P_contra) -> int:
        """How many waiters or predicates share the entry of ``predicate``: a filter waits where that is least."""

    def add(self, predicate: P_contra, waiter: W) -> None:
        """Lets ``waiter`` wait for a value that ``predicate`` accepts."""

    def remove(self, predicate: P_contra, waiter: W) -> None:
        """Takes back an :meth:`add`."""

    def collect(self, values: FieldValues, found: set[W], budget: Budget) -> None:
        """Puts all whose predicate accepts one of ``values`` into ``found``.

        Raises:
            BudgetSpent: some of them may be missing.
        """
