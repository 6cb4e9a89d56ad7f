"""Events as publishers give them, and what they must be to be accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from event_service.base import json_values
from event_service.base.characters import is_printable, looks_like
from event_service.base.dates import FIRST_YEAR, LAST_YEAR, parse_date
from event_service.base.errors import BadUserInput, Forbidden, TooLarge
from event_service.base.identifiers import MAXIMUM_EVENT_ID_CHARACTERS
from event_service.events.event import (
    MAXIMUM_EVENT_BYTES,
    MAXIMUM_EVENTS_PER_PUBLISH,
    RESERVED_TYPE_PREFIX,
    Event,
    parse_event_id,
    parse_event_type,
)

MAXIMUM_REFERENCE_CHARACTERS = 256
RESERVED_ID_PREFIXES = (RESERVED_TYPE_PREFIX, "ce_")
"""What the ids of the service's own events and those of the CloudEvents door begin with."""
DOOR_KEYS = ("cloudEvent", "eventBridge")
"""Under these names in ``data`` doors keep where an event comes from. Nobody else may use them, or events could claim an origin."""
MAXIMUM_DAYS_AHEAD = 1
"""How far in the future an agent may date an event: later dates would stand on top of everybody's list until the retention ends."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event of a publish, not yet checked.

    ``date`` may be text (RFC 3339) or an aware ``datetime``; ``data`` is whatever the publisher gave. ``checked`` says
    that ``data`` was read by :func:`~event_service.base.json_values.loads`, so that it need not be walked again;
    ``id_is_derived`` that a door of the service made the id, so that it may begin as only those ids do; ``door_key`` is the
    one of :data:`DOOR_KEYS` under which the door has kept where the event comes from.
    """

    type: str
    data: Any
    id: str | None = None
    date: str | datetime | None = None
    agent_id: str | None = None
    camera_id: str | None = None
    checked: bool = False
    id_is_derived: bool = False
    door_key: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """For which workspace events are accepted, when, and on whose behalf.

    ``agent_id`` is set when an agent publishes: its events carry it. ``reserved`` allows the service's own types.
    """

    workspace_id: str
    accepted: datetime
    agent_id: str | None = None
    reserved: bool = False


def accept_all(given: Sequence[NewEvent], origin: Origin, draw_id: Callable[[], str]) -> list[Event]:
    """The events of one publish, in the order given, or none of them.

    Args:
        given: 1 to 100 events.
        origin: what the publisher does not choose.
        draw_id: makes the id of an event that has none.

    Raises:
        Forbidden: an agent named another agent.
        BadUserInput: a fault in any event; every fault of every event is named with its place, such as
            ``events[3].date``.
        TooLarge: nothing but sizes were wrong.
    """
    if not given:
        raise BadUserInput(f"events: the list is empty; give 1 to {MAXIMUM_EVENTS_PER_PUBLISH} events.")
    if len(given) > MAXIMUM_EVENTS_PER_PUBLISH:
        raise TooLarge(f"events: {len(given)} were given; a publish has at most {MAXIMUM_EVENTS_PER_PUBLISH}. Nothing was published.")
    foreign = [
        f"events[{position}].agentId: this token belongs to agent {origin.agent_id} and publishes only for it."
        for position, new in enumerate(given)
        if origin.agent_id is not None and new.agent_id is not None and new.agent_id.lower() != origin.agent_id.lower()
    ]
    if foreign:
        raise Forbidden(" ".join(foreign))
    problems: list[str] = []
    oversized: list[str] = []
    events: list[Event] = []
    for position, new in enumerate(given):
        place = f"events[{position}]"
        event = _accept(new, place, origin, draw_id, problems)
        if event is None:
            continue
        size = len(event.as_json().encode())
        if size > MAXIMUM_EVENT_BYTES:
            oversized.append(f"{place}: {size:,} bytes as JSON; an event has at most {MAXIMUM_EVENT_BYTES:,}.")
        events.append(event)
    if problems:
        raise BadUserInput(*problems, *oversized)
    if oversized:
        raise TooLarge(" ".join(oversized))
    return events


def _accept(new: NewEvent, place: str, origin: Origin, draw_id: Callable[[], str], problems: list[str]) -> Event | None:
    """One event, or ``None`` with what is wrong added to ``problems``."""
    before = len(problems)

    def attempt(check: Callable[[], Any]) -> Any:
        try:
            return check()
        except BadUserInput as error:
            problems.extend(error.problems)
            return None

    event_id = draw_id() if new.id is None else attempt(lambda: _event_id(new, f"{place}.id", origin))
    attempt(lambda: parse_event_type(new.type, f"{place}.type", reserved=origin.reserved))
    date = origin.accepted if new.date is None else attempt(lambda: _date(new.date, f"{place}.date"))
    if origin.agent_id is not None and date is not None and date - origin.accepted > timedelta(days=MAXIMUM_DAYS_AHEAD):
        problems.append(f"{place}.date: an agent may date an event at most {MAXIMUM_DAYS_AHEAD} day ahead.")
    if isinstance(new.data, dict):
        if not new.checked:
            attempt(lambda: json_values.check(new.data, f"{place}.data"))
        problems.extend(
            f"{place}.data.{name}: under this name the service keeps where an event comes from; choose another one."
            for name in DOOR_KEYS
            if name in new.data and name != new.door_key
        )
    else:
        problems.append(f"{place}.data: {_json_kind(new.data)} was given; a JSON object is needed.")
    for value, name in ((new.agent_id, "agentId"), (new.camera_id, "cameraId")):
        if value is not None and (not 1 <= len(value) <= MAXIMUM_REFERENCE_CHARACTERS or not is_printable(value)):
            problems.append(f"{place}.{name}: give 1 to {MAXIMUM_REFERENCE_CHARACTERS} printable characters, such as a UUID.")
    if len(problems) > before:
        return None
    return Event(
        id=event_id,
        type=new.type,
        date=date,
        data=new.data,
        agent_id=origin.agent_id if origin.agent_id is not None else new.agent_id,
        camera_id=new.camera_id,
        workspace_id=origin.workspace_id,
        created=origin.accepted,
    )


def _event_id(new: NewEvent, name: str, origin: Origin) -> str:
    """The id under which the event is published.

    An agent's ids are its own: ``order-18`` becomes ``<agent id>/order-18``. So an agent can neither take the id of another
    publisher's event, which would then pass for a repeat and be dropped, nor learn from the answer whether it is taken.
    """
    given = parse_event_id(new.id or "", name)
    own = f"{origin.agent_id}/"
    if origin.agent_id is None or given.startswith(own):
        reserved = () if new.id_is_derived or origin.reserved else RESERVED_ID_PREFIXES
        for prefix in reserved:
            if looks_like(given, prefix):
                raise BadUserInput(f"{name}: ids that begin with {prefix!r}, or look so, are made by the service itself.")
        return given
    if len(own) + len(given) > MAXIMUM_EVENT_ID_CHARACTERS:
        raise BadUserInput(f"{name}: it has {len(given)} characters; an agent's have at most {MAXIMUM_EVENT_ID_CHARACTERS - len(own)}.")
    return own + given


def _date(value: str | datetime | None, name: str) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadUserInput(f"{name}: it has no offset.")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise BadUserInput(f"{name}: it is outside the years {FIRST_YEAR} to {LAST_YEAR}.")
        return value
    return parse_date(value or "", name)


def _json_kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "something that is not JSON"
