"""Where a delivery stands in the lists that have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from event_service.base.dates import format_date, from_stored
from event_service.base.errors import BadUserInput
from event_service.base.page import place, read_place
from event_service.delivery.attempt import Delivery


@dataclass(frozen=True, slots=True)
class DeliveryPlace:
    """The same in every list: lists are ordered by the acceptance of events, then by event and endpoint."""

    accepted_at: str
    event_id: str
    endpoint_id: str

    @classmethod
    def read(cls, text: str) -> DeliveryPlace:
        """What :func:`place_of` wrote.

        Raises:
            BadUserInput: it is no such text.
        """
        accepted_at, ids = read_place(text)
        event_id, _, endpoint_id = ids.rpartition("\t")
        if not event_id:
            raise BadUserInput("after: it is no place in a list of deliveries; give the endCursor of a page.")
        return cls(accepted_at, event_id, endpoint_id)

    @property
    def event(self) -> tuple[datetime, str]:
        """As the order of acceptance names it."""
        return from_stored(self.accepted_at), self.event_id

    def is_ahead_of(self, *, descending: bool) -> Callable[[tuple[datetime, str]], bool]:
        """Whether an event comes before this place's own."""
        own = self.event
        return (lambda entry: entry > own) if descending else (lambda entry: entry < own)


def place_of(delivery: Delivery) -> str:
    """The place as a text."""
    return place(format_date(delivery.created), f"{delivery.event_id}\t{delivery.endpoint_id}")
