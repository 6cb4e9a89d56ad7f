"""The shared lane: a batch of queue messages becomes attempts, rows of backlogs, and records in the log.

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
from event_service.base.threads import InThread
from event_service.configuration.endpoint import EndpointStatus
from event_service.delivery.attempt import LogKey, LogRecord, discarded_record
from event_service.delivery.messages import ON_ITS_WAY, WebhookMessage, parse_webhook_queue
from event_service.delivery.ports import DeliveryLog
from event_service.webhooks.attempt import CUT_SECONDS, RECORD_SECONDS, Attempts, to_backlog
from event_service.webhooks.batch import Batch, DeliveryReport, Outcome, Received, Result, Task
from event_service.webhooks.lane_switch import LaneSwitch
from event_service.webhooks.ports import EndpointState, Snapshot
from event_service.webhooks.record import Recorder
from event_service.webhooks.recording import Recording

_LOG = logging.getLogger(__name__)

UNFINISHED_AFTER: Final = timedelta(minutes=5)
"""Once an attempt is overdue by so much, whoever recorded the one before may have died before it sent the message."""


class WebhookDelivery:
    """The use case behind the webhook queue. One for a process and its event loop.

    Example::

        report = await delivery.deliver([Received(record["body"], receive_count=1)], time_left)
    """

    def __init__(
        self,
        *,
        state: EndpointState,
        log: DeliveryLog,
        attempts: Attempts,
        recorder: Recorder,
        lanes: LaneSwitch,
        clock: Clock,
        retention_days: int,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """
        Args:
            state: what a batch begins with.
            log: the log of attempts.
            attempts: makes attempts.
            recorder: records them.
            lanes: moves endpoints to lanes of their own.
            clock: the time.
            retention_days: of events.
            in_thread: runs blocking calls.
        """
        self._snapshots = state.snapshots
        self._log = log
        self._attempts = attempts
        self._recorder = recorder
        self._lanes = lanes
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
        for position, one in enumerate(received):
            try:
                message = parse_webhook_queue(one.text)
            except ValueError as error:
                # Another version's message, or none at all: the dead-letter queue keeps it for a person.
                _LOG.error("unreadable message: %s", error)
                report.failed.add(position)
                continue
            messages[position] = message
            report.traceparents.append(message.attempt.traceparent)
        if not messages:
            return report
        suspects = {position for position, message in messages.items() if self._may_be_a_repeat(message, received[position])}
        snapshot = await self._read(messages, suspects)
        for position in [one for one, message in messages.items() if message.delivery.endpoint_id in snapshot.unread]:
            # One endpoint whose rows are throttled must not hold up the others of its batch.
            report.failed.add(position)
            del messages[position]
        batch = Batch(snapshot, time_left, report)
        ready, results, discarded = self._sort(batch, messages, received, suspects, snapshot)
        await self._discard_messages(batch, messages, discarded)
        # Whoever had a message before may have died between adding to a backlog and asking for a look.
        again = [message.delivery for position, message in messages.items() if received[position].receive_count > 1]
        batch.added_to.update((delivery.workspace_id, delivery.endpoint_id) for delivery in again)
        await self._work(batch, ready, results)
        await self._ask_for_looks(batch, messages)
        return report

    async def _work(self, batch: Batch, ready: Sequence[Task], results: Sequence[Result]) -> None:
        """Makes the attempts side by side, and records what is finished in groups."""
        recording = Recording(self._recorder, batch)
        for result in results:
            recording.add(result)

        async def make(task: Task) -> None:
            try:
                recording.add(await self._make(batch, task))
            except Exception:  # noqa: BLE001
                # One message that trips a fault of ours must not take its neighbours to the dead-letter queue.
                _LOG.exception("attempt failed by a fault of the service: endpoint %s", task.endpoint.id)
                batch.fail([task])

        running = asyncio.create_task(recording.run())
        await asyncio.gather(*(make(task) for task in ready))
        recording.close()
        await running

    async def _make(self, batch: Batch, task: Task) -> Result:
        endpoint_id = task.endpoint.id
        async with batch.slots(endpoint_id):
            if endpoint_id in batch.stopped:
                return to_backlog(task, self._clock())
            if batch.time_left() < CUT_SECONDS + RECORD_SECONDS:
                return Result(task, Outcome.POSTPONED)
            return await self._attempts.make_quickly(batch, task, lambda: self._lanes.slow(batch, task.endpoint))

    async def _ask_for_looks(self, batch: Batch, messages: dict[int, WebhookMessage]) -> None:
        try:
            await self._lanes.ask_for_looks(batch)
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d backlogs got something that nobody may look for: %s", len(batch.added_to), error)
            endpoints = {endpoint_id for _, endpoint_id in batch.added_to}
            batch.report.failed.update(position for position, one in messages.items() if one.delivery.endpoint_id in endpoints)

    # -- what to do with each message ----------------------------------------------------------------------------

    def _may_be_a_repeat(self, message: WebhookMessage, received: Received) -> bool:
        if message.repeat or message.attempt.number > 1 or received.receive_count > 1:
            return True
        return self._clock() - from_stored(message.delivery.accepted_at) > ON_ITS_WAY

    async def _read(self, messages: dict[int, WebhookMessage], suspects: set[int]) -> Snapshot:
        endpoints = {(message.delivery.workspace_id, message.delivery.endpoint_id) for message in messages.values()}
        attempts = [
            key
            for position in suspects
            # The attempt after it as well: if that was made, nothing is left to do for this one.
            for key in (*messages[position].attempt.log_keys, messages[position].attempt.following().log_key)
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
        seen: set[LogKey] = set()
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
            elif position in suspects and message.attempt.is_superfluous(snapshot.recorded):
                batch.report.dropped += 1
            elif key in seen:
                # Two copies in one batch: the one that comes again finds the other's record.
                batch.report.failed.add(position)
            elif endpoint is None or from_stored(message.delivery.accepted_at) + self._retention <= now:
                discarded.append(position)
            else:
                seen.add(key)
                task = Task(message, endpoint, position)
                if endpoint.status is EndpointStatus.ENABLED and endpoint.id not in batch.stopped:
                    ready.append(task)
                else:
                    results.append(to_backlog(task, now))
        return ready, results, discarded

    async def _discard_messages(self, batch: Batch, messages: dict[int, WebhookMessage], positions: Sequence[int]) -> None:
        """The endpoint was deleted, or the event has expired. A delivery that no list shows needs no record that says so."""
        shown = [messages[position].attempt for position in positions]
        shown = [attempt for attempt in shown if attempt.listed or attempt.number > 1]
        # Two copies of a message would be two records with one key, and a batch that has those is refused as a whole.
        distinct = {attempt.delivery: attempt for attempt in shown}
        try:
            if distinct:
                now = self._clock()
                await self._in_thread(self._log.write, [discarded_record(attempt, now) for attempt in distinct.values()])
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d discarded deliveries come again: %s", len(positions), error)
            batch.report.failed.update(positions)
        else:
            batch.report.discarded += len(positions)


def _may_be_unfinished(record: LogRecord, received: Received, now: datetime) -> bool:
    """Whether the worker that wrote the record may have died before it did what follows."""
    if received.receive_count > 1:
        return True
    return record.next_attempt is not None and now - record.next_attempt > UNFINISHED_AFTER
