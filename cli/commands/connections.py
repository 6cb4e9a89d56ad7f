"""`event-service connections`: who is connected to a WEB_SOCKET endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import CommandError
from cli.session import PAGE, Session, following, in_groups, session_of

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List the open sockets of an endpoint, and close them.")

_COLUMNS: Final = {
    "connectionDate": "since",
    "sequence": "sequence",
    "behind": "behind",
    "lastPostDate": "last post",
    "tokenName": "token",
    "failingSince": "takes nothing since",
    "id": "id",
}


@app.command("list")
def list_connections(
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="Id of a WEB_SOCKET endpoint.")],
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 100,
) -> None:
    """List who is connected: since when, how far, and by which token."""
    session = session_of(context)
    found = _connections(session, endpoint, PAGE if limit == 0 else min(PAGE, limit))
    session.output.rows(list(islice(found, limit or None)), _COLUMNS)


@app.command()
def close(
    context: typer.Context, ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of connections, from `list`.")]
) -> None:
    """Close connections. Their clients may connect again and miss nothing; revoke the token to keep one out."""
    session = session_of(context)
    count = 0
    for group in in_groups(ids):
        count += session.target.graphql.execute(documents.CLOSE_CONNECTIONS, ids=group)["closeConnections"]["count"]
    session.output.done(f"{count} will be closed.", ok=True, count=count)


def _connections(session: Session, endpoint: str, first: int) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        filters = {"id": {"exact": endpoint}}
        found = session.target.graphql.execute(documents.CONNECTIONS, filters=filters, first=first, after=after)["endpoints"]
        if not found["collectionItems"]:
            raise CommandError(f"There is no endpoint with the id {endpoint!r}.")
        page = found["collectionItems"][0]["connections"]
        yield from page["collectionItems"]
        if not page["hasNextPage"]:
            return
        after = following(page, after)
