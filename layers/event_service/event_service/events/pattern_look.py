"""Whether events of a list meet a pattern: by the engine that routes them, within a budget of its own."""

from __future__ import annotations

import json
from typing import Final

from event_service.events.event import Event
from event_service.filters.matching.budget import STEPS_PER_FILTER, Budget
from event_service.filters.matching.matcher import Matcher

STEPS_PER_PAGE: Final = 16_000_000
"""About 4 s of one vCPU. An honest pattern takes some hundred steps an event."""


class PatternLook:
    """One pattern, for one page or count."""

    def __init__(self, pattern: str) -> None:
        """
        Args:
            pattern: an event pattern that was accepted, as JSON.
        """
        self._matcher = Matcher()
        self._matcher.add("list", {"pattern": json.loads(pattern)})
        self._left = STEPS_PER_PAGE
        self.is_spent = False
        """Whether the budget has ended: what is looked at from now on may count as a match."""

    def matches(self, event: Event) -> bool:
        """Whether the event as it is delivered meets the pattern; also when that cannot be told within the budget, as in routing."""
        budget = Budget(min(STEPS_PER_FILTER, self._left))
        before = budget.left
        found = bool(self._matcher.matches(event.as_delivered(), budget))
        self._left -= before - budget.left
        self.is_spent = self.is_spent or (budget.undecided > 0 and before < STEPS_PER_FILTER)
        return found
