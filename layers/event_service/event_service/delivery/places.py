"""Where deliveries stand in lists, and where a list goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from event_service.base.dates import format_date, from_stored
from event_service.base.errors import BadUserInput
from event_service.base.page import place, read_place
from event_service.delivery.attempt import Delivery
from event_service.delivery.ports import DeliveryPlace

PASSED_AT_MOST: Final = 1_000
"""Deliveries of other endpoints in lists by status, before the list of the endpoint itself is read: about 30 read units."""


def read_delivery_place(text: str) -> DeliveryPlace:
    """Reads what :func:`place_of` made.

    Raises:
        BadUserInput: somebody else made it.
    """
    accepted_at, ids = read_place(text)
    event_id, _, endpoint_id = ids.rpartition("\t")
    if not event_id:
        raise BadUserInput("after: it is no place in a list of deliveries; give the endCursor of a page.")
    return DeliveryPlace(accepted_at, event_id, endpoint_id)


def event_at(where: DeliveryPlace) -> tuple[datetime, str]:
    """The event of a place, as the order of acceptance names it."""
    return from_stored(where.accepted_at), where.event_id


def is_ahead_of(where: DeliveryPlace, *, descending: bool) -> Callable[[tuple[datetime, str]], bool]:
    """Whether an event comes before that of a place."""
    own = event_at(where)
    return (lambda entry: entry > own) if descending else (lambda entry: entry < own)


def of_one_endpoint(places: Iterator[DeliveryPlace], endpoint_id: str, end: list[DeliveryPlace]) -> Iterator[DeliveryPlace]:
    """The places of one endpoint. After too many of others it ends, and puts the last place that it has passed into ``end``."""
    passed, last = 0, None
    for one in places:
        # Not in the midst of an event: lists of an endpoint go on behind a whole one.
        if passed >= PASSED_AT_MOST and last is not None and last.event_id != one.event_id:
            end.append(last)
            return
        last = one
        if one.endpoint_id == endpoint_id:
            yield one
        else:
            passed += 1


def place_of(delivery: Delivery) -> str:
    """Where a page goes on that ends with this delivery."""
    return place(format_date(delivery.created), f"{delivery.event_id}\t{delivery.endpoint_id}")
