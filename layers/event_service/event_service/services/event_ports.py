"""What publishing, reading and routing events need from outside, beyond :mod:`event_service.services.ports`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from event_service.domain.event_index import EventEntry
from event_service.domain.queue_messages import WebhookMessage
from event_service.services.socket_log import Routed

SHARDS = 16
"""Partition keys that the events of a workspace are spread over: 5,000 events a second are 313 writes a second a key,
where DynamoDB carries 1,000."""


class Track(StrEnum):
    """A time-ordered index of events."""

    DATE = "date"
    """All events, by when they happened."""
    ACCEPTANCE = "acceptance"
    """Only events whose date is not the moment they were accepted, by that moment."""
    PROFILE = "profile"
    """By date, those with ``data.identification_data[].profile_id``."""
    ACTIVITY = "activity"
    """By date, those with ``data.activity_id``."""


@dataclass(frozen=True, slots=True)
class TrackKey:
    """Which events: all of a workspace, or those of one profile or activity."""

    workspace_id: str
    track: Track
    value: str = ""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """One answer of an index. ``position`` goes into the next call; ``None`` at the end."""

    entries: list[EventEntry]
    position: object | None


class EventIndexes(Protocol):
    """The time-ordered indexes of events. They may lag by seconds and name events that are gone."""

    def read(
        self,
        key: TrackKey,
        shard: int,
        dates: tuple[str, str],
        *,
        descending: bool,
        limit: int,
        position: object | None,
    ) -> EntryPage:
        """Up to ``limit`` entries of one shard (0 to 15) with ``dates[0] <= date < dates[1]`` (stored dates)."""


class WebhookQueue(Protocol):
    """From routing to webhook delivery."""

    def send(self, messages: Sequence[WebhookMessage], time_left: Callable[[], float]) -> list[int]:
        """Sends all, in as few calls as SQS allows, and tries again what failed, for as long as ``time_left()`` (in
        seconds) allows it. Does not raise: returns the positions of those that may not have been sent."""


class SocketLog(Protocol):
    """The logs of WEB_SOCKET endpoints."""

    def append(self, messages: Sequence[Routed]) -> set[str]:
        """Appends each endpoint's events and wakes its clients. Once a nonce is in an endpoint's log, doing it again
        only wakes. Does not raise: returns the nonces of which that is not certain."""
