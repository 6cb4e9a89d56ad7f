"""`event-service events erase`: removes events before their retention ends. It needs AWS credentials; no token can do it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import UsageError
from cli.session import session_of


def erase(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Of the events.")] = None,
    profile_id: Annotated[str | None, typer.Option(help="All events with this profile in data.identification_data.")] = None,
    all_events: Annotated[
        bool, typer.Option("--all-events", help="With --profile-id: look at every event; the index has the first 100 profiles of each.")
    ] = False,
    workspace: Annotated[str | None, typer.Option(help="Id of the workspace; the local stack's own by default.")] = None,
    confirmed: Annotated[bool, typer.Option("--yes", help="Really erase them.")] = False,
) -> None:
    """Erase events with their deliveries, by id or by profile. They cannot be brought back. Needs AWS credentials."""
    session = session_of(context)
    if bool(ids) is bool(profile_id):
        raise UsageError("Give ids of events, or --profile-id.")
    if all_events and not profile_id:
        raise UsageError("--all-events goes with --profile-id.")
    workspace_id = workspace or session.target.workspace_id
    if workspace_id is None:
        raise UsageError("With --stack, say whose events: --workspace <id>.")
    erasing = session.target.erasing
    what = f"{len(ids)} events" if ids else f"all events of the profile {profile_id!r}"
    if not confirmed:
        raise UsageError(f"This would erase {what} of the workspace {workspace_id} for good. If that is what you want, add --yes.")
    if ids:
        erased = erasing.erase(workspace_id, ids)
    else:
        erased = [one for some in erasing.erase_profile(workspace_id, profile_id or "", all_events=all_events) for one in some]
    missing = [one for one in dict.fromkeys(ids or ()) if one not in erased]
    words = f"Erased {len(erased)} events with their deliveries."
    if missing:
        words += f" {len(missing)} of the ids had no event; what was left of their deliveries is erased."
    session.output.done(words, ok=True, count=len(erased), ids=erased, missing=missing)
