"""What webhook delivery's queue carries. How it is written is in :mod:`event_service.delivery.codec`.

A message that may be a repeat says so (``repeat``): its receiver then looks into the log before it acts. Only the
sender knows that it sends again because an answer was lost, since SQS gives such a message a fresh receive count of 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from event_service.delivery import codec
from event_service.delivery.attempt import DeliveryKey, PendingAttempt

ON_ITS_WAY: Final = timedelta(seconds=30)
"""For so long after its acceptance, an event without an attempt is taken to be on its way. A first attempt that is older is looked up in
the log before it is made: it may have come back from a dead-letter queue, which resets the receive count, or a replay may have been
faster."""


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """One attempt to deliver one event to one webhook.

    Attributes:
        attempt: which one.
        body: the exact body of the request.
        continuations: how often the message was sent on through the queue.
        repeat: this attempt may have been made: the log is to be asked first.
    """

    attempt: PendingAttempt
    body: str
    continuations: int = 0
    repeat: bool = False

    @classmethod
    def first(
        cls,
        workspace_id: str,
        endpoint_id: str,
        event_id: str,
        accepted_at: str,
        traceparent: str | None,
        body: str,
        *,
        configuration_version: int | None = None,
        log_shards: int = 0,
        repeat: bool = False,
    ) -> WebhookMessage:
        """The first attempt of a delivery."""
        key = DeliveryKey(workspace_id, endpoint_id, event_id, accepted_at, configuration_version, log_shards)
        return cls(PendingAttempt(key, traceparent=traceparent), body, repeat=repeat)

    @property
    def delivery(self) -> DeliveryKey:
        """The event and the endpoint that the message is for."""
        return self.attempt.delivery

    @property
    def group(self) -> str:
        """One endpoint must not wait behind another one's backlog."""
        return self.delivery.endpoint_id

    def text(self, *, repeat: bool = False) -> str:
        """The text that is sent."""
        return codec.message_text(self.attempt, self.body, self.continuations, repeat=self.repeat or repeat)

    def next_attempt(self) -> WebhookMessage:
        """The message for the attempt after this one."""
        return replace(self, attempt=self.attempt.following(), continuations=self.continuations + 1, repeat=False)


def parse_webhook_queue(text: str) -> WebhookMessage:
    """Reads a message of webhook delivery's queue.

    Raises:
        ValueError: no such message, or one that a newer release wrote.
    """
    head, body = codec.read_message(text)
    try:
        return WebhookMessage(codec.read_attempt(head), body, head.get("continuations", 0), head.get("repeat", False))
    except (KeyError, TypeError) as error:
        raise ValueError(f"no webhook message: {type(error).__name__} {error}") from error
