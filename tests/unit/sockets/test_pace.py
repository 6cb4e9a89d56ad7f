"""The pace of posts over all executions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from event_service.base.errors import RateLimited
from event_service.sockets.pace import FREE_POSTS, KEPT_FOR_OTHERS, LEASED_POSTS, PostPace
from tests.fakes.sockets import FakeSocketTables
from tests.simulation.virtual_time import VirtualClock, run


async def _at_once(function: Callable[[], Any]) -> Any:
    return function()


def _pace(tables: FakeSocketTables, clock: VirtualClock, posts_per_second: int) -> PostPace:
    return PostPace(tables, posts_per_second, clock, _at_once, asyncio.sleep)


async def _take(pace: PostPace, posts: int) -> None:
    await asyncio.gather(*(pace.take("a") for _ in range(posts)))


def test_few_posts_of_a_second_cost_no_call() -> None:
    clock, operations = VirtualClock(), list[str]()
    tables = FakeSocketTables(operations.append, clock=clock)

    run(clock, _take(_pace(tables, clock, 1_000), FREE_POSTS - KEPT_FOR_OTHERS))

    assert operations == []


def test_many_posts_cost_a_call_for_two_hundred() -> None:
    clock, operations = VirtualClock(), list[str]()
    tables = FakeSocketTables(operations.append, clock=clock)

    run(clock, _take(_pace(tables, clock, 10_000), FREE_POSTS - KEPT_FOR_OTHERS + 3 * LEASED_POSTS))

    assert operations == ["lease_posts"] * 3
    assert clock.seconds == 0


def test_executions_together_stay_below_the_ceiling_in_each_second() -> None:
    clock = VirtualClock()
    tables = FakeSocketTables(clock=clock)
    paces = [_pace(tables, clock, 1_000) for _ in range(5)]
    in_second: dict[int, int] = {}

    async def take(pace: PostPace) -> None:
        for _ in range(1_000):
            await pace.take("a")
            second = int(clock.seconds)
            in_second[second] = in_second.get(second, 0) + 1

    async def all_of_them() -> None:
        await asyncio.gather(*map(take, paces))

    run(clock, all_of_them())

    assert sum(in_second.values()) == 5_000
    assert max(in_second.values()) <= 1_000 + 5 * FREE_POSTS
    # What may be sent is sent.
    assert len(in_second) <= 6


def test_workspace_that_uses_up_a_second_leaves_others_some_posts_of_it() -> None:
    clock = VirtualClock()
    pace = _pace(FakeSocketTables(clock=clock), clock, 0)

    async def take() -> float:
        crowd = [asyncio.ensure_future(pace.take("a")) for _ in range(FREE_POSTS)]
        await asyncio.sleep(0.01)
        assert sum(one.done() for one in crowd) == FREE_POSTS - KEPT_FOR_OTHERS
        for _ in range(KEPT_FOR_OTHERS):
            await pace.take("b")
        taken_at = clock.seconds
        await asyncio.gather(*crowd)
        return taken_at

    assert run(clock, take()) == pytest.approx(0.01)


def test_counter_that_is_throttled_stops_no_socket() -> None:
    def throttled(operation: str) -> None:
        raise RateLimited(operation)

    clock = VirtualClock()
    run(clock, _take(_pace(FakeSocketTables(throttled, clock=clock), clock, 1_000), 1_000))

    assert clock.seconds == 0


@pytest.mark.parametrize("ceiling", [LEASED_POSTS - 1, LEASED_POSTS])
def test_lease_is_granted_up_to_the_ceiling(ceiling: int) -> None:
    tables = FakeSocketTables()

    assert tables.lease_posts(1, LEASED_POSTS, ceiling) == (ceiling == LEASED_POSTS)
    assert not tables.lease_posts(1, LEASED_POSTS, ceiling)
