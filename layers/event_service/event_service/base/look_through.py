"""Lists whose conditions no index knows: they are looked through step by step, and only so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from event_service.base.errors import TooLarge
from event_service.base.page import Page

T = TypeVar("T")

EXAMINED_PER_ROUND: Final = 1_000
"""A page that may end early ends there: 32 MB where each has as much as it may."""
EXAMINED_AT_MOST: Final = 10_000
"""A page that may not end early, and a count, are refused beyond."""


@dataclass(frozen=True, slots=True)
class LookThrough(Generic[T]):
    """One list.

    Attributes:
        what: is looked through, in the plural, for errors.
        read: the next ``number`` items behind a place.
        place_of: where an item stands.
        accept: those of some items that meet the conditions, in their order.
        at_once: items read at a time.
    """

    what: str
    read: Callable[[str | None, int], Sequence[T]]
    place_of: Callable[[T], str]
    accept: Callable[[Sequence[T]], Sequence[T]]
    at_once: int = 100

    def page(self, after: str | None, offset: int, limit: int, *, may_end_early: bool) -> Page[T]:
        """One page.

        Args:
            after: the place behind which it begins.
            offset: items to skip.
            limit: items to take.
            may_end_early: whether it may end early and say that there may be more.

        Raises:
            TooLarge: it may not end early, and the first 10,000 items do not fill it.
        """
        found: list[T] = []
        examined, place = 0, after
        while True:
            some = self.read(place, self.at_once)
            found.extend(self.accept(some))
            if len(found) > offset + limit:
                shown = found[offset : offset + limit]
                return Page(shown, self.place_of(shown[-1]) if shown else after, more=True)
            place = self.place_of(some[-1]) if some else place
            if len(some) < self.at_once:
                return Page(found[offset:], place, more=False)
            examined += len(some)
            if may_end_early and examined >= EXAMINED_PER_ROUND:
                return Page(found[offset:], place, more=True)
            self._refuse(examined)

    def count(self) -> int:
        """How many there are.

        Raises:
            TooLarge: there are more than 10,000 to look at.
        """
        examined, number, place = 0, 0, None
        while True:
            some = self.read(place, self.at_once)
            number += len(self.accept(some))
            if len(some) < self.at_once:
                return number
            place = self.place_of(some[-1])
            examined += len(some)
            self._refuse(examined)

    def _refuse(self, examined: int) -> None:
        if examined >= EXAMINED_AT_MOST:
            raise TooLarge(
                f"{self.what}: these filters are looked up one by one, and the first {examined:,} did not suffice. Ask with first and "
                "after, page by page, without totalCount; or by key or linked object, which are found directly."
            )
