"""Events: what is published, stored, matched and delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from event_service.base import json_values
from event_service.base.characters import check_visible, is_printable, looks_like
from event_service.base.dates import format_date, from_stored
from event_service.base.errors import BadUserInput
from event_service.base.identifiers import MAXIMUM_EVENT_ID_CHARACTERS

MAXIMUM_EVENT_BYTES = 256 * 1024
MAXIMUM_EVENTS_PER_PUBLISH = 100
MAXIMUM_PUBLISH_BYTES = 900 * 1024
MAXIMUM_TYPE_CHARACTERS = 256

RESERVED_TYPE_PREFIX = "event-service."


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``created`` is when it was accepted, ``date`` when it happened."""

    id: str
    type: str
    date: datetime
    data: dict[str, Any]
    agent_id: str | None
    camera_id: str | None
    workspace_id: str
    created: datetime

    def as_delivered(self) -> dict[str, Any]:
        """The nine keys in the contract's order; webhooks, sockets and patterns all see exactly this."""
        created = format_date(self.created)
        return {
            "id": self.id,
            "type": self.type,
            "date": format_date(self.date),
            "data": self.data,
            "agentId": self.agent_id,
            "cameraId": self.camera_id,
            "workspaceId": self.workspace_id,
            "creationDate": created,
            "lastModified": created,
        }

    def as_json(self) -> str:
        """The text that is sent, character for character."""
        return json_values.dumps(self.as_delivered())

    @classmethod
    def from_delivered(cls, value: dict[str, Any]) -> Event:
        """Reads what :meth:`as_delivered` made."""
        return cls(
            id=value["id"],
            type=value["type"],
            date=from_stored(value["date"]),
            data=value["data"],
            agent_id=value["agentId"],
            camera_id=value["cameraId"],
            workspace_id=value["workspaceId"],
            created=from_stored(value["creationDate"]),
        )


def parse_event_id(value: str, name: str) -> str:
    """Returns ``value`` as it is: a publisher's id is compared exactly.

    Raises:
        BadUserInput: not 1 to 256 printable characters.
    """
    if not 1 <= len(value) <= MAXIMUM_EVENT_ID_CHARACTERS or not is_printable(value):
        raise BadUserInput(f"{name}: give 1 to {MAXIMUM_EVENT_ID_CHARACTERS} printable characters.")
    return value


def parse_event_type(value: str, name: str, *, reserved: bool = False) -> str:
    """Returns ``value`` as it is: event types keep their spelling and are compared without case.

    Args:
        value: the type.
        name: which argument, for the error.
        reserved: whether types of the service's own (``event-service.…``) are allowed.

    Raises:
        BadUserInput: empty, longer than 256 characters, with space at an end, with characters that cannot be seen, or reserved.
    """
    if not 1 <= len(value) <= MAXIMUM_TYPE_CHARACTERS:
        raise BadUserInput(f"{name}: it has {len(value)} characters; give 1 to {MAXIMUM_TYPE_CHARACTERS}.")
    check_visible(value, name)
    if value != value.strip():
        raise BadUserInput(f"{name}: it begins or ends with a space; leave that out.")
    if not reserved and looks_like(value, RESERVED_TYPE_PREFIX):
        raise BadUserInput(f"{name}: types that begin with {RESERVED_TYPE_PREFIX!r}, or look so, are published by the service itself.")
    return value
