"""Replaying retained events to one webhook."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from event_service.base.errors import BadUserInput, NotFound
from event_service.base.identifiers import new_id
from event_service.delivery.attempt import DeliveryStatus
from event_service.filters.event_filter import EventFilter
from event_service.routing import replay as module
from tests.fakes.history import START, WORKSPACE, World


@pytest.fixture
def world() -> World:
    return World()


def test_a_replay_sends_what_is_missing_in_the_span_of_acceptance(world: World) -> None:
    events = {name: world.event(name, minute) for minute, name in enumerate(["early", "new", "failed", "done", "pending", "late"])}
    world.record(events["failed"], DeliveryStatus.FAILED)
    world.record(events["done"], DeliveryStatus.DELIVERED)
    world.record(events["pending"], DeliveryStatus.PENDING)

    answer = world.replay.replay(WORKSPACE, world.hook.id.upper(), events["new"].created, events["late"].created)

    assert answer == (2, None)
    sent = [(row.attempt.delivery.event_id, row.attempt.number, row.attempt.listed) for row in world.sent]
    assert sent == [
        ("new", 1, False),
        ("failed", 2, True),
    ]


def test_a_replay_of_what_is_missing_leaves_out_what_is_on_its_way(world: World) -> None:
    accepted = world.event("young", 1)
    world.now = accepted.created + module.ON_ITS_WAY - timedelta(seconds=1)
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (0, None)
    assert world.replay.replay(WORKSPACE, world.hook.id, START, missing_only=False) == (1, None)
    world.backlog.delete(world.sent)
    world.now = accepted.created + module.ON_ITS_WAY
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (1, None)


def test_a_replay_of_everything_sends_what_was_delivered_too(world: World) -> None:
    world.record(world.event("done", 1), DeliveryStatus.DELIVERED)
    assert world.replay.replay(WORKSPACE, world.hook.id, START, None, missing_only=False) == (1, None)


def test_a_replay_follows_the_filters_and_leaves_the_services_own_events_out(world: World) -> None:
    world.event("a", 1, "wanted")
    world.event("b", 2, "other")
    world.event("c", 3, "event-service.endpoint.disabled")
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (2, None)
    world.filters = [EventFilter(new_id(), WORKSPACE, "f", {"in": {"eventTypes": ["WANTED"]}}, START, START)]
    world.backlog.delete(world.sent)
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (1, None)
    assert [row.attempt.delivery.event_id for row in world.sent] == ["a"]


def test_a_replay_stops_between_moments_and_says_where_to_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_PER_READ", 2)
    monkeypatch.setattr(module, "MAXIMUM_REPLAYED_EVENTS", 5)
    for number in range(12):
        world.event(f"e{number:02}", number // 3)
    since: datetime | None = START
    counts = []
    while since is not None:
        count, since = world.replay.replay(WORKSPACE, world.hook.id, since)
        counts.append(count)
    assert counts == [3, 3, 3, 3]
    assert sorted(row.attempt.delivery.event_id for row in world.sent) == [f"e{number:02}" for number in range(12)]


def test_a_replay_ends_before_its_time_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_PER_READ", 1)
    for number in range(5):
        world.event(f"e{number}", number)
    world.tick = 8.0
    count, continue_since = world.replay.replay(WORKSPACE, world.hook.id, START)
    assert 0 < count < 5
    assert continue_since == START + timedelta(minutes=count)


def test_only_webhooks_of_the_workspace_are_replayed_to(world: World) -> None:
    with pytest.raises(BadUserInput, match="WEB_SOCKET"):
        world.replay.replay(WORKSPACE, world.socket.id, START)
    with pytest.raises(NotFound):
        world.replay.replay(WORKSPACE, new_id(), START)
    with pytest.raises(BadUserInput, match="UUID"):
        world.replay.replay(WORKSPACE, "x", START)
    with pytest.raises(BadUserInput, match="not before"):
        world.replay.replay(WORKSPACE, world.hook.id, START, START)
