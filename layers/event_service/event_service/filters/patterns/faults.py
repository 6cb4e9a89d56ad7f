"""What is wrong with a pattern, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from event_service.base.errors import BadUserInput


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``path`` says where in the pattern, ``reason`` what is wrong and what is allowed."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}."


class PatternError(BadUserInput):
    """A pattern that AWS refuses, or that passes a stated limit of ours. All its faults are listed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(*map(str, faults))
        self.faults = list(faults)

    @property
    def path(self) -> str:
        """Where the first fault is."""
        return self.faults[0].path

    @property
    def reason(self) -> str:
        """What the first fault is."""
        return self.faults[0].reason
