"""Pages of lists that are read on from the place where the page before ended.

A place is the sort key of the last item, so the next page costs the same however far it is, and what is added or deleted
meanwhile neither repeats an item nor hides one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from event_service.base.errors import BadUserInput

T = TypeVar("T")

_PLACE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00)#(.{1,1100})", re.DOTALL)
_HIGHEST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page.

    Attributes:
        items: in the order of the list.
        end: the place behind which the next page begins; ``None`` when nothing was read.
        more: whether there is, or may be, anything behind it. It is not known when nothing was read, and where a condition is
            looked up item by item.
    """

    items: list[T]
    end: str | None
    more: bool


def place(date: str, rest: str) -> str:
    """The place of an item in a list that is ordered by a date (as stored) and then by ``rest``."""
    return f"{date}#{rest}"


def read_place(text: str) -> tuple[str, str]:
    """Reads what :func:`place` made.

    Raises:
        BadUserInput: somebody else made it.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise BadUserInput("after: it is no place in this list; give the endCursor of a page.")
    return match[1], match[2]


def page_of(items: Iterable[T], place_of: Callable[[T], str], after: str | None, offset: int, limit: int, *, descending: bool) -> Page[T]:
    """A page of a list that is at hand.

    Args:
        items: all of them, in any order.
        place_of: where an item stands.
        after: the place behind which the page begins.
        offset: items to skip.
        limit: items to take.
        descending: the last first.
    """
    ordered = sorted(items, key=place_of, reverse=descending)
    if after is not None:
        ordered = [one for one in ordered if (place_of(one) < after if descending else place_of(one) > after)]
    shown = ordered[offset : offset + limit]
    return Page(shown, place_of(shown[-1]) if shown else after, len(ordered) > offset + limit)


def just_before(key: str) -> str:
    """The greatest text below ``key``, for ranges that include their ends."""
    return f"{key[:-1]}{chr(ord(key[-1]) - 1)}{_HIGHEST}"
