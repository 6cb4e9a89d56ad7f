"""`event-service listen`: a socket endpoint's events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from typing import Annotated, Any, NoReturn

import typer

from cli import documents
from cli.errors import ApiError, CommandError, NotAllowed, UsageError
from cli.forwarding import Forwarder
from cli.listening import InvalidAddress, Listener, Refused
from cli.session import Session, pages, session_of
from event_service.configuration.secrets import new_secret


def listen(  # noqa: PLR0917 - Typer calls it, by name
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="A WEB_SOCKET endpoint.")],
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin behind this sequence; 0: with the oldest that is kept. By default from now on.")
    ] = None,
    filter_id: Annotated[
        str | None, typer.Option("--filter", metavar="ID", help="Only events that this event filter matches; it need not be linked.")
    ] = None,
    forward: Annotated[str | None, typer.Option(metavar="URL", help="Post each event there, signed like a webhook.")] = None,
    secret: Annotated[
        str | None, typer.Option(metavar="whsec_...", help="With --forward: signs; a new one is made and shown by default.")
    ] = None,
    tries: Annotated[int, typer.Option(min=1, help="With --forward: give an event up after so many.")] = 5,
    count: Annotated[int, typer.Option(min=0, help="End after so many events; 0: never.")] = 0,
    keep_alive: Annotated[
        float, typer.Option(min=1, max=540, help="Seconds between signs of life; the connection ends after 600 without.")
    ] = 240,
) -> None:
    """Print a socket endpoint's events as they come, until Ctrl-C.

    It reconnects by itself and resumes behind the last event, so that nothing is missed; how the connection fares is told on standard
    error. With --json each event is one line of JSON.
    """
    session = session_of(context)
    if secret and not forward:
        raise UsageError("--secret goes with --forward.")
    forwarder = None
    if forward:
        signing = secret or new_secret()
        forwarder = Forwarder(forward, endpoint, signing, tries, session.output.note)
        session.output.note(f"forwarding to {forward}, signed with {signing if secret is None else 'the given secret'}")
    listener = Listener(
        url=session.target.web_socket_url,
        endpoint_id=endpoint,
        token=session.target.required_token,
        on_event=_printer(session, forwarder),
        fetch=_fetcher(session),
        note=session.output.note,
        last=after,
        filter_id=filter_id,
        keep_alive_seconds=keep_alive,
    )
    try:
        asyncio.run(_until_interrupted(listener, count))
    except Refused as error:
        _explain(session, endpoint, filter_id, error)
    except InvalidAddress as error:
        raise UsageError(f"This is no WebSocket URL: {error}") from error
    counts = listener.counts
    behind = f"; go on with --after {listener.last}" if listener.last is not None else ""
    session.output.note(
        f"{counts.received} events in {counts.connections} connections, {counts.dropped} repeats dropped, {counts.missed} missed{behind}"
    )


async def _until_interrupted(listener: Listener, count: int) -> None:
    task = asyncio.ensure_future(listener.run(lambda: 0 < count <= listener.counts.received))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; or not the main thread
            loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C is how it is meant to end
        await task


def _printer(session: Session, forwarder: Forwarder | None) -> Any:
    async def show(event: dict[str, Any]) -> None:
        data = json.dumps(event.get("data"), ensure_ascii=False, separators=(",", ":"))
        taken = await forwarder.send(event) if forwarder else None
        mark = {None: "", True: "  -> taken", False: "  -> NOT TAKEN"}[taken]
        session.output.line(f"#{event['sequence']}  {event['date']}  {event['type']}  {event['id']}  {data}{mark}", event)

    return show


def _fetcher(session: Session) -> Any:
    def fetch(event_id: str) -> dict[str, Any] | None:
        return next(pages(session, documents.EVENTS, "events", limit=1, filters={"id": {"exact": event_id}}), None)

    async def fetch_in_thread(event_id: str) -> dict[str, Any] | None:
        return await asyncio.to_thread(fetch, event_id)

    return fetch_in_thread


def _explain(session: Session, endpoint: str, filter_id: str | None, refused: Refused) -> NoReturn:
    """A refused handshake tells a status at most (behind some gateways always 403): the API knows why."""
    try:
        found = next(pages(session, documents.ENDPOINTS, "endpoints", limit=1, filters={"id": {"exact": endpoint}}), None)
    except ApiError as error:
        raise NotAllowed(f"The connection was refused (HTTP {refused.status}): {error.message}") from refused
    if found is None:
        reason = f"there is no endpoint {endpoint} in this workspace"
    elif found["type"] != "WEB_SOCKET":
        reason = f"{endpoint} is a {found['type']} endpoint; make one for sockets with `event-service endpoints create-socket`"
    elif (
        filter_id
        and next(pages(session, documents.EVENT_FILTERS, "eventsFilters", limit=1, filters={"id": {"exact": filter_id}}), None) is None
    ):
        reason = f"there is no event filter {filter_id} in this workspace"
    else:
        reason = "the endpoint is there, so it is the token, or a limit of connections"
    raise CommandError(f"The connection was refused (HTTP {refused.status}): {reason}.") from refused
