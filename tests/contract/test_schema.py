"""The exported schema is what the code serves, and does all that clients of the documented API need."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, build_schema

from event_service.base.marks import Marks
from event_service.configuration.endpoint import SETTINGS, Endpoint, contract_name
from event_service.filters.event_filter import EventFilter
from functions.graphql_api.export_schema import SCHEMA_FILE, schema_text

DOCUMENTED = {
    "Query": {"endpoints", "eventsFilters", "events"},
    "Mutation": {
        "createWebSocketEndpoint",
        "createWebhookEndpoint",
        "deleteEndpoints",
        "linkEndpointsToEventFilters",
        "unlinkEndpointsToEventFilters",
        "createEventFilters",
    },
    "EndpointOutput": {"id", "creationDate", "lastModified", "name", "type", "meta", "workspaceId"},
    "EventFiltersOutput": {"id", "creationDate", "lastModified", "name", "meta", "workspaceId", "endpoints"},
    "EventOutput": {"id", "date", "type", "data", "agentId", "cameraId", "workspaceId", "creationDate", "lastModified"},
    "DateLookup": {"exact", "gt", "gte", "lt", "lte"},
    "PaginationInput": {"offset", "limit"},
    "EndpointFilters": {"id", "type"},
    "EndpointOrder": {"creation_date", "creationDate"},
    "EventFiltersOrder": {"creation_date", "creationDate", "last_modified", "lastModified"},
    "EventFilters": {"id", "type", "date", "dataIdentificationDataProfileId", "activityId"},
    "EventFiltersInput": {"in", "pattern"},
    "ConditionFields": {"cameraIds", "agentIds", "profileGroupIds", "eventTypes"},
    "EndpointType": {"WEB_SOCKET", "WEB_HOOK"},
    "Ordering": {"ASC", "DESC"},
}


def test_the_exported_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m functions.graphql_api.export_schema"


def test_the_command_writes_the_schema(tmp_path: Path) -> None:
    target = tmp_path / "schema.graphql"

    subprocess.run([sys.executable, "-m", "functions.graphql_api.export_schema", str(target)], check=True, timeout=60)

    assert target.read_text(encoding="utf-8") == schema_text()


def test_every_documented_name_is_there() -> None:
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))

    for name, members in DOCUMENTED.items():
        found = schema.type_map[name]
        assert isinstance(found, GraphQLObjectType | GraphQLInputObjectType | GraphQLEnumType)
        have = found.values if isinstance(found, GraphQLEnumType) else found.fields
        assert members <= set(have), name


SHOWN_OTHERWISE = {"created": "creationDate", "modified": "lastModified", **dict.fromkeys(SETTINGS, "meta")}
NOT_SHOWN = {"matches_nothing", "marks", "index_entries"}
"""The first is part of the status, the second is shown field by field, the third is for quotas."""


def fields_of(type_name: str) -> set[str]:
    found = build_schema(SCHEMA_FILE.read_text(encoding="utf-8")).type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return set(found.fields)


def arguments_of(mutation: str) -> set[str]:
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert schema.mutation_type is not None
    return set(schema.mutation_type.fields[mutation].args)


@pytest.mark.parametrize(
    ("kept", "shown", "otherwise"),
    [(Endpoint, "EndpointOutput", SHOWN_OTHERWISE), (EventFilter, "EventFiltersOutput", {**SHOWN_OTHERWISE, "condition": "meta"})],
)
def test_every_field_that_is_kept_is_shown(kept: type[Any], shown: str, otherwise: dict[str, str]) -> None:
    names = {one.name for one in fields(kept)} - NOT_SHOWN | {one.name for one in fields(Marks)}

    assert {otherwise.get(name, contract_name(name)) for name in names} - fields_of(shown) == set()


@pytest.mark.parametrize(
    "mutation", ["createWebhookEndpoint", "createWebSocketEndpoint", "updateEndpoint", "createEventFilters", "updateEventFilters"]
)
def test_every_mark_can_be_given(mutation: str) -> None:
    assert {contract_name(one.name) for one in fields(Marks)} - arguments_of(mutation) == set()


def test_every_setting_can_be_given_and_changed() -> None:
    settings = set(map(contract_name, SETTINGS))

    assert settings - arguments_of("createWebhookEndpoint") - arguments_of("createWebSocketEndpoint") == set()
    assert settings - arguments_of("updateEndpoint") == set()


def test_a_mutation_that_fails_can_be_null() -> None:
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))

    assert schema.mutation_type is not None
    assert [name for name, field in schema.mutation_type.fields.items() if str(field.type).endswith("!")] == []
