"""One turn of a lane's owner: requests as fast as the pace allows, until the work or the time ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.delivery.ports import BacklogRow
from event_service.webhooks.attempt import Attempts
from event_service.webhooks.batch import Batch, Outcome, Result, Task
from event_service.webhooks.lane_rows import LaneRows
from event_service.webhooks.pace import Pace
from event_service.webhooks.record import Recorder
from event_service.webhooks.recording import Recording
from event_service.webhooks.verdict import Outcome as Decision

_LOG = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25
"""Between two reads of a backlog that was empty."""
LINGER_SECONDS: Final = 1.0
"""So long an owner with nothing to do waits for more before it lets go of the lane."""
HAND_OVER_SECONDS: Final = 0.5
"""So long the owner waits for open requests before it hands the lane over."""
SHORT_WISH_SECONDS: Final = 5.0
"""The owner waits that long when the receiver wants to be left alone; for longer it lets go of the lane."""
WAKE_SECONDS: Final = 0.02
"""The pace is asked no more often, so that a fast lane is no busy loop."""


class Turn:
    """Sends the rows of one lane."""

    def __init__(
        self, rows: LaneRows, pace: Pace, attempts: Attempts, recorder: Recorder, batch: Batch, clock: Clock, stop_at: float
    ) -> None:
        """
        Args:
            rows: what is to be sent.
            pace: how fast.
            attempts: makes requests.
            recorder: records answers.
            batch: what is known of the endpoint.
            clock: the time.
            stop_at: no request begins afterwards, in seconds since 1970.
        """
        self._rows = rows
        self._pace = pace
        self._attempts = attempts
        self._batch = batch
        self._clock = clock
        self._stop_at = stop_at
        self._changed = asyncio.Event()
        self._recording = Recording(recorder, batch, self._recorded)
        self._recording_task: asyncio.Task[None] | None = None
        self._requests: set[asyncio.Task[None]] = set()
        self._open: dict[int, BacklogRow] = {}
        self._reading: asyncio.Task[None] | None = None
        self.not_before = 0.0
        """The receiver wants to be left alone until then."""
        self.rest_seconds = 0.0
        """How long the receiver is left alone, because nobody seems to be there."""
        self.is_out_of_work = False
        self.failed = False

    async def run(self) -> None:
        """Sends until nothing is left for a while, the time is over, or the receiver is to be left alone. Requests may still be
        open then: see :meth:`finish`."""
        self.is_out_of_work = False
        self._rows.begin()
        if self._recording_task is None:
            self._recording_task = asyncio.create_task(self._recording.run())
        await self._send_all(self._requests)
        self._rows.end()
        if self._requests:
            # Most end at once; only those that take long outlive the lease.
            await asyncio.wait(self._requests, timeout=HAND_OVER_SECONDS)
        if self._reading is not None:
            await self._reading
        await self._recording.flush()

    def is_over(self) -> bool:
        """Whether its time has ended."""
        return self._now() >= self._stop_at

    @property
    def open_rows(self) -> list[BacklogRow]:
        """Rows whose requests are open."""
        return list(self._open.values())

    async def finish(self) -> None:
        """Waits for the open requests and records them."""
        if self._requests:
            await asyncio.wait(self._requests)
        self._recording.close()
        if self._recording_task is not None:
            await self._recording_task

    async def _send_all(self, requests: set[asyncio.Task[None]]) -> None:
        idle_since: float | None = None
        while not self.failed:
            now = self._now()
            if now >= self._stop_at or not self._rows.may_send:
                return
            if self.not_before > now:
                if self.not_before > min(now + SHORT_WISH_SECONDS, self._stop_at):
                    return
                await asyncio.sleep(self.not_before - now)
                self._pace.paused(now, self._now())
                continue
            rest = self._pace.rest()
            if rest is not None:
                self.rest_seconds = rest
                return
            if (self._rows.is_stale or self._rows.wants_more) and self._reading is None:
                self._reading = asyncio.create_task(self._read())
            task = None
            wait = self._pace.wait(now)
            if wait == 0.0:
                task = self._rows.take()
            if task is not None:
                idle_since = None
                self._pace.opened(now)
                running = asyncio.create_task(self._send(task))
                requests.add(running)
                running.add_done_callback(requests.discard)
                continue
            if wait == 0.0 and self._reading is None and not self._rows.has_due():
                idle_since = idle_since or now
                if now - idle_since >= LINGER_SECONDS and not self._pace.open:
                    self.is_out_of_work = True
                    return
                await asyncio.sleep(POLL_SECONDS)
                self._rows.look_again()
                continue
            await self._pause(POLL_SECONDS if wait is None else max(wait, WAKE_SECONDS))

    async def _send(self, task: Task) -> None:
        began = self._now()
        if task.row is not None:
            self._open[id(task)] = task.row
        try:
            result = await self._attempts.make(self._batch, task)
        except Exception:  # noqa: BLE001
            # A fault of ours, not of the receiver: the row stays for another owner, and this turn ends.
            _LOG.exception("attempt failed by a fault of the service: endpoint %s", task.endpoint.id)
            self.failed = True
            self._pace.open -= 1
            self._changed.set()
            return
        verdict = result.verdict
        now = self._now()
        if verdict is not None:
            succeeded = verdict.outcome is Decision.DELIVERED
            self._pace.answered(now, now - began, succeeded=succeeded, limited=verdict.limited)
            if verdict.limited and verdict.retry_after:
                self.not_before = max(self.not_before, now + verdict.retry_after)
        self._recording.add(result)
        self._changed.set()

    async def _read(self) -> None:
        try:
            if self._rows.is_stale:
                for superfluous in await self._rows.check():
                    self._recording.add(superfluous)
            else:
                await self._rows.read()
        except (DomainError, Unavailable) as error:
            # Whatever was read before is recorded; another look reads the rest.
            _LOG.warning("a backlog could not be read: %s", error)
            self.failed = True
        finally:
            self._reading = None
            self._changed.set()

    def _recorded(self, group: Sequence[Result], recorded: bool) -> None:
        if not recorded:
            self.failed = True
        for one in group:
            self._open.pop(id(one.task), None)
            if one.outcome in (Outcome.ATTEMPTED, Outcome.REPEATED) and one.task.row is not None:
                self._rows.done(one.task.row)

    async def _pause(self, seconds: float) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _now(self) -> float:
        return self._clock().timestamp()
