"""`event-service configuration`: how it was."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import UsageError
from cli.session import ITEMS_PER_PAGE, following, moment, session_of

_COLUMNS: Final = {"kind": "kind", "name": "name", "id": "id", "eventFiltersIds": "linked to"}


def configuration(
    context: typer.Context,
    version: Annotated[int | None, typer.Option(min=0, help="The version, as `changes` shows it.")] = None,
    date: Annotated[str | None, typer.Option(help="A date, or 90s, 15m, 2h, 7d before now.")] = None,
) -> None:
    """Show endpoints, event filters and links as they were at a version or a date. --json shows what was set."""
    if version is not None and date is not None:
        raise UsageError("--version, --date: give one of them.")
    session, at = session_of(context), moment(date, "--date")
    items: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = session.target.graphql.execute(documents.CONFIGURATION, version=version, date=at, first=ITEMS_PER_PAGE, after=after)[
            "configuration"
        ]
        items += page["collectionItems"]
        if not page["hasNextPage"]:
            break
        after = following(page, after)
    if session.output.as_json:
        session.output.value({name: page[name] for name in ("version", "date", "complete", "sentence")} | {"collectionItems": items})
        return
    session.output.text(page["sentence"])
    session.output.rows([{**one, "eventFiltersIds": ", ".join(one["eventFiltersIds"] or ())} for one in items], _COLUMNS)
