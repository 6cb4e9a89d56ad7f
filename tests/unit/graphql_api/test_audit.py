"""Who changed what and who read a secret stands in the log; refused tokens are counted at every door."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from event_service.access.token import hash_token
from event_service.observability import configure
from functions.graphql_api.routes import cloud_events
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import TOKEN, WORKSPACE, Door, LambdaContext

HOOK = "357fe643-2396-4919-bd9e-a30f0ac28818"
OTHER = "452cb352-1315-44d1-95d0-15eb9a7760fb"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What was logged since the last call, as JSON."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [*root.handlers])  # put back afterwards, as the level is
    monkeypatch.setattr(root, "level", root.level)
    configure()
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def audited(lines: list[dict[str, Any]]) -> list[tuple[str, list[str], str]]:
    return [(line["operation"], line["ids"], line["outcome"]) for line in lines if line["message"].startswith("audit")]


def test_a_change_is_logged_with_who_where_and_what(door: Door, lines: Lines) -> None:
    created = door.ask('mutation { createWebSocketEndpoint(name: "a") { id } }').data["createWebSocketEndpoint"]["id"]
    (line,) = [one for one in lines() if one["message"] == "audit: createWebSocketEndpoint"]

    assert line["level"] == "INFO"
    assert (line["ids"], line["outcome"], line["workspace_id"]) == ([created], "done", WORKSPACE)
    assert line["token_id"] == hash_token(TOKEN)[:16]
    assert line["request_id"] == LambdaContext().aws_request_id
    assert TOKEN not in json.dumps(line)


def test_each_mutation_of_a_document_has_its_line_with_its_outcome(door: Door, services: FakeServices, lines: Lines) -> None:
    services.put_endpoint(WORKSPACE, HOOK)
    door.ask(
        """mutation M($ids: [ID!]!, $others: [ID!]!, $no: Boolean!) {
            a: pauseEndpoints(ids: $ids) { ok }
            ...Rest
            c: deleteEndpoints(ids: $ids) @skip(if: $no) { ok }
        }
        fragment Rest on Mutation { b: pauseEndpoints(ids: $others) { ok } ... on Mutation { d: resumeEndpoints(ids: $ids) { ok } } }""",
        variables={"ids": [HOOK], "others": [OTHER], "no": True},
    )

    told = audited(lines())
    assert [(operation, ids) for operation, ids, _ in told] == [
        ("pauseEndpoints", [HOOK]),
        ("pauseEndpoints", [OTHER]),
        ("resumeEndpoints", [HOOK]),
    ]
    assert told[1][2] == "failed"


def test_reading_a_secret_is_logged_and_other_reading_is_not(door: Door, services: FakeServices, lines: Lines) -> None:
    services.put_endpoint(WORKSPACE, HOOK)
    secret = door.ask(f'{{ endpointSecret(id: "{HOOK}") endpoints {{ totalCount }} }}').data["endpointSecret"]
    found = lines()

    assert audited(found) == [("endpointSecret", [HOOK], "done")]
    assert secret not in json.dumps(found)


def test_publishing_is_not_logged_event_by_event(door: Door, lines: Lines) -> None:
    door.ask('mutation { publishEvents(events: [{type: "a", data: {}}]) { ok } }')

    assert audited(lines()) == []


def test_hostile_ids_make_no_long_lines(door: Door, lines: Lines) -> None:
    door.ask(
        "mutation M($ids: [ID!]!) { pauseEndpoints(ids: $ids) { ok } }", variables={"ids": ["x" * 10_000] + [f"{n}" for n in range(900)]}
    )

    ((_, ids, outcome),) = audited(lines())
    assert outcome != "done"
    assert len(ids) == 100
    assert max(map(len, ids)) == 64


@pytest.mark.parametrize("token", [None, "0d9adf3c-6b8d-4c3b-9b1f-6d1f0a4c2b7e"])
def test_refused_tokens_are_counted_at_both_http_doors(token: str | None, door: Door, lines: Lines) -> None:
    door.ask("{ endpoints { totalCount } }", token=token)
    graphql = lines()
    door.send("{}", token=token, path=cloud_events.PATH, headers={"content-type": "application/cloudevents+json"})
    events = lines()

    assert [line["RefusedTokens"] for line in graphql if "RefusedTokens" in line] == [1]
    assert [line["RefusedTokens"] for line in events if "RefusedTokens" in line] == [1]
