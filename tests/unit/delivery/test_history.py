"""Reading the delivery log, sending again, replaying and testing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.base.dates import format_date
from event_service.base.errors import BadUserInput, NotFound, TooLarge, Unavailable
from event_service.base.identifiers import delivery_id, new_id
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.delivery import history as module
from event_service.delivery.attempt import Attempt, Delivery, DeliveryStatus, LogRecord, delivery_of
from event_service.delivery.history import Deliveries, DeliveryQuery
from event_service.delivery.messages import DrainMessage, WebhookMessage
from event_service.delivery.ports import DeliveryRef, DeliveryRefPage
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.matcher import Matcher
from tests.fakes.events import FakeEventStore

WORKSPACE = "11111111-1111-4111-8111-111111111111"
FOREIGN = "22222222-2222-4222-8222-222222222222"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Log:
    """The log in memory."""

    records: dict[tuple[str, str, str], list[LogRecord]] = field(default_factory=dict)
    reads: int = 0

    def write(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            self.records.setdefault((record.workspace_id, record.endpoint_id, record.event_id), []).append(record)

    def delivery(self, workspace_id: str, endpoint_id: str, event_id: str) -> Delivery | None:
        found = self.records.get((workspace_id, endpoint_id, event_id))
        return delivery_of(found) if found else None

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        self.reads += len(keys)
        found = {key: self.delivery(workspace_id, *key) for key in keys}
        return {key: delivery for key, delivery in found.items() if delivery is not None}

    def of_event(self, workspace_id: str, event_id: str, after_endpoint_id: str | None, limit: int) -> list[Delivery]:
        ids = sorted(endpoint for workspace, endpoint, event in self.records if (workspace, event) == (workspace_id, event_id))
        chosen = [one for one in ids if after_endpoint_id is None or one > after_endpoint_id][:limit]
        return [delivery_of(self.records[workspace_id, one, event_id]) for one in chosen]

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
        own = [
            records[0] for (workspace, endpoint, _), records in self.records.items() if (workspace, endpoint) == (workspace_id, endpoint_id)
        ]
        refs = sorted(((record.accepted_at, record.event_id) for record in own), reverse=descending)
        start = int(position or 0)
        page = refs[start : start + limit]
        return DeliveryRefPage([DeliveryRef(*ref) for ref in page], str(start + limit) if len(page) == limit else None)


@dataclass
class Queue:
    """Webhook delivery's queue."""

    sent: list[WebhookMessage] = field(default_factory=list)
    refuse: bool = False

    def send(self, messages: Sequence[tuple[WebhookMessage | DrainMessage, float]]) -> list[int]:
        if self.refuse:
            return [0]
        self.sent.extend(message for message, _ in messages if isinstance(message, WebhookMessage))
        return []


class World:
    """One webhook and one socket, and as many events as a test wants."""

    def __init__(self) -> None:
        self.now = START
        self.seconds = itertools.count()
        self.log = Log()
        self.queue = Queue()
        self.store = FakeEventStore(lambda: self.now)
        self.tested: list[tuple[str, str]] = []
        self.filters: list[EventFilter] = []
        self.hook = self._endpoint(EndpointType.WEB_HOOK)
        self.socket = self._endpoint(EndpointType.WEB_SOCKET)
        self.existing = {self.hook.id: self.hook, self.socket.id: self.socket}
        self.tick = 0.0
        self.deliveries = Deliveries(
            log=self.log,
            queue=self.queue,
            store=self.store,
            accepted=self,
            endpoints=self,
            tester=self,
            make_matcher=Matcher,
            clock=lambda: self.now,
            monotonic=lambda: next(self.seconds) * self.tick,
        )

    def _endpoint(self, of_type: EndpointType) -> Endpoint:
        return Endpoint(new_id(), WORKSPACE, of_type, "e", None, None, EndpointStatus.ENABLED, None, START, START)

    def event(self, event_id: str, minute: int, event_type: str = "t") -> Event:
        moment = START + timedelta(minutes=minute)
        event = Event(event_id, event_type, moment, {}, None, None, WORKSPACE, moment)
        self.store.put([event], "nonce")
        self.now = max(self.now, moment + timedelta(minutes=1))
        return event

    def record(self, event: Event, status: DeliveryStatus, endpoint_id: str | None = None, number: int = 1) -> Delivery:
        attempt = Attempt(number, event.created, 5, 500, None, None, "") if number else None
        endpoint = endpoint_id or self.hook.id
        self.log.write([LogRecord(WORKSPACE, endpoint, event.id, format_date(event.created), status, event.created, attempt=attempt)])
        found = self.log.delivery(WORKSPACE, endpoint, event.id)
        assert found is not None
        return found

    # -- ports that the world itself is

    def accepted(self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False) -> Iterator[tuple[datetime, str]]:
        events = [stored.event for (workspace, _), stored in self.store.items.items() if workspace == workspace_id]
        return iter(sorted(((one.created, one.id) for one in events if since <= one.created < until), reverse=descending))

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        return self.existing.get(endpoint_id) if workspace_id == WORKSPACE else None

    def event_filters_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, list[EventFilter]]:
        return dict.fromkeys(endpoint_ids, self.filters)

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        self.tested.append((workspace_id, endpoint_id))
        return Attempt(1, self.now, 5, 200, None, None, "")


@pytest.fixture
def world() -> World:
    return World()


def ids(found: Sequence[Delivery]) -> list[tuple[str, str]]:
    return [(one.event_id, one.endpoint_id) for one in found]


def test_a_workspace_lists_the_newest_first_in_a_total_order(world: World) -> None:
    others = sorted([world.hook.id, new_id()])
    for name, minute in (("a", 1), ("b", 2), ("c", 2)):
        event = world.event(name, minute)
        for endpoint_id in others:
            world.record(event, DeliveryStatus.DELIVERED, endpoint_id)
    world.event("without a delivery", 3)

    ascending = [("a", others[0]), ("a", others[1]), ("b", others[0]), ("b", others[1]), ("c", others[0]), ("c", others[1])]
    page = world.deliveries.page
    assert ids(page(WORKSPACE, DeliveryQuery())) == ascending[::-1]
    assert ids(page(WORKSPACE, DeliveryQuery(descending=False))) == ascending
    assert ids(page(WORKSPACE, DeliveryQuery(offset=1, limit=2))) == ascending[::-1][1:3]
    assert world.deliveries.count(WORKSPACE, DeliveryQuery(limit=1)) == 6
    assert page(FOREIGN, DeliveryQuery()) == []


def test_each_filter_finds_its_own(world: World) -> None:
    first, second = world.event("a", 1), world.event("b", 2)
    world.record(first, DeliveryStatus.DELIVERED)
    failed = world.record(second, DeliveryStatus.FAILED)
    other = world.record(second, DeliveryStatus.DELIVERED, new_id())

    def found(**filters: Any) -> list[tuple[str, str]]:
        query = DeliveryQuery(**filters)
        page = world.deliveries.page(WORKSPACE, query)
        assert world.deliveries.count(WORKSPACE, query) == len(page)
        return ids(page)

    hook = world.hook.id
    assert found(id=failed.id) == [("b", hook)]
    assert found(id=failed.id, event_id="a") == []
    assert found(id=failed.id, status=DeliveryStatus.DELIVERED) == []
    assert found(event_id="a") == [("a", hook)]
    assert sorted(found(event_id="b")) == sorted([("b", hook), ("b", other.endpoint_id)])
    assert found(endpoint_id=hook) == [("b", hook), ("a", hook)]
    assert found(endpoint_id=hook, descending=False) == [("a", hook), ("b", hook)]
    assert found(endpoint_id=hook, event_id="a") == [("a", hook)]
    assert found(status=DeliveryStatus.FAILED) == [("b", hook)]
    assert found(id=delivery_id(hook, "unknown")) == []


def test_a_list_of_one_endpoint_goes_on_over_the_pages_of_the_index(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELIVERIES_IN_ONE_READ", 3)
    for number in range(10):
        world.record(world.event(f"e{number}", number), DeliveryStatus.DELIVERED)
    query = DeliveryQuery(endpoint_id=world.hook.id, offset=2, limit=7)
    assert [event for event, _ in ids(world.deliveries.page(WORKSPACE, query))] == [f"e{number}" for number in range(7, 0, -1)]


def test_a_list_that_takes_too_long_asks_for_something_narrower(world: World) -> None:
    for number in range(20):
        world.record(world.event(f"e{number}", number), DeliveryStatus.DELIVERED)
    world.tick = 11.0
    with pytest.raises(TooLarge, match="one event or one endpoint"):
        world.deliveries.count(WORKSPACE, DeliveryQuery())


def test_a_retry_is_the_next_attempt_with_a_new_schedule(world: World) -> None:
    event = world.event("a", 1)
    world.record(event, DeliveryStatus.PENDING, number=1)
    delivery = world.record(event, DeliveryStatus.FAILED, number=2)

    world.deliveries.retry(WORKSPACE, [delivery.id, delivery.id])

    (message,) = world.queue.sent
    assert (message.attempt, message.schedule_start, message.repeat, message.listed) == (3, 3, True, True)
    assert message.body == event.as_json()


def test_one_unknown_delivery_among_many_sends_nothing(world: World) -> None:
    delivery = world.record(world.event("a", 1), DeliveryStatus.FAILED)
    unknown = delivery_id(world.hook.id, "unknown")
    with pytest.raises(NotFound) as caught:
        world.deliveries.retry(WORKSPACE, [delivery.id, unknown, "no id"])
    assert caught.value.ids == [unknown, "no id"]
    with pytest.raises(NotFound):
        world.deliveries.retry(FOREIGN, [delivery.id])
    assert world.queue.sent == []


@pytest.mark.parametrize("count", [0, 101])
def test_a_retry_names_1_to_100_deliveries(world: World, count: int) -> None:
    with pytest.raises(BadUserInput, match="1 to 100"):
        world.deliveries.retry(WORKSPACE, [delivery_id(world.hook.id, str(number)) for number in range(count)])


def test_what_cannot_be_sent_any_more_says_why(world: World) -> None:
    gone = world.record(world.event("a", 1), DeliveryStatus.FAILED, new_id())
    expired = world.record(world.event("b", 1), DeliveryStatus.FAILED)
    world.store.items.pop((WORKSPACE, "b"))
    with pytest.raises(BadUserInput) as caught:
        world.deliveries.retry(WORKSPACE, [gone.id, expired.id])
    assert [problem.rpartition("its ")[2] for problem in caught.value.problems] == ["endpoint was deleted.", "event has expired."]


def test_a_retry_that_may_not_have_been_sent_is_no_success(world: World) -> None:
    delivery = world.record(world.event("a", 1), DeliveryStatus.FAILED)
    world.queue.refuse = True
    with pytest.raises(Unavailable):
        world.deliveries.retry(WORKSPACE, [delivery.id])


def test_a_replay_sends_what_is_missing_in_the_span_of_acceptance(world: World) -> None:
    events = {name: world.event(name, minute) for minute, name in enumerate(["early", "new", "failed", "done", "pending", "late"])}
    world.record(events["failed"], DeliveryStatus.FAILED)
    world.record(events["done"], DeliveryStatus.DELIVERED)
    world.record(events["pending"], DeliveryStatus.PENDING)

    answer = world.deliveries.replay(WORKSPACE, world.hook.id.upper(), events["new"].created, events["late"].created)

    assert answer == (2, None)
    assert [(message.event_id, message.attempt, message.listed) for message in world.queue.sent] == [("new", 1, False), ("failed", 2, True)]


def test_a_replay_of_everything_sends_what_was_delivered_too(world: World) -> None:
    world.record(world.event("done", 1), DeliveryStatus.DELIVERED)
    assert world.deliveries.replay(WORKSPACE, world.hook.id, START, None, missing_only=False) == (1, None)


def test_a_replay_follows_the_filters_and_leaves_the_services_own_events_out(world: World) -> None:
    world.event("a", 1, "wanted")
    world.event("b", 2, "other")
    world.event("c", 3, "event-service.endpoint.disabled")
    assert world.deliveries.replay(WORKSPACE, world.hook.id, START) == (2, None)
    world.filters = [EventFilter(new_id(), WORKSPACE, "f", {"in": {"eventTypes": ["WANTED"]}}, START, START)]
    world.queue.sent.clear()
    assert world.deliveries.replay(WORKSPACE, world.hook.id, START) == (1, None)
    assert [message.event_id for message in world.queue.sent] == ["a"]


def test_a_replay_stops_between_moments_and_says_where_to_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_IN_ONE_STEP", 2)
    monkeypatch.setattr(module, "MAXIMUM_REPLAYED_EVENTS", 5)
    for number in range(12):
        world.event(f"e{number:02}", number // 3)
    since: datetime | None = START
    counts = []
    while since is not None:
        count, since = world.deliveries.replay(WORKSPACE, world.hook.id, since)
        counts.append(count)
    assert counts == [3, 3, 3, 3]
    assert sorted(message.event_id for message in world.queue.sent) == [f"e{number:02}" for number in range(12)]


def test_a_replay_ends_before_its_time_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_IN_ONE_STEP", 1)
    for number in range(5):
        world.event(f"e{number}", number)
    world.tick = 8.0
    count, continue_since = world.deliveries.replay(WORKSPACE, world.hook.id, START)
    assert 0 < count < 5
    assert continue_since == START + timedelta(minutes=count)


def test_only_webhooks_are_replayed_and_tested(world: World) -> None:
    for call in (lambda one: world.deliveries.replay(WORKSPACE, one, START), lambda one: world.deliveries.test_endpoint(WORKSPACE, one)):
        with pytest.raises(BadUserInput, match="WEB_SOCKET"):
            call(world.socket.id)
        with pytest.raises(NotFound):
            call(new_id())
        with pytest.raises(BadUserInput, match="UUID"):
            call("x")
    with pytest.raises(NotFound):
        world.deliveries.test_endpoint(FOREIGN, world.hook.id)
    with pytest.raises(BadUserInput, match="not before"):
        world.deliveries.replay(WORKSPACE, world.hook.id, START, START)


def test_a_test_goes_through_the_webhook_function(world: World) -> None:
    assert world.deliveries.test_endpoint(WORKSPACE, world.hook.id.upper()).status_code == 200
    assert world.tested == [(WORKSPACE, world.hook.id)]
