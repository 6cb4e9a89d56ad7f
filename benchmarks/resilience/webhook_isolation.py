"""What one hanging and one failing receiver cost the others: the time from message to answer of 98 healthy endpoints.

The whole worker runs, in as many invocations side by side as the mapping's maximum allows, over a queue and tables in memory.
Receivers answer after 20 ms; one of them hangs for 3 s, 150 times as long, as 15 s are to the 100 ms of a receiver far away;
one answers 500. Once with all receivers well, once with those two.

    python -m benchmarks webhook_isolation
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from benchmarks.report.page import Goal, Section, Table, percentile
from event_service.delivery.attempt import FailureClass
from event_service.webhooks.batch import Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.webhooks import Behaviour, Clock, World

ENDPOINTS = 100
INVOCATIONS = 20
DELIVERIES_A_SECOND = 200
ANSWER_SECONDS = 0.02
HANG_SECONDS = 3.0
LIMIT = 2.0
"""How many times the quiet run's p99 the healthy endpoints may have."""


class _RealClock(Clock):
    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def pass_(self, seconds: float) -> None:
        """It passes by itself."""


def _age(request: WebhookRequest) -> float:
    created = datetime.fromisoformat(json.loads(request.body)["creationDate"])
    return (datetime.now(UTC) - created).total_seconds()


async def measure(seconds: float, *, disturbed: bool) -> list[float]:
    """Seconds from message to answer, of the healthy endpoints, sorted."""
    world = World(clock=_RealClock())
    ages: list[float] = []

    async def well(request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(ANSWER_SECONDS)
        ages.append(_age(request))
        return WebhookAnswer(200, None, None, 20)

    async def hanging(_request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(HANG_SECONDS)
        return WebhookAnswer(None, FailureClass.TIMEOUT, "No answer.", int(HANG_SECONDS * 1000))

    async def failing(_request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(ANSWER_SECONDS)
        return WebhookAnswer(500, None, None, 20)

    behaviours: list[Behaviour] = [hanging, failing] if disturbed else [well, well]
    endpoints = [world.endpoint(behaviour) for behaviour in (*behaviours, *[well] * (ENDPOINTS - 2))]
    draw = random.Random(1)
    ending = asyncio.Event()

    async def poll() -> None:
        while not ending.is_set():
            batch = world.queue.receive(10)
            if not batch:
                await asyncio.sleep(0.005)
                continue
            report = await world.side.delivery.deliver([Received(one.text, one.receives) for one in batch], lambda: 60.0)
            world.queue.delete(one for position, one in enumerate(batch) if position not in report.failed)

    pollers = [asyncio.create_task(poll()) for _ in range(INVOCATIONS)]
    for _ in range(int(seconds * 20)):
        for endpoint in draw.choices(endpoints, k=DELIVERIES_A_SECOND // 20):
            world.publish(endpoint)
        await asyncio.sleep(0.05)
    ending.set()
    await asyncio.gather(*pollers)
    assert not world.illegal
    return sorted(ages)


@contextmanager
def _without_log() -> Iterator[None]:
    """A line for each failed attempt says nothing here."""
    logger = logging.getLogger("event_service")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def run(quick: bool = False) -> Section:
    """Both runs, one after the other: they would disturb one another."""
    seconds = 6.0 if quick else 12.0
    rows: list[list[Any]] = []
    p99: dict[str, float] = {}
    for name in ("quiet", "disturbed"):
        with _without_log():
            ages = asyncio.run(measure(seconds, disturbed=name == "disturbed"))
        p99[name] = percentile(ages, 99)
        rows.append([name, len(ages), statistics.median(ages) * 1_000, p99[name] * 1_000, ages[-1] * 1_000])
    times = p99["disturbed"] / p99["quiet"]
    return Section(
        title="One bad receiver",
        notes=[
            f"{ENDPOINTS} endpoints, {DELIVERIES_A_SECOND} deliveries a second, {INVOCATIONS} invocations side by side, queue and tables in memory. "
            f"Receivers answer after {ANSWER_SECONDS * 1_000:.0f} ms. Disturbed: one hangs for {HANG_SECONDS:g} s, one answers 500; "
            "the numbers are those of the 98 others, from the message in the queue to the answer."
        ],
        tables=[Table("", ["run", "deliveries", "median ms", "p99 ms", "most ms"], rows)],
        goals=[
            Goal(
                "p99 of 98 endpoints beside one that hangs and one that fails, to the quiet run",
                f"{times:.2f}",
                f"≤ {LIMIT:g}",
                times <= LIMIT,
            )
        ],
    )
