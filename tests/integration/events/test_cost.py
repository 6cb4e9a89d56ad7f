"""What a published event and a routed delivery cost: SDK calls and request units, by our own meter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.delivery.attempt import WIDE_FROM
from event_service.events.new_event import NewEvent
from event_service.events.reading import EventQuery
from tests import builders
from tests.fakes.events import FakeSqsClient
from tests.support.metering import Ledger, MeteredConnection, MeteredSqs, TableShape
from tests.template_file import resources
from tests.world import WORKSPACE, World, token

# An event of about 1 KB as JSON, as the documented service has them.
DATA = {
    "activity_id": None,
    "object": {"class": "human", "id": "2b0ff6b2-8f0f-4c84-8b31-9a2d8a6a1f73"},
    "parents": [
        {"id": "f1b5f0ae-95c4-4b9e-8c2b-66f5f6b9d3f0", "type": "human"},
        {"id": "0f7d3a4e-1c8a-4f1e-b1f4-8a0f3c2e1d55", "type": "face"},
    ],
    "source": "rtsp-1",
    "trigger_source": {"id": "4a1c6c9a-9c57-4bb5-9e2c-1d9f0a6b7c88"},
    "$image": {"id": "a5b0c2d4-0d0a-4a08-9a64-21ab34cd56ef"},
    "$original_image": {"id": "b6c1d3e5-1e1b-4b19-8b75-32bc45de67f0"},
    "note": "9d4c1f6a77b1e2c0 e5a8b3d90c6f4172 5be01c7f2a9d8364 c07d55f1e3a2 77f0aa19",
    "text": "A person entered the region of interest 'loading bay 4' and stayed there for more than 30 seconds.",
    "score": 0.93,
    "bounding_box": {"left": 0.3125, "top": 0.1875, "right": 0.4375, "bottom": 0.6625},
}


class TwoQueues:
    """The routing queue of moto, and a webhook queue that takes a thousand messages in less than a minute."""

    def __init__(self, sqs: Any) -> None:
        self.send_message = sqs.send_message
        self.deliveries = FakeSqsClient()
        self.send_message_batch = self.deliveries.send_message_batch


class OneAtATime:
    """A connection that lets threads wait for one another: a transaction of moto copies all tables, which must not change
    meanwhile."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lock = Lock()

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> Any:
        with self._lock:
            return self._connection.dispatch(operation, arguments)


class Metered:
    """A world whose every call is noted."""

    def __init__(self, make_world: Callable[..., World]) -> None:
        self.world = make_world()
        self.ledger = Ledger()
        tables = {name: TableShape.of_template(one["Properties"]) for name, one in resources("AWS::DynamoDB::Table").items()}
        database = self.world.database
        connection: Any = MeteredConnection(OneAtATime(database._connection), tables, self.ledger)
        self.world.database = Database(connection, database._table_name)
        queues = TwoQueues(self.world.sqs)
        self.deliveries = queues.deliveries.arrived
        client: Any = MeteredSqs(queues, self.ledger)
        self.world.queues = Queues(lambda: client)
        self.world.__post_init__()

    def publish(self, *events: NewEvent) -> Ledger:
        self.ledger.take()
        self.world.publishing.publish(token(), events)
        return self.ledger.take()

    def route(self) -> Ledger:
        self.ledger.take()
        self.world.route_all()
        return self.ledger.take()

    def warm_up(self) -> None:
        self.world.publishing.publish(token(), [NewEvent(type="warm-up", data={})])
        self.world.route_all()
        self.deliveries.clear()
        self.ledger.take()


@pytest.fixture
def metered(make_world: Callable[..., World]) -> Metered:
    return Metered(make_world)


def event(event_id: str | None = None, **data: Any) -> NewEvent:
    return NewEvent(type="identification", data={**DATA, **data}, id=event_id, camera_id="6f1e5d1c-3f1b-4c9e-9d67-2f6f5a1b7c3d")


def test_the_event_of_these_tests_has_a_kilobyte(metered: Metered) -> None:
    metered.publish(event("mine"))

    size = len(metered.world.store.get(WORKSPACE, ["mine"])["mine"].event.as_json())
    assert 1_000 <= size <= 1_024


# -- publishing ----------------------------------------------------------------------------------------------------


def test_an_event_of_1_kb_costs_one_message_and_two_write_units(metered: Metered) -> None:
    """One for the item, one for its place in the time index."""
    cost = metered.publish(event())

    assert cost.operations == {"SendMessage": 1, "BatchWriteItem": 1}
    assert (cost.reads, cost.writes) == (0, 2)


def test_an_event_with_its_publishers_id_costs_half_a_read_unit_more(metered: Metered) -> None:
    cost = metered.publish(event("mine"))

    assert cost.operations == {"BatchGetItem": 1, "SendMessage": 1, "PutItem": 1}
    assert (cost.reads, cost.writes) == (0.5, 2)


def test_a_hundred_events_cost_five_calls_and_200_write_units(metered: Metered) -> None:
    cost = metered.publish(*[event() for _ in range(100)])

    assert cost.operations == {"SendMessage": 1, "BatchWriteItem": 4}
    assert (cost.reads, cost.writes) == (0, 200)


def test_an_event_whose_date_differs_costs_its_place_in_a_second_index(metered: Metered) -> None:
    cost = metered.publish(NewEvent(type="a", data=DATA, date=metered.world.clock() - timedelta(seconds=5)))

    assert cost.writes == 3


def test_each_profile_and_activity_costs_a_row(metered: Metered) -> None:
    cost = metered.publish(event(identification_data=[{"profile_id": "p"}, {"profile_id": "q"}], activity_id="a"))

    assert cost.operations == {"SendMessage": 1, "BatchWriteItem": 2}
    assert cost.writes == 2 + 3


def test_a_publish_of_duplicates_costs_one_read(metered: Metered) -> None:
    metered.publish(event("mine"))

    cost = metered.publish(event("mine"))

    assert (cost.operations, cost.reads, cost.writes) == ({"BatchGetItem": 1}, 0.5, 0)


def test_publishing_costs_the_same_whatever_is_stored_and_configured(metered: Metered) -> None:
    before = metered.publish(event("a"), event())
    for _ in range(5):
        metered.world.webhook(metered.world.event_filter(eventTypes=["other"]))
    metered.publish(*[event() for _ in range(100)])

    after = metered.publish(event("b"), event())

    assert (after.operations, after.reads, after.writes) == (before.operations, before.reads, before.writes)


# -- routing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fan_out", "calls"), [(0, 0), (1, 1), (10, 1), (WIDE_FROM, 20), (300, 30)])
def test_a_delivery_costs_a_tenth_of_a_call_and_no_units(metered: Metered, fan_out: int, calls: int) -> None:
    """Beside that, a batch costs one read of the configuration and one of the events, whatever the fan-out. An event that is wide is
    marked, by two writes in one call. 300 are wide, three change sets, and more than a batch of keys holds."""
    _endpoints(metered.world, fan_out)
    metered.warm_up()
    metered.publish(event())

    cost = metered.route()

    assert len(metered.deliveries) == fan_out
    wide = fan_out > WIDE_FROM
    expected = {"Query": 1, "BatchGetItem": 1} | ({"SendMessageBatch": calls} if calls else {}) | ({"BatchWriteItem": 1} if wide else {})
    assert cost.operations == expected
    # One for the configuration that did not change, one for the event, both strongly consistent.
    assert (cost.reads, cost.writes) == (2, 2 if wide else 0)


@pytest.mark.parametrize("fan_out", [1, 10, 30])
def test_socket_costs_a_transaction_and_a_tenth_of_a_wake_up(metered: Metered, fan_out: int) -> None:
    """Its log is extended once for all events of a message that it gets."""
    costs = []
    wanted = metered.world.event_filter(eventTypes=["identification"])
    sockets = [metered.world.socket(wanted) for _ in range(fan_out)]
    for unrelated in (0, 30):
        other = metered.world.event_filter(eventTypes=["other"])
        for _ in range(unrelated):
            metered.world.socket(other)
        metered.warm_up()
        for one in sockets:
            metered.world.socket_store.take_turn(one)  # who was woken before has come, so that the next event wakes anew
        metered.publish(event(), event())
        costs.append(metered.route())

    assert [len(metered.world.log_of(one)) for one in sockets] == [4] * fan_out
    wake_ups = {"SendMessage": 1} if fan_out == 1 else {"SendMessageBatch": fan_out // 10}
    for cost in costs:
        # One BatchGetItem reads the two events, and one, for more than three sockets, the heads of the logs.
        reads = 1 if fan_out == 1 else 2
        expected = {"Query": 1, "BatchGetItem": reads, "UpdateItem": fan_out, "TransactWriteItems": fan_out}
        assert cost.operations == {**expected, **wake_ups}
        # The head counts up; the segment and the nonce are written in a transaction, which counts twice.
        assert (cost.reads, cost.writes) == (1 + 2 + (fan_out if fan_out > 3 else 0), 5 * fan_out)


def test_ten_publishes_in_a_batch_share_their_calls(metered: Metered) -> None:
    _endpoints(metered.world, 1)
    metered.warm_up()
    for _ in range(10):
        metered.publish(event())

    cost = metered.route()

    assert len(metered.deliveries) == 10
    assert cost.operations == {"Query": 1, "BatchGetItem": 1, "SendMessageBatch": 1}
    assert (cost.reads, cost.writes) == (1 + 10, 0)


@pytest.mark.parametrize("fan_out", [0, 1, 10, 300])
def test_routing_costs_the_same_whatever_else_is_stored_and_configured(metered: Metered, fan_out: int) -> None:
    """300 make a wide event, three change sets, and more than a batch of keys holds."""
    _endpoints(metered.world, fan_out)
    metered.warm_up()
    metered.publish(event())
    before = metered.route()
    unrelated = metered.world.event_filter(eventTypes=["other"])
    for _ in range(20):
        metered.world.webhook(unrelated)
        metered.world.event_filter(cameraIds=["x"])
    metered.publish(*[NewEvent(type="stored", data=DATA) for _ in range(50)])
    metered.world.route_all()
    metered.deliveries.clear()
    metered.publish(event())

    after = metered.route()

    assert len(metered.deliveries) == fan_out
    assert (after.operations, after.reads, after.writes) == (before.operations, before.reads, before.writes)


@pytest.mark.parametrize("others", [0, WIDE_FROM + 1])
def test_link_change_costs_the_router_one_read(metered: Metered, others: int) -> None:
    """Required are at most ten reads with 10,000 endpoints and 10,000 filters: the change alone is read, not what is there. 201
    make the event wide, and are more change sets than the router reads in two calls."""
    _endpoints(metered.world, others)
    unrelated = metered.world.event_filter(eventTypes=["other"])
    for _ in range(others):
        metered.world.event_filter(cameraIds=["x"])
    hook, wanted = metered.world.webhook(unrelated), metered.world.event_filter(eventTypes=["identification"])
    metered.warm_up()
    metered.publish(event())
    before = metered.route()
    metered.deliveries.clear()

    metered.world.configuration.links.link(WORKSPACE, [hook], wanted)
    metered.publish(event())
    after = metered.route()

    assert len(metered.deliveries) == others + 1
    assert after.operations["Query"] == before.operations["Query"] == 1
    # The change set is small: the read that finds nothing new and the one that finds it cost the same unit.
    assert (after.reads, after.writes) == (before.reads, before.writes) == (2, 2 if others > WIDE_FROM else 0)


def test_a_cold_router_reads_each_table_of_the_configuration_once(metered: Metered) -> None:
    metered.world.webhook(metered.world.event_filter(eventTypes=["identification"]))
    metered.publish(event())
    metered.world.start_router()

    cost = metered.route()

    assert [call.target for call in cost.calls if call.operation == "Query"] == [
        "ChangesTable.heads",
        "LinksTable",
        "EndpointsTable.by_creation",
        "EventFiltersTable",
        "ChangesTable",
    ]


# -- reading -------------------------------------------------------------------------------------------------------


def test_reading_by_id_is_one_read(metered: Metered) -> None:
    metered.publish(event("mine"))

    metered.world.reading.page(WORKSPACE, EventQuery(id="mine"))

    cost = metered.ledger.take()
    assert (cost.operations, cost.reads) == ({"GetItem": 1}, 1)


def test_a_page_is_sixteen_queries_of_keys_and_one_read_of_its_events(metered: Metered) -> None:
    for _ in range(3):
        metered.publish(*[event() for _ in range(100)])

    page = metered.world.reading.page(WORKSPACE, EventQuery(limit=100))

    cost = metered.ledger.take()
    assert len(page) == 100
    assert cost.operations["BatchGetItem"] == 1
    assert 16 <= cost.operations["Query"] <= 32
    # Half a unit for each query and for each event.
    assert cost.reads <= 16 + 50


def _endpoints(world: World, number: int) -> None:
    """As one change set: this is not about configuration."""
    from event_service.base.identifiers import new_id
    from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint

    for first in range(0, number, 100):
        head = world.changes.head(WORKSPACE)
        endpoints = [
            builders.a_webhook(
                id=new_id(), workspace_id=WORKSPACE, name="hook", url="https://x.example", created=world.clock(), modified=world.clock()
            )
            for _ in range(min(100, number - first))
        ]
        change = ChangeSet(WORKSPACE, head.version + 1 if head else 1, tuple(PutEndpoint(one) for one in endpoints), Counts())
        assert world.changes.append(change)
        world.rows.apply(change)
        world.changes.mark_applied(WORKSPACE, change.version)
