"""The exported schema is what the code serves, and does all that clients of the documented API need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, build_schema

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


def test_a_mutation_that_fails_can_be_null() -> None:
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))

    assert schema.mutation_type is not None
    assert [name for name, field in schema.mutation_type.fields.items() if str(field.type).endswith("!")] == []
