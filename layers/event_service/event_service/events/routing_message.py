"""The message from publishing to routing: one publish, whole. A stored format: see :mod:`event_service.base.queue_message`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from event_service.base import json_values
from event_service.base.formats import check_format
from event_service.base.queue_message import FORMAT
from event_service.events.event import Event


@dataclass(frozen=True, slots=True)
class RoutingMessage:
    """All events of one publish: that it is in the queue makes the publish accepted.

    Attributes:
        accepted_at: a stored date; the ``creationDate`` of the events.
        after: set in a continuation: endpoints up to this id, in order of ids, have been served.
        continuation: how often the message was continued.
        repeat: the endpoints that are still to be served may have been served already.
        rows_only: its events were routed; only the rows by which lists find them are to be written.
    """

    workspace_id: str
    nonce: str
    accepted_at: str
    events: tuple[Event, ...]
    traceparent: str | None = None
    after: str | None = None
    continuation: int = 0
    repeat: bool = False
    rows_only: bool = False

    @property
    def group(self) -> str:
        """One workspace must not wait behind another one's backlog."""
        return self.workspace_id

    def text(self, *, repeat: bool = False) -> str:
        """The JSON text that is sent."""
        head: dict[str, Any] = {
            "v": FORMAT,
            "workspaceId": self.workspace_id,
            "nonce": self.nonce,
            "acceptedAt": self.accepted_at,
            "traceparent": self.traceparent,
        }
        if self.after is not None:
            head["after"] = self.after
        if self.continuation:
            head["continuation"] = self.continuation
        if self.repeat or repeat:
            head["repeat"] = True
        if self.rows_only:
            head["rowsOnly"] = True
        head["events"] = [event.as_delivered() for event in self.events]
        return json_values.dumps(head)

    @classmethod
    def parse(cls, text: str) -> RoutingMessage:
        """Reads what :meth:`text` made.

        Raises:
            ValueError: a newer release wrote it.
        """
        value = json.loads(text)
        check_format(value.get("v"), FORMAT, "a routing message")
        return cls(
            workspace_id=value["workspaceId"],
            nonce=value["nonce"],
            accepted_at=value["acceptedAt"],
            events=tuple(Event.from_delivered(event) for event in value["events"]),
            traceparent=value["traceparent"],
            after=value.get("after"),
            continuation=value.get("continuation", 0),
            repeat=value.get("repeat", False),
            rows_only=value.get("rowsOnly", False),
        )

    def continued(self, after: str | None) -> RoutingMessage:
        """The message that serves the endpoints behind ``after``."""
        return replace(self, after=after, continuation=self.continuation + 1)

    def only(self, events: Sequence[Event]) -> RoutingMessage:
        """With some of the events left out."""
        return replace(self, events=tuple(events))

    def for_rows(self, events: Sequence[Event]) -> RoutingMessage:
        """The message that writes the rows of routed events."""
        return replace(self.only(events), after=None, continuation=0, rows_only=True)
