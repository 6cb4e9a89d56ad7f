"""The queues of socket delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from event_service.aws.sqs import Entry, Queues
from event_service.base.errors import Unavailable
from event_service.sockets.messages import BacklogMessage, CloseSocket, WakeUp

_SEND_SECONDS: Final = 60.0
"""Messages are few and small; their tries are bounded by their number."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A message as SQS takes it. A repeat needs no mark: doing it twice does no harm."""

    body: str
    group: str

    def text(self, *, repeat: bool) -> str:
        """The body."""
        del repeat
        return self.body


class SqsWakeUpQueue:
    """Implements :class:`~event_service.sockets.ports.WakeUpQueue` (FIFO)."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        _send(
            self._queues, self._url, [Entry(_Text(one.text(), one.fifo_group), deduplication_id=one.deduplication_id) for one in wake_ups]
        )

    def release(self, receipts: Sequence[str]) -> None:
        self._queues.delete(self._url, receipts)


class SqsBacklogQueue:
    """Implements :class:`~event_service.sockets.ports.BacklogQueue` (standard, fair between workspaces)."""

    def __init__(self, queues: Queues, url: str) -> None:
        self._queues = queues
        self._url = url

    def send(self, messages: Sequence[BacklogMessage], delay_seconds: int = 0) -> None:
        _send(self._queues, self._url, [Entry(_Text(one.text(), _fair_group(one)), delay_seconds) for one in messages])


def _fair_group(message: BacklogMessage) -> str:
    return message.connection_id if isinstance(message, CloseSocket) else message.workspace_id


def _send(queues: Queues, url: str, entries: Sequence[Entry]) -> None:
    if len(entries) == 1:
        queues.send(url, entries[0])
        return
    unsent = queues.send_all(url, entries, lambda: _SEND_SECONDS)
    if unsent:
        raise Unavailable(f"SQS SendMessageBatch: {len(unsent)} of {len(entries)} messages may not have been sent")
