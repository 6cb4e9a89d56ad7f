"""Counts are gathered, written at most once a minute for each workspace, and never in the way of a delivery."""

from __future__ import annotations

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.counting.counters import SECONDS_NEEDED, WORKSPACES, WRITES_PER_INVOCATION, Counters
from event_service.counting.ports import Counted
from tests.builders import WORKSPACE, SettableClock
from tests.fakes.counting import FakeCounts

ONE = {WORKSPACE: {Counted.DELIVERED: 1}}


def plenty() -> float:
    return 60.0


def delivered(store: FakeCounts) -> list[int]:
    return [counts[Counted.DELIVERED] for _, _, counts in store.rows]


def test_a_busy_function_writes_once_a_minute() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    for _ in range(600):
        counters.add(ONE, plenty)
        clock.advance(seconds=0.2)

    # Two minutes: the first counts at once, so that a function that is not invoked again has counted.
    assert delivered(store) == [1, 300]


def test_counts_belong_to_the_minute_in_which_they_were_gathered() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    counters.add(ONE, plenty)
    clock.advance(seconds=10)
    gathered = clock()
    counters.add(ONE, plenty)
    clock.advance(hours=2)
    counters.add({}, plenty)

    assert [minute for _, minute, _ in store.rows] == [gathered.replace(second=0)] * 2


def test_many_workspaces_share_the_writes_of_several_invocations() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    counters.add({f"w{number}": {Counted.DELIVERED: 1} for number in range(WRITES_PER_INVOCATION + 3)}, plenty)
    assert len(store.rows) == WRITES_PER_INVOCATION

    counters.add({}, plenty)

    assert len({owner for owner, _, _ in store.rows}) == len(store.rows) == WRITES_PER_INVOCATION + 3


def test_what_was_refused_is_written_a_minute_later() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    store.error = RateLimited("busy")
    counters.add(ONE, plenty)
    counters.add(ONE, plenty)
    store.error = None
    assert store.tries == 1

    clock.advance(minutes=1)
    counters.add(ONE, plenty)

    assert delivered(store) == [3]


def test_a_fault_of_ours_fails_no_delivery_and_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeCounts()
    store.error = RuntimeError("a fault")

    Counters(store, SettableClock()).add(ONE, plenty)

    assert [(one.levelname, one.exc_info is not None) for one in caplog.records] == [("ERROR", True)]


def test_what_may_have_been_written_is_not_written_twice() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    for error in (Unavailable("no answer"), RuntimeError("a fault")):
        store.error = error
        counters.add(ONE, plenty)
        clock.advance(minutes=1)
    store.error = None
    counters.add(ONE, plenty)

    assert delivered(store) == [1]


def test_nothing_is_written_when_time_is_short() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    counters.add(ONE, lambda: SECONDS_NEEDED - 1)
    assert store.tries == 0

    counters.add(ONE, plenty)

    assert delivered(store) == [2]


def test_a_thousand_workspaces_are_remembered_and_no_more() -> None:
    store, clock = FakeCounts(), SettableClock()
    counters = Counters(store, clock)
    for number in range(WORKSPACES + 50):
        counters.add({f"w{number}": {Counted.DELIVERED: 1}}, plenty)

    assert len(counters._gathered) == WORKSPACES
