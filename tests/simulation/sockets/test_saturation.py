"""Sockets when it is full: `make bench SECTION=saturation` runs the same scenarios for longer."""

from __future__ import annotations

from functools import cache

import pytest

from event_service.sockets.pace import FREE_POSTS
from tests.simulation.sockets import scenarios
from tests.simulation.sockets.world import Behaviour, SocketWorld, distant, quick, silent, slow, stuck

# A run of thousands of simulated seconds is some seconds of the processor.
pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("rate", [1.0, 50.0, 1_000.0])
@pytest.mark.parametrize("others", [[], [slow], [stuck, silent, distant]], ids=["healthy", "slow", "bad"])
def test_wake_ups_that_wait_for_a_group_are_at_most_one(rate: float, others: list[Behaviour]) -> None:
    found = scenarios.depth(rate, [quick, *others], 40.0 if rate < 1_000 else 10.0)

    assert found.most_per_group <= 2
    assert found.arrived == found.events
    assert found.left == 0


def test_minutes_beside_slow_and_dead_clients_pile_up_nothing() -> None:
    """The benchmark does it for a day. The clients that take nothing are closed and come back all the time."""
    found = scenarios.depth(10.0, [quick, slow, stuck, silent], 240.0)

    assert found.most_per_group <= 2
    assert found.arrived == found.events
    assert found.left == 0


def test_depth_is_found_when_each_event_is_a_wake_up_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.simulation.sockets import world

    send = world.WakeUps.send
    monkeypatch.setattr(world.WakeUps, "send", lambda queue, wake_ups: (queue._seen.clear(), send(queue, wake_ups)))
    monkeypatch.setattr(SocketWorld, "new_router", _forgetful(SocketWorld.new_router))

    assert scenarios.depth(200.0, [quick], 10.0).most_per_group > 2


def _forgetful(new_router: object) -> object:
    def without_memory(world: SocketWorld) -> object:
        router = new_router(world)  # type: ignore[operator]  # the method that is replaced
        router._sent_turns = _Nothing()
        return router

    return without_memory


class _Nothing(dict[str, int]):
    def __setitem__(self, key: str, value: int) -> None:
        return

    def move_to_end(self, key: str) -> None:
        return


@cache
def _undisturbed(shared: bool) -> scenarios.Isolation:
    return scenarios.isolation(0, quick, shared=shared, seconds=12.0)


@cache
def _alone() -> scenarios.Isolation:
    return scenarios.neighbours(0, quick, 40.0)


@pytest.mark.parametrize("shared", [False, True], ids=["own events", "shared events"])
@pytest.mark.parametrize("behaviour", [stuck, silent])
@pytest.mark.parametrize("bad", [1, 50])
def test_clients_that_take_nothing_leave_others_their_pace(bad: int, behaviour: Behaviour, shared: bool) -> None:
    before = _undisturbed(shared)
    found = scenarios.isolation(bad, behaviour, shared=shared, seconds=12.0)

    assert found.p99 <= 2 * before.p99
    assert found.lost == 0


@pytest.mark.parametrize("behaviour", [stuck, silent])
def test_neighbours_of_stuck_clients_keep_their_pace(behaviour: Behaviour) -> None:
    before = _alone()
    found = scenarios.neighbours(20, behaviour, 40.0)

    assert found.p99 <= 2 * before.p99
    assert found.lost == 0
    assert found.closed >= 20


@pytest.mark.parametrize("behaviour", [stuck, silent])
def test_socket_that_can_never_be_served_costs_next_to_nothing(behaviour: Behaviour) -> None:
    """Nor can it be closed, for two hours and ten minutes."""
    found = scenarios.hopeless(behaviour, closes=False)

    assert found.usd_per_month <= 0.05
    assert found.posts < 50


@pytest.mark.parametrize("behaviour", [stuck, silent])
def test_client_that_takes_nothing_and_comes_back_for_ever_costs_little(behaviour: Behaviour) -> None:
    """Two weeks, with an event a minute. It is refused for longer each time, by 429."""
    found = scenarios.hopeless(behaviour, closes=True, comes_back=True, hours=24.0 * 14)

    assert found.usd_per_month <= 0.05
    assert found.posts < 1_000


def test_client_behind_catches_up_at_a_thousand_events_a_second() -> None:
    found = scenarios.catching_up(1, 20_000)

    assert found.rate_per_client >= 1_000
    assert found.live_p99 < 1
    assert found.repeats == 0


def test_worker_sends_five_thousand_events_a_second_to_clients_behind() -> None:
    assert scenarios.catching_up(5, 10_000, executions=1).rate_per_worker >= 5_000


def test_endpoints_that_catch_up_leave_a_live_one_its_pace() -> None:
    before = scenarios.beside_backlogs(0, seconds=15.0)
    found = scenarios.beside_backlogs(120, 2_000, seconds=15.0)

    assert found.arrived == found.published
    assert found.p99 <= 2 * before.p99


def test_workspace_above_the_ceiling_of_posts_leaves_another_its_pace() -> None:
    """Its clients would take 1,800 posts a second, and 500 may be made; both are served by the same processes."""
    before = scenarios.beside_crowd(0, 0, 0.0, 500)
    found = scenarios.beside_crowd(60, 10, 3.0, 500)

    assert found.arrived == found.published
    assert found.p99 <= 2 * before.p99


def test_thousand_connections_get_an_event_within_two_seconds() -> None:
    found = scenarios.crowd(1_000, 1.0, 6.0)

    assert found.p99 <= 2
    assert found.repeats == 0
    assert found.writes_of_a_key <= 1_000


def test_thousand_publishes_a_second_are_appended_in_order() -> None:
    found = scenarios.appending(1_000.0, 8.0)

    assert found.put_off <= found.published / 1_000
    assert found.in_order
    assert found.p99 < 1
    assert found.writes_of_a_key <= 1_000


def test_herd_costs_six_calls_a_client_and_delays_nobody() -> None:
    found = scenarios.herd(1_000)

    assert found.served == 1_000
    assert found.calls_per_client <= 6
    assert found.first_frame_p99 < 1
    assert found.live_p99 < 0.2
    assert found.repeats == 0


def test_posts_to_a_crowd_stay_below_the_ceiling() -> None:
    """Its events need 600 posts a second, and 500 may be made: arrays take more events, and everything arrives."""
    found = scenarios.crowd(600, 1.0, 15.0, posts_per_second=500)

    assert found.posts_in_a_second <= 500 + 10 * FREE_POSTS
    assert found.p99 < 5
    assert found.repeats == 0
