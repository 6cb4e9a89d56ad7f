"""Counts in the tables of the template, and what they cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from event_service.aws.dynamodb import Database
from event_service.counting.counters import Counters
from event_service.counting.ports import Counted
from event_service.counting.storage.counts import KEPT, SHARDS, CountItem, DynamoCounts
from tests.builders import WORKSPACE, SettableClock
from tests.support.metering import Ledger, MeteredConnection, TableShape
from tests.template_file import resources

NOW = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)


def metered(database: Database) -> tuple[Database, Ledger]:
    ledger = Ledger()
    tables = {name: TableShape.of_template(one["Properties"]) for name, one in resources("AWS::DynamoDB::Table").items()}
    connection: Any = MeteredConnection(database._connection, tables, ledger)
    return Database(connection, database._table_name), ledger


def plenty() -> float:
    return 60.0


def test_a_minute_of_deliveries_costs_a_function_one_write(database: Database) -> None:
    """At 600 a minute that is $0.001 a million deliveries; from 12.5 on it is below $0.05."""
    counted, ledger = metered(database)
    clock = SettableClock(NOW)
    counters = Counters(DynamoCounts(counted, 0), clock)
    counters.add({WORKSPACE: {Counted.DELIVERED: 10}}, plenty)
    ledger.take()

    for _ in range(60):
        clock.advance(seconds=1)
        counters.add({WORKSPACE: {Counted.DELIVERED: 10, Counted.FAILED: 1}}, plenty)

    cost = ledger.take()
    assert (cost.operations, cost.reads, cost.writes) == ({"UpdateItem": 1}, 0, 1)


def test_all_that_is_counted_fits_into_one_write_unit(database: Database) -> None:
    counted, ledger = metered(database)
    for _ in range(2):
        DynamoCounts(counted, 0).add(WORKSPACE, NOW, dict.fromkeys(Counted, 10**9))

    cost = ledger.take()
    assert (cost.operations, cost.writes) == ({"UpdateItem": 2}, 2)
    ((_, counts),) = DynamoCounts(counted).between(WORKSPACE, NOW.replace(second=0), NOW + timedelta(minutes=1))
    assert counts == dict.fromkeys(Counted, 2 * 10**9)


def test_functions_add_to_one_another_in_the_same_minute(database: Database) -> None:
    for shard in (*range(SHARDS), 0):
        DynamoCounts(database, shard).add(WORKSPACE, NOW, {Counted.EVENTS: 2, Counted.FAILED: 0})
    DynamoCounts(database).add(WORKSPACE, NOW + timedelta(minutes=1), {Counted.EVENTS: 1})
    DynamoCounts(database).add("another", NOW, {Counted.EVENTS: 100})

    found = list(DynamoCounts(database).between(WORKSPACE, NOW.replace(second=0), NOW + timedelta(hours=1)))

    assert sorted((minute, counts[Counted.EVENTS]) for minute, counts in found) == [
        *[(NOW.replace(second=0), 2)] * (SHARDS - 1),
        (NOW.replace(second=0), 4),
        (datetime(2026, 3, 2, tzinfo=UTC), 1),
    ]
    assert all(Counted.FAILED not in counts for _, counts in found)


def test_counts_outside_of_the_span_are_left_out(database: Database) -> None:
    store = DynamoCounts(database)
    for minutes in range(5):
        store.add(WORKSPACE, NOW + timedelta(minutes=minutes), {Counted.EVENTS: 1})

    found = store.between(WORKSPACE, NOW.replace(second=0) + timedelta(minutes=1), NOW.replace(second=0) + timedelta(minutes=3))

    assert len(list(found)) == 2


def test_rows_end_by_themselves(database: Database) -> None:
    DynamoCounts(database, 2).add(WORKSPACE, NOW, {Counted.EVENTS: 1})

    (item,) = database.query(CountItem, CountItem.bucket == f"statistics#{WORKSPACE}#2026-03-01#2").items

    assert int(item["expiresAt"]["N"]) == int((NOW + KEPT).timestamp())


def test_a_day_is_four_queries(database: Database) -> None:
    counted, ledger = metered(database)

    list(DynamoCounts(counted).between(WORKSPACE, NOW - timedelta(hours=5), NOW))

    assert ledger.take().operations == {"Query": SHARDS}
