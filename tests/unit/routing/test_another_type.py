"""A type of endpoints that the product does not have: what a new package registers is all that it takes.

Beside the value of the enum, nothing of the product is changed here: the type is a destination and an outlet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from event_service.base.errors import BadUserInput
from event_service.configuration.configuration import Configuration, ConfigurationStores, assemble
from event_service.configuration.destinations import Destinations, Feature, Records
from event_service.configuration.endpoint import Endpoint, EndpointType, Settings
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import Quotas
from event_service.delivery.attempt import Attempt, DeliveryKey, DeliveryStatus, LogRecord
from event_service.delivery.lanes import Looks
from event_service.delivery.lists import DeliveryQuery
from event_service.delivery.outlet import RoutedEvents
from event_service.delivery.ports import ReadableLog
from event_service.delivery.resending import Resending
from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.explain.delivery import Explanations
from event_service.explain.outcome import DeliveryOutcome
from event_service.filters.matching.size import index_entries
from event_service.routing.fan_out import CALLS_PER_INVOCATION
from event_service.routing.router import Routing
from event_service.routing.work import ReceivedMessage, RoutingReport
from event_service.sockets.destination import SocketDestination
from event_service.sockets.places import SocketPlaces
from event_service.webhooks.destination import WebhookDestination
from tests import builders
from tests.builders import SettableClock
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows, FakeSecretStore
from tests.fakes.delivery import Aws, FakeBacklogStore, FakeDeliveryLog, FakeReminderStore
from tests.fakes.events import FakeEventStore, FakeRefusedFilterReports, FakeRoutingQueue, FakeSocketLog, FakeWebhookQueue
from tests.fakes.graphql_services import FakeKnownHealth
from tests.fakes.sockets import FakeSocketTables
from tests.fakes.webhooks import FakeQueue
from tests.simulation.virtual_time import VirtualClock
from tests.unit.routing.configurations import AT, WORKSPACE
from tests.wiring import HistoryUseCases, new_routing, outlets

STORED_AT = "2026-03-01T12:00:00.000000+00:00"


@pytest.fixture
def drawer(monkeypatch: pytest.MonkeyPatch) -> EndpointType:
    """A value of the enum that the product does not have."""
    value = str.__new__(EndpointType, "DRAWER")
    value._name_, value._value_ = "DRAWER", "DRAWER"
    monkeypatch.setitem(EndpointType._member_map_, "DRAWER", value)
    monkeypatch.setitem(EndpointType._value2member_map_, "DRAWER", value)
    return EndpointType("DRAWER")


class DrawerDestination:
    """Events are put into a drawer; nobody can look whether they would fit."""

    creation = "createDrawerEndpoint"
    records = Records.ATTEMPTS
    lacks: Mapping[Feature, str] = {
        Feature.SECRET: "a DRAWER has no secret.",
        Feature.TEST: "this is a DRAWER endpoint; open it and look.",
        Feature.RETRY: "what is in a DRAWER stays there.",
        Feature.REPLAY: "this is a DRAWER endpoint; nothing is taken out of it.",
    }

    def __init__(self, endpoint_type: EndpointType) -> None:
        self.type = endpoint_type

    def settings_of_new(self, given: Settings) -> Settings:
        return given

    def changed_settings(self, given: Settings) -> Settings:
        return given


@dataclass
class DrawerOutlet:
    """Implements ``Outlet`` with a list."""

    failure = "the drawer is locked"
    held: list[tuple[str, str]] = field(default_factory=list)
    repeats: list[bool] = field(default_factory=list)
    calls: int = 0
    is_locked: bool = False

    def cost(self, routed: RoutedEvents, events: Sequence[Event]) -> int:
        return 1_000 * len(events)

    def send(self, routed: Sequence[RoutedEvents], time_left: Callable[[], float]) -> Collection[int]:
        self.calls += 1
        if self.is_locked:
            return range(len(routed))
        for one in routed:
            self.repeats.append(one.repeat)
            self.held += [(endpoint_id, event.id) for endpoint_id, events in one.per_endpoint.items() for event in events]
        return ()


class Scene:
    """A workspace with a drawer, a webhook and a socket, wired as in production with one registration more."""

    def __init__(self, drawer: EndpointType) -> None:
        self.clock = SettableClock(AT)
        self.log, self.rows, aws = FakeChangeLog(), FakeConfigurationRows(self.clock), Aws()
        self.store = FakeEventStore(self.clock)
        self.attempts = FakeDeliveryLog(aws, self.clock)
        self.backlog = FakeBacklogStore(aws)
        self.destinations = Destinations([SocketDestination(), WebhookDestination(lambda url: url), DrawerDestination(drawer)])
        secrets = FakeSecretStore()
        self.configuration: Configuration = assemble(
            stores=ConfigurationStores(self.log, self.rows, secrets, secrets),
            observers=(),
            destinations=self.destinations,
            quotas=Quotas(100, 100),
            reading=ConditionReading(lambda given: given, index_entries),
            clock=self.clock,
        )
        self.webhooks, self.sockets, self.outlet = FakeWebhookQueue(), FakeSocketLog(), DrawerOutlet()
        self.queue = FakeRoutingQueue()
        self.outlets = {**outlets(self.webhooks, self.sockets), drawer: self.outlet}
        self.routing = self.new_routing()
        looks = Looks(FakeQueue(aws, VirtualClock(), "looks"), FakeReminderStore(aws), self.clock)
        self.resending = Resending(self.backlog, looks, self.attempts)
        history = HistoryUseCases(
            readable=ReadableLog(self.attempts, self.attempts),
            resending=self.resending,
            store=self.store,
            accepted=self,
            endpoints=self.configuration,
            registered=self.destinations,
            tester=self,
            clock=self.clock,
        )
        self.history, self.bulk_retry, self.replay = history.deliveries, history.bulk_retry, history.replay_to({})
        self.explanations = Explanations(
            configuration=self.configuration,
            history=self.log,
            events=self.store,
            deliveries=self.attempts,
            sockets=SocketPlaces(FakeSocketTables(), timedelta(hours=24)),
            destinations=self.destinations,
            health=FakeKnownHealth(),
            clock=self.clock,
        )
        self.drawer = self.create(drawer)
        self.hook = self.create(EndpointType.WEB_HOOK, Settings("https://hook.example.com"))
        self.socket = self.create(EndpointType.WEB_SOCKET)
        self.clock.now += timedelta(minutes=10)

    def new_routing(self, calls_per_invocation: int = CALLS_PER_INVOCATION) -> Routing:
        return new_routing(
            self.log,
            self.rows,
            store=self.store,
            outlets=self.outlets,
            queue=self.queue,
            refused_filters=FakeRefusedFilterReports(),
            calls_per_invocation=calls_per_invocation,
        )

    def create(self, of_type: EndpointType, settings: Settings | None = None) -> Endpoint:
        return self.configuration.endpoints.create(WORKSPACE, of_type, "name", settings)

    def publish(self, *event_ids: str, nonce: str = "0" * 32) -> RoutingMessage:
        events = [
            builders.an_event(id=one, type="a", date=self.clock.now, workspace_id=WORKSPACE, created=self.clock.now) for one in event_ids
        ]
        self.store.put(events, nonce)
        return RoutingMessage(WORKSPACE, nonce, STORED_AT, tuple(events))

    def route(self, *messages: RoutingMessage, repeat: bool = False) -> RoutingReport:
        """Routes them as one batch."""
        return self.routing.route([ReceivedMessage(one, repeat) for one in messages], lambda: 60)

    def record(self, event_id: str, status: DeliveryStatus) -> str:
        """What the type's own delivery would write; returns the delivery's id."""
        key = DeliveryKey(WORKSPACE, self.drawer.id, event_id, STORED_AT, 3)
        attempt = Attempt(1, self.clock.now, 5, None, None, None, "")
        self.attempts.write([LogRecord(key, status, self.clock.now, attempt=attempt, listed=True)])
        found = self.attempts.delivery(WORKSPACE, self.drawer.id, event_id)
        assert found is not None
        return found.id

    # -- ports that the scene itself is

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        found = [(one.event.created, one.event.id) for one in self.store.items.values()]
        yield from sorted((one for one in found if since <= one[0] < until), reverse=descending)

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        raise AssertionError(f"{endpoint_id} of {workspace_id} cannot be tested")


@pytest.fixture
def scene(drawer: EndpointType) -> Scene:
    return Scene(drawer)


def test_events_are_handed_over_to_the_types_own_outlet(scene: Scene) -> None:
    report = scene.route(scene.publish("x", "y"))

    assert scene.outlet.held == [(scene.drawer.id, "x"), (scene.drawer.id, "y")]
    assert sorted(scene.webhooks.pairs) == [(scene.hook.id, "x"), (scene.hook.id, "y")]
    assert list(scene.sockets.logs) == [scene.socket.id]
    assert (report.failed, report.deliveries) == ([], 6)


def test_messages_of_one_batch_are_handed_over_together(scene: Scene) -> None:
    scene.route(scene.publish("x"), scene.publish("y", nonce="1" * 32))

    assert (scene.outlet.calls, len(scene.outlet.held)) == (1, 2)


def test_what_the_outlet_says_it_costs_cuts_a_message_off(scene: Scene, drawer: EndpointType) -> None:
    for _ in range(60):
        scene.create(drawer)
    scene.routing = scene.new_routing(calls_per_invocation=10)

    report = scene.route(scene.publish("x"))

    assert report.continued == 1
    # The webhook and the socket of the workspace, whose places among the random ids vary, take up to two calls of the ten.
    assert 8 <= len(scene.outlet.held) <= 10
    (rest,) = scene.queue.sent
    assert rest.continuation == 1


def test_a_message_comes_again_when_the_outlet_did_not_take_it(scene: Scene) -> None:
    message = scene.publish("x")
    scene.outlet.is_locked = True

    failed = scene.route(message)
    scene.outlet.is_locked = False
    again = scene.route(message, repeat=True)

    assert (failed.failed, failed.faults, again.failed) == ([0], 0, [])
    assert scene.outlet.repeats == [True]


def test_a_type_without_an_outlet_is_a_fault_of_ours(scene: Scene, drawer: EndpointType) -> None:
    del scene.outlets[drawer]

    report = scene.route(scene.publish("x"))

    assert (report.failed, report.faults) == ([0], 1)


def test_deliveries_are_explained_from_the_log_of_attempts(scene: Scene) -> None:
    scene.route(scene.publish("x"))

    before = scene.explanations.explain(WORKSPACE, "x", scene.drawer.id)
    scene.record("x", DeliveryStatus.DELIVERED)
    after = scene.explanations.explain(WORKSPACE, "x", scene.drawer.id)

    assert before.outcome is DeliveryOutcome.NOT_ROUTED_YET
    assert (after.outcome, after.delivery is not None, after.sequence) == (DeliveryOutcome.DELIVERED, True, None)
    assert after.sentence.startswith("It was delivered by attempt 1 at 2026-03-01 ")


def test_deliveries_of_the_type_are_listed(scene: Scene) -> None:
    scene.route(scene.publish("x"))
    delivery_id = scene.record("x", DeliveryStatus.FAILED)

    assert [one.id for one in scene.history.page(WORKSPACE, DeliveryQuery(endpoint_id=scene.drawer.id))] == [delivery_id]


def test_what_it_lacks_is_refused_with_its_own_sentence(scene: Scene) -> None:
    scene.route(scene.publish("x"))
    delivery_id = scene.record("x", DeliveryStatus.FAILED)

    with pytest.raises(BadUserInput, match="id: this is a DRAWER endpoint; open it and look"):
        scene.history.test_endpoint(WORKSPACE, scene.drawer.id)
    with pytest.raises(BadUserInput, match=f"ids: {delivery_id} cannot be sent again: what is in a DRAWER stays there"):
        scene.history.retry(WORKSPACE, [delivery_id])
    with pytest.raises(BadUserInput, match="endpointId: this is a DRAWER endpoint; nothing is taken out of it"):
        scene.replay.replay(WORKSPACE, scene.drawer.id, AT)
    assert scene.backlog.rows == {}


def test_retries_of_many_deliveries_leave_it_out(scene: Scene) -> None:
    scene.route(scene.publish("x"))
    scene.record("x", DeliveryStatus.FAILED)

    retried = scene.bulk_retry.retry(WORKSPACE, DeliveryQuery(endpoint_id=scene.drawer.id))

    assert (retried.count, retried.skipped) == (0, 1)
    assert scene.backlog.rows == {}
