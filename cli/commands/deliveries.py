"""`event-service deliveries`: the deliveries of events to webhooks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.commands.jobs import BACKGROUND, show_started
from cli.errors import CommandError, DoneInPart, UsageError
from cli.session import following, in_groups, pages, session_of

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
    event: Annotated[str | None, typer.Option(metavar="ID", help="Instead of ids: all of this event that failed.")] = None,
    status: Annotated[list[_Status] | None, typer.Option(help="Instead of FAILED; may be repeated.")] = None,
    status_code: Annotated[int | None, typer.Option(help="Whose last attempt was answered with this.")] = None,
    *,
    unmatched_too: Annotated[bool, typer.Option("--unmatched-too", help="Also events that no filter matches any more.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    background: Annotated[bool, typer.Option("--background", help=BACKGROUND)] = False,
) -> None:
    """Start deliveries again that were given up: those with ids, or all that meet conditions and would be sent today."""
    session = session_of(context)
    filters = _filters(event, endpoint, status, status_code)
    if bool(ids) == bool(filters):
        raise UsageError("Give the ids of deliveries, or conditions such as --endpoint for all that failed to an endpoint.")
    if ids:
        if dry_run or unmatched_too or background:
            raise UsageError("--dry-run, --unmatched-too and --background go with conditions; with ids each is started again.")
        for group in in_groups(ids):
            session.target.graphql.execute(documents.RETRY_DELIVERIES, ids=group)
        session.output.done(f"Started {len(ids)} again.", ok=True, count=len(ids))
        return
    if background:
        started = session.target.graphql.execute(documents.RETRY_AS_JOB, filters=filters, dryRun=dry_run, unmatchedToo=unmatched_too)
        show_started(session, started["retryDeliveries"], "counted" if dry_run else "started again")
        return
    count, skipped = 0, 0
    after: str | None = None
    while True:
        given = {"filters": filters, "after": after, "dryRun": dry_run, "unmatchedToo": unmatched_too}
        try:
            step = session.target.graphql.execute(documents.RETRY_BY_FILTERS, **given)["retryDeliveries"]
        except CommandError as error:
            if count and not dry_run:
                raise DoneInPart(f"{count} were started again, then: {error.message}", {"count": count}) from error
            raise
        count, skipped = count + step["count"], skipped + step["skipped"]
        if step["endCursor"] is None:
            break
        after = following(step, after)
        session.output.note(f"{count} so far")
    left_out = f" {skipped} were left out: gone, or matched by no filter now." if skipped else ""
    done = "would be started" if dry_run else "were started"
    session.output.done(f"{count} {done} again.{left_out}", ok=True, count=count, skipped=skipped)


@app.command()
def cancel(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of deliveries.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="ID", help="Instead of ids: all that are PENDING to this endpoint.")] = None,
    event: Annotated[str | None, typer.Option(metavar="ID", help="Instead of ids: all of this event that are PENDING.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    background: Annotated[bool, typer.Option("--background", help=BACKGROUND)] = False,
) -> None:
    """End PENDING deliveries. A request that is under way is not stopped."""
    session = session_of(context)
    filters = _filters(event, endpoint, None)
    if bool(ids) == bool(filters) or (ids and (dry_run or background)):
        raise UsageError("Give the ids of deliveries, or --endpoint or --event for all of one; --dry-run and --background go with these.")
    if background:
        started = session.target.graphql.execute(documents.CANCEL_AS_JOB, filters=filters, dryRun=dry_run)["cancelDeliveries"]
        show_started(session, started, "counted" if dry_run else "cancelled")
        return
    count = 0
    for group in in_groups(ids or []):
        count += session.target.graphql.execute(documents.CANCEL_DELIVERIES, ids=group)["cancelDeliveries"]["count"]
    after: str | None = None
    while filters:
        step = session.target.graphql.execute(documents.CANCEL_BY_FILTERS, filters=filters, after=after, dryRun=dry_run)["cancelDeliveries"]
        count += step["count"]
        if step["endCursor"] is None:
            break
        after = following(step, after)
        session.output.note(f"{count} so far")
    session.output.done(f"{count} {'would be' if dry_run else 'were'} cancelled.", ok=True, count=count)


def _filters(
    event: str | None, endpoint: str | None, statuses: list[_Status] | None, status_code: int | None = None
) -> dict[str, Any] | None:
    exact = {"eventId": event, "endpointId": endpoint, "statusCode": status_code}
    chosen: dict[str, Any] = {key: {"exact": value} for key, value in exact.items() if value}
    if statuses:
        chosen["status"] = {"exact": statuses[0].value} if len(statuses) == 1 else {"in": [one.value for one in statuses]}
    return chosen or None
