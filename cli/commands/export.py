"""`event-service events export`: all events of a span as lines of JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import ApiError, UsageError
from cli.export_file import ExportFile, Progress, line_of
from cli.session import Session, following, moment, session_of
from event_service.base.dates import format_date
from event_service.base.errors import ErrorCode

PAGE: Final = 500
"""Events asked for at once. Where they are large fewer fit into an answer, and the service says so."""
STANDARD_OUTPUT: Final = Path("-")
_WHOLE: Final = 1_000
"""Steps of the progress bar."""


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write; - is standard output, which cannot be resumed.")] = STANDARD_OUTPUT,
    since: Annotated[str | None, typer.Option(help="On or after this date, or 90s, 15m, 2h, 7d before now.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this date; likewise. Without it: now.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
) -> None:
    """Write events as lines of JSON, the oldest first. The same command again resumes one that was interrupted."""
    session = session_of(context)
    target = None if file == STANDARD_OUTPUT else ExportFile(file)
    unfinished = target.unfinished() if target else None
    progress = unfinished or _begin(since, until, event_type)
    if target is None:
        for events, _ in _pages(session, progress):
            for event in events:
                session.output.line(line_of(event), event)
        return
    if unfinished:
        session.output.note(f"Going on behind {progress.events} events with the export of {progress.since} to {progress.until}.")
    with typer.progressbar(length=_WHOLE, label="Exporting", file=sys.stderr, hidden=session.output.as_json) as bar:
        for events, cursor in _pages(session, progress):
            progress = target.append(events, progress, cursor)
            bar.update(_done(progress, events) - bar.pos)
    target.finish()
    session.output.done(f"Exported {progress.events} events to {file}.", ok=True, count=progress.events, file=str(file))


def _begin(since: str | None, until: str | None, event_type: str | None) -> Progress:
    begin, end = moment(since, "--since"), moment(until, "--until")
    if begin is None:
        raise UsageError("Give --since: the date at which the export begins, or 90s, 15m, 2h, 7d before now.")
    return Progress(begin, end or format_date(datetime.now(UTC)), event_type)


def _done(progress: Progress, events: list[dict[str, Any]]) -> int:
    """How much of the span is behind the last event, by its date: counting the events first would read them all."""
    begin, end = progress.span
    try:
        reached = datetime.fromisoformat(events[-1]["date"]) if events else end
    except (TypeError, ValueError):  # the answer of no service of ours
        reached = begin
    return min(_WHOLE, int((reached - begin) / max(end - begin, datetime.resolution) * _WHOLE))


def _pages(session: Session, progress: Progress) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
    """Events and the cursor behind them, until none are left."""
    size, cursor = PAGE, progress.cursor
    while True:
        try:
            page = _ask(session, progress.filters, size, cursor)
        except ApiError as error:
            if error.code != ErrorCode.TOO_LARGE or size == 1:
                raise
            size = max(1, size // 4)
            continue
        before, cursor = cursor, page["endCursor"]
        yield page["collectionItems"], cursor
        if not page["hasNextPage"]:
            return
        cursor = following(page, before)
        size = min(PAGE, size * 2)


def _ask(session: Session, filters: dict[str, Any], size: int, cursor: str | None) -> dict[str, Any]:
    ask: Callable[..., dict[str, Any]] = session.target.graphql.execute
    found: dict[str, Any] = ask(documents.EVENTS, filters=filters, order={"date": "ASC"}, first=size, after=cursor)["events"]
    return found
