"""Counts of open WebSocket connections in DynamoDB, beside the connections.

An item has one number for each ten minutes, of the connections that were opened in them. Two hours and ten minutes later
none of these is open any more, so the number is left out, whether or not each of its connections was taken off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.dates import format_date, from_stored
from event_service.sockets.connection import ROW_LIFE
from event_service.sockets.ports import Scope, SlowCloses

SLOT_SECONDS: Final = 600
_ROW: Final = "!"
_SLOT_PREFIX: Final = "opened"
_STALE_SLOTS: Final = 14
"""An item with more numbers that do not count any more is cleared of them."""
_CONNECTS_LIFE: Final = timedelta(hours=1)


class OpenItem(Model):
    """How many connections of an endpoint, a workspace or a token are open. Its numbers are called ``opened<slot>``."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    scope = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    expires_at = NumberAttribute(attr_name="expiresAt")


class ConnectsItem(Model):
    """Connects of a workspace in one second."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    second_key = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    """``connects#<workspace id>#<Unix time>``"""
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    taken = NumberAttribute(default=0)
    expires_at = NumberAttribute(attr_name="expiresAt")


class SlowClosesItem(Model):
    """How often a client was closed because it took nothing."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    client = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    """``slow#<key of the client>``"""
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    times = NumberAttribute()
    until = UnicodeAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoConnectionCounts:
    """Implements :class:`~event_service.sockets.ports.ConnectionCounts` and
    :class:`~event_service.sockets.ports.SlowCloseStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def count(self, scope: Scope, changes: Mapping[datetime, int]) -> int:
        key = Key(OpenItem, f"open#{scope.kind.value}#{scope.id}", _ROW)
        by_slot: Counter[int] = Counter()
        for opened, number in changes.items():
            by_slot[_slot(opened)] += number
        now = int(self._clock().timestamp())
        actions: list[Action] = [OpenItem.expires_at.set(now + 2 * int(ROW_LIFE.total_seconds()))]
        actions.extend(_number(slot).add(number) for slot, number in by_slot.items() if number)
        slots = _slots(self._database.update_and_get(key, actions))
        oldest = (now - int(ROW_LIFE.total_seconds())) // SLOT_SECONDS
        stale = [slot for slot in slots if slot < oldest]
        if len(stale) > _STALE_SLOTS:
            self._database.update(key, [_number(slot).remove() for slot in stale])
        # A number below 0: an opening was not written and the closing was.
        return sum(max(0, number) for slot, number in slots.items() if slot >= oldest)

    def lease_connect(self, workspace_id: str, second: int, ceiling: int) -> bool:
        key = Key(ConnectsItem, f"connects#{workspace_id}#{second}", _ROW)
        actions = [ConnectsItem.taken.add(1), ConnectsItem.expires_at.set(second + int(_CONNECTS_LIFE.total_seconds()))]
        condition = ConnectsItem.second_key.does_not_exist() | (ConnectsItem.taken < ceiling)
        try:
            self._database.update(key, actions, condition)
        except ConditionFailed:
            return False
        return True

    def slow_closes(self, client: str) -> SlowCloses | None:
        item = self._database.get(SlowClosesItem, f"slow#{client}", _ROW)
        if item is None or int(item.expires_at) <= self._clock().timestamp():
            return None
        return SlowCloses(int(item.times), from_stored(item.until))

    def note_slow_close(self, client: str, closes: SlowCloses, kept_until: datetime) -> None:
        until, expires_at = format_date(closes.until), int(kept_until.timestamp())
        self._database.put(SlowClosesItem(f"slow#{client}", _ROW, times=closes.times, until=until, expires_at=expires_at))


def _slot(moment: datetime) -> int:
    return int(moment.timestamp()) // SLOT_SECONDS


def _number(slot: int) -> NumberAttribute:
    return NumberAttribute(attr_name=f"{_SLOT_PREFIX}{slot}")


def _slots(raw: AttributeMap) -> dict[int, int]:
    return {int(name.removeprefix(_SLOT_PREFIX)): int(value["N"]) for name, value in raw.items() if name.startswith(_SLOT_PREFIX)}
