"""`event-service events`: what was published."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.commands.erase import erase
from cli.commands.export import export
from cli.errors import CommandError
from cli.patterns import read_pattern
from cli.session import moment, pages, session_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, export and erase events, and read one.")
app.command("export")(export)
app.command("erase")(erase)

_COLUMNS: Final = {"date": "date", "type": "type", "id": "id", "data": "data"}


@app.command("list")
def list_events(
    context: typer.Context,
    event_types: Annotated[list[str] | None, typer.Option("--type", help="Only this type; may be repeated.")] = None,
    prefix: Annotated[str | None, typer.Option("--type-prefix", help="Whose type begins so, in any case.")] = None,
    since: Annotated[str | None, typer.Option(help="On or after this date, or 90s, 15m, 2h, 7d before now.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this date; likewise.")] = None,
    *,
    pattern: Annotated[str | None, typer.Option(metavar="JSON|@FILE", help="Which meet this event pattern.")] = None,
    agent_id: Annotated[str | None, typer.Option(help="Of this agent.")] = None,
    camera_id: Annotated[str | None, typer.Option(help="Of this camera.")] = None,
    profile_id: Annotated[str | None, typer.Option(help="With this profile in data.identification_data.")] = None,
    activity_id: Annotated[str | None, typer.Option(help="With this data.activity_id.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 20,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Instead of the newest first.")] = False,
) -> None:
    """List events by date, the newest first. The list may lag by seconds."""
    session = session_of(context)
    chosen: dict[str, Any] = {}
    if event_types or prefix:
        several = event_types if event_types and len(event_types) > 1 else None
        lookup = {"exact": None if several or not event_types else event_types[0], "in": several, "startsWith": prefix}
        chosen["type"] = {key: value for key, value in lookup.items() if value}
    dates = {"gte": moment(since, "--since"), "lt": moment(until, "--until")}
    if any(dates.values()):
        chosen["date"] = {key: value for key, value in dates.items() if value}
    exact = {"dataIdentificationDataProfileId": profile_id, "activityId": activity_id, "agentId": agent_id, "cameraId": camera_id}
    chosen |= {field: {"exact": value} for field, value in exact.items() if value}
    if pattern is not None:
        chosen["pattern"] = read_pattern(pattern)
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
