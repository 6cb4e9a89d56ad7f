"""Replaying retained events to one webhook."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from event_service.base.dates import format_date
from event_service.base.errors import BadUserInput, NotFound, RateLimited, TooLarge
from event_service.base.identifiers import new_id
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.messages import ON_ITS_WAY
from event_service.filters.event_filter import EventFilter
from event_service.routing import replay as module
from event_service.sockets import places, replay_target
from tests.builders import START
from tests.fakes.history import WORKSPACE, HistoryScene


@pytest.fixture
def world() -> HistoryScene:
    return HistoryScene()


def test_a_replay_sends_what_is_missing_in_the_span_of_acceptance(world: HistoryScene) -> None:
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


def test_a_replay_of_what_is_missing_waits_for_what_may_be_on_its_way(world: HistoryScene) -> None:
    accepted = world.event("young", 1)
    world.clock.now = accepted.created + ON_ITS_WAY - timedelta(seconds=1)
    safe_until = format_date(accepted.created + ON_ITS_WAY)
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (1, None)
    assert [row.at for row in world.sent] == [safe_until]
    world.backlog.delete(world.sent)
    assert world.replay.replay(WORKSPACE, world.hook.id, START, missing_only=False) == (1, None)
    assert [row.at for row in world.sent] == [format_date(accepted.created)]
    world.backlog.delete(world.sent)
    world.clock.now = accepted.created + ON_ITS_WAY
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (1, None)
    assert [row.at for row in world.sent] == [format_date(accepted.created)]


@pytest.mark.parametrize("missing_only", [True, False])
def test_a_dry_run_counts_what_a_replay_would_send_and_sends_nothing(world: HistoryScene, missing_only: bool) -> None:
    events = [world.event(str(number), number) for number in range(5)]
    world.record(events[0], DeliveryStatus.DELIVERED)
    world.record(events[1], DeliveryStatus.FAILED)

    counted = world.replay.replay(WORKSPACE, world.hook.id, START, None, missing_only, dry_run=True)

    assert counted == (4 if missing_only else 5, None)
    assert world.sent == []
    assert world.slept == 0
    assert world.replay.replay(WORKSPACE, world.hook.id, START, None, missing_only) == counted
    assert len(world.sent) == counted[0]


def test_a_replay_of_everything_sends_what_was_delivered_too(world: HistoryScene) -> None:
    world.record(world.event("done", 1), DeliveryStatus.DELIVERED)
    assert world.replay.replay(WORKSPACE, world.hook.id, START, None, missing_only=False) == (1, None)


def test_replay_follows_filters_and_leaves_service_events_out(world: HistoryScene) -> None:
    world.event("a", 1, "wanted")
    world.event("b", 2, "other")
    world.event("c", 3, "event-service.endpoint.disabled")
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (2, None)
    world.filters = [EventFilter(new_id(), WORKSPACE, "f", {"in": {"eventTypes": ["WANTED"]}}, START, START)]
    world.backlog.delete(world.sent)
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (1, None)
    assert [row.attempt.delivery.event_id for row in world.sent] == ["a"]


def test_a_replay_stops_between_moments_and_says_where_to_go_on(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_replay_ends_before_its_time_does(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_PER_READ", 1)
    for number in range(5):
        world.event(f"e{number}", number)
    world.tick = 8.0
    count, continue_since = world.replay.replay(WORKSPACE, world.hook.id, START)
    assert 0 < count < 5
    assert continue_since == START + timedelta(minutes=count)


def test_only_endpoints_of_the_workspace_are_replayed_to(world: HistoryScene) -> None:
    with pytest.raises(NotFound):
        world.replay.replay(WORKSPACE, new_id(), START)
    with pytest.raises(BadUserInput, match="UUID"):
        world.replay.replay(WORKSPACE, "x", START)
    with pytest.raises(BadUserInput, match="not before"):
        world.replay.replay(WORKSPACE, world.hook.id, START, START)


# -- bounds --------------------------------------------------------------------------------------------------------


def test_the_limits_of_events_and_time_hold_when_nothing_matches(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_PER_READ", 2)
    world.filters = [EventFilter(new_id(), WORKSPACE, "f", {"in": {"eventTypes": ["nothing"]}}, START, START)]
    for number in range(12):
        world.event(f"e{number:02}", number)
    monkeypatch.setattr(module, "MAXIMUM_EVENTS_LOOKED_AT", 4)
    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (0, START + timedelta(minutes=4))

    monkeypatch.setattr(module, "MAXIMUM_EVENTS_LOOKED_AT", 1_000)
    world.tick = 4.0
    count, continue_since = world.replay.replay(WORKSPACE, world.hook.id, START)
    assert count == 0
    assert continue_since is not None
    assert START < continue_since < START + timedelta(minutes=12)


def test_calling_again_where_a_replay_stopped_comes_to_an_end(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little time each call has, each makes a step."""
    monkeypatch.setattr(module, "EVENTS_PER_READ", 1)
    for number in range(5):
        world.event(f"e{number}", number)
    world.tick = 6.0
    since: datetime | None = START
    calls = 0
    until = world.clock.now
    world.clock.now += timedelta(minutes=1)
    while since is not None:
        _, since = world.replay.replay(WORKSPACE, world.hook.id, since, until)
        calls += 1
    assert calls <= 6
    assert [row.attempt.delivery.event_id for row in world.sent] == [f"e{number}" for number in range(5)]


def test_a_replay_ends_within_the_time_of_its_request(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_PER_READ", 1)
    for number in range(10):
        world.event(f"e{number}", number)
    world.tick = 1.0

    count, continue_since = world.replay.replay(WORKSPACE, world.hook.id, START, time_left=lambda: 6.0)

    assert 0 < count <= 3
    assert continue_since == START + timedelta(minutes=count)


def test_a_replay_in_which_no_event_is_found_in_time_says_so(world: HistoryScene) -> None:
    world.event("e", 1)
    world.tick = 20.0

    with pytest.raises(TooLarge, match="later since"):
        world.replay.replay(WORKSPACE, world.hook.id, START)


def test_a_replay_up_to_now_waits_for_what_indexes_do_not_show_yet(world: HistoryScene) -> None:
    young = world.event("young", 1)
    world.clock.now = young.created + timedelta(seconds=1)
    world.lagging = {"young"}

    assert world.replay.replay(WORKSPACE, world.hook.id, START) == (1, None)

    assert world.slept == module.LAG_SECONDS
    assert [row.attempt.delivery.event_id for row in world.sent] == ["young"]


def test_a_replay_without_time_to_wait_does_not_say_that_it_is_done(world: HistoryScene) -> None:
    old, young = world.event("old", 0), world.event("young", 1)
    world.clock.now = young.created + timedelta(seconds=1)
    world.lagging = {"young"}

    count, continue_since = world.replay.replay(WORKSPACE, world.hook.id, START, time_left=lambda: 7.0)

    assert (count, world.slept) == (1, 0)
    assert continue_since is not None
    assert old.created < continue_since < young.created


def test_a_replay_of_the_past_does_not_wait(world: HistoryScene) -> None:
    world.event("e", 1)
    end = world.clock.now
    world.clock.now += timedelta(minutes=1)

    assert world.replay.replay(WORKSPACE, world.hook.id, START, end) == (1, None)
    assert world.slept == 0


def test_a_replay_into_the_future_goes_on_from_now(world: HistoryScene) -> None:
    world.event("e", 1)
    now = world.clock.now

    assert world.replay.replay(WORKSPACE, world.hook.id, START, now + timedelta(hours=1)) == (1, now)
    later = now + timedelta(minutes=30)
    assert world.replay.replay(WORKSPACE, world.hook.id, later, now + timedelta(hours=1)) == (0, later)


@pytest.mark.parametrize("when", ["before", "meanwhile: deleted", "meanwhile: linked"])
def test_replay_sends_nothing_to_an_endpoint_whose_last_filter_was_deleted(world: HistoryScene, when: str) -> None:
    world.event("a", 1)
    hook = world.hook
    off = replace(hook, matches_nothing=True)
    # What the configuration answers at the two looks at the endpoint, with its filters read in between.
    looks = {"before": [off, off], "meanwhile: deleted": [hook, off], "meanwhile: linked": [off, hook]}[when]
    world.endpoint = lambda workspace_id, endpoint_id: looks.pop(0)  # type: ignore[method-assign]
    assert world.replay.replay(WORKSPACE, hook.id, START) == (0, None)
    assert world.sent == []
    assert looks == []


# -- into the log of a socket ------------------------------------------------------------------------------------------


def test_a_socket_gets_what_is_missing_in_its_log_with_new_sequences(world: HistoryScene) -> None:
    world.keep_socket_log()
    for minute, name in enumerate(["missed", "live", "also missed", "unwanted"]):
        event = world.event(name, minute, "other" if name == "unwanted" else "wanted")
        world.clock.now = event.created
        if name == "live":
            world.log_live(event.id)
    world.clock.now += timedelta(minutes=10)
    world.filters = [EventFilter(new_id(), WORKSPACE, "f", {"in": {"eventTypes": ["wanted"]}}, START, START)]

    assert world.replay.replay(WORKSPACE, world.socket.id, START, dry_run=True) == (2, None)
    assert len(world.socket_segments) == 1
    assert world.replay.replay(WORKSPACE, world.socket.id, START) == (2, None)

    live, replayed = world.socket_segments
    assert (live.event_ids, live.replayed) == (("live",), False)
    assert (replayed.first, replayed.event_ids, replayed.replayed) == (2, ("missed", "also missed"), True)
    assert {one.endpoint_id for one in world.wake_ups.sent} == {world.socket.id}
    assert world.sent == []
    # What a replay appended is not missing any more.
    assert world.replay.replay(WORKSPACE, world.socket.id, START) == (0, None)
    assert world.replay.replay(WORKSPACE, world.socket.id, START, missing_only=False) == (3, None)


def test_a_long_log_is_searched_in_the_minute_after_an_events_acceptance(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_target, "READS_TO_THE_END", 1)
    monkeypatch.setattr(places, "SEGMENTS_PER_READ", 1)
    world.keep_socket_log()
    for minute in range(60):
        event = world.event(f"e-{minute}", minute)
        world.clock.now = event.created + timedelta(seconds=59 if minute % 2 else 0)
        if minute % 10:
            world.log_live(event.id)
    world.clock.now += timedelta(minutes=10)
    reads = Counter[str]()
    world.socket_tables.before = lambda operation: reads.update([operation])

    missing = world.replay.replay(WORKSPACE, world.socket.id, START + timedelta(minutes=5), START + timedelta(minutes=25), dry_run=True)

    assert missing == (2, None)
    # 20 of its 54 segments, a few after them, and those looked at to find the first
    assert reads["segments"] < 20 + 5 + 10


def test_a_step_that_is_done_again_appends_once(world: HistoryScene) -> None:
    world.keep_socket_log()
    for number in range(3):
        world.event(f"e-{number}", number)
    for _ in range(2):
        assert world.replay.replay(WORKSPACE, world.socket.id, START, missing_only=False, run_id="job#1") == (3, None)
    assert [one.event_ids for one in world.socket_segments] == [("e-0", "e-1", "e-2")]

    world.replay.replay(WORKSPACE, world.socket.id, START, missing_only=False, run_id="job#2")
    assert len(world.socket_segments) == 2


def test_a_replay_into_a_log_keeps_its_pace(world: HistoryScene) -> None:
    world.keep_socket_log()
    for number in range(250):
        world.event(f"e-{number:03}", number)

    assert world.replay.replay(WORKSPACE, world.socket.id, START) == (250, None)

    assert world.slept == pytest.approx(250 / replay_target.EVENTS_PER_SECOND + module.LAG_SECONDS)
    assert sum(len(one.event_ids) for one in world.socket_segments) == 250


def test_what_may_be_on_its_way_into_a_log_is_not_missing(world: HistoryScene) -> None:
    world.keep_socket_log()
    accepted = world.event("young", 1)
    world.clock.now = accepted.created + replay_target.SOCKET_LAG - timedelta(seconds=6)
    assert world.replay.replay(WORKSPACE, world.socket.id, START) == (0, None)
    world.clock.now = accepted.created + replay_target.SOCKET_LAG
    assert world.replay.replay(WORKSPACE, world.socket.id, START) == (1, None)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_socket_that_nobody_was_connected_to_keeps_no_log(world: HistoryScene, dry_run: bool) -> None:
    world.event("e", 1)
    with pytest.raises(BadUserInput, match="24 hours, so it keeps no log"):
        world.replay.replay(WORKSPACE, world.socket.id, START, dry_run=dry_run)


def test_a_log_that_takes_nothing_ends_the_replay_with_an_error(world: HistoryScene) -> None:
    world.keep_socket_log()
    world.event("e", 1)

    def fail(operation: str) -> None:
        raise RateLimited("busy")

    world.wake_ups.before = fail
    with pytest.raises(RateLimited):
        world.replay.replay(WORKSPACE, world.socket.id, START)


def test_an_event_that_was_appended_behind_a_younger_one_is_not_missing(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_target, "READS_TO_THE_END", 0)
    monkeypatch.setattr(places, "SEGMENTS_PER_READ", 1)
    monkeypatch.setattr(module, "EVENTS_PER_READ", 1)
    world.keep_socket_log()
    late, quick = world.event("late", 1), world.event("quick", 1.5)
    for event, seconds in ((quick, 1), (late, 59)):
        world.clock.now = event.created + timedelta(seconds=seconds)
        world.log_live(event.id)
    world.clock.now += timedelta(minutes=10)

    assert world.replay.replay(WORKSPACE, world.socket.id, START, dry_run=True) == (0, None)
