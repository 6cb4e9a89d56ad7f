"""What lists and publishing take as more is stored: 100 endpoints or events to 100,000.

AWS is answered from tables in memory that keep their indexes sorted, as DynamoDB does; what was read is counted there, and their own
processor time is taken off, so that what is left is the time of our code, PynamoDB's expressions and models included (the SDK's
serialising and signing of a call is not: it is the same for each call of a kind).

How the matcher and the router grow is measured in the sections "Matching" and "Routing".
"""

from __future__ import annotations

import bisect
import re
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from benchmarks.report.page import Goal, Section, Table
from benchmarks.report.plots import lines
from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.base.identifiers import new_id
from event_service.configuration.ports import EndpointPage
from event_service.configuration.storage.items import endpoint_item
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.events.event import Event
from event_service.events.new_event import NewEvent
from event_service.events.publishing import Publishing
from event_service.events.reading import EventQuery, EventsReading
from event_service.events.storage.events import DynamoEventStore
from event_service.events.storage.listing import DynamoEventIndexes
from event_service.events.storage.queue import SqsRoutingQueue
from tests.builders import SettableClock, a_webhook
from tests.fakes.events import FakeSqsClient
from tests.support.metering import READ_BYTES, TableShape, item_size
from tests.template_file import resources
from tests.world import RETENTION_DAYS, WORKSPACE, token

SIZES = (100, 1_000, 10_000, 100_000)
QUICK_SIZES = SIZES[:3]
PAGE = 100
REPEATS = 9
CPU_GOAL = 1.5
FULL_SHARDS = 10_000
"""From so many events on each of the 16 shards of the time index fills what a page reads of it; fewer read less."""

_CONDITION = re.compile(
    r"\(?(#\d+) = (:\d+)(?: AND (?:(#\d+) BETWEEN (:\d+) AND (:\d+)|begins_with \((#\d+), (:\d+)\)))?\)?",
)


@dataclass
class SortedTables:
    """DynamoDB's tables with their indexes in order; understands what the measured paths ask. ``seconds`` is its own time."""

    shapes: Mapping[str, TableShape]
    items: dict[tuple[str, tuple[str, ...]], Mapping[str, Any]] = field(default_factory=dict)
    ranges: dict[tuple[str, str, str], list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    calls: int = 0
    read: int = 0
    units: float = 0.0
    written: int = 0
    seconds: float = 0.0

    def reset(self) -> None:
        """Counts anew."""
        self.calls, self.read, self.units, self.written, self.seconds = 0, 0, 0.0, 0, 0.0

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One call."""
        start = time.thread_time()
        self.calls += 1
        answer: dict[str, Any] = getattr(self, f"_{operation}")(arguments)
        self.seconds += time.thread_time() - start
        return answer

    def put(self, table: str, item: Mapping[str, Any]) -> None:
        """One item and what of it is in the indexes. None is put twice here."""
        shape = self.shapes[table]
        key = shape.key_of(item)
        self.items[table, key] = item
        self.written += 1
        for index in shape.indexes:
            if set(index.keys) <= item.keys():
                partition, sort = (str(item[name]["S"]) for name in index.keys)
                bisect.insort(self.ranges.setdefault((table, index.name, partition), []), (sort, key))

    def _PutItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - names of operations
        self.put(arguments["TableName"], arguments["Item"])
        return {}

    def _BatchWriteItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        for table, requests in arguments["RequestItems"].items():
            for request in requests:
                self.put(table, request["PutRequest"]["Item"])
        return {}

    def _BatchGetItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        found: dict[str, list[Mapping[str, Any]]] = {}
        for table, asked in arguments["RequestItems"].items():
            for key in asked["Keys"]:
                item = self.items.get((table, self.shapes[table].key_of(key)))
                self._note(item_size(item) if item else 0, consistent=asked.get("ConsistentRead", False))
                if item:
                    found.setdefault(table, []).append(item)
        return {"Responses": found}

    def _Query(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        table = arguments["TableName"]
        index = next(one for one in self.shapes[table].indexes if one.name == arguments["IndexName"])
        values = {name: str(value["S"]) for name, value in arguments["ExpressionAttributeValues"].items()}
        match = _CONDITION.fullmatch(arguments["KeyConditionExpression"])
        assert match, arguments["KeyConditionExpression"]
        rows = self.ranges.get((table, index.name, values[match[2]]), [])
        low, high = 0, len(rows)
        if match[3]:
            low, high = bisect.bisect_left(rows, (values[match[4]],)), bisect.bisect_right(rows, (values[match[5]], ("\U0010ffff",)))
        elif match[6]:
            low, high = bisect.bisect_left(rows, (values[match[7]],)), bisect.bisect_left(rows, (values[match[7]] + "\U0010ffff",))
        forward = arguments.get("ScanIndexForward", True)
        start = arguments.get("ExclusiveStartKey")
        if start:
            place = (str(start[index.keys[1]]["S"]), self.shapes[table].key_of(start))
            low, high = (bisect.bisect_right(rows, place), high) if forward else (low, bisect.bisect_left(rows, place))
        limit = arguments.get("Limit", high - low)
        chosen = rows[low : min(high, low + limit)] if forward else rows[max(low, high - limit) : high][::-1]
        items = [self.shapes[table].in_index(index, self.items[table, key]) or {} for _, key in chosen]
        self.read += len(items)
        size = sum(item_size(one) for one in items)
        self.units += max(1, -(-size // READ_BYTES)) * (1.0 if arguments.get("ConsistentRead") else 0.5)
        answer: dict[str, Any] = {"Count": len(items)}
        if arguments.get("Select") != "COUNT":
            answer["Items"] = items
        if len(chosen) < high - low:
            last = self.items[table, chosen[-1][1]]
            answer["LastEvaluatedKey"] = {name: last[name] for name in {*self.shapes[table].keys, *index.keys}}
        return answer

    def _note(self, size: int, *, consistent: bool) -> None:
        self.read += 1
        self.units += max(1, -(-size // READ_BYTES)) * (1.0 if consistent else 0.5)


@dataclass
class Taken:
    """What one request took."""

    stored: int
    calls: int
    read: int
    units: float
    written: int
    cpu_ms: float


class _World:
    """The real adapters and use cases over :class:`SortedTables`."""

    def __init__(self) -> None:
        shapes = {name: TableShape.of_template(one["Properties"]) for name, one in resources("AWS::DynamoDB::Table").items()}
        self.tables = SortedTables(shapes)
        names = {_logical(name): name for name in shapes}
        connection: Any = self.tables
        database = Database(connection, lambda logical: names[logical.replace("_", "")])
        self.clock = SettableClock()
        self.rows = DynamoConfigurationRows(database, self.clock)
        self.store = DynamoEventStore(database, self.clock, RETENTION_DAYS)
        self.reading = EventsReading(self.store, DynamoEventIndexes(database), self.clock)
        client: Any = FakeSqsClient()
        self.publishing = Publishing(self.store, SqsRoutingQueue(Queues(lambda: client), "queue/routing"), self.clock)
        self._endpoints = self._events = 0

    def grow(self, stored: int) -> None:
        """Until there are so many endpoints and events."""
        made = self.clock.now - timedelta(days=1)
        first = endpoint_item(a_webhook(workspace_id=WORKSPACE, created=made, modified=made), 1)
        # Copies of one as the adapter writes it: writing 100,000 through it would take longer than all measurements.
        for number in range(self._endpoints, stored):
            endpoint_id, created = new_id(), f"2026-02-{number % 28 + 1:02d}T00:00:{number // 28 % 60:02d}.000000+00:00"
            keys = {"id": endpoint_id, "creationKey": f"{created}#{endpoint_id}", "typeKey": f"WEB_HOOK#{created}#{endpoint_id}"}
            self.tables.put("EndpointsTable", {**first, **{name: {"S": value} for name, value in keys.items()}})
        self._endpoints = stored
        template = Event(new_id(), "measured", made, {"n": 1, "text": "x" * 200}, None, None, WORKSPACE, made)
        while self._events < stored:
            moments = [made + timedelta(milliseconds=self._events + place) for place in range(min(100, stored - self._events))]
            self.store.put([replace(template, id=new_id(), date=moment, created=moment) for moment in moments], "ab" * 16)
            self._events += len(moments)

    def take(self, stored: int, request: Callable[[], object]) -> Taken:
        """The median of some requests."""
        request()
        times = []
        for _ in range(REPEATS):
            self.tables.reset()
            start = time.process_time()
            request()
            times.append(time.process_time() - start - self.tables.seconds)
        tables = self.tables
        return Taken(stored, tables.calls, tables.read, tables.units, tables.written, statistics.median(times) * 1_000)


def _logical(name: str) -> str:
    """``EventFiltersTable`` as models name it, without underscores."""
    return name.removesuffix("Table").lower()


def _requests(world: _World, stored: int) -> dict[str, Callable[[], object]]:
    def page(offset: int) -> Callable[[], object]:
        return lambda: world.rows.endpoint_page(WORKSPACE, EndpointPage(type=None, descending=False, offset=offset, limit=PAGE))

    return {
        "endpoints, first page": page(0),
        "endpoints, last page": page(stored - PAGE),
        "events, newest page": lambda: world.reading.page(WORKSPACE, EventQuery(limit=PAGE)),
        "publish of 100": lambda: world.publishing.publish(token(), [NewEvent(type="measured", data={"n": 1}) for _ in range(100)]),
    }


def run(quick: bool = False) -> Section:
    """Measures at each size, in one growing store."""
    world = _World()
    taken: dict[str, list[Taken]] = {}
    for stored in QUICK_SIZES if quick else SIZES:
        world.grow(stored)
        for name, request in _requests(world, stored).items():
            taken.setdefault(name, []).append(world.take(stored, request))
    columns = ["stored", "calls", "items read", "read units", "items written", "CPU ms"]
    tables = [
        Table(name, columns, [[one.stored, one.calls, one.read, one.units, one.written, one.cpu_ms] for one in rows])
        for name, rows in taken.items()
    ]
    pages, publishes = taken["endpoints, first page"], taken["publish of 100"]
    events = [one for one in taken["events, newest page"] if one.stored >= FULL_SHARDS]
    largest = pages[-1].stored
    goals = [
        Goal(
            f"items read for a page of 100 of {largest:,} endpoints, and of 100",
            f"{pages[-1].read} and {pages[0].read}",
            "the same",
            pages[-1].read == pages[0].read,
        ),
        _ratio_goal(f"CPU of our code for that page of {largest:,}, to that of 100", pages),
        _ratio_goal(f"CPU of a publish of 100 with {largest:,} endpoints and events stored, to that with 100", publishes),
    ]
    if len(events) > 1:
        goals.append(_ratio_goal(f"CPU of the newest page of {largest:,} events, to that of {FULL_SHARDS:,}", events))
    series = {name: [(one.stored, one.cpu_ms / rows[0].cpu_ms) for one in rows] for name, rows in taken.items()}
    return Section(
        title="Growth",
        notes=[
            "One store that grows to as many endpoints and as many events. AWS answers from sorted tables in memory, whose own time is taken off. "
            "The last page of endpoints shows what grows, as documented: a deep offset costs the keys that are passed over. Each of the 16 shards of the time "
            f"index gives at most what a page may need of it, so a page of fewer than {FULL_SHARDS:,} events reads less. How the matcher and the router grow "
            "is in their sections."
        ],
        tables=tables,
        goals=goals,
        plots=[lines("growth.svg", "CPU of our code as more is stored, to that at 100", series, ("stored", "times"), goal=CPU_GOAL)],
    )


def _ratio_goal(what: str, rows: list[Taken]) -> Goal:
    times = rows[-1].cpu_ms / rows[0].cpu_ms
    return Goal(what, f"{times:.2f}", f"≤ {CPU_GOAL:g}", times <= CPU_GOAL)
