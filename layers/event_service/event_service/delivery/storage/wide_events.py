"""Which events are wide: two rows under the key where the records of such an event would stand if it were not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.dates import from_stored
from event_service.delivery.attempt import DeliveryKey
from event_service.delivery.storage.log_items import WIDE_MARKS, LogItem, event_key

KEPT_AFTER: Final = timedelta(days=7)
"""How long a mark outlives its event: longer than any record, the last of which is written when a row of a backlog is found for an event
that has expired."""


class DynamoWideEvents:
    """Implements :class:`~event_service.delivery.ports.WideEvents`."""

    def __init__(self, database: Database, retention_days: int) -> None:
        self._database = database
        self._retention = timedelta(days=retention_days)

    def mark(self, keys: Iterable[DeliveryKey]) -> None:
        items = [self._mark(key, mark) for key in keys for mark in WIDE_MARKS]
        self._database.batch_put(LogItem, items)

    def log_shards(self, workspace_id: str, event_ids: Collection[str]) -> dict[str, int]:
        keys = {event_key(workspace_id, event_id): event_id for event_id in event_ids}
        found = self._database.batch_get(Key(LogItem, key, WIDE_MARKS[0]) for key in keys)
        return {keys[item["eventKey"]["S"]]: int(item["shards"]["N"]) for _, item in found}

    def _mark(self, key: DeliveryKey, mark: str) -> AttributeMap:
        expires = from_stored(key.accepted_at) + self._retention + KEPT_AFTER
        return {
            "eventKey": {"S": event_key(key.workspace_id, key.event_id)},
            "attemptKey": {"S": mark},
            "shards": {"N": str(key.log_shards)},
            "expiresAt": {"N": str(int(expires.timestamp()))},
        }
