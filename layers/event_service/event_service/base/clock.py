"""The time, as a port, and how much of it an invocation has left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol


class Clock(Protocol):
    """The time, so that tests can choose it."""

    def __call__(self) -> datetime:
        """Now, aware, in UTC."""


def time_left(context: Any, reserve: float = 0.0) -> Callable[[], float]:
    """The seconds that an invocation of a Lambda function may still take, asked anew with each call.

    Args:
        context: Lambda's own, of the invocation.
        reserve: seconds that are kept for what comes at the end.

    Example::

        left = time_left(context, reserve=5.0)
        left()  # 24.7
    """
    return lambda: float(context.get_remaining_time_in_millis()) / 1000 - reserve
