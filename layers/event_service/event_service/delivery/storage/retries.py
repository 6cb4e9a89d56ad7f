"""Retries by the moment they are due.

Partition keys ``due#<shard>``, and sort keys that begin with a date, so that a reader asks for "up to now" and what lies
behind is not read, however much it is. There is no cursor that could skip something: what was handed on is deleted, and
what is left is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.base.identifiers import shard_of
from event_service.delivery import codec
from event_service.delivery.attempt import PendingAttempt
from event_service.delivery.ports import BACKLOG_SHARDS, DueRetry
from event_service.delivery.webhook_id import webhook_id

KEPT_AFTER_DUE: Final = timedelta(days=14)
"""How long a row outlives the moment it was due, before DynamoDB removes it."""


class DueItem(Model):
    """A retry, or an entry of a backlog."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """``<date>#<webhook-id>#<attempt>``: an event id may be longer than a sort key."""


class DynamoRetryStore:
    """Implements :class:`~event_service.delivery.ports.RetryStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, retries: Sequence[DueRetry]) -> None:
        items = []
        for retry in retries:
            bucket, key = _key(retry)
            items.append(row(bucket, key, retry.attempt, retry.due + KEPT_AFTER_DUE))
        self._database.batch_put(DueItem, items)

    def due(self, shard: int, now: datetime, limit: int) -> list[DueRetry]:
        condition: Condition = DueItem.bucket == f"due#{shard}"
        # "~" follows "#": what is due in this very microsecond is due.
        condition &= DueItem.due_key < f"{format_date(now)}~"
        page = self._database.query(DueItem, condition, limit=limit, consistent=True)
        return [DueRetry(from_stored(item["dueKey"]["S"][:32]), codec.read_row(item)) for item in page.items]

    def delete(self, retries: Sequence[DueRetry]) -> None:
        self._database.batch_write(deletes=[Key(DueItem, *_key(retry)) for retry in retries])


def message_id(attempt: PendingAttempt) -> str:
    """The ``webhook-id`` of a pending attempt."""
    key = attempt.delivery
    return webhook_id(key.workspace_id, key.event_id, key.endpoint_id)


def row(bucket: str, key: str, attempt: PendingAttempt, expires: datetime) -> AttributeMap:
    """An item of the table."""
    keys: AttributeMap = {"bucket": {"S": bucket}, "dueKey": {"S": key}, "expiresAt": {"N": str(int(expires.timestamp()))}}
    return keys | codec.row_attributes(attempt)


def _key(retry: DueRetry) -> tuple[str, str]:
    message = message_id(retry.attempt)
    return f"due#{shard_of(message, BACKLOG_SHARDS)}", f"{format_date(retry.due)}#{message}#{retry.attempt.number}"
