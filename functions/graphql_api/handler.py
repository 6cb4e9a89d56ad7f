"""The Lambda behind the HTTP API, and behind the queue of jobs that requests have started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES

from event_service import wiring
from event_service.observability import configure, invocation
from event_service.settings import Settings, get_settings
from functions.graphql_api import cold_start
from functions.graphql_api.app import create_app
from functions.graphql_api.http.negotiation import GRAPHQL_RESPONSE
from functions.graphql_api.use_cases import UseCases


def create_handler(use_cases: UseCases, settings: Settings) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler that answers requests in the HTTP API's payload format 2.0, and does steps of jobs.

    Args:
        use_cases: factories of them.
        settings: see :func:`functions.graphql_api.app.create_app`.
    """
    asyncio.set_event_loop(_event_loop())
    # lifespan="off": Mangum would run the lifespan on every invocation, not once.
    # What is not listed as text is sent in base64, a third longer: an answer of 5 MB would not fit.
    adapter = Mangum(create_app(use_cases, settings), lifespan="off", text_mime_types=[*DEFAULT_TEXT_MIME_TYPES, GRAPHQL_RESPONSE])

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        # Mangum takes the thread's current loop, which since Python 3.14 is there only if somebody has set it.
        asyncio.set_event_loop(_event_loop())
        with invocation(context):
            if "Records" in event:
                from functions.graphql_api.jobs import run_jobs

                return run_jobs(use_cases.job_runner(), event["Records"], context)
            return adapter(event, context)

    return handle


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """One loop for all invocations: what one has left waiting must not meet a closed loop in the next."""
    return asyncio.new_event_loop()


configure()
lambda_handler = create_handler(wiring, get_settings())
cold_start.loaded()
