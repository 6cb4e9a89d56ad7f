"""The units of each partition key, second by second, of what the stores in memory would have written and read.

The items and keys are those that the real adapters make; the rules are those of :mod:`tests.fakes.partitions`. Nothing is throttled.

Example::

    aws.meter = KeyMeter(loop.time)
    ...
    aws.meter.busiest(write=True)  # (units, table, key) of the busiest key in its busiest second
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from event_service.delivery.attempt import LogKey, LogRecord
from event_service.delivery.ports import BACKLOG_SHARDS, BacklogRow, Reminder
from event_service.delivery.storage.backlog import place_of_row
from event_service.delivery.storage.log_items import items_of, left_entries, list_entry, log_key
from event_service.delivery.storage.reminders import place_of_reminder
from tests.fakes.partitions import Partition, PartitionedConnection, PartitionLimits
from tests.support.metering import Item, read_units, write_units
from tests.world import table_shapes

ROW_BYTES = 500
"""Of a row of a backlog; of a reminder about half."""


class KeyMeter:
    """Counts for the fakes of :mod:`tests.fakes.delivery` and of :mod:`tests.fakes.webhooks`."""

    def __init__(self, now: Callable[[], float], retention_days: int = 14) -> None:
        self.limits = PartitionLimits(now, math.inf, math.inf)
        self._retention = timedelta(days=retention_days)
        self._tables = PartitionedConnection(None, table_shapes(), self.limits)

    def busiest(self, *, write: bool) -> tuple[float, str, str]:
        """The most units that one key had in one second, its table, and the key."""
        return max(self.limits.busy(write=write), default=(0.0, "", ""))

    def _wrote(self, table: str, item: Item) -> None:
        self.limits.take(self._tables.writes(table, item), write=True)

    def _took(self, table: str, key: str, units: float, *, write: bool = False) -> None:
        self.limits.take({Partition(table, key): units}, write=write)

    def log_written(self, records: Iterable[LogRecord]) -> None:
        for record in records:
            items = items_of(record, self._retention)
            for item in (*items, list_entry(record, items[0]) if record.adds_to_list else None):
                if item is not None:
                    self._wrote("DeliveriesTable", item)
            for key in left_entries(record):
                self._took("DeliveriesTable", str(key.hash), 1, write=True)

    def log_read(self, keys: Iterable[LogKey]) -> None:
        for key in keys:
            self._took("DeliveriesTable", str(log_key(*key).hash), read_units(1, consistent=True))

    def events_read(self, keys: Iterable[tuple[tuple[str, str], int]]) -> None:
        for (workspace_id, event_id), size in keys:
            self._took("EventsTable", f"{workspace_id}#{event_id}", read_units(size, consistent=True))

    def endpoints_read(self, endpoint_ids: Iterable[str]) -> None:
        for endpoint_id in endpoint_ids:
            for table in ("EndpointsByIdTable", "SecretsTable"):
                self._took(table, endpoint_id, read_units(1, consistent=True))

    def rows_written(self, rows: Iterable[BacklogRow]) -> None:
        for row in rows:
            self._took("DueTable", place_of_row(row)[0], write_units(ROW_BYTES), write=True)

    def rows_read(self, endpoint_id: str, number: int) -> None:
        for shard in range(BACKLOG_SHARDS):
            units = read_units(number * ROW_BYTES // BACKLOG_SHARDS, consistent=True)
            self._took("DueTable", f"backlog#{endpoint_id}#{shard}", units)

    def reminders_written(self, reminders: Sequence[Reminder]) -> None:
        for one in reminders:
            self._took("DueTable", place_of_reminder(one)[0], 1, write=True)

    def reminders_read(self, shard: int, number: int) -> None:
        self._took("DueTable", f"reminders#{shard}", read_units(number * ROW_BYTES // 2, consistent=True))

    def lane_used(self, endpoint_id: str, *, write: bool) -> None:
        self._took("DueTable", f"lane#{endpoint_id}", 1, write=write)
