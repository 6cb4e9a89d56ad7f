"""`event-service jobs` and `event-service job`: long work, and how far it is."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from cli import documents
from cli.errors import CommandError, UsageError
from cli.session import Session, connection, session_of

SECONDS_BETWEEN_LOOKS: Final = 2.0
"""A step takes up to 20 s, and most take less."""
BACKGROUND: Final = "Do not wait: what takes long goes on as a job."
_COLUMNS: Final = {
    "status": "status",
    "kind": "kind",
    "count": "count",
    "progress": "progress",
    "started": "started",
    "actor": "by",
    "id": "id",
}
_RUNNING: Final = "RUNNING"


def jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all of the last 30 days.")] = 20,
) -> None:
    """List jobs, the newest first."""
    session = session_of(context)
    found = list(connection(session, documents.JOBS, "jobs", limit=limit))
    session.output.rows(found if session.output.as_json else [{**one, "progress": _percent(one)} for one in found], _COLUMNS)


def job(
    context: typer.Context,
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    watch: Annotated[bool, typer.Option("--watch", help="Wait until it is over, and say how far it is. Ctrl-C does not end it.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it. What was done stays done.")] = False,
) -> None:
    """Show a job, follow it, or end it."""
    session = session_of(context)
    if watch and cancel:
        raise UsageError("Give --watch or --cancel.")
    if cancel:
        found = session.target.graphql.execute(documents.CANCEL_JOB, id=job_id)["cancelJob"]
    else:
        found = _watched(session, job_id) if watch else _read(session, job_id)
    if session.output.as_json:
        session.output.value(found)
    else:
        session.output.text(sentence_of(found))
    if watch and found["status"] == "FAILED":
        raise CommandError(f"The job failed: {found['reason']}")


def sentence_of(found: dict[str, Any]) -> str:
    """A job, for a person."""
    counted = "counted" if found["dryRun"] else "done"
    skipped = f", {found['skipped']} left out" if found["skipped"] else ""
    total = f" of about {found['estimatedTotal']}" if found["status"] == _RUNNING and found["estimatedTotal"] is not None else ""
    progress = f" ({_percent(found)})" if found["status"] == _RUNNING and found["progress"] is not None else ""
    reason = f" {found['reason']}" if found["reason"] else ""
    return f"{found['status']} {found['kind']}: {found['count']}{total} {counted}{skipped}{progress}.{reason}"


def show_started(session: Session, answer: dict[str, Any], done: str) -> None:
    """What a command did with ``--background``.

    Args:
        session: whose output is used.
        answer: of the mutation: ``count``, and ``job`` if one does the rest.
        done: what was done to them, such as ``sent again``.
    """
    started = answer["job"]
    if started is None:
        session.output.done(f"{answer['count']} were {done}.", ok=True, count=answer["count"], job=None)
        return
    session.output.done(
        f"{answer['count']} were {done}, and job {started['id']} does the rest: event-service job {started['id']} --watch",
        ok=True,
        count=answer["count"],
        job=started,
    )


def _read(session: Session, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] | None = session.target.graphql.execute(documents.JOB, id=job_id)["job"]
    if found is None:
        raise CommandError(f"There is no job with the id {job_id!r}, or it was started more than 30 days ago.")
    return found


def _watched(session: Session, job_id: str) -> dict[str, Any]:
    told = ""
    while True:
        found = _read(session, job_id)
        if found["status"] != _RUNNING:
            return found
        now = sentence_of(found)
        if now != told:
            session.output.note(now)
        told = now
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _percent(found: dict[str, Any]) -> str:
    return "" if found["progress"] is None else f"{found['progress']:.0%}"
