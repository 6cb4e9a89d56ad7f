"""Fifty routers that a deployment starts at once read a workspace of 100,000 event filters within their time, and within what
DynamoDB's partitions give.

A part of it is played: 4,000 event filters, partitions that give as much less, and pages and packed parts that are as much smaller.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import AttributeMap, Database, connect
from event_service.base.identifiers import new_id
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint, PutEventFilter
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.storage.change_log import DynamoChangeLog
from event_service.configuration.storage.items import LinksItem, event_filter_item, packed
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.filters.event_filter import EventFilter
from event_service.routing.packed import PackedReading
from event_service.routing.storage.packed_rows import PART_BYTES, DynamoPackedRows
from event_service.routing.table import RoutingTable
from event_service.routing.tables import PACKED_FROM, RoutingTables
from event_service.settings import Settings
from tests import builders
from tests.fakes.partitions import READS_PER_SECOND, WRITES_PER_SECOND, Partition, PartitionedConnection, PartitionLimits
from tests.integration.conftest import REGION
from tests.support.aws_in_memory import aws_in_memory, empty_tables
from tests.support.metering import item_size
from tests.support.virtual_threads import VirtualThreads
from tests.world import table_shapes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKSPACE = new_id()
PART = 25
FILTERS = 100_000 // PART
ROUTERS = 50
INVOCATION_SECONDS = 60
COMPILING_SECONDS = 15
"""For 100,000 event filters, as docs/benchmarks.md allows it."""
READING_SECONDS = 30
CALL_SECONDS = 0.02
MOST_PAGE_BYTES = 1024 * 1024 // PART
FIRST_PARTITIONS = 4
"""Of a new table on demand. Whether it ever gets more is DynamoDB's decision."""


class FewPartitions(PartitionLimits):
    """The keys of a table without local indexes share its partitions; those of one with them have one for each key."""

    def take(self, partitions: Mapping[Partition, float], *, write: bool) -> bool:
        shared: Counter[Partition] = Counter()
        for one, units in partitions.items():
            key = str(zlib.crc32(one.key.encode()) % FIRST_PARTITIONS) if one.place == "LinksTable" else one.key
            shared[Partition(one.place, key)] += units  # type: ignore[assignment]  # a counter of parts of units
        return super().take(shared, write=write)


class Slow:
    """Stands before a connection: each call takes virtual time, and is counted by operation and table."""

    def __init__(self, connection: Any, sleep: Callable[[float], None]) -> None:
        self._connection = connection
        self._sleep = sleep
        self.calls: Counter[tuple[str, str]] = Counter()

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._sleep(CALL_SECONDS)
        self.calls[operation, arguments.get("TableName") or next(iter(arguments["RequestItems"]))] += 1
        answer: dict[str, Any] = self._connection.dispatch(operation, arguments)
        return answer


class Pages:
    """Stands before a connection and answers queries for rows of event filters, which the memory does in seconds each."""

    def __init__(self, connection: Any, items: Sequence[AttributeMap]) -> None:
        self._connection = connection
        self.pages: list[list[AttributeMap]] = [[]]
        size = 0
        for item in items:
            if size + item_size(item) > MOST_PAGE_BYTES:
                self.pages.append([])
                size = 0
            self.pages[-1].append(item)
            size += item_size(item)

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if (operation, arguments.get("TableName")) != ("Query", "EventFiltersTable"):
            answer: dict[str, Any] = self._connection.dispatch(operation, arguments)
            return answer
        number = int(arguments.get("ExclusiveStartKey", {"id": {"S": "0"}})["id"]["S"])
        following = {"LastEvaluatedKey": {"id": {"S": str(number + 1)}}} if number + 1 < len(self.pages) else {}
        return {"Items": self.pages[number], "Count": len(self.pages[number]), **following}


class CountingMatcher:
    """Compiles nothing: what that takes is measured elsewhere."""

    estimated_bytes = 0

    def __init__(self) -> None:
        self.added: set[str] = set()

    def add_stored(self, filter_id: str, condition: Mapping[str, Any], /) -> None:
        assert condition
        self.added.add(filter_id)

    def remove(self, filter_id: str, /) -> None:
        self.added.discard(filter_id)

    def matches(self, event: Mapping[str, Any], budget: object, /) -> Iterable[str]:
        return ()


class Account:
    """A workspace in memory, and routers that read it in virtual time."""

    def __init__(self, aws: dict[str, str]) -> None:
        settings = Settings(aws)
        self.time = VirtualThreads()
        self.version = 0
        self.filters = [_event_filter(number) for number in range(FILTERS)]
        connection = Pages(connect(REGION, None), [event_filter_item(one, 1) for one in self.filters])
        self.pages = len(connection.pages)
        self.limits = FewPartitions(lambda: self.time.now, READS_PER_SECOND / PART, WRITES_PER_SECOND / PART)
        self.slow = Slow(PartitionedConnection(connection, table_shapes(), self.limits), self.time.sleep)

        def table_name(logical: str) -> str:
            return str(getattr(settings, f"{logical}_table"))

        self.filled = Database(connection, table_name)  # type: ignore[arg-type]  # what it uses of one
        self.database = Database(self.slow, table_name, sleep=self.time.sleep)  # type: ignore[arg-type]  # what it uses of one

    def fill(self) -> None:
        """Event filters, and endpoints with links to some of them."""
        hooks = [
            builders.a_webhook(id=new_id(), workspace_id=WORKSPACE, name="n", url="https://a.example", created=NOW, modified=NOW)
            for _ in range(20)
        ]
        for number, hook in enumerate(hooks):
            ids = {packed(one.id) for one in self.filters[number::40]}
            self.filled.put(LinksItem(WORKSPACE, f"endpoint#{hook.id}", ids=ids, version=1))
        self.commit(1, *map(PutEndpoint, hooks), counts=Counts({EndpointType.WEB_HOOK: len(hooks)}, FILTERS, FILTERS))

    def commit(self, version: int, *operations: Any, counts: Counts | None = None) -> None:
        log, rows = DynamoChangeLog(self.filled), DynamoConfigurationRows(self.filled, lambda: NOW, lambda: 0.0)
        change = ChangeSet(WORKSPACE, version, operations, counts or Counts({}, FILTERS, FILTERS))
        assert log.append(change)
        rows.apply(change)
        log.mark_applied(WORKSPACE, version)
        self.version = version

    def start(self, routers: int) -> list[tuple[RoutingTable, set[str], float]]:
        """Each router's table, the event filters in it, and the second at which it had them."""
        began = self.time.now

        def start_one() -> tuple[RoutingTable, set[str], float]:
            log = DynamoChangeLog(self.database)
            matcher = CountingMatcher()

            def newest_version(workspace_id: str) -> int:
                head = log.head(workspace_id)
                assert head is not None
                return head.version

            store = DynamoPackedRows(self.database, lambda: NOW + timedelta(seconds=self.time.now), self.time.sleep, PART_BYTES // PART)
            reading = PackedReading(store, newest_version, self.time.sleep, self.time.monotonic)
            rows = DynamoConfigurationRows(self.database, lambda: NOW, lambda: 0.0)
            tables = RoutingTables(log, rows, lambda: matcher, lambda: reading)
            return tables.current(WORKSPACE), matcher.added, self.time.now - began

        results = self.time.run([start_one] * routers)
        failed = [one for one in results if isinstance(one, BaseException)]
        assert not failed, failed[0]
        return [one for one in results if not isinstance(one, BaseException)]

    def pages_of_filters(self) -> int:
        """Queries of rows since the last look."""
        pages = self.slow.calls["Query", "EventFiltersTable"]
        self.slow.calls.clear()
        return pages


def _event_filter(number: int) -> EventFilter:
    condition = {
        "in": {"eventTypes": [f"order.created.{number}"]},
        "pattern": {"data": {"customer": {"id": [new_id()]}, "total": [{"numeric": [">", number]}], "country": ["CH", "DE"]}},
    }
    return EventFilter(new_id(), WORKSPACE, f"Orders of customer {number}", condition, NOW, NOW, 5)


@pytest.fixture(scope="module")
def account() -> Any:
    with aws_in_memory():
        account = Account(empty_tables())
        account.fill()
        yield account


def test_fifty_routers_read_a_large_workspace_in_time(account: Account) -> None:
    assert FILTERS >= PACKED_FROM

    started = account.start(ROUTERS)

    assert all(len(added) == FILTERS for _, added, _ in started)
    assert {table.version for table, _, _ in started} == {1}
    assert len({table.estimated_bytes for table, _, _ in started}) == 1, "the same endpoints and links"
    assert max(seconds for *_, seconds in started) <= READING_SECONDS <= INVOCATION_SECONDS - COMPILING_SECONDS
    # One of them read the rows; with what was throttled of it.
    assert account.pages_of_filters() < 1.5 * account.pages


def test_routers_of_the_next_deployment_read_no_rows(account: Account) -> None:
    account.start(1)
    account.pages_of_filters()
    added = _event_filter(FILTERS)
    account.commit(account.version + 1, PutEventFilter(added))

    started = account.start(5)

    assert account.pages_of_filters() == 0
    assert {table.version for table, _, _ in started} == {account.version}
    assert all(one == {event_filter.id for event_filter in [*account.filters, added]} for _, one, _ in started)
