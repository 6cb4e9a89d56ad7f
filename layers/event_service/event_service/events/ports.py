"""What publishing, reading and routing events need from outside, beyond :mod:`event_service.configuration.ports`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.events.sort_key import EventEntry

SHARDS = 16
"""Partition keys that the events of a workspace are spread over: 5,000 events a second are 313 writes a second a key,
where DynamoDB carries 1,000
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html)."""


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
        """Up to ``limit`` entries of one shard (0 to 15) whose sort keys are between ``dates[0]`` and ``dates[1]``: stored dates, or
        places behind which a page begins."""


class RoutingQueue(Protocol):
    """From publishing to routing, and from a routing that was cut short to its continuation."""

    def send(self, message: RoutingMessage) -> None:
        """Sends one message: once this returned, the publish is accepted. Raises ``Unavailable`` when it is not known
        whether it was sent."""


class EventStore(Protocol):
    """Published events within their retention. An item past its expiry counts as absent."""

    def get(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> dict[str, StoredEvent]:
        """By id; strongly consistent unless the caller can live with less, at half the price. Without data, the ``data``
        of each is ``{}``, and nothing of it is unpacked."""

    def each(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> Iterator[StoredEvent]:
        """The same one by one and in any order, each unpacked when it is taken: a hundred may be 25 MB as JSON."""

    def owners(self, keys: Collection[tuple[str, str]], *, consistent: bool = True) -> dict[tuple[str, str], Publisher]:
        """Of each (workspace id, event id) that is stored, which publish brought it."""

    def put_if_absent(self, events: Sequence[Event], nonce: str, *, rows_later: bool = False) -> PutOutcome:
        """Stores those whose id is free. Does not raise: what could not be written is in the outcome. Ends within seconds
        however slow the database is.

        The rows by which events are found in lists are written before the events, as far as they can be within a second
        or so, or not at all with ``rows_later``; an event whose rows may be missing says so (:attr:`Publisher.rows_missing`)."""

    def put(self, events: Sequence[Event], nonce: str) -> None:
        """Stores events with ids of our own making, which cannot be taken. Their rows as in :meth:`put_if_absent`."""

    def write_rows(self, events: Sequence[Event]) -> None:
        """Writes the rows by which events are found in lists; writing them again changes nothing."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who brought an event.

    Attributes:
        nonce: of the publish.
        rows_missing: the rows by which the event is found by profile or activity may not all be written.
    """

    nonce: str
    rows_missing: bool = False


@dataclass(frozen=True, slots=True)
class PutOutcome:
    """The outcome of events that were to be stored under ids that may be taken."""

    taken: Mapping[str, Publisher]
    """Event id to the publish that has it. One's own is here too, when the router was faster."""
    failed: tuple[str, ...]
    """Ids of which it is not known whether they were stored."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and the nonce of the publish that brought it."""

    event: Event
    nonce: str
    data_bytes: int = 0
    """Of ``data`` as JSON, about; 0 where it was left out."""
