"""What WebSocket delivery needs from outside, as protocols. See :mod:`event_service.configuration.ports` for errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from event_service.access.token import Token
from event_service.configuration.endpoint import Endpoint
from event_service.events.ports import StoredEvent
from event_service.sockets.connection import Connection, Shard
from event_service.sockets.wake_up import WakeUp


@dataclass(frozen=True, slots=True)
class LogHead:
    """The counter of one endpoint's log.

    Attributes:
        next: the sequence that the next event gets.
        floor: nothing before this sequence can be resumed from.
        kept_until: events are appended before this moment; it moves with each connect.
    """

    next: int
    floor: int
    kept_until: datetime

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return self.next - 1


@dataclass(frozen=True, slots=True)
class Segment:
    """Events that were appended together, ``first`` to ``first + len(event_ids) - 1``."""

    first: int
    event_ids: tuple[str, ...]
    expires: datetime

    @property
    def last(self) -> int:
        """The sequence of its last event."""
        return self.first + len(self.event_ids) - 1


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a connect is judged by, read strongly consistent in one call."""

    token: Token | None
    workspace_id: str | None
    """The endpoint's; ``None``: no WEB_SOCKET endpoint has this id."""
    head: LogHead | None


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether connections are served, read strongly consistent in one call."""

    endpoint: Endpoint | None
    head: LogHead | None
    tokens: Mapping[str, Token]
    """Those that exist, by hash."""


class ConnectionStore(Protocol):
    """Open connections. Every read is strongly consistent, and none uses an index."""

    def handshake(self, endpoint_id: str, token_hash: str | None) -> Handshake:
        """One call."""

    def add(self, connection: Connection) -> None:
        """Stores a new connection, one call. Not atomic: after an error some of its rows may be there."""

    def endpoint_of(self, connection_id: str) -> str | None:
        """Which endpoint a connection belongs to."""

    def of_endpoint(self, endpoint_id: str, shard: Shard | None, limit: int | None = None) -> list[Connection]:
        """All connections of a shard (of the endpoint) in order of their hash prefix, or the first ``limit``."""

    def situation(self, workspace_id: str, endpoint_id: str, token_hashes: Collection[str]) -> Situation:
        """One call for up to 98 tokens."""

    def save(self, connections: Sequence[Connection]) -> None:
        """Stores how far they are; 25 a call. It may bring back one that was forgotten meanwhile: that costs one post."""

    def forget(self, connections: Collection[tuple[str, str]]) -> None:
        """Removes connections, given as endpoint id and connection id; unknown ones are fine."""

    def endpoints_of_token(self, token_hash: str) -> list[tuple[str, str]]:
        """Workspace and endpoint of each connection that was opened with a token within the life of a connection."""


class AppendConflict(Exception):
    """Another writer changed the head first; nothing was written."""


class AlreadyAppended(Exception):
    """Some of the routing messages were appended before; nothing was written."""

    def __init__(self, nonces: Collection[str]) -> None:
        super().__init__(f"{len(nonces)} routing messages were appended before")
        self.nonces = set(nonces)


class SocketLogStore(Protocol):
    """The log of each WEB_SOCKET endpoint: its head, its segments, and a marker of each routing message in it."""

    def heads(self, endpoint_ids: Collection[str]) -> dict[str, LogHead]:
        """Those that exist, strongly consistent; 100 a call."""

    def put_head(self, endpoint_id: str, head: LogHead, replaces: LogHead | None) -> bool:
        """Stores; ``False`` when what stands there is not ``replaces`` any more, and nothing was written."""

    def extend(self, endpoint_id: str, kept_until: datetime, if_between: tuple[datetime, datetime]) -> bool:
        """Keeps the log until ``kept_until`` if it is to be kept until a moment between the two (both excluded) now;
        ``False`` when not, and nothing was written."""

    def append(self, endpoint_id: str, head: LogHead, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        """Moves ``head`` behind ``segments``, which follow it, and marks the nonces, all or nothing.

        Raises:
            AppendConflict: the head is not ``head.next`` any more.
            AlreadyAppended: some nonces are marked.
        """

    def segments(self, endpoint_id: str, after: int, up_to: int, limit: int) -> list[Segment]:
        """Up to ``limit`` segments, in order, that hold sequences above ``after`` and begin at or below ``up_to``;
        strongly consistent. Expired ones may be among them."""

    def drop(self, endpoint_id: str) -> None:
        """Forgets the head. Segments and markers expire by themselves."""


class EventsById(Protocol):
    """Published events."""

    def get(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        """Strongly consistent, by id."""


class WakeUpQueue(Protocol):
    """From everyone who changed something to socket delivery. First in, first out within a group."""

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        """Sends all, 10 a call. Raises ``Unavailable`` when it is not known whether all were sent."""


class Posted(Enum):
    """What became of a message to a connection."""

    SENT = "sent"
    GONE = "gone"
    """Closed, or not open yet."""
    TOO_LARGE = "too large"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"
    """Timed out or failed on the way or at AWS: it may have arrived."""
    REFUSED = "refused"
    """API Gateway does not like the call itself: a permission, the URL or the id of the connection is wrong."""


class Poster(Protocol):
    """API Gateway's side of the connections. Both calls have a time-out of their own."""

    async def post(self, connection_id: str, data: bytes) -> Posted:
        """Sends one message."""

    async def close(self, connection_id: str) -> Posted:
        """Closes the connection; one that is gone is fine."""
