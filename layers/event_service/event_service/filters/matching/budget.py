"""What all work for one event in one workspace may cost.

A step is about a quarter of a microsecond on one Lambda vCPU; whoever works says before or while working how many it
takes. Steps and not seconds, since the same event and filters must have the same answer on every machine.
"""

from __future__ import annotations

from typing import Final

STEPS_PER_FILTER: Final = 400_000
"""What one filter may cost: about 0.1 s. The largest honest pairs of filter and event need a tenth of it."""
STEPS_PER_EVENT: Final = 4_000_000
"""What all filters of a workspace may cost together: about 1 s."""


class BudgetSpent(Exception):
    """The work asked for costs more than is left."""


class Budget:
    """The steps left for one event in one workspace.

    What could not be decided within the budget counts as a match: an event too many does less harm than one that is
    lost.

    Attributes:
        left: steps not spent yet.
        undecided: filters that count as matching because the budget ended. Whoever matches should log and count them.
    """

    __slots__ = ("_floor", "left", "undecided")

    def __init__(self, steps: int = STEPS_PER_EVENT) -> None:
        self.left = steps
        self.undecided = 0
        self._floor = 0

    def spend(self, steps: int) -> None:
        """Takes ``steps`` off.

        Raises:
            BudgetSpent: they were not there; nothing is left now within the limit of :meth:`allow`.
        """
        self.left -= steps
        if self.left < self._floor:
            self.left = self._floor
            raise BudgetSpent

    def allow(self, steps: int) -> None:
        """Lets the next part of the work spend ``steps`` at most, or all that is left if that is less."""
        self._floor = max(0, self.left - steps)

    @property
    def allowed(self) -> int:
        """Steps that may be spent now."""
        return self.left - self._floor
