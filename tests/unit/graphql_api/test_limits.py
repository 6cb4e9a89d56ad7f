"""What one request may ask for, and that fragments are no way around it."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from event_service.base.json_values import dumps
from functions.graphql_api import documents as documents_module
from functions.graphql_api import limits
from functions.graphql_api.documents import CACHE_SIZE, CACHED_CHARACTERS, Documents, InvalidDocument
from functions.graphql_api.limits import MAXIMUM_ANSWER_BYTES, MAXIMUM_ESCAPED_ANSWER_BYTES
from functions.graphql_api.schema.schema import build_schema
from tests import builders
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import WORKSPACE, Door


def levels(depth: int) -> str:
    """A query of so many levels."""
    nested = "id"
    for level in range(depth - 3):
        nested = f"{'eventFilters' if (depth - level) % 2 else 'endpoints'} {{ {nested} }}"
    root = "endpoints" if nested.startswith("eventFilters") or nested == "id" else "eventsFilters"
    return f"{{ {root} {{ collectionItems {{ {nested} }} }} }}"


def test_ten_levels_are_allowed_and_eleven_are_not(door: Door) -> None:
    assert "errors" not in door.ask(levels(10)).json

    response = door.ask(levels(11))

    assert response.code == "BAD_USER_INPUT"
    assert response.error["message"] == "The query is 11 levels deep; at most 10 are allowed."


def test_fragments_count_where_they_are_spread(door: Door) -> None:
    deep = (
        "{ endpoints { collectionItems { ...A } } }"
        "fragment A on EndpointOutput { eventFilters { endpoints { ...B } } }"
        "fragment B on EndpointOutput { eventFilters { endpoints { ...C } } }"
        "fragment C on EndpointOutput { eventFilters { endpoints { eventFilters { endpoints { id } } } } }"
    )
    aliased = "{ ...A ...A ...A ...A } fragment A on Query {" + "".join(f"a{n}: __typename " for n in range(10)) + "}"

    assert "levels deep" in door.ask(deep).error["message"]
    assert "40 aliases; at most 30" in door.ask(aliased).error["message"]


def test_thirty_aliases_are_allowed_and_thirty_one_are_not(door: Door) -> None:
    def aliases(number: int) -> str:
        return "{" + " ".join(f"a{n}: __typename" for n in range(number)) + "}"

    assert "errors" not in door.ask(aliases(30)).json
    assert door.ask(aliases(31)).error["message"] == "The query uses 31 aliases; at most 30 are allowed."


def test_a_document_of_more_than_20_000_tokens_is_not_read(door: Door) -> None:
    response = door.ask("{" + " a" * 20_000 + "}")

    assert response.code == "BAD_USER_INPUT"
    assert "20000 tokens" in response.error["message"]


def test_500_fields_are_allowed_and_more_are_not(door: Door) -> None:
    assert "errors" not in door.ask("{" + " __typename" * 500 + "}").json
    assert "501 fields; at most 500" in door.ask("{" + " __typename" * 501 + "}").error["message"]


def test_fragments_that_multiply_are_measured_without_being_spread(door: Door) -> None:
    fragments = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))

    response = door.ask(f"{{ ...F0 }} {fragments} fragment F60 on Query {{ __typename }}")

    assert "more than a billion fields" in response.error["message"]


def test_a_hundred_fragments_are_enough(door: Door) -> None:
    fragments = "".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(100))

    assert "101 fragments" in door.ask(f"{{ ...F0 }} {fragments} fragment F100 on Query {{ __typename }}").error["message"]


def test_several_limits_are_reported_together(door: Door) -> None:
    aliases = " ".join(f"a{n}: __typename" for n in range(31))

    assert len(door.ask(levels(12)[:-1] + aliases + "}").error["extensions"]["problems"]) == 2


def test_introspection_is_deeper_than_queries_may_be(door: Door) -> None:
    from graphql import get_introspection_query

    schema = door.ask(get_introspection_query(input_value_deprecation=True)).data["__schema"]

    assert {"EndpointOutput", "EventInput"} <= {one["name"] for one in schema["types"]}


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { __schema { queryType { name } } }",
    ],
)
def test_introspection_can_be_turned_off(query: str, services: FakeServices) -> None:
    response = Door(services, GRAPHQL_INTROSPECTION="false").ask(query)

    assert {error["extensions"]["code"] for error in response.json["errors"]} == {"BAD_USER_INPUT"}
    assert "data" not in response.json


def test_errors_suggest_no_names_without_introspection(services: FakeServices) -> None:
    assert "endpoints" not in Door(services, GRAPHQL_INTROSPECTION="false").ask("{ endpoinds { x } }").error["message"]
    assert "endpoints" in Door(services).ask("{ endpoinds { x } }").error["message"]


# -- results -----------------------------------------------------------------------------------------------------------


def fill_with_links(services: FakeServices, endpoints: int, filters: int) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(endpoints)]
    for endpoint_id in ids:
        services.put_endpoint(WORKSPACE, endpoint_id)
    for number in range(filters):
        services.put_event_filter(WORKSPACE, f"00000000-0000-4000-9000-{number:012d}", ids)


def test_a_result_holds_10_000_objects_and_no_more(door: Door, services: FakeServices) -> None:
    fill_with_links(services, 100, 99)
    query = "{ endpoints(pagination: {limit: %d}) { collectionItems { eventFilters { id } } } }"

    assert "errors" not in door.ask(query % 100).json
    fill_with_links(services, 101, 99)
    response = door.ask(query % 101)

    assert response.json["data"] is None
    assert {error["extensions"]["code"] for error in response.json["errors"]} == {"TOO_LARGE"}
    assert "10,000" in response.json["errors"][0]["message"]


def publish(services: FakeServices, count: int, data: dict[str, Any]) -> None:
    now = services.clock()
    services.publishing().events.extend(
        builders.an_event(id=f"e-{number}", type="A", date=now, data=data, workspace_id=WORKSPACE, created=now) for number in range(count)
    )


@pytest.mark.parametrize("text", ["x" * 60_000, '"' * 40_000, "я" * 30_000, "\\" * 30_000])
def test_an_answer_that_is_too_large_names_the_limit_that_fits(text: str, door: Door, services: FakeServices) -> None:
    publish(services, 100, {"text": text})

    response = door.ask("{ events { collectionItems { id data } } }")

    assert response.status == 200
    assert response.code == "TOO_LARGE"
    assert f"{MAXIMUM_ANSWER_BYTES:,}" in response.error["message"]
    fitting = int(response.error["message"].split("limit: ")[1].split("}")[0])
    assert 0 < fitting < 100
    fits = door.ask(f"{{ events(pagination: {{limit: {fitting}}}) {{ collectionItems {{ id data }} }} }}")
    assert "errors" not in fits.json
    assert len(json.dumps(fits.body.decode(), ensure_ascii=False).encode()) <= MAXIMUM_ESCAPED_ANSWER_BYTES + 2
    assert door.ask(f"{{ events(pagination: {{limit: {fitting + 1}}}) {{ collectionItems {{ id data }} }} }}").code == "TOO_LARGE"


def test_several_lists_that_are_too_large_together_are_each_named(door: Door, services: FakeServices) -> None:
    publish(services, 60, {"text": "x" * 60_000})

    message = door.ask("{ a: events { collectionItems { data } } b: events { collectionItems { data } } }").error["message"]

    limits_named = [int(part.split("}")[0]) for part in message.split("limit: ")[1:]]
    assert len(limits_named) == 2
    assert sum(limits_named) * len(dumps({"data": {"text": "x" * 60_000}})) < MAXIMUM_ANSWER_BYTES


def test_the_limit_is_found_under_an_alias(door: Door, services: FakeServices) -> None:
    publish(services, 100, {"text": "x" * 60_000})

    assert "limit: 83}" in door.ask("{ mine: events { some: collectionItems { data } } }").error["message"]


def test_a_query_that_takes_too_long_says_so(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(limits, "QUERY_SECONDS", 0.05)
    monkeypatch.setattr(services.events_reading(), "count", lambda *_: released.wait(10))

    response = door.ask("{ events { totalCount } }")
    released.set()

    assert response.status == 200
    assert response.code == "TOO_LARGE"


def test_mutations_run_one_after_the_other(door: Door, services: FakeServices) -> None:
    created = door.ask(
        """mutation {
            a: createWebSocketEndpoint(name: "a") { creationDate }
            b: createWebSocketEndpoint(name: "b") { creationDate }
            c: createWebSocketEndpoint(name: "c") { creationDate }
        }"""
    ).data

    dates = [created[alias]["creationDate"] for alias in "abc"]
    assert dates == sorted(dates)


# -- documents -------------------------------------------------------------------------------------------------------


def test_a_document_is_read_once_and_the_cache_is_bounded() -> None:
    documents = Documents(build_schema().core, introspection=True)

    first = documents.read("{ __typename }")
    assert documents.read("{ __typename }") is first
    for number in range(CACHE_SIZE):
        documents.read(f"query Q{number} {{ __typename }}")
    assert documents.read("{ __typename }") is not first


def test_the_cache_of_documents_is_bounded_by_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "CACHE_CHARACTERS", 3 * len("query Q0 { __typename }"))
    documents = Documents(build_schema().core, introspection=True)
    texts = [f"query Q{number} {{ __typename }}" for number in range(4)]
    first, *_, last = [documents.read(text) for text in texts]

    assert documents.read(texts[3]) is last
    assert documents.read(texts[0]) is not first


def test_long_documents_and_invalid_ones_are_not_kept() -> None:
    documents = Documents(build_schema().core, introspection=True)
    long = "{ __typename " + "#" * CACHED_CHARACTERS + "\n}"

    assert documents.read(long) is not documents.read(long)
    for _ in range(2):
        with pytest.raises(InvalidDocument):
            documents.read("{ nothing }")


def test_the_event_loop_is_not_blocked_by_use_cases(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists of one query are read side by side: each waits for the other to have begun."""
    together = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(services.rows, "before", lambda operation: together.wait())

    door = Door(services)

    assert "errors" not in door.ask("{ endpoints { collectionItems { id } } eventsFilters { collectionItems { id } } }").json
