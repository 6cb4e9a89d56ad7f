"""Webhook delivery's ports in memory, misbehaving as AWS does. ``tests/tools/fakes/test_webhooks.py`` shows that they misbehave."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.base.threads import InThread
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import WIDE_FROM, WIDE_SHARDS, DeliveryKey, FailureClass, LogKey
from event_service.delivery.lane import Look
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.retry_scheduler import RetryReport
from event_service.events.event import Event
from event_service.events.ports import StoredEvent
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.assembly import Limits, WebhookSide
from event_service.webhooks.batch import DeliveryReport, Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.own_lane import LaneReport
from event_service.webhooks.ports import Snapshot
from event_service.webhooks.url import UrlRules
from tests import builders
from tests.fakes.delivery import Aws, FakeBacklogStore, FakeDeliveryLog, FakeHealthStore, FakeLaneStore, FakeReminderStore, batches
from tests.fakes.events import FakeEventStore
from tests.simulation.virtual_time import VirtualClock, running_time
from tests.wiring import WebhookUseCases

WORKSPACE = "11111111-1111-4111-8111-111111111111"
SECRET = "whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
RETENTION_DAYS = 14
VISIBILITY_SECONDS = 360
MAXIMUM_RECEIVES = 10


@dataclass
class QueuedMessage:
    """One message in a standard queue."""

    text: str
    group: str
    visible_at: datetime
    receives: int = 0
    id: int = 0


class FakeQueue:
    """A standard queue: delays, visibility, receive counts, a dead-letter queue; copies and disorder where a test asks."""

    def __init__(self, aws: Aws, clock: VirtualClock, name: str = "queue") -> None:
        self._aws = aws
        self._clock = clock
        self._operation = f"{name}.send"
        self._ids = itertools.count()
        self.messages: dict[int, QueuedMessage] = {}
        self.dead: list[QueuedMessage] = []
        self.longest_delay = 0.0
        self.sent = 0
        self.order: Callable[[list[QueuedMessage]], None] | None = None
        self.copies: Callable[[], int] = lambda: 1

    def send(self, messages: Sequence[tuple[WebhookMessage | Look, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        self._aws.calls[self._operation] += 1
        self._aws.sdk_calls += batches(len(messages), 10)
        unsent = []
        for position, (message, delay) in enumerate(messages):
            assert 0 <= delay <= 900, "SQS takes at most 15 minutes"
            fault = self._aws.fault(self._operation)
            if fault is not None:
                unsent.append(position)
            if fault in (None, "lost"):
                self.put(message, math.ceil(delay))
        return unsent

    def put(self, message: WebhookMessage | Look, delay: float = 0.0) -> None:
        self.longest_delay = max(self.longest_delay, delay)
        self.sent += 1
        visible_at = self._clock() + timedelta(seconds=delay)
        for _ in range(self.copies()):
            number = next(self._ids)
            self.messages[number] = QueuedMessage(message.text(), message.group, visible_at, id=number)

    def receive(self, limit: int) -> list[QueuedMessage]:
        now = self._clock()
        visible = (message for message in self.messages.values() if message.visible_at <= now)
        if self.order is None:
            chosen = list(itertools.islice(visible, limit))
        else:
            in_order = list(visible)
            self.order(in_order)
            chosen = in_order[:limit]
        taken = []
        for message in chosen:
            message.receives += 1
            if message.receives > MAXIMUM_RECEIVES:
                self.dead.append(self.messages.pop(message.id))
                continue
            message.visible_at = now + timedelta(seconds=VISIBILITY_SECONDS)
            taken.append(message)
        return taken

    def delete(self, messages: Iterable[QueuedMessage]) -> None:
        for message in messages:
            self.messages.pop(message.id, None)

    def redrive(self) -> None:
        """As ``StartMessageMoveTask``: the receive count begins anew."""
        for message in self.dead:
            self.messages[message.id] = replace(message, receives=0, visible_at=self._clock())
        self.dead.clear()


class FakeTexts:
    """Events as they are delivered, counted as reads."""

    def __init__(self, aws: Aws, store: FakeEventStore) -> None:
        self._aws = aws
        self._store = store

    def read(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        def read() -> dict[tuple[str, str], str]:
            found: dict[tuple[str, str], str] = {}
            for workspace_id, event_id in keys:
                stored = self._store.get(workspace_id, [event_id]).get(event_id)
                if stored is not None:
                    found[workspace_id, event_id] = stored.event.as_json()
            return found

        texts: dict[tuple[str, str], str] = self._aws.call("texts.read", read, sdk_calls=batches(len(keys), 100))
        if self._aws.meter is not None:
            self._aws.meter.events_read((key, len(text)) for key, text in texts.items())
        return texts


@dataclass(frozen=True)
class Reception:
    """What a receiver saw."""

    endpoint_id: str
    event_id: str
    webhook_id: str
    at: datetime
    status: int | None
    headers: dict[str, str]
    body: bytes


Behaviour = Callable[[WebhookRequest], Awaitable[WebhookAnswer]]


def answering(status: int | None = 200, failure: FailureClass | None = None, **headers: str) -> Behaviour:
    """A receiver that always answers alike."""

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return WebhookAnswer(status, failure, None if failure is None else "It did not work.", 12, pairs, "body")

    return answer


class FakeReceivers:
    """All receivers. Counts how many requests are under way at each endpoint at the same time."""

    def __init__(self, clock: VirtualClock, legal: Callable[[WebhookRequest, str], None]) -> None:
        self._clock = clock
        self._legal = legal
        self.behaviour: dict[str, Behaviour] = defaultdict(answering)
        self.receptions: list[Reception] = []
        self.running: Counter[str] = Counter()
        self.most_running: Counter[str] = Counter()

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        event_id = json.loads(request.body)["id"]
        self._legal(request, event_id)
        endpoint_id = request.endpoint_id
        self.running[endpoint_id] += 1
        self.most_running[endpoint_id] = max(self.most_running[endpoint_id], self.running[endpoint_id])
        try:
            await asyncio.sleep(0)
            answer = await self.behaviour[endpoint_id](request)
        finally:
            self.running[endpoint_id] -= 1
        reception = Reception(
            endpoint_id,
            event_id,
            request.headers["webhook-id"],
            self._clock(),
            answer.status,
            dict(request.headers),
            request.body,
        )
        self.receptions.append(reception)
        await asyncio.sleep(0)
        return answer

    def of(self, endpoint_id: str) -> list[Reception]:
        return [one for one in self.receptions if one.endpoint_id == endpoint_id]


@dataclass
class Published:
    """One operational event."""

    type: str
    data: dict[str, Any]
    id: str | None


async def inline(function: Callable[..., Any], /, *arguments: Any) -> Any:
    """Blocking calls in place of a thread, with a point before and one behind at which a process may die."""
    await asyncio.sleep(0)
    result = function(*arguments)
    await asyncio.sleep(0)
    return result


@dataclass
class WebhookScene:
    """Webhook delivery over the fakes above, with endpoints, receivers and a time that tests move."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(running_time()))
    aws: Aws = field(default_factory=Aws)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    published: dict[str, Published] = field(default_factory=dict)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    in_thread: InThread = inline
    seconds: float = 60.0
    maximum_requests: int = 100
    backlog_bytes: int = 1_000_000
    throttled: set[str] = field(default_factory=set)
    """Endpoints whose rows cannot be read at the moment."""

    def __post_init__(self) -> None:
        self.log = FakeDeliveryLog(self.aws, self.clock, RETENTION_DAYS)
        self.backlog = FakeBacklogStore(self.aws)
        self.reminders = FakeReminderStore(self.aws)
        self.lanes = FakeLaneStore(self.aws, self.clock)
        self.health = FakeHealthStore(self.aws)
        self.queue = FakeQueue(self.aws, self.clock)
        self.lane_queue = FakeQueue(self.aws, self.clock, "looks")
        self.store = FakeEventStore(self.clock)
        self.illegal: list[str] = []
        self.illegal_after: list[float] = []
        """How long before each of them the success had been there."""
        self.receivers = FakeReceivers(self.clock, self._check_legal)
        self.jitter = 0.0
        self.draw_jitter: Callable[[], float] = lambda: self.jitter
        self.new_id = new_id
        """Makes ids of endpoints and events."""
        self.wire()

    def wire(self) -> None:
        """Puts the use cases on top of the stores and queues."""
        self.use_cases = WebhookUseCases(
            snapshots=self,
            log=self.log,
            backlog=self.backlog,
            reminders=self.reminders,
            lanes=self.lanes,
            health=self.health,
            texts=FakeTexts(self.aws, self.store),
            queue=self.queue,
            look_queue=self.lane_queue,
            publisher=lambda: self,
            disabler=lambda: self,
            clock=self.clock,
        )
        self.looks, self.observer, self.scheduler = self.use_cases.looks, self.use_cases.observer, self.use_cases.scheduler
        self.side = self.new_process()
        self.lane_side = self.new_process()

    def new_process(self) -> WebhookSide:
        """A fresh process."""
        return self.use_cases.new_process(
            self.receivers,
            UrlRules(allow_http=False, guard=AddressGuard()),
            Limits(RETENTION_DAYS, 15, self.maximum_requests, self.backlog_bytes),
            draw=lambda: self.draw_jitter(),  # noqa: PLW0108 - scenarios change it later
            in_thread=self.in_thread,
        )

    # -- ports that the world itself is --------------------------------------------------------------------------

    def read(self, endpoints: Collection[tuple[str, str]], attempts: Collection[LogKey]) -> Snapshot:
        if self.aws.meter is not None:
            self.aws.meter.log_read(attempts)
            self.aws.meter.endpoints_read(endpoint_id for _, endpoint_id in endpoints)

        def read() -> Snapshot:
            asked = {endpoint_id for _, endpoint_id in endpoints} | {key[0] for key in attempts}
            ids = [endpoint_id for _, endpoint_id in endpoints if endpoint_id in self.endpoints.keys() - self.throttled]
            return Snapshot(
                {one: self.endpoints[one] for one in ids},
                {one: EndpointSecrets(SECRET) for one in ids},
                {endpoint_id: self.health.items[endpoint_id] for _, endpoint_id in endpoints if endpoint_id in self.health.items},
                {key: self.log.records[key] for key in attempts if key in self.log.records},
                frozenset(asked & self.throttled),
            )

        snapshot: Snapshot = self.aws.call("snapshot.read", read, sdk_calls=batches(2 * len(endpoints) + len(attempts), 100))
        return snapshot

    def publish_operational(self, workspace_id: str, event_type: str, data: dict[str, Any], event_id: str | None = None) -> object:
        def publish() -> None:
            self.published.setdefault(event_id or new_id(), Published(event_type, data, event_id))

        return self.aws.call("publish", publish)

    def disable_endpoint(self, workspace_id: str, endpoint_id: str, reason: str) -> bool:
        endpoint = self.endpoints.get(endpoint_id)
        if endpoint is None or endpoint.status is not EndpointStatus.ENABLED:
            return False

        def commit() -> None:
            self.endpoints[endpoint_id] = replace(endpoint, status=EndpointStatus.DISABLED, status_reason=reason, modified=self.clock())

        self.aws.call("disable", commit)
        self.observer.changed([self.endpoints[endpoint_id]])
        return True

    # -- what tests do -------------------------------------------------------------------------------------------

    def endpoint(
        self, behaviour: Behaviour | None = None, status: EndpointStatus = EndpointStatus.ENABLED, workspace_id: str = WORKSPACE
    ) -> Endpoint:
        endpoint = builders.a_webhook(
            id=self.new_id(),
            workspace_id=workspace_id,
            name="receiver",
            url="https://receiver.example.org/hook",
            status=status,
            created=self.clock(),
            modified=self.clock(),
        )
        self.endpoints[endpoint.id] = endpoint
        if behaviour is not None:
            self.receivers.behaviour[endpoint.id] = behaviour
        return endpoint

    def event(self, event_type: str = "IDENTIFICATION", workspace_id: str = WORKSPACE) -> Event:
        self.clock.advance(seconds=0.001)
        now = self.clock()
        event = builders.an_event(
            id=self.new_id(), type=event_type, date=now, data={"n": len(self.accepted)}, workspace_id=workspace_id, created=now
        )
        self.store.items[workspace_id, event.id] = StoredEvent(event, "00")
        return event

    def publish(self, *endpoints: Endpoint, event_type: str = "IDENTIFICATION") -> Event:
        """What the router does: one message for each endpoint."""
        event = self.event(event_type)
        accepted_at, body = format_date(event.created), event.as_json()
        shards = WIDE_SHARDS if len(endpoints) > WIDE_FROM else 0
        if shards:
            self.log.mark([DeliveryKey(WORKSPACE, endpoints[0].id, event.id, accepted_at, log_shards=shards)])
        for endpoint in endpoints:
            self.accepted.append((endpoint.id, event.id))
            self.queue.put(WebhookMessage.first(WORKSPACE, endpoint.id, event.id, accepted_at, None, body, log_shards=shards))
        return event

    def pause(self, endpoint: Endpoint) -> None:
        self.endpoints[endpoint.id] = replace(self.endpoints[endpoint.id], status=EndpointStatus.PAUSED, modified=self.clock())
        self.observer.changed([self.endpoints[endpoint.id]])

    def resume(self, endpoint: Endpoint) -> None:
        before = self.endpoints[endpoint.id]
        self.observer.resuming([before])
        self.endpoints[endpoint.id] = replace(before, status=EndpointStatus.ENABLED, status_reason=None, modified=self.clock())
        self.observer.changed([self.endpoints[endpoint.id]])

    def delete(self, endpoint: Endpoint) -> None:
        gone = self.endpoints.pop(endpoint.id)
        self.observer.deleted([gone])

    async def invoke(self, limit: int = 10, side: WebhookSide | None = None) -> DeliveryReport | None:
        """One invocation of the shared lane with what is visible now; ``None`` when nothing is. ``side`` is the process."""
        batch = self.queue.receive(limit)
        if not batch:
            return None
        received = [Received(message.text, message.receives) for message in batch]
        report = await (side or self.side).delivery.deliver(received, self.time_left())
        self.queue.delete(message for position, message in enumerate(batch) if position not in report.failed)
        return report

    async def serve_lanes(self, limit: int = 10, side: WebhookSide | None = None) -> LaneReport | None:
        """One invocation of the own lanes with what is visible now; ``None`` when nothing is. ``side`` is the process."""
        batch = self.lane_queue.receive(limit)
        if not batch:
            return None
        report = await (side or self.lane_side).own_lanes.serve([message.text for message in batch], self.time_left())
        self.lane_queue.delete(message for position, message in enumerate(batch) if position not in report.failed)
        return report

    def time_left(self) -> Callable[[], float]:
        """What an invocation that begins now has left."""
        end = self.clock.passed.seconds + self.seconds
        return lambda: end - self.clock.passed.seconds

    async def work(self, limit: int = 10) -> None:
        """Invocations of the shared lane until nothing is visible."""
        while await self.invoke(limit) is not None:
            pass

    async def work_all(self) -> None:
        """Invocations of both lanes until nothing is visible."""
        while await self.invoke() is not None or await self.serve_lanes() is not None:
            pass

    def tick(self) -> RetryReport:
        """One run of the scheduler."""
        return self.scheduler.run(lambda: self.seconds)

    def next_moment(self) -> datetime | None:
        """When something happens next; ``None``: never."""
        moments = [message.visible_at for queue in (self.queue, self.lane_queue) for message in queue.messages.values()]
        moments += [key[1] for key in self.reminders.rows]
        return min(moments) if moments else None

    async def run(self, seconds: float) -> None:
        """Lets time pass, with the scheduler once a minute, as the schedule has it."""
        end = self.clock() + timedelta(seconds=seconds)
        while True:
            await self.work_all()
            self.tick()
            await self.work_all()
            moment = self.next_moment()
            if moment is None or moment > end:
                self.clock.advance(seconds=max(0.0, (end - self.clock()).total_seconds()))
                return
            self.clock.advance(seconds=max(1.0, (min(moment, end) - self.clock()).total_seconds()))

    def statuses(self, endpoint: Endpoint) -> Counter[str]:
        """Deliveries of an endpoint by status."""
        found: Counter[str] = Counter()
        for event_id in {key[2] for key in self.log.records if key[0] == endpoint.id}:
            delivery = self.log.delivery(WORKSPACE, endpoint.id, event_id)
            assert delivery is not None
            found[delivery.status.value] += 1
        return found

    def _check_legal(self, request: WebhookRequest, event_id: str) -> None:
        """No request may leave for an event whose success is in the log."""
        delivery = self.log.delivery(WORKSPACE, request.endpoint_id, event_id)
        if delivery is not None and delivery.status.value == "DELIVERED":
            self.illegal.append(event_id)
            self.illegal_after.append((self.clock() - delivery.modified).total_seconds())
