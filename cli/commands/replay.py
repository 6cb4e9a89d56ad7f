"""`event-service replay`: sends retained events again."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import documents
from cli.commands.jobs import BACKGROUND, show_started
from cli.errors import CommandError, DoneInPart
from cli.session import moment, session_of


def replay(
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="A webhook, or a socket, into whose log it goes.")],
    since: Annotated[str, typer.Option(help="Events accepted on or after this date, or 90s, 15m, 2h, 7d before now.")],
    until: Annotated[str | None, typer.Option(help="And before this date; likewise.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="Also what was delivered already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sent.")] = False,
    background: Annotated[bool, typer.Option("--background", help=BACKGROUND)] = False,
) -> None:
    """Send again, to one endpoint, the retained events that its filters match. Without --everything only what it has not taken."""
    session = session_of(context)
    begin = moment(since, "--since")
    end = moment(until, "--until")
    count = 0
    done = "counted" if dry_run else "sent again"
    if background:
        answer = session.target.graphql.execute(
            documents.REPLAY_AS_JOB, endpoint=endpoint, since=begin, until=end, missingOnly=not everything, dryRun=dry_run
        )
        show_started(session, answer["replayEvents"], done)
        return
    while begin is not None:
        try:
            answer = session.target.graphql.execute(
                documents.REPLAY, endpoint=endpoint, since=begin, until=end, missingOnly=not everything, dryRun=dry_run
            )
        except CommandError as error:
            if count:
                raise DoneInPart(f"{count} were {done}, then: {error.message}", {"count": count, "continueSince": begin}) from error
            raise
        step = answer["replayEvents"]
        count += step["count"]
        if step["continueSince"] is not None:
            if step["continueSince"] == begin and not step["count"]:
                raise DoneInPart(f"{count} were {done}; the service does not get beyond {begin}.", {"count": count, "continueSince": begin})
            session.output.note(f"{count} so far, up to {step['continueSince']}")
        begin = step["continueSince"]
    if dry_run:
        session.output.done(f"{count} events would be sent again; nothing was sent.", ok=True, count=count, dryRun=True)
        return
    session.output.done(f"{count} events are on their way again.", ok=True, count=count)
