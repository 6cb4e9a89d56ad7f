"""Serving the connections of WEB_SOCKET endpoints: posting, from each connection's cursor, what its log holds.

One worker at a time serves a group (an endpoint, or a shard of one with many connections), because its wake-ups come
from a FIFO queue. A cursor is stored only after what it stands for was posted. So after a crash a frame may come again,
with the same sequence, and never is one left out; two workers at once, after a visibility time-out, do no worse.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.group import GroupRun
from event_service.sockets.outside import Outside, ServingReport
from event_service.sockets.ports import ConnectionStore, EventsById, Poster, SocketLogStore, WakeUpQueue
from event_service.sockets.wake_up import WakeUp

MAXIMUM_CONTINUATIONS: Final = 100
"""How often work is continued through the queue before the rest is left to the next wake-up: about 40 minutes."""
POSTS_AT_ONCE: Final = 64
"""Over all connections of an invocation; one connection has at most one."""

_LOG = logging.getLogger(__name__)


class SocketDelivery:
    """Serves the connections that a batch of wake-ups is about."""

    def __init__(
        self,
        connections: ConnectionStore,
        log: SocketLogStore,
        events: EventsById,
        poster: Poster,
        queue: WakeUpQueue,
        clock: Clock,
        *,
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            connections: the open connections.
            log: the logs they are served from.
            events: published events, by id.
            poster: posts to connections.
            queue: takes continuations.
            clock: the time.
            in_thread: runs a blocking call off the event loop.
            sleep: waits, in seconds.
        """
        self._outside = Outside(connections, log, events, poster, queue, clock, in_thread, sleep)

    async def serve(self, wake_ups: Sequence[WakeUp], time_left: Callable[[], float]) -> ServingReport:
        """Serves every connection that the wake-ups are about, until all are up to date or the time is up.

        Args:
            wake_ups: several about the same connections count as one.
            time_left: how long the work may still take.
        """
        report = ServingReport()
        by_group: dict[str, WakeUp] = {}
        prefixes: dict[str, set[str | None]] = {}
        for wake_up in wake_ups:
            known = by_group.get(wake_up.group, wake_up)
            # Of several the lowest continuation counts: a fresh wake-up gives the work a fresh life.
            by_group[wake_up.group] = replace(
                known, continuation=min(known.continuation, wake_up.continuation), deleted=known.deleted or wake_up.deleted
            )
            prefixes.setdefault(wake_up.group, set()).add(wake_up.prefix)
        posts = asyncio.Semaphore(POSTS_AT_ONCE)
        results = await asyncio.gather(
            *(self._serve_group(wake_up, prefixes[group], posts, time_left, report) for group, wake_up in by_group.items()),
            return_exceptions=True,
        )
        for group, result in zip(by_group, results, strict=True):
            if result is True:
                continue
            if isinstance(result, Exception):
                # Our own fault, and one endpoint's: the others of the batch must not come again for it.
                report.faults += 1
                _LOG.error("endpoint %s could not be served", by_group[group].endpoint_id, exc_info=result)
            elif isinstance(result, BaseException):
                raise result
            report.again.extend(wake_up for wake_up in wake_ups if wake_up.group == group)
        return report

    async def _serve_group(
        self,
        wake_up: WakeUp,
        prefixes: Collection[str | None],
        posts: asyncio.Semaphore,
        time_left: Callable[[], float],
        report: ServingReport,
    ) -> bool:
        """Whether the work is finished, or its continuation is sent."""
        run = GroupRun(self._outside, wake_up, None if None in prefixes else prefixes, posts, time_left, report)
        try:
            finished = await run.work()
        except (RateLimited, Unavailable) as error:
            _LOG.warning("endpoint %s could not be served: %s", wake_up.endpoint_id, error)
            finished = False
            # A continuation comes at once; whatever failed needs a moment, longer with each continuation.
            await self._outside.sleep(min(0.1 * 2 ** min(wake_up.continuation, 5), max(0.0, time_left() - 1)))
        if finished:
            return True
        if wake_up.continuation >= MAXIMUM_CONTINUATIONS:
            _LOG.warning("endpoint %s is not up to date after %d continuations", wake_up.endpoint_id, wake_up.continuation)
            return False
        try:
            await self._outside.call(
                lambda: self._outside.queue.send([replace(wake_up, prefix=None, continuation=wake_up.continuation + 1)])
            )
        except (RateLimited, Unavailable) as error:
            _LOG.warning("endpoint %s could not be continued: %s", wake_up.endpoint_id, error)
            return False
        return True
