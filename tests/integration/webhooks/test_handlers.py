"""The two functions over the tables and queues of the template, with their sample events and a receiver on a real socket."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues, connect
from event_service.base.dates import from_stored
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import secret_item
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.backlog import BacklogTickets
from event_service.delivery.retry_scheduler import RetryScheduler
from event_service.delivery.service_events import OperationalEvents
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.queue import SqsWebhookQueue
from event_service.delivery.storage.retries import DynamoRetryStore
from event_service.events.event import Event
from event_service.events.storage.events import DynamoEventStore
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.assembly import assemble
from event_service.webhooks.http_sender import HttpSender
from event_service.webhooks.observer import WebhookObserver
from event_service.webhooks.ports import BacklogReaders, DeliveryStores, EndpointActions
from event_service.webhooks.storage.context import DynamoSnapshotReader
from event_service.webhooks.url import UrlRules, WebhookUrl, parse_webhook_url
from functions.retry_scheduler.handler import create_handler as create_scheduler
from functions.webhook_delivery.handler import create_handler
from tests.integration.conftest import REGION

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
    """Answers with ``status`` and keeps what it was sent."""

    port: int = 0
    status: int = 200
    bodies: list[str] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(receiver.status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


class Stage:
    """Both handlers and what they stand on."""

    def __init__(self, database: Database, receiver: Receiver) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.queue_url = self.sqs.create_queue(QueueName="webhooks")["QueueUrl"]
        self.published: list[tuple[str, dict[str, Any]]] = []
        rules = UrlRules(allow_http=True, guard=AddressGuard.allowing(["127.0.0.0/8"]))

        def clock() -> datetime:
            return self.now

        def parse_url(url: str) -> WebhookUrl:
            return parse_webhook_url(url, rules)

        self.log = DynamoDeliveryLog(database, clock, 14)
        self.retries = DynamoRetryStore(database)
        self.backlog = DynamoBacklogStore(database, 14)
        self.health = DynamoHealthStore(database)
        self.store = DynamoEventStore(database, clock, 14)
        self.rows = DynamoConfigurationRows(database, clock)
        queue = SqsWebhookQueue(Queues(lambda: connect(REGION, None), sleep=lambda seconds: None), self.queue_url)
        tickets = BacklogTickets(self.backlog, queue, clock)
        events = OperationalEvents(lambda: self)
        self.observer = WebhookObserver(tickets, self.health, events, clock)
        side = assemble(
            readers=BacklogReaders(DynamoSnapshotReader(database, clock), self.store),
            stores=DeliveryStores(self.log, self.retries, self.backlog),
            health=self.health,
            queue=queue,
            tickets=tickets,
            actions=EndpointActions(events, lambda: self),
            sender=HttpSender(rules.guard, deadline_seconds=5),
            parse_url=parse_url,
            clock=clock,
            retention_days=14,
            deadline_seconds=5,
            draw=lambda: 0.0,
        )
        scheduler = RetryScheduler(retries=self.retries, backlog=self.backlog, store=self.store, log=self.log, queue=queue, clock=clock)
        self.deliver = create_handler(lambda: side)
        self.schedule = create_scheduler(lambda: scheduler)
        self.endpoint = Endpoint(
            id=ENDPOINT,
            workspace_id=WORKSPACE,
            type=EndpointType.WEB_HOOK,
            name="receiver",
            url=f"http://127.0.0.1:{receiver.port}/hook",
            method="POST",
            status=EndpointStatus.ENABLED,
            status_reason=None,
            created=self.now,
            modified=self.now,
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

    def queued(self) -> list[dict[str, Any]]:
        """What is in the queue now, as Lambda gets it."""
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        records = []
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
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


def test_one_that_comes_again_is_not_sent_again(stage: Stage, receiver: Receiver) -> None:
    stage.deliver(sample("webhook_delivery/delivery"), Context())
    assert stage.deliver(sample("webhook_delivery/redelivered"), Context()) == {"batchItemFailures": []}
    assert len(receiver.bodies) == 1


def test_an_unreadable_message_alone_is_reported_as_failed(stage: Stage, receiver: Receiver) -> None:
    event = sample("webhook_delivery/unreadable")
    answer = stage.deliver(event, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
    assert len(receiver.bodies) == 1


def test_late_retry_comes_back_through_the_scheduler(stage: Stage, receiver: Receiver) -> None:
    receiver.status = 500
    stage.deliver(sample("webhook_delivery/third_attempt"), Context())
    assert stage.queued() == []
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    assert stage.queued() == []
    stage.now += timedelta(minutes=31)
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    records = stage.queued()
    receiver.status = 200
    stage.deliver({"Records": records}, Context())
    assert stage.status() is DeliveryStatus.DELIVERED
    assert receiver.bodies == [BODY[2]] * 2
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    assert stage.queued() == []


def test_what_waited_is_sent_on_resume(stage: Stage, receiver: Receiver) -> None:
    stage.configure(replace(stage.endpoint, status=EndpointStatus.PAUSED))
    stage.deliver(sample("webhook_delivery/delivery"), Context())
    assert (receiver.bodies, stage.status()) == ([], DeliveryStatus.PENDING)
    stage.observer.resuming([stage.endpoint])
    stage.configure(replace(stage.endpoint, status=EndpointStatus.ENABLED))
    stage.observer.changed([stage.endpoint])
    stage.deliver({"Records": stage.queued()}, Context())
    assert (receiver.bodies, stage.status()) == ([BODY[2]], DeliveryStatus.DELIVERED)
    # One more step finds nothing; after the quiet time one more look ends it.
    stage.deliver({"Records": stage.queued()}, Context())
    stage.now += timedelta(minutes=3)
    stage.schedule(sample("retry_scheduler/every_minute"), Context())
    stage.deliver({"Records": stage.queued()}, Context())
    assert stage.backlog.tickets_due(from_stored("9000-01-01T00:00:00.000000+00:00")) == []


def test_a_backlog_run_without_a_ticket_is_dropped(stage: Stage, receiver: Receiver) -> None:
    assert stage.deliver(sample("webhook_delivery/backlog_run"), Context()) == {"batchItemFailures": []}
    assert receiver.bodies == []


def test_an_endpoint_is_tested_by_the_same_path(stage: Stage, receiver: Receiver) -> None:
    receiver.status = 503
    answer = stage.deliver(sample("webhook_delivery/test_endpoint"), Context())
    assert (answer["statusCode"], answer["responseBody"], answer["failure"]) == (503, "ok", None)
    assert json.loads(receiver.bodies[0])["type"] == "event-service.endpoint.test"
    assert "refused" in stage.deliver(sample("webhook_delivery/test_unknown_endpoint"), Context())
