"""What routing costs without AWS: `python -m benchmarks.speed.router`.

The configuration, the store and the queues are in memory, so this is the CPU of our own code: events a second through
the router at several fan-outs, loading the routing table of a large workspace, and bringing it up to date after one
change. Reads are counted, too: the table of `docs/operations.md` shows them.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import time
import tracemalloc
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from event_service.configuration.changes import ChangeSet, Counts, Head, Link, Unlink
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.ports import RoutingRows
from event_service.delivery.messages import WebhookMessage
from event_service.events.event import Event
from event_service.events.ports import Publisher, PutOutcome, StoredEvent
from event_service.events.routing_message import RoutingMessage
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.matcher import Matcher
from event_service.routing.router import Routing
from event_service.routing.table import RefusedFilter
from event_service.routing.tables import RoutingTables
from event_service.routing.work import ReceivedMessage
from event_service.webhooks.outlet import WebhookOutlet

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STORED_AT = "2026-03-01T12:00:00.000000+00:00"
NONCE = "0" * 32
FAN_OUTS = (0, 1, 10, 100)
SIZES = ((100, 100), (10_000, 10_000), (10_000, 100_000))
REPEATS = 5


def _id(kind: str, number: int) -> str:
    return f"{kind}0000000-0000-4000-8000-{number:012d}"


class MemoryConfiguration:
    """A change log and rows of one workspace, both ports at once, which count their reads."""

    def __init__(self, endpoints: int, event_filters: int, unfiltered: int = 0) -> None:
        self.reads = 0
        self.changes: list[ChangeSet] = [ChangeSet(WORKSPACE, 1, (), Counts(), applied=True)]
        filters = {
            _id("f", number): EventFilter(
                _id("f", number), WORKSPACE, "name", {"in": {"eventTypes": ["a"], "cameraIds": [f"camera-{number}"]}}, AT, AT
            )
            for number in range(event_filters)
        }
        linked = range(unfiltered, endpoints)
        self.rows = RoutingRows(
            endpoints={_id("e", number): EndpointType.WEB_HOOK for number in range(endpoints)},
            event_filters=filters,
            links={_id("e", number): {_id("f", number % event_filters)} for number in linked} if event_filters else {},
        )

    def head(self, workspace_id: str) -> Head | None:
        self.reads += 1
        return self.changes[-1].head if workspace_id == WORKSPACE else None

    def after(self, workspace_id: str, version: int, limit: int) -> list[ChangeSet]:
        self.reads += 1
        return self.changes[version : version + limit] if workspace_id == WORKSPACE else []

    def append(self, change: ChangeSet) -> bool:
        self.changes.append(change)
        return True

    def unapplied(self, workspace_id: str) -> list[ChangeSet]:
        raise AssertionError(f"nothing is unapplied here ({workspace_id})")

    def mark_applied(self, workspace_id: str, version: int) -> None:
        raise AssertionError(f"nothing is unapplied here ({workspace_id}, {version})")

    def load(self, workspace_id: str) -> RoutingRows:
        assert workspace_id == WORKSPACE
        self.reads += 3
        return self.rows

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the router has no business with {name}")


class MemoryStore:
    """Every event is stored, by the publish that asks."""

    def get(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> dict[str, StoredEvent]:
        raise AssertionError(f"the router reads no whole events ({workspace_id}, {len(event_ids)}, {consistent}, {with_data})")

    def each(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> Iterator[StoredEvent]:
        raise AssertionError(f"the router reads no whole events ({workspace_id}, {len(event_ids)}, {consistent}, {with_data})")

    def owners(self, keys: Collection[tuple[str, str]], *, consistent: bool = True) -> dict[tuple[str, str], Publisher]:
        assert consistent
        return dict.fromkeys(keys, Publisher(NONCE))

    def put_if_absent(self, events: Sequence[Event], nonce: str, *, rows_later: bool = False) -> PutOutcome:
        raise AssertionError(f"nothing is missing here ({len(events)}, {nonce}, {rows_later})")

    def put(self, events: Sequence[Event], nonce: str) -> None:
        raise AssertionError(f"nothing is missing here ({len(events)}, {nonce})")

    def write_rows(self, events: Sequence[Event]) -> None:
        raise AssertionError(f"nothing is missing here ({len(events)})")


class MemoryQueues:
    """Takes everything, after making the text, which is part of the work."""

    def __init__(self) -> None:
        self.deliveries = 0
        self.bytes = 0

    def send(self, messages: Sequence[tuple[WebhookMessage, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        assert time_left() > 0
        for message, _ in messages:
            self.deliveries += 1
            self.bytes += len(message.text(repeat=False).encode())
        return []


class NoContinuation:
    """Nothing here is so large that it is continued, and nothing fails."""

    def send(self, message: RoutingMessage) -> None:
        raise AssertionError(f"continued {message.continuation} times")

    def delete(self, receipts: Sequence[str]) -> None:
        raise AssertionError(f"nothing is received twice here ({len(receipts)})")

    def show_again(self, receipts: Sequence[str], seconds: int) -> None:
        raise AssertionError(f"nothing fails here ({len(receipts)}, {seconds})")

    def filters_refused(self, workspace_id: str, refused: Sequence[RefusedFilter]) -> None:
        raise AssertionError(f"all filters are well formed here ({workspace_id}, {len(refused)})")


def _event(number: int) -> Event:
    data = {
        "activity_id": _id("a", number),
        "identification_data": [{"profile_id": _id("b", number), "profile_groups": [{"id": _id("c", number)}]}],
        "object": {"class": "human", "id": _id("d", number)},
        "text": "A person entered the region of interest 'loading bay 4' and stayed there for more than 30 seconds.",
        "score": number / 7,
    }
    return Event(f"event-{number}", "A", AT, data, _id("1", 1), "camera-0", WORKSPACE, AT)


@dataclass(frozen=True, slots=True)
class Throughput:
    """CPU of routing one event of about 1 KB, ten publishes of ten events a batch."""

    fan_out: int
    event_microseconds: float
    delivery_microseconds: float
    events_per_second: int


@dataclass(frozen=True, slots=True)
class Table:
    """Loading the routing table of a workspace, and following one change of a link."""

    endpoints: int
    event_filters: int
    load_seconds: float
    load_reads: int
    mebibytes: float
    estimated_mebibytes: float
    change_microseconds: float
    change_reads: int


def _throughput(fan_out: int) -> Throughput:
    configuration, queues = MemoryConfiguration(fan_out, 0, unfiltered=fan_out), MemoryQueues()
    ports: Any = configuration
    outlets = {EndpointType.WEB_HOOK: WebhookOutlet(queues)}
    routing = Routing(RoutingTables(ports, ports, Matcher), MemoryStore(), outlets, NoContinuation(), NoContinuation())
    texts = [
        RoutingMessage(WORKSPACE, NONCE, STORED_AT, tuple(_event(10 * message + number) for number in range(10))).text()
        for message in range(10)
    ]

    def batch() -> None:
        routing.route([ReceivedMessage(RoutingMessage.parse(text), repeat=False) for text in texts], lambda: 60)

    batch()
    taken: list[float] = []
    for _ in range(REPEATS):
        gc.collect()
        begun = time.process_time()
        batch()
        taken.append((time.process_time() - begun) / 100)
    seconds = statistics.median(taken)
    return Throughput(fan_out, seconds * 1e6, seconds * 1e6 / fan_out if fan_out else 0.0, round(1 / seconds))


def _table(endpoints: int, event_filters: int) -> Table:
    configuration = MemoryConfiguration(endpoints, event_filters)
    ports: Any = configuration
    tables = RoutingTables(ports, ports, Matcher)
    gc.collect()
    begun = time.process_time()
    table = tables.current(WORKSPACE)
    load_seconds, load_reads = time.process_time() - begun, configuration.reads
    taken: list[float] = []
    reads: list[int] = []
    for number in range(20):
        change = (Unlink if number % 2 else Link)((_id("e", 0),), (_id("f", 1),))
        configuration.append(ChangeSet(WORKSPACE, len(configuration.changes) + 1, (change,), Counts(), applied=True))
        before, begun = configuration.reads, time.perf_counter()
        tables.current(WORKSPACE)
        taken.append(time.perf_counter() - begun)
        reads.append(configuration.reads - before)
    estimated = table.estimated_bytes / 2**20
    del table, tables
    gc.collect()
    # Once more for its memory: tracing it makes loading slower.
    tracemalloc.start()
    kept = RoutingTables(ports, ports, Matcher)
    kept.current(WORKSPACE)
    memory, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Table(endpoints, event_filters, load_seconds, load_reads, memory / 2**20, estimated, statistics.median(taken) * 1e6, max(reads))


def run(quick: bool = False) -> dict[str, Any]:
    """Measures and prints; returns what was printed.

    Args:
        quick: leaves the largest workspace out.
    """
    throughputs = [_throughput(fan_out) for fan_out in FAN_OUTS]
    print("fan-out   µs/event   µs/delivery   events/s")
    for one in throughputs:
        print(f"{one.fan_out:7}   {one.event_microseconds:8.0f}   {one.delivery_microseconds:11.1f}   {one.events_per_second:8,}")
    tables = [_table(*size) for size in (SIZES[:2] if quick else SIZES)]
    print("\nendpoints   filters   load s   reads      MiB   estimated   one change µs   reads")
    for each in tables:
        print(
            f"{each.endpoints:9,}   {each.event_filters:7,}   {each.load_seconds:6.2f}   {each.load_reads:5}   {each.mebibytes:6.1f}"
            f"   {each.estimated_mebibytes:9.1f}   {each.change_microseconds:13.0f}   {each.change_reads:5}"
        )
    return {"throughput": [asdict(one) for one in throughputs], "tables": [asdict(each) for each in tables]}


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the largest workspace out")
    parser.add_argument("--json", action="store_true", help="print the numbers as one line of JSON, too")
    arguments = parser.parse_args()
    measured = run(quick=arguments.quick)
    if arguments.json:
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
