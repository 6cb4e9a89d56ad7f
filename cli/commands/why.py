"""`event-service why`: the outcome of an event, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import CommandError
from cli.session import ITEMS_PER_PAGE, Session, session_of

_COLUMNS: Final = {"outcome": "outcome", "name": "endpoint", "id": "id", "sentence": "why"}


def why(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The id of an event.")],
    endpoint: Annotated[str | None, typer.Argument(metavar="[ENDPOINT]", help="The id of an endpoint; all without it.")] = None,
) -> None:
    """Say why an event did or did not reach an endpoint, or each endpoint."""
    session = session_of(context)
    if endpoint is None:
        _show_all(session, event)
        return
    found = session.target.graphql.execute(documents.EXPLAIN, event=event, endpoint=endpoint)["explainDelivery"]
    if session.output.as_json:
        session.output.value(found)
        return
    session.output.text(f"{found['outcome']}: {found['sentence']}")
    if found["configurationVersion"] is not None:
        session.output.text(f"Routed by version {found['configurationVersion']} of the configuration.")
    for one in found["filters"]:
        session.output.text(f"{'+' if one['matched'] else '-'} {one['name']} ({one['eventFiltersId']})")
        for clause in one["failed"]:
            session.output.text(f"    {clause['sentence']}")
        change = one["lastChange"]
        if change is not None:
            session.output.text(
                f"    last change: version {change['version']}, {change['date']}, by {change['actor']}: {change['sentence']}"
            )
        session.output.text(f"    {one['lastMatch']['sentence']}")


def _show_all(session: Session, event: str) -> None:
    found = list(_destinations(session, event))
    if session.output.as_json:
        session.output.value(found)
        return
    rows = [{**one, "name": one["endpoint"]["name"], "id": one["endpoint"]["id"]} for one in found]
    session.output.rows(rows, _COLUMNS)


def _destinations(session: Session, event: str) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        data = session.target.graphql.execute(documents.DESTINATIONS, event=event, first=ITEMS_PER_PAGE, after=after)
        items = data["events"]["collectionItems"]
        if not items:
            raise CommandError(f"There is no event with the id {event!r}, or its retention is over.")
        page = items[0]["destinations"]
        yield from page["collectionItems"]
        after = page["endCursor"]
        if not page["hasNextPage"]:
            return
