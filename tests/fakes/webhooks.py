"""Webhook delivery's ports in memory, misbehaving as AWS does. ``tests/tools/fakes/test_webhooks.py`` shows that they misbehave."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from event_service.base.dates import format_date
from event_service.base.errors import Unavailable
from event_service.base.identifiers import new_id, shard_of
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import Delivery, FailureClass, LogRecord, PendingAttempt, delivery_of
from event_service.delivery.backlog import BacklogTickets
from event_service.delivery.messages import BacklogMessage, WebhookMessage
from event_service.delivery.ports import BACKLOG_SHARDS, BacklogTicket, DeliveryRefPage, DueRetry
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.retry_scheduler import RetryReport, RetryScheduler
from event_service.delivery.service_events import OperationalEvents
from event_service.events.event import Event
from event_service.events.ports import StoredEvent
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.assembly import WebhookSide, assemble
from event_service.webhooks.batch import DeliveryReport, InThread, Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.observer import WebhookObserver
from event_service.webhooks.ports import BacklogReaders, DeliveryStores, EndpointActions, Snapshot
from event_service.webhooks.url import UrlRules, WebhookUrl, parse_webhook_url
from tests.fakes.events import FakeEventStore

WORKSPACE = "11111111-1111-4111-8111-111111111111"
SECRET = "whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
RETENTION_DAYS = 14
VISIBILITY_SECONDS = 360
MAXIMUM_RECEIVES = 10


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Aws:
    """Counts the calls and lets tests fail them, before they act (``lost=False``) or after (the answer is lost)."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.fault: Callable[[str], str | None] = lambda operation: None

    def call(self, operation: str, act: Callable[[], Any], write: Callable[[int], Any] | None = None) -> Any:
        """``fault`` answers ``None``, ``"refused"``, ``"lost"``, or ``"half"``: a batch of which only a part is done."""
        self.calls[operation] += 1
        fault = self.fault(operation)
        if fault == "refused":
            raise Unavailable(operation)
        if fault == "half" and write is not None:
            write(2)
            raise Unavailable(operation)
        result = act()
        if fault == "lost":
            raise Unavailable(operation)
        return result


class FakeDeliveryLog:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.records: dict[tuple[str, str, str, int], LogRecord] = {}
        self.writes: list[tuple[str, str, str, int]] = []
        self._of_delivery: dict[tuple[str, str, str], dict[int, LogRecord]] = defaultdict(dict)

    def write(self, records: Sequence[LogRecord]) -> None:
        def put(number: int) -> None:
            for record in list(records)[:number]:
                key = record.log_key
                self.records[key] = record
                self._of_delivery[key[:3]][record.number] = record
                self.writes.append(key)

        self._aws.call("log.write", lambda: put(len(records)), lambda share: put(len(records) // share))

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        found = self._of_delivery.get((endpoint_id, workspace_id, event_id))
        return delivery_of(found.values()) if found else None

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        found = {key: self.delivery(workspace_id, *key) for key in keys}
        return {key: delivery for key, delivery in found.items() if delivery is not None}

    def of_event(
        self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int, *, descending: bool = False
    ) -> list[Delivery]:
        raise NotImplementedError

    def of_endpoint(
        self,
        workspace_id: str,
        endpoint_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        descending: bool = True,
        limit: int = 100,
        position: str | None = None,
    ) -> DeliveryRefPage:
        raise NotImplementedError


class FakeRetryStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.rows: dict[tuple[int, datetime, str], DueRetry] = {}
        self.rows_read = 0

    @staticmethod
    def _key(entry: DueRetry) -> tuple[int, datetime, str]:
        key = entry.attempt.delivery
        name = f"{key.endpoint_id}{key.event_id}{entry.attempt.number}"
        return shard_of(name, BACKLOG_SHARDS), entry.due, name

    def put(self, entries: Sequence[DueRetry]) -> None:
        self._aws.call("retries.put", lambda: self.rows.update({self._key(entry): entry for entry in entries}))

    def due(self, shard: int, now: datetime, limit: int) -> list[DueRetry]:
        def read() -> list[DueRetry]:
            found = sorted(key for key in self.rows if key[0] == shard and key[1] <= now)[:limit]
            self.rows_read += len(found)
            return [self.rows[key] for key in found]

        result: list[DueRetry] = self._aws.call("retries.due", read)
        return result

    def delete(self, entries: Sequence[DueRetry]) -> None:
        self._aws.call("retries.delete", lambda: [self.rows.pop(self._key(entry), None) for entry in entries])


class FakeBacklogStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.rows: dict[tuple[str, str, str, int], PendingAttempt] = {}
        self.tickets: dict[str, BacklogTicket] = {}

    @staticmethod
    def _key(one: PendingAttempt) -> tuple[str, str, str, int]:
        key = one.delivery
        return key.endpoint_id, key.accepted_at, key.event_id, one.number

    def add(self, deliveries: Sequence[PendingAttempt]) -> None:
        def put(number: int) -> None:
            self.rows.update({self._key(one): one for one in list(deliveries)[:number]})

        self._aws.call("backlog.add", lambda: put(len(deliveries)), lambda share: put(len(deliveries) // share))

    def oldest(self, endpoint_id: str, limit: int) -> list[PendingAttempt]:
        found: list[PendingAttempt] = self._aws.call(
            "backlog.oldest", lambda: [self.rows[key] for key in sorted(self.rows) if key[0] == endpoint_id][:limit]
        )
        return found

    def delete(self, deliveries: Sequence[PendingAttempt]) -> None:
        self._aws.call("backlog.delete", lambda: [self.rows.pop(self._key(one), None) for one in deliveries])

    def put_ticket(self, ticket: BacklogTicket, replaces: str | None = None) -> bool:
        def put() -> bool:
            known = self.tickets.get(ticket.endpoint_id)
            if replaces is not None and (known is None or known.token != replaces):
                return False
            self.tickets[ticket.endpoint_id] = ticket
            return True

        return bool(self._aws.call("backlog.put_ticket", put))

    def delete_ticket(self, ticket: BacklogTicket) -> bool:
        def remove() -> bool:
            known = self.tickets.get(ticket.endpoint_id)
            if known is None or known.token != ticket.token:
                return False
            del self.tickets[ticket.endpoint_id]
            return True

        return bool(self._aws.call("backlog.delete_ticket", remove))

    def tickets_due(self, now: datetime) -> list[BacklogTicket]:
        found: list[BacklogTicket] = self._aws.call(
            "backlog.tickets_due", lambda: [ticket for ticket in self.tickets.values() if ticket.check_at <= now]
        )
        return found


class FakeHealthStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.items: dict[str, EndpointHealth] = {}
        self.interfere: Callable[[str], None] = lambda endpoint_id: None
        """Called before each put: another worker may have been faster."""

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        del workspace_id  # ids of endpoints are unique in a test

        def put() -> bool:
            self.interfere(health.endpoint_id)
            known = self.items.get(health.endpoint_id)
            if (known.version if known else None) != (replaces.version if replaces else None):
                return False
            self.items[health.endpoint_id] = health
            return True

        return bool(self._aws.call("health.put", put))

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        del workspace_id
        found: EndpointHealth | None = self._aws.call("health.get", lambda: self.items.get(endpoint_id))
        return found

    def clear(self, workspace_id: str, endpoint_id: str) -> None:
        del workspace_id
        self._aws.call("health.clear", lambda: self.items.pop(endpoint_id, None))


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

    def __init__(self, aws: Aws, clock: Clock) -> None:
        self._aws = aws
        self._clock = clock
        self._ids = itertools.count()
        self.messages: dict[int, QueuedMessage] = {}
        self.dead: list[QueuedMessage] = []
        self.longest_delay = 0.0
        self.sent = 0
        self.order: Callable[[list[QueuedMessage]], None] = lambda messages: None
        self.copies: Callable[[], int] = lambda: 1

    def send(
        self, messages: Sequence[tuple[WebhookMessage | BacklogMessage, float]], time_left: Callable[[], float] = lambda: math.inf
    ) -> list[int]:
        self._aws.calls["queue.send"] += 1
        unsent = []
        for position, (message, delay) in enumerate(messages):
            assert 0 <= delay <= 900, "SQS takes at most 15 minutes"
            fault = self._aws.fault("queue.send")
            if fault is not None:
                unsent.append(position)
            if fault in (None, "lost"):
                self.put(message, delay)
        return unsent

    def put(self, message: WebhookMessage | BacklogMessage, delay: float = 0.0) -> None:
        self.longest_delay = max(self.longest_delay, delay)
        self.sent += 1
        visible_at = self._clock() + timedelta(seconds=delay)
        for _ in range(self.copies()):
            number = next(self._ids)
            self.messages[number] = QueuedMessage(message.text(), message.group, visible_at, id=number)

    def receive(self, limit: int) -> list[QueuedMessage]:
        visible = [message for message in self.messages.values() if message.visible_at <= self._clock()]
        self.order(visible)
        taken = []
        for message in visible[:limit]:
            message.receives += 1
            if message.receives > MAXIMUM_RECEIVES:
                self.dead.append(self.messages.pop(message.id))
                continue
            message.visible_at = self._clock() + timedelta(seconds=VISIBILITY_SECONDS)
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

    def __init__(self, clock: Clock, legal: Callable[[WebhookRequest, str], None]) -> None:
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
class World:
    """Webhook delivery with everything around it."""

    clock: Clock = field(default_factory=Clock)
    aws: Aws = field(default_factory=Aws)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    published: dict[str, Published] = field(default_factory=dict)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    in_thread: InThread = inline
    seconds: float = 60.0

    def __post_init__(self) -> None:
        self.log = FakeDeliveryLog(self.aws)
        self.retries = FakeRetryStore(self.aws)
        self.backlog = FakeBacklogStore(self.aws)
        self.health = FakeHealthStore(self.aws)
        self.queue = FakeQueue(self.aws, self.clock)
        self.store = FakeEventStore(self.clock)
        self.illegal: list[str] = []
        self.receivers = FakeReceivers(self.clock, self._check_legal)
        tokens = itertools.count()
        self.tickets = BacklogTickets(self.backlog, self.queue, self.clock, lambda: f"t{next(tokens)}")
        self.events = OperationalEvents(lambda: self)
        self.observer = WebhookObserver(self.tickets, self.health, self.events, self.clock)
        self.scheduler = RetryScheduler(
            retries=self.retries, backlog=self.backlog, store=self.store, log=self.log, queue=self.queue, clock=self.clock
        )
        self.jitter = 0.0
        self.side = self.new_process()

    def new_process(self) -> WebhookSide:
        """A fresh process."""
        rules = UrlRules(allow_http=False, guard=AddressGuard())

        def parse_url(url: str) -> WebhookUrl:
            return parse_webhook_url(url, rules)

        return assemble(
            readers=BacklogReaders(self, self.store),
            stores=DeliveryStores(self.log, self.retries, self.backlog),
            health=self.health,
            queue=self.queue,
            tickets=self.tickets,
            actions=EndpointActions(self.events, lambda: self),
            sender=self.receivers,
            parse_url=parse_url,
            clock=self.clock,
            retention_days=RETENTION_DAYS,
            deadline_seconds=15,
            draw=lambda: self.jitter,
            in_thread=self.in_thread,
        )

    # -- ports that the world itself is --------------------------------------------------------------------------

    def read(self, endpoints: Collection[tuple[str, str]], attempts: Collection[tuple[str, str, str, int]]) -> Snapshot:
        def read() -> Snapshot:
            ids = [endpoint_id for _, endpoint_id in endpoints if endpoint_id in self.endpoints]
            return Snapshot(
                {one: self.endpoints[one] for one in ids},
                {one: EndpointSecrets(SECRET) for one in ids},
                {endpoint_id: self.health.items[endpoint_id] for _, endpoint_id in endpoints if endpoint_id in self.health.items},
                {key: self.log.records[key] for key in attempts if key in self.log.records},
            )

        snapshot: Snapshot = self.aws.call("snapshot.read", read)
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

    def endpoint(self, behaviour: Behaviour | None = None, status: EndpointStatus = EndpointStatus.ENABLED) -> Endpoint:
        endpoint = Endpoint(
            id=new_id(),
            workspace_id=WORKSPACE,
            type=EndpointType.WEB_HOOK,
            name="receiver",
            url="https://receiver.example.org/hook",
            method="POST",
            status=status,
            status_reason=None,
            created=self.clock(),
            modified=self.clock(),
        )
        self.endpoints[endpoint.id] = endpoint
        if behaviour is not None:
            self.receivers.behaviour[endpoint.id] = behaviour
        return endpoint

    def event(self, event_type: str = "IDENTIFICATION") -> Event:
        self.clock.pass_(0.001)
        now = self.clock()
        event = Event(new_id(), event_type, now, {"n": len(self.accepted)}, None, None, WORKSPACE, now)
        self.store.items[WORKSPACE, event.id] = StoredEvent(event, "00")
        return event

    def publish(self, *endpoints: Endpoint, event_type: str = "IDENTIFICATION") -> Event:
        """What the router does: one message for each endpoint."""
        event = self.event(event_type)
        for endpoint in endpoints:
            self.accepted.append((endpoint.id, event.id))
            self.queue.put(WebhookMessage.first(WORKSPACE, endpoint.id, event.id, format_date(event.created), None, event.as_json()))
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

    async def invoke(self, limit: int = 10) -> DeliveryReport | None:
        """One invocation with what is visible now; ``None`` when nothing is."""
        batch = self.queue.receive(limit)
        if not batch:
            return None
        received = [Received(message.text, message.receives) for message in batch]
        report = await self.side.delivery.deliver(received, lambda: self.seconds)
        self.queue.delete(message for position, message in enumerate(batch) if position not in report.failed)
        return report

    async def work(self, limit: int = 10) -> None:
        """Invocations until nothing is visible."""
        while await self.invoke(limit) is not None:
            pass

    def tick(self) -> RetryReport:
        """One run of the scheduler."""
        return self.scheduler.run(lambda: self.seconds)

    def next_moment(self) -> datetime | None:
        """When something happens next; ``None``: never."""
        moments = [message.visible_at for message in self.queue.messages.values()]
        moments += [key[1] for key in self.retries.rows]
        moments += [ticket.check_at for ticket in self.backlog.tickets.values()]
        return min(moments) if moments else None

    async def run(self, seconds: float) -> None:
        """Lets time pass, a minute or less at a time, with the scheduler once a minute, as the schedule has it."""
        end = self.clock() + timedelta(seconds=seconds)
        while True:
            await self.work()
            self.tick()
            await self.work()
            moment = self.next_moment()
            if moment is None or moment > end:
                self.clock.now = end
                return
            self.clock.now = max(self.clock.now + timedelta(seconds=1), min(moment, end))

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
