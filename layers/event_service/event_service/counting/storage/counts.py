"""Counts in DynamoDB, in the table ``due``: one item a minute and shard.

The rows of a workspace are spread over four hash keys a day: a thousand functions that begin in the same second write 250 units to
each, and a hash key takes 1,000 a second.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.threads import ContextThreads
from event_service.counting.ports import Counted, Counts

SHARDS: Final = 4
READERS: Final = 16
"""Queries side by side, fewer than the connections in the pool."""
KEPT: Final = timedelta(days=16)
"""Longer than they can be asked for: a day is deleted up to two days after its end."""


class CountItem(Model):
    """The counts of one minute and shard, each under its own name."""

    class Meta:
        """The table's logical name."""

        table_name = "due"

    bucket = UnicodeAttribute(hash_key=True)
    """``statistics#<workspace id>#<day>#<shard>``"""
    minute = UnicodeAttribute(range_key=True, attr_name="dueKey")
    """``<hours>:<minutes>``, UTC"""
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoCounts:
    """Implements :class:`~event_service.counting.ports.CountWriter` and :class:`~event_service.counting.ports.CountReader`."""

    def __init__(self, database: Database, shard: int | None = None) -> None:
        """
        Args:
            database: with the table ``due``.
            shard: to which this process writes; drawn without it.
        """
        self._database = database
        self._shard = random.SystemRandom().randrange(SHARDS) if shard is None else shard

    def add(self, workspace_id: str, minute: datetime, counts: Counts) -> None:
        key = Key(CountItem, _bucket(workspace_id, minute, self._shard), f"{minute:%H:%M}")
        expires = int((minute + KEPT).timestamp())
        added = [Path([name.value]).add(number) for name, number in counts.items() if number]
        self._database.update(key, [CountItem.expires_at.set(expires), *added])

    def between(self, workspace_id: str, since: datetime, until: datetime) -> Iterator[tuple[datetime, Counts]]:
        days = [since + timedelta(days=number) for number in range((until.date() - since.date()).days + 1)]

        def read(place: tuple[datetime, int]) -> list[tuple[datetime, Counts]]:
            day, shard = place
            condition: Condition = CountItem.bucket == _bucket(workspace_id, day, shard)
            items = self._database.query_all(CountItem, condition)
            return [(_minute_of(day, item), _counts_of(item)) for item in items]

        places = [(day, shard) for day in days for shard in range(SHARDS)]
        with ContextThreads(max_workers=READERS) as threads:
            for found in threads.map(read, places):
                yield from (one for one in found if since <= one[0] < until)


def _bucket(workspace_id: str, date: datetime, shard: int) -> str:
    return f"statistics#{workspace_id}#{date:%Y-%m-%d}#{shard}"


def _minute_of(day: datetime, item: AttributeMap) -> datetime:
    hours, _, minutes = item["dueKey"]["S"].partition(":")
    return datetime(day.year, day.month, day.day, int(hours), int(minutes), tzinfo=UTC)


def _counts_of(item: AttributeMap) -> Counts:
    return {name: int(item[name.value]["N"]) for name in Counted if name.value in item}
