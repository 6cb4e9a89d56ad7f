"""What posting to sockets costs: `python -m benchmarks.speed.sockets [--quick]`.

The real worker and the real HTTP adapter, signatures included, post to a server in another process that answers as API
Gateway does and does nothing else; the tables are the tests' fakes in memory. So these are the numbers of our own code:
events a second for one client (each post waits for the one before it), posts a second over many, the processor time of
a post, the calls to AWS beside the posts for each event and connection, and how long a client that missed 10,000 events
takes to catch up, one by one and in batches. What AWS adds is the network: one client's posts are then as many a second as
their round trips allow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.credentials import ReadOnlyCredentials

from event_service.aws.batches import MAXIMUM_WRITES_PER_BATCH
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.events.event import Event
from event_service.sockets.connection import Connection
from event_service.sockets.delivery import ReceivedWakeUp, SocketDelivery
from event_service.sockets.log import SocketLog, block_end
from event_service.sockets.messages import WakeUp
from event_service.sockets.outside import Outside
from event_service.sockets.ports import GroupState, LogHead, Segment
from event_service.sockets.poster import SocketPoster
from tests.fakes.sockets import FakeBacklogQueue, FakeEvents, FakeSocketTables, FakeWakeUpQueue

WORKSPACE = "0b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"
EVENT_BYTES = 1024
WAKE_UPS_PER_INVOCATION = 10
EVENTS_PER_BLOCK = 50

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table."""

    scenario: str
    endpoints: int
    connections: int
    events: int
    posts: int
    seconds: float
    events_a_second: float
    posts_a_second: float
    processor_us_a_post: float
    other_calls_an_event_and_connection: float


class _Answers(asyncio.Protocol):
    """Answers every request with 200 as soon as its body is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].lower()
            begin = head.find(b"content-length:")
            length = int(head[begin + 15 :].split(b"\r\n", 1)[0]) if begin >= 0 else 0
            if len(self._waiting) < end + 4 + length:
                return
            self._waiting = self._waiting[end + 4 + length :]
            self._transport.write(_OK)


def _serve(port: Any) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(main())


@dataclass
class _Calls:
    """To AWS, beside the posts. The fakes tell of each operation; one that AWS takes in several calls counts as many."""

    number: int = 0

    def note(self, operation: str) -> None:
        del operation
        self.number += 1


class _Tables(FakeSocketTables):
    """Counts what is saved 25 a call."""

    def __init__(self, calls: _Calls) -> None:
        super().__init__(calls.note)
        self._calls = calls

    def save(self, connections: Sequence[Connection]) -> None:
        self._calls.number += (len(connections) - 1) // MAXIMUM_WRITES_PER_BATCH
        super().save(connections)


def _world(calls: _Calls, endpoints: int, connections: int, events: int, *, batched: bool) -> tuple[FakeSocketTables, FakeEvents]:
    now = datetime.now(UTC)
    tables, stored = _Tables(calls), FakeEvents(calls.note)
    ids = []
    for number in range(events):
        event = Event(f"event-{number:08}", "device.measurement", now, {"text": ""}, None, None, WORKSPACE, now)
        event.data["text"] = "x" * (EVENT_BYTES - len(event.as_json()))
        stored.add(event)
        ids.append(event.id)
    for place in range(endpoints):
        endpoint = _endpoint_id(place)
        tables.endpoints[endpoint] = Endpoint(
            endpoint, WORKSPACE, EndpointType.WEB_SOCKET, "n", None, None, EndpointStatus.ENABLED, None, now, now
        )
        tables.log[endpoint] = {
            first: Segment(first, tuple(ids[first - 1 : end]), now, now + timedelta(days=1)) for first, end in _segments(events)
        }
        tables.log_heads[endpoint] = LogHead(events + 1, 1, now + timedelta(days=1))
        for number in range(connections):
            # The base64 form of API Gateway's own ids has to be quoted in the path, so these have it too.
            connection_id = f"L0SM9c{place:04}{number:04}="
            connection = Connection(endpoint, connection_id, WORKSPACE, now - timedelta(minutes=1), 0, batched=batched)
            tables.rows[endpoint, connection.connection_id] = connection
    return tables, stored


def _segments(events: int) -> list[tuple[int, int]]:
    """Their first and last sequences, as appends of 100 events make them."""
    found: list[tuple[int, int]] = []
    while (first := found[-1][1] + 1 if found else 1) <= events:
        found.append((first, min(events, (first - 1) // 100 * 100 + 100, block_end(first))))
    return found


def _endpoint_id(place: int) -> str:
    return f"{place:08x}-3e17-4b9b-9268-ce51d6900530"


async def _at_once(function: Callable[[], Any]) -> Any:
    return function()


def measure(url: str, scenario: str, connections: int, events: int, *, endpoints: int = 1, batched: bool = False) -> Measurement:
    """One scenario from a cold worker to the last post; ``connections`` of each endpoint."""
    calls = _Calls()
    tables, stored = _world(calls, endpoints, connections, events, batched=batched)
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token")

    async def run() -> int:
        poster = SocketPoster(url, "us-east-1", lambda: credentials)
        queue, backlog = FakeWakeUpQueue(calls.note), FakeBacklogQueue(calls.note)
        outside = Outside(
            connections=tables,
            log=tables,
            events=stored,
            poster=poster,
            wake_ups=queue,
            backlog=backlog,
            clock=lambda: datetime.now(UTC),
            in_thread=_at_once,
            sleep=asyncio.sleep,
        )
        delivery = SocketDelivery(outside, SocketLog(tables, queue, backlog, outside.clock, timedelta(days=1)))
        queue.send([WakeUp(WORKSPACE, _endpoint_id(place)) for place in range(endpoints)])
        calls.number = 0
        posted = 0
        # In AWS the groups of a large endpoint, and ten endpoints each, are served in parallel invocations; here one after the other.
        while True:
            if groups := queue.groups()[:WAKE_UPS_PER_INVOCATION]:
                taken = {group: queue.receive(group) for group in groups}
                batch = [ReceivedWakeUp(wake_up, f"{group}@") for group, of_group in taken.items() for wake_up in of_group]
                posted += (await delivery.serve(batch, lambda: 600.0)).posted
                for group in taken:
                    queue.done(group)
            elif turns := backlog.receive():
                posted += (await delivery.serve_backlog(turns, lambda: 600.0)).posted
            else:
                break
        await poster.aclose()
        return posted

    wall, processor = time.perf_counter(), time.process_time()
    posts = asyncio.run(run())
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    if any(max(row.cursor, tables.groups.get((row.endpoint_id, row.group), GroupState()).cursor) != events for row in tables.rows.values()):
        raise AssertionError("somebody was not sent everything")
    return Measurement(
        scenario,
        endpoints,
        connections,
        events,
        posts,
        round(wall, 3),
        round(events * connections * endpoints / wall),
        round(posts / wall),
        round(processor / posts * 1e6),
        round(calls.number / (events * connections * endpoints), 4),
    )


@dataclass(frozen=True, slots=True)
class Single:
    """Processor time of an event that has an invocation of its own, and of its post alone, in microseconds."""

    event_us: float
    post_us: float


def measure_singly(url: str, events: int) -> Single:
    """One connection, and an invocation for each event. Blocks of events take turns with blocks of bare posts, since a machine that
    others use is now faster and now slower."""
    calls = _Calls()
    tables, stored = _world(calls, 1, 1, events, batched=True)
    endpoint_id, now = _endpoint_id(0), datetime.now(UTC)
    (row,) = tables.rows.values()
    ids = [one for _, segment in sorted(tables.log[endpoint_id].items()) for one in segment.event_ids]
    tables.log[endpoint_id] = {}
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token")
    poster = SocketPoster(url, "us-east-1", lambda: credentials)
    queue, backlog = FakeWakeUpQueue(calls.note), FakeBacklogQueue(calls.note)
    outside = Outside(
        connections=tables,
        log=tables,
        events=stored,
        poster=poster,
        wake_ups=queue,
        backlog=backlog,
        clock=lambda: datetime.now(UTC),
        in_thread=_at_once,
        sleep=asyncio.sleep,
    )
    delivery = SocketDelivery(outside, SocketLog(tables, queue, backlog, outside.clock, timedelta(days=1)))
    body = b"x" * EVENT_BYTES

    async def serve() -> int:
        return (await delivery.serve([ReceivedWakeUp(WakeUp(WORKSPACE, endpoint_id), "")], lambda: 25.0)).posted

    async def post() -> None:
        await poster.post(row.connection_id, body)

    # As in the function: one loop for the life of the process, entered once for each invocation.
    loop = asyncio.new_event_loop()
    event_seconds = post_seconds = 0.0
    posted = 0
    for begin in range(0, events, EVENTS_PER_BLOCK):
        block = range(begin, min(events, begin + EVENTS_PER_BLOCK))
        start = time.process_time()
        for place in block:
            tables.log[endpoint_id][place + 1] = Segment(place + 1, (ids[place],), now, now + timedelta(days=1))
            tables.log_heads[endpoint_id] = LogHead(place + 2, 1, now + timedelta(days=1))
            posted += loop.run_until_complete(serve())
        event_seconds += time.process_time() - start
        start = time.process_time()
        for _ in block:
            loop.run_until_complete(post())
        post_seconds += time.process_time() - start
    loop.run_until_complete(poster.aclose())
    loop.close()
    # On a machine that is very busy a post may take so long that its connection leaves its group; it is not served any more then.
    if not posted:
        raise AssertionError("nothing was posted")
    return Single(round(event_seconds / posted * 1e6), round(post_seconds / events * 1e6))


def run(quick: bool) -> dict[str, Any]:
    """What `make bench` writes down."""
    factor = 10 if quick else 1
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=_serve, args=(port,), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{port.value}/live"
    missed = 10_000 // factor
    try:
        measure(url, "warm-up", 1, 100)
        table = [
            measure(url, f"{missed:,} missed events, one client", 1, missed),
            measure(url, f"{missed:,} missed events, one client, batch=1", 1, missed, batched=True),
            measure(url, "100 clients, live", 100, 200 // factor),
            measure(url, "100 clients, live, batch=1", 100, 2_000 // factor, batched=True),
            measure(url, "one event to 100 clients", 100, 1),
            measure(url, "one event to 1,000 clients, in groups", 1_000, 1),
            measure(url, "one event to 1,000 endpoints of one client", 1, 1, endpoints=1_000),
        ]
        singles = [measure_singly(url, 1_000 // factor) for _ in range(5)]
    finally:
        server.terminate()
        server.join()
    best = min(singles, key=lambda one: one.event_us)
    return {
        "processor µs of an event with an invocation of its own": best.event_us,
        "processor µs of its post alone, in a bare loop": best.post_us,
        "scenarios": [asdict(one) for one in table],
        "posts a second and core": 1_000_000 // table[2].processor_us_a_post,
    }


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    data = run(arguments.quick)
    if arguments.json:
        print(json.dumps(data))
        return
    print(
        f"{'scenario':<44}{'endpoints':>10}{'clients':>8}{'events':>8}{'posts':>8}{'s':>8}{'events/s':>10}{'posts/s':>9}{'CPU µs/post':>13}{'calls':>8}"
    )
    for one in data["scenarios"]:
        print(
            f"{one['scenario']:<44}{one['endpoints']:>10}{one['connections']:>8}{one['events']:>8}{one['posts']:>8}{one['seconds']:>8.2f}"
            f"{one['events_a_second']:>10,}{one['posts_a_second']:>9,}{one['processor_us_a_post']:>13,}"
            f"{one['other_calls_an_event_and_connection']:>8}"
        )
    for name in ("processor µs of an event with an invocation of its own", "processor µs of its post alone, in a bare loop"):
        print(f"{name}: {data[name]:,}")
    print(f"posts a second and core, from the processor time: {data['posts a second and core']:,}")


if __name__ == "__main__":
    main()
