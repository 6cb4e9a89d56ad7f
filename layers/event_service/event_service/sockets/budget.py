"""Memory: what one invocation holds of events, over all endpoints, is bounded by bytes."""

from __future__ import annotations

import asyncio
from typing import Final

BYTES_PER_INVOCATION: Final = 96 * 1024 * 1024
"""Of encoded events that are kept for clients which are at about the same place."""
READS_AT_ONCE: Final = 2
"""A read of events holds its answer, the items and their texts for a moment: some four times their bytes."""


class ByteBudget:
    """Shared by the log windows of an invocation."""

    def __init__(self, limit: int = BYTES_PER_INVOCATION) -> None:
        self.limit = limit
        self.used = 0
        self.reads = asyncio.Semaphore(READS_AT_ONCE)

    @property
    def is_exceeded(self) -> bool:
        """Whether whoever holds most should give some back."""
        return self.used > self.limit
