"""The fakes misbehave as AWS does: a test that passes with a kind fake proves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from event_service.base.dates import format_date
from event_service.base.errors import Unavailable
from event_service.delivery.attempt import DeliveryKey, PendingAttempt
from event_service.delivery.lane import Lane, Look
from event_service.delivery.ports import BacklogRow
from event_service.delivery.receiver_health import EndpointHealth
from tests.fakes.webhooks import MAXIMUM_RECEIVES, VISIBILITY_SECONDS, WORKSPACE, WebhookScene

RUN = Look(WORKSPACE, "e")


def test_message_comes_again_ten_times_and_then_dies() -> None:
    world = WebhookScene()
    world.queue.put(RUN)
    for number in range(1, MAXIMUM_RECEIVES + 1):
        (message,) = world.queue.receive(10)
        assert message.receives == number
        assert world.queue.receive(10) == []
        world.clock.advance(seconds=VISIBILITY_SECONDS)
    assert world.queue.receive(10) == []
    assert len(world.queue.dead) == 1
    world.queue.redrive()
    assert world.queue.receive(10)[0].receives == 1


def test_delayed_message_is_invisible_and_delays_are_bounded() -> None:
    world = WebhookScene()
    world.queue.put(RUN, 60)
    assert world.queue.receive(10) == []
    world.clock.advance(seconds=60)
    assert len(world.queue.receive(10)) == 1
    with pytest.raises(AssertionError):
        world.queue.send([(RUN, 901)])


def test_lost_answer_means_done_and_a_batch_may_be_done_in_part() -> None:
    world = WebhookScene()
    keys = [DeliveryKey(WORKSPACE, "e", str(number), format_date(world.clock())) for number in range(4)]
    rows = [BacklogRow(PendingAttempt(key), key.accepted_at) for key in keys]
    world.aws.fault = lambda operation: "half"
    with pytest.raises(Unavailable):
        world.backlog.add(rows)
    assert len(world.backlog.rows) == 2
    world.aws.fault = lambda operation: "lost"
    with pytest.raises(Unavailable):
        world.backlog.add(rows)
    assert len(world.backlog.rows) == 4
    assert world.queue.send([(RUN, 0)]) == [0]
    assert len(world.queue.messages) == 1
    world.aws.fault = lambda operation: "refused"
    with pytest.raises(Unavailable):
        world.backlog.delete(rows)
    assert len(world.backlog.rows) == 4


def test_conditions_refuse_what_is_late() -> None:
    world = WebhookScene()
    lane = Lane(WORKSPACE, "e")
    owned = world.lanes.claim(lane, "t1", world.clock())
    assert owned is not None
    assert world.lanes.claim(lane, "t2", world.clock()) is None
    assert not world.lanes.set_ending(replace(owned, token="t2"), True)
    assert world.lanes.ask_again(owned)
    assert not world.lanes.release(owned, None)
    assert world.lanes.release(replace(owned, again=True), None)
    assert not world.lanes.ask_again(owned)
    health = EndpointHealth("e", 1, failing_since=world.clock())
    assert world.health.put(WORKSPACE, health, None)
    assert not world.health.put(WORKSPACE, health, None)
    assert not world.health.put(WORKSPACE, replace(health, version=3), replace(health, version=2))
