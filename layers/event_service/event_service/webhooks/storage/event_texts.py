"""The events as they are delivered, put together from what is stored without parsing it.

An event of 256 KiB may be a hundred thousand objects: parsed it would take a hundred times its bytes. What stands before its
``data`` is short and ours; ``data`` is the rest of the text as it is.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection
from typing import Any, Final

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base import json_values
from event_service.base.clock import Clock
from event_service.events.storage.events import EventItem

# zlib's first byte; JSON text begins with a bracket.
_COMPRESSED: Final = 0x78
_PARTS_BEFORE_DATA: Final = 5
_DECODER: Final = json.JSONDecoder()


class DynamoEventTexts:
    """Implements :class:`~event_service.webhooks.ports.EventTexts`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        wanted = {f"{workspace_id}#{event_id}": (workspace_id, event_id) for workspace_id, event_id in keys}
        found = self._database.batch_get((Key(EventItem, key) for key in wanted), attributes=("key", "body", "expiresAt"))
        now = self._clock().timestamp()
        texts: dict[tuple[str, str], str] = {}
        for _, item in found:
            if float(item["expiresAt"]["N"]) > now:
                key = wanted[item["key"]["S"]]
                texts[key] = _text(item, *key)
        return texts


def _text(item: AttributeMap, workspace_id: str, event_id: str) -> str:
    body = bytes(item["body"]["B"])
    plain = (zlib.decompress(body) if body[0] == _COMPRESSED else body).decode()
    parts: list[Any] = []
    position = 1
    for _ in range(_PARTS_BEFORE_DATA):
        value, position = _DECODER.raw_decode(plain, position)
        parts.append(value)
        position += 1  # the comma
    event_type, date, created, agent_id, camera_id = parts
    head = {"id": event_id, "type": event_type, "date": date}
    tail = {"agentId": agent_id, "cameraId": camera_id, "workspaceId": workspace_id, "creationDate": created, "lastModified": created}
    data = plain[position:-1]
    return f'{json_values.dumps(head)[:-1]},"data":{data},{json_values.dumps(tail)[1:]}'
