"""Ids: their spelling, and how those that must be the same on every try are derived."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Iterable, Sequence

from event_service.base.errors import BadUserInput

MAXIMUM_IDS_PER_CALL = 100
MAXIMUM_EVENT_ID_CHARACTERS = 256

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> str:
    """A random lower-case UUID (version 4)."""
    return str(uuid.uuid4())


def parse_uuid(value: str, name: str) -> str:
    """Returns ``value`` in lower case.

    Only the canonical 36 characters are taken: ``uuid.UUID`` also reads braces, ``urn:`` and 32 bare digits, and two
    spellings of one id would then be two ids to a client that compares strings.

    Raises:
        BadUserInput: ``value`` is no UUID; ``name`` says which argument it was.
    """
    lowered = value.lower()
    if not _UUID.fullmatch(lowered):
        shown = value if len(value) <= 60 else value[:57] + "..."
        raise BadUserInput(f"{name}: {shown!r} is not a UUID such as 52c6548d-3e17-4b9b-9268-ce51d6900530.")
    return lowered


def parse_uuids(values: Iterable[str], name: str) -> list[str]:
    """Returns the ids in lower case, each once, in the order given.

    Raises:
        BadUserInput: the list is empty, longer than 100, or holds something that is no UUID (all faults together).
    """
    given = list(values)
    if not given:
        raise BadUserInput(f"{name}: the list is empty; give 1 to {MAXIMUM_IDS_PER_CALL} ids.")
    if len(given) > MAXIMUM_IDS_PER_CALL:
        raise BadUserInput(f"{name}: {len(given)} ids were given; at most {MAXIMUM_IDS_PER_CALL} are allowed in a call.")
    problems: list[str] = []
    parsed: dict[str, None] = {}
    for value in given:
        try:
            parsed[parse_uuid(value, name)] = None
        except BadUserInput as error:
            problems.extend(error.problems)
    if problems:
        raise BadUserInput(*problems)
    return list(parsed)


def parse_optional_uuids(values: Iterable[str] | None, name: str) -> list[str]:
    """As :func:`parse_uuids`, but nothing and an empty list are fine: a form in which nothing is chosen sends one."""
    given = list(values or ())
    return parse_uuids(given, name) if given else []


def delivery_id(endpoint_id: str, event_id: str) -> str:
    """The id of the delivery of one event to one endpoint: URL-safe base64 of the endpoint's 16 bytes and the event id.

    It is derived, not drawn, so that no index is needed to find a delivery by its id.
    """
    return base64.urlsafe_b64encode(uuid.UUID(endpoint_id).bytes + event_id.encode()).decode().rstrip("=")


def parse_delivery_id(value: str) -> tuple[str, str] | None:
    """The endpoint id and the event id inside a delivery id; ``None`` when it is not one."""
    try:
        # altchars rather than urlsafe_b64decode: only b64decode can refuse stray characters.
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        event_id = raw[16:].decode()
    except (binascii.Error, UnicodeError, ValueError):
        return None
    if len(raw) < 17:
        return None
    endpoint_id = str(uuid.UUID(bytes=raw[:16]))
    return (endpoint_id, event_id) if delivery_id(endpoint_id, event_id) == value else None


def parse_delivery_ids(ids: Sequence[str]) -> list[str]:
    """The ids of deliveries that a call names, each once. Nothing is said of their form.

    Raises:
        BadUserInput: none, or more than 100.
    """
    wanted = list(dict.fromkeys(ids))
    if not ids or len(ids) > MAXIMUM_IDS_PER_CALL:
        raise BadUserInput(f"ids: {len(ids)} ids were given; give 1 to {MAXIMUM_IDS_PER_CALL}.")
    return wanted


def shard_of(key: str, shards: int) -> int:
    """A stable number below ``shards`` for ``key``: the same in every process and on every Python version."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") % shards
