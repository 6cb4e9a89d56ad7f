"""What webhook delivery's queue carries. How it is written is in :mod:`event_service.delivery.codec`.

A message that may be a repeat says so (``repeat``): its receiver then looks into the log before it acts. Only the
sender knows that it sends again because an answer was lost, since SQS gives such a message a fresh receive count of 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from event_service.delivery import codec
from event_service.delivery.attempt import DeliveryKey, PendingAttempt


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
        repeat: bool = False,
    ) -> WebhookMessage:
        """The first attempt of a delivery."""
        key = DeliveryKey(workspace_id, endpoint_id, event_id, accepted_at, configuration_version)
        return cls(PendingAttempt(key, traceparent=traceparent), body, repeat=repeat)

    @property
    def delivery(self) -> DeliveryKey:
        """Which delivery."""
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


@dataclass(frozen=True, slots=True)
class BacklogMessage:
    """One run of sending an endpoint's backlog; it travels in webhook delivery's queue.

    Attributes:
        token: the run that this message is for; a copy of another run is void.
        found_empty_once: nothing was left at the last look.
        continuations: how often the message was sent on through the queue.
    """

    workspace_id: str
    endpoint_id: str
    token: str
    found_empty_once: bool = False
    continuations: int = 0

    @property
    def group(self) -> str:
        """The backlog must not take the place of the endpoint's live messages in the fair order of the queue."""
        return f"{self.endpoint_id}#backlog"

    def text(self, *, repeat: bool = False) -> str:
        """The text that is sent; a repeat needs no mark, its token tells."""
        del repeat
        return codec.backlog_message_text(
            self.workspace_id, self.endpoint_id, self.token, self.continuations, found_empty_once=self.found_empty_once
        )


def parse_webhook_queue(text: str) -> WebhookMessage | BacklogMessage:
    """Reads a message of webhook delivery's queue.

    Raises:
        ValueError: no such message, or of another format, which a newer version of the code wrote.
    """
    head, body = codec.read_message(text)
    try:
        if "token" in head:
            return BacklogMessage(head["workspaceId"], head["endpointId"], head["token"], head["foundEmptyOnce"], head["continuations"])
        return WebhookMessage(codec.read_attempt(head), body, head.get("continuations", 0), head.get("repeat", False))
    except (KeyError, TypeError) as error:
        raise ValueError(f"no webhook message: {type(error).__name__} {error}") from error
