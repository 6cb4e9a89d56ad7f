"""Writes the GraphQL schema to ``docs/schema.graphql``: ``python -m functions.graphql_api.export_schema [FILE]``."""

from __future__ import annotations

import sys
from pathlib import Path

from functions.graphql_api.schema.schema import build_schema

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "schema.graphql"


def schema_text() -> str:
    """The schema in GraphQL's own language."""
    return build_schema().as_str() + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else SCHEMA_FILE).write_text(schema_text(), encoding="utf-8")
