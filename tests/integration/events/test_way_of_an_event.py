"""From a publish to the hand-over, on AWS in memory."""

from __future__ import annotations

from event_service.events.new_event import NewEvent
from tests.world import WORKSPACE, World, token


def test_event_reaches_endpoints_without_filters_and_matching_ones(world: World) -> None:
    identified = world.event_filter(eventTypes=["IDENTIFICATION"])
    everything, wanting, other = world.webhook(), world.webhook(identified), world.webhook(world.event_filter(eventTypes=["har"]))
    socket, silent = world.socket(identified), world.socket(world.event_filter(cameraIds=["c"]))

    result = world.publishing.publish(token(), [NewEvent(type="identification", data={"n": 1}, id="one"), NewEvent(type="roi", data={})])
    world.route_all()

    one, two = result.ids
    assert one == "one"
    handed_over = world.handed_over()
    assert sorted(message.pair for message in handed_over) == sorted([(everything, one), (everything, two), (wanting, one)])
    assert other not in {message.pair[0] for message in handed_over}
    assert world.log_of(socket) == [one]
    assert world.log_of(silent) == []
    assert world.woken() == {socket}
    assert {message.head["workspaceId"] for message in handed_over} == {WORKSPACE}
    assert [message.body["data"] for message in handed_over if message.pair == (wanting, one)] == [{"n": 1}]
    assert not any(message.repeat for message in handed_over)


def test_event_neither_reaches_nor_waits_for_who_lost_its_last_filter(world: World) -> None:
    wanted, other = world.event_filter(eventTypes=["wanted"]), world.event_filter(eventTypes=["other"])
    hook, socket = world.webhook(wanted), world.socket(wanted)
    world.configuration.event_filters.delete(WORKSPACE, [wanted])

    world.publishing.publish(token(), [NewEvent(type="wanted", data={}, id="1"), NewEvent(type="secret", data={}, id="2")])
    world.route_all()
    assert (world.handed_over(), world.log_of(socket)) == ([], [])

    # also for a router that loads the workspace now, and when another filter is linked
    world.start_router()
    world.configuration.links.link(WORKSPACE, [hook, socket], other)
    world.publishing.publish(token(), [NewEvent(type="secret", data={}, id="3"), NewEvent(type="other", data={}, id="4")])
    world.route_all()
    assert [message.pair for message in world.handed_over()] == [(hook, "4")]
    assert world.log_of(socket) == ["4"]


def test_a_delivery_says_which_configuration_version_routed_it(world: World) -> None:
    hook, socket = world.webhook(), world.socket()
    world.publishing.publish(token(), [NewEvent(type="a", data={}, id="1")])
    world.route_all()
    world.event_filter(eventTypes=["unrelated"])
    world.publishing.publish(token(), [NewEvent(type="a", data={}, id="2")])
    world.route_all()

    assert [(message.pair, message.head["configuration"]) for message in world.handed_over()] == [((hook, "1"), 2), ((hook, "2"), 3)]
    segments = world.socket_store.segments(socket, 1, 10)
    assert [(segment.event_ids, segment.configuration_version) for segment in segments] == [(("1",), 2), (("2",), 3)]
