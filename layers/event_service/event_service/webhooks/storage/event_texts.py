"""The events as they are delivered, put together from what is stored without parsing it.

An event of 256 KiB may be a hundred thousand objects: parsed it would take a hundred times its bytes.
"""

from __future__ import annotations

from collections.abc import Collection

from event_service.aws.dynamodb import Database, Key
from event_service.base.clock import Clock
from event_service.events.storage.codec import delivered_text
from event_service.events.storage.events import EventItem


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
                texts[key] = delivered_text(*key, bytes(item["body"]["B"])).decode()
        return texts
