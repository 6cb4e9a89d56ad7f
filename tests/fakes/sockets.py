"""The ports of WebSocket delivery in memory, behaving like AWS where it hurts.

``before`` is called with the name of each operation before it acts and ``after`` when it has acted but not answered
yet, so that a test can count, interleave, fail or kill at either point.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from event_service.access.token import Token
from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from event_service.sockets.connection import Connection
from event_service.sockets.frames import MAXIMUM_FRAME_BYTES
from event_service.sockets.log import SEQUENCES_PER_BLOCK, block_end, block_of
from event_service.sockets.messages import BacklogMessage, WakeUp
from event_service.sockets.ports import (
    AlreadyAppended,
    Counted,
    GroupState,
    Handshake,
    LogHead,
    Posted,
    RowPlace,
    Scope,
    Segment,
    SequencesTaken,
    Situation,
    SlowCloses,
)

Hook = Callable[[str], None]


def no_hook(operation: str) -> None:
    """Does nothing."""


class FakeSocketTables:
    """Connections, logs, endpoints and tokens. Conditional writes have one winner; transactions are all or nothing.

    ``lag`` is asked at each read of segments how many of the newest it does not see yet: a read of one item may show what a
    transaction wrote before a read of another does. After ``VISIBLE_AFTER`` every read sees it.
    """

    VISIBLE_AFTER: Final = timedelta(seconds=10)

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook, clock: Clock | None = None) -> None:
        self.before = before
        self.after = after
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.rows: dict[tuple[str, str], Connection] = {}
        self.groups: dict[tuple[str, int], GroupState] = {}
        self.log_heads: dict[str, LogHead] = {}
        self.leased: dict[int, int] = {}
        self.log: dict[str, dict[int, Segment]] = {}
        self.appended: set[tuple[str, str]] = set()
        self.endpoints: dict[str, Endpoint] = {}
        self.tokens: dict[str, Token] = {}
        self.filters: dict[str, EventFilter] = {}
        self.token_rows: set[tuple[str, str, str]] = set()
        self.lag: Callable[[], int] = lambda: 0
        self._stored_at: dict[tuple[str, int], datetime] = {}

    # -- ConnectionStore -----------------------------------------------------------------------------------------

    def handshake(self, endpoint_id: str, token_hash: str | None) -> Handshake:
        self.before("handshake")
        endpoint = self.endpoints.get(endpoint_id)
        known = endpoint is not None and endpoint.type is EndpointType.WEB_SOCKET
        answer = Handshake(
            self.tokens.get(token_hash) if token_hash else None,
            endpoint.workspace_id if endpoint is not None and known else None,
            self.log_heads.get(endpoint_id),
        )
        self.after("handshake")
        return answer

    def add(self, connection: Connection) -> None:
        self.before("add")
        self.rows[connection.endpoint_id, connection.connection_id] = connection
        if connection.token_hash:
            self.token_rows.add((connection.token_hash, connection.workspace_id, connection.endpoint_id))
        self.after("add")

    def owner(self, connection_id: str) -> RowPlace | None:
        self.before("owner")
        found = [row for (_, known), row in self.rows.items() if known == connection_id]
        if not found:
            return None
        one = found[0]
        return RowPlace(one.endpoint_id, one.group, Counted(one.endpoint_id, one.workspace_id, one.token_hash, one.connected_at))

    def of_group(self, endpoint_id: str, group: int) -> tuple[GroupState, list[Connection]]:
        self.before("of_group")
        rows = [row for row in self.rows.values() if row.endpoint_id == endpoint_id and row.group == group]
        answer = self.groups.get((endpoint_id, group), GroupState()), sorted(rows, key=lambda row: row.connection_id)
        self.after("of_group")
        return answer

    def in_order(self, endpoint_id: str, group: int, connection_id: str, limit: int) -> list[Connection]:
        self.before("in_order")
        rows = [row for row in self.rows.values() if row.endpoint_id == endpoint_id and row.group == group]
        return sorted((row for row in rows if row.connection_id > connection_id), key=lambda row: row.connection_id)[:limit]

    def cursors(self, endpoint_id: str, groups: Sequence[int]) -> dict[int, int]:
        self.before("cursors")
        return {group: self.groups[endpoint_id, group].cursor for group in groups if (endpoint_id, group) in self.groups}

    def find(self, owners: Collection[tuple[RowPlace, str]]) -> list[Connection]:
        self.before("find")
        found = ((owner, self.rows.get((owner.endpoint_id, connection_id))) for owner, connection_id in owners)
        answer = [row for owner, row in found if row is not None and row.group == owner.group]
        self.after("find")
        return answer

    def situation(self, workspace_id: str, endpoint_id: str, token_hashes: Collection[str]) -> Situation:
        self.before("situation")
        endpoint = self.endpoints.get(endpoint_id)
        answer = Situation(
            endpoint if endpoint is not None and endpoint.workspace_id == workspace_id else None,
            self.log_heads.get(endpoint_id),
            {one: self.tokens[one] for one in token_hashes if one in self.tokens},
        )
        self.after("situation")
        return answer

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        self.before("event_filters")
        found = {one: self.filters[one] for one in ids if one in self.filters and self.filters[one].workspace_id == workspace_id}
        self.after("event_filters")
        return found

    def turns(self, endpoint_id: str, groups: Sequence[int]) -> dict[int, int]:
        self.before("turns")
        answer = {group: self.groups[endpoint_id, group].turn for group in groups if (endpoint_id, group) in self.groups}
        self.after("turns")
        return answer

    def save(self, connections: Sequence[Connection]) -> None:
        self.before("save")
        for connection in connections:
            self.rows[connection.endpoint_id, connection.connection_id] = connection
        self.after("save")

    def join(self, changes: Sequence[tuple[Connection, Connection]]) -> None:
        self.before("join")
        for before, after in changes:
            current = self.rows.get((before.endpoint_id, before.connection_id))
            if current is not None and (current.lane, current.turn) == (before.lane, before.turn):
                self.rows[before.endpoint_id, before.connection_id] = after
        self.after("join")

    def save_cursor(self, endpoint_id: str, group: int, cursor: int) -> None:
        self.before("save_cursor")
        state = self.groups.get((endpoint_id, group), GroupState())
        self.groups[endpoint_id, group] = replace(state, cursor=cursor)
        self.after("save_cursor")

    def forget(self, connections: Collection[tuple[RowPlace, str]]) -> None:
        self.before("forget")
        for owner, connection_id in connections:
            self.rows.pop((owner.endpoint_id, connection_id), None)
        self.after("forget")

    def lease_posts(self, second: int, number: int, ceiling: int) -> bool:
        self.before("lease_posts")
        if self.leased.get(second, 0) + number > ceiling:
            return False
        self.leased[second] = self.leased.get(second, 0) + number
        return True

    def endpoints_of_token(self, token_hash: str) -> list[tuple[str, str]]:
        self.before("endpoints_of_token")
        return sorted((workspace, endpoint) for known, workspace, endpoint in self.token_rows if known == token_hash)

    # -- SocketLogStore ------------------------------------------------------------------------------------------

    def heads(self, endpoint_ids: Collection[str]) -> dict[str, LogHead]:
        self.before("heads")
        answer = {one: self.log_heads[one] for one in endpoint_ids if one in self.log_heads}
        self.after("heads")
        return answer

    def put_head(self, endpoint_id: str, head: LogHead, replaces: LogHead | None) -> bool:
        self.before("put_head")
        current = self.log_heads.get(endpoint_id)
        if current is None or replaces is None:
            won = current is None and replaces is None
        else:
            won = (current.next, current.kept_until) == (replaces.next, replaces.kept_until)
        if won:
            self.log_heads[endpoint_id] = head
        self.after("put_head")
        return won

    def allocate(self, endpoint_id: str, number: int) -> LogHead | None:
        self.before("allocate")
        now = self.clock()
        head = self.log_heads.get(endpoint_id)
        if head is not None and head.kept_until > now - timedelta(seconds=30):
            head = self.log_heads[endpoint_id] = replace(head, next=head.next + number, appended_at=now)
        else:
            head = None
        self.after("allocate")
        return head

    def arrive(self, endpoint_id: str, kept_until: datetime) -> LogHead | None:
        self.before("arrive")
        head = self.log_heads.get(endpoint_id)
        if head is not None and head.kept_until > self.clock():
            head = self.log_heads[endpoint_id] = replace(head, arrivals=head.arrivals + 1, kept_until=kept_until, nobody_connected=False)
        else:
            head = None
        self.after("arrive")
        return head

    def take_turn(self, endpoint_id: str, group: int = 0) -> Any:
        self.before("take_turn")
        head = self.log_heads.get(endpoint_id)
        if group:
            state = self.groups.get((endpoint_id, group), GroupState())
            self.groups[endpoint_id, group] = replace(state, turn=state.turn + 1)
        elif head is not None:
            head = self.log_heads[endpoint_id] = replace(head, turn=head.turn + 1)
        self.after("take_turn")
        return None if group else head

    def set_nobody_connected(self, endpoint_id: str, arrivals: int) -> None:
        self.before("set_nobody_connected")
        head = self.log_heads.get(endpoint_id)
        if head is not None and head.arrivals == arrivals:
            self.log_heads[endpoint_id] = replace(head, nobody_connected=True)
        self.after("set_nobody_connected")

    def resize(self, endpoint_id: str, groups: int, wide: int, wide_until: datetime) -> None:
        self.before("resize")
        head = self.log_heads.get(endpoint_id)
        if head is not None:
            self.log_heads[endpoint_id] = replace(head, groups=groups, wide=wide, wide_until=wide_until)
        self.after("resize")

    def append(self, endpoint_id: str, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        self.before("append")
        if len(nonces) + len(segments) > 100:
            raise AssertionError("a transaction has at most 100 actions")
        if len(set(nonces)) < len(nonces):
            raise AssertionError("a transaction must not name an item twice")
        marked = {nonce for nonce in nonces if (endpoint_id, nonce) in self.appended}
        if marked:
            raise AlreadyAppended(marked)
        if not self._put_new(endpoint_id, segments):
            raise SequencesTaken
        self.appended.update((endpoint_id, nonce) for nonce in nonces)
        self.after("append")

    def marked(self, endpoint_id: str, nonces: Collection[str]) -> set[str]:
        self.before("marked")
        answer = {nonce for nonce in nonces if (endpoint_id, nonce) in self.appended}
        self.after("marked")
        return answer

    def seal(self, endpoint_id: str, segments: Sequence[Segment]) -> bool:
        self.before("seal")
        if len(segments) > 100:
            raise AssertionError("a transaction has at most 100 actions")
        answer = self._put_new(endpoint_id, segments)
        self.after("seal")
        return answer

    def _put_new(self, endpoint_id: str, segments: Sequence[Segment]) -> bool:
        log = self.log.setdefault(endpoint_id, {})
        if any(segment.first in log for segment in segments):
            return False
        for segment in segments:
            if block_of(segment.first) != block_of(segment.last):
                raise AssertionError("a segment must not reach into the next block")
            log[segment.first] = segment
            self._stored_at[endpoint_id, segment.first] = self.clock()
        return True

    def note_slow(self, endpoint_id: str, until: datetime) -> None:
        self.before("note_slow")
        head = self.log_heads.get(endpoint_id)
        if head is not None:
            self.log_heads[endpoint_id] = replace(head, slow_until=until)

    def segments(self, endpoint_id: str, first: int, limit: int) -> list[Segment]:
        self.before("segments")
        log = self.log.get(endpoint_id, {})
        unseen = self._newest(endpoint_id, lag) if (lag := self.lag()) else set()
        found: list[Segment] = []
        low, end = block_of(first) * SEQUENCES_PER_BLOCK, block_end(first)
        at = next((one for one in range(first, low - 1, -1) if one in log), first)
        if at in log and log[at].last < first:
            at = first
        for sequence in range(at, end + 1):
            if len(found) == limit:
                break
            if sequence in log and sequence not in unseen:
                found.append(log[sequence])
        self.after("segments")
        return found

    def _newest(self, endpoint_id: str, number: int) -> set[int]:
        limit = self.clock() - self.VISIBLE_AFTER
        new = [one for one in sorted(self.log.get(endpoint_id, {})) if self._stored_at.get((endpoint_id, one), limit) > limit]
        return set(new[-number:])

    def drop(self, endpoint_id: str) -> None:
        self.before("drop")
        self.log_heads.pop(endpoint_id, None)

    def expire(self, now: datetime) -> None:
        """What DynamoDB's TTL does, days late: removes expired segments."""
        for log in self.log.values():
            for first in [first for first, segment in log.items() if segment.expires <= now]:
                del log[first]


class FakeConnectionCounts:
    """Counts of open connections. A connection counts for two hours and ten minutes, whatever happens to it."""

    LIFE: Final = timedelta(hours=2, minutes=10)

    def __init__(self, before: Hook = no_hook, clock: Clock | None = None) -> None:
        self.before = before
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.opened: dict[Scope, Counter[datetime]] = {}
        self.connects: Counter[tuple[str, int]] = Counter()
        self.closes: dict[str, tuple[SlowCloses, datetime]] = {}

    def count(self, scope: Scope, changes: Mapping[datetime, int]) -> int:
        self.before(f"count {scope.kind.value}")
        numbers = self.opened.setdefault(scope, Counter())
        for opened, number in changes.items():
            numbers[opened] += number
        now = self.clock()
        return sum(max(0, number) for opened, number in numbers.items() if opened + self.LIFE > now)

    def slow_closes(self, client: str) -> SlowCloses | None:
        self.before("slow_closes")
        closes, kept_until = self.closes.get(client, (None, self.clock()))
        return closes if kept_until > self.clock() else None

    def note_slow_close(self, client: str, closes: SlowCloses, kept_until: datetime) -> None:
        self.before("note_slow_close")
        self.closes[client] = (closes, kept_until)

    def lease_connect(self, workspace_id: str, second: int, ceiling: int) -> bool:
        self.before("lease_connect")
        if self.connects[workspace_id, second] >= ceiling:
            return False
        self.connects[workspace_id, second] += 1
        return True


class FakeEvents:
    """Published events as they are delivered, by id."""

    def __init__(self, before: Hook = no_hook) -> None:
        self.before = before
        self.events: dict[str, Event] = {}
        self._texts: dict[str, tuple[Event, bytes]] = {}

    def add(self, event: Event) -> None:
        """Publishes."""
        self.events[event.id] = event

    def texts(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, bytes]:
        self.before("events.texts")
        return {one: self._text(self.events[one]) for one in event_ids if one in self.events}

    def _text(self, event: Event) -> bytes:
        known = self._texts.get(event.id)
        if known is None or known[0] is not event:
            known = self._texts[event.id] = (event, event.as_json().encode())
        return known[1]


class FakeWakeUpQueue:
    """First in, first out within a group, and a group is handed to one receiver at a time, as SQS FIFO queues do. A message
    whose deduplication id was seen within five minutes is accepted and dropped."""

    DEDUPLICATED: Final = timedelta(minutes=5)

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook, clock: Clock | None = None) -> None:
        self.before = before
        self.after = after
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.waiting: dict[str, deque[WakeUp]] = {}
        self.in_flight: dict[str, int] = {}
        self.sent: list[WakeUp] = []
        self.dropped = 0
        self.released: list[str] = []
        self._seen: dict[str, datetime] = {}

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        self.before("queue.send")
        for wake_up in wake_ups:
            self.sent.append(wake_up)
            now = self.clock()
            seen = self._seen.get(wake_up.deduplication_id)
            if seen is not None and now < seen + self.DEDUPLICATED:
                self.dropped += 1
                continue
            self._seen[wake_up.deduplication_id] = now
            self.waiting.setdefault(wake_up.fifo_group, deque()).append(wake_up)
        self.after("queue.send")

    def release(self, receipts: Sequence[str]) -> None:
        self.before("queue.release")
        self.released.extend(receipts)
        for group in {receipt.rpartition("@")[0] for receipt in receipts}:
            self.done(group)

    @property
    def depth(self) -> int:
        """Messages that wait or are in flight."""
        return sum(map(len, self.waiting.values()))

    def groups(self) -> list[str]:
        """The groups that a receiver could get messages of now."""
        return sorted(group for group, waiting in self.waiting.items() if waiting and group not in self.in_flight)

    def receive(self, group: str, limit: int = 10) -> list[WakeUp]:
        """Messages of a group, which is then nobody else's until :meth:`done` or :meth:`failed`."""
        if group in self.in_flight:
            raise AssertionError(f"group {group} is in flight")
        taken = list(self.waiting[group])[:limit]
        self.in_flight[group] = len(taken)
        return taken

    def done(self, group: str) -> None:
        """Deletes what was received."""
        for _ in range(self.in_flight.pop(group, 0)):
            self.waiting[group].popleft()

    def failed(self, group: str) -> None:
        """The visibility time-out of what was received ran out."""
        self.in_flight.pop(group, None)


class FakeBacklogQueue:
    """A standard queue: in no order, after a delay."""

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook, clock: Clock | None = None) -> None:
        self.before = before
        self.after = after
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.waiting: list[tuple[datetime, BacklogMessage]] = []
        self.sent: list[tuple[BacklogMessage, int]] = []

    def send(self, messages: Sequence[BacklogMessage], delay_seconds: int = 0) -> None:
        self.before("backlog.send")
        if not 0 <= delay_seconds <= 900:
            raise AssertionError(f"SQS delays a message by at most 900 seconds, not by {delay_seconds}")
        visible = self.clock() + timedelta(seconds=delay_seconds)
        for message in messages:
            self.sent.append((message, delay_seconds))
            self.waiting.append((visible, message))
        self.after("backlog.send")

    @property
    def next_at(self) -> datetime | None:
        """When the next message can be received."""
        return min((visible for visible, _ in self.waiting), default=None)

    def receive(self, limit: int = 10) -> list[BacklogMessage]:
        """Takes messages that are visible; whoever fails puts them back with :meth:`failed`."""
        now = self.clock()
        taken = [one for one in self.waiting if one[0] <= now][:limit]
        for one in taken:
            self.waiting.remove(one)
        return [message for _, message in taken]

    def failed(self, messages: Sequence[BacklogMessage], visible_after: timedelta = timedelta(seconds=180)) -> None:
        """The visibility time-out of what was received ran out."""
        self.waiting.extend((self.clock() + visible_after, message) for message in messages)


class FakePoster:
    """API Gateway's connections.

    A connection is open from ``opens`` on and until it is closed; before and after that it is gone. ``answers`` says
    what the next posts to a connection meet instead: an outcome, or ``"lost"`` for a message that arrives although the
    answer does not. ``close_answers`` says the same of attempts to close it.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.opens: dict[str, datetime] = {}
        self.closed: dict[str, str] = {}
        self.received: dict[str, list[bytes]] = {}
        self.answers: dict[str, deque[Posted | str]] = {}
        self.close_answers: dict[str, deque[Posted | str]] = {}
        self.posts = 0
        self.posts_of: dict[str, int] = {}
        self.seconds: Callable[[str], float] = lambda connection_id: 0.0
        self.one_post_at_a_time = True
        """Holds for one worker; two that serve the same connection after a visibility time-out know nothing of another."""
        self.under_way: dict[str, int] = {}
        self.most_under_way = 0

    def open(self, connection_id: str, opens: datetime | None = None) -> None:
        """A handshake that is answered at ``opens``."""
        self.opens[connection_id] = opens or self.clock()
        self.received.setdefault(connection_id, [])

    def hang_up(self, connection_id: str) -> None:
        """The client, the network or API Gateway ended it."""
        self.closed[connection_id] = "client"

    def is_open(self, connection_id: str) -> bool:
        """Whether a post would arrive."""
        return connection_id in self.opens and connection_id not in self.closed and self.clock() >= self.opens[connection_id]

    async def post(self, connection_id: str, data: bytes) -> Posted:
        self.posts += 1
        self.posts_of[connection_id] = self.posts_of.get(connection_id, 0) + 1
        self.under_way[connection_id] = self.under_way.get(connection_id, 0) + 1
        if self.under_way[connection_id] > 1 and self.one_post_at_a_time:
            raise AssertionError(f"two posts to {connection_id} at once: their order is anybody's guess")
        self.most_under_way = max(self.most_under_way, sum(self.under_way.values()))
        try:
            seconds = self.seconds(connection_id)
            if seconds:
                await asyncio.sleep(seconds)
            return self._answer(connection_id, data)
        finally:
            self.under_way[connection_id] -= 1

    def _answer(self, connection_id: str, data: bytes) -> Posted:
        planned = self.answers.get(connection_id)
        answer = planned.popleft() if planned else None
        if isinstance(answer, Posted):
            return answer
        if not self.is_open(connection_id):
            return Posted.GONE
        if len(data) > MAXIMUM_FRAME_BYTES:
            return Posted.TOO_LARGE
        self.received[connection_id].append(data)
        return Posted.UNKNOWN if answer == "lost" else Posted.SENT

    async def close(self, connection_id: str) -> Posted:
        planned = self.close_answers.get(connection_id)
        answer = planned.popleft() if planned else None
        if isinstance(answer, Posted):
            return answer
        if not self.is_open(connection_id):
            return Posted.GONE
        self.closed[connection_id] = "service"
        return Posted.UNKNOWN if answer == "lost" else Posted.SENT
