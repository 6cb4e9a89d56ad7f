"""Serving one connection: the next thing it is owed, posted until it worked, and its cursor moved after that."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets.connection import Connection
from event_service.sockets.frames import Frame, gap_notice, pack, paused_notice, too_large_notice
from event_service.sockets.log_window import LogWindow
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.ports import Posted

TROUBLE_SECONDS: Final = 10.0
"""A connection whose posts have failed for so long is left to the next invocation."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Client:
    """A connection and what is known of it in this invocation.

    Attributes:
        saved: the connection as it is stored.
        closing: it is to be closed, and is sent nothing more.
        stuck: its calls keep failing: the next invocation goes on.
        busy: what serves it at the moment.
    """

    connection: Connection
    saved: Connection
    gone: bool = False
    closing: bool = False
    stuck: bool = False
    busy: asyncio.Task[None] | None = field(default=None)


class ClientServing:
    """Serves the connections of one group, one call at a time for each of them."""

    def __init__(
        self, outside: Outside, window: LogWindow, posts: asyncio.Semaphore, time_left: Callable[[], float], report: ServingReport
    ) -> None:
        """
        Args:
            outside: the ports.
            window: the endpoint's log.
            posts: permits for calls to API Gateway, shared by all groups of the invocation.
            time_left: seconds for the work.
            report: counts what happens.
        """
        self._outside = outside
        self._window = window
        self._posts = posts
        self._time_left = time_left
        self._report = report
        self.status: EndpointStatus | None = None
        """The endpoint's; ``None``: it was deleted."""
        self.stopping = False

    def time_is_short(self) -> bool:
        """Whether no further post is begun."""
        return self.stopping or self._time_left() <= 0

    def _is_live(self) -> bool:
        return self.status is EndpointStatus.ENABLED

    def has_work(self, client: Client) -> bool:
        """Whether a client is owed anything."""
        if client.closing:
            return True
        if self._is_live():
            connection = client.connection
            return connection.told_paused or connection.claimed is not None or connection.cursor < self._window.head.last
        return self.status is not None and not client.connection.told_paused

    async def serve(self, client: Client) -> None:
        """Posts what a client is owed, until it has everything, is gone or stuck, or the time is up."""
        try:
            while not client.gone and not client.stuck and not self.time_is_short() and self.has_work(client):
                await self._step(client)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("connection %s: %s", client.connection.connection_id, error)
            client.stuck = True

    async def _step(self, client: Client) -> None:
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
            frames = list(pack(await self._window.behind(connection.cursor), batched=connection.batched))
            if connection.batched and len(frames) > 1 and frames[-1].last < self._window.head.last:
                del frames[-1]  # what follows fits into it as well
            for frame in frames:
                if self.time_is_short() or not self._is_live() or not await self._send(client, frame):
                    break

    async def _send(self, client: Client, frame: Frame) -> bool:
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

    async def _post(self, client: Client, data: bytes) -> Posted | None:
        """Posts; see :meth:`_insist`."""
        outcome = await self._insist(client, lambda: self._outside.poster.post(client.connection.connection_id, data))
        if outcome is Posted.SENT:
            self._report.posted += 1
        return outcome

    async def _close(self, client: Client) -> None:
        # A close that failed must come again: whoever forgot the connection now would leave it open for up to two hours.
        if await self._insist(client, lambda: self._outside.poster.close(client.connection.connection_id)) is Posted.SENT:
            client.gone = True
            await self._forget(client)

    async def _insist(self, client: Client, call: Callable[[], Awaitable[Posted]]) -> Posted | None:
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
            if waited >= TROUBLE_SECONDS or self.time_is_short():
                client.stuck = True
                if outcome is Posted.REFUSED:
                    self._report.faults += 1
                    _LOG.error("calls about connection %s are refused", client.connection.connection_id)
                return outcome
            # Not open yet, throttled, or unknown: the same frame again, so that no other overtakes it. Also when it is
            # refused: that may be this one connection's matter, and must not end the work for the others.
            step = random.uniform(pause / 2, pause)  # noqa: S311 - spreads load, guards nothing
            await outside.sleep(step)
            waited += step
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _forget(self, client: Client) -> None:
        key = (client.connection.endpoint_id, client.connection.connection_id)
        outside = self._outside
        await outside.call(lambda: outside.connections.forget([key]))
