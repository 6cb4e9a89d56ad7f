"""What WebSocket delivery needs from outside, as protocols. See :mod:`event_service.configuration.ports` for errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Protocol

from event_service.access.token import Token
from event_service.configuration.endpoint import Endpoint
from event_service.filters.event_filter import EventFilter
from event_service.sockets.connection import Connection
from event_service.sockets.messages import BacklogMessage, WakeUp


@dataclass(frozen=True, slots=True)
class LogHead:
    """The counter of one endpoint's log, and what its appenders and the worker of its first group must agree on.

    Attributes:
        next: the sequence that the next event gets.
        floor: nothing before this sequence can be resumed from.
        kept_until: events are appended before this moment; it moves with each connect.
        turn: runs of group 0 so far.
        arrivals: connects so far.
        nobody_connected: nobody has been connected since the last look; an append wakes nobody.
        groups: how many groups new connections are spread over.
        wide: how many groups may have connections, until ``wide_until``.
        appended_at: when the last sequences were given out.
        slow_until: clients of the endpoint were closed because they took nothing; until then a connect looks whether it is one.
    """

    next: int
    floor: int
    kept_until: datetime
    turn: int = 0
    arrivals: int = 0
    nobody_connected: bool = False
    groups: int = 1
    wide: int = 1
    wide_until: datetime | None = None
    appended_at: datetime | None = None
    slow_until: datetime | None = None

    @property
    def last(self) -> int:
        """The sequence of the newest event."""
        return self.next - 1

    def groups_now(self, now: datetime) -> int:
        """How many groups may have connections."""
        if self.wide_until is not None and now < self.wide_until:
            return max(self.groups, self.wide)
        return self.groups


@dataclass(frozen=True, slots=True)
class Segment:
    """Sequences that were given out together, from ``first`` on: to events, or, when ``unused``, to nothing.

    ``configuration_version``: by which all of the events were routed; ``None``: it was not the same for all. ``replayed``: they
    were published before and a replay put them here.
    """

    first: int
    event_ids: tuple[str, ...]
    appended: datetime
    expires: datetime
    unused: int = 0
    configuration_version: int | None = None
    replayed: bool = False

    @property
    def last(self) -> int:
        """The last of its sequences."""
        return self.first + max(len(self.event_ids), self.unused) - 1


@dataclass(frozen=True, slots=True)
class GroupState:
    """What a group's live connections have in common.

    Attributes:
        cursor: the sequence up to which all of them were sent everything.
        turn: runs so far; of group 0 the log's head keeps it.
    """

    cursor: int = 0
    turn: int = 0


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


@dataclass(frozen=True, slots=True)
class Counted:
    """What an open connection counts for."""

    endpoint_id: str
    workspace_id: str
    token_hash: str | None
    connected_at: datetime


class ScopeKind(StrEnum):
    """Of what open connections are counted."""

    ENDPOINT = "endpoint"
    WORKSPACE = "workspace"
    TOKEN = "token"  # noqa: S105 - the name of a kind


@dataclass(frozen=True, slots=True)
class Scope:
    """An endpoint or a workspace by its id, or a token by its hash."""

    kind: ScopeKind
    id: str


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a connection's row is, and what it counts for; ``None``: it was opened by an older version of the code."""

    endpoint_id: str
    group: int
    counted: Counted | None = field(default=None, compare=False)


class ConnectionStore(Protocol):
    """Open connections. Every read is strongly consistent, and none uses an index."""

    def handshake(self, endpoint_id: str, token_hash: str | None) -> Handshake:
        """Reads token, endpoint and head of the log in one call."""

    def add(self, connection: Connection) -> None:
        """Stores a new connection, one call. Not atomic: after an error some of its rows may be there."""

    def owner(self, connection_id: str) -> RowPlace | None:
        """Which endpoint and group a connection belongs to; ``None``: it has no row."""

    def of_group(self, endpoint_id: str, group: int) -> tuple[GroupState, list[Connection]]:
        """A group and all its connections."""

    def find(self, owners: Collection[tuple[RowPlace, str]]) -> list[Connection]:
        """Connections by their owner and id, 100 a call; those that exist."""

    def situation(self, workspace_id: str, endpoint_id: str, token_hashes: Collection[str]) -> Situation:
        """One call for up to 98 tokens."""

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        """Those of a workspace's event filters that exist; 100 a call."""

    def take_turn(self, endpoint_id: str, group: int) -> None:
        """Counts a run of a group other than 0, which wake-ups sent from now on name."""

    def turns(self, endpoint_id: str, groups: Sequence[int]) -> dict[int, int]:
        """The runs of groups other than 0; 100 a call."""

    def save(self, connections: Sequence[Connection]) -> None:
        """Stores them; 25 a call. It may bring back one that was forgotten meanwhile: that costs one post."""

    def join(self, changes: Sequence[tuple[Connection, Connection]]) -> None:
        """Stores each second one in place of the first, unless its lane or turn was changed meanwhile: a worker that is late
        must not make a connection live that another took out of its group."""

    def save_cursor(self, endpoint_id: str, group: int, cursor: int) -> None:
        """Stores how far all live connections of a group are."""

    def forget(self, connections: Collection[tuple[RowPlace, str]]) -> None:
        """Removes connections, given as owner and connection id; unknown ones are fine."""

    def endpoints_of_token(self, token_hash: str) -> list[tuple[str, str]]:
        """Workspace and endpoint of each connection that was opened with a token within the life of a connection."""


class ConnectionList(Protocol):
    """Connections as they are listed. Reads may lag a little."""

    def in_order(self, endpoint_id: str, group: int, connection_id: str, limit: int) -> list[Connection]:
        """Up to ``limit`` connections of a group, in the order of their ids, behind one; one query."""

    def cursors(self, endpoint_id: str, groups: Sequence[int]) -> dict[int, int]:
        """How far the live connections of groups are; 100 a call."""


class PostLeases(Protocol):
    """How many posts all executions have leased of each second."""

    def lease_posts(self, second: int, number: int, ceiling: int) -> bool:
        """Leases so many posts of a second, given as a Unix time, unless more than ``ceiling`` would be leased of it."""


class ConnectionCounts(Protocol):
    """How many connections are open, and how many connect in a second, by all processes together."""

    def count(self, scope: Scope, changes: Mapping[datetime, int]) -> int:
        """Adds connections that were opened (and takes off those that were closed) by when they were opened; one write.

        Returns:
            How many are open then. Those are left out that were opened so long ago that API Gateway has ended them.
        """

    def lease_connect(self, workspace_id: str, second: int, ceiling: int) -> bool:
        """Counts a connect of a second, given as a Unix time; ``False``: there were ``ceiling`` already."""


@dataclass(frozen=True, slots=True)
class SlowCloses:
    """How many times in a row a client was closed because it took nothing, and until when it is refused."""

    times: int
    until: datetime


class SlowCloseStore(Protocol):
    """Of clients, by their key."""

    def slow_closes(self, client: str) -> SlowCloses | None:
        """``None``: none within the time that they are kept. Strongly consistent."""

    def note_slow_close(self, client: str, closes: SlowCloses, kept_until: datetime) -> None:
        """Stores."""


class AlreadyAppended(Exception):
    """Some of the routing messages were appended before; nothing was written."""

    def __init__(self, nonces: Collection[str]) -> None:
        super().__init__(f"{len(nonces)} routing messages were appended before")
        self.nonces = set(nonces)


class SequencesTaken(Exception):
    """A reader did not wait any longer and marked the sequences as unused; nothing was written."""


class SocketLogStore(Protocol):
    """The log of each WEB_SOCKET endpoint: its head, its segments, and a row of each routing message in it."""

    def heads(self, endpoint_ids: Collection[str]) -> dict[str, LogHead]:
        """Those that exist, strongly consistent; 100 a call."""

    def put_head(self, endpoint_id: str, head: LogHead, replaces: LogHead | None) -> bool:
        """Stores; ``False`` when what stands there is not ``replaces`` any more, and nothing was written."""

    def allocate(self, endpoint_id: str, number: int) -> LogHead | None:
        """Allocates the next ``number`` sequences, the last of which is the answer's ``last``. ``None``: there is no log, or
        it is not kept any more. No writer ever waits for another."""

    def append(self, endpoint_id: str, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        """Stores segments and marks the nonces, all or nothing.

        Raises:
            AlreadyAppended: some nonces are marked.
            SequencesTaken: a segment's first sequence is taken.
        """

    def marked(self, endpoint_id: str, nonces: Collection[str]) -> set[str]:
        """Those of the nonces that are in the log; 100 a call."""

    def seal(self, endpoint_id: str, segments: Sequence[Segment]) -> bool:
        """Stores segments of unused sequences, all or nothing; ``False``: something stands at one of them meanwhile."""

    def arrive(self, endpoint_id: str, kept_until: datetime) -> LogHead | None:
        """Counts a connect and keeps the log until ``kept_until``. ``None``: there is no log, or it is not kept any more."""

    def take_turn(self, endpoint_id: str) -> LogHead | None:
        """Counts a run of group 0, which wake-ups sent from now on name. ``None``: there is no log."""

    def set_nobody_connected(self, endpoint_id: str, arrivals: int) -> None:
        """Notes that nobody is connected, unless there were more connects than ``arrivals``."""

    def resize(self, endpoint_id: str, groups: int, wide: int, wide_until: datetime) -> None:
        """Spreads new connections over ``groups``. Only the one worker of group 0 calls it."""

    def note_slow(self, endpoint_id: str, until: datetime) -> None:
        """Sets ``slow_until``, if there is a log."""

    def segments(self, endpoint_id: str, first: int, limit: int) -> list[Segment]:
        """Up to ``limit`` segments, in order, that hold ``first`` or follow it within its block of sequences (see
        :func:`event_service.sockets.log.block_end`); strongly consistent. Expired ones may be among them."""

    def drop(self, endpoint_id: str) -> None:
        """Forgets the head. Segments and rows of appended messages expire by themselves."""


class EventTexts(Protocol):
    """Published events as they are delivered."""

    def texts(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, bytes]:
        """The JSON text of each event that exists, by id; strongly consistent. Nothing is parsed."""


class WakeUpQueue(Protocol):
    """From everyone who changed something to socket delivery. First in, first out within a group."""

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        """Sends all, 10 a call. One that equals one of the last five minutes in group and turn is dropped.

        Raises:
            Unavailable: it is not known whether all were sent.
        """

    def release(self, receipts: Sequence[str]) -> None:
        """Deletes messages whose work is done before their batch ends, 10 a call, so that others may go on with their groups."""


class BacklogQueue(Protocol):
    """What must not hold up a group; in no order, at least once."""

    def send(self, messages: Sequence[BacklogMessage], delay_seconds: int = 0) -> None:
        """Sends all, 10 a call; they are handed over after the delay.

        Raises:
            Unavailable: it is not known whether all were sent.
        """


class Posted(Enum):
    """The outcome of a message to a connection."""

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
        """Sends one message. It may be cancelled; then it is not known whether it arrived."""

    async def close(self, connection_id: str) -> Posted:
        """Closes the connection; one that is gone is fine."""
