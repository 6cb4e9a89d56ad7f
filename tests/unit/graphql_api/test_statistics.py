"""Counts for charts, as the API gives them out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from event_service.counting.ports import Counted, answered_within
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, TOKEN, WORKSPACE, Door

FIELDS = "counted p50Ms p95Ms points { start events deliveries delivered attemptsFailed failed p50Ms p95Ms }"


def asked(door: Door, arguments: str = "", token: str = TOKEN) -> dict[str, Any]:
    found: dict[str, Any] = door.ask(f"{{ statistics{arguments} {{ {FIELDS} }} }}", token=token).data["statistics"]
    return found


@pytest.fixture
def now(services: FakeServices) -> datetime:
    """With counts in each of the 90 minutes before, in two rows each, as two functions write them."""
    now = services.clock()
    for minutes in range(90):
        for _ in range(2):
            services.counts.add(WORKSPACE, now - timedelta(minutes=minutes), {Counted.EVENTS: 2, Counted.DELIVERED: 1})
    return now


def test_each_step_has_the_sum_of_its_minutes(door: Door, now: datetime) -> None:
    since = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)

    found = asked(door, f'(since: "{since.isoformat()}")')

    assert found["counted"] is True
    points = found["points"]
    assert [one["start"][11:16] for one in points][:4] == [f"{(since + timedelta(hours=number)):%H:00}" for number in range(4)]
    assert (points[0]["events"], points[0]["delivered"]) == (0, 0)
    assert (sum(one["events"] for one in points), sum(one["delivered"] for one in points)) == (360, 180)
    assert {one["failed"] for one in points} == {one["attemptsFailed"] for one in points} == {one["deliveries"] for one in points} == {0}


def test_minutes_and_days_are_steps_as_well(door: Door, now: datetime) -> None:
    since = (now - timedelta(minutes=5)).replace(second=0, microsecond=0)

    minutes = asked(door, f'(since: "{since.isoformat()}", step: MINUTE)')["points"]
    days = asked(door, "(step: DAY)")["points"]

    assert [one["events"] for one in minutes[:5]] == [4] * 5
    assert (len(days), sum(one["events"] for one in days)) == (2, 360)


def test_a_step_that_is_cut_by_the_end_counts_up_to_it(door: Door, now: datetime) -> None:
    until = now.replace(second=0, microsecond=0) - timedelta(minutes=10)

    points = asked(door, f'(since: "{(until - timedelta(minutes=20)).isoformat()}", until: "{until.isoformat()}", step: MINUTE)')["points"]

    assert [one["events"] for one in points] == [4] * 20


def test_answers_by_their_duration_are_percentiles_of_each_step_and_of_all(door: Door, services: FakeServices) -> None:
    now = services.clock().replace(second=0, microsecond=0)
    for minutes, counts in ((3, {Counted.WITHIN_5: 90, Counted.WITHIN_300: 10}), (2, {Counted.WITHIN_300: 1}), (1, {Counted.EVENTS: 4})):
        services.counts.add(WORKSPACE, now - timedelta(minutes=minutes), counts)

    found = asked(door, f'(since: "{(now - timedelta(minutes=3)).isoformat()}", until: "{now.isoformat()}", step: MINUTE)')

    assert [(one["p50Ms"], one["p95Ms"]) for one in found["points"]] == [(5, 300), (300, 300), (None, None)]
    assert (found["p50Ms"], found["p95Ms"]) == (5, 300)


def test_half_of_the_answers_is_half_and_not_more(door: Door, services: FakeServices) -> None:
    at = services.clock() - timedelta(minutes=2)
    services.counts.add(WORKSPACE, at, {Counted.WITHIN_10: 1, Counted.WITHIN_700: 1})
    assert (asked(door)["p50Ms"], asked(door)["p95Ms"]) == (10, 700)

    services.counts.add(WORKSPACE, at, {Counted.WITHIN_700: 1})
    assert asked(door)["p50Ms"] == 700


@pytest.mark.parametrize(
    ("milliseconds", "name"),
    [(0, "within5"), (5, "within5"), (6, "within10"), (149, "within150"), (151, "within200"), (60_000, "within30000")],
)
def test_a_duration_is_counted_under_the_next_longer_one(milliseconds: int, name: str) -> None:
    assert answered_within(milliseconds) == name


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ('(since: "2020-01-01T00:00:00Z")', "since"),
        ('(since: "2030-01-01T00:00:00Z")', "since"),
        ('(until: "2020-01-01T00:00:00Z")', "since"),
    ],
)
def test_a_span_without_counts_is_refused(arguments: str, argument: str, door: Door, now: datetime) -> None:
    response = door.ask(f"{{ statistics{arguments} {{ counted }} }}")

    assert (response.code, response.error["message"].partition(":")[0]) == ("BAD_USER_INPUT", argument)


def test_too_many_steps_are_refused_with_the_way_out(door: Door, now: datetime) -> None:
    response = door.ask(f'{{ statistics(since: "{(now - timedelta(days=3)).isoformat()}", step: MINUTE) {{ counted }} }}')

    assert response.code == "BAD_USER_INPUT"
    assert response.error["message"].startswith("step: the span has 4,32")
    assert response.error["message"].endswith("Take longer steps.")


def test_a_workspace_sees_only_its_own_counts(door: Door, now: datetime) -> None:
    assert sum(one["events"] for one in asked(door, token=OTHER_TOKEN)["points"]) == 0
