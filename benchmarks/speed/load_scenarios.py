"""What the local stack is put under: sustained rates, bad receivers beside a good one, ten times too much, and many events.

Each scenario has a workspace of its own; :mod:`benchmarks.speed.load` publishes, receives and counts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import psutil

from benchmarks.report.page import Goal, Table, percentile
from benchmarks.speed.load import Outcome, Publisher, Receipts, listen, receiver, running, session, stretch
from local.stack import LocalStack

SECONDS: Final = 10
RATES: Final = (20, 40, 80, 120, 160)
SINGLES, BATCHES, SOCKETS = 80, 2, 60
"""Events per second that should be carried: one by one, batches of a hundred, and one by one to a socket."""
BATCH: Final = 100
P99_MS: Final = 500
HEALTHY_RATE: Final = 5
TIMES_QUIET: Final = 5
BURST: Final = 10 * SINGLES
REST_SECONDS: Final = 30
EVENTS: Final = 50_000
MEBIBYTES: Final = 600


@dataclass
class Load:
    """All of it."""

    sustained: list[Outcome] = field(default_factory=list)
    quiet: Outcome | None = None
    beside: Outcome | None = None
    burst: Outcome | None = None
    after: Outcome | None = None
    events: int = 0
    mebibytes: float = 0.0
    """Of the local AWS's own process, when it has taken so many events."""


async def measure(stack: LocalStack) -> Load:
    """Takes about eight minutes."""
    load = Load()
    for rate in RATES:
        load.sustained.append(await _webhook(stack, f"{rate} events per second, webhook", rate))
        if percentile(load.sustained[-1].latencies, 99) > 10 * P99_MS:
            break  # it queues: more would only queue longer
    load.sustained.append(await _webhook(stack, f"{BATCHES} batches of {BATCH} per second, webhook", BATCHES, BATCH))
    load.sustained.append(await _socket(stack, f"{SOCKETS} events per second, socket", SOCKETS))
    load.quiet = await _webhook(stack, "a healthy receiver alone", HEALTHY_RATE)
    load.beside = await _beside_bad_ones(stack)
    load.burst = await _webhook(stack, f"{BURST} events per second, webhook", BURST)
    print(f"  resting for {REST_SECONDS} s", flush=True)
    await asyncio.sleep(REST_SECONDS)
    load.after = await _webhook(stack, f"{REST_SECONDS} s after the burst", HEALTHY_RATE)
    taken = sum(one.published for one in (*load.sustained, load.quiet, load.beside, load.burst, load.after))
    load.events = taken + await _many(stack, EVENTS - taken)
    load.mebibytes = psutil.Process(stack.pid).memory_info().rss / 2**20
    return load


async def _webhook(stack: LocalStack, name: str, rate: float, batch: int = 1) -> Outcome:
    print(f"  {name}, for {SECONDS} s", flush=True)
    receipts = Receipts()
    async with session() as opened, receiver(receipts) as url:
        publisher = Publisher(stack.ready, stack.new_token().token, opened)
        await publisher.webhook(url)
        await stretch("warm", publisher, receipts, rate=5, seconds=1)
        return await stretch(name, publisher, receipts, rate=rate, seconds=SECONDS, batch=batch)


async def _socket(stack: LocalStack, name: str, rate: float) -> Outcome:
    print(f"  {name}, for {SECONDS} s", flush=True)
    receipts, ready, token = Receipts(), asyncio.Event(), stack.new_token()
    async with session() as opened:
        publisher = Publisher(stack.ready, token.token, opened)
        endpoint = await publisher.socket()
        async with running(listen(stack.ready, token, endpoint, receipts, ready)):
            await ready.wait()
            await stretch("warm", publisher, receipts, rate=5, seconds=1)
            return await stretch(name, publisher, receipts, rate=rate, seconds=SECONDS)


async def _beside_bad_ones(stack: LocalStack) -> Outcome:
    """A healthy receiver, beside one that hangs, one that fails now and then, and a socket client that does not read."""
    print("  the same beside bad receivers", flush=True)
    numbers = count(1)
    hangs, fails, unread = Receipts(), Receipts(), Receipts()
    async with (
        session() as opened,
        receiver(hangs, lambda _: None) as hanging,
        receiver(fails, lambda _: 502 if next(numbers) % 50 == 0 else 200) as failing,
    ):
        tokens = [stack.new_token() for _ in range(3)]
        publishers = [Publisher(stack.ready, token.token, opened) for token in tokens]
        await publishers[0].webhook(hanging)
        await publishers[1].webhook(failing)
        endpoint, ready = await publishers[2].socket(), asyncio.Event()

        async def publish(publisher: Publisher, receipts: Receipts, rate: float) -> None:
            while True:
                await stretch("bad", publisher, receipts, rate=rate, seconds=1, settle=False)

        async with running(
            listen(stack.ready, tokens[2], endpoint, unread, ready, reads=False),
            publish(publishers[0], hangs, 10),
            publish(publishers[1], fails, 20),
            publish(publishers[2], unread, 10),
        ):
            await ready.wait()
            await asyncio.sleep(SECONDS)  # what hangs has filled what it can fill
            return await _webhook(stack, "a healthy receiver beside bad ones", HEALTHY_RATE)


async def _many(stack: LocalStack, number: int) -> int:
    """Publishes so many events as fast as they are taken, to one webhook; returns how many."""
    print(f"  {number:,} events in batches of {BATCH}", flush=True)
    receipts = Receipts()
    async with session() as opened, receiver(receipts) as url:
        publisher = Publisher(stack.ready, stack.new_token().token, opened)
        await publisher.webhook(url)
        outcomes = [
            await stretch("many", publisher, receipts, rate=BATCHES, seconds=min(10.0, left / BATCH / BATCHES), batch=BATCH)
            for left in range(number, 0, -10 * BATCHES * BATCH)
        ]
    return sum(one.published - one.unanswered for one in outcomes)


def tables_and_goals(load: Load) -> tuple[list[Table], list[Goal]]:
    """As the page shows them."""
    every = [one for one in (*load.sustained, load.quiet, load.beside, load.burst, load.after) if one is not None]
    columns = ["load", "events", "p50 ms", "p95 ms", "p99 ms", "publish answered p99 ms", "lost", "received again", "not answered ok"]
    rows = [
        [
            *(one.name, one.published, *(percentile(one.latencies or [0.0], share) for share in (50, 95, 99))),
            *(percentile(one.answers or [0.0], 99), one.lost, one.repeated, one.unanswered),
        ]
        for one in every
    ]
    table = Table(f"Under load, {SECONDS} s each; from when an event was due to be published to its receipt", columns, rows)
    goals = [
        _rate_goal(load.sustained, name) for name in (f"{SINGLES} events per second, webhook", f"{BATCHES} batches", f"{SOCKETS} events")
    ]
    if load.quiet and load.beside:
        times = percentile(load.beside.latencies, 99) / percentile(load.quiet.latencies, 99)
        what = (
            "p99 of a healthy receiver beside one that hangs, one with 2 % of 502 and a socket client that does not read, to its quiet p99"
        )
        goals.append(Goal(what, f"{times:.1f}", f"≤ {TIMES_QUIET}", times <= TIMES_QUIET))
    if load.burst and load.after and load.quiet:
        goals.append(
            Goal(f"lost of {load.burst.published:,} events at ten times the rate", f"{load.burst.lost}", "0", load.burst.lost == 0)
        )
        back = percentile(load.after.latencies, 99) / percentile(load.quiet.latencies, 99)
        goals.append(Goal(f"p99 {REST_SECONDS} s after that, to the quiet p99", f"{back:.1f}", "≤ 2", back <= 2))
    what = f"memory of the local AWS after {load.events:,} events"
    goals.append(Goal(what, f"{load.mebibytes:.0f} MiB", f"≤ {MEBIBYTES} MiB", load.mebibytes <= MEBIBYTES))
    return [table], goals


def _rate_goal(outcomes: list[Outcome], beginning: str) -> Goal:
    one = next((one for one in outcomes if one.name.startswith(beginning) or (beginning in one.name and "socket" in one.name)), None)
    if one is None:
        return Goal(f"{beginning}: p99", "not reached", f"≤ {P99_MS} ms", reached=False)
    p99 = percentile(one.latencies or [float("inf")], 99)
    reached = p99 <= P99_MS and not one.lost and not one.unanswered
    return Goal(f"{one.name}: p99, lost, not answered", f"{p99:.0f} ms, {one.lost}, {one.unanswered}", f"≤ {P99_MS} ms, 0, 0", reached)
