"""The GraphQL function as it is wired in Lambda, against moto: what a client sees, and how many AWS calls that takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from event_service import wiring
from event_service.domain.token import TokenKind
from event_service.settings import get_settings
from tests.unit.graphql_api.door import Door, payload

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


@pytest.fixture
def door(aws: dict[str, str], calls: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    sqs = boto3.client("sqs", region_name="us-east-1")
    for name in ("ROUTING_QUEUE", "WEBHOOK_QUEUE"):
        monkeypatch.setenv(f"{name}_URL", sqs.create_queue(QueueName=name.lower())["QueueUrl"])
    socket_queue = sqs.create_queue(QueueName="socket.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setenv("SOCKET_QUEUE_URL", socket_queue)
    monkeypatch.setenv("WEB_SOCKET_MANAGEMENT_URL", "http://127.0.0.1:9/live")
    monkeypatch.setenv("WEBHOOK_FUNCTION", "webhook-delivery")
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    forget()
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


def test_what_was_created_is_listed_at_once(door: Door) -> None:
    filter_id = create_filter(door)
    ids = [create_webhook(door, f"endpoint {number}", [filter_id] if number else None) for number in range(3)]

    answered = door.ask(
        "{ endpoints { totalCount collectionItems { id name meta eventFilters { id endpoints { id } } } } }", token=door.token
    ).data["endpoints"]

    assert answered["totalCount"] == 3
    assert [item["id"] for item in answered["collectionItems"]] == ids
    assert [len(item["eventFilters"]) for item in answered["collectionItems"]] == [0, 1, 1]
    assert [one["id"] for one in answered["collectionItems"][1]["eventFilters"][0]["endpoints"]] == ids[1:]


def test_deleting_pausing_and_unlinking_are_seen_at_once(door: Door) -> None:
    filter_id = create_filter(door)
    first, second = (create_webhook(door, name, [filter_id]) for name in "ab")

    door.ask(f'mutation {{ deleteEndpoints(ids: ["{first.upper()}"]) {{ ok }} }}', token=door.token).data["deleteEndpoints"]
    door.ask(f'mutation {{ pauseEndpoints(ids: ["{second}"]) {{ ok }} }}', token=door.token).data["pauseEndpoints"]
    door.ask(
        f'mutation {{ unlinkEndpointsToEventFilters(endpointIds: ["{second}"], eventFiltersId: "{filter_id}") {{ ok }} }}',
        token=door.token,
    )

    assert door.ask("{ endpoints { totalCount collectionItems { id status eventFilters { id } } } }", token=door.token).data == {
        "endpoints": {"totalCount": 1, "collectionItems": [{"id": second, "status": "PAUSED", "eventFilters": []}]}
    }


def test_an_event_is_published_and_read_back(door: Door) -> None:
    event = payload("publish_events")
    event["headers"]["token"] = door.agent_token

    published = door.invoke(event).data["publishEvents"]
    again = door.invoke(event).data["publishEvents"]

    assert published["duplicateIds"] == []
    assert again["duplicateIds"] == published["ids"]
    answered = door.ask("{ events { totalCount collectionItems { id type data agentId } } }", token=door.token).data["events"]
    assert answered["totalCount"] == 1
    assert answered["collectionItems"][0]["id"] == published["ids"][0]
    assert answered["collectionItems"][0]["data"] == json.loads(event["body"])["variables"]["events"][0]["data"]


@pytest.mark.parametrize("number", [1, 7])
def test_a_list_is_one_call_of_aws_however_long_it_is(number: int, door: Door, calls: list[str]) -> None:
    for _ in range(number):
        create_webhook(door, "a")
    calls.clear()

    door.ask("{ endpoints { collectionItems { id name type meta status } } }", token=door.token).data["endpoints"]

    assert calls == ["Query"]


@pytest.mark.parametrize("number", [2, 7])
def test_nested_lists_cost_the_same_calls_however_many_there_are(number: int, door: Door, calls: list[str]) -> None:
    filters = [create_filter(door) for _ in range(3)]
    for _ in range(number):
        create_webhook(door, "a", filters)
    calls.clear()

    answered = door.ask("{ endpoints { collectionItems { eventFilters { id name endpoints { id name } } } } }", token=door.token).data[
        "endpoints"
    ]

    assert {len(item["eventFilters"]) for item in answered["collectionItems"]} == {3}
    # links and rows, once for each level
    assert calls == ["Query", "BatchGetItem", "BatchGetItem", "BatchGetItem", "BatchGetItem"]


def test_a_secret_is_shown_and_rotated(door: Door) -> None:
    endpoint_id = create_webhook(door, "a")
    query = f'{{ endpointSecret(id: "{endpoint_id}") }}'
    before = door.ask(query, token=door.token).data["endpointSecret"]

    rotated = door.ask(f'mutation {{ rotateEndpointSecret(id: "{endpoint_id}") }}', token=door.token).data["rotateEndpointSecret"]

    assert rotated != before
    assert door.ask(query, token=door.token).data["endpointSecret"] == rotated


def test_lists_of_nothing_are_empty(door: Door) -> None:
    empty = {"totalCount": 0, "collectionItems": []}
    selected = "{ totalCount collectionItems { id } }"

    answered = door.ask(
        f"{{ endpoints {selected} eventsFilters {selected} events {selected} deliveries {selected} }}", token=door.token
    ).data

    assert answered == {"endpoints": empty, "eventsFilters": empty, "events": empty, "deliveries": empty}


def test_a_revoked_token_ends(door: Door) -> None:
    text, token = wiring.tokens().issue(WORKSPACE)
    assert "errors" not in door.ask("{ endpoints { totalCount } }", token=text).json

    wiring.tokens().revoke(WORKSPACE, token.token_hash)

    assert door.ask("{ endpoints { totalCount } }", token=text).code == "UNAUTHENTICATED"
