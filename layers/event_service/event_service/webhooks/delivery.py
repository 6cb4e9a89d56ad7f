"""Webhook delivery: a batch of messages becomes requests, records in the log, and what follows from the answers.

The order in which things are written is what makes a crash harmless, wherever it happens:

1. the record of the attempt. Before it a repeat of the message sends again, with the same ``webhook-id``; after it no
   repeat does;
2. the next attempt, into the queue or the due index;
3. what the endpoint's health says, and what follows from that;
4. the message is done. A repeat that finds the record does 2 and 3 again, where they may have been left undone.

Whatever fails between them leaves the message in the queue.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeVar

from event_service.base.clock import Clock
from event_service.base.dates import format_date, from_stored
from event_service.base.errors import BadUserInput, DomainError, Unavailable
from event_service.base.identifiers import delivery_id, new_id
from event_service.base.trace_context import next_traceparent, trace_id_of
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import MAXIMUM_ATTEMPT_NUMBER, Attempt, DeliveryStatus, FailureClass, LogRecord
from event_service.delivery.backlog import MAXIMUM_QUEUE_DELAY_SECONDS, QUIET_SECONDS, STEP_SECONDS, Drains
from event_service.delivery.messages import DrainMessage, WebhookMessage, parse_webhook_queue
from event_service.delivery.ports import (
    DeliveryLog,
    DeliveryQueue,
    DrainMarker,
    DueDelivery,
    DueStore,
    EndpointDisabler,
    HealthStore,
    ParkedStore,
    WaitingDelivery,
)
from event_service.delivery.receiver_health import DISABLE_AFTER, MAXIMUM_COOLING_SECONDS, EndpointHealth, Failures, after_failures
from event_service.delivery.retry_schedule import delay_before_next
from event_service.delivery.retry_scheduler import discarded_record, events_of, waiting_message
from event_service.delivery.service_events import OperationalEvents
from event_service.delivery.webhook_id import webhook_id
from event_service.events.event import RESERVED_TYPE_PREFIX, Event
from event_service.events.ports import EventStore
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.ports import Sender, Snapshot, SnapshotReader
from event_service.webhooks.signature import signed_headers
from event_service.webhooks.url import WebhookUrl
from event_service.webhooks.verdict import Outcome, Verdict, judge

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

USER_AGENT: Final = "event-service/1"
TEST_TYPE: Final = f"{RESERVED_TYPE_PREFIX}endpoint.test"
REQUESTS_TO_ONE_ENDPOINT: Final = 10
"""At once, in one invocation."""
WAITING_REQUESTS: Final = REQUESTS_TO_ONE_ENDPOINT // 2
"""The half of them that what waited may use: live events keep the other one."""
WAITING_IN_ONE_STEP: Final = 100
STEP_WORK_SECONDS: Final = 10.0
"""A step begins no further request then: messages that came in the same batch are only acknowledged with it."""
RECORDS_IN_ONE_WRITE: Final = 25
GROUP_SECONDS: Final = 0.2
"""How long an answer waits for others before it is recorded. A receiver that hangs must not keep the answers of others out of
the log; one write for each answer would double the calls."""
SETTLE_SECONDS: Final = 10.0
"""Kept for what follows an attempt: no attempt begins with less than this and its own deadline left."""
MAXIMUM_HOPS: Final = 100
"""A message that was continued through the queue this often goes through the due index, whose scheduler starts anew. The
longest schedule takes 9; the bound stops what a fault of ours might keep going."""
REPEAT_AFTER: Final = timedelta(minutes=5)
"""A first attempt that is older may have come back from the dead-letter queue, which resets the receive count."""
REPAIR_DELAY_SECONDS: Final = 60.0
"""A retry that may have been sent before is sent again this much later: the first copy then is in the log before it comes."""
MAXIMUM_STEPS: Final = 1_000
"""Hops of a chain of steps, 100,000 waiting deliveries. Then the scheduler begins the next chain."""
HEALTH_TRIES: Final = 5


class InThread(Protocol):
    """Runs blocking code beside the event loop."""

    def __call__(self, function: Callable[..., _T], /, *arguments: Any) -> Awaitable[_T]:
        """What the function returns or raises."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the queue handed it over; ``receive_count`` is 1 the first time."""

    text: str
    receive_count: int = 1


@dataclass(slots=True)
class DeliveryReport:
    """What became of a batch.

    Attributes:
        failed: positions of messages that must come again.
        attempts: requests that were made, by what the delivery is after them.
        held: put aside, because the endpoint is off or cools down.
        dropped: attempts that the log had already.
        discarded: deliveries that will never be made.
        postponed: handed back for want of time.
        disabled: endpoints that were disabled.
        traceparents: of the messages.
    """

    failed: set[int] = field(default_factory=set)
    attempts: dict[DeliveryStatus, int] = field(default_factory=dict)
    held: int = 0
    dropped: int = 0
    discarded: int = 0
    postponed: int = 0
    disabled: int = 0
    traceparents: list[str | None] = field(default_factory=list)


class NotTestable(Exception):
    """No test can be sent there; the text says why."""


class _Fate(Enum):
    ATTEMPTED = auto()
    HELD = auto()
    POSTPONED = auto()
    REPEATED = auto()
    """The log has it; only what follows from the record is done again."""


@dataclass(eq=False, slots=True)
class _Task:
    """One delivery to make. ``position`` in the batch; ``None`` for one that waited, which has a row instead."""

    message: WebhookMessage
    endpoint: Endpoint
    position: int | None = None
    waiting: WaitingDelivery | None = None
    probe: bool = False
    least_time: float = 0.0
    """With fewer seconds left it is not begun any more."""


@dataclass(slots=True)
class _Result:
    task: _Task
    fate: _Fate
    record: LogRecord | None = None
    verdict: Verdict | None = None
    delay: float | None = None


class _Batch:
    """What one invocation knows."""

    def __init__(self, snapshot: Snapshot, time_left: Callable[[], float], report: DeliveryReport) -> None:
        self.time_left = time_left
        self.report = report
        self.secrets: dict[str, EndpointSecrets] = {}
        self.health: dict[str, EndpointHealth] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.held: set[str] = set()
        """Endpoints to which nothing more is sent: off, or cooling."""
        self.disabled: set[str] = set()
        self._slots: dict[tuple[str, bool], asyncio.Semaphore] = {}
        self.learn(snapshot)

    def learn(self, snapshot: Snapshot) -> None:
        self.endpoints.update(snapshot.endpoints)
        self.secrets.update(snapshot.secrets)
        self.health.update(snapshot.health)

    def slots(self, task: _Task) -> asyncio.Semaphore:
        key = (task.endpoint.id, task.waiting is not None)
        if key not in self._slots:
            self._slots[key] = asyncio.Semaphore(WAITING_REQUESTS if key[1] else REQUESTS_TO_ONE_ENDPOINT)
        return self._slots[key]

    def fail(self, task: _Task) -> None:
        if task.position is not None:
            self.report.failed.add(task.position)


class WebhookDelivery:
    """The use case behind the webhook queue. One for a process and its event loop."""

    def __init__(
        self,
        *,
        snapshots: SnapshotReader,
        log: DeliveryLog,
        sender: Sender,
        queue: DeliveryQueue,
        due: DueStore,
        parked: ParkedStore,
        health: HealthStore,
        store: EventStore,
        drains: Drains,
        events: OperationalEvents,
        disabler: Callable[[], EndpointDisabler],
        parse_url: Callable[[str], WebhookUrl],
        clock: Clock,
        retention_days: int,
        deadline_seconds: float,
        draw: Callable[[], float] = random.random,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """
        Args:
            snapshots: what a batch begins with.
            log: the log of attempts.
            sender: makes requests; it ends each of them after ``deadline_seconds``.
            queue: this use case's own queue.
            due: retries that are due later than a queue can hold them back.
            parked: what waits for its endpoint.
            health: of endpoints that fail.
            store: the events that waiting deliveries refer to.
            drains: starts the sending of what waits.
            events: says what happened.
            disabler: disables endpoints; made on the first use, since few invocations need it.
            parse_url: reads a webhook's URL, raising ``BadUserInput``.
            clock: the time.
            retention_days: of events.
            deadline_seconds: the most that one request takes.
            draw: a random number from 0 to 1, for jitter.
            in_thread: runs blocking calls.
        """
        self._snapshots = snapshots
        self._log = log
        self._sender = sender
        self._queue = queue
        self._due = due
        self._parked = parked
        self._health = health
        self._store = store
        self._drains = drains
        self._events = events
        self._disabler = disabler
        self._parse_url = parse_url
        self._clock = clock
        self._retention = timedelta(days=retention_days)
        self._deadline = deadline_seconds
        self._draw = draw
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
        steps: dict[int, DrainMessage] = {}
        for position, one in enumerate(received):
            try:
                message = parse_webhook_queue(one.text)
            except ValueError as error:
                # Another version's message, or none at all: the dead-letter queue keeps it for a person.
                _LOG.error("unreadable message: %s", error)
                report.failed.add(position)
                continue
            if isinstance(message, DrainMessage):
                steps[position] = message
            else:
                messages[position] = message
                report.traceparents.append(message.traceparent)
        suspects = {position for position, message in messages.items() if self._may_be_a_repeat(message, received[position])}
        snapshot = await self._read(messages, suspects) if messages else Snapshot({}, {}, {}, {})
        batch = _Batch(snapshot, time_left, report)
        ready, results, discarded = self._sort(batch, messages, received, suspects, snapshot)
        await self._discard_messages(batch, messages, discarded)
        ready = await self._hold_back(batch, ready, results)
        await asyncio.gather(
            self._work(batch, ready, results),
            *(self._step(batch, position, step) for position, step in steps.items()),
        )
        return report

    async def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        """Sends one event made for this purpose, now, whatever the endpoint's status; it is neither stored nor logged.

        Raises:
            NotTestable: there is no such webhook.
        """
        snapshot = await self._in_thread(self._snapshots.read, [(workspace_id, endpoint_id)], [])
        endpoint = snapshot.endpoints.get(endpoint_id)
        if endpoint is None or endpoint.url is None:
            raise NotTestable(f"endpoint {endpoint_id} is no webhook of this workspace")
        now = self._clock()
        event = Event(
            id=new_id(),
            type=TEST_TYPE,
            date=now,
            data={"endpointId": endpoint.id, "endpointName": endpoint.name},
            agent_id=None,
            camera_id=None,
            workspace_id=workspace_id,
            created=now,
        )
        message = WebhookMessage(workspace_id, endpoint_id, event.id, format_date(now), None, event.as_json())
        batch = _Batch(snapshot, lambda: self._deadline, DeliveryReport())
        task = _Task(message, endpoint)
        answer = await self._send(batch, task, now)
        return _attempt_of(1, now, answer)

    # -- what to do with each message ----------------------------------------------------------------------------

    def _may_be_a_repeat(self, message: WebhookMessage, received: Received) -> bool:
        if message.repeat or message.attempt > 1 or received.receive_count > 1:
            return True
        return self._clock() - from_stored(message.accepted_at) > REPEAT_AFTER

    async def _read(self, messages: dict[int, WebhookMessage], suspects: set[int]) -> Snapshot:
        endpoints = {(message.workspace_id, message.endpoint_id) for message in messages.values()}
        attempts = [
            (message.endpoint_id, message.workspace_id, message.event_id, number)
            for position in suspects
            for message in (messages[position],)
            # The attempt behind it as well: if that was made, nothing is left to do for this one.
            for number in (message.attempt, message.attempt + 1)
        ]
        return await self._in_thread(self._snapshots.read, endpoints, attempts)

    def _sort(
        self,
        batch: _Batch,
        messages: dict[int, WebhookMessage],
        received: Sequence[Received],
        suspects: set[int],
        snapshot: Snapshot,
    ) -> tuple[list[_Task], list[_Result], list[int]]:
        """What is to be sent, what is decided without sending, and the positions of what will never be sent."""
        ready: list[_Task] = []
        results: list[_Result] = []
        discarded: list[int] = []
        now = self._clock()
        seen: set[tuple[str, str, str, int]] = set()
        for position, message in messages.items():
            key = (message.endpoint_id, message.workspace_id, message.event_id, message.attempt)
            endpoint = batch.endpoints.get(message.endpoint_id)
            if endpoint is not None and (endpoint.workspace_id != message.workspace_id or endpoint.url is None):
                endpoint = None
            record = snapshot.recorded.get(key) if position in suspects else None
            if record is not None:
                batch.report.dropped += 1
                followed = (*key[:3], message.attempt + 1) in snapshot.recorded
                if endpoint is not None and not followed and _may_be_unfinished(record, received[position], now):
                    results.append(_Result(_Task(message, endpoint, position), _Fate.REPEATED, record))
            elif key in seen:
                # Two copies in one batch: the one that comes again finds the other's record.
                batch.report.failed.add(position)
            elif endpoint is None or from_stored(message.accepted_at) + self._retention <= now:
                discarded.append(position)
            else:
                seen.add(key)
                task = _Task(message, endpoint, position)
                if endpoint.status is EndpointStatus.ENABLED:
                    ready.append(task)
                else:
                    results.append(self._held(task, now))
        return ready, results, discarded

    async def _discard_messages(self, batch: _Batch, messages: dict[int, WebhookMessage], positions: Sequence[int]) -> None:
        """The endpoint was deleted, or the event has expired. A delivery that no list shows needs no record that says so."""
        shown = [messages[position] for position in positions if messages[position].listed or messages[position].attempt > 1]
        try:
            if shown:
                now = self._clock()
                await self._in_thread(self._log.write, [discarded_record(_waiting(message), now) for message in shown])
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d discarded deliveries come again: %s", len(positions), error)
            batch.report.failed.update(positions)
        else:
            batch.report.discarded += len(positions)

    async def _hold_back(self, batch: _Batch, ready: list[_Task], results: list[_Result]) -> list[_Task]:
        """Keeps from sending what is for endpoints that cool down, but for one probe where its time has come."""
        cooling = {task.endpoint.id for task in ready if self._cools(batch, task.endpoint.id)}
        batch.held |= cooling
        probing = {endpoint_id for endpoint_id in cooling if await self._claim_probe(batch, endpoint_id)}
        kept: list[_Task] = []
        for task in ready:
            endpoint_id = task.endpoint.id
            if endpoint_id not in cooling:
                kept.append(task)
            elif endpoint_id in probing:
                probing.remove(endpoint_id)
                task.probe = True
                kept.append(task)
            else:
                results.append(self._held(task, self._clock()))
        return kept

    def _cools(self, batch: _Batch, endpoint_id: str) -> bool:
        health = batch.health.get(endpoint_id)
        return health is not None and health.cools(self._clock())

    async def _claim_probe(self, batch: _Batch, endpoint_id: str) -> bool:
        """Whether this invocation is the one that may send a probe."""
        health = batch.health[endpoint_id]
        now = self._clock()
        if health.cooling_until is None or health.cooling_until > now:
            return False
        # Longer than an invocation: should it die, the next one may probe.
        claimed = health.claimed(now, STEP_SECONDS)
        try:
            won = await self._in_thread(self._health.put, batch.endpoints[endpoint_id].workspace_id, claimed, health)
        except (DomainError, Unavailable):
            return False
        if won:
            batch.health[endpoint_id] = claimed
        return won

    def _held(self, task: _Task, now: datetime) -> _Result:
        message = task.message
        record = LogRecord(
            workspace_id=message.workspace_id,
            endpoint_id=message.endpoint_id,
            event_id=message.event_id,
            accepted_at=message.accepted_at,
            status=DeliveryStatus.PENDING,
            date=now,
            waits_for=message.attempt,
            schedule_start=message.schedule_start,
            listed=not message.listed,
        )
        return _Result(task, _Fate.HELD, record)

    # -- attempts ------------------------------------------------------------------------------------------------

    async def _work(self, batch: _Batch, ready: Sequence[_Task], results: Sequence[_Result]) -> None:
        """Sends, and settles what is finished in groups."""
        finished = list(results)
        left = len(ready)
        some = asyncio.Event()
        enough = asyncio.Event()

        async def run(task: _Task) -> None:
            nonlocal left
            try:
                finished.append(await self._attempt(batch, task))
            except Exception:  # noqa: BLE001
                # One message that trips a fault of ours must not take its neighbours to the dead-letter queue.
                _LOG.exception("attempt failed by a fault of the service: endpoint %s", task.endpoint.id)
                batch.fail(task)
            finally:
                left -= 1
                some.set()
                if not left or len(finished) >= RECORDS_IN_ONE_WRITE:
                    enough.set()

        running = [asyncio.create_task(run(task)) for task in ready]
        while left or finished:
            if not finished:
                some.clear()
                await some.wait()
                continue
            if left and len(finished) < RECORDS_IN_ONE_WRITE:
                enough.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(GROUP_SECONDS):
                        await enough.wait()
            group = finished[:RECORDS_IN_ONE_WRITE]
            del finished[:RECORDS_IN_ONE_WRITE]
            await self._settle(batch, group)
        for task in running:
            task.result()

    async def _attempt(self, batch: _Batch, task: _Task) -> _Result:
        async with batch.slots(task):
            if task.endpoint.id in batch.held and not task.probe:
                return self._held(task, self._clock())
            if batch.time_left() < max(self._deadline + SETTLE_SECONDS, task.least_time):
                return _Result(task, _Fate.POSTPONED)
            began = self._clock()
            answer = await self._send(batch, task, began)
        now = self._clock()
        verdict = judge(answer.status, answer.headers, answer.failure, now)
        return self._result(task, began, now, answer, verdict)

    async def _send(self, batch: _Batch, task: _Task, now: datetime) -> WebhookAnswer:
        message, endpoint = task.message, task.endpoint
        try:
            url = self._parse_url(endpoint.url or "")
        except BadUserInput as error:
            # The operator's rules have changed since the endpoint was made.
            return WebhookAnswer(None, FailureClass.BLOCKED_ADDRESS, f"No request was sent: {error}", 0)
        body = message.body.encode()
        headers = {"content-type": "application/json", "user-agent": USER_AGENT}
        headers |= signed_headers(
            batch.secrets[endpoint.id].valid_at(now),
            webhook_id(message.workspace_id, message.event_id, message.endpoint_id),
            int(now.timestamp()),
            body,
        )
        # Each attempt is a step of its own in the trace of the publish.
        headers["traceparent"] = next_traceparent(message.traceparent)
        return await self._sender.send(WebhookRequest(endpoint.id, url, endpoint.method or "POST", headers, body))

    def _result(self, task: _Task, began: datetime, now: datetime, answer: WebhookAnswer, verdict: Verdict) -> _Result:
        message = task.message
        delay: float | None = None
        status = DeliveryStatus.DELIVERED
        if verdict.outcome is not Outcome.DELIVERED:
            if verdict.outcome is Outcome.RETRY and message.attempt < MAXIMUM_ATTEMPT_NUMBER:
                delay = delay_before_next(message.attempt - message.schedule_start + 1, self._draw(), verdict.retry_after)
            status = DeliveryStatus.FAILED if delay is None else DeliveryStatus.PENDING
        record = LogRecord(
            workspace_id=message.workspace_id,
            endpoint_id=message.endpoint_id,
            event_id=message.event_id,
            accepted_at=message.accepted_at,
            status=status,
            date=began,
            next_attempt=None if delay is None else now + timedelta(seconds=delay),
            attempt=_attempt_of(message.attempt, began, answer),
            schedule_start=message.schedule_start,
            disable_reason=verdict.disable_reason,
            listed=not message.listed,
        )
        _tell_of_attempt(message, status, answer)
        return _Result(task, _Fate.ATTEMPTED, record, verdict, delay)

    # -- what follows --------------------------------------------------------------------------------------------

    async def _settle(self, batch: _Batch, group: Sequence[_Result]) -> None:
        """Writes what has to be written for finished tasks; after an error their messages come again."""
        try:
            # One that waited and is held goes on waiting where it is.
            new = [one for one in group if one.record is not None and not _is_waiting_still(one) and one.fate is not _Fate.REPEATED]
            if new:
                await self._in_thread(self._log.write, [one.record for one in new if one.record is not None])
            parks = [_waiting(one.task.message, listed=True) for one in new if one.fate is _Fate.HELD]
            if parks:
                await self._in_thread(self._parked.park, parks)
            await self._send_on(group)
            await self._follow(batch, group)
            done = [one.task.waiting for one in new if one.task.waiting is not None]
            if done:
                await self._in_thread(self._parked.delete, done)
        except (DomainError, Unavailable) as error:
            _LOG.warning("%d deliveries could not be settled and come again: %s", len(group), error)
            for one in group:
                batch.fail(one.task)
            return
        report = batch.report
        for one in group:
            if one.fate is _Fate.ATTEMPTED and one.record is not None:
                report.attempts[one.record.status] = report.attempts.get(one.record.status, 0) + 1
            report.held += one.fate is _Fate.HELD
            report.postponed += one.fate is _Fate.POSTPONED

    async def _send_on(self, group: Sequence[_Result]) -> None:
        """Next attempts and postponed ones: into the queue, or into the due index if that is later or the queue refuses."""
        now = self._clock()
        later: list[tuple[WebhookMessage, float]] = []
        for one in group:
            message = one.task.message
            if one.fate is _Fate.POSTPONED and one.task.waiting is None:
                later.append((replace(message, hop=message.hop + 1, repeat=True), 1.0))
            elif one.fate is _Fate.ATTEMPTED and one.delay is not None:
                later.append((_next(message), one.delay))
            elif one.fate is _Fate.REPEATED and one.record is not None and one.record.next_attempt is not None:
                wait = (one.record.next_attempt - now).total_seconds()
                if wait > MAXIMUM_QUEUE_DELAY_SECONDS:
                    # The same entry as before, if there is one.
                    await self._in_thread(self._due.put, [DueDelivery(one.record.next_attempt, _waiting(_next(message), listed=True))])
                else:
                    later.append((_next(message), max(wait, 0.0) + REPAIR_DELAY_SECONDS))
        if not later:
            return
        short = [one for one in later if one[1] <= MAXIMUM_QUEUE_DELAY_SECONDS and one[0].hop <= MAXIMUM_HOPS]
        long = [one for one in later if not (one[1] <= MAXIMUM_QUEUE_DELAY_SECONDS and one[0].hop <= MAXIMUM_HOPS)]
        if short:
            unsent = await self._in_thread(self._queue.send, short)
            long.extend(short[position] for position in unsent)
        if long:
            entries = [DueDelivery(now + timedelta(seconds=delay), _waiting(message)) for message, delay in long]
            await self._in_thread(self._due.put, entries)

    async def _follow(self, batch: _Batch, group: Sequence[_Result]) -> None:
        """What the answers say about their endpoints, and events about it."""
        for endpoint_id in dict.fromkeys(one.task.endpoint.id for one in group if one.verdict is not None):
            of_endpoint = [one for one in group if one.task.endpoint.id == endpoint_id and one.verdict is not None]
            await self._note_health(batch, of_endpoint)
        for one in group:
            if one.fate is _Fate.REPEATED:
                await self._finish_repeat(one)
            if one.record is None or one.record.attempt is None or one.fate not in (_Fate.ATTEMPTED, _Fate.REPEATED):
                continue
            reason = one.record.disable_reason
            if reason is not None and one.fate is _Fate.ATTEMPTED:
                await self._disable(batch, one.task.endpoint, reason)
            if one.record.status is DeliveryStatus.FAILED:
                event_type = _event_type(one.task.message)
                if not _is_operational(event_type):
                    message = one.task.message
                    arguments = (one.task.endpoint, message.event_id, event_type, one.record.attempt)
                    await self._in_thread(self._events.delivery_failed, *arguments)

    async def _finish_repeat(self, one: _Result) -> None:
        """The endpoint may not have been disabled, or nobody told of it, when the worker died."""
        endpoint, record = one.task.endpoint, one.record
        if record is None or record.disable_reason is None:
            return
        if endpoint.status is EndpointStatus.DISABLED and endpoint.status_reason == record.disable_reason:
            await self._in_thread(self._events.endpoint_disabled, endpoint)
        elif endpoint.modified < record.date:
            await self._in_thread(self._disabler().disable_endpoint, endpoint.workspace_id, endpoint.id, record.disable_reason)

    async def _disable(self, batch: _Batch, endpoint: Endpoint, reason: str) -> None:
        if endpoint.id in batch.disabled:
            return
        await self._in_thread(self._disabler().disable_endpoint, endpoint.workspace_id, endpoint.id, reason)
        # Only now may others be put aside: whoever resumes the endpoint sends them.
        batch.held.add(endpoint.id)
        batch.disabled.add(endpoint.id)
        batch.report.disabled += 1
        _LOG.warning("endpoint %s disabled: %s", endpoint.id, reason)

    async def _note_health(self, batch: _Batch, results: Sequence[_Result]) -> None:
        endpoint = results[0].task.endpoint
        known = batch.health.get(endpoint.id)
        succeeded = False
        seen: Failures | None = None
        failed: list[WebhookMessage] = []
        for one in results:
            verdict = one.verdict
            if verdict is None:
                continue
            if verdict.outcome is Outcome.DELIVERED:
                succeeded, seen = True, None
                continue
            seen = seen or Failures()
            seen.add(strike=verdict.counts_to_cooling, slow=verdict.slow_endpoint, retry_after=verdict.retry_after)
            seen.probe = seen.probe or one.task.probe
            failed.append(one.task.message)
        if succeeded and known is not None:
            await self._recover(batch, endpoint, known)
            known = None
        if seen is not None:
            await self._note_failures(batch, endpoint, known, seen, failed)

    async def _recover(self, batch: _Batch, endpoint: Endpoint, known: EndpointHealth) -> None:
        if known.warned:
            await self._in_thread(self._events.endpoint_recovered, endpoint, known.failing_since)
        await self._in_thread(self._health.clear, endpoint.workspace_id, endpoint.id)
        batch.health.pop(endpoint.id, None)
        if known.cooling_until is not None:
            await self._in_thread(self._drains.begin, endpoint.workspace_id, endpoint.id)

    async def _note_failures(
        self, batch: _Batch, endpoint: Endpoint, known: EndpointHealth | None, seen: Failures, failed: Sequence[WebhookMessage]
    ) -> None:
        for _ in range(HEALTH_TRIES):
            now = self._clock()
            fresh = after_failures(known, endpoint.id, seen, now)
            due = fresh.warnings_due(now)
            if due > fresh.warned and not fresh.must_be_disabled(now) and not all(_is_operational(_event_type(one)) for one in failed):
                disabled_at = fresh.failing_since + DISABLE_AFTER
                await self._in_thread(self._events.endpoint_failing, endpoint, fresh.failing_since, disabled_at, due)
                fresh = replace(fresh, warned=due)
            if fresh.cooling_until is not None:
                batch.held.add(endpoint.id)
                if known is None or known.cooling_until != fresh.cooling_until:
                    # The marker first: once others put their deliveries aside, somebody must be bound to send them.
                    delay = max(0.0, (fresh.cooling_until - now).total_seconds())
                    await self._in_thread(self._drains.begin, endpoint.workspace_id, endpoint.id, delay)
            if await self._in_thread(self._health.put, endpoint.workspace_id, fresh, known):
                batch.health[endpoint.id] = fresh
                if fresh.must_be_disabled(now):
                    since = f"{fresh.failing_since:%Y-%m-%d %H:%M} UTC"
                    reason = f"{DISABLE_AFTER.days} days without one success: every attempt since {since} has failed"
                    await self._disable(batch, endpoint, reason)
                return
            known = await self._in_thread(self._health.get, endpoint.workspace_id, endpoint.id)
        # Others note failures of the same endpoint at this moment: theirs say the same.

    # -- what waited ---------------------------------------------------------------------------------------------

    async def _step(self, batch: _Batch, position: int, step: DrainMessage) -> None:
        """One step of sending what waits for an endpoint. Should it fail, the scheduler sends it again."""
        marker = DrainMarker(step.workspace_id, step.endpoint_id, self._drains.draw_token(), self._in(STEP_SECONDS))
        try:
            if not await self._in_thread(self._parked.mark, marker, step.token):
                return  # another step runs, or nothing waits any more
            await self._run_step(batch, step, marker)
        except (DomainError, Unavailable) as error:
            _LOG.warning("a step of sending what waits for endpoint %s failed: %s", step.endpoint_id, error)
            # The token is spent once the marker is ours; before that the message itself must come again.
            batch.report.failed.add(position)

    async def _run_step(self, batch: _Batch, step: DrainMessage, marker: DrainMarker) -> None:
        endpoint_id = step.endpoint_id
        snapshot = await self._in_thread(self._snapshots.read, [(step.workspace_id, endpoint_id)], [])
        endpoint = snapshot.endpoints.get(endpoint_id)
        batch.learn(snapshot)
        if endpoint is not None and endpoint.status is not EndpointStatus.ENABLED:
            # Whoever resumes it begins anew.
            await self._in_thread(self._parked.unmark, marker)
            return
        cools = endpoint is not None and self._cools(batch, endpoint_id)
        waiting = await self._in_thread(self._parked.oldest, endpoint_id, 1 if cools else WAITING_IN_ONE_STEP)
        if not waiting:
            await self._end_or_look_again(marker, step, cools=cools)
            return
        probe = cools and await self._claim_probe(batch, endpoint_id)
        if cools and not probe:
            await self._look_again(marker, max(batch.health[endpoint_id].cooling_until or self._clock(), self._in(1.0)))
            return
        if cools:
            batch.held.add(endpoint_id)
        if endpoint is None:
            await self._discard(batch, waiting)
        else:
            await self._send_waiting(batch, endpoint, waiting, probe=probe)
        # After a probe, and when the endpoint has begun to cool, sending has been begun anew, with a marker of its own.
        if step.hop < MAXIMUM_STEPS and endpoint_id not in batch.held:
            await self._in_thread(self._drains.send_step, marker, 0.0, step.hop + 1)

    async def _end_or_look_again(self, marker: DrainMarker, step: DrainMessage, *, cools: bool) -> None:
        """Nothing waits. While the endpoint cools others may put something aside at any moment, and nobody else would send it."""
        if cools:
            await self._look_again(marker, self._in(MAXIMUM_COOLING_SECONDS))
        elif step.quiet:
            await self._in_thread(self._parked.unmark, marker)
        else:
            quiet = replace(marker, check_at=self._in(QUIET_SECONDS), quiet=True)
            await self._in_thread(self._parked.mark, quiet, marker.token)

    async def _look_again(self, marker: DrainMarker, at: datetime) -> None:
        delay = max(0.0, (at - self._clock()).total_seconds())
        in_queue = delay <= MAXIMUM_QUEUE_DELAY_SECONDS
        later = replace(marker, check_at=at + timedelta(seconds=STEP_SECONDS if in_queue else 0.0))
        if await self._in_thread(self._parked.mark, later, marker.token):
            await self._in_thread(self._drains.send_step, later, delay)

    async def _discard(self, batch: _Batch, waiting: Sequence[WaitingDelivery]) -> None:
        now = self._clock()
        await self._in_thread(self._log.write, [discarded_record(one, now) for one in waiting])
        await self._in_thread(self._parked.delete, list(waiting))
        batch.report.discarded += len(waiting)

    async def _send_waiting(self, batch: _Batch, endpoint: Endpoint, waiting: Sequence[WaitingDelivery], *, probe: bool) -> None:
        events = await self._in_thread(events_of, self._store, waiting)
        gone = [one for one in waiting if (one.workspace_id, one.event_id) not in events]
        if gone:
            await self._discard(batch, gone)
        keys = {(one.endpoint_id, one.workspace_id, one.event_id, one.attempt): one for one in waiting if one not in gone}
        snapshot = await self._in_thread(self._snapshots.read, [], list(keys))
        done = [one for key, one in keys.items() if key in snapshot.recorded]
        if done:
            # A step died between the record and the row. The retry, if one is needed, may not have been sent.
            await self._send_on(
                [
                    _Result(
                        _Task(waiting_message(one, events[one.workspace_id, one.event_id]), endpoint, waiting=one),
                        _Fate.REPEATED,
                        snapshot.recorded[one.endpoint_id, one.workspace_id, one.event_id, one.attempt],
                    )
                    for one in done
                ],
            )
            await self._in_thread(self._parked.delete, done)
            batch.report.dropped += len(done)
        end = batch.time_left() - STEP_WORK_SECONDS
        tasks = [
            _Task(waiting_message(one, events[one.workspace_id, one.event_id]), endpoint, None, one, probe, end)
            for key, one in keys.items()
            if key not in snapshot.recorded
        ]
        await self._work(batch, tasks, [])

    def _in(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)


def _attempt_of(number: int, began: datetime, answer: WebhookAnswer) -> Attempt:
    return Attempt(
        number=number,
        date=began,
        duration_ms=answer.duration_ms,
        status_code=answer.status,
        failure=answer.failure,
        explanation=answer.explanation,
        response_body=answer.body,
    )


def _tell_of_attempt(message: WebhookMessage, status: DeliveryStatus, answer: WebhookAnswer) -> None:
    # A line for each healthy delivery would cost more than the delivery: those are in the summary of the invocation.
    level = logging.DEBUG if status is DeliveryStatus.DELIVERED else logging.INFO
    if _LOG.isEnabledFor(level):
        told = {
            "workspace_id": message.workspace_id,
            "endpoint_id": message.endpoint_id,
            "event_id": message.event_id,
            "delivery_id": delivery_id(message.endpoint_id, message.event_id),
            "trace_id": trace_id_of(message.traceparent),
            "attempt": message.attempt,
            "status": answer.status,
            "fault": answer.failure.value if answer.failure else None,
            "milliseconds": answer.duration_ms,
        }
        _LOG.log(level, "attempt: %s", status.value, extra={key: value for key, value in told.items() if value is not None})


def _may_be_unfinished(record: LogRecord, received: Received, now: datetime) -> bool:
    """Whether the worker that wrote the record may have died before it did what follows."""
    if received.receive_count > 1:
        return True
    return record.next_attempt is not None and now - record.next_attempt > REPEAT_AFTER


def _is_waiting_still(result: _Result) -> bool:
    return result.fate is _Fate.HELD and result.task.waiting is not None


def _next(message: WebhookMessage) -> WebhookMessage:
    return replace(message, attempt=message.attempt + 1, hop=message.hop + 1, listed=True, repeat=False)


def _waiting(message: WebhookMessage, *, listed: bool | None = None) -> WaitingDelivery:
    return WaitingDelivery(
        workspace_id=message.workspace_id,
        endpoint_id=message.endpoint_id,
        event_id=message.event_id,
        accepted_at=message.accepted_at,
        attempt=message.attempt,
        schedule_start=message.schedule_start,
        listed=message.listed if listed is None else listed,
        traceparent=message.traceparent,
    )


def _event_type(message: WebhookMessage) -> str:
    return str(json.loads(message.body)["type"])


def _is_operational(event_type: str) -> bool:
    return event_type.casefold().startswith(RESERVED_TYPE_PREFIX)
