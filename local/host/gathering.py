"""Lets messages of queues gather where many come, so that fewer invocations carry them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MANY_PER_SECOND: Final = 120
"""Messages of all queues: 60 events a second to a webhook each. Up to there each is handed over as it comes."""
GATHER_SECONDS: Final = 0.04
"""So long messages gather where there are many. An invocation costs the host some milliseconds however few it brings: at 120 events a
second on two cores, p99 was 0.7 to 3.2 s in batches of one or two, and is 0.2 to 0.9 s like this."""
WHOLE_BATCH: Final = 10
"""Of the functions' queues. A look hands over one batch of each, so a pause after a whole one would only keep the next back."""
COUNTED_SECONDS: Final = 0.5


class Gathering:
    """Whether so many messages come that they should be handed over together. Used by the one thread that polls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._messages = 0
        self._many = False
        self._whole = False

    def add(self, messages: int) -> None:
        """So many were handed over as one batch."""
        self._messages += messages
        self._whole = self._whole or messages >= WHOLE_BATCH

    def pause(self) -> float:
        """Seconds to wait before the next look."""
        passed = self._clock() - self._since
        if passed >= COUNTED_SECONDS:
            self._many = self._messages / passed > MANY_PER_SECOND
            self._since, self._messages = self._clock(), 0
        whole, self._whole = self._whole, False
        return GATHER_SECONDS if self._many and not whole else 0.0
