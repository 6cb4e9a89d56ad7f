"""From a publish to the hand-over, on AWS in memory."""

from __future__ import annotations

from event_service.events.new_event import NewEvent
from tests.integration.events.conftest import WORKSPACE, World, token


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
