"""Reading the arguments that several lists share. Faults are collected, so that a caller sees all of them at once."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from event_service.base.problems import Problems
from functions.graphql_api.schema.inputs import PaginationInput
from functions.graphql_api.schema.types import Ordering

DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1_000

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Lookup(Protocol[T_co]):
    """One of the inputs that look for a value."""

    @property
    def exact(self) -> T_co | None:
        """The value looked for."""


def exact(lookup: Lookup[T] | None) -> T | None:
    """The value of a lookup; a missing lookup and a lookup without value both mean no constraint."""
    return None if lookup is None else lookup.exact


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a list.

    Attributes:
        offset: items to skip.
        limit: items to take.
        may_end_early: the caller goes on by cursor, so that a page may end early.
    """

    offset: int
    limit: int
    may_end_early: bool


def span_of(pagination: PaginationInput | None, first: int | None, after: str | None, problems: Problems) -> Span:
    """What a caller asked for in one of the two ways."""
    if first is not None or after is not None:
        if pagination is not None and (pagination.limit is not None or pagination.offset):
            problems.add("pagination: it was given beside first or after; give the one or the other.")
        return Span(0, first_of(first, problems), may_end_early=True)
    offset = pagination.offset if pagination and pagination.offset is not None else 0
    limit = pagination.limit if pagination and pagination.limit is not None else DEFAULT_LIMIT
    if offset < 0:
        problems.add(f"pagination.offset: {offset} is negative; give 0 or more.")
    if not 0 <= limit <= MAXIMUM_LIMIT:
        problems.add(f"pagination.limit: {limit} is not from 0 to {MAXIMUM_LIMIT}; without one it is {DEFAULT_LIMIT}.")
    return Span(offset, limit, may_end_early=False)


def first_of(first: int | None, problems: Problems) -> int:
    """How many items to take."""
    taken = DEFAULT_LIMIT if first is None else first
    if not 1 <= taken <= MAXIMUM_LIMIT:
        problems.add(f"first: {taken} is not from 1 to {MAXIMUM_LIMIT}; without one it is {DEFAULT_LIMIT}.")
    return taken


def order_of(keys: dict[str, Ordering | None], problems: Problems) -> tuple[str, Ordering] | None:
    """The one key that was given, in camelCase, and its direction; ``None`` when none was.

    Args:
        keys: every key of the order input under its name in the schema; ``creation_date`` and ``creationDate`` are one
            key in two spellings, and giving both is giving two.
        problems: where to note that several were given.
    """
    given = {name: direction for name, direction in keys.items() if direction is not None}
    if len(given) > 1:
        problems.add(f"order: {' and '.join(given)} were given; a list has one order, give one key.")
    for name, direction in given.items():
        return ("lastModified" if name.startswith("last") else "creationDate" if name.startswith("creation") else name), direction
    return None
