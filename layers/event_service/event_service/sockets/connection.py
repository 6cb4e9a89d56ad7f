"""Connections of WEB_SOCKET endpoints, and what a client may ask for when it opens one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from event_service.base.errors import BadUserInput

CONNECTION_LIFE: Final = timedelta(hours=2)
"""API Gateway closes every WebSocket connection after two hours."""
ROW_LIFE: Final = CONNECTION_LIFE + timedelta(minutes=10)
YOUNG: Final = timedelta(seconds=10)
"""API Gateway answers GoneException for a connection whose $connect has not been answered yet, as it does for a closed
one. Up to this age it means "not open yet"."""
GREATEST_SEQUENCE: Final = 2**53 - 1
"""The greatest whole number that JavaScript reads exactly."""

CONNECTIONS_PER_GROUP: Final = 100
SHARD_DIGITS: Final = 2
"""Hexadecimal digits of the hash that a connection's sort key begins with: at most 256 shards."""

_SEQUENCE = re.compile(r"[0-9]{1,16}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Connection:
    """One open socket.

    Attributes:
        cursor: the sequence up to which its client was sent everything, or was told that it is missing.
        claimed: the ``after`` its client gave although the log does not reach so far; its client must be told. ``None``
            when there was none, or it has been told.
        token_hash: of the token it was opened with; ``None`` when endpoint ids are enough to connect.
        batched: whether it takes arrays of events.
        told_paused: whether it was told that its endpoint is paused.
    """

    endpoint_id: str
    connection_id: str
    workspace_id: str
    connected_at: datetime
    cursor: int
    claimed: int | None = None
    token_hash: str | None = None
    batched: bool = False
    told_paused: bool = False

    @property
    def ends_at(self) -> datetime:
        """When API Gateway has closed it for certain."""
        return self.connected_at + ROW_LIFE

    def is_young(self, now: datetime) -> bool:
        """Whether "gone" may still mean "not open yet"."""
        return now < self.connected_at + YOUNG


@dataclass(frozen=True, slots=True)
class Shard:
    """The connections of an endpoint whose hash begins with ``index`` of ``count`` equal parts of all hashes.

    ``count`` is a power of two up to 256.
    """

    index: int
    count: int

    @property
    def bounds(self) -> tuple[str, str]:
        """The first and the last hash prefix of this shard."""
        width = 16**SHARD_DIGITS // self.count
        first = self.index * width
        return f"{first:0{SHARD_DIGITS}x}", f"{first + width - 1:0{SHARD_DIGITS}x}"

    def holds(self, prefix: str) -> bool:
        """Whether a connection with this hash prefix belongs to it."""
        first, last = self.bounds
        return first <= prefix <= last


def hash_prefix(connection_id: str) -> str:
    """What a connection's sort key begins with, so that one shard is one range of keys."""
    return hashlib.blake2b(connection_id.encode(), digest_size=8).hexdigest()[:SHARD_DIGITS]


def shards_for(first_prefixes: Sequence[str]) -> list[Shard]:
    """The shards for an endpoint with more connections than one group serves.

    Args:
        first_prefixes: the hash prefixes of its first connections in order of the hash, more than
            :data:`CONNECTIONS_PER_GROUP`. How far they reach tells how many there are, so that not all of them
            have to be read only to be counted.
    """
    reached = (int(first_prefixes[-1], 16) + 1) / 16**SHARD_DIGITS
    estimate = len(first_prefixes) / reached
    count = 2
    while count < 16**SHARD_DIGITS and estimate / count > CONNECTIONS_PER_GROUP / 2:
        count *= 2
    return [Shard(index, count) for index in range(count)]


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a client sent to open a connection, as text and unchecked."""

    connection_id: str
    connected_at: datetime
    endpoint_id: str | None
    token: str | None
    after: str | None = None
    batch: str | None = None
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
    connection_id: str, connected_at: datetime, headers: Mapping[str, Iterable[str]], query: Mapping[str, str]
) -> ConnectRequest:
    """Collects what a client may give in different places.

    The token is taken from the header ``Token``, else ``Authorization: Bearer``, else ``token=``, else from the
    subprotocols: a browser can set no header, and what it offers as subprotocols is in no access log.

    Args:
        connection_id: API Gateway's id of the connection.
        connected_at: when the handshake began.
        headers: all values of each header, names in any case.
        query: the query string.
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


def parse_batch(value: str | None) -> bool:
    """Whether arrays of events are wanted.

    Raises:
        BadUserInput: neither ``1`` nor ``0``.
    """
    if value not in (None, "", "0", "1"):
        raise BadUserInput("batch: give 1 for arrays of events, or leave it out.")
    return value == "1"
