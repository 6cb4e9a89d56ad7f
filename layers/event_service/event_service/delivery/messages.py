"""What the queues between publishing, routing and webhook delivery carry.

A message that may be a repeat says so (``repeat``): its receiver then looks into the log before it acts. Only the
sender knows that it sends again because an answer was lost, since SQS gives such a message a fresh receive count of 1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from event_service.base import json_values
from event_service.base.queue_message import FORMAT


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """One attempt to deliver one event to one webhook: a line of JSON, then the exact body of the request.

    The body is not wrapped in JSON again: that would cost CPU on both sides and up to twice the bytes.

    Attributes:
        attempt: the number of this attempt in the log.
        schedule_start: the attempt with which the schedule of retries began: a retry or replay begins it anew.
        hop: how often the message was continued through the queue.
        listed: the log has a record of this delivery, by which lists find it.
        repeat: this attempt may have been made: the log is to be asked first.
    """

    workspace_id: str
    endpoint_id: str
    event_id: str
    accepted_at: str
    traceparent: str | None
    body: str
    repeat: bool = False
    attempt: int = 1
    schedule_start: int = 1
    hop: int = 0
    listed: bool = False

    @property
    def group(self) -> str:
        """One endpoint must not wait behind another one's backlog."""
        return self.endpoint_id

    def text(self, *, repeat: bool = False) -> str:
        """The text that is sent."""
        head: dict[str, Any] = {
            "v": FORMAT,
            "workspaceId": self.workspace_id,
            "endpointId": self.endpoint_id,
            "eventId": self.event_id,
            "attempt": self.attempt,
            "hop": self.hop,
            "acceptedAt": self.accepted_at,
            "traceparent": self.traceparent,
        }
        if self.schedule_start != 1:
            head["scheduleStart"] = self.schedule_start
        if self.listed:
            head["listed"] = True
        if self.repeat or repeat:
            head["repeat"] = True
        return f"{json_values.dumps(head)}\n{self.body}"

    @classmethod
    def read(cls, head: dict[str, Any], body: str) -> WebhookMessage:
        """Reads what :meth:`text` made; see :func:`parse_webhook_queue`."""
        return cls(
            workspace_id=head["workspaceId"],
            endpoint_id=head["endpointId"],
            event_id=head["eventId"],
            accepted_at=head["acceptedAt"],
            traceparent=head["traceparent"],
            body=body,
            repeat=head.get("repeat", False),
            attempt=head["attempt"],
            schedule_start=head.get("scheduleStart", 1),
            hop=head["hop"],
            listed=head.get("listed", False),
        )


@dataclass(frozen=True, slots=True)
class DrainMessage:
    """One step of sending what waited for an endpoint; it travels in webhook delivery's queue.

    Attributes:
        token: the step that this message is for; a copy of another step is void.
        quiet: nothing was left at the last look.
        hop: how often the message was continued through the queue.
    """

    workspace_id: str
    endpoint_id: str
    token: str
    quiet: bool = False
    hop: int = 0

    @property
    def group(self) -> str:
        """What waited must not take the place of the endpoint's live messages in the fair order of the queue."""
        return f"{self.endpoint_id}#waiting"

    def text(self, *, repeat: bool = False) -> str:
        """The text that is sent; a repeat needs no mark, its token tells."""
        del repeat
        return json_values.dumps(
            {
                "v": FORMAT,
                "drain": self.token,
                "workspaceId": self.workspace_id,
                "endpointId": self.endpoint_id,
                "quiet": self.quiet,
                "hop": self.hop,
            }
        )


def parse_webhook_queue(text: str) -> WebhookMessage | DrainMessage:
    """Reads a message of webhook delivery's queue.

    Raises:
        ValueError: no such message, or of another format, which a newer version of the code wrote.
    """
    line, _, body = text.partition("\n")
    try:
        head = json.loads(line)
        if head["v"] != FORMAT:
            raise ValueError(f"webhook message of format {head['v']!r}; this version reads {FORMAT}")
        if "drain" in head:
            return DrainMessage(head["workspaceId"], head["endpointId"], head["drain"], head["quiet"], head["hop"])
        return WebhookMessage.read(head, body)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no webhook message: {type(error).__name__} {error}") from error
