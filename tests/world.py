"""The way of an event from a publish to its hand-over: the product's use cases and adapters on AWS in memory, wired as in production,
with queues that a test drives as Lambda does. Integration tests and benchmarks share it."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from event_service.access.token import Token, TokenKind
from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.configuration.configuration import ConfigurationStores, assemble
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.endpoint import Settings as EndpointSettings
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import Quotas
from event_service.configuration.storage.change_log import DynamoChangeLog
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import DynamoSecretStore
from event_service.counting.counters import Counters
from event_service.counting.seen_types import SeenTypes
from event_service.delivery.storage.queue import SqsWebhookQueue
from event_service.delivery.storage.wide_events import DynamoWideEvents
from event_service.events.publishing import Publishing
from event_service.events.reading import EventsReading
from event_service.events.storage.events import DynamoEventStore
from event_service.events.storage.listing import DynamoEventIndexes
from event_service.events.storage.queue import SqsRoutingQueue
from event_service.filters.matching.size import index_entries
from event_service.routing.fan_out import CALLS_PER_INVOCATION
from event_service.routing.refused_filters import RefusedFilterEvents
from event_service.sockets.messages import BacklogMessage, LateAppend, parse_backlog_message
from event_service.sockets.ports import LogHead
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.log import DynamoSocketLogStore
from event_service.sockets.storage.queue import SqsBacklogQueue, SqsWakeUpQueue
from event_service.webhooks.outlet import MarkingQueue
from functions.event_router.handler import create_handler
from tests import builders
from tests.builders import SettableClock
from tests.support.metering import TableShape
from tests.template_file import resources
from tests.wiring import SOCKET_RETENTION, SocketUseCases, destinations, new_routing, outlets

REGION = "us-east-1"
ACCOUNT = "123456789012"
"""moto's."""
WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
RETENTION_DAYS = 14


class Context:
    """What Lambda tells a handler of its invocation."""

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One message in the webhook queue."""

    head: dict[str, Any]
    body: dict[str, Any]

    @property
    def pair(self) -> tuple[str, str]:
        """Endpoint and event."""
        return self.head["endpointId"], self.head["eventId"]

    @property
    def repeat(self) -> bool:
        return bool(self.head.get("repeat", False))


class Impatient(SqsRoutingQueue):
    """What failed comes again at once: SQS in memory has a clock of its own."""

    def show_again(self, receipts: Sequence[str], seconds: int) -> None:
        super().show_again(receipts, 0)


class NoDelay(SqsBacklogQueue):
    """What is put off can be received at once, likewise."""

    def send(self, messages: Sequence[BacklogMessage], delay_seconds: int = 0) -> None:
        del delay_seconds
        super().send(messages)


@dataclass
class World:
    """Everything that one workspace needs, on AWS in memory."""

    database: Database
    queues: Queues
    sqs: Any
    clock: SettableClock
    routing_url: str
    webhook_url: str
    socket_url: str
    backlog_url: str
    calls_per_invocation: int = CALLS_PER_INVOCATION
    counters: Counters | None = None
    seen_types: SeenTypes | None = None

    def __post_init__(self) -> None:
        self.changes = DynamoChangeLog(self.database)
        self.rows = DynamoConfigurationRows(self.database, self.clock, monotonic=lambda: 0.0)
        secrets = DynamoSecretStore(self.database)
        self.configuration = assemble(
            stores=ConfigurationStores(self.changes, self.rows, secrets, secrets),
            observers=[],
            destinations=destinations(),
            quotas=Quotas(10_000, 100_000),
            reading=ConditionReading(lambda given: given, index_entries),
            clock=self.clock,
        )
        self.store = DynamoEventStore(self.database, self.clock, RETENTION_DAYS, monotonic=lambda: 0.0)
        self.reading = EventsReading(self.store, DynamoEventIndexes(self.database), self.clock, monotonic=lambda: 0.0)
        self.publishing = Publishing(self.store, SqsRoutingQueue(self.queues, self.routing_url), self.clock)
        self.socket_store = DynamoSocketLogStore(self.database, self.clock)
        self.start_router()

    def start_router(self) -> None:
        """A router process that knows nothing yet."""
        self.socket_log = SocketUseCases(
            connections=DynamoConnectionStore(self.database),
            log_store=self.socket_store,
            wake_ups=SqsWakeUpQueue(self.queues, self.socket_url),
            backlog=NoDelay(self.queues, self.backlog_url),
            clock=self.clock,
        ).log
        routing = new_routing(
            self.changes,
            self.rows,
            store=self.store,
            outlets=outlets(
                MarkingQueue(SqsWebhookQueue(self.queues, self.webhook_url), lambda: DynamoWideEvents(self.database, RETENTION_DAYS)),
                self.socket_log,
            ),
            queue=Impatient(self.queues, self.routing_url),
            refused_filters=RefusedFilterEvents(lambda: self.publishing),
            calls_per_invocation=self.calls_per_invocation,
        )
        self.router = create_handler(lambda: routing, lambda: self.counters, lambda: self.seen_types)

    # -- driving the queues as Lambda does -----------------------------------------------------------------------

    def receive(self, maximum: int = 10) -> list[dict[str, Any]]:
        """A batch for the router; the messages stay in the queue and can be received again."""
        answer = self.sqs.receive_message(
            QueueUrl=self.routing_url, MaxNumberOfMessages=maximum, VisibilityTimeout=0, MessageSystemAttributeNames=["All"]
        )
        return [
            {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": {"ApproximateReceiveCount": one["Attributes"]["ApproximateReceiveCount"]},
            }
            for one in answer.get("Messages", [])
        ]

    def route_once(self, maximum: int = 10) -> int:
        """One invocation; deletes what it did. Returns the number of messages it was given."""
        records = self.receive(maximum)
        if not records:
            return 0
        answer = self.router({"Records": records}, Context())
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.routing_url, ReceiptHandle=record["receiptHandle"])
        return len(records)

    def route_all(self, rounds: int = 50) -> None:
        """Until the queue is empty."""
        for _ in range(rounds):
            if not self.route_once():
                return
        raise AssertionError(f"the routing queue is not empty after {rounds} invocations")

    def append_late(self) -> None:
        """What socket delivery does with events that were put off."""
        while messages := self.sqs.receive_message(QueueUrl=self.backlog_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                late = parse_backlog_message(message["Body"])
                assert isinstance(late, LateAppend)
                if self.socket_log.append_late([late]):
                    self.sqs.delete_message(QueueUrl=self.backlog_url, ReceiptHandle=message["ReceiptHandle"])

    def handed_over(self) -> list[HandedOver]:
        """Takes everything out of the webhook queue."""
        found: list[HandedOver] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.webhook_url, MaxNumberOfMessages=10)
            messages = answer.get("Messages", [])
            if not messages:
                return found
            for message in messages:
                head, _, body = message["Body"].partition("\n")
                found.append(HandedOver(json.loads(head), json.loads(body)))
                self.sqs.delete_message(QueueUrl=self.webhook_url, ReceiptHandle=message["ReceiptHandle"])

    def log_of(self, endpoint_id: str) -> list[str]:
        """The event ids in a socket's log, in order. An append that died leaves a hole, which is sealed when it is read."""
        segments = [one for block in range(0, 4_096, 256) for one in self.socket_store.segments(endpoint_id, max(1, block), 1_000)]
        head = self.socket_store.heads([endpoint_id])[endpoint_id]
        assert all(one.last < following.first for one, following in pairwise(segments))
        assert head.last >= (segments[-1].last if segments else 0)
        return [event_id for one in segments for event_id in one.event_ids]

    def woken(self) -> set[str]:
        """The endpoints whose clients were woken; takes the wake-ups out of the queue."""
        found: set[str] = set()
        while messages := self.sqs.receive_message(QueueUrl=self.socket_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.add(json.loads(message["Body"])["endpointId"])
                self.sqs.delete_message(QueueUrl=self.socket_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    # -- short-hands ---------------------------------------------------------------------------------------------

    def webhook(self, *event_filter_ids: str) -> str:
        return self.configuration.endpoints.create(
            WORKSPACE, EndpointType.WEB_HOOK, "hook", EndpointSettings("https://hook.example.com"), list(event_filter_ids) or None
        ).id

    def socket(self, *event_filter_ids: str) -> str:
        """A WEB_SOCKET endpoint that a client was connected to just now, so that its log is kept."""
        made = self.configuration.endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "socket", None, list(event_filter_ids) or None).id
        assert self.socket_store.put_head(made, LogHead(next=1, floor=1, kept_until=self.clock() + SOCKET_RETENTION), None)
        return made

    def event_filter(self, **listed: list[str]) -> str:
        return self.configuration.event_filters.create(WORKSPACE, {"in": listed}).id


def token(kind: TokenKind = TokenKind.ACCESS, agent_id: str | None = None, workspace_id: str = WORKSPACE) -> Token:
    return builders.a_token(
        "token",
        token_hash="hash",
        workspace_id=workspace_id,
        kind=kind,
        agent_id=agent_id,
        name="test",
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


class Memory:
    """What the AWS in memory holds, to begin again from: quicker than to make it anew."""

    def __init__(self) -> None:
        self._tables = {name: copy.deepcopy(table.items) for name, table in dynamodb_backends[ACCOUNT][REGION].tables.items()}

    def restore(self) -> None:
        """As it was, with empty queues."""
        for name, table in dynamodb_backends[ACCOUNT][REGION].tables.items():
            table.items = copy.deepcopy(self._tables[name])
        for queue in sqs_backends[ACCOUNT][REGION].queues.values():
            queue._messages.clear()

    @staticmethod
    def rows(table: str) -> list[dict[str, Any]]:
        """All items of a table, as DynamoDB writes them."""
        scanned = dynamodb_backends[ACCOUNT][REGION].tables[table].all_items()
        return [item.to_json()["Attributes"] for item in scanned]


def table_shapes() -> dict[str, TableShape]:
    """Of the template's tables; those in memory have their logical ids as names."""
    return {name: TableShape.of_template(table["Properties"]) for name, table in resources("AWS::DynamoDB::Table").items()}
