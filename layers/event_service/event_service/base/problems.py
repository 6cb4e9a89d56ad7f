"""Collects the faults of one call, so that all are reported together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from event_service.base.errors import BadUserInput

_T = TypeVar("_T")
_D = TypeVar("_D")


def nothing_given(operation: str, names: Sequence[str]) -> str:
    """The fault of an update that changes nothing; ``names`` are what it could change."""
    *some, last = names
    return f"{operation}: nothing to change was given; give {', '.join(some)} or {last}."


class Problems:
    """The faults found so far.

    Example::

        problems = Problems()
        name = problems.collect(lambda: parse_name(given), "")
        problems.refuse()  # raises BadUserInput with every fault
    """

    def __init__(self) -> None:
        self._sentences: list[str] = []

    def collect(self, check: Callable[[], _T], otherwise: _D) -> _T | _D:
        """What ``check`` returns, or ``otherwise`` when it raised ``BadUserInput``, whose sentences are kept."""
        try:
            return check()
        except BadUserInput as error:
            self._sentences.extend(error.problems)
            return otherwise

    def add(self, sentence: str) -> None:
        """Adds a fault."""
        self._sentences.append(sentence)

    def refuse(self) -> None:
        """Raises ``BadUserInput`` if any fault was found."""
        if self._sentences:
            raise BadUserInput(*self._sentences)
