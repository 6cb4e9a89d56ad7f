"""GraphQL over HTTP by its specification (https://graphql.github.io/graphql-over-http/draft/): a table of our own, and the public
audits of the npm package graphql-http.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from event_service.base.errors import RateLimited
from functions.graphql_api.http.negotiation import GRAPHQL_RESPONSE, JSON, LEAST_COMPRESSED_BYTES, accepted_by
from tests.fakes.graphql_services import FakeServices
from tests.support.graphql_audits import Answered, Audit, run_audits
from tests.unit.graphql_api.door import OTHER_TOKEN, TOKEN, WORKSPACE, Door, LambdaContext, Response, payload

TYPENAME = "{ __typename }"
BOTH = f"{GRAPHQL_RESPONSE}, {JSON};q=0.9"
UPDATE_NOTHING = 'mutation { updateEndpoint(id: "00000000-0000-4000-8000-000000000001") { id } }'
NOTHING = "00000000-0000-4000-8000-000000000001"


def post(door: Door, body: Any, accept: str | None, **headers: str) -> Response:
    given = {**headers, **({} if accept is None else {"accept": accept})}
    return door.send(body if isinstance(body, bytes) else json.dumps(body).encode(), headers=given)


def get(door: Door, accept: str | None = None, token: str | None = TOKEN, **parameters: str) -> Response:
    event = payload("endpoints")
    event["requestContext"]["http"]["method"] = "GET"
    event["rawQueryString"] = urlencode(parameters)
    event["headers"] = {**({"token": token} if token else {}), **({} if accept is None else {"accept": accept})}
    event |= {"body": "", "isBase64Encoded": False}
    return door.invoke(event)


# -- media types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("text/plain", JSON),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (GRAPHQL_RESPONSE.upper(), GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};charset=utf-8", GRAPHQL_RESPONSE),
        (BOTH, GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        (f"{JSON};q=0.9, {GRAPHQL_RESPONSE};q=0.8", JSON),
        (f"{GRAPHQL_RESPONSE};q=0, */*", JSON),
        (f"{GRAPHQL_RESPONSE};q=x", JSON),
    ],
)
def test_the_answer_has_a_media_type_that_the_client_takes(accept: str | None, media_type: str, door: Door) -> None:
    for response in (post(door, {"query": TYPENAME}, accept), get(door, accept, query=TYPENAME)):
        assert response.status == 200
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert json.loads(response.body) == {"data": {"__typename": "Query"}}


@dataclass(frozen=True)
class Case:
    """What is sent, and the status for a client of ``application/graphql-response+json``, of ``application/json`` by name, and of
    anything. ``has_data``: whether the answer has the entry ``data``."""

    body: Any
    graphql_response: int
    json: int
    anything: int
    has_data: bool = False


CASES = {
    "a query": Case({"query": TYPENAME}, 200, 200, 200, has_data=True),
    "a named operation": Case({"query": "query A { __typename } query B { __typename }", "operationName": "B"}, 200, 200, 200, True),
    "variables": Case({"query": "query($n: String!) { __type(name: $n) { name } }", "variables": {"n": "X"}}, 200, 200, 200, True),
    "extensions": Case({"query": TYPENAME, "extensions": {"some": "value"}}, 200, 200, 200, True),
    "all null": Case({"query": TYPENAME, "variables": None, "operationName": None, "extensions": None}, 200, 200, 200, True),
    "a field that fails": Case({"query": '{ endpoint(id: "x") { id } __typename }'}, 200, 200, 200, True),
    "a failure that reaches the root": Case({"query": f'{{ endpointSecret(id: "{NOTHING}") }}'}, 200, 200, 200, True),
    "no JSON": Case(b'{ "not a JSON', 400, 400, 400),
    "no body": Case(b"", 400, 400, 400),
    "a list": Case([{"query": TYPENAME}], 400, 400, 400),
    "no query": Case({"qeury": TYPENAME}, 400, 400, 400),
    **{f"query {value}": Case({"query": value}, 400, 400, 400) for value in ({"a": 1}, 0, False, ["a"])},
    **{f"operationName {value}": Case({"query": TYPENAME, "operationName": value}, 400, 400, 400) for value in ({"a": 1}, 0, False, ["a"])},
    **{f"variables {value}": Case({"query": TYPENAME, "variables": value}, 400, 400, 400) for value in ("a", 0, False, ["a"])},
    **{f"extensions {value}": Case({"query": TYPENAME, "extensions": value}, 400, 400, 400) for value in ("a", 0, False, ["a"])},
    "no GraphQL": Case({"query": "{"}, 400, 200, 400),
    "an unknown field": Case({"query": "{ f8f31403 }"}, 400, 200, 200),
    "an unknown operation": Case({"query": TYPENAME, "operationName": "X"}, 400, 200, 200),
    "too deep": Case(
        {"query": "{ endpoints" + " { collectionItems { eventFilters { endpoints" * 4 + " { id }" + " } } }" * 4 + " }"}, 400, 200, 200
    ),
    "a variable that is missing": Case({"query": "query($id: ID!) { __typename }"}, 400, 200, 200),
    "a variable that is null": Case({"query": "query($id: ID!) { __typename }", "variables": {"id": None}}, 400, 200, 200),
    "a variable of another type": Case({"query": "query($n: Int) { __typename }", "variables": {"n": "x"}}, 400, 200, 200),
}


@pytest.mark.parametrize("name", CASES)
def test_the_status_says_what_the_client_can_hear(name: str, door: Door) -> None:
    case = CASES[name]

    for accept, status in (
        (GRAPHQL_RESPONSE, case.graphql_response),
        (BOTH, case.graphql_response),
        (JSON, case.json),
        ("*/*", case.anything),
    ):
        response = post(door, case.body, accept)

        assert response.status == status, accept
        assert ("data" in json.loads(response.body)) is case.has_data, accept


@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL_RESPONSE, 401), (JSON, 200), (None, 200)])
def test_a_caller_without_a_token_is_told_by_the_status_if_possible(accept: str | None, status: int, door: Door) -> None:
    response = door.send(json.dumps({"query": TYPENAME}), token=None, headers={} if accept is None else {"accept": accept})

    assert response.status == status
    assert json.loads(response.body)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_result_with_errors_is_a_result(door: Door) -> None:
    response = post(door, {"query": '{ endpoint(id: "x") { id } events { totalCount } }'}, GRAPHQL_RESPONSE)

    assert response.status == 200
    assert json.loads(response.body)["data"] == {"endpoint": None, "events": {"totalCount": 0}}


def test_a_text_of_the_new_type_is_sent_as_text_by_lambda(door: Door) -> None:
    """In base64 an answer of 5 MB would be 6.7 MB, and Lambda sends 6."""
    event = payload("endpoints")
    event["headers"]["accept"] = GRAPHQL_RESPONSE

    answered = door._handler(event, LambdaContext())

    assert answered["isBase64Encoded"] is False


# -- GET -------------------------------------------------------------------------------------------------------------------


def test_a_query_may_be_asked_by_get(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, NOTHING)
    query = "query A { __typename } query B($id: ID!) { endpoint(id: $id) { id } }"

    response = get(door, query=query, operationName="B", variables=json.dumps({"id": NOTHING}), extensions="{}")

    assert response.data == {"endpoint": {"id": NOTHING}}
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", [None, JSON, GRAPHQL_RESPONSE])
def test_a_mutation_by_get_is_refused_and_not_done(accept: str | None, door: Door, services: FakeServices) -> None:
    response = get(door, accept, query='mutation { createWebSocketEndpoint(name: "a") { id } }')

    assert response.status == 405
    assert response.headers["allow"] == "POST"
    assert json.loads(response.body)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert not services.calls


def test_a_mutation_beside_the_query_that_is_chosen_does_no_harm(door: Door, services: FakeServices) -> None:
    document = 'query A { __typename } mutation B { createWebSocketEndpoint(name: "a") { id } }'

    assert get(door, query=document, operationName="A").data == {"__typename": "Query"}
    assert get(door, query=document, operationName="B").status == 405
    assert not services.calls


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"query": ""}, "query: it must be a string"),
        ({"query": TYPENAME, "variables": "{"}, "variables: not JSON"),
        ({"query": TYPENAME, "variables": "[]"}, "variables: it must be an object"),
        ({"query": TYPENAME, "extensions": "5"}, "extensions: it must be an object"),
    ],
)
def test_a_url_that_cannot_be_read_is_a_400(parameters: dict[str, str], said: str, door: Door) -> None:
    response = get(door, **parameters)

    assert response.status == 400
    assert said in response.error["message"]


def test_a_query_by_get_needs_a_token(door: Door) -> None:
    assert get(door, GRAPHQL_RESPONSE, token=None, query=TYPENAME).status == 401


def test_a_get_without_a_query_says_what_is_possible(door: Door) -> None:
    response = get(door)

    assert response.status == 405
    assert response.headers["allow"] == "GET, POST"
    assert "?query=" in response.error["message"]


def test_a_browser_still_gets_the_page(door: Door) -> None:
    assert get(door, "text/html,*/*", token=None, query=TYPENAME).headers["content-type"].startswith("text/html")


# -- compression -----------------------------------------------------------------------------------------------------------


def large(door: Door, coding: str | None) -> Response:
    return post(
        door, {"query": "{ __schema { types { name description } } }"}, None, **({} if coding is None else {"accept-encoding": coding})
    )


@pytest.mark.parametrize("coding", ["gzip", "deflate, gzip;q=0.5, br", "*", "GZIP"])
def test_a_large_answer_is_compressed_for_who_takes_it(coding: str, door: Door) -> None:
    plain, packed = large(door, None), large(door, coding)

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "accept, accept-encoding"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["content-length"] == str(len(packed.body))
    assert len(packed.body) * 2 < len(plain.body)


@pytest.mark.parametrize("coding", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *"])
def test_who_does_not_take_gzip_gets_none(coding: str, door: Door) -> None:
    assert "content-encoding" not in large(door, coding).headers


def test_a_small_answer_is_not_compressed(door: Door) -> None:
    response = post(door, {"query": TYPENAME}, None, **{"accept-encoding": "gzip"})

    assert len(response.body) < LEAST_COMPRESSED_BYTES
    assert "content-encoding" not in response.headers


def test_what_gets_no_smaller_is_sent_as_it_is(door: Door, services: FakeServices) -> None:
    """Lambda sends bytes as base64, a third longer."""
    chance = base64.b85encode(b"".join(hashlib.sha256(bytes([number])).digest() for number in range(200))).decode()
    events = [{"type": "A", "data": {"chance": chance}}]
    door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": events})

    response = post(door, {"query": "{ events { collectionItems { data } } }"}, None, **{"accept-encoding": "gzip"})

    assert len(response.body) > 8_000
    assert "content-encoding" not in response.headers


def test_errors_are_compressed_and_typed_like_data(door: Door) -> None:
    query = "{ " + " ".join(f"unknown{number}" for number in range(20)) + " }"

    response = post(door, {"query": query}, GRAPHQL_RESPONSE, **{"accept-encoding": "gzip"})

    assert response.status == 400
    assert response.headers["content-type"].startswith(GRAPHQL_RESPONSE)
    assert len(json.loads(gzip.decompress(response.body))["errors"]) == 20


def test_nothing_is_accepted_by_a_header_that_is_none() -> None:
    assert not accepted_by({"accept": ";;,;q=", "accept-encoding": ",;"}).graphql_response
    assert not accepted_by({"accept": "", "accept-encoding": ""}).gzip


# -- extensions of errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "variables", "argument"),
    [
        ('{ endpoint(id: "x") { id } }', {}, "id"),
        ('{ endpoints(filters: {id: {exact: "x"}}) { totalCount } }', {}, "filters.id.exact"),
        ("{ endpoints(first: 0) { totalCount } }", {}, "first"),
        ('{ endpoints(after: "x") { totalCount } }', {}, "after"),
        ("{ events(pagination: {limit: -1}) { totalCount } }", {}, "pagination.limit"),
        ('mutation { createWebSocketEndpoint(name: "") { id } }', {}, "name"),
        ('mutation { createWebSocketEndpoint(name: "a", labels: {team: 1}) { id } }', {}, "labels.team"),
        ('mutation { publishEvents(events: [{type: A, data: {}}, {type: "", data: {}}]) { ok } }', {}, "events[1].type"),
        ("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": [{"type": "A", "data": {}, "date": 5}]}, "e[0].date"),
        ("query($id: ID!) { endpoint(id: $id) { id } }", {}, "id"),
        ("query($n: Int) { endpoints(first: $n) { totalCount } }", {"n": "x"}, "n"),
        ("{ endpoint { id } }", {}, "id"),
    ],
)
def test_an_error_says_which_argument_is_wrong(query: str, variables: dict[str, Any], argument: str, door: Door) -> None:
    response = door.ask(query, variables)

    assert response.json["errors"][0]["extensions"].get("argument") == argument, response.json


@pytest.mark.parametrize(
    "query", ["{ unknown }", "{", f'mutation {{ updateEndpoint(id: "{NOTHING}") {{ id }} }}', f'{{ endpointSecret(id: "{NOTHING}") }}']
)
def test_an_error_that_is_of_no_argument_names_none(query: str, door: Door) -> None:
    assert "argument" not in door.ask(query).error["extensions"]


def test_throttling_says_when_to_come_again(door: Door, services: FakeServices) -> None:
    services.failures["rows.endpoint_page"] = RateLimited("The database is busy. Try again.")

    assert door.ask("{ endpoints { collectionItems { id } } }").error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 5}
    assert "retryAfterSeconds" not in door.ask('{ endpoint(id: "x") { id } }', token=OTHER_TOKEN).error["extensions"]


# -- the public audits -------------------------------------------------------------------------------------------------


def audited(door: Door) -> list[Audit]:
    def answer(method: str, url: str, headers: dict[str, str], body: str | None) -> Answered:
        event = payload("endpoints")
        event["requestContext"]["http"]["method"] = method
        event["rawQueryString"] = urlsplit(url).query
        event["headers"] = {**headers, "token": TOKEN}
        event |= {"body": body or "", "isBase64Encoded": False}
        response = door.invoke(event)
        return Answered(response.status, response.headers, base64.b64encode(response.body).decode())

    return run_audits(answer)


def test_the_public_audits_find_nothing(door: Door) -> None:
    found = audited(door)

    assert len(found) == 61
    assert [one for one in found if one.status != "ok"] == []


def test_the_public_audits_find_a_door_that_does_not_negotiate(door: Door) -> None:
    class Stubborn(Door):
        def invoke(self, event: dict[str, Any]) -> Response:
            return door.invoke(event | {"headers": {**event["headers"], "accept": JSON}})

    assert {one.status for one in audited(Stubborn(FakeServices()))} > {"ok"}
