"""Serving one connection: the next thing it is owed is posted, and its cursor moves after that. One post at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets.connection import Connection
from event_service.sockets.filter_ports import Narrowing
from event_service.sockets.frames import (
    Entry,
    Frame,
    behind_notice,
    filter_gone_notice,
    pack,
    paused_notice,
    reset_notice,
    too_large_notice,
)
from event_service.sockets.log_window import LogWindow
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.ports import Counted, LogHead, Posted, RowPlace

BEHIND_EVENTS: Final = 1_000
"""A client that takes events one by one is told when it falls so far behind."""
UNKNOWN_PAUSE_SECONDS: Final = 0.05
"""Before the one repeat of a post that failed on the way."""
NOT_OPEN_PAUSES: Final = (0.1, 0.2, 0.4)
"""Seconds between posts to a connection that is not open yet."""
QUICK_SECONDS: Final = 0.2
"""A client one of whose posts takes longer is slow: it stays in its own lane, and a post that failed is not repeated at once."""

_LOG = logging.getLogger(__name__)


class Served(Enum):
    """How serving a client ended."""

    DONE = "done"
    """It has everything."""
    GONE = "gone"
    TROUBLE = "trouble"
    """A post did not succeed."""
    CUT = "cut"
    """Its time was up."""


@dataclass(slots=True)
class Client:
    """A connection and what is known of it in this invocation.

    Attributes:
        saved: the connection as it is stored.
        slowest: the longest that one of its posts took, in seconds.
        posting_since: since when a call about it is under way.
        is_not_open: its $connect has not been answered yet, as far as posts tell.
        is_costly: its event filter used up what it may cost in a run.
    """

    connection: Connection
    saved: Connection
    served: Served | None = None
    slowest: float = 0.0
    posting_since: datetime | None = None
    is_not_open: bool = False
    is_costly: bool = False
    task: asyncio.Task[None] | None = field(default=None)

    @property
    def owner(self) -> RowPlace:
        """Where its row is."""
        return RowPlace(self.connection.endpoint_id, self.connection.group)


class ClientServing:
    """Serves connections of one endpoint."""

    def __init__(
        self, outside: Outside, window: LogWindow, permits: asyncio.Semaphore, report: ServingReport, call_seconds: float | None = None
    ) -> None:
        """
        Args:
            outside: the ports.
            window: the endpoint's log.
            permits: for calls to API Gateway, of this group alone.
            report: counts what happens.
            call_seconds: a call that takes longer is given up, and is this client's trouble; by default what the poster allows.
        """
        self._outside = outside
        self._window = window
        self._permits = permits
        self._report = report
        self._call_seconds = call_seconds
        self.status: EndpointStatus | None = None
        """The endpoint's; ``None``: it was deleted."""
        self.narrowing: Narrowing | None = None
        """Of connections that have an event filter; ``None``: none of them has one."""

    @property
    def head(self) -> LogHead:
        """Of the log, as it was read."""
        return self._window.head

    def has_work(self, connection: Connection) -> bool:
        """Whether a client is owed anything."""
        if connection.closing or self.status is None or connection.reset or self._filter_is_gone(connection):
            return True
        if self.status is EndpointStatus.ENABLED:
            return connection.told_paused or connection.cursor < self._window.head.last
        return not connection.told_paused

    async def serve(self, client: Client, goes_on: Callable[[], bool]) -> None:
        """Posts what a client is owed until it has everything, a post fails, or the time is up; says so in ``client.served``.

        A fault of our own is this client's trouble and nobody else's.

        Args:
            client: its connection moves on with what it took.
            goes_on: asked before each post.

        Raises:
            RateLimited: AWS throttles the reads.
            Unavailable: a read failed.
        """
        client.served = Served.CUT
        try:
            while goes_on():
                if not self.has_work(client.connection):
                    client.served = Served.DONE
                    return
                served = await self._next(client, goes_on)
                if served is not None:
                    client.served = served
                    return
        except (RateLimited, Unavailable):
            raise  # AWS's trouble, and not this client's
        except Exception:  # noqa: BLE001 - logged and counted; the others of the group go on
            self._report.faults += 1
            _LOG.exception("connection %s could not be served", client.connection.connection_id)
            client.served = Served.TROUBLE

    async def _next(self, client: Client, goes_on: Callable[[], bool]) -> Served | None:
        """The next thing a client is owed; ``None``: it has it."""
        connection = client.connection
        if connection.closing or self.status is None:
            return await self.close(client)
        if self._filter_is_gone(connection):
            outcome = await self.post(client, filter_gone_notice())
            client.connection = replace(client.connection, closing=True)
            return Served.GONE if outcome is Posted.GONE else await self.close(client)
        if connection.reset:
            # Always the first thing on a connection: a client heeds it only there.
            return await self._tell(client, reset_notice(connection.cursor + 1), reset=False)
        if self.status is not EndpointStatus.ENABLED:
            return await self._tell(client, paused_notice(), told_paused=True)
        if connection.told_paused:
            client.connection = replace(connection, told_paused=False)
            return None
        return await self._send_some(client, goes_on)

    async def tell_behind(self, client: Client) -> None:
        """Tells a client that takes events one by one, once, that it falls behind, and what helps."""
        connection = client.connection
        behind = self._window.head.last - connection.cursor
        if behind > BEHIND_EVENTS and not connection.batched and not connection.told_behind:
            await self._tell(client, behind_notice(behind), told_behind=True)

    async def _tell(self, client: Client, notice: bytes, **told: bool) -> Served | None:
        outcome = await self.post(client, notice)
        if outcome is not Posted.SENT:
            return _served(outcome)
        client.connection = replace(client.connection, **told)  # type: ignore[arg-type]  # its flags, by name
        return None

    async def _send_some(self, client: Client, goes_on: Callable[[], bool]) -> Served | None:
        connection = client.connection
        entries: Sequence[Entry] = await self._window.behind(connection.cursor)
        end: int | None = None
        if connection.filter_id is not None and self.narrowing is not None and entries:
            narrowed = await self.narrowing.narrow(connection.filter_id, entries, connection.replay_to)
            entries, end = narrowed.entries, narrowed.last
            if end is None:
                client.is_costly = True
                return Served.CUT
        frames = list(pack(entries, batched=connection.batched, replay_to=connection.replay_to))
        if connection.batched and len(frames) > 1 and frames[-1].last < self._window.head.last:
            del frames[-1]  # what follows fits into it as well
            end = None
        for frame in frames:
            if not goes_on() or self.status is not EndpointStatus.ENABLED:
                return Served.CUT
            served = await self._send(client, frame)
            if served is not None:
                return served
        if end is not None and end > client.connection.cursor:
            client.connection = replace(client.connection, cursor=end)
        return None

    def _filter_is_gone(self, connection: Connection) -> bool:
        return connection.filter_id is not None and self.narrowing is not None and self.narrowing.is_gone(connection.filter_id)

    async def _send(self, client: Client, frame: Frame) -> Served | None:
        """Posts a frame and moves the cursor."""
        outcome = await self.post(client, frame.data)
        if outcome is Posted.TOO_LARGE:
            # Smaller than the limit we know, and refused nevertheless: then as the notices that such events get.
            for event_id, sequence in frame.events:
                outcome = await self.post(client, too_large_notice(event_id, sequence))
                if outcome is not Posted.SENT:
                    return _served(outcome)
                client.connection = replace(client.connection, cursor=sequence)
            return None
        if outcome is not Posted.SENT:
            return _served(outcome)
        client.connection = replace(client.connection, cursor=frame.last)
        return None

    async def post(self, client: Client, data: bytes) -> Posted:
        """Posts once, and once more where the answer got lost."""
        connection_id = client.connection.connection_id
        outcome = await self._call(client, lambda: self._outside.poster.post(connection_id, data))
        if outcome is Posted.UNKNOWN and client.slowest < QUICK_SECONDS:
            await self._outside.sleep(UNKNOWN_PAUSE_SECONDS)
            outcome = await self._call(client, lambda: self._outside.poster.post(connection_id, data))
        if outcome is Posted.SENT:
            self._note_sent(client)
        elif outcome is Posted.GONE:
            return await self._gone(client, data)
        elif outcome is Posted.THROTTLED:
            self._report.throttled += 1
        elif outcome is Posted.REFUSED:
            self._report.faults += 1
            _LOG.error("calls about connection %s are refused", connection_id)
        return outcome

    async def close(self, client: Client) -> Served:
        """Closes a socket and forgets it. A close that failed must come again: whoever forgot the connection now would leave
        it open for up to two hours."""
        outcome = await self._call(client, lambda: self._outside.poster.close(client.connection.connection_id))
        if outcome is Posted.SENT or (outcome is Posted.GONE and not client.connection.is_young(self._outside.clock())):
            await self.forget(client)
            return Served.GONE
        return Served.TROUBLE

    async def forget(self, client: Client) -> None:
        """Removes a connection's rows."""
        key = (client.owner, client.connection.connection_id)
        outside, one = self._outside, client.connection
        await outside.call(lambda: outside.connections.forget([key]))
        counted = Counted(one.endpoint_id, one.workspace_id, one.token_hash, one.connected_at)
        await outside.call(lambda: outside.release([counted]))

    async def _call(self, client: Client, call: Callable[[], Awaitable[Posted]]) -> Posted:
        async with self._permits:
            await self._outside.pace(client.connection.workspace_id)
            begun = client.posting_since = self._outside.clock()
            try:
                async with asyncio.timeout(self._call_seconds):
                    outcome = await call()
            except TimeoutError:
                outcome = Posted.UNKNOWN
            finally:
                client.posting_since = None
                client.slowest = max(client.slowest, (self._outside.clock() - begun).total_seconds())
        return outcome

    async def _gone(self, client: Client, data: bytes) -> Posted:
        """Closed; or, in its first seconds, not open yet, which in its own lane is waited for."""
        connection = client.connection
        if connection.is_young(self._outside.clock()):
            for pause in () if self._call_seconds else NOT_OPEN_PAUSES:
                await self._outside.sleep(pause)
                outcome = await self._call(client, lambda: self._outside.poster.post(connection.connection_id, data))
                if outcome is Posted.SENT:
                    self._note_sent(client)
                if outcome is not Posted.GONE:
                    return outcome
            client.is_not_open = True
            return Posted.UNKNOWN
        self._report.gone += 1
        await self.forget(client)
        return Posted.GONE

    def _note_sent(self, client: Client) -> None:
        self._report.posted += 1
        client.connection = replace(client.connection, trouble_since=None, posted_at=self._outside.clock())


def _served(outcome: Posted) -> Served:
    return Served.GONE if outcome is Posted.GONE else Served.TROUBLE
