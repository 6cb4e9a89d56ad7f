"""The Lambda behind the HTTP API."""

from __future__ import annotations

from typing import Any

from mangum import Mangum

from event_service import wiring
from event_service.settings import get_settings
from functions.graphql_api.app import create_app

# lifespan="off": Mangum would run the lifespan on every invocation, not once.
_adapter = Mangum(create_app(wiring, get_settings()), lifespan="off")


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers one request in the HTTP API's payload format 2.0."""
    return _adapter(event, context)
