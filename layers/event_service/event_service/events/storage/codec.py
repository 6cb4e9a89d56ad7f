"""The stored form of an event: JSON ``[type, date, creationDate, agentId, cameraId, data]``, compressed where that is
shorter.

This is format 1, and has no number: it begins with text. A later form begins with its number, which this release refuses.
``data`` stands last, so that a reader who does not show it reads the beginning alone: a list of a thousand events of
256 KiB each is then a few hundred kilobytes of work instead of 256 MB.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final

from event_service.base import json_values
from event_service.base.dates import format_date, from_stored
from event_service.base.formats import check_format
from event_service.events.event import Event

FORMAT: Final = 1
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
    """The event in a body, and the bytes of its JSON; without data they are 0, and ``data`` is ``{}``.

    Raises:
        ValueError: a newer release wrote it.
    """
    if with_data:
        plain = zlib.decompress(body) if body[0] == _COMPRESSED else body
        parts, size = json.loads(plain), len(plain)
    else:
        parts, size = [*_head(body), {}], 0
    if not isinstance(parts[0], str):
        check_format(parts[0], FORMAT, "an event")
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


_TEXT_BEFORE_DATA: Final = re.compile(rb'\[("(?:[^"\\]|\\.)*"),("[^"]*"),("[^"]*"),(null|"(?:[^"\\]|\\.)*"),(null|"(?:[^"\\]|\\.)*"),')


def delivered_text(workspace_id: str, event_id: str, body: bytes) -> bytes:
    """What :meth:`~event_service.events.event.Event.as_json` makes of the event in a body, byte for byte; nothing is parsed.

    Raises:
        ValueError: not a stored body.
    """
    plain = zlib.decompress(body) if body[0] == _COMPRESSED else body
    head = _TEXT_BEFORE_DATA.match(plain)
    if head is None:
        raise ValueError(f"the stored body of event {event_id} begins with {plain[:80]!r}")
    event_type, date, created, agent_id, camera_id = head.groups()
    return b"".join(
        (
            b'{"id":%b,"type":%b,"date":%b,"data":' % (json_values.dumps(event_id).encode(), event_type, date),
            memoryview(plain)[head.end() : -1],
            b',"agentId":%b,"cameraId":%b,"workspaceId":' % (agent_id, camera_id),
            json_values.dumps(workspace_id).encode(),
            b',"creationDate":%b,"lastModified":%b}' % (created, created),
        )
    )


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
