"""A matcher that counts its work, and what is left of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from event_service.filters.matching.budget import Budget
from event_service.filters.matching.matcher import Matcher, _Waiter
from event_service.filters.patterns.event_fields import EventFields


class CountingMatcher(Matcher):
    """A matcher whose attributes tell of its last event.

    Attributes:
        steps: what the budget was told.
        leaves: values read from the event.
        candidates: filters (or `$or` alternatives of one) whose other conditions were looked at.
        undecided: filters that count as matching because the budget ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps = self.leaves = self.candidates = self.undecided = 0

    def matches(self, event: Mapping[str, Any], budget: Budget | None = None) -> set[str]:
        """As the product's, counted."""
        budget = Budget() if budget is None else budget
        before = budget.left
        found = super().matches(event, budget)
        self.steps = before - budget.left
        self.undecided = budget.undecided
        return found

    def _candidates(self, fields: EventFields, budget: Budget) -> tuple[set[_Waiter], set[str]]:
        found, unfinished = super()._candidates(fields, budget)
        self.leaves, self.candidates = fields.leaves, len(found)
        return found, unfinished


def tables_of(matcher: Matcher) -> dict[str, Any]:
    """What stands in a matcher's tables; equal to that of a new one when nothing is left of removed filters."""
    return {name: dict.fromkeys(value) if hasattr(value, "__iter__") else value for name, value in vars(matcher).items()}
