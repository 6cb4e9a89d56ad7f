"""`event-service deliveries`: what became of events on their way to webhooks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import UsageError
from cli.session import in_groups, pages, session_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List deliveries, and start failed ones again.")

_COLUMNS: Final = {
    "status": "status",
    "eventId": "event",
    "endpointId": "endpoint",
    "attempts": "attempts",
    "nextAttemptDate": "next",
    "id": "id",
}


class _Status(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    DISCARDED = "DISCARDED"


@app.command("list")
def list_deliveries(
    context: typer.Context,
    event: Annotated[str | None, typer.Option(metavar="ID", help="Only of this event.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ID", help="Only to this endpoint.")] = None,
    status: Annotated[list[_Status] | None, typer.Option(help="Only these; may be repeated.")] = None,
    status_code: Annotated[int | None, typer.Option(help="Whose last attempt was answered with this.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 20,
) -> None:
    """List deliveries, the newest first. The list may lag by seconds; --json shows every attempt."""
    session = session_of(context)
    found = pages(session, documents.DELIVERIES, "deliveries", limit=limit, filters=_filters(event, endpoint, status, status_code))
    session.output.rows(list(found), _COLUMNS)


@app.command()
def retry(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of deliveries.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ID", help="Instead of ids: all that failed to this endpoint.")] = None,
) -> None:
    """Start deliveries again that were given up."""
    session = session_of(context)
    if bool(ids) == bool(endpoint):
        raise UsageError("Give the ids of deliveries, or --endpoint for all that failed to an endpoint.")
    chosen = list(ids or [])
    if endpoint:
        failed = pages(session, documents.DELIVERIES, "deliveries", limit=0, filters=_filters(None, endpoint, [_Status.FAILED]))
        chosen = [delivery["id"] for delivery in failed]
    for number, group in enumerate(in_groups(chosen), 1):
        session.target.graphql.execute(documents.RETRY_DELIVERIES, ids=group)
        if len(chosen) > len(group):
            session.output.note(f"{min(number * 100, len(chosen))} of {len(chosen)} started again")
    session.output.done(f"Started {len(chosen)} again.", ok=True, count=len(chosen))


def _filters(
    event: str | None, endpoint: str | None, statuses: list[_Status] | None, status_code: int | None = None
) -> dict[str, Any] | None:
    exact = {"eventId": event, "endpointId": endpoint, "statusCode": status_code}
    chosen: dict[str, Any] = {key: {"exact": value} for key, value in exact.items() if value}
    if statuses:
        chosen["status"] = {"exact": statuses[0].value} if len(statuses) == 1 else {"in": [one.value for one in statuses]}
    return chosen or None
