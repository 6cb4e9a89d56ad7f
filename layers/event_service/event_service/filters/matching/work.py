"""What a match costs, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Work:
    """Steps of one or more matches. Tests assert these numbers, since times depend on the machine.

    Attributes:
        leaves: values read from the event.
        lookups: look-ups in tables.
        tried: predicates and conditions evaluated to find candidates.
        candidates: filters (or `$or` alternatives of one) whose other conditions were looked at.
        checked: conditions of candidates evaluated.
        placed: places in arrays visited to tell which values may match together.
    """

    leaves: int = 0
    lookups: int = 0
    tried: int = 0
    candidates: int = 0
    checked: int = 0
    placed: int = 0

    @property
    def total(self) -> int:
        """All steps."""
        return self.leaves + self.lookups + self.tried + self.candidates + self.checked + self.placed
