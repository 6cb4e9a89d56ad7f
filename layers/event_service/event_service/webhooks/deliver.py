"""Webhook delivery: a batch of queue messages becomes attempts, deliveries that wait, and records in the log.

Read :mod:`event_service.webhooks.record` for the order in which things are written, which is what makes a crash harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.dates import from_stored
from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.delivery.attempt import LogRecord
from event_service.delivery.messages import BacklogMessage, WebhookMessage, parse_webhook_queue
from event_service.delivery.ports import DeliveryLog
from event_service.delivery.retry_scheduler import discarded_record
from event_service.webhooks.attempt import to_backlog
from event_service.webhooks.backlog_run import BacklogRuns
from event_service.webhooks.batch import Batch, DeliveryReport, InThread, Outcome, Received, Result, Task
from event_service.webhooks.health import HealthTracking
from event_service.webhooks.ports import Snapshot, SnapshotReader
from event_service.webhooks.work import Worker

_LOG = logging.getLogger(__name__)

REPEAT_AFTER: Final = timedelta(minutes=5)
"""A first attempt that is older may have come back from the dead-letter queue, which resets the receive count."""


class WebhookDelivery:
    """The use case behind the webhook queue. One for a process and its event loop."""

    def __init__(
        self,
        *,
        snapshots: SnapshotReader,
        log: DeliveryLog,
        worker: Worker,
        backlog: BacklogRuns,
        health: HealthTracking,
        clock: Clock,
        retention_days: int,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """
        Args:
            snapshots: what a batch begins with.
            log: the log of attempts.
            worker: makes attempts and records them.
            backlog: runs of sending backlogs.
            health: tracks how receivers do.
            clock: the time.
            retention_days: of events.
            in_thread: runs blocking calls.
        """
        self._snapshots = snapshots
        self._log = log
        self._worker = worker
        self._backlog = backlog
        self._health = health
        self._clock = clock
        self._retention = timedelta(days=retention_days)
        self._in_thread = in_thread

    async def deliver(self, received: Sequence[Received], time_left: Callable[[], float]) -> DeliveryReport:
        """Handles one batch.

        Args:
            received: the messages of the batch.
            time_left: seconds until the process is stopped.

        Raises:
            RateLimited, Unavailable: nothing could be read; the whole batch must come again.
        """
        report = DeliveryReport()
        messages: dict[int, WebhookMessage] = {}
        runs: dict[int, BacklogMessage] = {}
        for position, one in enumerate(received):
            try:
                message = parse_webhook_queue(one.text)
            except ValueError as error:
                # Another version's message, or none at all: the dead-letter queue keeps it for a person.
                _LOG.error("unreadable message: %s", error)
                report.failed.add(position)
                continue
            if isinstance(message, BacklogMessage):
                runs[position] = message
            else:
                messages[position] = message
                report.traceparents.append(message.attempt.traceparent)
        suspects = {position for position, message in messages.items() if self._may_be_a_repeat(message, received[position])}
        snapshot = await self._read(messages, suspects) if messages else Snapshot({}, {}, {}, {})
        for position in [one for one, message in messages.items() if message.delivery.endpoint_id in snapshot.unread]:
            # One endpoint whose rows are throttled must not hold up the others of its batch.
            report.failed.add(position)
            del messages[position]
        batch = Batch(snapshot, time_left, report)
        ready, results, discarded = self._sort(batch, messages, received, suspects, snapshot)
        await self._discard_messages(batch, messages, discarded)
        ready = await self._hold_back(batch, ready, results)
        await asyncio.gather(
            self._worker.work(batch, ready, results),
            *(self._backlog.run(batch, position, run) for position, run in runs.items()),
        )
        return report

    # -- what to do with each message ----------------------------------------------------------------------------

    def _may_be_a_repeat(self, message: WebhookMessage, received: Received) -> bool:
        if message.repeat or message.attempt.number > 1 or received.receive_count > 1:
            return True
        return self._clock() - from_stored(message.delivery.accepted_at) > REPEAT_AFTER

    async def _read(self, messages: dict[int, WebhookMessage], suspects: set[int]) -> Snapshot:
        endpoints = {(message.delivery.workspace_id, message.delivery.endpoint_id) for message in messages.values()}
        attempts = [
            attempt.log_key
            for position in suspects
            # The attempt after it as well: if that was made, nothing is left to do for this one.
            for attempt in (messages[position].attempt, messages[position].attempt.following())
        ]
        return await self._in_thread(self._snapshots.read, endpoints, attempts)

    def _sort(
        self,
        batch: Batch,
        messages: dict[int, WebhookMessage],
        received: Sequence[Received],
        suspects: set[int],
        snapshot: Snapshot,
    ) -> tuple[list[Task], list[Result], list[int]]:
        """What is to be sent, what is decided without sending, and the positions of what will never be sent."""
        ready: list[Task] = []
        results: list[Result] = []
        discarded: list[int] = []
        now = self._clock()
        seen: set[tuple[str, str, str, int]] = set()
        for position, message in messages.items():
            key = message.attempt.log_key
            endpoint = batch.endpoints.get(message.delivery.endpoint_id)
            if endpoint is not None and (endpoint.workspace_id != message.delivery.workspace_id or endpoint.url is None):
                endpoint = None
            record = snapshot.recorded.get(key) if position in suspects else None
            if record is not None:
                batch.report.dropped += 1
                followed = message.attempt.following().log_key in snapshot.recorded
                if endpoint is not None and not followed and _may_be_unfinished(record, received[position], now):
                    results.append(Result(Task(message, endpoint, position), Outcome.REPEATED, record))
            elif key in seen:
                # Two copies in one batch: the one that comes again finds the other's record.
                batch.report.failed.add(position)
            elif endpoint is None or from_stored(message.delivery.accepted_at) + self._retention <= now:
                discarded.append(position)
            else:
                seen.add(key)
                task = Task(message, endpoint, position)
                if endpoint.status is EndpointStatus.ENABLED:
                    ready.append(task)
                else:
                    results.append(to_backlog(task, now))
        return ready, results, discarded

    async def _discard_messages(self, batch: Batch, messages: dict[int, WebhookMessage], positions: Sequence[int]) -> None:
        """The endpoint was deleted, or the event has expired. A delivery that no list shows needs no record that says so."""
        shown = [messages[position] for position in positions if messages[position].attempt.listed or messages[position].attempt.number > 1]
        try:
            if shown:
                now = self._clock()
                await self._in_thread(self._log.write, [discarded_record(message.attempt, now) for message in shown])
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d discarded deliveries come again: %s", len(positions), error)
            batch.report.failed.update(positions)
        else:
            batch.report.discarded += len(positions)

    async def _hold_back(self, batch: Batch, ready: list[Task], results: list[Result]) -> list[Task]:
        """Sends nothing to endpoints that we back off from, but one probe where its time has come."""
        backing_off = {task.endpoint.id for task in ready if self._health.backs_off(batch, task.endpoint.id)}
        batch.stopped |= backing_off
        probing = {endpoint_id for endpoint_id in backing_off if await self._health.claim_probe(batch, endpoint_id)}
        kept: list[Task] = []
        for task in ready:
            endpoint_id = task.endpoint.id
            if endpoint_id not in backing_off:
                kept.append(task)
            elif endpoint_id in probing:
                probing.remove(endpoint_id)
                task.probe = True
                kept.append(task)
            else:
                results.append(to_backlog(task, self._clock()))
        return kept


def _may_be_unfinished(record: LogRecord, received: Received, now: datetime) -> bool:
    """Whether the worker that wrote the record may have died before it did what follows."""
    if received.receive_count > 1:
        return True
    return record.next_attempt is not None and now - record.next_attempt > REPEAT_AFTER
