"""Records results in groups while attempts go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from event_service.webhooks.batch import Batch, Result
from event_service.webhooks.record import Recorder

_LOG = logging.getLogger(__name__)

RECORDS_PER_WRITE: Final = 25
GROUP_SECONDS: Final = 0.2
"""How long an answer waits for others before it is recorded. A receiver that hangs must not keep the answers of others out of
the log; one write for each answer would double the calls."""
GROUPS_AT_ONCE: Final = 4


class Recording:
    """The results of one invocation or of one lane's turn."""

    def __init__(self, recorder: Recorder, batch: Batch, on_recorded: Callable[[Sequence[Result], bool], None] | None = None) -> None:
        """
        Args:
            recorder: writes a group down.
            batch: what the group belongs to.
            on_recorded: is told of each group whether it is written down.
        """
        self._recorder = recorder
        self._batch = batch
        self._on_recorded = on_recorded
        self._finished: list[Result] = []
        self._some = asyncio.Event()
        self._enough = asyncio.Event()
        self._closed = False
        self._groups: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, result: Result) -> None:
        """Queues a result; it is written with those that end at the same time."""
        self._finished.append(result)
        self._idle.clear()
        self._some.set()
        if len(self._finished) >= RECORDS_PER_WRITE:
            self._enough.set()

    async def flush(self) -> None:
        """Waits until all results so far are written down."""
        self._enough.set()
        await self._idle.wait()

    def close(self) -> None:
        """No more results will come."""
        self._closed = True
        self._some.set()
        self._enough.set()

    async def run(self) -> None:
        """Records until it is closed and all results are written down."""
        while True:
            if not self._finished:
                if self._closed:
                    break
                self._some.clear()
                await self._some.wait()
                continue
            if not self._closed and len(self._finished) < RECORDS_PER_WRITE:
                self._enough.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(GROUP_SECONDS):
                        await self._enough.wait()
            group = self._finished[:RECORDS_PER_WRITE]
            del self._finished[:RECORDS_PER_WRITE]
            while len(self._groups) >= GROUPS_AT_ONCE:
                await asyncio.wait(self._groups, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._record(group))
            self._groups.add(task)
            task.add_done_callback(self._ended)
        while self._groups:
            # Not gather(): with tasks that are done but not yet discarded it would not even suspend, and so never end.
            await asyncio.wait(self._groups)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._groups.discard(task)
        if not self._groups and not self._finished:
            self._idle.set()

    async def _record(self, group: Sequence[Result]) -> None:
        try:
            recorded = await self._recorder.record(self._batch, group)
        except Exception:  # noqa: BLE001
            # A fault of ours must not acknowledge messages of which nothing may have been written down.
            _LOG.exception("%d answers could not be recorded by a fault of the service", len(group))
            self._batch.fail([one.task for one in group])
            recorded = False
        if self._on_recorded is not None:
            self._on_recorded(group, recorded)
