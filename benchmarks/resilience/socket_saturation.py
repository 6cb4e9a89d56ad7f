"""Sockets when it is full: what one client does to the others, how far wake-ups pile up, and how fast clients catch up.

The product's own use cases run in virtual time (``tests/simulation/sockets``): 50 executions for wake-ups and 50 for the backlog,
AWS calls of 8 ms, posts of 15 ms, FIFO groups that are locked until their batch ends. The numbers are the same on every machine.

Run: ``make bench SECTION=saturation``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from benchmarks.cost import prices
from benchmarks.report.page import Goal, Section, Table
from tests.simulation.sockets import memory, scenarios
from tests.simulation.sockets.world import quick, silent, slow, stuck

LONG = ((1.0, 86_400.0, "a day"), (10.0, 10_800.0, "three hours"), (100.0, 3_600.0, "an hour"), (1_000.0, 600.0, "ten minutes"))
"""Events a second, simulated seconds, and what these are called. A day at 10 a second would be 864,000 events and a quarter of an hour of
a processor, one at 1,000 a second a day."""


def _goal(what: str, measured: str, goal: str, reached: bool) -> Goal:
    print(f"    {what}: {measured} (goal {goal}: {'met' if reached else 'missed'})", flush=True)
    return Goal(what, measured, goal, reached)


def _depth(quick_run: bool) -> Iterator[Goal]:
    for rate in (1.0, 10.0, 100.0, 1_000.0):
        seconds = 20_000 / rate if not quick_run else 4_000 / rate
        for name, others in (("one healthy client", []), ("and a slow one", [slow]), ("and one stuck and one silent", [stuck, silent])):
            found = scenarios.depth(rate, [quick, *others], max(20.0, min(seconds, 3_600.0)))
            good = found.most_per_group <= 2 and found.left == 0 and found.arrived == found.events
            text = (
                f"{found.most_depth} messages, {found.left} at the end, {found.arrived / found.events:.1%} arrived, p99 {found.p99:.2f} s"
            )
            yield _goal(f"wake-ups at {rate:g} events a second, {name}", text, "≤ 2 a group, all arrived", good)
    for rate, seconds, name in () if quick_run else LONG:
        found = scenarios.depth(rate, [quick, slow, stuck, silent], seconds)
        text = (
            f"{found.most_depth} messages, {found.left} at the end, {found.arrived / found.events:.1%} of {found.events:,} events arrived"
        )
        good = found.most_per_group <= 2 and found.left == 0 and found.arrived == found.events
        what = f"wake-ups of {name} at {rate:g} events a second: a healthy, a slow, a stuck and a silent client"
        yield _goal(what, text, "≤ 2 a group, all arrived", good)


def _isolated(seconds: float) -> Iterator[Goal]:
    for shared in (False, True):
        before = scenarios.isolation(0, quick, shared=shared, seconds=seconds)
        for behaviour, name in ((stuck, "take nothing (429)"), (silent, "answer nothing")):
            for bad in (1, 10, 50, 500):
                found = scenarios.isolation(bad, behaviour, shared=shared, seconds=seconds)
                ratio = found.p99 / before.p99
                what = f"{bad} clients {name}, {'shared' if shared else 'own'} events: p99 of 100 healthy ones to quiet"
                text = f"{ratio:.2f} times ({found.p99 * 1000:.0f} ms), {found.lost} events missing, {found.closed} closed"
                yield _goal(what, text, "≤ 2 times", ratio <= 2 and not found.lost)
    before = scenarios.neighbours(0, quick, seconds)
    for bad in (1, 50):
        found = scenarios.neighbours(bad, stuck, seconds)
        ratio = found.p99 / before.p99
        yield _goal(
            f"{bad} stuck clients of the same endpoint: p99 of 99 healthy ones to quiet", f"{ratio:.2f} times", "≤ 2 times", ratio <= 2
        )


def _hopeless(quick_run: bool) -> Iterator[Goal]:
    for behaviour, name in ((silent, "silent"), (stuck, "stuck")):
        found = scenarios.hopeless(behaviour, closes=False)
        yield _goal(
            f"a {name} socket that can never be served, nor closed: what it costs a month",
            f"${found.usd_per_month:.3f}, {found.invocations} invocations and {found.posts} posts in two hours",
            "≤ $0.05",
            found.usd_per_month <= 0.05,
        )
        found = scenarios.hopeless(behaviour, closes=True, comes_back=True, hours=24.0 * (7 if quick_run else 30))
        days = "seven days" if quick_run else "a month"
        yield _goal(
            f"a {name} client that is closed and comes back for ever, {days}: what it costs a month",
            f"${found.usd_per_month:.3f}, {found.connects} connects (nearly all refused) and {found.posts} posts",
            "≤ $0.05",
            found.usd_per_month <= 0.05,
        )


def _backlogs(quick_run: bool) -> Iterator[Goal]:
    found = scenarios.catching_up(1, 20_000 if quick_run else 100_000)
    minutes = 4_320_000 / found.rate_per_client / 60
    text = f"{found.rate_per_client:,.0f} a second (a day at 50 a second in {minutes:.0f} minutes), {found.repeats} repeats"
    yield _goal("one client behind, 1 KB events, live events go on", text, "≥ 1,000 a second, ≤ 75 minutes", minutes <= 75)
    found = scenarios.catching_up(10, 10_000, executions=1)
    yield _goal("ten clients behind, one worker", f"{found.rate_per_worker:,.0f} a second", "≥ 5,000", found.rate_per_worker >= 5_000)
    before = scenarios.beside_backlogs(0, seconds=30.0)
    for endpoints in (100, 200):
        beside = scenarios.beside_backlogs(endpoints, 2_000 if quick_run else 5_000, seconds=30.0)
        ratio = beside.p99 / before.p99
        text = f"{ratio:.2f} times ({beside.p99 * 1000:.0f} ms)"
        yield _goal(f"{endpoints} endpoints catch up: p99 of a live one to quiet", text, "≤ 2 times", ratio <= 2)


def _many(quick_run: bool) -> Iterator[Goal]:
    for connections in (1_000,) if quick_run else (1_000, 10_000):
        found = scenarios.crowd(connections, 1.0, 10.0)
        text = f"p99 {found.p99:.2f} s, {found.repeats} repeats, ${found.usd_per_million_posts:.3f} a million posts without API Gateway"
        yield _goal(
            f"{connections:,} connections, one event a second: publish to post", text, "p99 ≤ 2 s", found.p99 <= 2 and not found.repeats
        )
        text = f"{found.writes_of_a_key} a second"
        yield _goal(f"{connections:,} connections: most writes of a key", text, "≤ 1,000", found.writes_of_a_key <= 1_000)
    # At ten events a second the account's quota of 10,000 posts a second must be raised.
    for connections, rate in ((1_000, 10.0),) if quick_run else ((10_000, 1.0), (10_000, 10.0)):
        found = scenarios.crowd(connections, rate, 5.0)
        posts = connections * rate * 3_600 / 1e6
        dollars = posts * (prices.WEBSOCKET_MESSAGE * 1e6 + found.usd_per_million_posts) + connections * 60 * prices.WEBSOCKET_MINUTE
        text = f"p99 {found.p99:.2f} s, {found.repeats} repeats, {posts:,.0f} million posts for ${dollars:,.0f} at most (arrays are fewer posts)"
        what = f"{connections:,} connections, {rate:g} events a second of up to 32 KB: an hour, its price with API Gateway"
        yield _goal(what, text, "p99 ≤ 2 s", found.p99 <= 2 and not found.repeats)
    limited = scenarios.crowd(1_000, 1.0, 20.0, posts_per_second=900)
    text = f"{limited.posts_in_a_second} posts in the busiest second, p99 {limited.p99:.2f} s, {limited.repeats} repeats"
    good = limited.posts_in_a_second <= 1_100 and not limited.repeats
    yield _goal("1,000 connections, one event a second, a ceiling of 900 posts a second", text, "≤ 900 and 20 for each execution", good)
    herd = scenarios.herd(1_500 if quick_run else 10_000)
    text = f"{herd.calls_per_client:.1f} calls a client, first frame p99 {herd.first_frame_p99:.2f} s, another endpoint's p99 {herd.live_p99:.2f} s"
    good = herd.calls_per_client <= 6 and herd.live_p99 <= 0.2 and herd.first_frame_p99 < 2
    yield _goal("clients of one endpoint reconnect at 500 a second", text, "≤ 6 calls, others' p99 ≤ 0.2 s", good)
    for rate in (100.0, 1_000.0):
        appended = scenarios.appending(rate, 20.0)
        text = f"{appended.put_off / appended.published:.2%} put off, p99 {appended.p99:.2f} s, {appended.writes_of_a_key} writes a key"
        good = appended.put_off <= appended.published / 1_000 and appended.in_order
        yield _goal(f"{rate:g} publishes a second to one endpoint by 50 routers", text, "< 0.1 % put off, in order", good)


def _memory(quick_run: bool) -> Iterator[Goal]:
    for shape in ("empty objects", "a frame") if quick_run else memory.SHAPES:
        found = memory.measured(shape)
        share = found.megabytes / memory.FUNCTION_MEGABYTES
        text = f"{found.megabytes} MB ({share:.0%} of the function's)"
        what = f"memory of one invocation, ten groups of 100 clients behind 100 events ({shape})"
        yield _goal(what, text, "≤ 60 %", share <= 0.6 and not found.faults)


def run(quick: bool = False) -> Section:
    """All scenarios, one after the other."""
    logging.disable(logging.CRITICAL)  # what goes wrong on purpose, and what is cut off at the end of a scenario
    goals = [*_depth(quick), *_isolated(20.0 if quick else 60.0), *_hopeless(quick), *_backlogs(quick), *_many(quick), *_memory(quick)]
    logging.disable(logging.NOTSET)
    rows = [[goal.what, goal.measured, goal.goal, "met" if goal.reached else "missed"] for goal in goals]
    return Section(
        title="Sockets when it is full",
        notes=[
            "In virtual time: 50 executions for wake-ups and 50 for clients that catch up or are in trouble, AWS calls of 8 ms, posts of 15 ms."
        ],
        tables=[Table("", ["scenario", "measured", "goal", ""], rows)],
        goals=goals,
    )
