"""Long work as a job: started, listed, watched and ended from the command line."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cli.commands import jobs
from tests.fakes.graphql_api import GraphqlDouble
from tests.integration.cli.conftest import Run

DATE = "2026-03-01T12:00:00.000000+00:00"
ID = "019c0000-0000-7000-8000-000000000001"
ENDPOINT = "357fe643-2396-4919-bd9e-a30f0ac28818"


def job(**fields: Any) -> dict[str, Any]:
    return {
        "id": ID, "kind": "REPLAY_EVENTS", "status": "RUNNING", "started": DATE, "changed": DATE, "actor": "Console", "dryRun": False,
        "count": 40, "skipped": 0, "progress": 0.25, "estimatedTotal": 160, "arguments": {}, "reason": None, **fields,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def test_a_job_is_shown_in_a_sentence(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["job"] = lambda **_: job()
    assert run("job", ID).stdout == "RUNNING REPLAY_EVENTS: 40 of about 160 done (25%).\n"
    assert json.loads(run("job", ID, "--json").stdout) == job()
    api.resolvers["job"] = lambda **_: job(status="FAILED", dryRun=True, skipped=2, reason="It is gone.")
    assert run("job", ID).stdout == "FAILED REPLAY_EVENTS: 40 counted, 2 left out. It is gone.\n"
    api.resolvers["job"] = lambda **_: None
    assert run("job", ID).exit_code == 1


def test_a_job_is_watched_until_it_is_over(api: GraphqlDouble, run: Run, no_waiting: list[float]) -> None:
    steps = iter([job(count=10), job(count=10), job(count=20), job(status="DONE", count=30, progress=1.0)])
    api.resolvers["job"] = lambda **_: next(steps)

    result = run("job", ID, "--watch")

    assert result.stdout == "DONE REPLAY_EVENTS: 30 done.\n"
    assert result.stderr.splitlines() == [f"RUNNING REPLAY_EVENTS: {count} of about 160 done (25%)." for count in (10, 20)]
    assert no_waiting == [jobs.SECONDS_BETWEEN_LOOKS] * 3


def test_a_watched_job_that_fails_is_an_error(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["job"] = lambda **_: job(status="FAILED", reason="It is gone.")
    result = run("job", ID, "--watch")
    assert (result.exit_code, "It is gone." in result.stderr) == (1, True)


def test_a_job_is_ended(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["cancelJob"] = lambda **_: job(status="CANCELLED")
    assert run("job", ID, "--cancel").stdout == "CANCELLED REPLAY_EVENTS: 40 done.\n"
    assert api.calls[0].arguments == {"id": ID}
    assert run("job", ID, "--cancel", "--watch").exit_code == 2


def test_jobs_are_listed(api: GraphqlDouble, run: Run) -> None:
    api.resolvers["jobs"] = lambda **_: {"collectionItems": [job(), job(progress=None)], "endCursor": "c", "hasNextPage": False}
    heading, first, second = run("jobs").stdout.splitlines()
    assert heading.split() == ["STATUS", "KIND", "COUNT", "PROGRESS", "STARTED", "BY", "ID"]
    assert first.split() == ["RUNNING", "REPLAY_EVENTS", "40", "25%", DATE, "Console", ID]
    assert second.split() == ["RUNNING", "REPLAY_EVENTS", "40", DATE, "Console", ID]
    assert json.loads(run("jobs", "--json").stdout) == [job(), job(progress=None)]


@pytest.mark.parametrize(
    ("command", "mutation", "done"),
    [
        (["replay", ENDPOINT, "--since", "1d"], "replayEvents", "sent again"),
        (["deliveries", "retry", "--endpoint", ENDPOINT], "retryDeliveries", "started again"),
        (["deliveries", "cancel", "--endpoint", ENDPOINT], "cancelDeliveries", "cancelled"),
    ],
)
def test_long_work_is_started_without_waiting(command: list[str], mutation: str, done: str, api: GraphqlDouble, run: Run) -> None:
    api.resolvers[mutation] = lambda **_: {"count": 40, "skipped": 0, "job": job()}

    result = run(*command, "--background")

    assert result.stdout == f"40 were {done}, and job {ID} does the rest: event-service job {ID} --watch\n"
    assert api.calls[0].arguments["background"] is True
    api.resolvers[mutation] = lambda **_: {"count": 3, "skipped": 0, "job": None}
    assert json.loads(run(*command, "--background", "--json").stdout) == {"ok": True, "count": 3, "job": None}
    assert run(*command, "--background", "--dry-run").stdout == "3 were counted.\n"


@pytest.mark.parametrize("command", ["retry", "cancel"])
def test_single_deliveries_need_no_job(command: str, run: Run) -> None:
    assert run("deliveries", command, "d-1", "--background").exit_code == 2
