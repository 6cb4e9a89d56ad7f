"""Limits of open connections and of connects in a second: what is refused, what it costs, and how counts get right again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from event_service.access.token import hash_token
from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.limits import FREE_CONNECTS, ConnectionLimits, SocketLimits
from event_service.sockets.ports import Counted
from tests.fakes.sockets import FakeConnectionCounts
from tests.simulation.virtual_time import VirtualClock
from tests.unit.sockets.scene import ENDPOINT, TOKEN, WORKSPACE, Scene

MANY = 1_000_000


class SharedCounts:
    """One table of counts, and processes that share it."""

    def __init__(self, limits: SocketLimits, processes: int = 1) -> None:
        self.clock = VirtualClock()
        self.calls: Counter[str] = Counter()
        self.fault: Callable[[], None] = lambda: None
        self.counts = FakeConnectionCounts(self._called, self.clock)
        self.processes = [ConnectionLimits(self.counts, limits, self.clock) for _ in range(processes)]

    def _called(self, operation: str) -> None:
        self.calls[operation] += 1
        self.fault()

    def one(self, endpoint: str = ENDPOINT, token: str | None = "t", workspace: str = WORKSPACE) -> Counted:
        return Counted(endpoint, workspace, token, self.clock())

    def admits(self, counted: Counted, process: int = 0) -> bool:
        try:
            self.processes[process].admit(counted)
        except RateLimited:
            return False
        return True


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (SocketLimits(per_endpoint=3), "limit of 3 open connections per endpoint"),
        (SocketLimits(per_workspace=3), "limit of 3 open connections per workspace"),
        (SocketLimits(per_token=3), "limit of 3 open connections per token"),
    ],
)
def test_the_connection_beyond_a_limit_is_refused_by_its_name(limits: SocketLimits, sentence: str) -> None:
    shared = SharedCounts(limits, processes=4)
    for process in range(3):
        shared.processes[process].admit(shared.one())

    with pytest.raises(RateLimited, match=sentence):
        shared.processes[3].admit(shared.one())


def test_other_endpoints_tokens_and_workspaces_are_not_refused() -> None:
    shared = SharedCounts(SocketLimits(per_endpoint=1, per_token=1, per_workspace=2), processes=4)

    assert shared.admits(shared.one())
    assert shared.admits(shared.one("other", "other"), 1)
    assert not shared.admits(shared.one("third", "third"), 2)
    assert shared.admits(shared.one("third", "third", "another workspace"), 3)


def test_connects_of_a_second_beyond_the_rate_are_refused_by_name() -> None:
    shared = SharedCounts(SocketLimits(connects_per_second=3))
    for _ in range(3 + FREE_CONNECTS):
        shared.processes[0].admit(shared.one())

    with pytest.raises(RateLimited, match="limit of 3 connects a second"):
        shared.processes[0].admit(shared.one())
    assert shared.admits(shared.one(workspace="another"))
    shared.clock.advance(seconds=1)
    assert shared.admits(shared.one())


def test_refused_connects_leave_nothing_behind_and_cost_little() -> None:
    shared = SharedCounts(SocketLimits(per_endpoint=2, connects_per_second=MANY), processes=2)
    opened = [shared.one(), shared.one()]
    for counted in opened:
        shared.processes[0].admit(counted)
        shared.clock.advance(seconds=2)
    shared.calls.clear()

    refused = [shared.admits(shared.one(), 1) for _ in range(500)]
    shared.clock.advance(seconds=2)
    shared.processes[0].release(opened)
    shared.clock.advance(seconds=2)

    assert not any(refused)
    assert shared.calls["count endpoint"] <= 3
    assert [shared.admits(shared.one(), process) for process in (1, 0)] == [True, True]


def test_a_closed_connection_makes_room() -> None:
    shared = SharedCounts(SocketLimits(per_token=1), processes=2)
    counted = shared.one()
    shared.processes[0].admit(counted)
    assert not shared.admits(shared.one(), 1)
    shared.clock.advance(seconds=1)

    shared.processes[1].release([counted])
    shared.clock.advance(seconds=1)

    assert shared.admits(shared.one(), 0)


def test_counts_heal_when_disconnects_are_lost() -> None:
    shared = SharedCounts(SocketLimits(per_endpoint=5), processes=2)
    for _ in range(5):
        shared.clock.advance(seconds=1)
        shared.processes[0].admit(shared.one())
    shared.clock.advance(hours=1)
    assert not shared.admits(shared.one(), 1)

    shared.clock.advance(hours=1, minutes=20)

    assert shared.admits(shared.one(), 1)


def test_disconnects_told_twice_let_in_no_more_than_they_freed() -> None:
    shared = SharedCounts(SocketLimits(per_endpoint=2), processes=2)
    first = shared.one()
    shared.processes[0].admit(first)
    shared.processes[1].release([first, first, first])
    shared.clock.advance(seconds=1)

    admitted = 0
    for _ in range(6):
        shared.clock.advance(seconds=1)
        admitted += shared.admits(shared.one(), 1)

    assert admitted == 2


@pytest.mark.parametrize("error", [RateLimited("busy"), Unavailable("down")])
def test_counts_that_cannot_be_written_keep_nobody_out(error: Exception) -> None:
    shared = SharedCounts(SocketLimits(per_endpoint=1))

    def fail() -> None:
        raise error

    shared.fault = fail

    for _ in range(10):
        assert shared.admits(shared.one())
        shared.clock.advance(seconds=1)


def test_a_herd_costs_at_most_six_calls_a_client_and_heats_no_key() -> None:
    """10,000 clients of one endpoint and token at 500 a second, before which all of them lost their connections."""
    clients, rate, processes = 10_000, 500, 50
    shared = SharedCounts(SocketLimits(per_token=MANY), processes)
    rest = 4  # calls of a connect without limits; see the tests of connecting
    hottest = 0
    old = [shared.one() for _ in range(clients)]
    shared.clock.advance(seconds=1)
    admitted = 0
    for second in range(clients // rate):
        before = Counter(shared.calls)
        for number in range(rate):
            process = number % processes
            at = second * rate + number
            shared.processes[process].release(old[at : at + 1])
            admitted += shared.admits(shared.one(), process)
        spent = shared.calls - before
        hottest = max(hottest, *spent.values())
        shared.clock.advance(seconds=1)

    assert admitted == clients
    assert shared.calls.total() / clients + rest <= 6
    assert hottest <= 1_000


def test_a_limit_is_exceeded_by_the_connects_of_a_second_at_most() -> None:
    processes, rate = 50, 500
    shared = SharedCounts(SocketLimits(per_endpoint=2_000, connects_per_second=rate), processes)

    admitted = 0
    for _ in range(10):
        admitted += sum(shared.admits(shared.one(), number % processes) for number in range(rate))
        shared.clock.advance(seconds=1)

    assert 2_000 <= admitted <= 2_000 + rate


class Limited(Scene):
    """The scene with limits."""

    def __init__(self, limits: SocketLimits) -> None:
        super().__init__()
        self.counts = FakeConnectionCounts(self._called, self.clock)
        self.limits = ConnectionLimits(self.counts, limits, self.clock)
        self.connections = self.use_cases.new_door(self.limits)
        self.serve_with(release=self.limits.release)


def test_a_refused_connect_stores_no_connection() -> None:
    scene = Limited(SocketLimits(per_endpoint=1))
    scene.connect()
    scene.clock.advance(seconds=2)
    scene.calls.clear()

    with pytest.raises(RateLimited):
        scene.connect()

    assert len(scene.tables.rows) == 1
    assert not {"add", "put_head", "arrive"} & set(scene.calls)


def test_connects_that_are_not_allowed_count_for_nobody() -> None:
    scene = Limited(SocketLimits())

    with pytest.raises(Exception, match="token"):
        scene.connect(token=None)
    with pytest.raises(Exception, match="after"):
        scene.connect(after="x")

    assert not scene.counts.opened


@pytest.mark.parametrize("how", ["disconnect", "found gone"])
def test_an_ended_connection_is_taken_off_once(how: str) -> None:
    scene = Limited(SocketLimits(per_token=1))
    client = scene.connect()
    scene.clock.advance(minutes=5)

    if how == "found gone":
        scene.api.hang_up(client)
        scene.publish()
        scene.work()
    scene.connections.disconnect(client)
    scene.clock.advance(seconds=2)

    assert {scope.id: numbers.total() for scope, numbers in scene.counts.opened.items()} == {
        ENDPOINT: 0,
        WORKSPACE: 0,
        hash_token(TOKEN): 0,
    }
    scene.connect()


def test_the_endpoint_and_its_workspace_are_counted_without_tokens() -> None:
    shared = SharedCounts(SocketLimits(per_endpoint=1))

    shared.processes[0].admit(shared.one(token=None))

    assert {scope.kind.value for scope in shared.counts.opened} == {"endpoint", "workspace"}
