"""Connections of WEB_SOCKET endpoints, and what a client may ask for when it opens one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from event_service.base.errors import BadUserInput
from event_service.base.identifiers import shard_of

CONNECTION_LIFE: Final = timedelta(hours=2)
"""API Gateway closes every WebSocket connection after two hours
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html)."""
ROW_LIFE: Final = CONNECTION_LIFE + timedelta(minutes=10)
YOUNG: Final = timedelta(seconds=35)
"""API Gateway answers GoneException for a connection whose $connect has not been answered yet, as it does for a closed
one. Up to this age it means "not open yet": API Gateway gives up a $connect after 29 seconds
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html)."""
GREATEST_SEQUENCE: Final = 2**53 - 1
"""The greatest whole number that JavaScript reads exactly."""

MAXIMUM_NEWEST: Final = 10_000
"""Events that ``last=`` may ask for."""

MAXIMUM_FILTER_ENTRIES: Final = 5_000
"""Index entries of an event filter that narrows a connection: room for the largest list of ids. See filters/matching/size.py."""

_SEQUENCE = re.compile(r"[0-9]{1,16}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Lane(StrEnum):
    """How a connection is served."""

    JOINING = "joining"
    """With its group from the next run on, which stores its cursor once; until then its own cursor counts."""
    LIVE = "live"
    """With its group, whose cursor is its own: only the group's is stored."""
    OWN = "own"
    """In turns of its own through the backlog queue: it has much to catch up with, is slow, or takes nothing."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One open socket.

    Attributes:
        group: which of the endpoint's groups serves it, for all its life.
        cursor: the sequence up to which its client was sent everything, or was told that it is missing. While it is live, the
            group's cursor counts if that is higher.
        reset: its client must first be told which sequence follows, since it asked for none or for one beyond the end.
        token_hash: of the token it was opened with; ``None`` when endpoint ids are enough to connect.
        batched: whether it takes arrays of events.
        told_paused: whether it was told that its endpoint is paused.
        told_behind: whether it was told that it falls behind because it takes events one by one.
        turn: the number of its last turn in its own lane.
        due: when the turn begins that is under way; ``None``: none is.
        trouble_since: since when its posts have failed without one success.
        closing: it is closed as soon as that works, and sent nothing more.
        replay_to: frames up to this sequence are marked as replayed.
        posted_at: when it last took a frame, as far as is stored.
        filter_id: the event filter whose events alone it gets; ``None``: all of the log.
        client: tells its client from others when it comes back, see :mod:`event_service.sockets.slow_clients`.
    """

    endpoint_id: str
    connection_id: str
    workspace_id: str
    connected_at: datetime
    cursor: int
    group: int = 0
    lane: Lane = Lane.JOINING
    reset: bool = False
    token_hash: str | None = None
    batched: bool = False
    told_paused: bool = False
    told_behind: bool = False
    turn: int = 0
    due: datetime | None = None
    trouble_since: datetime | None = None
    closing: bool = False
    replay_to: int = 0
    posted_at: datetime | None = None
    filter_id: str | None = None
    client: str | None = None

    @property
    def ends_at(self) -> datetime:
        """When API Gateway has closed it for certain."""
        return self.connected_at + ROW_LIFE

    def is_young(self, now: datetime) -> bool:
        """Whether "gone" may still mean "not open yet"."""
        return now < self.connected_at + YOUNG


def group_of(connection_id: str, groups: int) -> int:
    """Which of so many groups a new connection belongs to."""
    return shard_of(connection_id, groups)


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a client sent to open a connection, as text and unchecked."""

    connection_id: str
    connected_at: datetime
    endpoint_id: str | None
    token: str | None
    after: str | None = None
    batch: str | None = None
    newest: str | None = None
    filter: str | None = None
    address: str = ""
    program: str = ""
    subprotocols: tuple[str, ...] = ()

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol to answer with: a browser gives up when it offered some and none is chosen. It is the first
        that is not the token, which should not travel once more."""
        for offered in self.subprotocols:
            if not _UUID.fullmatch(offered):
                return offered
        return self.subprotocols[0] if self.subprotocols else None


def read_connect_request(
    connection_id: str, connected_at: datetime, headers: Mapping[str, Iterable[str]], query: Mapping[str, str], address: str = ""
) -> ConnectRequest:
    """Collects what a client may give in different places.

    The token is taken from the header ``Token``, else ``Authorization: Bearer``, else ``token=``, else from the
    subprotocols: a browser can set no header, and what it offers as subprotocols is in no access log.

    Args:
        connection_id: API Gateway's id of the connection.
        connected_at: when the handshake began.
        headers: all values of each header, names in any case.
        query: the query string.
        address: the client's.
    """
    lowered = {name.lower(): list(values) for name, values in headers.items()}

    def header(name: str) -> str:
        return (lowered.get(name) or [""])[0].strip()

    offered = [part.strip() for value in lowered.get("sec-websocket-protocol", []) for part in value.split(",")]
    subprotocols = tuple(part for part in offered if part)
    scheme, _, bearer = header("authorization").partition(" ")
    token = header("token") or (bearer.strip() if scheme.lower() == "bearer" else "") or query.get("token", "")
    if not token:
        token = next((part for part in subprotocols if _UUID.fullmatch(part)), "")
    return ConnectRequest(
        connection_id=connection_id,
        connected_at=connected_at,
        endpoint_id=query.get("endpoint_id") or None,
        token=token or None,
        after=query.get("after"),
        batch=query.get("batch"),
        newest=query.get("last"),
        filter=query.get("filter"),
        address=address,
        program=header("user-agent"),
        subprotocols=subprotocols,
    )


def parse_after(value: str | None) -> int | None:
    """The sequence to resume behind; ``None`` without one.

    Raises:
        BadUserInput: no whole number that is a sequence.
    """
    if value is None or not value:
        return None
    if not _SEQUENCE.fullmatch(value) or int(value) > GREATEST_SEQUENCE:
        shown = value if len(value) <= 30 else value[:27] + "..."
        raise BadUserInput(f"after: {shown!r} is not the sequence of a frame, a whole number from 0 to {GREATEST_SEQUENCE}.")
    return int(value)


def parse_newest(value: str | None) -> int | None:
    """How many of the newest events a connection begins with; ``None``: it does not say.

    Raises:
        BadUserInput: no whole number from 0 to 10,000.
    """
    if value is None or not value:
        return None
    if not _SEQUENCE.fullmatch(value) or int(value) > MAXIMUM_NEWEST:
        shown = value if len(value) <= 30 else value[:27] + "..."
        raise BadUserInput(f"last: {shown!r} is not a number of events, a whole number from 0 to {MAXIMUM_NEWEST:,}.")
    return int(value)


def parse_batch(value: str | None) -> bool:
    """Whether arrays of events are wanted.

    Raises:
        BadUserInput: neither ``1`` nor ``0``.
    """
    if value not in (None, "", "0", "1"):
        raise BadUserInput("batch: give 1 for arrays of events, or leave it out.")
    return value == "1"
