"""The functions with the payloads of ``events/``, which are also for ``sam local invoke``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from event_service.base.errors import BadUserInput
from event_service.events.new_event import NewEvent
from functions.event_bus.handler import create_handler
from tests.integration.events.conftest import WORKSPACE, Context, World, token

EVENTS = Path(__file__).parents[3] / "events"


def payload(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return loaded


def test_published_events_are_routed_and_stored(world: World) -> None:
    hook = world.webhook()

    answer = world.router(payload("event_router/publish.json"), Context())

    assert answer == {"batchItemFailures": []}
    ids = ["5a4b2f0e-6f3d-4a7e-9a38-0c6f0a7d3b11", "fall-2026-03-01-001"]
    assert sorted(message.pair for message in world.handed_over()) == sorted((hook, one) for one in ids)
    assert set(world.store.get(WORKSPACE, ids)) == set(ids)


def test_a_message_that_comes_again_is_marked_as_a_repeat(world: World) -> None:
    world.webhook()

    world.router(payload("event_router/redelivered.json"), Context())

    assert [message.repeat for message in world.handed_over()] == [True, True]


def test_a_continuation_serves_the_endpoints_behind_its_cursor(world: World) -> None:
    hooks = sorted(world.webhook() for _ in range(5))
    sample = payload("event_router/continuation.json")
    body = json.loads(sample["Records"][0]["body"])
    sample["Records"][0]["body"] = json.dumps({**body, "after": hooks[2]})

    world.router(sample, Context())

    assert sorted(message.pair[0] for message in world.handed_over()) == hooks[3:]


def test_a_message_that_cannot_be_read_fails_alone(world: World) -> None:
    world.webhook()

    answer = world.router(payload("event_router/unreadable.json"), Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "00000000-0000-4000-8000-000000000004"}]}
    assert len(world.handed_over()) == 1


def test_when_time_is_short_messages_come_again_instead_of_half_done(world: World) -> None:
    world.webhook()

    answer = world.router(payload("event_router/publish.json"), Context(milliseconds=3_000))

    assert len(answer["batchItemFailures"]) == 1
    assert world.handed_over() == []


def test_an_event_of_the_bus_is_published(world: World) -> None:
    hook = world.webhook()
    handler = create_handler(lambda: world.publishing, lambda: WORKSPACE)
    sample = payload("event_bus/custom_event.json")

    first, again = handler(sample, Context()), handler(sample, Context())
    world.route_all()

    assert first == {"ids": [sample["id"]], "duplicateIds": []}
    assert again == {"ids": [sample["id"]], "duplicateIds": [sample["id"]]}
    (message,) = world.handed_over()
    assert message.pair == (hook, sample["id"])
    assert message.body["type"] == "order.created"
    assert message.body["data"] == {"order": 1234, "total": 56.7}
    assert message.body["date"] == "2026-03-01T12:00:00.000000+00:00"


def test_refused_bus_event_reaches_the_dead_letter_queue(world: World) -> None:
    handler = create_handler(lambda: world.publishing, lambda: WORKSPACE)

    with pytest.raises(BadUserInput, match=r"^events\[0\]\.type: "):
        handler(payload("event_bus/reserved_type.json"), Context())
    assert world.receive() == []


def test_a_publish_of_one_hundred_events_with_ids_is_read_back_whole(world: World) -> None:
    ids = [f"id-{number}" for number in range(100)]
    result = world.publishing.publish(token(), [NewEvent(type="a", data={"n": number}, id=one) for number, one in enumerate(ids)])

    assert result.duplicate_ids == []
    assert set(world.store.get(WORKSPACE, ids)) == set(ids)
    assert world.publishing.publish(token(), [NewEvent(type="a", data={}, id=one) for one in ids]).duplicate_ids == ids
