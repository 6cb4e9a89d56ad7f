"""What is no readable GraphQL request is refused in the shape of a GraphQL response, with the status that fits."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.observability import configure
from functions.graphql_api.http.bodies import MAXIMUM_BODY_BYTES
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, PATH, TOKEN, WORKSPACE, Door, LambdaContext, payload

QUERY = json.dumps({"query": "{ endpoints { totalCount } }"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"null", "no JSON object"),
        (b"5", "no JSON object"),
        (b'"x"', "no JSON object"),
        (b"true", "no JSON object"),
        (b"[]", "Batched operations are not supported"),
        (b'[{"query": "{ __typename }"}]', "Batched operations are not supported"),
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"hello", "not JSON"),
        (b'{"query": "{ __typename }"', "not JSON"),
        (b"\xff\xfe{}", "not valid UTF-8"),
        (b"{}", "query: it must be a string"),
        (b'{"query": null}', "query: it must be a string"),
        (b'{"query": 5}', "query: it must be a string"),
        (b'{"query": "  "}', "query: it must be a string"),
        (b'{"query": "{ __typename }", "variables": []}', "variables: it must be an object"),
        (b'{"query": "{ __typename }", "variables": "x"}', "variables: it must be an object"),
        (b'{"query": "{ __typename }", "operationName": 5}', "operationName: it must be a string"),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "NaN is not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": -Infinity}}', "-Infinity is not JSON"),
        (b'{"query": "{ __typename }", "variables": {"a": 1e999}}', "too large for a 64-bit float"),
        (b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5000 + b"}}", "at most 1000 are allowed"),
        (b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}', "half of a surrogate pair"),
        (b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", "nested deeper"),
        (b'{"query": "this is no GraphQL"}', "Syntax Error"),
        (b'{"query": "{"}', "Syntax Error"),
        (b'{"query": "{ a(b: \\"\\\\ud800\\") }"}', "Syntax Error"),
        (b'{"query": "' + b"{a" * 5000 + b'"}', "nested too deeply"),
    ],
)
def test_an_unreadable_request_is_a_400_that_says_why(body: bytes, said: str, door: Door) -> None:
    response = door.send(body)

    assert response.status == 400
    assert response.code == "BAD_USER_INPUT"
    assert said in response.error["message"]
    assert "data" not in response.json


def test_several_faults_of_a_request_are_reported_together(door: Door) -> None:
    response = door.send('{"query": 1, "variables": 2, "operationName": 3}')

    assert [problem.split(":")[0] for problem in response.error["extensions"]["problems"]] == ["query", "variables", "operationName"]


@pytest.mark.parametrize("size", [4_000_000, MAXIMUM_BODY_BYTES + 1])
def test_a_request_that_is_too_large_is_a_413_that_names_the_limit(size: int, door: Door) -> None:
    response = door.send(b" " * (size - len(QUERY)) + QUERY.encode())

    assert response.status == 413
    assert response.code == "TOO_LARGE"
    assert f"{MAXIMUM_BODY_BYTES:,}" in response.error["message"]


def test_the_largest_request_allowed_is_served(door: Door) -> None:
    assert door.send(b" " * (MAXIMUM_BODY_BYTES - len(QUERY)) + QUERY.encode()).data == {"endpoints": {"totalCount": 0}}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_are_a_405_that_says_which_is_right(method: str, door: Door) -> None:
    response = door.send("", method=method, headers={"accept": "application/json"})

    assert response.status == 405
    assert response.headers["allow"] == "GET, POST"
    if method != "HEAD":
        assert response.code == "BAD_USER_INPUT"


@pytest.mark.parametrize("path", ["/", "/event-service", PATH + "/", PATH + "/../x", "/graphql"])
def test_an_unknown_path_is_a_404_in_the_same_shape(path: str, door: Door) -> None:
    response = door.send(QUERY, path=path)

    assert response.status == 404
    assert response.code == "NOT_FOUND"
    assert PATH in response.error["message"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/graphql", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "nonsense", "", " "],
)
def test_another_content_type_is_refused_with_the_right_one_named(content_type: str, door: Door) -> None:
    response = door.send(QUERY, headers={"content-type": content_type})

    assert response.status == 400
    assert "application/json" in response.error["message"]


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'])
def test_json_is_read_however_its_type_is_spelled(content_type: str, door: Door) -> None:
    assert door.send(QUERY, headers={"content-type": content_type}).status == 200


def test_a_body_without_a_content_type_is_refused(door: Door, services: FakeServices) -> None:
    event = payload("endpoints")
    event["headers"] = {name: value for name, value in event["headers"].items() if name.lower() != "content-type"} | {"token": TOKEN}

    response = door.invoke(event)

    assert (response.status, "it is missing" in response.error["message"]) == (400, True)


@pytest.mark.parametrize("path", [PATH, "/event-service/events", "/unknown"])
@pytest.mark.parametrize("token", [TOKEN, None])
@pytest.mark.parametrize("body", [QUERY, "nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_every_answer_tells_browsers_not_to_guess_and_to_stay_with_https(
    path: str, token: str | None, body: str, method: str, door: Door
) -> None:
    headers = door.send(body, path=path, token=token, method=method).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"] == "max-age=31536000"


def test_a_charset_that_json_does_not_have_is_refused(door: Door) -> None:
    assert door.send(QUERY, headers={"content-type": "application/json; charset=latin-1"}).status == 400


def test_a_body_in_base64_is_read(door: Door) -> None:
    event = payload("endpoints")
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}

    assert door.invoke(event).data == {"endpoints": {"collectionItems": []}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Token": TOKEN},
        {"TOKEN": TOKEN.upper()},
        {"token": f"  {TOKEN} "},
        {"authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer   {TOKEN} "},
        {"authorization": f"BEARER {TOKEN}"},
    ],
)
def test_the_token_is_found_in_either_header_in_any_case(headers: dict[str, str], door: Door) -> None:
    assert door.send(QUERY, token=None, headers=headers).status == 200
    assert "data" in door.send(QUERY, token=None, headers=headers).json


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"token": ""},
        {"token": "wrong"},
        {"token": "00000000-0000-4000-8000-000000000000"},
        {"token": "x" * 10_000},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"token": "\u2603"},
    ],
)
def test_nothing_is_done_without_a_valid_token(headers: dict[str, str], door: Door, services: FakeServices) -> None:
    response = door.send(QUERY, token=None, headers=headers)

    assert response.status == 200
    assert response.code == "UNAUTHENTICATED"
    assert "data" not in response.json
    assert not services.calls


def test_the_token_is_looked_up_once_a_request(door: Door, services: FakeServices) -> None:
    door.ask("{ a: endpoints { totalCount } b: endpoints { totalCount } eventsFilters { totalCount } }")

    assert services.token_store.reads == 1


def test_the_workspace_comes_from_the_token(door: Door) -> None:
    created = door.ask('mutation { createWebSocketEndpoint(name: "a") { workspaceId } }', token=OTHER_TOKEN).data

    assert created["createWebSocketEndpoint"]["workspaceId"] == OTHER_WORKSPACE
    assert door.ask("{ endpoints { totalCount } }").data["endpoints"]["totalCount"] == 0
    assert WORKSPACE != OTHER_WORKSPACE


def test_our_own_faults_are_masked_with_the_request_id_that_is_in_the_log(
    door: Door, services: FakeServices, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [*root.handlers])  # put back afterwards, as the level is
    monkeypatch.setattr(root, "level", root.level)
    configure()
    services.failures["rows.endpoint_page"] = KeyError("a secret of ours")

    response = door.ask("{ endpoints { collectionItems { id } } }")

    assert response.status == 200
    assert response.json["data"] is None
    assert response.code == "INTERNAL"
    assert response.error["path"] == ["endpoints", "collectionItems"]
    assert response.error["extensions"]["requestId"] == LambdaContext().aws_request_id
    assert LambdaContext().aws_request_id in response.error["message"]
    assert b"secret" not in response.body
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    faults = [(line["request_id"], line["exception_name"]) for line in logged if line["level"] == "ERROR"]
    assert faults == [(LambdaContext().aws_request_id, "KeyError")]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(RateLimited("The database is busy. Try again."), "RATE_LIMITED"), (Unavailable("dynamodb timed out"), "INTERNAL")],
)
def test_failures_of_aws_have_their_codes(failure: Exception, code: str, door: Door, services: FakeServices) -> None:
    services.failures["rows.endpoint_page"] = failure

    assert door.ask("{ endpoints { collectionItems { id } } }").code == code


def test_a_token_that_cannot_be_checked_is_our_fault(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(token_hash: str) -> None:
        raise Unavailable("dynamodb timed out")

    monkeypatch.setattr(services.token_store, "get", fail)

    assert door.send(QUERY).code == "INTERNAL"


def test_an_answer_is_kept_by_no_cache(door: Door) -> None:
    assert door.send(QUERY).headers["cache-control"] == "no-store"


def test_a_fault_outside_of_resolvers_is_a_masked_500(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(services, "tokens", fail)

    response = door.send(QUERY)

    assert response.status == 500
    assert response.code == "INTERNAL"
    assert b"secret" not in response.body


def test_the_trace_of_the_caller_goes_with_what_is_published(door: Door, services: FakeServices) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    publish = "mutation { publishEvents(events: [{type: A, data: {}}]) { ok } }"

    door.ask(publish, headers={"traceparent": traceparent})
    door.ask(publish)

    first, second = services.publishing().traceparents
    assert first == traceparent
    assert second is not None
    assert second.startswith("00-")
    assert second != traceparent


def test_a_batch_that_fails_is_told_and_logged_once(door: Door, services: FakeServices, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        services.put_endpoint(WORKSPACE, f"00000000-0000-4000-8000-{number:012d}")
    services.failures["rows.event_filter_ids_of"] = KeyError("a secret of ours")

    response = door.ask("{ endpoints { collectionItems { eventFilters { id } } } }")

    assert response.code == "INTERNAL"
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


def test_mutations_that_fail_alike_are_each_told(door: Door) -> None:
    response = door.ask('mutation { a: createWebSocketEndpoint(name: "") { id } b: createWebSocketEndpoint(name: "") { id } }')

    assert [error["path"] for error in response.json["errors"]] == [["a"], ["b"]]


def test_other_methods_on_the_events_route_get_405(door: Door) -> None:
    response = door.send("", method="GET", path="/event-service/events")

    assert response.status == 405
    assert sorted(response.headers["allow"].split(", ")) == ["OPTIONS", "POST"]
    assert response.code == "BAD_USER_INPUT"
