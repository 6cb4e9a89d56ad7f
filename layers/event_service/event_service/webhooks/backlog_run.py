"""One run of sending an endpoint's backlog (see :mod:`event_service.delivery.backlog`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery.attempt import PendingAttempt
from event_service.delivery.backlog import EMPTY_SECONDS, MAXIMUM_QUEUE_DELAY_SECONDS, RUN_SECONDS, BacklogTickets
from event_service.delivery.messages import BacklogMessage
from event_service.delivery.ports import BacklogTicket
from event_service.delivery.receiver_health import MAXIMUM_BACK_OFF_SECONDS
from event_service.delivery.retry_scheduler import discarded_record, events_of, stored_message
from event_service.webhooks.batch import Batch, InThread, Outcome, Result, Task
from event_service.webhooks.health import HealthTracking
from event_service.webhooks.ports import BacklogReaders, DeliveryStores
from event_service.webhooks.record import Recorder
from event_service.webhooks.work import Worker

_LOG = logging.getLogger(__name__)

DELIVERIES_PER_RUN: Final = 100
RUN_WORK_SECONDS: Final = 10.0
"""A run begins no further request then: messages that came in the same batch are only acknowledged with it."""
MAXIMUM_CONTINUED_RUNS: Final = 1_000
"""Runs of one chain, 100,000 deliveries. Then the scheduler begins the next chain."""


class BacklogRuns:
    """Sends backlogs, one run at a time for an endpoint."""

    def __init__(
        self,
        readers: BacklogReaders,
        stores: DeliveryStores,
        tickets: BacklogTickets,
        health: HealthTracking,
        worker: Worker,
        recorder: Recorder,
        clock: Clock,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._readers = readers
        self._stores = stores
        self._tickets = tickets
        self._health = health
        self._worker = worker
        self._recorder = recorder
        self._clock = clock
        self._in_thread = in_thread

    async def run(self, batch: Batch, position: int, run: BacklogMessage) -> None:
        """Sends the oldest deliveries of a backlog. Should it fail, the scheduler starts it again."""
        ticket = BacklogTicket(run.workspace_id, run.endpoint_id, self._tickets.draw_token(), self._in(RUN_SECONDS))
        try:
            if not await self._in_thread(self._stores.backlog.put_ticket, ticket, run.token):
                return  # another run is under way, or the backlog is gone
            await self._send_oldest(batch, run, ticket)
        except (DomainError, Unavailable) as error:
            _LOG.warning("a run of the backlog of endpoint %s failed: %s", run.endpoint_id, error)
            # The token is spent once the ticket is ours; before that the message itself must come again.
            batch.report.failed.add(position)

    async def _send_oldest(self, batch: Batch, run: BacklogMessage, ticket: BacklogTicket) -> None:
        endpoint_id = run.endpoint_id
        snapshot = await self._in_thread(self._readers.snapshots.read, [(run.workspace_id, endpoint_id)], [])
        snapshot.require_all()
        endpoint = snapshot.endpoints.get(endpoint_id)
        batch.add(snapshot)
        if endpoint is not None and endpoint.status is not EndpointStatus.ENABLED:
            # Whoever resumes the endpoint starts anew.
            await self._in_thread(self._stores.backlog.delete_ticket, ticket)
            return
        backs_off = endpoint is not None and self._health.backs_off(batch, endpoint_id)
        waiting = await self._in_thread(self._stores.backlog.oldest, endpoint_id, 1 if backs_off else DELIVERIES_PER_RUN)
        if not waiting:
            await self._end_or_look_again(ticket, run, backs_off=backs_off)
            return
        probe = backs_off and await self._health.claim_probe(batch, endpoint_id)
        if backs_off and not probe:
            await self._look_again(ticket, max(batch.health[endpoint_id].backs_off_until or self._clock(), self._in(1.0)))
            return
        if backs_off:
            batch.stopped.add(endpoint_id)
        if endpoint is None:
            await self._discard(batch, waiting)
        else:
            await self._send_waiting(batch, endpoint, waiting, probe=probe)
        # After a probe, and when a back-off has begun, sending has been begun anew, with a ticket of its own.
        if run.continuations < MAXIMUM_CONTINUED_RUNS and endpoint_id not in batch.stopped:
            await self._in_thread(self._tickets.send, ticket, 0.0, run.continuations + 1)

    async def _end_or_look_again(self, ticket: BacklogTicket, run: BacklogMessage, *, backs_off: bool) -> None:
        """The backlog is empty. While we back off others may add to it at any moment, and nobody else would send it."""
        if backs_off:
            await self._look_again(ticket, self._in(MAXIMUM_BACK_OFF_SECONDS))
        elif run.found_empty_once:
            await self._in_thread(self._stores.backlog.delete_ticket, ticket)
        else:
            empty = replace(ticket, check_at=self._in(EMPTY_SECONDS), found_empty_once=True)
            await self._in_thread(self._stores.backlog.put_ticket, empty, ticket.token)

    async def _look_again(self, ticket: BacklogTicket, at: datetime) -> None:
        delay = max(0.0, (at - self._clock()).total_seconds())
        in_queue = delay <= MAXIMUM_QUEUE_DELAY_SECONDS
        later = replace(ticket, check_at=at + timedelta(seconds=RUN_SECONDS if in_queue else 0.0))
        if await self._in_thread(self._stores.backlog.put_ticket, later, ticket.token):
            await self._in_thread(self._tickets.send, later, delay)

    async def _discard(self, batch: Batch, waiting: Sequence[PendingAttempt]) -> None:
        now = self._clock()
        await self._in_thread(self._stores.log.write, [discarded_record(one, now) for one in waiting])
        await self._in_thread(self._stores.backlog.delete, list(waiting))
        batch.report.discarded += len(waiting)

    async def _send_waiting(self, batch: Batch, endpoint: Endpoint, waiting: Sequence[PendingAttempt], *, probe: bool) -> None:
        events = await self._in_thread(events_of, self._readers.events, waiting)
        gone = [one for one in waiting if one.delivery.event not in events]
        if gone:
            await self._discard(batch, gone)
        alive = {one.log_key: one for one in waiting if one.delivery.event in events}
        snapshot = await self._in_thread(self._readers.snapshots.read, [], list(alive))
        snapshot.require_all()
        recorded = snapshot.recorded
        done = [one for key, one in alive.items() if key in recorded]
        if done:
            # A run died between the record and the row. The retry, if one is needed, may not have been sent.
            tasks = [Task(stored_message(one, events[one.delivery.event]), endpoint) for one in done]
            await self._recorder.continue_all([Result(task, Outcome.REPEATED, recorded[task.message.attempt.log_key]) for task in tasks])
            await self._in_thread(self._stores.backlog.delete, done)
            batch.report.dropped += len(done)
        least = batch.time_left() - RUN_WORK_SECONDS
        left = [one for key, one in alive.items() if key not in recorded]
        tasks = [Task(stored_message(one, events[one.delivery.event]), endpoint, probe=probe, least_time=least) for one in left]
        await self._worker.work(batch, tasks, [])

    def _in(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)
