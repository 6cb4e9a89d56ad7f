"""The functions with the payloads of ``events/``, which are also for ``sam local invoke``."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.events.new_event import NewEvent
from functions.event_bus.handler import create_handler
from tests.world import WORKSPACE, Context, World, token

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


def test_messages_come_again_instead_of_half_done_when_time_is_short(world: World) -> None:
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
    origin = {"source": "com.example.shop", "account": "123456789012", "region": "us-east-1", "resources": []}
    assert message.body["data"] == {"order": 1234, "total": 56.7, "eventBridge": origin}
    assert message.body["date"] == "2026-03-01T12:00:00.000000+00:00"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"detail-type": "event-service.endpoint.disabled"}, "events[0].type: "),
        ({"detail-type": "\u202eexe"}, "events[0].type: "),
        ({"detail": {"eventBridge": {"source": "somebody.else"}}}, "detail.eventBridge: "),
        ({"detail": {"cloudEvent": {"source": "somebody.else"}}}, "events[0].data.cloudEvent: "),
        ({"detail": [1]}, "events[0].data: an array"),
        ({"detail": {"text": "x" * 300_000}}, "events[0]: "),
        ({"time": "soon"}, "events[0].date: "),
    ],
)
def test_a_bad_event_of_the_bus_is_counted_and_rings_no_alarm(
    change: dict[str, Any], says: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = create_handler(lambda: world.publishing, lambda: WORKSPACE)

    answer = handler(payload("event_bus/custom_event.json") | change, Context())

    assert (answer["ids"], answer["refused"].startswith(says)) == ([], True), answer
    assert world.receive() == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(line.get("RefusedBusEvents") == 1 for line in lines)
    assert any("'com.example.shop' of account '123456789012'" in line["message"] for line in lines)


@pytest.mark.parametrize("failure", [RateLimited("busy"), Unavailable("gone")])
def test_an_event_of_the_bus_that_could_not_be_taken_comes_again(failure: Exception, world: World) -> None:
    def fail(*_: Any) -> Any:
        raise failure

    handler = create_handler(lambda: SimpleNamespace(publish_from_bus=fail), lambda: WORKSPACE)  # type: ignore[arg-type, return-value] # what is used of it

    with pytest.raises(type(failure)):
        handler(payload("event_bus/custom_event.json"), Context())


def test_a_publish_of_one_hundred_events_with_ids_is_read_back_whole(world: World) -> None:
    ids = [f"id-{number}" for number in range(100)]
    result = world.publishing.publish(token(), [NewEvent(type="a", data={"n": number}, id=one) for number, one in enumerate(ids)])

    assert result.duplicate_ids == []
    assert set(world.store.get(WORKSPACE, ids)) == set(ids)
    assert world.publishing.publish(token(), [NewEvent(type="a", data={}, id=one) for one in ids]).duplicate_ids == ids
