"""Jobs: one step a message, done again when it was killed, counted once, ended by whoever wants that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from event_service.base.actor import Actor, acting, current_actor
from event_service.base.errors import BadUserInput, Conflict, NotFound, RateLimited, Unavailable
from event_service.jobs import jobs as module
from event_service.jobs.job import Job, JobKind, JobStatus, StepDone, new_job_id
from event_service.jobs.jobs import LONGEST, MAXIMUM_JOBS, MAXIMUM_RUNNING, STALLED, Jobs
from event_service.jobs.ports import JobMessage
from event_service.jobs.runner import GIVEN_UP, MAXIMUM_STEPS, MAXIMUM_TRIES, TOO_LONG, JobRunner
from tests.builders import WORKSPACE, SettableClock
from tests.fakes.jobs import FakeJobQueue, FakeJobStore

KIND = JobKind.RETRY_DELIVERIES
OTHER_WORKSPACE = "22222222-2222-4222-8222-222222222222"


class Scene:
    """A job of so many steps, each of which does seven."""

    def __init__(self, steps: int = 3) -> None:
        self.clock = SettableClock()
        self.store = FakeJobStore()
        self.queue = FakeJobQueue()
        self.jobs = Jobs(self.store, self.queue, self.clock)
        self.runner = JobRunner(self.store, self.queue, {KIND: self.step}, self.clock)
        self.steps = steps
        self.done: list[str] = []
        self.actors: list[Actor] = []
        self.error: BaseException | None = None
        self.during: Callable[[], object] = lambda: None

    def step(self, job: Job, time_left: Callable[[], float]) -> StepDone:
        self.done.append(job.place)
        self.actors.append(current_actor())
        self.during()
        if self.error is not None:
            raise self.error
        number = int(job.place) + 1
        return StepDone(7, 1, None if number == self.steps else str(number), number / self.steps)

    def start(self) -> Job:
        with acting(Actor("someone", "abc")):
            return self.jobs.start(WORKSPACE, KIND, {"dryRun": False}, StepDone(5, 0, "0", 0.1))

    def run(self, message: JobMessage, receives: int = 1) -> None:
        self.runner.run(message, receives, lambda: 29.0)

    def run_all(self) -> None:
        for message in self.queue.sent:  # grows meanwhile
            self.run(message)

    def now(self, job: Job) -> Job:
        found = self.jobs.job(WORKSPACE, job.id)
        assert found is not None
        return found


def test_a_job_goes_on_step_by_step_from_where_the_call_ended() -> None:
    scene = Scene()
    job = scene.start()
    assert (job.status, job.count, job.part, job.place, job.actor) == (JobStatus.RUNNING, 5, 0.1, "0", Actor("someone", "abc"))
    assert job.estimated_total == 50

    scene.run_all()

    assert scene.done == ["0", "1", "2"]
    assert scene.actors == [Actor("someone", "abc")] * 3
    assert scene.store.writes == 1 + 3
    done = scene.now(job)
    assert (done.status, done.count, done.skipped, done.part, done.estimated_total) == (JobStatus.DONE, 26, 3, 1.0, 26)


def test_a_killed_step_is_done_again_and_counted_once() -> None:
    scene = Scene()
    job = scene.start()
    scene.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        scene.run(scene.queue.sent[0])
    scene.error = None

    scene.run(scene.queue.sent[0], receives=2)
    scene.run_all()

    assert scene.done == ["0", "0", "1", "2"]
    assert scene.now(job).count == 26


def test_a_copy_of_a_message_does_no_step_twice() -> None:
    scene = Scene()
    job = scene.start()
    first = scene.queue.sent[0]
    scene.run_all()
    scene.run(first)
    assert scene.now(job).count == 26

    # Both copies are under way at once: one of them is counted, and only one goes on.
    scene = Scene()
    job, twice = scene.start(), scene.queue.sent[0]

    def meanwhile() -> None:
        scene.during = lambda: None
        scene.run(twice)

    scene.during = meanwhile
    scene.run(twice)
    assert [one.step for one in scene.queue.sent] == [1, 2]
    assert scene.now(job).count == 12


def test_a_process_that_dies_before_asking_for_the_next_step_loses_nothing() -> None:
    scene = Scene()
    job = scene.start()
    scene.queue.error = Unavailable("?")
    with pytest.raises(Unavailable):
        scene.run(scene.queue.sent[0])
    assert len(scene.queue.sent) == 1

    scene.run(scene.queue.sent[0], receives=2)
    scene.run_all()

    assert scene.done == ["0", "1", "2"]
    assert (scene.now(job).status, scene.now(job).count) == (JobStatus.DONE, 26)


def test_a_cancelled_job_does_no_further_step_and_keeps_what_was_done() -> None:
    scene = Scene()
    job = scene.start()
    scene.run(scene.queue.sent[0])
    assert scene.jobs.cancel(WORKSPACE, job.id.upper()).status is JobStatus.CANCELLED
    scene.run_all()
    assert (scene.done, scene.now(job).count) == (["0"], 12)

    # A step that is under way ends, and is counted.
    scene = Scene()
    job = scene.start()
    scene.during = lambda: scene.jobs.cancel(WORKSPACE, job.id)
    scene.run_all()
    assert (scene.done, scene.now(job).count, scene.now(job).status) == (["0"], 12, JobStatus.CANCELLED)
    assert scene.jobs.cancel(WORKSPACE, job.id).status is JobStatus.CANCELLED


def test_a_job_that_is_over_is_not_cancelled() -> None:
    scene = Scene()
    job = scene.start()
    scene.run_all()
    assert scene.jobs.cancel(WORKSPACE, job.id).status is JobStatus.DONE


def test_what_cannot_be_done_ends_a_job_with_its_reason() -> None:
    scene = Scene()
    job = scene.start()
    scene.error = NotFound("endpoint", ["e"])
    scene.run_all()
    failed = scene.now(job)
    assert (failed.status, failed.reason) == (JobStatus.FAILED, scene.error.message)
    assert failed.count == 5


@pytest.mark.parametrize("error", [RateLimited("slow"), Unavailable("?"), RuntimeError("a fault")])
def test_what_may_succeed_later_comes_again_and_is_given_up_at_last(error: Exception) -> None:
    scene = Scene()
    job = scene.start()
    scene.error = error
    for receives in range(1, MAXIMUM_TRIES + 1):
        with pytest.raises(type(error)):
            scene.run(scene.queue.sent[0], receives)
        assert scene.now(job).status is JobStatus.RUNNING

    scene.run(scene.queue.sent[0], MAXIMUM_TRIES + 1)

    assert (scene.now(job).status, scene.now(job).reason) == (JobStatus.FAILED, GIVEN_UP)
    assert len(scene.done) == MAXIMUM_TRIES


def test_a_job_without_end_is_ended() -> None:
    scene = Scene(steps=-1)
    job = scene.start()
    scene.run_all()
    assert len(scene.done) == MAXIMUM_STEPS - 1
    assert (scene.now(job).status, scene.now(job).reason) == (JobStatus.FAILED, TOO_LONG)


def test_a_job_that_could_not_be_started_is_over() -> None:
    scene = Scene()
    scene.queue.error = Unavailable("?")
    with pytest.raises(Unavailable):
        scene.start()
    assert [one.status for one in scene.store.jobs.values()] == [JobStatus.CANCELLED]


def test_a_workspace_has_ten_running_jobs_at_most() -> None:
    scene = Scene()
    for _ in range(MAXIMUM_RUNNING):
        scene.jobs.require_room(WORKSPACE)
        scene.start()
    with pytest.raises(Conflict, match="10 jobs"):
        scene.jobs.require_room(WORKSPACE)
    scene.jobs.require_room(OTHER_WORKSPACE)
    scene.run_all()
    scene.jobs.require_room(WORKSPACE)


def test_running_jobs_count_behind_any_number_of_those_that_are_over() -> None:
    scene = Scene()
    for _ in range(MAXIMUM_RUNNING):
        scene.start()
        scene.clock.now += timedelta(seconds=1)
    for _ in range(2 * MAXIMUM_JOBS):
        scene.jobs.cancel(WORKSPACE, scene.start().id)
        scene.clock.now += timedelta(seconds=1)

    with pytest.raises(Conflict, match="10 jobs"):
        scene.jobs.require_room(WORKSPACE)


def test_a_workspace_does_not_start_any_number_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_STARTED", 2 * MAXIMUM_JOBS)
    scene = Scene()
    for _ in range(2 * MAXIMUM_JOBS):
        scene.jobs.require_room(WORKSPACE)
        scene.jobs.cancel(WORKSPACE, scene.start().id)
        scene.clock.now += timedelta(seconds=1)

    with pytest.raises(Conflict, match="200 jobs"):
        scene.jobs.require_room(WORKSPACE)
    scene.clock.now += LONGEST
    scene.jobs.require_room(WORKSPACE)


def test_jobs_are_listed_from_the_newest_on_page_by_page() -> None:
    scene = Scene()
    made = []
    for _ in range(5):
        scene.clock.advance(seconds=1)
        made.append(scene.start().id)
    first = scene.jobs.page(WORKSPACE, 2)
    assert ([one.id for one in first.jobs], first.more) == (made[:2:-1], True)
    rest = scene.jobs.page(WORKSPACE, 3, first.jobs[-1].id)
    assert ([one.id for one in rest.jobs], rest.more) == (made[2::-1], False)
    assert scene.jobs.page(OTHER_WORKSPACE, 5).jobs == []
    with pytest.raises(BadUserInput, match="101"):
        scene.jobs.page(WORKSPACE, 101)


def test_another_workspace_neither_sees_nor_cancels_a_job() -> None:
    scene = Scene()
    job = scene.start()
    assert scene.jobs.job(OTHER_WORKSPACE, job.id) is None
    with pytest.raises(NotFound):
        scene.jobs.cancel(OTHER_WORKSPACE, job.id)
    scene.run(replace(scene.queue.sent[0], workspace_id=OTHER_WORKSPACE))
    assert scene.done == []


def test_ids_of_jobs_sort_by_time_and_are_drawn() -> None:
    clock = SettableClock()
    early = new_job_id(clock())
    clock.advance(seconds=0.002)
    assert early < new_job_id(clock())
    assert early[14] == "7"
    assert new_job_id(clock()) != new_job_id(clock())
    message = JobMessage(WORKSPACE, early, 4)
    assert JobMessage.parse(message.text()) == message
    with pytest.raises(ValueError, match="format"):
        JobMessage.parse(message.text().replace('"v":1', '"v":2'))


def test_a_job_that_lost_its_message_goes_on_when_somebody_looks() -> None:
    """The process that stored it died before it sent the message."""
    scene = Scene()
    job = scene.start()
    scene.queue.sent.clear()
    scene.clock.now += STALLED
    scene.now(job)
    assert scene.queue.sent == []
    scene.clock.now += timedelta(seconds=1)
    for _ in range(3):
        scene.now(job)
    assert scene.queue.sent == [JobMessage(WORKSPACE, job.id, job.step)]
    scene.run_all()
    assert scene.now(job).status is JobStatus.DONE
    scene.clock.now += STALLED + STALLED
    asked = len(scene.queue.sent)
    scene.now(job)
    assert len(scene.queue.sent) == asked


def test_a_job_is_shown_also_while_its_queue_fails() -> None:
    scene = Scene()
    job = scene.start()
    scene.clock.now += STALLED + timedelta(seconds=1)
    scene.queue.error = Unavailable("SQS")
    assert scene.now(job).status is JobStatus.RUNNING
