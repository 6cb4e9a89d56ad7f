"""`event-service endpoints`: where events are delivered."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import CommandError, UsageError
from cli.marks import FLAGS, Marks, read_labels, with_marks
from cli.session import in_groups, pages, session_of

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, create, pause, test and delete endpoints; show and rotate secrets."
)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of endpoints.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of an endpoint.")]
FilterIds = Annotated[
    list[str] | None, typer.Option("--filter", metavar="ID", help="Event filter to link; may be repeated. None: every event.")
]

_COLUMNS: Final = {"id": "id", "type": "type", "status": "status", "name": "name", "eventFilters": "filters", "meta": "target"}


class _Status(StrEnum):
    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class _Kind(StrEnum):
    WEB_HOOK = "WEB_HOOK"
    WEB_SOCKET = "WEB_SOCKET"


@app.command("list")
def list_endpoints(
    context: typer.Context,
    endpoint: Annotated[str | None, typer.Option("--id", help="Only this one.")] = None,
    kind: Annotated[_Kind | None, typer.Option("--type", help="Only these.")] = None,
    name: Annotated[str | None, typer.Option(help="Whose name has this in it, in any case.")] = None,
    status: Annotated[_Status | None, typer.Option(help="Only these.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="With this key.")] = None,
    labels: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="With this label; may be repeated.")] = None,
    event_filter: Annotated[str | None, typer.Option("--filter", metavar="ID", help="Linked to this event filter.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="Skip so many.")] = 0,
) -> None:
    """List endpoints, the oldest first."""
    session = session_of(context)
    exact = {"id": endpoint, "type": kind, "status": status, "key": key, "eventFiltersId": event_filter}
    chosen: dict[str, Any] = {field: {"exact": value} for field, value in exact.items() if value}
    if name:
        chosen["name"] = {"contains": name}
    if labels:
        chosen["labels"] = read_labels(labels)
    found = pages(session, documents.ENDPOINTS, "endpoints", limit=limit, offset=offset, filters=chosen or None)
    session.output.rows(list(found), _COLUMNS)


@app.command("create-webhook")
@with_marks
def create_webhook(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.")],
    url: Annotated[str, typer.Argument(help="Where events are sent.")],
    method: Annotated[str, typer.Option(help="POST, PUT or PATCH.")] = "POST",
    filters: FilterIds = None,
    *,
    marks: Marks,
) -> None:
    """Create an endpoint to which events are sent by HTTP."""
    session = session_of(context)
    data = session.target.graphql.execute(documents.CREATE_WEBHOOK, name=name, url=url, method=method, filters=filters or None, **marks)
    _show(context, data["createWebhookEndpoint"])


@app.command("create-socket")
@with_marks
def create_socket(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="For people.")],
    filters: FilterIds = None,
    *,
    marks: Marks,
) -> None:
    """Create an endpoint that programs connect to by WebSocket (see `event-service listen`)."""
    session = session_of(context)
    data = session.target.graphql.execute(documents.CREATE_SOCKET, name=name, filters=filters or None, **marks)
    _show(context, data["createWebSocketEndpoint"])


@app.command()
@with_marks
def update(
    context: typer.Context,
    endpoint: Id,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    url: Annotated[str | None, typer.Option(help="Of a webhook: where events are sent.")] = None,
    method: Annotated[str | None, typer.Option(help="Of a webhook: POST, PUT or PATCH.")] = None,
    *,
    marks: Marks,
) -> None:
    """Change what is given of an endpoint, and leave the rest."""
    given = {"name": name, "url": url, "method": method, **marks}
    if all(value is None for value in given.values()):
        raise UsageError(f"Nothing to change: give --name, --url, --method, {', '.join(FLAGS[:-1])} or {FLAGS[-1]}.")
    session = session_of(context)
    _show(context, session.target.graphql.execute(documents.UPDATE_ENDPOINT, id=endpoint, **given)["updateEndpoint"])


@app.command()
def delete(context: typer.Context, ids: Ids) -> None:
    """Delete endpoints, their links and their open sockets."""
    _each_group(context, documents.DELETE_ENDPOINTS, ids, "Deleted")


@app.command()
def pause(context: typer.Context, ids: Ids) -> None:
    """Stop sending; what arrives meanwhile waits."""
    _each_group(context, documents.PAUSE_ENDPOINTS, ids, "Paused")


@app.command()
def resume(
    context: typer.Context,
    ids: Ids,
    discard_waiting: Annotated[bool, typer.Option("--discard-waiting", help="Discard what waited instead of sending it.")] = False,
) -> None:
    """Send the backlog and go on; also re-enables endpoints that the service disabled."""
    _each_group(context, documents.RESUME_ENDPOINTS, ids, "Resumed", discardWaiting=discard_waiting or None)


@app.command()
def secret(context: typer.Context, endpoint: Id) -> None:
    """Show the secret that signs a webhook's requests."""
    session = session_of(context)
    found = session.target.graphql.execute(documents.ENDPOINT_SECRET, id=endpoint)["endpointSecret"]
    session.output.done(found, id=endpoint, secret=found)


@app.command("rotate-secret")
def rotate_secret(
    context: typer.Context,
    endpoint: Id,
    grace: Annotated[int, typer.Option(min=0, help="Seconds for which the old one signs, too.")] = 86_400,
) -> None:
    """Make a new signing secret and show it; the old one signs too until the grace period is over."""
    session = session_of(context)
    made = session.target.graphql.execute(documents.ROTATE_SECRET, id=endpoint, gracePeriodSeconds=grace)["rotateEndpointSecret"]
    session.output.done(made, id=endpoint, secret=made)


@app.command("test")
def test_endpoint(context: typer.Context, endpoint: Id) -> None:
    """Send one test event to a webhook now and say how it went. Exits with 1 if it was not taken."""
    session = session_of(context)
    attempt = session.target.graphql.execute(documents.TEST_ENDPOINT, id=endpoint)["testEndpoint"]
    status = attempt["statusCode"]
    if status is not None and 200 <= status < 300:
        session.output.done(f"Taken: HTTP {status} after {attempt['durationMs']} ms.", **attempt)
        return
    reason = attempt["error"] or f"HTTP {status}"
    raise CommandError(f"Not taken after {attempt['durationMs']} ms: {reason}", {"attempt": attempt})


@app.command()
def health(context: typer.Context, endpoint: Id) -> None:
    """Show how the receiver of an endpoint is doing: since when it fails, and its last hour."""
    session = session_of(context)
    found = session.target.graphql.execute(documents.ENDPOINT_HEALTH, filters={"id": {"exact": endpoint}})["endpoints"]
    if not found["collectionItems"]:
        raise CommandError(f"There is no endpoint with the id {endpoint!r}.")
    session.output.value(found["collectionItems"][0])


def _each_group(context: typer.Context, document: str, ids: list[str], done: str, **variables: Any) -> None:
    session = session_of(context)
    for group in in_groups(ids):
        session.target.graphql.execute(document, ids=group, **variables)
    session.output.done(f"{done} {len(ids)}.", ok=True, ids=ids)


def _show(context: typer.Context, endpoint: dict[str, Any]) -> None:
    output = session_of(context).output
    if output.as_json:
        output.value(endpoint)
    else:
        output.rows([endpoint], _COLUMNS)
