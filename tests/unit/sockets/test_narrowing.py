"""`filter=`: a connection gets the events that one event filter matches, and its client can always go on from its last one."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.speed.hostile import spellings_of_one_path
from event_service.base.errors import BadUserInput, NotFound, RateLimited, TooLarge
from event_service.configuration.endpoint import EndpointStatus
from event_service.filters.matching.budget import Budget
from event_service.filters.matching.matcher import Matcher
from event_service.sockets import narrowing
from event_service.sockets.connection import GREATEST_SEQUENCE, Lane
from event_service.sockets.frames import MAXIMUM_BATCH_EVENTS, EventFrame, Gap, event_frame
from event_service.sockets.narrowing import STEPS_PER_EVENT, CompiledFilter, ConnectionFilters, Narrowing
from event_service.sockets.ports import Posted
from tests.simulation.virtual_time import run
from tests.unit.sockets.scene import ENDPOINT, FILTER, WORKSPACE, Scene, an_event

FOREIGN = "1b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"
EVERY_TENTH = {"data": {"n": list(range(10, 5_000, 10))}}
NOTHING: dict[str, Any] = {"type": ["never"]}
_HOSTILE, _COSTLY = spellings_of_one_path()
HOSTILE, COSTLY_DATA = _HOSTILE["pattern"], _COSTLY["data"]


def some(scene: Scene, number: int) -> None:
    for _ in range(number // 100):
        scene.publish(100)
    if number % 100:
        scene.publish(number % 100)


def events(scene: Scene, client: str) -> list[int]:
    frames = [one for frame in scene.frames(client) for one in (frame if isinstance(frame, list) else [frame])]
    return [one["sequence"] for one in frames if "sequence" in one]


def notices(scene: Scene, client: str) -> list[dict[str, Any]]:
    return [frame for frame in scene.frames(client) if isinstance(frame, dict) and "notice" in frame]


# -- what comes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", ["0", "1"])
def test_client_gets_the_events_that_its_filter_matches(batch: str) -> None:
    scene = Scene()
    narrowed = scene.connect(filter=scene.filter(EVERY_TENTH), batch=batch)
    whole = scene.connect(batch=batch)
    for _ in range(5):
        some(scene, 7)
        scene.work()

    assert events(scene, narrowed) == [10, 20, 30]
    assert events(scene, whole) == list(range(1, 36))
    assert notices(scene, narrowed) == []
    assert scene.cursor(narrowed) == 35
    assert scene.row(narrowed).lane is Lane.LIVE


def test_frames_of_narrowed_clients_are_those_of_the_others() -> None:
    scene = Scene()
    narrowed, whole = scene.connect(filter=scene.filter(EVERY_TENTH)), scene.connect()
    some(scene, 10)
    scene.work()

    assert scene.api.received[narrowed] == scene.api.received[whole][9:]


@pytest.mark.parametrize("batch", ["0", "1"])
def test_client_that_resumes_gets_matches_and_is_told_where_the_log_ends(batch: str) -> None:
    scene = Scene()
    scene.connect()
    some(scene, 1_205)
    scene.work()
    client = scene.connect(after=5, filter=scene.filter(EVERY_TENTH), batch=batch)
    scene.work()
    some(scene, 6)
    scene.work()

    assert events(scene, client) == list(range(10, 1_211, 10))
    # Told once, although nothing is missing: it resumes from here, and not from 1,200.
    (notice,) = [one for one in notices(scene, client) if one["to"] >= 1_200]
    assert (notice["to"], notice["next"], notice["reason"]) == (1_205, 1_206, "filtered")


def test_resumed_frames_are_marked_as_replayed() -> None:
    scene = Scene()
    scene.connect()
    some(scene, 20)
    scene.work()
    client = scene.connect(after=0, filter=scene.filter(EVERY_TENTH))
    scene.work()
    some(scene, 10)
    scene.work()

    assert [(one["sequence"], one.get("replayed")) for one in scene.frames(client)] == [(10, True), (20, True), (30, None)]


def test_last_counts_events_of_the_log() -> None:
    scene = Scene()
    scene.connect()
    some(scene, 95)
    scene.work()
    client = scene.connect(newest="30", filter=scene.filter(EVERY_TENTH), batch="1")
    scene.work()

    first, *rest = scene.frames(client)
    assert first == {"notice": "reset", "next": 66}
    assert [one["sequence"] for one in rest[0]] == [70, 80, 90]
    assert rest[1]["reason"] == "filtered"
    assert rest[1]["to"] == 95


def test_new_client_is_told_its_position_first() -> None:
    scene = Scene()
    scene.connect()
    some(scene, 12)
    scene.work()
    client = scene.connect(after=GREATEST_SEQUENCE, filter=scene.filter(EVERY_TENTH))
    scene.work()
    some(scene, 10)
    scene.work()

    assert [one.get("next") or one["sequence"] for one in scene.frames(client)] == [13, 20]


def test_client_whose_filter_matches_nothing_is_told_each_thousand() -> None:
    """Otherwise it would resume from where it was hours ago, and read everything again."""
    scene = Scene()
    client = scene.connect(filter=scene.filter(NOTHING))
    for _ in range(42):
        some(scene, 50)
        scene.work()

    assert [one["to"] for one in scene.frames(client)] == [1_000, 2_000]
    assert {one["reason"] for one in scene.frames(client)} == {"filtered"}
    assert scene.api.posts == 2
    assert scene.cursor(client) == 2_100


def test_gaps_are_told_whatever_the_filter_is() -> None:
    scene = Scene()
    scene.connect()
    some(scene, 20)
    scene.work()
    scene.clock.advance(hours=23)
    scene.connect()
    some(scene, 20)
    scene.work()
    scene.clock.advance(hours=2)
    client = scene.connect(after=3, filter=scene.filter(EVERY_TENTH))
    scene.work()

    assert [(one.get("notice"), one.get("reason"), one.get("to") or one.get("sequence")) for one in scene.frames(client)] == [
        ("gap", "expired", 20),
        (None, None, 30),
        (None, None, 40),
    ]


def test_array_holds_what_matches_of_many_events() -> None:
    scene = Scene()
    scene.connect()
    some(scene, 100)
    scene.work()
    client = scene.connect(after=0, filter=scene.filter(EVERY_TENTH), batch="1")
    scene.work()

    (array,) = scene.frames(client)
    assert [one["sequence"] for one in array] == list(range(10, 101, 10))
    assert len(array) < MAXIMUM_BATCH_EVENTS


def test_narrowed_client_is_told_of_a_pause() -> None:
    scene = Scene()
    client = scene.connect(filter=scene.filter(EVERY_TENTH))
    scene.set_status(EndpointStatus.PAUSED)
    scene.work()
    some(scene, 10)
    scene.set_status(EndpointStatus.ENABLED)
    scene.work()

    assert [one.get("notice") or one["sequence"] for one in scene.frames(client)] == ["paused", 10]


def test_event_that_could_not_be_posted_comes_before_what_follows() -> None:
    scene = Scene()
    client = scene.connect(filter=scene.filter(EVERY_TENTH))
    scene.clock.advance(minutes=1)
    scene.api.answers[client] = deque([Posted.THROTTLED] * 3)
    some(scene, 25)
    scene.work()

    assert events(scene, client) == [10, 20]
    assert scene.cursor(client) == 25


# -- connecting --------------------------------------------------------------------------------------------------


def test_filter_must_be_one_of_the_workspace() -> None:
    scene = Scene()
    scene.filter(NOTHING, workspace_id=FOREIGN)

    with pytest.raises(NotFound, match=f"No event filter with id {FILTER} in this workspace"):
        scene.connect(filter=FILTER)
    with pytest.raises(BadUserInput, match="filter: 'x y' is not the id of an event filter; take one from"):
        scene.connect(filter="x y")
    assert scene.tables.rows == {}


def test_filter_must_not_be_too_large_for_a_connection() -> None:
    scene = Scene()
    large = scene.filter(NOTHING, entries=5_001)

    with pytest.raises(TooLarge, match=r"at most 5,000 are allowed for a connection\. Link it to the endpoint instead"):
        scene.connect(filter=large)


def test_filter_is_taken_in_any_case_and_an_empty_one_is_none() -> None:
    scene = Scene()

    assert scene.row(scene.connect(filter=scene.filter(NOTHING).upper())).filter_id == FILTER
    assert scene.row(scene.connect(filter="")).filter_id is None


# -- a filter that changes -----------------------------------------------------------------------------------------


def test_change_of_the_filter_counts_a_few_seconds_later() -> None:
    scene = Scene()
    client = scene.connect(filter=scene.filter(EVERY_TENTH))
    some(scene, 10)
    scene.work()
    scene.filter({"data": {"n": [15, 18]}})
    scene.clock.advance(seconds=5)
    some(scene, 10)
    scene.work()

    assert events(scene, client) == [10, 15, 18]


def test_client_whose_filter_was_deleted_is_closed_with_a_reason() -> None:
    scene = Scene()
    client, other = scene.connect(filter=scene.filter(EVERY_TENTH)), scene.connect()
    some(scene, 10)
    scene.work()
    del scene.tables.filters[FILTER]
    scene.clock.advance(seconds=60)
    some(scene, 1)
    scene.work()

    assert [one.get("reason") or one["sequence"] for one in scene.frames(client)] == [10, "filter-gone"]
    assert scene.api.closed == {client: "service"}
    assert list(scene.tables.rows) == [(ENDPOINT, other)]
    assert events(scene, other) == list(range(1, 12))
    with pytest.raises(NotFound, match="No event filter"):
        scene.connect(after=10, filter=FILTER)


def test_filter_that_grew_too_large_closes_its_connections() -> None:
    scene = Scene()
    client = scene.connect(filter=scene.filter(EVERY_TENTH))
    scene.filter(NOTHING, entries=5_001)
    some(scene, 1)
    scene.work()

    assert [one["reason"] for one in scene.frames(client)] == ["filter-gone"]
    assert scene.api.closed == {client: "service"}


# -- what it costs -------------------------------------------------------------------------------------------------


def test_connections_without_a_filter_read_and_import_nothing() -> None:
    scene = Scene()
    scene.connect()
    some(scene, 10)
    scene.work()
    assert scene.calls["event_filters"] == 0

    code = (
        "import sys, event_service.sockets.delivery, event_service.sockets.connections, event_service.wiring;"
        "print([one for one in sys.modules if 'matching' in one or 'narrowing' in one])"
    )
    path = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_filter_is_read_and_compiled_once_for_many_runs_and_connections() -> None:
    scene = Scene()
    scene.filter(EVERY_TENTH)
    for _ in range(20):
        scene.connect(filter=FILTER)
    scene.calls.clear()
    for _ in range(4):
        some(scene, 3)
        scene.work()

    assert scene.calls["event_filters"] == 1


def test_event_is_judged_once_for_all_connections_with_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    matches = Matcher.matches

    def counted(self: Matcher, event: dict[str, Any], budget: Budget) -> set[str]:
        judged.append(event["data"]["n"])
        return matches(self, event, budget)

    monkeypatch.setattr(Matcher, "matches", counted)
    scene = Scene()
    scene.filter(EVERY_TENTH)
    for _ in range(20):
        scene.connect(filter=FILTER)
    some(scene, 30)
    scene.work()

    assert sorted(judged) == list(range(1, 31))


def test_hostile_filter_hurts_only_its_own_connection() -> None:
    """Once it showed what it costs, the group's runs judge no event by it, and its own turns only a few each."""
    scene = Scene()
    scene.filter(HOSTILE)
    bad, good = scene.connect(filter=FILTER, batch="1"), scene.connect()
    scene.clock.advance(minutes=1)
    for _ in range(5):
        event = an_event(scene.published + 1)
        scene.publish(1)
        scene.events.add(replace(event, data=COSTLY_DATA))
        scene.work_group(scene.queue.groups()[0])
        scene.work(most=0)

    assert events(scene, good) == [1, 2, 3, 4, 5]
    assert scene.row(bad).lane is Lane.OWN
    scene.work()
    assert scene.cursor(bad) == 5
    assert scene.row(bad).lane is Lane.OWN


def entries(number: int, data: dict[str, Any] | None = None) -> list[EventFrame]:
    events = (an_event(one) if data is None else replace(an_event(one), data=data) for one in range(1, number + 1))
    return [event_frame(event.id, event.as_json().encode(), place) for place, event in enumerate(events, 1)]


def a_narrowing(pattern: Any, steps: int, *, judges_costly: bool = True) -> tuple[Narrowing, CompiledFilter]:
    matcher = Matcher()
    matcher.add(FILTER, {"pattern": pattern})
    compiled = CompiledFilter(matcher, {}, 1)
    return Narrowing({FILTER: compiled}, steps, judges_costly=judges_costly), compiled


def test_steps_of_a_run_bound_what_is_judged() -> None:
    narrowed, compiled = a_narrowing(EVERY_TENTH, 2_000)
    scene = Scene()

    found = run(scene.clock, narrowed.narrow(FILTER, entries(100), 0))

    assert found.last is not None
    assert 10 < found.last < 100
    assert not compiled.is_costly
    assert run(scene.clock, narrowed.narrow(FILTER, entries(100)[found.last :], 0)).last is None


def test_one_event_takes_no_more_than_its_steps_and_counts_as_a_match() -> None:
    narrowed, compiled = a_narrowing(HOSTILE, STEPS_PER_EVENT * 3)
    scene = Scene()

    found = run(scene.clock, narrowed.narrow(FILTER, entries(10, COSTLY_DATA), 0))

    assert compiled.is_costly
    assert found.last is not None
    assert found.last <= 4


def test_costly_filter_is_not_judged_in_the_run_of_its_group() -> None:
    narrowed, compiled = a_narrowing(NOTHING, STEPS_PER_EVENT, judges_costly=False)
    compiled.is_costly = True

    assert run(Scene().clock, narrowed.narrow(FILTER, entries(3), 0)).last is None


def test_filters_of_a_run_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections whose filters have no room take their own lanes, and get what is theirs."""
    monkeypatch.setattr(narrowing, "BYTES_PER_RUN", 3_000)
    scene = Scene()
    ids = [scene.filter(EVERY_TENTH, f"93d0c8b2-3e17-4b9b-9268-ce51d69{one:05d}") for one in range(4)]
    clients = [scene.connect(filter=one) for one in ids]
    some(scene, 10)
    scene.work()

    assert [events(scene, one) for one in clients] == [[10]] * 4


def test_filters_of_a_process_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    ids = [scene.filter(EVERY_TENTH, f"93d0c8b2-3e17-4b9b-9268-ce51d69{one:05d}") for one in range(4)]
    of_one = narrowing.BYTES_PER_ENTRY * (scene.tables.filters[ids[0]].index_entries + 1)
    monkeypatch.setattr(narrowing, "BYTES_KEPT", 2 * of_one)
    filters = ConnectionFilters(scene.tables, scene.clock)
    for one in ids:
        filters.narrowing(WORKSPACE, [one], 1, judges_costly=False)

    assert [known for _, known in filters._known] == ids[2:]


def test_verdicts_of_a_run_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "VERDICTS_KEPT", 10)
    narrowed, _ = a_narrowing(EVERY_TENTH, 10**9)
    run(Scene().clock, narrowed.narrow(FILTER, entries(95), 0))

    assert len(narrowed._verdicts[FILTER].by_sequence) <= 10


def test_filter_that_could_not_be_read_makes_the_run_come_again() -> None:
    failures = [RateLimited("busy")]

    def hook(operation: str) -> None:
        if operation == "event_filters" and armed and failures:
            raise failures.pop()

    armed: list[bool] = []
    scene = Scene(hook)
    client = scene.connect(filter=scene.filter(EVERY_TENTH))
    armed.append(True)
    some(scene, 10)
    scene.work()

    assert failures == []
    assert events(scene, client) == [10]


def test_gap_notice_is_of_the_skipped_sequences_alone() -> None:
    narrowed, _ = a_narrowing(EVERY_TENTH, 10**9)
    found = run(Scene().clock, narrowed.narrow(FILTER, entries(13), 12))

    assert [one.last for one in found.entries] == [10, 13]
    assert isinstance(found.entries[1], Gap)
    assert found.entries[1].first == 11
