"""`event-service filters`: which events an endpoint wants."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import UsageError
from cli.filter_test import show
from cli.marks import FLAGS, Marks, read_labels, with_marks
from cli.patterns import read_pattern
from cli.session import in_groups, moment, pages, session_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, create, try, change, delete, link and unlink event filters.")

Types = Annotated[list[str] | None, typer.Option("--type", help="Events of this type; may be repeated.")]
Cameras = Annotated[list[str] | None, typer.Option("--camera", metavar="ID", help="Of this camera; may be repeated.")]
Agents = Annotated[list[str] | None, typer.Option("--agent", metavar="ID", help="Of this agent; may be repeated.")]
Groups = Annotated[list[str] | None, typer.Option("--profile-group", metavar="ID", help="With this profile group; may be repeated.")]
Pattern = Annotated[
    str | None,
    typer.Option(metavar="JSON|@FILE", help="An EventBridge event pattern over the event as delivered; @FILE reads it from a file."),
]
Name = Annotated[str | None, typer.Option(help="For people.")]

_COLUMNS: Final = {"id": "id", "name": "name", "endpoints": "endpoints", "meta": "condition"}


@app.command("list")
def list_filters(
    context: typer.Context,
    event_filter: Annotated[str | None, typer.Option("--id", help="Only this one.")] = None,
    name: Annotated[str | None, typer.Option(help="Whose name has this in it, in any case.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="With this key.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="With this label; may be repeated.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ID", help="Linked to this endpoint.")] = None,
    unlinked: Annotated[bool, typer.Option("--unlinked", help="Linked to no endpoint.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="Skip so many.")] = 0,
) -> None:
    """List event filters, the oldest first."""
    session = session_of(context)
    exact = {"id": event_filter, "key": key, "endpointId": endpoint}
    chosen: dict[str, Any] = {field: {"exact": value} for field, value in exact.items() if value}
    if name:
        chosen["name"] = {"contains": name}
    if labels:
        chosen["labels"] = read_labels(labels)
    if unlinked:
        chosen["linked"] = False
    found = pages(session, documents.EVENT_FILTERS, "eventsFilters", limit=limit, offset=offset, filters=chosen or None)
    session.output.rows(list(found), _COLUMNS)


@app.command()
@with_marks
def create(
    context: typer.Context,
    name: Name = None,
    types: Types = None,
    cameras: Cameras = None,
    agents: Agents = None,
    groups: Groups = None,
    pattern: Pattern = None,
    endpoints: Annotated[list[str] | None, typer.Option("--endpoint", metavar="ID", help="Endpoint to link; may be repeated.")] = None,
    *,
    marks: Marks,
) -> None:
    """Create an event filter: any of each list, all lists given, and the pattern."""
    condition = _condition(types, cameras, agents, groups, pattern)
    if condition is None:
        raise UsageError("A filter needs a condition: --type, --camera, --agent, --profile-group or --pattern.")
    session = session_of(context)
    data = session.target.graphql.execute(documents.CREATE_FILTER, input=condition, name=name, endpoints=endpoints or None, **marks)
    _show(context, data["createEventFilters"])


@app.command()
@with_marks
def update(
    context: typer.Context,
    event_filter: Annotated[str, typer.Argument(metavar="ID")],
    name: Name = None,
    types: Types = None,
    cameras: Cameras = None,
    agents: Agents = None,
    groups: Groups = None,
    pattern: Pattern = None,
    *,
    marks: Marks,
) -> None:
    """Change an event filter. A condition that is given replaces the whole condition."""
    condition = _condition(types, cameras, agents, groups, pattern)
    if condition is None and name is None and not marks:
        raise UsageError(f"Nothing to change: give --name, {', '.join(FLAGS)} or a condition.")
    session = session_of(context)
    data = session.target.graphql.execute(documents.UPDATE_FILTER, id=event_filter, input=condition, name=name, **marks)
    _show(context, data["updateEventFilters"])


@app.command()
def delete(context: typer.Context, ids: Annotated[list[str], typer.Argument(metavar="ID...")]) -> None:
    """Delete event filters. An endpoint that loses its last one is DISABLED: it would otherwise receive everything."""
    session = session_of(context)
    for group in in_groups(ids):
        session.target.graphql.execute(documents.DELETE_FILTERS, ids=group)
    session.output.done(f"Deleted {len(ids)}.", ok=True, ids=ids)


@app.command()
def link(
    context: typer.Context,
    event_filter: Annotated[str, typer.Argument(metavar="FILTER_ID")],
    endpoints: Annotated[list[str], typer.Argument(metavar="ENDPOINT_ID...")],
) -> None:
    """Link endpoints to an event filter."""
    _links(context, documents.LINK, event_filter, endpoints, "Linked")


@app.command()
def unlink(
    context: typer.Context,
    event_filter: Annotated[str, typer.Argument(metavar="FILTER_ID")],
    endpoints: Annotated[list[str], typer.Argument(metavar="ENDPOINT_ID...")],
) -> None:
    """Unlink endpoints from an event filter. With no filter left, an endpoint receives every event."""
    _links(context, documents.UNLINK, event_filter, endpoints, "Unlinked")


def _links(context: typer.Context, document: str, event_filter: str, endpoints: list[str], done: str) -> None:
    session = session_of(context)
    for group in in_groups(endpoints):
        session.target.graphql.execute(document, endpoints=group, filter=event_filter)
    session.output.done(f"{done} {len(endpoints)}.", ok=True, eventFilterId=event_filter, endpointIds=endpoints)


@app.command("test")
def try_on_events(  # noqa: PLR0917 - Typer calls it, by name
    context: typer.Context,
    event_filter: Annotated[str | None, typer.Argument(metavar="[ID]", help="A filter that exists; or else give a condition.")] = None,
    types: Types = None,
    cameras: Cameras = None,
    agents: Agents = None,
    groups: Groups = None,
    pattern: Pattern = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ID", help="What would it gain and lose with this filter alone?")] = None,
    since: Annotated[str | None, typer.Option(help="Accepted on or after this date, or 90s, 15m, 2h, 7d before now.")] = None,
    until: Annotated[str | None, typer.Option(help="Accepted before this date; likewise.")] = None,
    events: Annotated[list[str] | None, typer.Option("--event", metavar="ID", help="Only this event; may be repeated.")] = None,
) -> None:
    """Try a filter on the events that are retained: how many match, which, and which nearly do. Nothing is changed."""
    condition = _condition(types, cameras, agents, groups, pattern)
    if (condition is None) == (event_filter is None):
        raise UsageError("Give the id of a filter, or a condition: --type, --camera, --agent, --profile-group or --pattern.")
    session = session_of(context)
    question = {
        "eventFiltersInput": condition,
        "eventFiltersId": event_filter,
        "endpointId": endpoint,
        "since": moment(since, "--since"),
        "until": moment(until, "--until"),
        "eventIds": events or None,
    }
    show(session, {name: value for name, value in question.items() if value is not None})


def _condition(
    types: list[str] | None, cameras: list[str] | None, agents: list[str] | None, groups: list[str] | None, pattern: str | None
) -> dict[str, Any] | None:
    lists = {"eventTypes": types, "cameraIds": cameras, "agentIds": agents, "profileGroupIds": groups}
    given = {name: values for name, values in lists.items() if values}
    condition: dict[str, Any] = {"in": given} if given else {}
    if pattern is not None:
        condition["pattern"] = read_pattern(pattern)
    return condition or None


def _show(context: typer.Context, event_filter: dict[str, Any]) -> None:
    output = session_of(context).output
    if output.as_json:
        output.value(event_filter)
    else:
        output.rows([event_filter], _COLUMNS)
