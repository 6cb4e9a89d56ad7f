"""Webhook delivery when it is full: what one receiver does to the others, and how each of them catches up.

The product's own use cases run in virtual time (``tests/simulation``): 100 executions of the shared lane and 100 of the own lanes,
AWS calls of 8 ms, a fair queue, receivers with latencies, limits and faults. The numbers are the same on every machine.

Run: ``make bench SECTION=saturation``. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.report.page import Goal, Section, Table
from tests.fakes.webhooks import Behaviour
from tests.simulation import memory, scenarios
from tests.simulation.world import after, hang


def _goal(what: str, measured: str, goal: str, reached: bool) -> Goal:
    print(f"    {what}: {measured} (goal {goal}: {'met' if reached else 'missed'})", flush=True)
    return Goal(what, measured, goal, reached)


def _blips(seconds: float) -> Iterator[Goal]:
    clean = scenarios.blips(0.0, seconds=seconds)
    for share in (0.001, 0.01, 0.05):
        found = scenarios.blips(share, seconds=seconds)
        # Besides those that failed, what was published in the last second is under way.
        under_way = 1.0 / seconds
        most = 1.2 * found.failed_share + under_way
        name = f"{share:.1%} of answers fail, 200/s, {seconds:.0f} s"
        yield _goal(f"{name}: share that waits at the end", f"{found.waiting_share:.2%}", f"≤ {most:.2%}", found.waiting_share <= most)
        yield _goal(f"{name}: p99 from publish to first request", f"{found.first_request_p99:.2f} s", "≤ 5 s", found.first_request_p99 <= 5)
        if share == 0.001:
            ratio = found.sdk_calls / found.events / (clean.sdk_calls / clean.events)
            yield _goal(f"{name}: SDK calls to a clean run", f"{ratio:.2f}", "≤ 1.2", ratio <= 1.2)


def _limited(seconds: float) -> Iterator[Goal]:
    for limit, bucket, name in ((10.0, 10.0, "10/s"), (1.0, 1.0, "1/s, as Slack and Discord")):
        for header in (None, "1"):
            said = "with Retry-After" if header else "without Retry-After"
            for kind in ("steady", "bursts"):
                found = scenarios.limited(kind, limit, bucket, header, seconds)
                what = f"receiver takes {name}, half of it {'in bursts' if kind == 'bursts' else 'steadily'}, {said}"
                good = found.delivered == found.events and found.age_p99 <= 30 and found.refused_share <= 0.1 and not found.failed
                text = f"{found.delivered / found.events:.1%}, p99 {found.age_p99:.1f} s, {found.refused_share:.1%} 429"
                yield _goal(what, text, "100 %, ≤ 30 s, ≤ 10 %", good)
            found = scenarios.limited("over", limit, bucket, header, seconds)
            least = 0.9 * limit
            text = f"{found.least_rate:.2f}/s, {found.refused_share:.1%} 429, {found.failed} given up"
            what = f"receiver takes {name}, twice of it for a time, {said}: the slowest {scenarios.slowest_window(limit)} s"
            yield _goal(what, text, f"≥ {least:.1f}/s, 0 given up", found.least_rate >= least and not found.failed)


def _resumed() -> Iterator[Goal]:
    for latency, rate, backlog in ((0.1, 500.0, 20_000), (1.0, 100.0, 6_000)):
        found = scenarios.resumed(latency, backlog)
        good = found.rate - 50.0 >= 0.9 * rate and found.live_age_p99 <= 2 * latency + 0.5 and not found.twice
        text = f"{found.rate - 50.0:.0f}/s beside live ones, whose p99 is {found.live_age_p99:.2f} s"
        yield _goal(f"resumed after a pause, receiver of {latency:g} s, live 50/s", text, f"≥ {0.9 * rate:.0f}/s", good)


def _isolated(seconds: float) -> Iterator[Goal]:
    cases: list[tuple[str, Sequence[Behaviour], float]] = [
        ("one hangs, 2/s", [hang], 2.0),
        ("one hangs, 10/s", [hang], 10.0),
        ("one hangs, 100/s", [hang], 100.0),
        ("one answers 200 after 5 s, 30/s", [after(5)], 30.0),
        ("one answers 200 after 14 s, 30/s", [after(14)], 30.0),
        ("one with 10 % time-outs, 100/s", [scenarios.flaky()], 100.0),
        ("300 of one provider hang together, 0.1/s each", [hang] * 300, 30.0),
        ("1,000 fail together, 0.1/s each", [scenarios.failing()] * 1_000, 100.0),
    ]
    for name, sick, rate in cases:
        found = scenarios.isolation(sick, rate, seconds)
        good = found.ratio <= 2.0 and found.onset_p99 <= 3.0
        text = f"{found.ratio:.2f} times, {found.onset_p99:.2f} s in the first 5 s, {found.cut} requests cut"
        yield _goal(f"{name}: p99 of 100 healthy ones to quiet", text, "≤ 2 times from 5 s on, ≤ 3 s before", good)


def _wide(endpoints: int) -> Iterator[Goal]:
    found = scenarios.wide(endpoints)
    good = found.writes[0] <= 1_000 and found.reads[0] <= 3_000 and not (found.unrecorded or found.illegal or found.came_again)
    text = f"{found.writes[0]:.0f} writes/s, {found.reads[0]:.0f} reads/s, {found.unrecorded} of {found.attempts:,} unrecorded"
    what = f"one event for {endpoints:,} endpoints, all fail with a page of 16 KiB, four attempts: the busiest key"
    yield _goal(what, text, "≤ 1,000 writes/s, ≤ 3,000 reads/s, 0", good)


def _due(seconds: float) -> Iterator[Goal]:
    found = scenarios.due(seconds=seconds)
    good = found.latest <= 120 and found.made == found.retries and not found.twice
    text = f"{found.latest:.0f} s after they were due, {found.made:,} of {found.retries:,} made"
    yield _goal(f"4,000 retries of 100 workspaces and 2,000 endpoints due in each of {seconds:.0f} s: the last", text, "≤ 120 s, all", good)
    beside = scenarios.due_beside()
    good = beside.latest <= 120 and beside.made == beside.retries
    what = "beside a workspace whose 10,000 endpoints have retries for 8 minutes due (a tenth of all is played): another's last"
    yield _goal(what, f"{beside.latest:.0f} s after they were due", "≤ 120 s", good)


def _memory(quick: bool) -> Iterator[Goal]:
    for name, function in memory.FUNCTIONS.items():
        for shape in ("empty objects",) if quick or name == "retry scheduler" else ("empty objects", "track", "base64"):
            share = memory.measured(name, shape).megabytes / function.megabytes
            of = "100,000 reminders due" if name == "retry scheduler" else f"events of 256 KiB ({shape})"
            yield _goal(f"memory of one invocation, {name}, {of}", f"{share:.0%} of {function.megabytes:,} MB", "≤ 60 %", share <= 0.6)


def _others() -> Iterator[Goal]:
    herd = scenarios.herd()
    good = herd.most_open_backlog <= 100 and herd.live_p99 <= 0.25 and not herd.left and not herd.twice
    text = f"{herd.most_open_backlog} open, live p99 {herd.live_p99:.2f} s"
    yield _goal("10,000 retries of one endpoint due in one minute", text, "≤ 100 open, live ones keep their pace", good)
    found = scenarios.all_failing()
    yield _goal(
        "one endpoint fails at 600/s: health writes a second",
        f"{found.health_writes_per_second:.2f}",
        "≤ 2",
        found.health_writes_per_second <= 2,
    )
    yield _goal("one endpoint fails at 600/s: SDK calls an attempt or move", f"{found.sdk_calls:.2f}", "≤ 2.2", found.sdk_calls <= 2.2)
    looks = scenarios.scheduled()
    good = not math.isnan(looks.latest) and looks.latest <= 60
    yield _goal(
        "retries of 1,000 endpoints in 100 workspaces due each minute: latest look", f"{looks.latest:.1f} s", "≤ 60 s after the run", good
    )


def run(quick: bool = False) -> Section:
    """All scenarios, one after the other."""
    seconds = 120.0 if quick else 600.0
    goals = [
        *_isolated(60.0 if quick else 120.0),
        *_limited(300.0 if quick else 600.0),
        *_resumed(),
        *_wide(1_000 if quick else 10_000),
        *_due(10.0 if quick else 30.0),
        *_others(),
        *_blips(seconds),
    ]
    rows = [[goal.what, goal.measured, goal.goal, "met" if goal.reached else "missed"] for goal in goals]
    return Section(
        title="Webhook delivery when it is full",
        notes=[
            "In virtual time: 100 executions of the shared lane, 100 of the own lanes, AWS calls of 8 ms, 100 healthy endpoints at one event a "
            "second beside the bad ones. The backlog of a day is cut down to some thousands of events; its pace is what counts."
        ],
        tables=[Table("", ["scenario", "measured", "goal", ""], rows)],
        goals=goals,
    )
