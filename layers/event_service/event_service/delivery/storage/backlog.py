"""The backlogs of endpoints.

Partition keys ``backlog#<endpoint id>#<shard>``, and ``live#…`` for what came from the shared lane just now; no key is shared by
two endpoints. Sort keys begin with a date: the acceptance of the event, or when a retry is due. There is no cursor that could
skip something: what is done is deleted, and what is left is read again.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.dates import from_stored
from event_service.base.identifiers import shard_of
from event_service.base.threads import ContextThreads
from event_service.delivery import codec
from event_service.delivery.ports import BACKLOG_SHARDS, BacklogRow
from event_service.delivery.webhook_id import webhook_id

KEPT_BEYOND_THE_EVENT: Final = timedelta(days=2)
"""How long a row outlives its event, before DynamoDB removes it."""
_DATE_CHARACTERS: Final = 32


_BUCKETS: Final = tuple((kind, shard) for kind in ("live", "backlog") for shard in range(BACKLOG_SHARDS))


class DueItem(Model):
    """A row of a backlog."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """``<date>#<webhook-id>#<attempt>``: an event id may be longer than a sort key."""


class DynamoBacklogStore:
    """Implements :class:`~event_service.delivery.ports.BacklogStore`."""

    def __init__(self, database: Database, retention_days: int) -> None:
        self._database = database
        self._retention = timedelta(days=retention_days)

    def add(self, rows: Sequence[BacklogRow]) -> None:
        items: dict[tuple[str, str], AttributeMap] = {}
        for row in rows:
            bucket, key = place_of_row(row)
            expires = from_stored(row.attempt.delivery.accepted_at) + self._retention + KEPT_BEYOND_THE_EVENT
            expires = max(expires, from_stored(row.at) + KEPT_BEYOND_THE_EVENT)
            keys: AttributeMap = {"bucket": {"S": bucket}, "dueKey": {"S": key}, "expiresAt": {"N": str(int(expires.timestamp()))}}
            items[bucket, key] = keys | codec.row_attributes(row.attempt)
        self._database.batch_put(DueItem, list(items.values()))

    def oldest(self, endpoint_id: str, limit: int) -> list[BacklogRow]:
        def read(bucket: tuple[str, int]) -> list[AttributeMap]:
            return self._database.query(DueItem, _of_bucket(endpoint_id, bucket), limit=limit, consistent=True).items

        with ContextThreads(max_workers=len(_BUCKETS)) as threads:
            found = dict(zip(_BUCKETS, threads.map(read, _BUCKETS), strict=True))
        rows: list[BacklogRow] = []
        for kind in ("live", "backlog"):
            items = (item for shard in range(BACKLOG_SHARDS) for item in found[kind, shard])
            oldest = heapq.nsmallest(limit, items, key=_sort_key)
            rows.extend(BacklogRow(codec.read_row(item), _sort_key(item)[:_DATE_CHARACTERS], live=kind == "live") for item in oldest)
        return rows

    def delete(self, rows: Sequence[BacklogRow]) -> None:
        self._database.batch_write(deletes=[Key(DueItem, *key) for key in dict.fromkeys(map(place_of_row, rows))])

    def count(self, endpoint_id: str, most: int) -> int:
        def count(bucket: tuple[str, int]) -> int:
            return self._database.query(DueItem, _of_bucket(endpoint_id, bucket), limit=most, count_only=True).count

        with ContextThreads(max_workers=len(_BUCKETS)) as threads:
            return min(most, sum(threads.map(count, _BUCKETS)))


def _of_bucket(endpoint_id: str, bucket: tuple[str, int]) -> Condition:
    condition: Condition = DueItem.bucket == f"{bucket[0]}#{endpoint_id}#{bucket[1]}"
    return condition


def place_of_row(row: BacklogRow) -> tuple[str, str]:
    """Its keys in the table."""
    delivery = row.attempt.delivery
    message = webhook_id(delivery.workspace_id, delivery.event_id, delivery.endpoint_id)
    kind = "live" if row.live else "backlog"
    return f"{kind}#{delivery.endpoint_id}#{shard_of(message, BACKLOG_SHARDS)}", f"{row.at}#{message}#{row.attempt.number}"


def _sort_key(item: AttributeMap) -> str:
    return str(item["dueKey"]["S"])
