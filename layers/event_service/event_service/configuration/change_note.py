"""What is kept of a change beside its result: when, by whom and by which mutation it was made, and what it changed from.

Operations state results, which is all that a reader of the chain needs. A person who reads the history wants the rest, and it
cannot be found later: names change, and what was deleted is gone. So a note is stored with each change set, in the same item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, Protocol

from event_service.base.actor import Actor
from event_service.base.dates import format_date

MAXIMUM_NAMES: Final = 200
"""Of one change: it may touch 10,000 endpoints, whose names would fill the item. The others are told by their ids."""

NEVER: Final = "1970-01-01T00:00:00.000000+00:00"


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """How a change came about.

    Attributes:
        date: when it was committed, a stored date.
        operation: the mutation, or the reason that the service itself had.
        actor: the label of the token; ``None``: it was not recorded.
        actor_id: the token's id.
        names: of the endpoints and event filters that it touches, by id, at most 200.
        before: stored fields of what it changed, by id, as they were.
    """

    date: str = NEVER
    operation: str = ""
    actor: str | None = None
    actor_id: str | None = None
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    before: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


NO_NOTE: Final = ChangeNote()


class Named(Protocol):
    """An endpoint or an event filter."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> str:
        """For people."""


def note_of(date: datetime, operation: str, actor: Actor, touched: Iterable[Named], before: Mapping[str, Any]) -> ChangeNote:
    """The note of a change that is made now."""
    names = {one.id: one.name for one in islice(touched, MAXIMUM_NAMES)}
    return ChangeNote(format_date(date), operation, actor.name, actor.id or None, names, dict(before))


_NOT_SET_BY_ANYBODY: Final = ("modified", "indexEntries")


def replaced(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``before`` that are others in ``after``, without what nobody sets."""
    return {name: value for name, value in before.items() if name not in _NOT_SET_BY_ANYBODY and after.get(name) != value}


def note_to_json(note: ChangeNote) -> dict[str, Any]:
    """The stored form."""
    written = {
        "date": note.date,
        "operation": note.operation,
        "actor": note.actor,
        "actorId": note.actor_id,
        "names": dict(note.names),
        "before": dict(note.before),
    }
    return {name: value for name, value in written.items() if value not in (None, {})}


def note_from_json(value: Mapping[str, Any]) -> ChangeNote:
    """Reads what :func:`note_to_json` made."""
    return ChangeNote(
        value["date"], value["operation"], value.get("actor"), value.get("actorId"), value.get("names", {}), value.get("before", {})
    )
