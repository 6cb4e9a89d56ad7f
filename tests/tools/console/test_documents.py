"""The console's GraphQL operations fit the schema, and the file with their types is what they make."""

from __future__ import annotations

import pytest

from local.console_documents import DOCUMENTS, OPERATIONS, SCHEMA, current, documents
from local.tools import ToolError


def test_the_file_of_operations_is_what_they_and_the_schema_make() -> None:
    assert DOCUMENTS.read_text(encoding="utf-8") == current(), (
        "it is stale: run make console, or without Node .venv/bin/python -m local.console_documents"
    )


def test_a_schema_without_a_field_that_the_console_needs_is_refused() -> None:
    schema = SCHEMA.read_text(encoding="utf-8")
    operations = "\n".join(one.read_text(encoding="utf-8") for one in sorted(OPERATIONS.glob("*.graphql")))
    assert schema.count("  statusReason: String\n") == 1

    with pytest.raises(ToolError, match="Cannot query field 'statusReason' on type 'EndpointOutput'"):
        documents(schema.replace("  statusReason: String\n", "  reason: String\n"), operations)


def test_a_type_that_changes_changes_the_file() -> None:
    schema = "type Query { one(id: ID!): One } type One { size: Int! }"
    operations = "query Ask($id: ID!) { one(id: $id) { size } }"

    before, after = documents(schema, operations), documents(schema.replace("size: Int!", "size: Int"), operations)

    assert "size: number;" in before
    assert "size: number | null;" in after


def test_variables_fragments_lists_and_enums_have_their_types() -> None:
    schema = """
        scalar JSON
        scalar DateTime
        enum Color { RED GREEN }
        input Wanted { color: Color, ids: [ID!] = null, size: Int! }
        type One { id: ID!, color: Color, tags: [String!]!, maybe: [One!], made: DateTime!, any: JSON! }
        type Query { ones(wanted: Wanted!, first: Int = 5): [One!]! }
    """
    operations = """
        fragment Part on One { id made }
        query Ones($wanted: Wanted!, $first: Int) { ones(wanted: $wanted, first: $first) { ...Part color tags any maybe { id } } }
    """

    text = documents(schema, operations)

    assert 'export type Color = "RED" | "GREEN";' in text
    assert "export interface Wanted {\n  color?: Color | null;\n  ids?: string[] | null;\n  size: number;\n}" in text
    assert "  wanted: Wanted;\n  first?: number | null;\n" in text
    assert "ones: (Part & {\n    color: Color | null;\n    tags: string[];\n    any: Json;\n" in text
    assert "    maybe: {\n      id: string;\n    }[] | null;\n  })[];" in text
    assert "fragment Part on One" in text
