"""Types are noted once an hour by each process, and never in the way of an event."""

from __future__ import annotations

import pytest

from event_service.counting.seen_types import REMEMBERED, SECONDS_NEEDED, WRITES_PER_INVOCATION, SeenTypes
from tests.builders import WORKSPACE, SettableClock
from tests.fakes.counting import FakeSeenTypes


def plenty() -> float:
    return 60.0


def test_a_type_is_written_once_an_hour() -> None:
    store, clock = FakeSeenTypes(), SettableClock()
    types = SeenTypes(store, clock)
    for _ in range(121):
        types.note({WORKSPACE: ["a"], "another": ["a"]}, plenty)
        clock.advance(minutes=1)

    assert store.writes == 2 * 3
    first, last = store.dates[WORKSPACE, "a"]
    assert (last - first).total_seconds() == 7_200


def test_many_types_share_the_writes_of_several_invocations() -> None:
    store = FakeSeenTypes()
    types = SeenTypes(store, SettableClock())
    many = {WORKSPACE: [f"t{number}" for number in range(WRITES_PER_INVOCATION + 3)]}
    types.note(many, plenty)
    assert store.writes == WRITES_PER_INVOCATION

    types.note(many, plenty)

    assert store.writes == len(store.dates) == WRITES_PER_INVOCATION + 3


def test_a_workspace_with_many_types_leaves_its_neighbours_their_writes() -> None:
    store = FakeSeenTypes()
    neighbours = [f"neighbour-{number}" for number in range(WRITES_PER_INVOCATION - 1)]
    types = {WORKSPACE: [f"t{number}" for number in range(1_000)], **{one: ["a", "b"] for one in neighbours}}

    SeenTypes(store, SettableClock()).note(types, plenty)

    assert store.writes == WRITES_PER_INVOCATION
    assert {workspace_id for workspace_id, _ in store.dates} == {WORKSPACE, *neighbours}


def test_a_fault_of_ours_fails_no_event_and_is_logged_with_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeSeenTypes()
    store.error = RuntimeError("a fault")

    SeenTypes(store, SettableClock()).note({WORKSPACE: ["a"]}, plenty)

    assert [(one.levelname, one.exc_info is not None) for one in caplog.records] == [("ERROR", True)]


def test_a_write_that_fails_raises_nothing_and_is_not_repeated_at_once() -> None:
    store, clock = FakeSeenTypes(), SettableClock()
    types = SeenTypes(store, clock)
    store.error = RuntimeError("a fault")
    types.note({WORKSPACE: ["a"]}, plenty)
    store.error = None
    types.note({WORKSPACE: ["a"]}, plenty)
    assert (store.writes, store.dates) == (1, {})

    clock.advance(hours=1)
    types.note({WORKSPACE: ["a"]}, plenty)

    assert (WORKSPACE, "a") in store.dates


def test_nothing_is_written_when_time_is_short() -> None:
    store = FakeSeenTypes()

    SeenTypes(store, SettableClock()).note({WORKSPACE: ["a"]}, lambda: SECONDS_NEEDED - 1)

    assert store.writes == 0


def test_what_is_remembered_has_a_limit() -> None:
    types = SeenTypes(FakeSeenTypes(), SettableClock())
    for number in range(REMEMBERED + 20):
        types.note({WORKSPACE: [f"t{number}"]}, plenty)

    assert len(types._known) == REMEMBERED
