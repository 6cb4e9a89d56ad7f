"""`event-service replay`: sends retained events again."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import documents
from cli.errors import CommandError, DoneInPart
from cli.session import moment, session_of


def replay(
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="A webhook. A socket's clients reconnect with `after` instead.")],
    since: Annotated[str, typer.Option(help="Events accepted on or after this date, or 90s, 15m, 2h, 7d before now.")],
    until: Annotated[str | None, typer.Option(help="And before this date; likewise.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="Also what was delivered already.")] = False,
) -> None:
    """Send again, to one webhook, the retained events that its filters match. Without --everything only what it has not taken."""
    session = session_of(context)
    begin = moment(since, "--since")
    end = moment(until, "--until")
    count = 0
    while begin is not None:
        try:
            answer = session.target.graphql.execute(documents.REPLAY, endpoint=endpoint, since=begin, until=end, missingOnly=not everything)
        except CommandError as error:
            if count:
                raise DoneInPart(f"{count} were sent again, then: {error.message}", {"count": count, "continueSince": begin}) from error
            raise
        step = answer["replayEvents"]
        count += step["count"]
        if step["continueSince"] is not None:
            if step["continueSince"] == begin and not step["count"]:
                raise DoneInPart(
                    f"{count} were sent again; the service does not get beyond {begin}.", {"count": count, "continueSince": begin}
                )
            session.output.note(f"{count} so far, up to {step['continueSince']}")
        begin = step["continueSince"]
    session.output.done(f"{count} events are on their way again.", ok=True, count=count)
