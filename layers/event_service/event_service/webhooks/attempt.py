"""One attempt: from a task to a signed request, and from its answer to the record and the delay before the next one."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final

from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput
from event_service.base.identifiers import delivery_id
from event_service.base.trace_context import next_traceparent, trace_id_of
from event_service.delivery.attempt import MAXIMUM_ATTEMPT_NUMBER, Attempt, DeliveryStatus, FailureClass, LogRecord, PendingAttempt
from event_service.delivery.retry_schedule import delay_before_next
from event_service.delivery.webhook_id import webhook_id
from event_service.webhooks.batch import Batch, Outcome, Result, Task
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.ports import Sender
from event_service.webhooks.signature import signed_headers
from event_service.webhooks.url import WebhookUrl
from event_service.webhooks.verdict import Outcome as Decision
from event_service.webhooks.verdict import Verdict, judge

_LOG = logging.getLogger(__name__)
_DRAW = random.SystemRandom()

USER_AGENT: Final = "event-service/1"
SLOW_SECONDS: Final = 2.0
"""A request that is open for so long says that its endpoint is slow: its time-out would say so too late."""
CUT_SECONDS: Final = 3.0
"""The shared lane leaves a request that takes longer to the endpoint's own lane."""
KEPT_URL_CHARACTERS_PER_SUCCESS: Final = 256
"""Characters: with them the record of a success stays below the kilobyte by which writes are billed."""
RECORD_SECONDS: Final = 10.0
"""Kept for what follows an attempt: no attempt begins with less than this and its own deadline left."""


def draw_jitter() -> float:
    """A random number from 0 to 1. From the system: a generator of this process would be restored with its state by SnapStart,
    and all environments would draw alike."""
    return _DRAW.random()


class Attempts:
    """Turns a task into a signed request, and its answer into record, verdict and delay."""

    def __init__(
        self,
        sender: Sender,
        parse_url: Callable[[str], WebhookUrl],
        clock: Clock,
        deadline_seconds: float,
        draw: Callable[[], float] = draw_jitter,
    ) -> None:
        """
        Args:
            sender: makes requests; it ends each of them after ``deadline_seconds``.
            parse_url: reads a webhook's URL, raising ``BadUserInput``.
            clock: the time.
            deadline_seconds: the most that one request takes.
            draw: a random number from 0 to 1, for jitter.
        """
        self._sender = sender
        self._parse_url = parse_url
        self._clock = clock
        self.deadline_seconds = deadline_seconds
        self._draw = draw

    async def make(self, batch: Batch, task: Task) -> Result:
        """Makes the attempt, with all the time that a request may take."""
        began = self._clock()
        return self._result(task, began, await self.send(batch, task, began))

    async def make_quickly(self, batch: Batch, task: Task, on_slow: Callable[[], Coroutine[Any, Any, None]]) -> Result:
        """Makes the attempt for the shared lane, whose batch lasts as long as its slowest request.

        Args:
            batch: of the invocation.
            task: the attempt.
            on_slow: called when the request is open for long; the attempt goes on meanwhile, and is cut soon.
        """
        began = self._clock()
        if self.deadline_seconds <= CUT_SECONDS:
            return self._result(task, began, await self.send(batch, task, began))
        loop = asyncio.get_running_loop()
        telling: list[asyncio.Task[None]] = []
        timer = loop.call_later(SLOW_SECONDS, lambda: telling.append(loop.create_task(on_slow())))
        try:
            async with asyncio.timeout(CUT_SECONDS):
                answer = await self.send(batch, task, began, ended_by_caller=True)
            return self._result(task, began, answer)
        except TimeoutError:
            return to_backlog(task, self._clock(), Outcome.CUT)
        finally:
            timer.cancel()
            if telling:
                await telling[0]

    async def send(self, batch: Batch, task: Task, now: datetime, *, ended_by_caller: bool = False) -> WebhookAnswer:
        """Makes one signed request, whatever the endpoint's status; ``ended_by_caller`` as in
        :class:`~event_service.webhooks.exchange.WebhookRequest`."""
        endpoint, key = task.endpoint, task.message.delivery
        try:
            url = self._parse_url(endpoint.url or "")
        except BadUserInput as error:
            # The operator's rules have changed since the endpoint was made.
            return WebhookAnswer(None, FailureClass.BLOCKED_ADDRESS, f"No request was sent: {error}", 0)
        body = task.message.body.encode()
        headers = {"content-type": "application/json", "user-agent": USER_AGENT}
        headers |= signed_headers(
            batch.secrets[endpoint.id].valid_at(now),
            webhook_id(key.workspace_id, key.event_id, key.endpoint_id),
            int(now.timestamp()),
            body,
        )
        # Each attempt is a step of its own in the trace of the publish.
        headers["traceparent"] = next_traceparent(task.message.attempt.traceparent)
        request = WebhookRequest(endpoint.id, url, endpoint.method or "POST", headers, body, ended_by_caller=ended_by_caller)
        return await self._sender.send(request)

    def _result(self, task: Task, began: datetime, answer: WebhookAnswer) -> Result:
        now = self._clock()
        verdict = judge(answer.status, answer.headers, answer.failure, now)
        attempt = task.message.attempt
        delay: float | None = None
        status = DeliveryStatus.DELIVERED
        if verdict.outcome is not Decision.DELIVERED:
            if verdict.outcome is Decision.RETRY and attempt.number < MAXIMUM_ATTEMPT_NUMBER:
                delay = self._delay(attempt, verdict)
            status = DeliveryStatus.FAILED if delay is None else DeliveryStatus.PENDING
        record = LogRecord(
            delivery=attempt.delivery,
            status=status,
            date=began,
            next_attempt=None if delay is None else now + timedelta(seconds=delay),
            attempt=attempt_of(attempt.number, began, answer, task.endpoint.url),
            schedule_start=attempt.schedule_start,
            disable_reason=verdict.disable_reason,
            listed=not attempt.listed,
            lists=attempt.lists,
        )
        _tell_of_attempt(attempt, status, answer)
        return Result(task, Outcome.ATTEMPTED, record, verdict, delay, (now - began).total_seconds())

    def _delay(self, attempt: PendingAttempt, verdict: Verdict) -> float | None:
        if verdict.limited:
            # When it comes next is decided by the pace of the endpoint, not by the schedule of one delivery.
            return verdict.retry_after or 0.0
        return delay_before_next(attempt.number - attempt.schedule_start + 1, self._draw(), verdict.retry_after)


def to_backlog(task: Task, now: datetime, outcome: Outcome = Outcome.BACKLOG) -> Result:
    """The result of a task that waits for its endpoint."""
    attempt = task.message.attempt
    record = LogRecord(
        delivery=attempt.delivery,
        status=DeliveryStatus.PENDING,
        date=now,
        waits_for=attempt.number,
        schedule_start=attempt.schedule_start,
        listed=True,
        lists=attempt.lists,
    )
    return Result(task, outcome, record)


def attempt_of(number: int, began: datetime, answer: WebhookAnswer, url: str | None) -> Attempt:
    """The attempt as the log keeps it."""
    if url is not None and answer.failure is None and answer.status is not None and answer.status < 300:
        url = url[:KEPT_URL_CHARACTERS_PER_SUCCESS]
    return Attempt(
        number=number,
        date=began,
        duration_ms=answer.duration_ms,
        status_code=answer.status,
        failure=answer.failure,
        explanation=answer.explanation,
        response_body=answer.body,
        url=url,
        response_headers=answer.failure_headers,
    )


def _tell_of_attempt(attempt: PendingAttempt, status: DeliveryStatus, answer: WebhookAnswer) -> None:
    # A line for each healthy delivery would cost more than the delivery: those are in the summary of the invocation.
    level = logging.DEBUG if status is DeliveryStatus.DELIVERED else logging.INFO
    if _LOG.isEnabledFor(level):
        told = {
            "workspace_id": attempt.delivery.workspace_id,
            "endpoint_id": attempt.delivery.endpoint_id,
            "event_id": attempt.delivery.event_id,
            "delivery_id": delivery_id(attempt.delivery.endpoint_id, attempt.delivery.event_id),
            "trace_id": trace_id_of(attempt.traceparent),
            "attempt": attempt.number,
            "status": answer.status,
            "fault": answer.failure.value if answer.failure else None,
            "milliseconds": answer.duration_ms,
        }
        _LOG.log(level, "attempt: %s", status.value, extra={key: value for key, value in told.items() if value is not None})
