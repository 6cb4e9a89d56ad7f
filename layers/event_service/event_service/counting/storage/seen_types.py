"""Types of events in DynamoDB, in the table ``due``: one item for each workspace and type."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.counting.seen_types import SeenType

KEPT: Final = timedelta(days=400)
"""After it was last seen. A publisher that makes a type for each event must not fill the table for ever."""


class SeenTypeItem(Model):
    """One type of one workspace."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    """``types#<workspace id>``"""
    type = UnicodeAttribute(range_key=True, attr_name="dueKey")
    first = UnicodeAttribute()
    last = UnicodeAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoSeenTypes:
    """Implements :class:`~event_service.counting.seen_types.SeenTypeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def see(self, workspace_id: str, event_type: str, date: datetime) -> None:
        stored = format_date(date)
        self._database.update(
            Key(SeenTypeItem, f"types#{workspace_id}", event_type),
            [
                SeenTypeItem.first.set(SeenTypeItem.first | stored),
                SeenTypeItem.last.set(stored),
                SeenTypeItem.expires_at.set(int((date + KEPT).timestamp())),
            ],
        )

    def seen(self, workspace_id: str, after: str | None, limit: int) -> list[SeenType]:
        condition: Condition = SeenTypeItem.bucket == f"types#{workspace_id}"
        if after is not None:
            condition &= SeenTypeItem.type > after
        items = self._database.query_all(SeenTypeItem, condition, limit=limit)
        return [
            SeenType(item["dueKey"]["S"], from_stored(item["first"]["S"]), from_stored(item["last"]["S"])) for item in islice(items, limit)
        ]
