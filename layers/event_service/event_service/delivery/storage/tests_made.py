"""How many tests of endpoints each workspace has made in this minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import ConditionFailed, Database, Key
from event_service.base.dates import format_date

_KEPT: Final = timedelta(hours=1)


class TestsMadeItem(Model):
    """The count of one workspace and minute."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    """``tests#<workspace id>``"""
    due_key = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """The minute."""
    number = NumberAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoTestsMade:
    """Implements :class:`~event_service.delivery.ports.TestsMade`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, workspace_id: str, now: datetime, limit: int) -> bool:
        minute = format_date(now.replace(second=0, microsecond=0))
        few: Condition = TestsMadeItem.number.does_not_exist() | (TestsMadeItem.number < limit)
        actions = [TestsMadeItem.number.add(1), TestsMadeItem.expires_at.set(int((now + _KEPT).timestamp()))]
        try:
            self._database.update(Key(TestsMadeItem, f"tests#{workspace_id}", minute), actions, few)
        except ConditionFailed:
            return False
        return True
