"""Recording: the log, the next attempt, and what an answer means for the endpoint, in an order that makes crashes harmless.

1. the record of the attempt. Before it a repeat of the message sends again, with the same ``webhook-id``; after it no
   repeat does;
2. the next attempt, into the queue or the store of retries;
3. what the endpoint's health says, and what follows from that;
4. the message is done. A repeat that finds the record does 2 and 3 again, where they may have been left undone.

Whatever fails between them leaves the message in the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.backlog import MAXIMUM_QUEUE_DELAY_SECONDS
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import DueRetry, WebhookQueue
from event_service.webhooks.batch import Batch, InThread, Outcome, Result
from event_service.webhooks.health import HealthTracking, event_type_of, is_of_service
from event_service.webhooks.ports import DeliveryStores, EndpointActions

_LOG = logging.getLogger(__name__)

MAXIMUM_CONTINUATIONS: Final = 100
"""A message that was sent on through the queue this often goes through the store of retries, whose scheduler starts anew. The
longest schedule takes 9; the bound stops what a fault of ours might keep going."""
REPAIR_DELAY_SECONDS: Final = 60.0
"""A retry that may have been sent before is sent again this much later: the first copy then is in the log before it comes."""


class Recorder:
    """Writes results down and does what follows from them."""

    def __init__(
        self,
        stores: DeliveryStores,
        queue: WebhookQueue,
        health: HealthTracking,
        actions: EndpointActions,
        clock: Clock,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        self._stores = stores
        self._queue = queue
        self._health = health
        self._actions = actions
        self._clock = clock
        self._in_thread = in_thread

    async def record(self, batch: Batch, group: Sequence[Result]) -> None:
        """Writes the records of finished tasks and does what follows; after an error their messages come again."""
        try:
            new = [one for one in group if one.record is not None and not _stays_in_backlog(one) and one.outcome is not Outcome.REPEATED]
            if new:
                await self._in_thread(self._stores.log.write, [one.record for one in new if one.record is not None])
            waiting = [replace(one.task.message.attempt, listed=True) for one in new if one.outcome is Outcome.BACKLOG]
            if waiting:
                await self._in_thread(self._stores.backlog.add, waiting)
            await self.continue_all(group)
            await self._follow(batch, group)
            done = [one.task.message.attempt for one in new if one.task.from_backlog]
            if done:
                await self._in_thread(self._stores.backlog.delete, done)
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d deliveries could not be recorded and come again: %s", len(group), error)
            batch.fail([one.task for one in group])
            return
        report = batch.report
        for one in group:
            if one.outcome is Outcome.ATTEMPTED and one.record is not None:
                report.attempts[one.record.status] = report.attempts.get(one.record.status, 0) + 1
            report.to_backlog += one.outcome is Outcome.BACKLOG
            report.postponed += one.outcome is Outcome.POSTPONED

    async def continue_all(self, group: Sequence[Result]) -> None:
        """Next attempts and postponed ones: into the queue, or into the store of retries if that is later or the queue refuses."""
        now = self._clock()
        later: list[tuple[WebhookMessage, float]] = []
        for one in group:
            message = one.task.message
            if one.outcome is Outcome.POSTPONED and not one.task.from_backlog:
                later.append((replace(message, continuations=message.continuations + 1, repeat=True), 1.0))
            elif one.outcome is Outcome.ATTEMPTED and one.delay is not None:
                later.append((message.next_attempt(), one.delay))
            elif one.outcome is Outcome.REPEATED and one.record is not None and one.record.next_attempt is not None:
                wait = (one.record.next_attempt - now).total_seconds()
                if wait > MAXIMUM_QUEUE_DELAY_SECONDS:
                    # The same entry as before, if there is one.
                    await self._in_thread(self._stores.retries.put, [DueRetry(one.record.next_attempt, message.attempt.following())])
                else:
                    later.append((message.next_attempt(), max(wait, 0.0) + REPAIR_DELAY_SECONDS))
        if not later:
            return
        short: list[tuple[WebhookMessage, float]] = []
        long: list[tuple[WebhookMessage, float]] = []
        for message, delay in later:
            in_queue = delay <= MAXIMUM_QUEUE_DELAY_SECONDS and message.continuations <= MAXIMUM_CONTINUATIONS
            (short if in_queue else long).append((message, delay))
        if short:
            unsent = await self._in_thread(self._queue.send, short)
            long.extend(short[position] for position in unsent)
        if long:
            retries = [DueRetry(now + timedelta(seconds=delay), message.attempt) for message, delay in long]
            await self._in_thread(self._stores.retries.put, retries)

    async def _follow(self, batch: Batch, group: Sequence[Result]) -> None:
        """What the answers say about their endpoints, and events about it."""
        for endpoint_id in dict.fromkeys(one.task.endpoint.id for one in group if one.verdict is not None):
            of_endpoint = [one for one in group if one.task.endpoint.id == endpoint_id and one.verdict is not None]
            await self._health.note(batch, of_endpoint)
        for one in group:
            if one.outcome is Outcome.REPEATED:
                await self._finish_repeat(one)
            if one.record is None or one.record.attempt is None or one.outcome not in (Outcome.ATTEMPTED, Outcome.REPEATED):
                continue
            reason = one.record.disable_reason
            if reason is not None and one.outcome is Outcome.ATTEMPTED:
                await self._health.disable(batch, one.task.endpoint, reason)
            if one.record.status is DeliveryStatus.FAILED:
                event_type = event_type_of(one.task.message)
                if not is_of_service(event_type):
                    arguments = (one.task.endpoint, one.task.message.delivery.event_id, event_type, one.record.attempt)
                    await self._in_thread(self._actions.events.delivery_failed, *arguments)

    async def _finish_repeat(self, one: Result) -> None:
        """The endpoint may not have been disabled, or nobody told of it, when the worker died."""
        endpoint, record = one.task.endpoint, one.record
        if record is None or record.disable_reason is None:
            return
        if endpoint.status is EndpointStatus.DISABLED and endpoint.status_reason == record.disable_reason:
            await self._in_thread(self._actions.events.endpoint_disabled, endpoint)
        elif endpoint.modified < record.date:
            await self._in_thread(self._actions.disabler().disable_endpoint, endpoint.workspace_id, endpoint.id, record.disable_reason)


def _stays_in_backlog(result: Result) -> bool:
    return result.outcome is Outcome.BACKLOG and result.task.from_backlog
