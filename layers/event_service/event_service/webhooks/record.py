"""Recording: the log, the next attempt, and what an answer means for the endpoint, in an order that makes crashes harmless.

1. the record of the attempt. Before it a repeat of the message sends again, with the same ``webhook-id``; after it no
   repeat does;
2. the next attempt, into the queue or the backlog of the endpoint;
3. what the answers say about the endpoint, and what follows from that;
4. the message or the row is done. A repeat that finds the record does 2 and 3 again, where they may have been left undone.

A step that fails is tried again for some seconds, and only that step: the answer is known, and a message that came again would
send the event a second time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import DomainError, Unavailable
from event_service.base.threads import InThread
from event_service.configuration.endpoint import EndpointStatus
from event_service.delivery.attempt import DeliveryStatus, PendingAttempt
from event_service.delivery.lane import MAXIMUM_CONTINUATIONS, MAXIMUM_QUEUE_DELAY_SECONDS
from event_service.delivery.lanes import reminder_for
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import BacklogRow, WebhookQueue
from event_service.webhooks.batch import Batch, Outcome, Result
from event_service.webhooks.health import HealthTracking, event_type_of, is_of_service
from event_service.webhooks.ports import DeliveryStores, EndpointActions

_LOG = logging.getLogger(__name__)
_DRAW = random.SystemRandom()

REPAIR_DELAY_SECONDS: Final = 60.0
"""A retry that may have been sent before is sent again this much later: the first copy then is in the log before it comes."""
TRIES: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.1


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

    async def record(self, batch: Batch, group: Sequence[Result]) -> bool:
        """Writes the records of finished tasks and does what follows; whether all of it is done. If not, their messages come
        again, and their rows are still there."""
        steps: list[Callable[[Batch, Sequence[Result]], Awaitable[None]]] = [self._log, self._continue, self._follow, self._finish]
        for step in steps:
            if not await self._done(step, batch, group):
                batch.fail([one.task for one in group])
                return False
        report = batch.report
        for one in group:
            if one.outcome is Outcome.ATTEMPTED and one.record is not None:
                of_workspace = report.by_workspace.setdefault(one.task.message.delivery.workspace_id, {})
                for counts in (report.attempts, of_workspace):
                    counts[one.record.status] = counts.get(one.record.status, 0) + 1
                made = one.record.attempt
                if made is not None and made.status_code is not None:
                    answers = report.answers_ms.setdefault(one.task.message.delivery.workspace_id, {})
                    answers[made.duration_ms] = answers.get(made.duration_ms, 0) + 1
            report.limited += one.verdict is not None and one.verdict.limited
            report.to_backlog += one.outcome in (Outcome.BACKLOG, Outcome.CUT)
            report.cut += one.outcome is Outcome.CUT
        return True

    async def _done(self, step: Callable[[Batch, Sequence[Result]], Awaitable[None]], batch: Batch, group: Sequence[Result]) -> bool:
        for attempt in range(TRIES):
            try:
                await step(batch, group)
            except (DomainError, Unavailable) as error:
                _LOG.warning("%d deliveries could not be recorded at try %d: %s", len(group), attempt + 1, error)
                if attempt + 1 < TRIES:
                    await asyncio.sleep(FIRST_PAUSE_SECONDS * 2.0**attempt * (0.5 + _DRAW.random()))
            else:
                return True
        return False

    async def _log(self, batch: Batch, group: Sequence[Result]) -> None:
        del batch
        new = [one for one in group if one.record is not None and one.outcome is not Outcome.REPEATED]
        # A delivery that lists know already needs no second record that says that it waits.
        new = [one for one in new if one.outcome is Outcome.ATTEMPTED or not one.task.message.attempt.listed]
        if new:
            await self._in_thread(self._stores.log.write, [one.record for one in new if one.record is not None])

    async def _continue(self, batch: Batch, group: Sequence[Result]) -> None:
        """Next attempts, and those that were not made: into the queue of the shared lane if they come soon, else, and for an
        endpoint in its own lane, into its backlog."""
        now = self._clock()
        rows: list[BacklogRow] = []
        later: list[tuple[WebhookMessage, float]] = []
        for one in group:
            if one.outcome is Outcome.ATTEMPTED and one.delay is None:
                continue  # as nearly all: it was delivered, or given up
            message, attempt = one.task.message, _with_size(one)
            if one.outcome in (Outcome.BACKLOG, Outcome.CUT):
                live = one.outcome is Outcome.CUT or one.task.endpoint.status is EndpointStatus.ENABLED
                rows.append(BacklogRow(replace(attempt, listed=True), attempt.delivery.accepted_at, live=live))
            elif one.outcome is Outcome.POSTPONED:
                if one.task.row is None:
                    later.append((replace(message, continuations=message.continuations + 1, repeat=True), 1.0))
            elif one.delay is not None:
                limited = one.verdict is not None and one.verdict.limited
                following = attempt.following(spent=not limited)
                if limited:
                    # Its place in the backlog stays: the lane decides when the receiver is asked again.
                    at = one.task.row.at if one.task.row else attempt.delivery.accepted_at
                    rows.append(BacklogRow(following, at, live=_is_live(one)))
                elif one.task.row is not None or attempt.delivery.endpoint_id in batch.stopped:
                    at = format_date(now + timedelta(seconds=one.delay))
                    rows.append(BacklogRow(following, at, live=_is_live(one)))
                else:
                    later.append((replace(message, attempt=following, continuations=message.continuations + 1, repeat=False), one.delay))
            elif one.outcome is Outcome.REPEATED and one.record is not None and one.record.next_attempt is not None:
                wait = max(0.0, (one.record.next_attempt - now).total_seconds())
                later.append((message.next_attempt(), wait + REPAIR_DELAY_SECONDS))
        await self._send(batch, rows, later)

    async def _send(self, batch: Batch, rows: list[BacklogRow], later: Sequence[tuple[WebhookMessage, float]]) -> None:
        short: list[tuple[WebhookMessage, float]] = []
        long: list[tuple[WebhookMessage, float]] = []
        for message, delay in later:
            in_queue = delay <= MAXIMUM_QUEUE_DELAY_SECONDS and message.continuations <= MAXIMUM_CONTINUATIONS
            (short if in_queue else long).append((message, delay))
        if short:
            unsent = await self._in_thread(self._queue.send, short)
            long.extend(short[position] for position in unsent)
        now = self._clock()
        due = [
            BacklogRow(replace(message.attempt, body_bytes=len(message.body)), format_date(now + timedelta(seconds=delay)))
            for message, delay in long
        ]
        batch.added_to.update((row.attempt.delivery.workspace_id, row.attempt.delivery.endpoint_id) for row in rows)
        if rows or due:
            await self._in_thread(self._stores.backlog.add, [*rows, *due])
        if due:
            reminders = [
                reminder_for(one.attempt.delivery.workspace_id, one.attempt.delivery.endpoint_id, now + timedelta(seconds=delay))
                for one, (_, delay) in zip(due, long, strict=True)
            ]
            await self._in_thread(self._stores.looks.remind, reminders)

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

    async def _finish(self, batch: Batch, group: Sequence[Result]) -> None:
        del batch
        rows = [one.task.row for one in group if one.task.row is not None and one.outcome in (Outcome.ATTEMPTED, Outcome.REPEATED)]
        if rows:
            await self._in_thread(self._stores.backlog.delete, rows)


def _with_size(result: Result) -> PendingAttempt:
    return replace(result.task.message.attempt, body_bytes=len(result.task.message.body))


def _is_live(result: Result) -> bool:
    return result.task.row is None or result.task.row.live
