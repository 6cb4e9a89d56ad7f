"""Works tasks off: makes their attempts side by side and records the results in groups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from event_service.webhooks.attempt import Attempts
from event_service.webhooks.batch import Batch, Result, Task
from event_service.webhooks.record import Recorder

_LOG = logging.getLogger(__name__)

RECORDS_PER_WRITE: Final = 25
GROUP_SECONDS: Final = 0.2
"""How long an answer waits for others before it is recorded. A receiver that hangs must not keep the answers of others out of
the log; one write for each answer would double the calls."""


class Worker:
    """Makes attempts and records them."""

    def __init__(self, attempts: Attempts, recorder: Recorder) -> None:
        self._attempts = attempts
        self._recorder = recorder

    async def work(self, batch: Batch, ready: Sequence[Task], results: Sequence[Result]) -> None:
        """Makes the attempts, and records what is finished in groups.

        Args:
            batch: of the invocation.
            ready: the attempts to make.
            results: decided already without an attempt.
        """
        finished = list(results)
        left = len(ready)
        some = asyncio.Event()
        enough = asyncio.Event()

        async def run(task: Task) -> None:
            nonlocal left
            try:
                finished.append(await self._attempts.make(batch, task))
            except Exception:  # noqa: BLE001
                # One message that trips a fault of ours must not take its neighbours to the dead-letter queue.
                _LOG.exception("attempt failed by a fault of the service: endpoint %s", task.endpoint.id)
                batch.fail([task])
            finally:
                left -= 1
                some.set()
                if not left or len(finished) >= RECORDS_PER_WRITE:
                    enough.set()

        running = [asyncio.create_task(run(task)) for task in ready]
        while left or finished:
            if not finished:
                some.clear()
                await some.wait()
                continue
            if left and len(finished) < RECORDS_PER_WRITE:
                enough.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(GROUP_SECONDS):
                        await enough.wait()
            group = finished[:RECORDS_PER_WRITE]
            del finished[:RECORDS_PER_WRITE]
            await self._recorder.record(batch, group)
        for task in running:
            task.result()
