"""Counts and orders when webhook delivery is full; the whole table is ``make bench SECTION=saturation``."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.tools import ROOT
from tests.fakes.webhooks import Behaviour
from tests.simulation import scenarios
from tests.simulation.world import after, hang


@pytest.mark.parametrize(("sick", "rate"), [(hang, 10.0), (after(14), 30.0), (scenarios.flaky(), 50.0)])
def test_one_slow_receiver_leaves_the_others_as_they_were(sick: Behaviour, rate: float) -> None:
    found = scenarios.isolation([sick], rate, seconds=60.0)
    assert found.onset_p99 <= 3.0
    assert found.ratio <= 2.0
    # Requests are cut while the trouble is new, and not for ever.
    assert found.cut <= 4 * rate


def test_many_slow_receivers_leave_the_others_as_they_were() -> None:
    """Each is a quiet group of its own in the queue: what they take together is what hurts."""
    found = scenarios.isolation([hang] * 300, 30.0, seconds=40.0)
    assert found.onset_p99 <= 3.0
    assert found.ratio <= 2.0


@pytest.mark.parametrize(("limit", "seconds"), [(10.0, 220.0), (1.0, 440.0)])
def test_a_limited_receiver_gets_what_it_takes_and_rarely_more(limit: float, seconds: float) -> None:
    found = scenarios.limited("over", limit, limit, "1", seconds)
    assert found.least_rate >= 0.9 * limit
    assert found.refused_share <= 0.05
    assert found.failed == 0


def test_rare_failures_make_nothing_else_wait() -> None:
    found = scenarios.blips(0.01, rate=50.0, seconds=60.0)
    assert found.first_request_p99 <= 5.0
    assert found.waiting_share <= 1.2 * found.failed_share + 0.02


def test_a_backlog_is_sent_at_the_receivers_speed_beside_live_events() -> None:
    found = scenarios.resumed(0.1, 8_000, live=20.0, seconds=20.0)
    assert found.left == 0
    assert found.rate >= 450
    assert found.live_age_p99 <= 0.5
    assert found.twice == 0


def test_many_due_retries_of_one_endpoint_are_no_herd() -> None:
    found = scenarios.herd(backlog=2_000, seconds=20.0)
    assert found.most_open_backlog <= 100
    assert (found.left, found.twice) == (0, 0)


def test_an_event_that_fails_everywhere_is_too_much_for_no_key() -> None:
    found = scenarios.wide(endpoints=2_000, seconds=400.0)
    assert (found.attempts, found.unrecorded, found.illegal, found.came_again) == (6_000, 0, 0, 0)
    # Under one key these would be 2,000 writes and 6,000 reads in the busiest second.
    assert found.writes[0] <= 200, found.writes
    assert found.reads[0] <= 600, found.reads


def test_due_retries_of_many_workspaces_are_made_within_two_minutes() -> None:
    found = scenarios.due(workspaces=20, endpoints=5, rate=200.0, seconds=60.0)
    assert (found.made, found.twice) == (found.retries, 0) == (12_000, 0)
    assert found.latest <= 120
    # By endpoints and not by retries: each of eight shards is read twice, and its looks are sent and deleted in batches.
    assert found.scheduler_calls <= 8 * (2 + 2 + 1) + 100 // 10


def test_one_workspaces_due_retries_hardly_delay_anothers() -> None:
    """By endpoint, instead of by workspace, the queue would serve the others after three minutes or more."""
    found = scenarios.due_beside(endpoints=400)
    assert (found.made, found.twice) == (found.retries, 0)
    assert found.latest <= 120


def test_a_run_is_the_same_wherever_and_whenever_it_is_made() -> None:
    """Ids, and so the shards of everything, come from the seed; the order of sets does not matter."""
    scenes = "s.blips(0.05, 50.0, 40.0), s.limited('over', 5.0, 5.0, None, 60.0), s.wide(300, 90.0)"
    command = [sys.executable, "-c", f"from tests.simulation import scenarios as s; print({scenes})"]
    runs = [
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout


def test_an_endpoint_failing_hundreds_of_times_a_second_costs_few_writes() -> None:
    found = scenarios.all_failing(rate=300.0, seconds=20.0)
    assert found.health_writes_per_second <= 2
    assert found.sdk_calls <= 2.2
