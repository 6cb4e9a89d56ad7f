"""The wake-up queue of socket delivery."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from event_service.aws.sqs import Entry, Queues
from event_service.base.errors import Unavailable
from event_service.sockets.wake_up import WakeUp

_WAKE_UP_SECONDS: Final = 60.0
"""Wake-ups are few and small; their tries are bounded by their number."""


class SqsWakeUpQueue:
    """Implements :class:`~event_service.sockets.ports.WakeUpQueue` (FIFO)."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        # Never the same id twice: a wake-up that equals one sent a moment ago may be about something newer.
        entries = [Entry(wake_up, deduplication_id=uuid.uuid4().hex) for wake_up in wake_ups]
        if len(entries) == 1:
            self._queues.send(self._url, entries[0])
            return
        unsent = self._queues.send_all(self._url, entries, lambda: _WAKE_UP_SECONDS)
        if unsent:
            raise Unavailable(f"SQS SendMessageBatch: {len(unsent)} of {len(entries)} wake-ups may not have been sent")
