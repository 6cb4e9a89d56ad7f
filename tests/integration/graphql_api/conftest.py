"""The GraphQL function as it is wired in Lambda, against moto, with the calls that it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from event_service import wiring
from event_service.access.token import TokenKind
from event_service.settings import get_settings
from tests.unit.graphql_api.door import Door

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The AWS operations performed, in their order."""
    made: list[str] = []
    client: Any = BaseClient
    original: Callable[..., Any] = client._make_api_call

    def counted(self: BaseClient, operation_name: str, parameters: Any) -> Any:
        made.append(operation_name)
        return original(self, operation_name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return made


def forget() -> None:
    """Lets the next use build everything anew."""
    get_settings.cache_clear()
    for factory in vars(wiring).values():
        if hasattr(factory, "cache_clear"):
            factory.cache_clear()


class InTheForeground:
    """Runs at once what otherwise runs beside a request."""

    def submit(self, call: Callable[[], None]) -> None:
        call()


@pytest.fixture
def door(aws: dict[str, str], calls: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    sqs = boto3.client("sqs", region_name="us-east-1")
    for name in ("ROUTING_QUEUE", "WEBHOOK_QUEUE", "OWN_LANE_QUEUE", "SOCKET_BACKLOG_QUEUE", "JOB_QUEUE"):
        monkeypatch.setenv(f"{name}_URL", sqs.create_queue(QueueName=name.lower())["QueueUrl"])
    socket_queue = sqs.create_queue(QueueName="socket.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setenv("SOCKET_QUEUE_URL", socket_queue)
    monkeypatch.setenv("WEB_SOCKET_MANAGEMENT_URL", "http://127.0.0.1:9/live")
    monkeypatch.setenv("WEBHOOK_FUNCTION", "webhook-delivery")
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    forget()
    monkeypatch.setattr(wiring, "background", InTheForeground)
    text, _ = wiring.tokens().issue(WORKSPACE)
    agent, _ = wiring.tokens().issue(WORKSPACE, TokenKind.AGENT)
    door = Door(wiring)
    door.ask("{ __typename }", token=text)  # warm: the token is known
    door.token, door.agent_token = text, agent
    calls.clear()
    yield door
    forget()


def create_webhook(door: Door, name: str, filters: list[str] | None = None) -> str:
    created = door.ask(
        """mutation($name: String!, $filters: [ID!]) {
            createWebhookEndpoint(name: $name, url: "https://web-hook.server.com", eventFiltersIds: $filters) { id }
        }""",
        {"name": name, "filters": filters},
        token=door.token,
    ).data
    return str(created["createWebhookEndpoint"]["id"])


def create_filter(door: Door) -> str:
    query = 'mutation { createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}) { id } }'
    return str(door.ask(query, token=door.token).data["createEventFilters"]["id"])
