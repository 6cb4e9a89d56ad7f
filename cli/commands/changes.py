"""`event-service changes`: who changed what."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from cli import documents
from cli.session import connection, session_of

_COLUMNS: Final = {"version": "version", "date": "date", "actor": "by", "sentence": "change"}


def changes(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all that are kept.")] = 20,
) -> None:
    """List the changes of endpoints, event filters and links, the newest first. --json shows what was before and after."""
    session = session_of(context)
    session.output.rows(list(connection(session, documents.CHANGES, "changes", limit=limit)), _COLUMNS)
