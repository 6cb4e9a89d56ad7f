"""What the router counts for charts, and that it costs one write a minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from event_service.counting.counters import Counters
from event_service.counting.ports import Counted
from event_service.counting.seen_types import SeenTypes
from event_service.counting.storage.counts import DynamoCounts
from event_service.counting.storage.seen_types import KEPT, DynamoSeenTypes, SeenTypeItem
from event_service.events.new_event import NewEvent
from tests.integration.events.test_cost import Metered, event
from tests.world import WORKSPACE, World, token


def test_routing_counts_events_and_deliveries(make_world: Callable[..., World]) -> None:
    world = make_world()
    store = DynamoCounts(world.database)
    world.counters = Counters(store, world.clock)
    world.webhook(world.event_filter(eventTypes=["a"]))
    world.publishing.publish(token(), [NewEvent(type="a", data={}), NewEvent(type="a", data={}), NewEvent(type="b", data={})])

    world.route_all()

    now = world.clock()
    ((_, counts),) = store.between(WORKSPACE, now - timedelta(hours=1), now + timedelta(minutes=1))
    assert counts == {Counted.EVENTS: 3, Counted.DELIVERIES: 2}


def test_a_router_that_has_counted_routes_at_the_same_cost(make_world: Callable[..., World]) -> None:
    """Within the minute after a write a delivery costs what it costs without charts: no call and no unit."""
    metered = Metered(make_world)
    metered.world.counters = Counters(DynamoCounts(metered.world.database, 0), metered.world.clock)
    metered.world.webhook(metered.world.event_filter(eventTypes=["identification"]))
    metered.publish(event())
    first = metered.route()
    metered.publish(event())
    second = metered.route()

    assert (first.operations["UpdateItem"], first.writes) == (1, 1)
    assert second.operations == {"Query": 1, "BatchGetItem": 1, "SendMessageBatch": 1}
    assert (second.reads, second.writes) == (2, 0)


def test_each_type_is_noted_once_an_hour_with_its_first_and_last_sight(make_world: Callable[..., World]) -> None:
    metered = Metered(make_world)
    world = metered.world
    store = DynamoSeenTypes(world.database)
    world.seen_types = SeenTypes(store, world.clock)
    metered.publish(NewEvent(type="a", data={}), NewEvent(type="a", data={}), NewEvent(type="b", data={}))
    first = metered.route()
    metered.publish(NewEvent(type="a", data={}))
    second = metered.route()
    begin = store.seen(WORKSPACE, None, 10)
    world.clock.advance(hours=1)
    metered.publish(NewEvent(type="a", data={}))
    third = metered.route()

    assert [cost.operations.get("UpdateItem", 0) for cost in (first, second, third)] == [2, 0, 1]
    assert (first.writes, second.writes, third.writes) == (2, 0, 1)
    assert [(one.type, one.first == one.last) for one in begin] == [("a", True), ("b", True)]
    (seen,) = store.seen(WORKSPACE, None, 1)
    assert (seen.type, seen.first) == ("a", begin[0].first)
    assert seen.last >= seen.first + timedelta(hours=1)
    assert [one.type for one in store.seen(WORKSPACE, "a", 10)] == ["b"]
    (item, _) = world.database.query(SeenTypeItem, SeenTypeItem.bucket == f"types#{WORKSPACE}").items
    assert int(item["expiresAt"]["N"]) == int((seen.last + KEPT).timestamp())
