"""What waits, in one table: retries by the moment they are due, deliveries put aside for their endpoint, drain markers.

Each kind has partition keys of its own (``due#<shard>``, ``parked#<endpoint id>#<shard>``, ``drains``) and sort keys that
begin with a date, so that a reader asks for "up to now" and what lies behind is not read, however much it is. There is no
cursor that could skip something: what was handed on is deleted, and what is left is read again.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.base.identifiers import shard_of
from event_service.delivery.ports import WAITING_SHARDS, DrainMarker, DueDelivery, WaitingDelivery
from event_service.delivery.webhook_id import webhook_id

KEPT_AFTER: Final = timedelta(days=2)
"""How long a row outlives its event, or the moment it was due, before DynamoDB removes it."""
MARKERS: Final = "drains"
MARKERS_IN_ONE_READ: Final = 1_000


class WaitingItem(Model):
    """A retry, or what was put aside."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """``<date>#<webhook-id>#<attempt>``: an event id may be longer than a sort key."""


class MarkerItem(Model):
    """A drain marker. One row an endpoint; ``checkAt`` is no key, so that it can be moved by one conditional put."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """The endpoint id."""
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    token = UnicodeAttribute()
    check_at = UnicodeAttribute(attr_name="checkAt")
    quiet = BooleanAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt", null=True)


class DynamoDueStore:
    """Implements :class:`~event_service.delivery.ports.DueStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, entries: Sequence[DueDelivery]) -> None:
        items = []
        for entry in entries:
            bucket, key = _due_key(entry)
            items.append(_item(bucket, key, entry.delivery, entry.due + KEPT_AFTER * 7))
        self._database.batch_put(WaitingItem, items)

    def due(self, shard: int, now: datetime, limit: int) -> list[DueDelivery]:
        condition: Condition = WaitingItem.bucket == f"due#{shard}"
        # "~" follows "#": what is due in this very microsecond is due.
        condition &= WaitingItem.due_key < f"{format_date(now)}~"
        page = self._database.query(WaitingItem, condition, limit=limit, consistent=True)
        return [DueDelivery(from_stored(item["dueKey"]["S"][:32]), _delivery(item)) for item in page.items]

    def delete(self, entries: Sequence[DueDelivery]) -> None:
        self._database.batch_write(deletes=[Key(WaitingItem, *_due_key(entry)) for entry in entries])


class DynamoParkedStore:
    """Implements :class:`~event_service.delivery.ports.ParkedStore`."""

    def __init__(self, database: Database, retention_days: int) -> None:
        self._database = database
        self._retention = timedelta(days=retention_days)

    def park(self, deliveries: Sequence[WaitingDelivery]) -> None:
        items = {}
        for delivery in deliveries:
            key = _parked_key(delivery)
            items[key] = _item(*key, delivery, from_stored(delivery.accepted_at) + self._retention + KEPT_AFTER)
        self._database.batch_put(WaitingItem, list(items.values()))

    def oldest(self, endpoint_id: str, limit: int) -> list[WaitingDelivery]:
        def read(shard: int) -> list[AttributeMap]:
            condition: Condition = WaitingItem.bucket == f"parked#{endpoint_id}#{shard}"
            return self._database.query(WaitingItem, condition, limit=limit, consistent=True).items

        with ThreadPoolExecutor(max_workers=WAITING_SHARDS) as threads:
            found = list(threads.map(read, range(WAITING_SHARDS)))
        oldest = heapq.nsmallest(limit, (item for items in found for item in items), key=_sort_key)
        return [_delivery(item) for item in oldest]

    def delete(self, deliveries: Sequence[WaitingDelivery]) -> None:
        self._database.batch_write(deletes=[Key(WaitingItem, *_parked_key(delivery)) for delivery in deliveries])

    def mark(self, marker: DrainMarker, replaces: str | None = None) -> bool:
        item = MarkerItem(
            MARKERS,
            marker.endpoint_id,
            workspace_id=marker.workspace_id,
            token=marker.token,
            check_at=format_date(marker.check_at),
            quiet=marker.quiet,
        )
        try:
            self._database.put(item, None if replaces is None else MarkerItem.token == replaces)
        except ConditionFailed as refused:
            # The SDK repeats a put whose answer was lost; the repeat then finds our own token.
            return refused.current is not None and refused.current["token"]["S"] == marker.token
        return True

    def unmark(self, marker: DrainMarker) -> bool:
        try:
            self._database.delete(Key(MarkerItem, MARKERS, marker.endpoint_id), MarkerItem.token == marker.token)
        except ConditionFailed:
            return False
        return True

    def markers_due(self, now: datetime) -> list[DrainMarker]:
        found: list[DrainMarker] = []
        for item in self._database.query_all(MarkerItem, MarkerItem.bucket == MARKERS, consistent=True):
            marker = DrainMarker(
                workspace_id=item["workspaceId"]["S"],
                endpoint_id=item["dueKey"]["S"],
                token=item["token"]["S"],
                check_at=from_stored(item["checkAt"]["S"]),
                quiet=bool(item["quiet"]["BOOL"]),
            )
            if marker.check_at <= now:
                found.append(marker)
        found.sort(key=lambda marker: marker.check_at)
        return found[:MARKERS_IN_ONE_READ]


def _due_key(entry: DueDelivery) -> tuple[str, str]:
    delivery = entry.delivery
    message = webhook_id(delivery.workspace_id, delivery.event_id, delivery.endpoint_id)
    return f"due#{shard_of(message, WAITING_SHARDS)}", f"{format_date(entry.due)}#{message}#{delivery.attempt}"


def _parked_key(delivery: WaitingDelivery) -> tuple[str, str]:
    message = webhook_id(delivery.workspace_id, delivery.event_id, delivery.endpoint_id)
    bucket = f"parked#{delivery.endpoint_id}#{shard_of(message, WAITING_SHARDS)}"
    return bucket, f"{delivery.accepted_at}#{message}#{delivery.attempt}"


def _sort_key(item: AttributeMap) -> str:
    return str(item["dueKey"]["S"])


def _item(bucket: str, key: str, delivery: WaitingDelivery, expires: datetime) -> AttributeMap:
    item: AttributeMap = {
        "bucket": {"S": bucket},
        "dueKey": {"S": key},
        "workspaceId": {"S": delivery.workspace_id},
        "endpointId": {"S": delivery.endpoint_id},
        "eventId": {"S": delivery.event_id},
        "accepted": {"S": delivery.accepted_at},
        "attempt": {"N": str(delivery.attempt)},
        "scheduleStart": {"N": str(delivery.schedule_start)},
        "listed": {"BOOL": delivery.listed},
        "expiresAt": {"N": str(int(expires.timestamp()))},
    }
    if delivery.traceparent is not None:
        item["traceparent"] = {"S": delivery.traceparent}
    return item


def _delivery(item: dict[str, Any]) -> WaitingDelivery:
    return WaitingDelivery(
        workspace_id=item["workspaceId"]["S"],
        endpoint_id=item["endpointId"]["S"],
        event_id=item["eventId"]["S"],
        accepted_at=item["accepted"]["S"],
        attempt=int(item["attempt"]["N"]),
        schedule_start=int(item["scheduleStart"]["N"]),
        listed=bool(item["listed"]["BOOL"]),
        traceparent=item["traceparent"]["S"] if "traceparent" in item else None,
    )
