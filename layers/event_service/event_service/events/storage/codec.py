"""The stored form of an event: JSON ``[type, date, creationDate, agentId, cameraId, data]``, compressed where that is
shorter.

``data`` stands last, so that a reader who does not show it reads the beginning alone: a list of a thousand events of
256 KiB each is then a few hundred kilobytes of work instead of 256 MB.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Final

from event_service.base import json_values
from event_service.base.dates import format_date, from_stored
from event_service.events.event import Event

# zlib's first byte; JSON text begins with a bracket.
_COMPRESSED: Final = 0x78
_HEAD_BYTES: Final = 8_192
"""Room for what stands before ``data``: a type and two ids of at most 256 characters, and two dates."""
_PARTS_BEFORE_DATA: Final = 5
_decode = json.JSONDecoder().raw_decode


def pack(event: Event) -> bytes:
    """The body of an event's item."""
    parts = [event.type, format_date(event.date), format_date(event.created), event.agent_id, event.camera_id, event.data]
    plain = json_values.dumps(parts).encode()
    compressed = zlib.compress(plain, level=6)
    return compressed if len(compressed) < len(plain) else plain


def unpack(workspace_id: str, event_id: str, body: bytes, *, with_data: bool = True) -> tuple[Event, int]:
    """The event in a body, and the bytes of its JSON; without data they are 0, and ``data`` is ``{}``."""
    if with_data:
        plain = zlib.decompress(body) if body[0] == _COMPRESSED else body
        parts, size = json.loads(plain), len(plain)
    else:
        parts, size = [*_head(body), {}], 0
    event_type, date, created, agent_id, camera_id, data = parts
    event = Event(
        id=event_id,
        type=event_type,
        date=from_stored(date),
        data=data,
        agent_id=agent_id,
        camera_id=camera_id,
        workspace_id=workspace_id,
        created=from_stored(created),
    )
    return event, size


def _head(body: bytes) -> list[Any]:
    plain = zlib.decompressobj().decompress(body, _HEAD_BYTES) if body[0] == _COMPRESSED else body[:_HEAD_BYTES]
    # The cut may go through a character of `data`.
    text = plain.decode(errors="ignore")
    parts: list[Any] = []
    position = 1
    while len(parts) < _PARTS_BEFORE_DATA:
        part, end = _decode(text, position)
        parts.append(part)
        position = end + 1  # behind the comma: compact JSON has nothing else there
    return parts
