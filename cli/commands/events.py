"""`event-service events`: what was published."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.commands.export import export
from cli.errors import CommandError
from cli.session import moment, pages, session_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List and export events, and read one.")
app.command("export")(export)

_COLUMNS: Final = {"date": "date", "type": "type", "id": "id", "data": "data"}


@app.command("list")
def list_events(
    context: typer.Context,
    event_type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    since: Annotated[str | None, typer.Option(help="On or after this date, or 90s, 15m, 2h, 7d before now.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this date; likewise.")] = None,
    profile_id: Annotated[str | None, typer.Option(help="With this profile in data.identification_data.")] = None,
    activity_id: Annotated[str | None, typer.Option(help="With this data.activity_id.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 20,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Instead of the newest first.")] = False,
) -> None:
    """List events by date, the newest first. The list may lag by seconds."""
    session = session_of(context)
    chosen: dict[str, Any] = {}
    if event_type:
        chosen["type"] = {"exact": event_type}
    dates = {"gte": moment(since, "--since"), "lt": moment(until, "--until")}
    if any(dates.values()):
        chosen["date"] = {key: value for key, value in dates.items() if value}
    if profile_id:
        chosen["dataIdentificationDataProfileId"] = {"exact": profile_id}
    if activity_id:
        chosen["activityId"] = {"exact": activity_id}
    order = {"date": "ASC" if oldest_first else "DESC"}
    found = pages(session, documents.EVENTS, "events", limit=limit, filters=chosen or None, order=order)
    session.output.rows(list(found), _COLUMNS)


@app.command("get")
def get_event(context: typer.Context, event: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one event."""
    session = session_of(context)
    found = list(pages(session, documents.EVENTS, "events", limit=1, filters={"id": {"exact": event}}))
    if not found:
        raise CommandError(f"There is no event with the id {event!r}, or its retention is over.")
    session.output.value(found[0])
