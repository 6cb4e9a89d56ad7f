"""Serving the connections of WEB_SOCKET endpoints: posting, from each connection's cursor, what its log holds.

One worker at a time serves a group (an endpoint, or a shard of one with many connections), because its wake-ups come
from a FIFO queue. A cursor is stored only after what it stands for was posted. So after a crash a frame may come again,
with the same sequence, and never is one left out; two workers at once, after a visibility time-out, do no worse.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.events.event import Event
from event_service.sockets.connection import CONNECTIONS_OF_ONE_GROUP, Connection, hash_prefix, shards_for
from event_service.sockets.frames import Entry, EventFrame, Frame, Gap, event_frame, gap_notice, pack, paused_notice, too_large_notice
from event_service.sockets.ports import ConnectionStore, EventsById, LogHead, ManagementApi, Posted, Segment, SocketLogStore, WakeUpQueue
from event_service.sockets.wake_up import WakeUp

MAXIMUM_HOPS: Final = 100
"""How often work is handed on through the queue before the rest waits for the next wake-up: about 40 minutes."""
POSTS_AT_ONCE: Final = 64
"""Over all connections of an invocation; one connection has at most one."""
TROUBLE_SECONDS: Final = 10.0
"""A connection whose posts have failed for so long is left to the next invocation."""
LOOK_AGAIN_SECONDS: Final = 0.25
"""How often the log and the connections are read again while some connection still keeps an invocation busy."""
SAVE_SECONDS: Final = 2.0
"""How often cursors are stored during a long invocation: what a crash makes come again."""
EVENTS_AT_ONCE: Final = 100
CACHE_CHARACTERS: Final = 32 * 1024 * 1024
"""Of events kept for the connections of one endpoint, which are mostly at the same place."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(slots=True)
class ServingReport:
    """What one batch of wake-ups came to.

    Attributes:
        again: wake-ups whose work could neither be finished nor handed on; they must come again.
        posted: messages that were sent.
        gone: connections that were found closed.
        connections: the most connections that one target had.
        faults: targets whose work ended in a fault of our own.
    """

    again: list[WakeUp] = field(default_factory=list)
    posted: int = 0
    gone: int = 0
    connections: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class _Outside:
    """Everything that is not this invocation's own state."""

    connections: ConnectionStore
    log: SocketLogStore
    events: EventsById
    api: ManagementApi
    queue: WakeUpQueue
    clock: Clock
    run_blocking: Callable[[Callable[[], Any]], Awaitable[Any]]
    sleep: Callable[[float], Awaitable[None]]

    async def call(self, function: Callable[[], _T]) -> _T:
        """Runs a blocking call off the event loop."""
        result: _T = await self.run_blocking(function)
        return result


class SocketDelivery:
    """Works off wake-ups."""

    def __init__(
        self,
        connections: ConnectionStore,
        log: SocketLogStore,
        events: EventsById,
        api: ManagementApi,
        queue: WakeUpQueue,
        clock: Clock,
        *,
        run_blocking: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            connections: the open connections.
            log: the logs they are served from.
            events: published events, by id.
            api: posts to connections.
            queue: takes what is handed on.
            clock: the time.
            run_blocking: runs a blocking call off the event loop.
            sleep: waits, in seconds.
        """
        self._outside = _Outside(connections, log, events, api, queue, clock, run_blocking, sleep)

    async def serve(self, wake_ups: Sequence[WakeUp], seconds_left: Callable[[], float]) -> ServingReport:
        """Serves every connection that the wake-ups are about, until all are up to date or the time is up.

        Args:
            wake_ups: several about the same connections count as one.
            seconds_left: how long the work may still take.
        """
        report = ServingReport()
        targets: dict[str, WakeUp] = {}
        prefixes: dict[str, set[str | None]] = {}
        for wake_up in wake_ups:
            known = targets.get(wake_up.group, wake_up)
            # Of several the lowest hop counts: a fresh wake-up gives the work a fresh life.
            targets[wake_up.group] = replace(known, hop=min(known.hop, wake_up.hop), deleted=known.deleted or wake_up.deleted)
            prefixes.setdefault(wake_up.group, set()).add(wake_up.prefix)
        posts = asyncio.Semaphore(POSTS_AT_ONCE)
        results = await asyncio.gather(
            *(self._serve_one(target, prefixes[group], posts, seconds_left, report) for group, target in targets.items()),
            return_exceptions=True,
        )
        for group, result in zip(targets, results, strict=True):
            if result is True:
                continue
            if isinstance(result, Exception):
                # Our own fault, and one endpoint's: the others of the batch must not come again for it.
                report.faults += 1
                _logger.error("endpoint %s could not be served", targets[group].endpoint_id, exc_info=result)
            elif isinstance(result, BaseException):
                raise result
            report.again.extend(wake_up for wake_up in wake_ups if wake_up.group == group)
        return report

    async def _serve_one(
        self,
        target: WakeUp,
        prefixes: Collection[str | None],
        posts: asyncio.Semaphore,
        seconds_left: Callable[[], float],
        report: ServingReport,
    ) -> bool:
        """Whether the work is finished or handed on."""
        run = _Run(self._outside, target, None if None in prefixes else prefixes, posts, seconds_left, report)
        try:
            finished = await run.work()
        except (RateLimited, Unavailable) as error:
            _logger.warning("endpoint %s could not be served: %s", target.endpoint_id, error)
            finished = False
            # What is handed on comes at once; whatever failed needs a moment, longer with each hop.
            await self._outside.sleep(min(0.1 * 2 ** min(target.hop, 5), max(0.0, seconds_left() - 1)))
        if finished:
            return True
        if target.hop >= MAXIMUM_HOPS:
            _logger.warning("endpoint %s is not up to date after %d hops", target.endpoint_id, target.hop)
            return False
        try:
            await self._outside.call(lambda: self._outside.queue.send([replace(target, prefix=None, hop=target.hop + 1)]))
        except (RateLimited, Unavailable) as error:
            _logger.warning("endpoint %s could not be handed on: %s", target.endpoint_id, error)
            return False
        return True


@dataclass(slots=True)
class _Client:
    """A connection and what is known of it in this invocation."""

    connection: Connection
    saved: Connection
    """As it is stored."""
    gone: bool = False
    closing: bool = False
    """It is to be closed, and is sent nothing more."""
    stuck: bool = False
    """Its calls keep failing: the next invocation goes on."""
    busy: asyncio.Task[None] | None = field(default=None)


class _Run:
    """One invocation's work for one target."""

    def __init__(
        self,
        outside: _Outside,
        target: WakeUp,
        prefixes: Collection[str | None] | None,
        posts: asyncio.Semaphore,
        seconds_left: Callable[[], float],
        report: ServingReport,
    ) -> None:
        self._outside = outside
        self._target = target
        self._prefixes = prefixes
        self._posts = posts
        self._seconds_left = seconds_left
        self._report = report
        self._clients: dict[str, _Client] = {}
        self._log = _LogWindow(outside, target.workspace_id, target.endpoint_id)
        self._status: EndpointStatus | None = None
        self._stopping = False

    # -- the main loop -------------------------------------------------------------------------------------------

    async def work(self) -> bool:
        """Whether everything is up to date."""
        since_saved = 0.0
        look_again: asyncio.Future[None] | None = None
        try:
            if not await self._look():
                return True
            while True:
                self._start()
                busy = [client.busy for client in self._clients.values() if client.busy is not None]
                if not busy:
                    break
                # A connection that is slow must not keep the others from what is appended meanwhile: while it holds
                # the group, nobody else is woken for them.
                if look_again is None:
                    look_again = asyncio.ensure_future(self._outside.sleep(LOOK_AGAIN_SECONDS))
                await asyncio.wait({*busy, look_again}, return_when=asyncio.FIRST_COMPLETED)
                self._settle()
                if look_again.done():
                    look_again = None
                    since_saved += LOOK_AGAIN_SECONDS
                    if since_saved >= SAVE_SECONDS:
                        since_saved = 0.0
                        await self._save()
                    if not self._time_is_short and not await self._look():
                        break
        finally:
            if look_again is not None:
                look_again.cancel()
            try:
                await self._stop()
            finally:
                await self._save()
        return not any(client.stuck or self._has_work(client) for client in self._clients.values() if not client.gone)

    async def _look(self) -> bool:
        """Reads connections and what decides about them. ``False``: nobody of them is to be served from here."""
        outside, target = self._outside, self._target
        # The connections first: what is read after them covers all that they are owed; a connection that is opened
        # after this brings its own wake-up.
        limit = CONNECTIONS_OF_ONE_GROUP + 1 if target.shard is None else None
        rows = await outside.call(lambda: outside.connections.of_endpoint(target.endpoint_id, target.shard, limit))
        if limit is not None and len(rows) == limit:
            if not any(client.busy is not None for client in self._clients.values()):
                await self._hand_to_shards(rows)
                return False
            # They became too many meanwhile. Those that are served already are served to the end; the others' own
            # wake-ups lead to shards.
            rows = [client.connection for client in self._clients.values() if not client.gone]
        for row in rows:
            if row.connection_id not in self._clients:
                self._clients[row.connection_id] = _Client(row, row)
        present = {row.connection_id for row in rows}
        self._report.connections = max(self._report.connections, len(present))
        for client in self._clients.values():
            # Its $disconnect came: nothing more to do, and saving it would only bring its row back.
            if client.connection.connection_id not in present:
                client.gone = True
        if not present:
            if target.deleted:
                await outside.call(lambda: outside.log.drop(target.endpoint_id))
            return False
        await self._judge(sorted({row.token_hash for row in rows if row.token_hash is not None}))
        return True

    async def _judge(self, token_hashes: Sequence[str]) -> None:
        """Reads what decides whether the connections are served."""
        outside, target = self._outside, self._target
        situation = await outside.call(lambda: outside.connections.situation(target.workspace_id, target.endpoint_id, token_hashes))
        if situation.endpoint is None or situation.head is None:
            self._status = None
            for client in self._clients.values():
                client.closing = True
            if situation.head is not None:
                await outside.call(lambda: outside.log.drop(target.endpoint_id))
            return
        self._status = situation.endpoint.status
        self._log.head = situation.head
        now = outside.clock()
        valid = {token_hash for token_hash, token in situation.tokens.items() if token.is_valid(now)}
        for client in self._clients.values():
            if client.connection.token_hash is not None and client.connection.token_hash not in valid:
                client.closing = True

    async def _hand_to_shards(self, rows: Sequence[Connection]) -> None:
        target = self._target
        # A connect is about one connection. Without this, a thousand clients that come back at once would wake every
        # shard a thousand times.
        wake_ups = [
            WakeUp(target.workspace_id, target.endpoint_id, shard)
            for shard in shards_for([hash_prefix(row.connection_id) for row in rows])
            if self._prefixes is None or any(shard.holds(prefix) for prefix in self._prefixes if prefix is not None)
        ]
        outside = self._outside
        await outside.call(lambda: outside.queue.send(wake_ups))

    def _start(self) -> None:
        if self._time_is_short:
            return
        for client in self._clients.values():
            if client.busy is None and not client.gone and not client.stuck and self._has_work(client):
                client.busy = asyncio.ensure_future(self._serve_client(client))

    def _settle(self) -> None:
        for client in self._clients.values():
            if client.busy is not None and client.busy.done():
                task, client.busy = client.busy, None
                task.result()

    async def _stop(self) -> None:
        """Lets posts under way end and no other begin, so that no cursor is older than it must be."""
        self._stopping = True
        tasks = [client.busy for client in self._clients.values() if client.busy is not None]
        if tasks:
            await asyncio.wait(tasks)
        self._settle()

    @property
    def _time_is_short(self) -> bool:
        return self._stopping or self._seconds_left() <= 0

    def _is_live(self) -> bool:
        return self._status is EndpointStatus.ENABLED

    def _has_work(self, client: _Client) -> bool:
        if client.closing:
            return True
        if self._is_live():
            connection = client.connection
            return connection.told_paused or connection.claimed is not None or connection.cursor < self._log.head.last
        return self._status is not None and not client.connection.told_paused

    # -- one connection ------------------------------------------------------------------------------------------

    async def _serve_client(self, client: _Client) -> None:
        try:
            while not client.gone and not client.stuck and not self._time_is_short and self._has_work(client):
                await self._step(client)
        except (RateLimited, Unavailable) as error:
            _logger.warning("connection %s: %s", client.connection.connection_id, error)
            client.stuck = True

    async def _step(self, client: _Client) -> None:
        """The next thing a client is owed."""
        connection = client.connection
        if client.closing:
            await self._close(client)
        elif not self._is_live():
            if await self._post(client, paused_notice()) is Posted.SENT:
                client.connection = replace(connection, told_paused=True)
        elif connection.told_paused:
            client.connection = replace(connection, told_paused=False)
        elif connection.claimed is not None:
            # What its client claims to have had was given to nobody: the numbering goes on from the log's own end.
            notice = gap_notice(connection.cursor + 1, connection.claimed, connection.cursor + 1)
            if await self._post(client, notice) is Posted.SENT:
                client.connection = replace(connection, claimed=None)
        else:
            frames = list(pack(await self._log.behind(connection.cursor), batched=connection.batched))
            if connection.batched and len(frames) > 1 and frames[-1].last < self._log.head.last:
                del frames[-1]  # what follows fits into it as well
            for frame in frames:
                if self._time_is_short or not self._is_live() or not await self._send(client, frame):
                    break

    async def _send(self, client: _Client, frame: Frame) -> bool:
        """Posts a frame and moves the cursor; ``False``: stop here."""
        outcome = await self._post(client, frame.data)
        if outcome is Posted.TOO_LARGE:
            # Smaller than the limit we know, and refused nevertheless: then as the notices that such events get.
            for event_id, sequence in frame.events:
                if await self._post(client, too_large_notice(event_id, sequence)) is not Posted.SENT:
                    return False
                client.connection = replace(client.connection, cursor=sequence)
            return True
        if outcome is not Posted.SENT:
            return False
        client.connection = replace(client.connection, cursor=frame.last)
        return True

    async def _post(self, client: _Client, data: bytes) -> Posted | None:
        """Posts; see :meth:`_insist`."""
        outcome = await self._insist(client, lambda: self._outside.api.post(client.connection.connection_id, data))
        if outcome is Posted.SENT:
            self._report.posted += 1
        return outcome

    async def _close(self, client: _Client) -> None:
        # A close that failed must come again: whoever forgot the connection now would leave it open for up to two hours.
        if await self._insist(client, lambda: self._outside.api.close(client.connection.connection_id)) is Posted.SENT:
            client.gone = True
            await self._forget(client)

    async def _insist(self, client: _Client, call: Callable[[], Awaitable[Posted]]) -> Posted | None:
        """Calls until it worked, the connection is gone, or nothing has worked for ten seconds.

        ``None``: what was to be posted is not, because meanwhile the connection is gone or is to be closed.
        """
        outside = self._outside
        closing = client.closing
        pause, waited = _FIRST_PAUSE, 0.0
        while True:
            async with self._posts:
                if client.gone or client.closing is not closing:
                    return None
                outcome = await call()
            if outcome in (Posted.SENT, Posted.TOO_LARGE):
                return outcome
            if outcome is Posted.GONE and not client.connection.is_young(outside.clock()):
                client.gone = True
                self._report.gone += 1
                await self._forget(client)
                return outcome
            if waited >= TROUBLE_SECONDS or self._time_is_short:
                client.stuck = True
                if outcome is Posted.REFUSED:
                    self._report.faults += 1
                    _logger.error("calls about connection %s are refused", client.connection.connection_id)
                return outcome
            # Not open yet, throttled, or unknown: the same frame again, so that no other overtakes it. Also when it is
            # refused: that may be this one connection's matter, and must not end the work for the others.
            step = random.uniform(pause / 2, pause)  # noqa: S311 - spreads load, guards nothing
            await outside.sleep(step)
            waited += step
            pause = min(pause * 2, _LONGEST_PAUSE)

    # -- rows ----------------------------------------------------------------------------------------------------

    async def _forget(self, client: _Client) -> None:
        key = (client.connection.endpoint_id, client.connection.connection_id)
        outside = self._outside
        await outside.call(lambda: outside.connections.forget([key]))

    async def _save(self) -> None:
        changed = [client for client in self._clients.values() if not client.gone and client.connection != client.saved]
        if not changed:
            return
        rows = [client.connection for client in changed]
        outside = self._outside
        await outside.call(lambda: outside.connections.save(rows))
        for client, row in zip(changed, rows, strict=True):
            client.saved = row


class _LogWindow:
    """Reads one endpoint's log for all its connections, and keeps what was read as long as there is room."""

    def __init__(self, outside: _Outside, workspace_id: str, endpoint_id: str) -> None:
        self._outside = outside
        self._workspace_id = workspace_id
        self._endpoint_id = endpoint_id
        self._known: OrderedDict[int, Entry] = OrderedDict()
        """By the first sequence of each."""
        self._characters = 0
        self._reading = asyncio.Lock()
        self._segments_a_read = 10
        self.head = LogHead(1, 1, outside.clock())

    async def behind(self, cursor: int) -> list[Entry]:
        """What follows ``cursor``: 100 entries, or somewhat more, or all; ``cursor`` is below the head."""
        entries = self._remembered(cursor)
        if self._is_too_little(entries):
            async with self._reading:
                # Somebody else may have read it while this one waited.
                entries = self._remembered(cursor)
                if self._is_too_little(entries):
                    more = await self._read(entries[-1].last if entries else cursor)
                    self._remember(more)
                    entries += more
        return entries

    def _is_too_little(self, entries: Sequence[Entry]) -> bool:
        return not entries or (len(entries) < EVENTS_AT_ONCE and entries[-1].last < self.head.last)

    def _remembered(self, cursor: int) -> list[Entry]:
        entries: list[Entry] = []
        while len(entries) < EVENTS_AT_ONCE and (entry := self._known.get(cursor + 1)) is not None:
            self._known.move_to_end(cursor + 1)
            entries.append(entry)
            cursor = entry.last
        return entries

    def _remember(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._known[_first(entry)] = entry
            self._characters += _size(entry)
        while self._characters > CACHE_CHARACTERS and len(self._known) > 1:
            _, oldest = self._known.popitem(last=False)
            self._characters -= _size(oldest)

    async def _read(self, cursor: int) -> list[Entry]:
        head, outside = self.head, self._outside
        behind = max(cursor, head.floor - 1)
        segments = await self._segments(behind, self._segments_a_read)
        if segments:
            # Publishers that send one event at a time make segments of one: as many are read as hold a window.
            held = sum(len(segment.event_ids) for segment in segments) / len(segments)
            self._segments_a_read = min(EVENTS_AT_ONCE, 1 + math.ceil(EVENTS_AT_ONCE / held))
        now = outside.clock()
        # A client is told of all that is missing in one notice, however long ago it was here and however little of that
        # DynamoDB has removed so far.
        while segments and all(segment.expires <= now for segment in segments):
            behind = await self._last_expired(segments[-1].last, now)
            segments = await self._segments(behind, self._segments_a_read)
        wanted: list[tuple[int, str]] = []
        for segment in segments:
            if segment.expires > now:
                wanted.extend(
                    (segment.first + offset, event_id)
                    for offset, event_id in enumerate(segment.event_ids)
                    if behind < segment.first + offset <= head.last
                )
            if len(wanted) >= EVENTS_AT_ONCE:
                break
        if not wanted:
            return [Gap(cursor + 1, head.last)]
        del wanted[EVENTS_AT_ONCE:]
        found = await outside.call(lambda: outside.events.get(self._workspace_id, [event_id for _, event_id in wanted]))
        events: dict[str, Event] = {event_id: stored.event for event_id, stored in found.items()}
        entries: list[Entry] = []
        for sequence, event_id in wanted:
            event = events.get(event_id)
            if event is None:
                continue
            if sequence > cursor + 1:
                entries.append(Gap(cursor + 1, sequence - 1))
            entries.append(event_frame(event, sequence))
            cursor = sequence
        if cursor < wanted[-1][0]:
            entries.append(Gap(cursor + 1, wanted[-1][0]))
        return entries

    async def _segments(self, after: int, limit: int) -> list[Segment]:
        outside, up_to = self._outside, self.head.last
        return await outside.call(lambda: outside.log.segments(self._endpoint_id, after, up_to, limit))

    async def _last_expired(self, low: int, now: datetime) -> int:
        """The sequence before the first that is retained, by halving: segments expire in their order.

        Args:
            low: a sequence that ends an expired segment.
            now: the time.
        """
        high = max(low, self.head.last)
        while low < high:
            middle = (low + high) // 2
            found = await self._segments(middle, 1)
            if found and found[0].expires > now:
                high = min(middle, found[0].first - 1)
            else:
                low = min(found[0].last, high) if found else high
        return low


def _first(entry: Entry) -> int:
    return entry.sequence if isinstance(entry, EventFrame) else entry.first


def _size(entry: Entry) -> int:
    return len(entry.text) if isinstance(entry, EventFrame) else 1
