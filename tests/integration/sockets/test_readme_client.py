"""The Python client that docs/websockets.md prints, as printed, against a service that breaks its connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.fakes.socket_service import event, socket_service
from tests.printed import printed


def the_client() -> Any:
    """Its ``listen``."""
    names: dict[str, Any] = {}
    exec(printed("python", "async def listen"), names)  # noqa: S102 - the document's own text is what is tested
    return names["listen"]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in code that knows nothing of the test
            await asyncio.sleep(0.005)


async def test_a_connection_that_ends_before_the_first_event_misses_none() -> None:
    handled: list[dict[str, Any]] = []
    async with socket_service() as service:
        service.publish(event(1))
        service.cuts = 1  # the second one is a close, before which everything arrives
        listening = asyncio.create_task(the_client()(service.url, "endpoint", "t", handled.append))
        await until(lambda: service.resets)
        service.cut_chance = 1.0
        service.publish(event(2))
        await until(lambda: service.cuts == 2)
        service.cut_chance = 0.0
        service.publish(event(3))
        await until(lambda: len(handled) == 2)
        listening.cancel()
        await asyncio.wait([listening])

    assert [frame["sequence"] for frame in handled] == [2, 3]
    assert service.queries[1]["after"] == "1"


async def test_what_comes_again_is_dropped_and_a_gap_is_passed_over() -> None:
    handled: list[dict[str, Any]] = []
    async with socket_service(floor=41, repeat_chance=1.0) as service:
        service.publish(*(event(number) for number in range(1, 61)))
        listening = asyncio.create_task(the_client()(service.url, "endpoint", "t", handled.append, 10))
        await until(lambda: len(handled) == 20)
        service.cuts, service.cut_chance = 1, 1.0
        service.publish(event(61))
        await until(lambda: service.cuts == 2)
        service.cut_chance = 0.0
        await until(lambda: len(handled) == 21)
        listening.cancel()
        await asyncio.wait([listening])

    assert [frame["sequence"] for frame in handled] == list(range(41, 62))
    assert service.repeats == 3
