"""A workspace with a WEB_SOCKET endpoint and a token, in tables and a queue that moto serves."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from event_service.access.storage.tokens import DynamoTokenStore
from event_service.access.token import TokenKind
from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.configuration.changes import ChangeSet, Counts, DeleteEndpoints, Operation, PutEndpoint
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.events.storage.events import DynamoEventStore
from event_service.sockets.connection import Connection
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.ports import Poster
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.log import DynamoSocketLogStore
from event_service.sockets.storage.queue import SqsBacklogQueue, SqsWakeUpQueue
from tests import builders
from tests.builders import SettableClock
from tests.integration.conftest import REGION
from tests.integration.sockets.gateway import Gateway, running
from tests.wiring import SOCKET_RETENTION, SocketUseCases

EVENTS = Path(__file__).parents[3] / "events"
WORKSPACE = "0b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"
ENDPOINT = "52c6548d-3e17-4b9b-9268-ce51d6900530"
WEBHOOK = "62c6548d-3e17-4b9b-9268-ce51d6900530"
TOKEN = "6f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
AGENT_TOKEN = "7f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
FOREIGN_TOKEN = "8f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
RETENTION = SOCKET_RETENTION


def payload(name: str) -> dict[str, Any]:
    """One of the sample payloads."""
    loaded: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return loaded


@dataclass
class LambdaContext:
    """What Lambda gives a handler."""

    aws_request_id: str = "00000000-0000-4000-8000-000000000001"
    milliseconds: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class Sockets:
    """The real adapters over moto."""

    database: Database
    clock: SettableClock
    queue_url: str
    backlog_url: str
    sqs: Any
    calls: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def __post_init__(self) -> None:
        self.store = DynamoConnectionStore(self.database)
        self.log_store = DynamoSocketLogStore(self.database, self.clock)
        self.queue = SqsWakeUpQueue(Queues(lambda: self.sqs), self.queue_url)
        self.backlog = SqsBacklogQueue(Queues(lambda: self.sqs), self.backlog_url)
        self.use_cases = SocketUseCases(
            connections=self.store, log_store=self.log_store, wake_ups=self.queue, backlog=self.backlog, clock=self.clock, sleep=time.sleep
        )
        self.connections, self.observer, self.log = self.use_cases.new_door(), self.use_cases.observer, self.use_cases.log
        self.events = DynamoEventStore(self.database, self.clock, 14, monotonic=lambda: 0.0)
        self.rows = DynamoConfigurationRows(self.database, self.clock, monotonic=lambda: 0.0)
        self.tokens = DynamoTokenStore(self.database)

    def delivery(self, poster: Poster) -> SocketDelivery:
        """The use case over these tables; its own clock stands still between looks, as a fast machine's would."""
        outside = self.use_cases.outside(self.events, poster, clock=lambda: self.clock.now, in_thread=asyncio.to_thread)
        return self.use_cases.new_delivery(outside)

    def open_connections(self) -> list[Connection]:
        """Of the endpoint's first group."""
        return self.store.of_group(ENDPOINT, 0)[1]

    def configure(self, *operations: Operation) -> None:
        """Applies a change to the rows."""
        self.version += 1
        self.rows.apply(ChangeSet(WORKSPACE, self.version, operations, Counts()))

    def endpoint(self, endpoint_id: str, kind: EndpointType = EndpointType.WEB_SOCKET) -> PutEndpoint:
        now = self.clock()
        return PutEndpoint(
            builders.an_endpoint(kind, id=endpoint_id, workspace_id=WORKSPACE, name="n", url=None, method=None, created=now, modified=now)
        )

    def delete(self) -> None:
        self.configure(DeleteEndpoints((ENDPOINT,)))

    def token(self, text: str, kind: TokenKind = TokenKind.ACCESS, workspace_id: str = WORKSPACE, *, revoked: bool = False) -> None:
        now = self.clock()
        self.tokens.put(
            builders.a_token(text, workspace_id=workspace_id, kind=kind, name="t", created=now, revoked=now if revoked else None)
        )

    def wake_ups(self) -> list[Any]:
        """Takes what is in the wake-up queue."""
        return self._taken(self.queue_url)

    def turns(self) -> list[Any]:
        """Takes what is in the backlog queue."""
        return self._taken(self.backlog_url)

    def _taken(self, url: str) -> list[Any]:
        found = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def sockets(database: Database, clock: SettableClock) -> Sockets:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="SocketQueue.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    backlog_url = sqs.create_queue(QueueName="SocketBacklogQueue")["QueueUrl"]
    made = Sockets(database, clock, url, backlog_url, sqs)
    made.configure(made.endpoint(ENDPOINT), made.endpoint(WEBHOOK, EndpointType.WEB_HOOK))
    made.token(TOKEN)
    made.token(AGENT_TOKEN, TokenKind.AGENT)
    made.token(FOREIGN_TOKEN, workspace_id="1b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11")
    call = database._call

    def counted(operation: str, arguments: dict[str, Any], **options: bool) -> dict[str, Any]:
        made.calls[operation] += 1
        return call(operation, arguments, **options)

    database._call = counted  # type: ignore[method-assign]
    return made


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running() as made:
        yield made
