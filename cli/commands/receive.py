"""`event-service receive`: a webhook receiver on this machine, for trying things out."""

from __future__ import annotations

import json
import queue
from typing import Annotated, Final

import typer

from cli import documents
from cli.errors import UsageError
from cli.output import Output
from cli.receiving import Behaviour, ReceivedRequest, receiving
from cli.session import session_of

LOOK_SECONDS: Final = 0.5
"""Ctrl-C is seen between two looks on every system."""


def receive(  # noqa: PLR0917 - Typer calls it, by name
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 9000,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
    endpoint: Annotated[
        str | None, typer.Option(metavar="ENDPOINT_ID", help="Verify with this endpoint's secret, which the API is asked for.")
    ] = None,
    secret: Annotated[str | None, typer.Option(metavar="whsec_...", help="Verify with this secret.")] = None,
    status: Annotated[int, typer.Option(min=200, max=599, help="Answer with this HTTP status.")] = 204,
    fail: Annotated[float, typer.Option(min=0, max=1, help="Answer this share of the requests with 500: 0.1 is one in ten.")] = 0.0,
    delay: Annotated[float, typer.Option(min=0, max=120, help="Seconds to wait before each answer.")] = 0.0,
    retry_after: Annotated[
        int | None, typer.Option(min=0, help="Seconds to ask for with each answer of 400 and above (a header: retry-after).")
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="End after so many requests; 0: never.")] = 0,
) -> None:
    """Receive webhooks on this machine and print them, until Ctrl-C.

    A request that is not signed with the secret is answered 401; without --endpoint or --secret nothing is verified. Use --status,
    --fail, --delay and --retry-after to see what the service does about a receiver in trouble.
    """
    session = session_of(context)
    if endpoint and secret:
        raise UsageError("Give --endpoint or --secret, not both.")
    if endpoint:
        secret = session.target.graphql.execute(documents.ENDPOINT_SECRET, id=endpoint)["endpointSecret"]
    with receiving(host, port, Behaviour(status, fail, delay, retry_after, secret)) as (taken, received):
        session.output.note(f"receiving on http://{host}:{taken}, {'verifying signatures' if secret else 'verifying nothing'}")
        number = 0
        while count == 0 or number < count:
            try:
                request = received.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            _show(session.output, request)
            number += 1


def _show(output: Output, request: ReceivedRequest) -> None:
    event = request.event
    known = event if isinstance(event, dict) else {}
    what = json.dumps(known["data"], ensure_ascii=False) if "data" in known else request.body.decode(errors="replace")
    fault = f"  ({request.fault})" if request.fault else ""
    output.line(
        f"{request.status}  {known.get('type', '-')}  {known.get('id', '-')}  {what}{fault}",
        {
            "status": request.status,
            "verified": request.verified,
            "fault": request.fault,
            "webhookId": request.message_id,
            "event": event,
        },
    )
