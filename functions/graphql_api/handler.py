"""The Lambda behind the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mangum import Mangum

from event_service import wiring
from event_service.settings import Settings, get_settings
from functions.graphql_api.app import create_app
from functions.graphql_api.services import Services


def create_handler(services: Services, settings: Settings) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler that answers requests in the HTTP API's payload format 2.0.

    Args:
        services: the use cases.
        settings: see :func:`functions.graphql_api.app.create_app`.
    """
    # lifespan="off": Mangum would run the lifespan on every invocation, not once.
    return Mangum(create_app(services, settings), lifespan="off")


lambda_handler = create_handler(wiring, get_settings())
