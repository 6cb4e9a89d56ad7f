"""Generated requests, valid and broken, through the real handler: never a 500, never a fault of ours, never a stack trace.

2,200 requests a run, drawn from the exported schema and from bytes; the examples are the same in every run.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import (
    BooleanValueNode,
    EnumValueNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    build_schema,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import Mode, from_schema

from event_service.delivery.attempt import DeliveryStatus
from functions.graphql_api.export_schema import SCHEMA_FILE
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import TOKEN, WORKSPACE, Door, Response

PARSED = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
ROOT_FIELDS = [name for root in (PARSED.query_type, PARSED.mutation_type) if root for name in root.fields]
KNOWN = "357fe643-2396-4919-bd9e-a30f0ac28818"
BOUNDED = settings(deadline=None, suppress_health_check=list(HealthCheck))


class FreshServices:
    """Other use cases for each example, behind one handler: what examples create must not pile up."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        services = FakeServices()
        services.add_token(TOKEN, WORKSPACE)
        services.put_endpoint(WORKSPACE, KNOWN)
        services.put_event_filter(WORKSPACE, KNOWN, [KNOWN])
        services.add_delivery(WORKSPACE, KNOWN, "e-1", status=DeliveryStatus.FAILED, attempts=(), next_attempt=None)
        self._services = services

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)


SERVICES = FreshServices()


@pytest.fixture(scope="module")
def door() -> Door:
    return Door(SERVICES)


def no_fault(response: Response, *, statuses: tuple[int, ...] = (200, 400)) -> None:
    assert response.status in statuses, response.body
    assert b"Traceback" not in response.body
    assert b"requestId" not in response.body, response.body
    body = response.json
    assert isinstance(body, dict)
    for error in body.get("errors", []):
        assert error["message"]
        assert error["extensions"]["code"] in {"BAD_USER_INPUT", "NOT_FOUND", "TOO_LARGE", "CONFLICT"}, error


strings = st.one_of(st.text(max_size=20), st.sampled_from([KNOWN, KNOWN.upper(), "", "2024-05-22T08:55:23Z", "null", "1e999", "{}"]))
string_nodes = strings.map(lambda text: StringValueNode(value=text))
leaf_nodes = st.one_of(
    string_nodes,
    st.integers().map(lambda number: IntValueNode(value=str(number))),
    st.booleans().map(lambda value: BooleanValueNode(value=value)),
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).map(lambda name: NameNode(value=name))
json_nodes = st.recursive(
    leaf_nodes,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: ListValueNode(values=tuple(values))),
        st.lists(st.builds(lambda name, value: ObjectFieldNode(name=name, value=value), names, inner), max_size=3).map(
            lambda fields: ObjectValueNode(fields=tuple(fields))
        ),
    ),
    max_leaves=8,
)
SCALARS: Any = {
    "DateTime": st.one_of(string_nodes, st.datetimes().map(lambda date: StringValueNode(value=date.isoformat() + "Z"))),
    "JSON": json_nodes,
    "EventType": st.one_of(string_nodes, st.just(EnumValueNode(value="IDENTIFICATION"))),
}


one_field = st.sampled_from(ROOT_FIELDS).flatmap(lambda name: from_schema(PARSED, fields=[name], custom_scalars=SCALARS))
"""A document that asks for one field of the root (perhaps several times): a third of the time of one that draws from all of them, and
each field is asked for as often as the others."""


@settings(BOUNDED, max_examples=450)
@given(document=one_field)
def test_valid_documents_never_fault(document: str, door: Door) -> None:
    SERVICES.renew()
    no_fault(door.ask(document))


@settings(BOUNDED, max_examples=75)
@given(document=from_schema(PARSED, custom_scalars=SCALARS))
def test_valid_documents_of_many_fields_never_fault(document: str, door: Door) -> None:
    SERVICES.renew()
    no_fault(door.ask(document))


@settings(BOUNDED, max_examples=600)
@given(document=from_schema(PARSED, custom_scalars=SCALARS, mode=Mode.NEGATIVE))
def test_documents_that_break_the_schema_never_fault(document: str, door: Door) -> None:
    SERVICES.renew()
    no_fault(door.ask(document))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), strings),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(strings, inner, max_size=3)),
    max_leaves=10,
)
PUBLISH = "mutation($events: [EventInput!]!) { publishEvents(events: $events) { ok ids duplicateIds } }"
events = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "type", "date", "data", "agentId", "cameraId", "x"), json_values))
CONDITION = "mutation($c: EventFiltersInput!) { createEventFilters(eventFiltersInput: $c) { meta } }"
conditions = st.fixed_dictionaries({}, optional=dict.fromkeys(("in", "pattern", "x"), json_values))


@settings(BOUNDED, max_examples=400)
@given(request=st.one_of(st.tuples(st.just(PUBLISH), st.fixed_dictionaries({"events": st.lists(events, max_size=3)})),
                         st.tuples(st.just(CONDITION), st.fixed_dictionaries({"c": conditions}))))  # fmt: skip
def test_variables_of_any_shape_never_fault(request: tuple[str, dict[str, Any]], door: Door) -> None:
    SERVICES.renew()
    no_fault(door.ask(*request))


@settings(BOUNDED, max_examples=400)
@given(
    body=st.one_of(
        st.binary(max_size=60),
        json_values.map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries({"query": st.one_of(st.text(max_size=40), json_values)}).map(lambda value: json.dumps(value).encode()),
        st.text(alphabet='{}()[]:"$@.!a1 \\#\n', max_size=40).map(lambda text: json.dumps({"query": text}).encode()),
    )
)
def test_bodies_of_any_bytes_never_fault(body: bytes, door: Door) -> None:
    no_fault(door.send(body))


@settings(BOUNDED, max_examples=200)
@given(
    body=st.one_of(
        st.binary(max_size=60),
        json_values.map(lambda value: json.dumps(value).encode()),
        st.dictionaries(st.sampled_from(["specversion", "id", "source", "type", "time", "data", "data_base64", "x"]), json_values).map(
            lambda value: json.dumps({"specversion": "1.0", "id": "1", "source": "/a", "type": "t", **value}).encode()
        ),
    ),
    content_type=st.sampled_from(["application/cloudevents+json", "application/cloudevents-batch+json", "application/json", "text/plain"]),
)
def test_cloud_events_of_any_shape_never_fault(body: bytes, content_type: str, door: Door) -> None:
    SERVICES.renew()
    response = door.send(body, path="/event-service/events", headers={"content-type": content_type, "ce-id": "1"})

    assert response.status in (202, 400, 413), response.body
    assert b"Traceback" not in response.body
    assert isinstance(response.json, dict if response.status == 202 else list)
