"""The stores of jobs, in the tables of the template and in memory, and what rows cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.actor import Actor
from event_service.jobs.job import Job, JobKind, JobStatus, StepDone
from event_service.jobs.ports import JobStore
from event_service.jobs.storage.rows import KEPT, DynamoJobStore, JobItem
from tests.builders import START, WORKSPACE
from tests.fakes.jobs import FakeJobStore
from tests.integration.counting.test_counts import metered

OTHER = "22222222-2222-4222-8222-222222222222"
ID = "019c0000-0000-7000-8000-000000000001"
GIVEN = {"endpointId": ID, "missingOnly": True, "statuses": ["FAILED"], "text": "é"}
JOB = Job(WORKSPACE, ID, JobKind.RETRY_DELIVERIES, GIVEN, Actor("somebody", ""), START, START, "")


@pytest.fixture(params=["dynamodb", "fakes"])
def store(request: pytest.FixtureRequest) -> JobStore:
    return DynamoJobStore(request.getfixturevalue("database")) if request.param == "dynamodb" else FakeJobStore()


def test_a_job_comes_back_with_every_field(store: JobStore) -> None:
    full = replace(
        JOB, status=JobStatus.FAILED, step=3, count=4, skipped=5, part=0.25, reason="why", place="p", changed=START + timedelta(hours=1)
    )
    store.put(full)
    assert store.get(WORKSPACE, ID) == full
    store.put(JOB)
    assert store.get(WORKSPACE, ID) == JOB
    assert store.get(OTHER, ID) is None


def test_a_row_ends_after_thirty_days(database: Database) -> None:
    DynamoJobStore(database).put(JOB)
    row = database.get(JobItem, f"jobs#{WORKSPACE}", ID)
    assert row is not None
    assert row.expires_at == int((START + KEPT).timestamp())


def test_a_step_is_stored_once(store: JobStore) -> None:
    store.put(JOB)
    after = JOB.after(StepDone(10, 1, "further", 0.5), START + timedelta(seconds=9))

    assert store.advance(after)
    assert store.get(WORKSPACE, ID) == after
    assert not store.advance(replace(after, count=99))
    assert store.get(WORKSPACE, ID) == after

    done = after.after(StepDone(3), START + timedelta(seconds=20))
    assert store.advance(done)
    assert store.get(WORKSPACE, ID) == done
    assert done.status is JobStatus.DONE


def test_a_step_of_a_cancelled_job_is_counted_and_does_not_revive_it(store: JobStore) -> None:
    store.put(JOB)
    assert store.cancel(WORKSPACE, ID, START)
    assert not store.cancel(WORKSPACE, ID, START)

    assert not store.advance(JOB.after(StepDone(10), START))
    assert not store.advance(JOB.after(StepDone(99), START))

    stored = store.get(WORKSPACE, ID)
    assert stored is not None
    assert (stored.status, stored.count, stored.step) == (JobStatus.CANCELLED, 10, 1)


def test_only_jobs_that_exist_are_cancelled(store: JobStore) -> None:
    assert not store.cancel(WORKSPACE, ID, START)
    assert store.get(WORKSPACE, ID) is None


def test_a_workspace_lists_its_own_jobs_the_newest_first(store: JobStore) -> None:
    ids = [f"{ID[:-1]}{number}" for number in range(5)]
    for one in ids:
        store.put(replace(JOB, id=one))
        store.put(replace(JOB, workspace_id=OTHER, id=one))
    assert [one.id for one in store.newest(WORKSPACE, None, 2)] == ids[:2:-1]
    assert [one.id for one in store.newest(WORKSPACE, ids[3], 10)] == ids[2::-1]
    assert {one.workspace_id for one in store.newest(WORKSPACE, None, 10)} == {WORKSPACE}


def test_a_step_costs_one_write_unit_and_one_read(database: Database) -> None:
    counted, ledger = metered(database)
    store = DynamoJobStore(counted)
    store.put(JOB)
    assert ledger.take().writes == 1

    store.get(WORKSPACE, ID)
    store.advance(JOB.after(StepDone(10, 1, "further", 0.5), START))

    cost = ledger.take()
    assert (cost.operations, cost.reads, cost.writes) == ({"BatchGetItem": 1, "UpdateItem": 1}, 1, 1)


def test_a_job_is_roused_once_and_only_while_it_runs(store: JobStore) -> None:
    later = START + timedelta(hours=1)
    assert not store.rouse(JOB, later)
    store.put(JOB)
    assert store.rouse(JOB, later)
    assert not store.rouse(JOB, later)
    assert store.get(WORKSPACE, ID) == replace(JOB, changed=later)
    store.cancel(WORKSPACE, ID, later)
    assert not store.rouse(replace(JOB, changed=later), later)
