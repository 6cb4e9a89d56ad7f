"""Long work goes on as a job, whose progress is asked for, which can be cancelled, and which nobody else sees."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from event_service.delivery import cancelling
from event_service.delivery.attempt import DeliveryStatus
from event_service.jobs.jobs import MAXIMUM_RUNNING
from event_service.routing import bulk_retry, replay
from event_service.settings import Settings
from functions.graphql_api.handler import create_handler
from functions.graphql_api.jobs import run_jobs
from tests.builders import START
from tests.fakes.reading_services import ReadingServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

HOOK = "00000000-0000-4000-8000-0000000000aa"
SOCKET = "00000000-0000-4000-8000-0000000000bb"
FIELDS = "id kind status started changed actor dryRun count skipped progress estimatedTotal arguments reason"
EVENTS = 20


class LambdaContext:
    """What Lambda tells of an invocation."""

    aws_request_id = "r"
    function_name = "graphql_api"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 29_000


class Scene:
    """A webhook and twenty events, ten of which it has failed to take; calls and steps do little each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replay, "MAXIMUM_REPLAYED_EVENTS", 4)
        monkeypatch.setattr(replay, "EVENTS_PER_READ", 1)
        for module in (bulk_retry, cancelling):
            monkeypatch.setattr(module, "MAXIMUM_DELIVERIES", 4)
            monkeypatch.setattr(module, "DELIVERIES_PER_ROUND", 2)
        self.services = ReadingServices(WORKSPACE)
        self.services.add_token(TOKEN, WORKSPACE)
        self.services.add_token(OTHER_TOKEN, OTHER_WORKSPACE)
        self.services.put_endpoint(WORKSPACE, HOOK)
        for number in range(EVENTS):
            event = self.services.event(f"e-{number:02}", number)
            if number % 2:
                self.services.delivery(event, HOOK, DeliveryStatus.FAILED, 500)
        self.services.clock.now = self.services.world.clock.now = START + timedelta(hours=2)
        self.door = Door(self.services)
        self.ran = 0

    def do(self, call: str, token: str = TOKEN) -> Any:
        (answer,) = self.door.ask(f"mutation {{ {call} }}", token=token).data.values()
        return answer

    def replay(self, more: str = "", endpoint: str = HOOK) -> Any:
        since = '"2026-03-01T12:00:00Z"'
        return self.do(f'replayEvents(endpointId: "{endpoint}", since: {since}{more}) {{ ok count continueSince job {{ {FIELDS} }} }}')

    def job(self, job_id: str, token: str = TOKEN) -> Any:
        return self.door.ask(f'{{ job(id: "{job_id}") {{ {FIELDS} }} }}', token=token).data["job"]

    def step(self) -> None:
        """The queue hands over its next message."""
        message = self.services.job_queue.sent[self.ran]
        self.ran += 1
        record = {"messageId": "m", "body": message.text(), "attributes": {"ApproximateReceiveCount": "1"}}
        answer = run_jobs(self.services.job_runner(), [record], LambdaContext())
        assert answer == {"batchItemFailures": []}

    def run(self) -> None:
        while self.ran < len(self.services.job_queue.sent):
            self.step()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_a_long_replay_goes_on_as_a_job_and_tells_how_far_it_is(scene: Scene) -> None:
    answer = scene.replay(', until: "2026-03-01T12:20:00Z", background: true')

    assert (answer["count"], answer["continueSince"]) == (4, None)
    job = answer["job"]
    assert (job["kind"], job["status"], job["actor"], job["dryRun"]) == ("REPLAY_EVENTS", "RUNNING", "test", False)
    assert (job["count"], job["progress"], job["estimatedTotal"]) == (4, 0.2, 20)
    assert job["arguments"]["endpointId"] == HOOK

    scene.step()
    assert (scene.job(job["id"])["count"], scene.job(job["id"])["progress"]) == (8, 0.4)
    scene.run()

    done = scene.job(job["id"])
    assert (done["status"], done["count"], done["progress"], done["reason"]) == ("DONE", EVENTS, 1.0, None)
    assert len(scene.services.world.sent) == EVENTS


def test_a_replay_that_is_done_at_once_needs_no_job(scene: Scene) -> None:
    answer = scene.replay(', until: "2026-03-01T12:03:00Z", background: true')
    assert (answer["count"], answer["continueSince"], answer["job"]) == (3, None, None)
    assert (scene.services.job_store.writes, scene.services.job_queue.sent) == (0, [])


def test_a_call_without_background_says_where_to_go_on(scene: Scene) -> None:
    answer = scene.replay()
    assert (answer["count"], answer["continueSince"], answer["job"]) == (4, "2026-03-01T12:04:00.000000+00:00", None)
    assert scene.services.job_store.writes == 0


def test_a_job_ends_where_it_began_in_time(scene: Scene) -> None:
    """Its span ends when it was started, also if the end lies in the future."""
    job = scene.replay(', until: "2027-01-01T00:00:00Z", background: true')["job"]
    assert job["arguments"]["until"] < "2026-03-01T15"
    scene.run()
    assert scene.job(job["id"])["status"] == "DONE"


def test_a_job_that_only_counts_sends_nothing(scene: Scene) -> None:
    job = scene.replay(", background: true, dryRun: true")["job"]
    scene.run()
    assert (scene.job(job["id"])["count"], scene.job(job["id"])["dryRun"], scene.services.world.sent) == (EVENTS, True, [])


def test_a_cancelled_job_sends_no_more(scene: Scene) -> None:
    job = scene.replay(", background: true")["job"]
    scene.step()
    assert scene.do(f'cancelJob(id: "{job["id"]}") {{ status count }}') == {"status": "CANCELLED", "count": 8}
    scene.run()
    assert len(scene.services.world.sent) == 8


def test_many_retries_go_on_as_a_job(scene: Scene) -> None:
    filters = 'filters: {creationDate: {gte: "2026-03-01T12:00:00Z", lt: "2026-03-01T12:20:00Z"}}'
    answer = scene.do(f"retryDeliveries({filters}, background: true) {{ ok count skipped endCursor job {{ {FIELDS} }} }}")
    job = answer["job"]
    assert (answer["count"], answer["skipped"], answer["endCursor"]) == (4, 0, None)
    # From the newest on: down to 12:13.
    assert (job["kind"], job["progress"]) == ("RETRY_DELIVERIES", pytest.approx(7 / 20))
    assert job["arguments"]["statuses"] == ["FAILED"]

    scene.run()

    assert (scene.job(job["id"])["status"], scene.job(job["id"])["count"]) == ("DONE", 10)
    assert sorted(one.attempt.delivery.event_id for one in scene.services.world.sent) == [f"e-{n:02}" for n in range(1, EVENTS, 2)]


def test_a_job_on_one_type_of_event_leaves_the_others(scene: Scene) -> None:
    for number in (1, 5, 9, 13, 17):
        scene.services.event(f"e-{number:02}", number, type="RARE")
    job = scene.do(f"retryDeliveries(filters: {{eventType: {{exact: rare}}}}, background: true) {{ job {{ {FIELDS} }} }}")["job"]
    assert job["arguments"]["eventTypes"] == ["RARE"]

    scene.run()

    assert scene.job(job["id"])["count"] == 5
    assert {one.attempt.delivery.event_id for one in scene.services.world.sent} == {"e-01", "e-05", "e-09", "e-13", "e-17"}


def test_many_cancellations_go_on_as_a_job(scene: Scene) -> None:
    for number in range(0, EVENTS, 2):
        scene.services.delivery(scene.services.event(f"e-{number:02}", number), HOOK, DeliveryStatus.PENDING, 500)
    answer = scene.do(f'cancelDeliveries(filters: {{endpointId: {{exact: "{HOOK}"}}}}, background: true) {{ count job {{ {FIELDS} }} }}')
    assert (answer["count"], answer["job"]["kind"], answer["job"]["progress"]) == (4, "CANCEL_DELIVERIES", None)
    scene.run()
    assert (scene.job(answer["job"]["id"])["status"], scene.job(answer["job"]["id"])["count"]) == ("DONE", 10)


def test_a_job_whose_endpoint_is_deleted_fails_and_says_so(scene: Scene) -> None:
    job = scene.replay(", background: true")["job"]
    scene.do(f'deleteEndpoints(ids: ["{HOOK}"]) {{ ok }}')
    scene.run()
    failed = scene.job(job["id"])
    assert (failed["status"], failed["count"]) == ("FAILED", 4)
    assert f"No endpoint with id {HOOK}" in failed["reason"]


def test_a_replay_into_a_socket_s_log_goes_on_as_a_job(scene: Scene) -> None:
    scene.services.put_endpoint(WORKSPACE, SOCKET, url=None)
    world = scene.services.world
    world.socket = replace(world.socket, id=SOCKET)
    assert (
        "keeps no log"
        in scene.door.ask(
            f'mutation {{ replayEvents(endpointId: "{SOCKET}", since: "2026-03-01T12:00:00Z") {{ ok }} }}', token=TOKEN
        ).error["message"]
    )
    world.keep_socket_log()
    job = scene.replay(", background: true", SOCKET)["job"]
    scene.run()
    assert scene.job(job["id"])["status"] == "DONE"
    assert [event_id for one in world.socket_segments for event_id in one.event_ids] == [f"e-{number:02}" for number in range(EVENTS)]
    assert all(one.replayed for one in world.socket_segments)


def test_jobs_are_listed_page_by_page_for_their_own_workspace(scene: Scene) -> None:
    ids = []
    for _ in range(3):
        scene.services.clock.advance(seconds=1)
        ids.append(scene.replay(", background: true")["job"]["id"])
    listed = "{ jobs(first: 2%s) { collectionItems { id } endCursor hasNextPage } }"
    first = scene.door.ask(listed % "", token=TOKEN).data["jobs"]
    assert ([one["id"] for one in first["collectionItems"]], first["hasNextPage"]) == (ids[:0:-1], True)
    rest = scene.door.ask(listed % f', after: "{first["endCursor"]}"', token=TOKEN).data["jobs"]
    assert ([one["id"] for one in rest["collectionItems"]], rest["hasNextPage"]) == (ids[:1], False)
    assert scene.door.ask(listed % "", token=OTHER_TOKEN).data["jobs"]["collectionItems"] == []
    assert scene.job(ids[0], OTHER_TOKEN) is None
    assert scene.door.ask(f'mutation {{ cancelJob(id: "{ids[0]}") {{ id }} }}', token=OTHER_TOKEN).code == "NOT_FOUND"
    assert scene.job(ids[0])["status"] == "RUNNING"


def test_an_eleventh_job_is_refused_before_anything_is_done(scene: Scene) -> None:
    for _ in range(MAXIMUM_RUNNING):
        scene.replay(", background: true, dryRun: true")
    answer = scene.door.ask(
        f'mutation {{ replayEvents(endpointId: "{HOOK}", since: "2026-03-01T12:00:00Z", background: true) {{ ok }} }}', token=TOKEN
    )
    assert (answer.code, scene.services.world.sent) == ("CONFLICT", [])


@pytest.mark.parametrize("mutation", ["retryDeliveries", "cancelDeliveries"])
def test_background_goes_with_filters(mutation: str, scene: Scene) -> None:
    answer = scene.door.ask(f'mutation {{ {mutation}(ids: ["x"], background: true) {{ ok }} }}', token=TOKEN)
    assert answer.code == "BAD_USER_INPUT"


def test_the_function_takes_messages_of_the_queue_beside_requests(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    handle: Any = create_handler(scene.services, Settings({}))
    job = scene.replay(", background: true")["job"]
    message = scene.services.job_queue.sent[0]
    records = [
        {"messageId": name, "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        for name, body in (("good", message.text()), ("newer", json.dumps({"v": 99})))
    ]
    assert handle({"Records": records}, LambdaContext()) == {"batchItemFailures": [{"itemIdentifier": "newer"}]}
    assert scene.job(job["id"])["count"] == 8
    assert [one.levelname for one in caplog.records if "step of a job" in one.getMessage()] == ["ERROR"]


def test_a_step_into_a_log_that_is_done_again_appends_once(scene: Scene) -> None:
    scene.services.put_endpoint(WORKSPACE, SOCKET, url=None)
    world = scene.services.world
    world.socket = replace(world.socket, id=SOCKET)
    world.keep_socket_log()
    scene.replay(", missingOnly: false, background: true", SOCKET)
    jobs = dict(scene.services.job_store.jobs)
    scene.step()
    appended = world.socket_segments

    # The process died before the row moved on.
    scene.services.job_store.jobs = jobs
    scene.ran -= 1
    scene.step()

    assert world.socket_segments == appended
