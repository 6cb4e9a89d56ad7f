"""Idempotency keys, and mutations whose calls fail after the commit, through the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import WORKSPACE, Door

MUTATIONS = {
    "createWebSocketEndpoint": 'mutation($k: String) { createWebSocketEndpoint(name: "%s", idempotencyKey: $k) { id name creationDate } }',
    "createWebhookEndpoint": (
        'mutation($k: String) { createWebhookEndpoint(name: "%s", url: "https://web-hook.server.com", idempotencyKey: $k)'
        " { id name meta creationDate } }"
    ),
    "createEventFilters": (
        'mutation($k: String) { createEventFilters(name: "%s", eventFiltersInput: {in: {cameraIds: ["c"]}}, idempotencyKey: $k)'
        " { id name meta creationDate } }"
    ),
}
ENDPOINT = "357fe643-2396-4919-bd9e-a30f0ac28818"
ROTATE = 'mutation($k: String) { rotateEndpointSecret(id: "%s", gracePeriodSeconds: %d, idempotencyKey: $k) }'


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_with_a_key_is_done_once_and_answers_the_same(name: str, door: Door) -> None:
    document = MUTATIONS[name] % "n"
    first = door.ask(document, {"k": "my key"}).data
    assert door.ask(document, {"k": "my key"}).data == first
    assert door.ask(document, {"k": "another"}).data != first
    # null is the same as leaving it out
    assert door.ask(document, {"k": None}).data[name]["id"] != door.ask(document, {"k": None}).data[name]["id"]


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_key_of_other_input_is_a_conflict(name: str, door: Door, services: FakeServices) -> None:
    door.ask(MUTATIONS[name] % "n", {"k": "key"})
    commits = services.calls["changes.append"]
    error = door.ask(MUTATIONS[name] % "other", {"k": "key"}).error
    assert error["extensions"]["code"] == "CONFLICT"
    assert "nothing was changed" in error["message"]
    assert services.calls["changes.append"] == commits


def test_a_rotation_with_a_key_is_done_once(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, ENDPOINT)
    first = door.ask(ROTATE % (ENDPOINT, 60), {"k": "key"}).data
    assert door.ask(ROTATE % (ENDPOINT, 60), {"k": "key"}).data == first
    error = door.ask(ROTATE % (ENDPOINT, 0), {"k": "key"}).error
    assert error["extensions"]["code"] == "CONFLICT"
    assert door.ask(ROTATE % (ENDPOINT, 60), {"k": None}).data != first


def test_a_bad_key_is_told_with_the_other_faults(door: Door) -> None:
    error = door.ask(MUTATIONS["createWebhookEndpoint"] % "", {"k": "a\nb"}).error
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert [one.split(":")[0] for one in error["extensions"]["problems"]] == ["name", "idempotencyKey"]


CHANGES: dict[str, Callable[[str], str]] = {
    "pauseEndpoints": lambda endpoint: f'mutation {{ pauseEndpoints(ids: ["{endpoint}"]) {{ ok }} }}',
    "deleteEndpoints": lambda endpoint: f'mutation {{ deleteEndpoints(ids: ["{endpoint}"]) {{ ok }} }}',
    "updateEndpoint": lambda endpoint: f'mutation {{ updateEndpoint(id: "{endpoint}", name: "x") {{ name }} }}',
    "createWebSocketEndpoint": lambda _: 'mutation { createWebSocketEndpoint(name: "x") { name } }',
}


@pytest.mark.parametrize("error", [RateLimited("busy"), Unavailable("timed out")], ids=["throttled", "timed out"])
@pytest.mark.parametrize("operation", ["rows.apply", "changes.mark_applied"])
@pytest.mark.parametrize("name", CHANGES)
def test_no_error_is_answered_for_what_fails_after_the_commit(
    name: str, operation: str, error: Exception, door: Door, services: FakeServices
) -> None:
    endpoint: dict[str, Any] = door.ask(MUTATIONS["createWebhookEndpoint"] % "n", {"k": None}).data["createWebhookEndpoint"]
    before = services.calls["changes.append"]
    services.failures[operation] = error

    answer = door.ask(CHANGES[name](endpoint["id"]))

    assert answer.data[name]
    assert services.calls["changes.append"] == before + 1
    # and when the fault is over, whoever reads sees what was answered
    services.failures.clear()
    listed = {
        one["name"]: one["status"]
        for one in door.ask("{ endpoints { collectionItems { name status } } }").data["endpoints"]["collectionItems"]
    }
    assert (
        listed
        == {
            "pauseEndpoints": {"n": "PAUSED"},
            "deleteEndpoints": {},
            "updateEndpoint": {"x": "ENABLED"},
            "createWebSocketEndpoint": {"n": "ENABLED", "x": "ENABLED"},
        }[name]
    )
