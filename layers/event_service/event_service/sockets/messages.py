"""What the queues of socket delivery carry.

Wake-ups travel first in, first out: they say that a group of connections may be owed something, and what, is read. The
backlog queue carries what must not hold up a group: turns of single connections, sockets to close, events to append later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from event_service.base import json_values
from event_service.base.formats import check_format

FORMAT = 2


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Says that there may be something to do for a group of an endpoint's connections.

    Attributes:
        group: which connections; those of group 0 wake the other groups.
        turn: the number of the group's last run when whoever sends this had committed what it is about. Two wake-ups of one
            turn are one: the queue drops the second while the first waits, and a run takes the next number before it reads.
        deleted: the endpoint was deleted, so its log is to be forgotten also if nobody is connected.
    """

    workspace_id: str
    endpoint_id: str
    group: int = 0
    turn: int = 0
    deleted: bool = False

    @property
    def fifo_group(self) -> str:
        """One worker at a time serves a group."""
        return f"{self.endpoint_id}#{self.group}"

    @property
    def deduplication_id(self) -> str:
        """Equal for wake-ups that are one."""
        return f"{self.fifo_group}#{self.turn}{'#deleted' if self.deleted else ''}"

    def text(self) -> str:
        """The JSON text that is sent."""
        value: dict[str, Any] = {
            "v": FORMAT,
            "workspaceId": self.workspace_id,
            "endpointId": self.endpoint_id,
            "group": self.group,
            "turn": self.turn,
        }
        if self.deleted:
            value["deleted"] = True
        return json_values.dumps(value)

    @classmethod
    def parse(cls, text: str) -> WakeUp:
        """Reads what :meth:`text` made.

        Raises:
            ValueError: a newer release wrote it.
        """
        value = _checked(text)
        return cls(value["workspaceId"], value["endpointId"], value["group"], value["turn"], value.get("deleted", False))


@dataclass(frozen=True, slots=True)
class OwnTurn:
    """A turn of one connection in its own lane.

    Attributes:
        turn: the number of the turn; the connection's row says which one is under way, and any other is dropped.
    """

    workspace_id: str
    endpoint_id: str
    group: int
    connection_id: str
    turn: int

    def text(self) -> str:
        """The JSON text that is sent."""
        return json_values.dumps(
            {
                "v": FORMAT,
                "kind": "turn",
                "workspaceId": self.workspace_id,
                "endpointId": self.endpoint_id,
                "group": self.group,
                "connectionId": self.connection_id,
                "turn": self.turn,
            }
        )


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Closes a socket that has no row: what $connect took may have outlived it.

    Attributes:
        at_once: also if it has a row; its owner wants it.
    """

    connection_id: str
    at_once: bool = False

    def text(self) -> str:
        """The JSON text that is sent."""
        value: dict[str, Any] = {"v": FORMAT, "kind": "close", "connectionId": self.connection_id}
        if self.at_once:
            value["atOnce"] = True
        return json_values.dumps(value)


@dataclass(frozen=True, slots=True)
class LateAppend:
    """Events of one routing message that could not be appended at once."""

    workspace_id: str
    endpoint_id: str
    nonce: str
    event_ids: tuple[str, ...]
    configuration_version: int | None = None
    replayed: bool = False

    def text(self) -> str:
        """The JSON text that is sent."""
        value: dict[str, Any] = {
            "v": FORMAT,
            "kind": "append",
            "workspaceId": self.workspace_id,
            "endpointId": self.endpoint_id,
            "nonce": self.nonce,
            "eventIds": list(self.event_ids),
            "configuration": self.configuration_version,
        }
        if self.replayed:
            value["replayed"] = True
        return json_values.dumps(value)


BacklogMessage: TypeAlias = OwnTurn | CloseSocket | LateAppend


def is_backlog_message(text: str) -> bool:
    """Whether a message is one of the backlog queue; all of a batch come from one queue."""
    return '"kind":' in text


def parse_backlog_message(text: str) -> BacklogMessage:
    """Reads what the backlog queue carries.

    Raises:
        ValueError: a newer release wrote it.
    """
    value = _checked(text)
    match value["kind"]:
        case "turn":
            return OwnTurn(value["workspaceId"], value["endpointId"], value["group"], value["connectionId"], value["turn"])
        case "close":
            return CloseSocket(value["connectionId"], value.get("atOnce", False))
        case "append":
            ids = tuple(value["eventIds"])
            version, replayed = value.get("configuration"), value.get("replayed", False)
            return LateAppend(value["workspaceId"], value["endpointId"], value["nonce"], ids, version, replayed)
    raise ValueError(f"a message of kind {value['kind']!r} in the backlog queue; this version reads turn, close and append")


def _checked(text: str) -> Any:
    value = json.loads(text)
    check_format(value.get("v"), FORMAT, "a message of sockets")
    return value
