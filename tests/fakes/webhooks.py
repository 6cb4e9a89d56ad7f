"""Webhook delivery's ports in memory, misbehaving as AWS does. ``tests/tools/fakes/test_webhooks.py`` shows that they misbehave."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from event_service.base.dates import format_date
from event_service.base.errors import Unavailable
from event_service.base.identifiers import new_id, shard_of
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import Delivery, DeliveryStatus, FailureClass, LogRecord, delivery_of
from event_service.delivery.lane import Lane, Look, Trouble
from event_service.delivery.lanes import Looks
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import REMINDER_SHARDS, BacklogRow, DeliveryRefPage, Reminder
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.retry_scheduler import RetryReport, RetryScheduler
from event_service.delivery.service_events import OperationalEvents
from event_service.events.event import Event
from event_service.events.ports import StoredEvent
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.assembly import Limits, WebhookSide, assemble
from event_service.webhooks.batch import DeliveryReport, InThread, Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.observer import WebhookObserver
from event_service.webhooks.own_lane import LaneReport
from event_service.webhooks.ports import DeliveryStores, EndpointActions, EndpointState, Snapshot
from event_service.webhooks.url import UrlRules, WebhookUrl, parse_webhook_url
from tests.fakes.events import FakeEventStore
from tests.simulation.virtual_time import VirtualClock, running_time

WORKSPACE = "11111111-1111-4111-8111-111111111111"
SECRET = "whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
RETENTION_DAYS = 14
VISIBILITY_SECONDS = 360
MAXIMUM_RECEIVES = 10


class Aws:
    """Counts the calls and lets tests fail them, before they act (``lost=False``) or after (the answer is lost)."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.sdk_calls = 0
        self.fault: Callable[[str], str | None] = lambda operation: None

    def call(self, operation: str, act: Callable[[], Any], write: Callable[[int], Any] | None = None, sdk_calls: int = 1) -> Any:
        """``fault`` answers ``None``, ``"refused"``, ``"lost"``, or ``"half"``: a batch of which only a part is done.
        ``sdk_calls`` is how many calls of the SDK the real adapter makes of it."""
        self.calls[operation] += 1
        self.sdk_calls += sdk_calls
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


def batches(number: int, size: int) -> int:
    """Calls that a batch of so many items takes."""
    return math.ceil(number / size)


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
                if record.is_failure and key in self.records and self.records[key].status is DeliveryStatus.DELIVERED:
                    continue
                self.records[key] = record
                self._of_delivery[key[:3]][record.number] = record
                self.writes.append(key)

        keys = [record.log_key for record in records]
        assert len(set(keys)) == len(keys), "BatchWriteItem refuses equal keys"
        # Failures are written one by one, on condition.
        failures = sum(record.is_failure for record in records)
        calls = failures + batches(len(records) - failures, 25)
        self._aws.call("log.write", lambda: put(len(records)), lambda share: put(len(records) // share), calls)

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


class FakeBacklogStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.rows: dict[tuple[str, bool, str, str, int], BacklogRow] = {}
        self._order: dict[tuple[str, bool], list[tuple[str, bool, str, str, int]]] = defaultdict(list)

    @staticmethod
    def _key(row: BacklogRow) -> tuple[str, bool, str, str, int]:
        delivery = row.attempt.delivery
        return delivery.endpoint_id, row.live, row.at, delivery.event_id, row.attempt.number

    def add(self, rows: Sequence[BacklogRow]) -> None:
        def put(number: int) -> None:
            for row in list(rows)[:number]:
                key = self._key(row)
                if key not in self.rows:
                    bisect.insort(self._order[key[0], key[1]], key)
                self.rows[key] = row

        self._aws.call("backlog.add", lambda: put(len(rows)), lambda share: put(len(rows) // share), batches(len(rows), 25))

    def oldest(self, endpoint_id: str, limit: int) -> list[BacklogRow]:
        def read() -> list[BacklogRow]:
            return [self.rows[key] for live in (True, False) for key in self._order[endpoint_id, live][:limit]]

        found: list[BacklogRow] = self._aws.call("backlog.oldest", read, sdk_calls=4)
        return found

    def delete(self, rows: Sequence[BacklogRow]) -> None:
        def remove() -> None:
            for key in map(self._key, rows):
                if self.rows.pop(key, None) is not None:
                    order = self._order[key[0], key[1]]
                    del order[bisect.bisect_left(order, key)]

        self._aws.call("backlog.delete", remove, sdk_calls=batches(len(rows), 25))

    def waiting(self, endpoint_id: str) -> int:
        """How many rows an endpoint has."""
        return sum(len(self._order[endpoint_id, live]) for live in (True, False))


class FakeReminderStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.rows: set[tuple[int, datetime, str, str]] = set()
        self.rows_read = 0

    @staticmethod
    def _key(one: Reminder) -> tuple[int, datetime, str, str]:
        return shard_of(one.endpoint_id, REMINDER_SHARDS), one.at, one.endpoint_id, one.workspace_id

    def put(self, reminders: Sequence[Reminder]) -> None:
        self._aws.call("reminders.put", lambda: self.rows.update(map(self._key, reminders)), sdk_calls=batches(len(reminders), 25))

    def due(self, shard: int, now: datetime, limit: int) -> list[Reminder]:
        def read() -> list[Reminder]:
            # A copy: the scheduler reads and deletes with several threads.
            found = sorted(key for key in list(self.rows) if key[0] == shard and key[1] <= now)[:limit]
            self.rows_read += len(found)
            return [Reminder(workspace_id, endpoint_id, at) for _, at, endpoint_id, workspace_id in found]

        result: list[Reminder] = self._aws.call("reminders.due", read)
        return result

    def delete(self, reminders: Sequence[Reminder]) -> None:
        self._aws.call("reminders.delete", lambda: self.rows.difference_update(map(self._key, reminders)))


class FakeLaneStore:
    def __init__(self, aws: Aws, clock: Callable[[], datetime]) -> None:
        self._aws = aws
        self._clock = clock
        self.items: dict[str, Lane] = {}
        self.writes: Counter[str] = Counter()

    def _held(self, lane: Lane) -> Lane | None:
        known = self.items.get(lane.endpoint_id)
        return known if known is not None and known.token == lane.token and known.lease_until is not None else None

    def _write(self, operation: str, act: Callable[[], Any], endpoint_id: str) -> Any:
        self.writes[endpoint_id] += 1
        return self._aws.call(operation, act)

    def read(self, endpoint_ids: Sequence[str]) -> dict[str, Lane]:
        found: dict[str, Lane] = self._aws.call("lanes.read", lambda: {one: self.items[one] for one in endpoint_ids if one in self.items})
        return found

    def claim(self, lane: Lane, token: str, lease_until: datetime) -> Lane | None:
        def act() -> Lane | None:
            known = self.items.get(lane.endpoint_id, Lane(lane.workspace_id, lane.endpoint_id))
            if (known.token, known.lease_until) != (lane.token, lane.lease_until):
                return None
            self.items[lane.endpoint_id] = replace(known, token=token, lease_until=lease_until, again=False, ending=False)
            return replace(lane, token=token, lease_until=lease_until, again=False, ending=False)

        claimed: Lane | None = self._write("lanes.claim", act, lane.endpoint_id)
        return claimed

    def _change(self, operation: str, lane: Lane, condition: Callable[[Lane], bool] = lambda known: True, **changes: Any) -> bool:
        def act() -> bool:
            known = self._held(lane)
            if known is None or not condition(known):
                return False
            self.items[lane.endpoint_id] = replace(known, **changes)
            return True

        return bool(self._write(operation, act, lane.endpoint_id))

    def ask_again(self, lane: Lane) -> bool:
        return self._change("lanes.ask_again", lane, again=True)

    def set_ending(self, lane: Lane, ending: bool) -> bool:
        return self._change("lanes.set_ending", lane, ending=ending)

    def release(self, lane: Lane, next_at: datetime | None) -> bool:
        def free(known: Lane) -> bool:
            return lane.again or not known.again

        left = {"open_rows": lane.open_rows, "look_at": lane.look_at, "pace": lane.pace}
        return self._change("lanes.release", lane, free, lease_until=None, ending=False, next_at=next_at, **left)

    def note_trouble(self, workspace_id: str, endpoint_id: str, trouble: Trouble, not_before: datetime | None) -> bool:
        def act() -> bool:
            known = self.items.get(endpoint_id, Lane(workspace_id, endpoint_id))
            if not_before is not None:
                if known.not_before is not None and known.not_before >= not_before:
                    return False
                self.items[endpoint_id] = replace(known, trouble=trouble, not_before=not_before)
                return True
            if known.trouble is not None and (trouble is not Trouble.LIMITED or known.trouble is trouble):
                return False
            self.items[endpoint_id] = replace(known, trouble=trouble)
            return True

        return bool(self._write("lanes.note_trouble", act, endpoint_id))

    def note_slow(self, workspace_id: str, endpoint_id: str, now: datetime, since: datetime) -> bool:
        def act() -> bool:
            known = self.items.get(endpoint_id, Lane(workspace_id, endpoint_id))
            if known.slow_at is not None and known.slow_at >= since:
                return False
            self.items[endpoint_id] = replace(known, slow_at=now)
            return True

        return bool(self._write("lanes.note_slow", act, endpoint_id))

    def calm(self, lane: Lane) -> None:
        self._change("lanes.calm", lane, trouble=None, not_before=None)

    def reset(self, endpoint_id: str) -> None:
        def act() -> None:
            known = self.items.get(endpoint_id)
            if known is not None:
                self.items[endpoint_id] = replace(known, next_at=None, not_before=None, pace="")

        self._write("lanes.reset", act, endpoint_id)


class FakeHealthStore:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.items: dict[str, EndpointHealth] = {}
        self.writes: Counter[str] = Counter()
        self.interfere: Callable[[str], None] = lambda endpoint_id: None
        """Called before each put: another worker may have been faster."""

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        del workspace_id  # ids of endpoints are unique in a test
        self.writes[health.endpoint_id] += 1

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

    def clear(self, workspace_id: str, known: EndpointHealth) -> bool:
        del workspace_id
        self.writes[known.endpoint_id] += 1

        def remove() -> bool:
            found = self.items.get(known.endpoint_id)
            if found is None or found.version != known.version:
                return found is None
            del self.items[known.endpoint_id]
            return True

        return bool(self._aws.call("health.clear", remove))


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
        self.order: Callable[[list[QueuedMessage]], None] = lambda messages: None
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
class World:
    """Webhook delivery with everything around it."""

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
        self.log = FakeDeliveryLog(self.aws)
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
        self.events = OperationalEvents(lambda: self)
        self.jitter = 0.0
        self.wire()

    def wire(self) -> None:
        """Puts the use cases on top of the stores and queues."""
        self.looks = Looks(self.lane_queue, self.reminders, self.clock)
        self.observer = WebhookObserver(self.looks, self.lanes, self.health, self.events, self.clock)
        self.scheduler = RetryScheduler(self.reminders, self.lane_queue, self.clock)
        self.side = self.new_process()
        self.lane_side = self.new_process()

    def new_process(self) -> WebhookSide:
        """A fresh process."""
        rules = UrlRules(allow_http=False, guard=AddressGuard())

        def parse_url(url: str) -> WebhookUrl:
            return parse_webhook_url(url, rules)

        return assemble(
            state=EndpointState(self, self.health, self.lanes),
            stores=DeliveryStores(self.log, self.backlog, self.looks),
            texts=FakeTexts(self.aws, self.store),
            queue=self.queue,
            actions=EndpointActions(self.events, lambda: self),
            sender=self.receivers,
            parse_url=parse_url,
            clock=self.clock,
            limits=Limits(RETENTION_DAYS, 15, self.maximum_requests, self.backlog_bytes),
            draw=lambda: self.jitter,
            in_thread=self.in_thread,
        )

    # -- ports that the world itself is --------------------------------------------------------------------------

    def read(self, endpoints: Collection[tuple[str, str]], attempts: Collection[tuple[str, str, str, int]]) -> Snapshot:
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
                self.clock.pass_(max(0.0, (end - self.clock()).total_seconds()))
                return
            self.clock.pass_(max(1.0, (min(moment, end) - self.clock()).total_seconds()))

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
