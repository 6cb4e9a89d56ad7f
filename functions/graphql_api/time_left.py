"""How long a request may still take: until Lambda ends the function, and until API Gateway stops waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from event_service.base.allowance import GATEWAY_SECONDS

ANSWERED_WITHIN_SECONDS: Final = GATEWAY_SECONDS - 1.0
ANSWER_SECONDS: Final = 2.0
"""To make the answer and have it leave."""
_OLDEST_SECONDS: Final = 30.0


def time_left_of(scope: Mapping[str, Any]) -> Callable[[], float]:
    """The seconds that work for a request may still take, the answer's own time taken off.

    Args:
        scope: the ASGI scope; in Lambda it carries the invocation's event and context.
    """
    begun = time.monotonic() - _seconds_on_the_way(scope.get("aws.event"))
    remaining = getattr(scope.get("aws.context"), "get_remaining_time_in_millis", None)

    def time_left() -> float:
        left = begun + ANSWERED_WITHIN_SECONDS - time.monotonic()
        if remaining is not None:
            left = min(left, remaining() / 1_000)
        return left - ANSWER_SECONDS

    return time_left


def _seconds_on_the_way(event: Any) -> float:
    """Since API Gateway took the request: a cold start counts in its time, not in Lambda's."""
    accepted = event.get("requestContext", {}).get("timeEpoch") if isinstance(event, Mapping) else None
    if not isinstance(accepted, int | float):
        return 0.0
    seconds = time.time() - accepted / 1_000
    # Beyond that the clocks differ, or the event was stored: it says nothing.
    return seconds if 0 <= seconds <= _OLDEST_SECONDS else 0.0
