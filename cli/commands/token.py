"""`event-service token`: who may call. Tokens are in the stack's own table; this needs AWS credentials, not a token."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli.errors import UsageError
from cli.session import Session, session_of
from event_service.access.token import Token, TokenKind
from event_service.base.dates import format_date, parse_date
from event_service.base.errors import BadUserInput

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Issue, list and revoke tokens (needs AWS credentials, or the local stack)."
)

Workspace = Annotated[str | None, typer.Option(help="Id of the workspace; the local stack's own by default.")]


@app.command()
def issue(
    context: typer.Context,
    workspace: Annotated[
        str | None, typer.Option(help="Id of the workspace; by default the local stack's own, with --stack a new one.")
    ] = None,
    new_workspace: Annotated[bool, typer.Option("--new-workspace", help="Make a new workspace.")] = False,
    kind: Annotated[
        TokenKind, typer.Option(help="access: everything in its workspace. agent: publish only. listener: connect to --endpoint only.")
    ] = TokenKind.ACCESS,
    agent: Annotated[str | None, typer.Option(help="Of kind agent: the agent's id; a new one by default.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(metavar="ENDPOINT_ID", help="Of kind listener: a socket it may connect to. May be repeated.")
    ] = None,
    name: Annotated[str, typer.Option(help="To tell tokens apart.")] = "made at the command line",
    expires: Annotated[
        str | None,
        typer.Option(help="When it stops working: 2027-01-01T00:00:00Z, or 90d for days from now. By default what the stack says."),
    ] = None,
) -> None:
    """Make a token. It is shown once and cannot be shown again."""
    session = session_of(context)
    if new_workspace and workspace:
        raise UsageError("--workspace and --new-workspace exclude each other.")
    chosen = None if new_workspace else workspace or session.target.workspace_id
    text, token = session.target.tokens.issue(chosen, kind, name, agent, _date(expires), endpoint or ())
    described = _described(token)
    session.output.done(
        f"{text}\n\nWorkspace {token.workspace_id}, kind {token.kind.value}. Keep the token: it is not stored and cannot be shown again.",
        token=text,
        **described,
    )


@app.command("list")
def list_tokens(context: typer.Context, workspace: Workspace = None) -> None:
    """List a workspace's tokens: never the tokens themselves. It may lag by seconds; `used` is their last use, up to an hour old."""
    session = session_of(context)
    rows = [_described(token) for token in session.target.tokens.list_tokens(_workspace(session, workspace))]
    columns = {name: name for name in ("id", "name", "kind", "created", "used", "expires", "revoked")}
    if not session.output.as_json:
        rows = [{**row, "id": row["id"][:12]} for row in rows]
    session.output.rows(rows, columns)


@app.command()
def revoke(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="The id as listed, or at least 8 characters of its beginning. Not the token itself.")],
    workspace: Workspace = None,
) -> None:
    """Stop a token. It works for up to 60 s longer where it was used just before; its open sockets are closed."""
    session = session_of(context)
    revoked = session.target.tokens.revoke(_workspace(session, workspace), token)
    session.target.close_sockets_of(revoked.token_hash)
    session.output.done(f"Revoked {revoked.token_hash[:12]} ({revoked.name}).", **_described(revoked))


def _workspace(session: Session, given: str | None) -> str:
    workspace = given or session.target.workspace_id
    if workspace is None:
        raise UsageError("With --stack, say whose tokens: --workspace <id>.")
    return workspace


def _date(given: str | None) -> datetime | None:
    if given is None:
        return None
    days = re.fullmatch(r"([0-9]{1,5})d", given)
    if days:
        return datetime.now(UTC) + timedelta(days=int(days[1]))
    try:
        return parse_date(given, "--expires")
    except BadUserInput as error:
        raise UsageError(error.message) from None


def _described(token: Token) -> dict[str, Any]:
    return {
        "id": token.token_hash,
        "workspaceId": token.workspace_id,
        "kind": token.kind.value,
        "agentId": token.agent_id,
        "endpointIds": list(token.endpoint_ids),
        "name": token.name,
        "created": format_date(token.created),
        "used": format_date(token.used) if token.used else None,
        "expires": format_date(token.expires) if token.expires else None,
        "revoked": format_date(token.revoked) if token.revoked else None,
    }
