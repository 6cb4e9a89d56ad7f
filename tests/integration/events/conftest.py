"""Worlds for the tests of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from event_service.aws.dynamodb import Database
from event_service.aws.dynamodb import connect as connect_dynamodb
from event_service.aws.sqs import Queues
from event_service.aws.sqs import connect as connect_sqs
from event_service.settings import Settings
from tests.builders import SettableClock
from tests.fakes.dynamodb import StrictConnection
from tests.support.aws_in_memory import aws_in_memory, empty_tables
from tests.world import REGION, World, table_shapes


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Makes worlds on one AWS in memory."""
    with aws_in_memory():
        settings = Settings(empty_tables())

        def table_name(logical: str) -> str:
            name: Any = getattr(settings, f"{logical}_table")
            return str(name)

        sqs = boto3.client("sqs", region_name=REGION)
        connection: Any = StrictConnection(connect_dynamodb(REGION, None), table_shapes())
        queues = Queues(lambda: connect_sqs(REGION, None), sleep=lambda seconds: None)

        def make(**options: Any) -> World:
            return World(
                database=Database(connection, table_name, sleep=lambda seconds: None),
                queues=queues,
                sqs=sqs,
                clock=SettableClock(),
                routing_url=sqs.create_queue(QueueName="routing")["QueueUrl"],
                webhook_url=sqs.create_queue(QueueName="webhook")["QueueUrl"],
                backlog_url=sqs.create_queue(QueueName="backlog")["QueueUrl"],
                socket_url=sqs.create_queue(QueueName="socket.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"],
                **options,
            )

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
