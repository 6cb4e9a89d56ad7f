"""The time, as a port."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time, so that tests can choose it."""

    def __call__(self) -> datetime:
        """Now, aware, in UTC."""
