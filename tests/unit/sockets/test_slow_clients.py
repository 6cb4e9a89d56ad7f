"""Clients that take nothing and come back for ever: who is refused, for how long, and who is not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets import slow_clients
from event_service.sockets.connection import GREATEST_SEQUENCE
from event_service.sockets.limits import ConnectionLimits, SocketLimits
from event_service.sockets.ports import Posted
from event_service.sockets.slow_clients import KEPT, LONGEST_PAUSE, LONGEST_PAUSE_OF_NEW, SlowClients
from tests.fakes.sockets import FakeConnectionCounts
from tests.unit.sockets.scene import ENDPOINT, Scene

MANY = 1_000_000


class SlowScene(Scene):
    """A scene with limits, and a client that does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Callable[[str], None] = lambda operation: None
        self.counts = FakeConnectionCounts(self._counted, self.clock)
        self.slow_clients = SlowClients(self.counts, self.tables, self.clock)
        self.new_process()
        self.serve_with(note_slow=self.slow_clients.note)

    def _counted(self, operation: str) -> None:
        self._called(operation)
        self.fault(operation)

    def new_process(self) -> None:
        limits = ConnectionLimits(
            self.counts, SocketLimits(MANY, MANY, MANY, MANY), self.clock, SlowClients(self.counts, self.tables, self.clock)
        )
        self.connections = self.use_cases.new_door(limits)

    def closed_as_slow(self, after: int | str = 1, answer: Posted = Posted.THROTTLED, **more: Any) -> str:
        """A client connects, takes nothing and is closed."""
        client = self.connect(after=after, **more)
        self.clock.advance(seconds=36)
        self.api.answers[client] = _Always([answer])
        self.work()
        assert self.api.closed == {**self.api.closed, client: "service"}
        return client


class _Always(deque[Posted | str]):
    """One answer, however often it is asked for."""

    def popleft(self) -> Posted | str:
        return self[0]


def a_scene() -> SlowScene:
    scene = SlowScene()
    scene.connect()
    scene.publish(5)
    scene.work()
    return scene


def refused_for(scene: SlowScene, after: int | str = 1, **more: Any) -> int:
    with pytest.raises(RateLimited) as caught:
        scene.connect(after=after, **more)
    return caught.value.retry_after_seconds


def test_client_that_takes_nothing_again_and_again_comes_later_each_time() -> None:
    scene = a_scene()
    scene.closed_as_slow()
    scene.closed_as_slow()  # once may happen to everybody
    pauses = []
    for _ in range(8):
        pauses.append(refused_for(scene))
        scene.clock.advance(seconds=pauses[-1])
        scene.closed_as_slow()

    assert [pause for pause, following in pairwise(pauses) if following < pause] == []
    assert 50 <= pauses[0] <= 60
    assert 3 * pauses[0] < pauses[1] <= 240
    assert 0.99 * LONGEST_PAUSE.total_seconds() < pauses[-1] <= LONGEST_PAUSE.total_seconds()


def test_refusal_says_how_often_and_when_and_what_to_do() -> None:
    scene = a_scene()
    scene.closed_as_slow()
    scene.closed_as_slow()

    with pytest.raises(RateLimited, match=r"closed 2 times in a row because it took nothing\. Read what is sent, and connect again in"):
        scene.connect(after=1)


def test_others_are_not_refused() -> None:
    """Of the same endpoint and token: from elsewhere, with another program, or at another place."""
    scene = a_scene()
    for _ in range(2):
        scene.closed_as_slow(address="192.0.2.1", program="p")
    assert refused_for(scene, address="192.0.2.1", program="p")

    scene.connect(after=1, address="192.0.2.2", program="p")
    scene.connect(after=1, address="192.0.2.1", program="q")
    scene.connect(after=2, address="192.0.2.1", program="p")
    scene.connect(address="192.0.2.1", program="p")


def test_client_that_takes_a_frame_begins_anew() -> None:
    scene = a_scene()
    scene.closed_as_slow()
    client = scene.connect(after=1)
    scene.work()
    assert scene.sequences(client) == [2, 3, 4, 5]
    scene.publish(1)
    scene.clock.advance(seconds=36)
    scene.api.answers[client] = _Always([Posted.THROTTLED])
    scene.work()

    assert scene.api.closed[client] == "service"
    scene.closed_as_slow()
    assert refused_for(scene)


@pytest.mark.parametrize("after", [0, GREATEST_SEQUENCE])
def test_new_client_waits_for_a_minute_at_most_because_others_look_like_it(after: int) -> None:
    scene = a_scene()
    for _ in range(5):
        scene.closed_as_slow(after)
        scene.clock.advance(seconds=LONGEST_PAUSE_OF_NEW.total_seconds())
    scene.closed_as_slow(after)

    assert refused_for(scene, after) <= 60


def test_closes_are_forgotten_after_two_days() -> None:
    scene = a_scene()
    scene.closed_as_slow()
    scene.clock.advance(seconds=KEPT.total_seconds() + 1)
    scene.connect()
    scene.publish(5)
    scene.closed_as_slow()

    scene.connect(after=1)


def test_connects_to_other_endpoints_cost_nothing_more() -> None:
    scene = a_scene()
    scene.calls.clear()
    scene.connect(after=5)
    assert scene.calls["slow_closes"] == 0

    scene.closed_as_slow()
    assert scene.tables.log_heads[ENDPOINT].slow_until is not None
    scene.calls.clear()
    scene.connect(after=5)
    assert scene.calls["slow_closes"] == 1


def test_refused_client_costs_no_call_while_the_process_knows_it() -> None:
    scene = a_scene()
    scene.closed_as_slow()
    scene.closed_as_slow()
    refused_for(scene)
    scene.calls.clear()
    refused_for(scene)
    assert scene.calls.total() == 0

    scene.new_process()
    refused_for(scene)
    assert scene.calls == {"handshake": 1, "slow_closes": 1}


def test_process_remembers_a_bounded_number_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_clients, "REMEMBERED", 1)
    scene = a_scene()
    clients = scene.connections._limits.slow_clients  # type: ignore[union-attr]  # this scene has limits
    assert clients is not None
    for address in ("a", "b"):
        for _ in range(2):
            scene.closed_as_slow(address=address)
        refused_for(scene, address=address)

    assert len(clients._refused) == 1


@pytest.mark.parametrize("error", [RateLimited("busy"), Unavailable("down")])
def test_client_is_closed_although_that_cannot_be_noted(error: Exception) -> None:
    scene = a_scene()

    def fail(operation: str) -> None:
        if operation == "note_slow_close":
            raise error

    scene.fault = fail
    scene.closed_as_slow()
    scene.closed_as_slow()

    scene.connect(after=1)
