"""The two functions over the tables and queues of the template, with their sample events and a receiver on a real socket."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues, connect
from event_service.base.errors import RateLimited
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import secret_item
from event_service.counting.counters import Counters
from event_service.counting.ports import WITHIN_MS, Counted
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.lane import LEASE_SECONDS
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.lanes import DynamoLaneStore
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.queue import SqsLookQueue, SqsWebhookQueue
from event_service.delivery.storage.reminders import DynamoReminderStore
from event_service.events.event import Event
from event_service.events.storage.events import DynamoEventStore
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.assembly import Limits
from event_service.webhooks.http_sender import HttpSender
from event_service.webhooks.storage.context import DynamoSnapshotReader
from event_service.webhooks.storage.event_texts import DynamoEventTexts
from event_service.webhooks.url import UrlRules
from functions.retry_scheduler.handler import create_handler as create_scheduler
from functions.webhook_delivery.handler import create_handler
from tests import builders
from tests.builders import SettableClock
from tests.fakes.counting import FakeCounts
from tests.integration.conftest import REGION
from tests.wiring import WebhookUseCases

SAMPLES = Path(__file__).parents[3] / "events"
SECRET = "whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return loaded


BODY = sample("webhook_delivery/delivery")["Records"][0]["body"].partition("\n")
HEAD = json.loads(BODY[0])
WORKSPACE, ENDPOINT, EVENT = HEAD["workspaceId"], HEAD["endpointId"], HEAD["eventId"]


class Context:
    aws_request_id = "a request"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


@dataclass
class Receiver:
    """Answers with ``status``, or not at all, and keeps what it was sent."""

    port: int = 0
    status: int = 200
    hangs_up: bool = False
    bodies: list[str] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
            if receiver.hangs_up:
                self.close_connection = True
                return
            self.send_response(receiver.status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


class Stage:
    """Both handlers and what they stand on."""

    def __init__(self, database: Database, receiver: Receiver) -> None:
        self.clock = clock = SettableClock(runs=True)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.queue_url = self.sqs.create_queue(QueueName="webhooks")["QueueUrl"]
        self.look_queue_url = self.sqs.create_queue(QueueName="looks")["QueueUrl"]
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.log = DynamoDeliveryLog(database, clock, 14)
        self.backlog = DynamoBacklogStore(database, 14)
        self.health = DynamoHealthStore(database)
        self.store = DynamoEventStore(database, clock, 14)
        self.rows = DynamoConfigurationRows(database, clock, lambda: 0.0)
        queues = Queues(lambda: connect(REGION, None), sleep=lambda seconds: None)
        use_cases = WebhookUseCases(
            snapshots=DynamoSnapshotReader(database, clock),
            log=self.log,
            backlog=self.backlog,
            reminders=DynamoReminderStore(database),
            lanes=DynamoLaneStore(database),
            health=self.health,
            texts=DynamoEventTexts(database, clock),
            queue=SqsWebhookQueue(queues, self.queue_url),
            look_queue=SqsLookQueue(queues, self.look_queue_url),
            publisher=lambda: self,
            disabler=lambda: self,
            clock=clock,
        )
        self.observer = use_cases.observer
        rules = UrlRules(allow_http=True, guard=AddressGuard.allowing(["127.0.0.0/8"]))
        side = use_cases.new_process(HttpSender(rules.guard, deadline_seconds=5), rules, Limits(14, 5), draw=lambda: 0.0)
        self.serve = create_handler(lambda: side, lambda *shown: self.shown_again.append(shown))
        self.shown_again: list[tuple[bool, Sequence[str], int]] = []
        self.deliver = create_handler(lambda: side, lambda *shown: self.shown_again.append(shown))
        self.counts = FakeCounts()
        self.counting = create_handler(lambda: side, lambda *shown: self.shown_again.append(shown), lambda: Counters(self.counts, clock))
        self.schedule = create_scheduler(lambda: use_cases.scheduler)
        self.endpoint = builders.a_webhook(
            id=ENDPOINT,
            workspace_id=WORKSPACE,
            name="receiver",
            url=f"http://127.0.0.1:{receiver.port}/hook",
            created=clock.now,
            modified=clock.now,
        )
        self.version = 0
        self.configure(self.endpoint)
        database.put(secret_item(WORKSPACE, ENDPOINT, EndpointSecrets(SECRET)))
        self.store.put([Event.from_delivered(json.loads(BODY[2]))], "00")

    def configure(self, endpoint: Endpoint) -> None:
        self.version += 1
        self.endpoint = endpoint
        self.rows.apply(ChangeSet(WORKSPACE, self.version, (PutEndpoint(endpoint),), Counts()))

    def publish_operational(self, workspace_id: str, event_type: str, data: dict[str, Any], event_id: str | None = None) -> object:
        self.published.append((event_type, data))
        return None

    def disable_endpoint(self, workspace_id: str, endpoint_id: str, reason: str) -> bool:
        raise NotImplementedError

    def looks(self) -> list[dict[str, Any]]:
        """What is in the own lanes' queue now."""
        return self.queued(self.look_queue_url)

    def queued(self, url: str | None = None) -> list[dict[str, Any]]:
        """What is in the queue now, as Lambda gets it."""
        url = url or self.queue_url
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        records = []
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            records.append({"messageId": message["MessageId"], "body": message["Body"], "attributes": {"ApproximateReceiveCount": "1"}})
        return records

    def status(self) -> DeliveryStatus | None:
        delivery = self.log.delivery(WORKSPACE, ENDPOINT, EVENT)
        return None if delivery is None else delivery.status


@pytest.fixture
def stage(database: Database, receiver: Receiver) -> Stage:
    return Stage(database, receiver)


def test_a_delivery_is_sent_and_logged(stage: Stage, receiver: Receiver) -> None:
    assert stage.deliver(sample("webhook_delivery/delivery"), Context()) == {"batchItemFailures": []}
    assert receiver.bodies == [BODY[2]]
    delivery = stage.log.delivery(WORKSPACE, ENDPOINT, EVENT)
    assert delivery is not None
    assert (delivery.status, delivery.attempts[0].response_body) == (DeliveryStatus.DELIVERED, "ok")
    assert [ref.event_id for ref in stage.log.of_endpoint(WORKSPACE, ENDPOINT).refs] == [EVENT]


@pytest.mark.parametrize(("status", "counted"), [(200, Counted.DELIVERED), (500, Counted.ATTEMPTS_FAILED), (410, Counted.FAILED)])
def test_what_became_of_a_delivery_is_counted_once(status: int, counted: Counted, stage: Stage, receiver: Receiver) -> None:
    receiver.status = status
    stage.disable_endpoint = lambda *arguments: True  # type: ignore[method-assign]  # a receiver that is gone is disabled
    stage.counting(sample("webhook_delivery/delivery"), Context())
    stage.counting(sample("webhook_delivery/redelivered"), Context())

    ((owner, _, counts),) = stage.counts.rows
    assert (owner, counts[counted]) == (WORKSPACE, 1)
    # Each answer also by how long it took, and nothing else.
    assert [number for name, number in counts.items() if name in WITHIN_MS.values()] == [1]
    assert len(counts) == 2


def test_an_attempt_without_an_answer_has_no_duration_in_the_charts(stage: Stage, receiver: Receiver) -> None:
    receiver.hangs_up = True

    stage.counting(sample("webhook_delivery/delivery"), Context())

    assert [counts for _, _, counts in stage.counts.rows] == [{Counted.ATTEMPTS_FAILED: 1}]


def test_a_count_that_cannot_be_written_fails_no_delivery(stage: Stage, receiver: Receiver) -> None:
    stage.counts.error = RuntimeError("a fault")

    assert stage.counting(sample("webhook_delivery/delivery"), Context()) == {"batchItemFailures": []}
    assert (stage.counts.tries, stage.status()) == (1, DeliveryStatus.DELIVERED)


def test_one_that_comes_again_is_not_sent_again(stage: Stage, receiver: Receiver) -> None:
    stage.deliver(sample("webhook_delivery/delivery"), Context())
    assert stage.deliver(sample("webhook_delivery/redelivered"), Context()) == {"batchItemFailures": []}
    assert len(receiver.bodies) == 1


def test_an_unreadable_message_alone_is_reported_as_failed(stage: Stage, receiver: Receiver) -> None:
    event = sample("webhook_delivery/unreadable")
    answer = stage.deliver(event, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(("receives", "seconds"), [(1, 15), (2, 60), (3, None)])
def test_what_failed_comes_again_soon_and_the_rest_does_not(stage: Stage, receives: int, seconds: int | None) -> None:
    good = sample("webhook_delivery/delivery")["Records"][0]
    attributes = {"ApproximateReceiveCount": str(receives)}
    records = [{**good, "receiptHandle": "done"}, {**good, "body": "?", "receiptHandle": "failed", "attributes": attributes}]
    stage.deliver({"Records": records}, Context())
    assert stage.shown_again == ([] if seconds is None else [(False, ["failed"], seconds)])


def test_a_batch_that_cannot_be_read_comes_again_soon_as_a_whole(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*arguments: Any) -> None:
        raise RateLimited("too busy")

    monkeypatch.setattr(DynamoSnapshotReader, "read", throttled)
    record = {**sample("webhook_delivery/delivery")["Records"][0], "receiptHandle": "it"}
    with pytest.raises(RateLimited):
        stage.deliver({"Records": [record]}, Context())
    assert stage.shown_again == [(False, ["it"], 15)]


def test_a_look_that_failed_comes_again_when_no_lease_is_in_its_way(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*arguments: Any) -> None:
        raise RateLimited("too busy")

    monkeypatch.setattr(DynamoSnapshotReader, "read", throttled)
    record = {**sample("webhook_delivery/look")["Records"][0], "receiptHandle": "it"}
    answer = stage.serve({"Records": [record]}, Context())
    assert answer["batchItemFailures"] == [{"itemIdentifier": record["messageId"]}]
    [(own, receipts, seconds)] = stage.shown_again
    assert (own, receipts) == (True, ["it"])
    assert seconds > LEASE_SECONDS


def test_late_retry_waits_in_the_backlog_until_its_reminder(stage: Stage, receiver: Receiver) -> None:
    receiver.status = 500
    stage.deliver(sample("webhook_delivery/third_attempt"), Context())
    assert stage.queued() == []
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    assert stage.looks() == []
    stage.clock.advance(minutes=32)
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    receiver.status = 200
    stage.serve({"Records": stage.looks()}, Context())
    assert stage.status() is DeliveryStatus.DELIVERED
    assert receiver.bodies == [BODY[2]] * 2
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    assert stage.looks() == []
    assert stage.backlog.oldest(ENDPOINT, 10) == []


def test_a_backlog_is_sent_on_resume_as_it_is_stored(stage: Stage, receiver: Receiver) -> None:
    stage.configure(replace(stage.endpoint, status=EndpointStatus.PAUSED))
    stage.deliver(sample("webhook_delivery/delivery"), Context())
    assert (receiver.bodies, stage.status()) == ([], DeliveryStatus.PENDING)
    stage.observer.resuming([stage.endpoint])
    stage.configure(replace(stage.endpoint, status=EndpointStatus.ENABLED))
    stage.observer.changed([stage.endpoint])
    assert stage.serve({"Records": stage.looks()}, Context()) == {"batchItemFailures": []}
    assert (receiver.bodies, stage.status()) == ([BODY[2]], DeliveryStatus.DELIVERED)
    assert stage.backlog.oldest(ENDPOINT, 10) == []


def test_a_receiver_that_is_asked_too_often_is_served_in_its_own_lane(stage: Stage, receiver: Receiver) -> None:
    receiver.status = 429
    stage.deliver(sample("webhook_delivery/delivery"), Context())
    assert stage.queued() == []
    receiver.status = 200
    stage.serve({"Records": stage.looks()}, Context())
    assert receiver.bodies == [BODY[2]] * 2
    assert stage.status() is DeliveryStatus.DELIVERED


def test_a_look_at_nothing_and_an_unreadable_one_do_no_harm(stage: Stage, receiver: Receiver) -> None:
    assert stage.serve(sample("webhook_delivery/look"), Context()) == {"batchItemFailures": []}
    look = sample("webhook_delivery/look")["Records"][0]
    unreadable = {"Records": [look, {"messageId": "1", "receiptHandle": "1", "body": "{}", "attributes": {"ApproximateReceiveCount": "1"}}]}
    assert stage.serve(unreadable, Context()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert receiver.bodies == []


def test_an_endpoint_is_tested_by_the_same_path(stage: Stage, receiver: Receiver) -> None:
    receiver.status = 503
    answer = stage.deliver(sample("webhook_delivery/test_endpoint"), Context())
    assert (answer["statusCode"], answer["responseBody"], answer["failure"]) == (503, "ok", None)
    assert json.loads(receiver.bodies[0])["type"] == "event-service.endpoint.test"
    assert "refused" in stage.deliver(sample("webhook_delivery/test_unknown_endpoint"), Context())
