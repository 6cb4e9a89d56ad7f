"""The ports of WebSocket delivery in memory, behaving like AWS where it hurts.

``before`` is called with the name of each operation before it acts and ``after`` when it has acted but not answered
yet, so that a test can count, interleave, fail or kill at either point.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from event_service.access.token import Token
from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.events.event import Event
from event_service.events.ports import StoredEvent
from event_service.sockets.connection import Connection, Shard, hash_prefix
from event_service.sockets.frames import MAXIMUM_FRAME_BYTES
from event_service.sockets.ports import AlreadyAppended, AppendConflict, Handshake, LogHead, Posted, Segment, Situation
from event_service.sockets.wake_up import WakeUp

Hook = Callable[[str], None]


def no_hook(operation: str) -> None:
    """Does nothing."""


class FakeSocketTables:
    """Connections, logs, endpoints and tokens. Conditional writes have one winner; transactions are all or nothing."""

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook) -> None:
        self.before = before
        self.after = after
        self.rows: dict[tuple[str, str], Connection] = {}
        self.log_heads: dict[str, LogHead] = {}
        self.log: dict[str, dict[int, Segment]] = {}
        self.markers: set[tuple[str, str]] = set()
        self.endpoints: dict[str, Endpoint] = {}
        self.tokens: dict[str, Token] = {}
        self.token_rows: set[tuple[str, str, str]] = set()

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

    def endpoint_of(self, connection_id: str) -> str | None:
        self.before("endpoint_of")
        return next((endpoint for endpoint, known in self.rows if known == connection_id), None)

    def of_endpoint(self, endpoint_id: str, shard: Shard | None, limit: int | None = None) -> list[Connection]:
        self.before("of_endpoint")
        first, last = shard.bounds if shard else ("0", "~")
        found = [
            (hash_prefix(row.connection_id), row.connection_id, row)
            for (owner, _), row in self.rows.items()
            if owner == endpoint_id and first <= hash_prefix(row.connection_id) <= last
        ]
        answer = [row for _, _, row in sorted(found, key=lambda one: one[:2])][:limit]
        self.after("of_endpoint")
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

    def save(self, connections: Sequence[Connection]) -> None:
        self.before("save")
        for connection in connections:
            self.rows[connection.endpoint_id, connection.connection_id] = connection
        self.after("save")

    def forget(self, connections: Collection[tuple[str, str]]) -> None:
        self.before("forget")
        for key in connections:
            self.rows.pop(key, None)
        self.after("forget")

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
        won = self.log_heads.get(endpoint_id) == replaces
        if won:
            self.log_heads[endpoint_id] = head
        self.after("put_head")
        return won

    def extend(self, endpoint_id: str, kept_until: datetime, if_between: tuple[datetime, datetime]) -> bool:
        self.before("extend")
        head = self.log_heads.get(endpoint_id)
        won = head is not None and if_between[0] < head.kept_until < if_between[1]
        if head is not None and won:
            self.log_heads[endpoint_id] = replace(head, kept_until=kept_until)
        self.after("extend")
        return won

    def append(self, endpoint_id: str, head: LogHead, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
        self.before("append")
        if len(nonces) + len(segments) + 1 > 100:
            raise AssertionError("a transaction has at most 100 actions")
        if len(set(nonces)) < len(nonces):
            raise AssertionError("a transaction must not name an item twice")
        marked = {nonce for nonce in nonces if (endpoint_id, nonce) in self.markers}
        if marked:
            raise AlreadyAppended(marked)
        current = self.log_heads.get(endpoint_id)
        if current is None or current.next != head.next:
            raise AppendConflict
        log = self.log.setdefault(endpoint_id, {})
        for segment in segments:
            log[segment.last] = segment
        self.log_heads[endpoint_id] = replace(current, next=segments[-1].last + 1)
        self.markers.update((endpoint_id, nonce) for nonce in nonces)
        self.after("append")

    def segments(self, endpoint_id: str, after: int, up_to: int, limit: int) -> list[Segment]:
        self.before("segments")
        log = self.log.get(endpoint_id, {})
        answer = [log[last] for last in sorted(log) if last > after and log[last].first <= up_to][:limit]
        self.after("segments")
        return answer

    def drop(self, endpoint_id: str) -> None:
        self.before("drop")
        self.log_heads.pop(endpoint_id, None)

    def expire(self, now: datetime) -> None:
        """What DynamoDB's TTL does, days late: removes expired segments."""
        for log in self.log.values():
            for last in [last for last, segment in log.items() if segment.expires <= now]:
                del log[last]


class FakeEvents:
    """Published events by id."""

    def __init__(self, before: Hook = no_hook) -> None:
        self.before = before
        self.events: dict[str, Event] = {}

    def add(self, event: Event) -> None:
        """Publishes."""
        self.events[event.id] = event

    def get(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        self.before("events.get")
        return {one: StoredEvent(self.events[one], "nonce") for one in event_ids if one in self.events}


class FakeWakeUpQueue:
    """First in, first out within a group, and a group is handed to one receiver at a time, as SQS FIFO queues do."""

    def __init__(self, before: Hook = no_hook, after: Hook = no_hook) -> None:
        self.before = before
        self.after = after
        self.waiting: dict[str, deque[WakeUp]] = {}
        self.in_flight: set[str] = set()
        self.sent: list[WakeUp] = []

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        self.before("queue.send")
        for wake_up in wake_ups:
            self.sent.append(wake_up)
            self.waiting.setdefault(wake_up.group, deque()).append(wake_up)
        self.after("queue.send")

    def groups(self) -> list[str]:
        """The groups that a receiver could get messages of now."""
        return sorted(group for group, waiting in self.waiting.items() if waiting and group not in self.in_flight)

    def receive(self, group: str, limit: int = 10) -> list[WakeUp]:
        """Messages of a group, which is then nobody else's until :meth:`done` or :meth:`failed`."""
        if group in self.in_flight:
            raise AssertionError(f"group {group} is in flight")
        self.in_flight.add(group)
        return list(self.waiting[group])[:limit]

    def done(self, group: str, received: Sequence[WakeUp]) -> None:
        """Deletes what was received."""
        for _ in received:
            self.waiting[group].popleft()
        self.in_flight.discard(group)

    def failed(self, group: str) -> None:
        """The visibility time-out of what was received ran out."""
        self.in_flight.discard(group)


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
