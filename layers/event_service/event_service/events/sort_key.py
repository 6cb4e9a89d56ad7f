"""The sort key of the time-ordered indexes, which says all that a list or a count must know before it reads an event.

``<date, 32 characters>#<id>\\t<digest of the type, 8><expiry, 8 hex digits><1: its date is its acceptance, 0: it is not>``

The date has a fixed width, and the tab sorts before every printable character, so keys sort by date and then by id.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from event_service.base.dates import format_date
from event_service.events.event import Event

DATE_CHARACTERS = 32
# DynamoDB takes 1,024 bytes of sort key
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
# An id of 256 characters outside the BMP has that many alone. Only such ids are cut, and a
# hash of the whole id takes the place of the rest: two of them never have one key, and their order is that of the hashes.
MAXIMUM_ID_BYTES = 900
_HASH_BYTES = 8
# A longer profile or activity id cannot be asked for; the partition key it would be part of has a limit, too.
MAXIMUM_VALUE_CHARACTERS = 256
MAXIMUM_INDEXED_PROFILES = 100
"""Of one event: each is a row of its own, and a publish must end in time whatever its events hold."""
_TAIL = 17


class EventEntry(NamedTuple):
    """What an index says of an event, ordered as the index is: by date, then by id.

    ``date`` is a stored date, ``shown_id`` the id as it stands in the key, ``type_digest`` is :func:`type_digest` of its
    type, ``expires`` is in seconds since 1970; ``punctual``: its date is the moment it was accepted; ``id`` is whole. A
    tuple, because merging compares millions of them.
    """

    date: str
    shown_id: str
    type_digest: str
    expires: int
    punctual: bool
    id: str


def type_digest(event_type: str) -> str:
    """48 bits of a hash of the type without case: two of 1,000 types in a workspace share one with a chance of 2e-9."""
    return base64.urlsafe_b64encode(hashlib.blake2b(event_type.casefold().encode(), digest_size=6).digest()).decode()


def expiry(created: datetime, retention_days: int) -> int:
    """When an event accepted at ``created`` expires, in whole seconds since 1970."""
    return int((created + timedelta(days=retention_days)).timestamp())


def sort_key(event: Event, date: datetime, expires: int) -> str:
    """The key under which ``event`` stands at ``date`` in an index."""
    return f"{format_date(date)}#{_shown_id(event.id)}\t{type_digest(event.type)}{expires:08x}{int(event.date == event.created)}"


def read_sort_key(key: str, whole_id: str | None = None) -> EventEntry:
    """Reads what :func:`sort_key` made; ``whole_id`` is the id where it is known from elsewhere."""
    tail = key[-_TAIL:]
    shown = key[DATE_CHARACTERS + 1 : -_TAIL - 1]
    return EventEntry(key[:DATE_CHARACTERS], shown, tail[:8], int(tail[8:16], 16), tail[16] == "1", whole_id or shown)


def cut_id(event_id: str) -> bool:
    """Whether the id is too long for the sort key."""
    return len(event_id) * 4 > MAXIMUM_ID_BYTES and len(event_id.encode()) > MAXIMUM_ID_BYTES


def _shown_id(event_id: str) -> str:
    """The whole id wherever it fits."""
    if not cut_id(event_id):
        return event_id
    whole = event_id.encode()
    return f"{whole[:MAXIMUM_ID_BYTES].decode(errors='ignore')}~{hashlib.blake2b(whole, digest_size=_HASH_BYTES).hexdigest()}"


def profile_ids(data: dict[str, Any]) -> list[str]:
    """The ids in ``identification_data[].profile_id``, each once, in the order of the data."""
    found: dict[str, None] = {}
    candidates = data.get("identification_data")
    for candidate in candidates if isinstance(candidates, list) else ():
        if isinstance(candidate, dict) and _indexable(candidate.get("profile_id")):
            found[candidate["profile_id"]] = None
    return list(found)


def indexed_profile_ids(data: dict[str, Any]) -> list[str]:
    """Those by which the event is found in a list: the first 100."""
    return profile_ids(data)[:MAXIMUM_INDEXED_PROFILES]


def activity_id(data: dict[str, Any]) -> str | None:
    """``activity_id``, if it is an id."""
    value = data.get("activity_id")
    return value if isinstance(value, str) and _indexable(value) else None


def _indexable(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAXIMUM_VALUE_CHARACTERS
