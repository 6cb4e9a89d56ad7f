"""Reminders by their minute: one row for each endpoint and minute, under partition keys ``reminders#<shard>``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.base.identifiers import shard_of
from event_service.delivery.ports import REMINDER_SHARDS, Reminder

KEPT_AFTER: Final = timedelta(days=14)
"""How long a reminder outlives its minute, before DynamoDB removes it."""
_DATE_CHARACTERS: Final = 32


class ReminderItem(Model):
    """Says from when on the scheduler must ask for a lane."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """``<date>#<endpoint id>``"""
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoReminderStore:
    """Implements :class:`~event_service.delivery.ports.ReminderStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, reminders: Sequence[Reminder]) -> None:
        items = {place_of_reminder(one): int((one.at + KEPT_AFTER).timestamp()) for one in reminders}
        workspaces = {place_of_reminder(one): one.workspace_id for one in reminders}
        rows = [ReminderItem(*key, workspace_id=workspaces[key], expires_at=expires) for key, expires in items.items()]
        self._database.batch_write(puts=rows)

    def due(self, shard: int, now: datetime, limit: int) -> list[Reminder]:
        condition: Condition = ReminderItem.bucket == f"reminders#{shard}"
        # "~" follows "#": a reminder of this very microsecond is due.
        condition &= ReminderItem.due_key < f"{format_date(now)}~"
        page = self._database.query(ReminderItem, condition, limit=limit, consistent=True)
        return [
            Reminder(
                item["workspaceId"]["S"], item["dueKey"]["S"][_DATE_CHARACTERS + 1 :], from_stored(item["dueKey"]["S"][:_DATE_CHARACTERS])
            )
            for item in page.items
        ]

    def delete(self, reminders: Sequence[Reminder]) -> None:
        self._database.batch_write(deletes=[Key(ReminderItem, *place_of_reminder(one)) for one in reminders])


def place_of_reminder(reminder: Reminder) -> tuple[str, str]:
    """Its keys in the table."""
    return f"reminders#{shard_of(reminder.endpoint_id, REMINDER_SHARDS)}", f"{format_date(reminder.at)}#{reminder.endpoint_id}"
