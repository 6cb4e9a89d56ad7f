"""Socket delivery under load, in virtual time: the product's own use cases, many invocations side by side, queues as SQS has
them, AWS calls that take their time, and clients that are quick, slow, stuck or silent.

A FIFO group is locked until its batch ends or its messages are deleted. SQS looks at the first 120,000 messages of a FIFO queue
only; an invocation that outlives the function's time-out is killed, and its messages come again after the visibility time-out.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import re
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from event_service.base.errors import RateLimited
from event_service.sockets.connection import Connection, ConnectRequest
from event_service.sockets.delivery import ReceivedWakeUp, SocketDelivery
from event_service.sockets.limits import ConnectionLimits, SocketLimits
from event_service.sockets.log import Routed, SocketLog
from event_service.sockets.messages import BacklogMessage, LateAppend, WakeUp
from event_service.sockets.outside import ServingReport
from event_service.sockets.pace import PostPace
from event_service.sockets.ports import Posted
from event_service.sockets.slow_clients import SlowClients
from tests import builders
from tests.builders import START
from tests.fakes.sockets import FakeConnectionCounts, FakeEvents, FakeSocketTables
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.wiring import SocketUseCases

AWS_SECONDS: Final = 0.008
POST_SECONDS: Final = 0.015
POLL_SECONDS: Final = 0.01
"""Between a message's arrival and the invocation that gets it."""
START_SECONDS: Final = 0.02
FUNCTION_SECONDS: Final = 30.0
RESERVE_SECONDS: Final = 5.0
"""Of the handler: what is left of the function's time for storing cursors."""
WRITES_PER_KEY: Final = 1_000
"""A second; DynamoDB throttles above."""
VISIBILITY_SECONDS: Final = 180.0
LOOKED_AT: Final = 120_000
"""Messages of a FIFO queue among which SQS looks for free groups."""
POST_TIMEOUT_SECONDS: Final = 3.0
WORKSPACE: Final = "0b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"
RETENTION: Final = timedelta(hours=24)

_SEQUENCE = re.compile(rb'"sequence":(\d+)')


def percentile(values: Sequence[float], share: float) -> float:
    """Of what was measured; infinite if nothing was."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] if ordered else float("inf")


class _Rows(dict[tuple[str, str], Connection]):
    """Connections by endpoint and id; the fake looks through those of a group only."""

    def __init__(self) -> None:
        super().__init__()
        self.of_group: dict[tuple[str, int], dict[str, Connection]] = defaultdict(dict)
        self.owner: dict[str, str] = {}

    def __setitem__(self, key: tuple[str, str], row: Connection) -> None:
        super().__setitem__(key, row)
        self.of_group[row.endpoint_id, row.group][row.connection_id] = row
        self.owner[row.connection_id] = row.endpoint_id

    def pop(self, key: tuple[str, str], default: Any = None) -> Any:
        row = super().pop(key, default)
        if row is not None:
            self.of_group[row.endpoint_id, row.group].pop(row.connection_id, None)
            self.owner.pop(row.connection_id, None)
        return row


class SimulatedTables(FakeSocketTables):
    """Counts the writes to each partition key in each second."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock=clock)
        self.indexed = _Rows()
        self.rows = self.indexed
        self.writes: Counter[tuple[str, int]] = Counter()

    def _write(self, key: str, units: int = 1) -> None:
        second = int((self.clock() - START).total_seconds())
        self.writes[key, second] += units

    @property
    def most_writes_of_a_key(self) -> int:
        """In one second."""
        return max(self.writes.values(), default=0)

    def of_group(self, endpoint_id: str, group: int) -> Any:
        rows = list(self.indexed.of_group[endpoint_id, group].values())
        return self.groups.get((endpoint_id, group), _NO_GROUP), rows

    def save(self, connections: Sequence[Connection]) -> None:
        for one in connections:
            self._write(f"{one.endpoint_id}#{one.group}")
        super().save(connections)

    def join(self, changes: Sequence[tuple[Connection, Connection]]) -> None:
        for one, _ in changes:
            self._write(f"{one.endpoint_id}#{one.group}")
        super().join(changes)

    def save_cursor(self, endpoint_id: str, group: int, cursor: int) -> None:
        self._write(f"{endpoint_id}#{group}")
        super().save_cursor(endpoint_id, group, cursor)

    def take_turn(self, endpoint_id: str, group: int = 0) -> Any:
        self._write(f"{endpoint_id}#{group}" if group else f"{endpoint_id}#head")
        return super().take_turn(endpoint_id, group)

    def allocate(self, endpoint_id: str, number: int) -> Any:
        self._write(f"{endpoint_id}#head")
        if self.writes[f"{endpoint_id}#head", int((self.clock() - START).total_seconds())] > WRITES_PER_KEY:
            raise RateLimited("The database is too busy at the moment; try again in a few seconds.")
        return super().allocate(endpoint_id, number)

    def append(self, endpoint_id: str, segments: Any, nonces: Any) -> None:
        for one in segments:
            self._write(f"{endpoint_id}#block{one.first // 256}", 2)  # in a transaction a write costs two units
        super().append(endpoint_id, segments, nonces)


_NO_GROUP = FakeSocketTables().of_group("", 0)[0]


@dataclass(eq=False, slots=True)
class _Message:
    body: Any
    number: int
    group: str = ""


class _Queue:
    """What both kinds of queues have: executions that take batches of ten."""

    def __init__(self, world: SocketWorld, executions: int) -> None:
        self._world = world
        self._free = executions
        self._processes: list[SocketDelivery] = []
        self._timer: asyncio.TimerHandle | None = None
        self.numbers = itertools.count()
        self.busy_seconds = 0.0
        self.invocations = 0
        self.killed = 0

    def take(self) -> list[_Message]:
        raise NotImplementedError

    def finish(self, batch: Sequence[_Message], again: Sequence[int]) -> None:
        raise NotImplementedError

    async def handle(self, process: SocketDelivery, batch: Sequence[_Message], time_left: Callable[[], float]) -> ServingReport:
        raise NotImplementedError

    def poll(self) -> None:
        if self._timer is None:
            self._timer = self._world.loop.call_later(POLL_SECONDS, self._dispatch)

    def _dispatch(self) -> None:
        self._timer = None
        while self._free and (batch := self.take()):
            self._free -= 1
            self._world.spawn(self._invoke(batch))

    async def _invoke(self, batch: Sequence[_Message]) -> None:
        loop = self._world.loop
        began = loop.time()
        self.invocations += 1
        await asyncio.sleep(START_SECONDS)
        end = began + FUNCTION_SECONDS
        again: Sequence[int] = range(len(batch))
        process = self._processes.pop() if self._processes else self._world.new_process()
        try:
            async with asyncio.timeout_at(end):
                report = await self.handle(process, batch, lambda: end - RESERVE_SECONDS - loop.time())
                self._world.count(report)
                again = report.again
            self._processes.append(process)
        except TimeoutError:
            self.killed += 1
        finally:
            self._free += 1
            self.busy_seconds += loop.time() - began
        self.finish(batch, again)
        self.poll()


class WakeUps(_Queue):
    """FIFO: a group is handed to one invocation at a time, and SQS knows a deduplication id for five minutes."""

    def __init__(self, world: SocketWorld, executions: int) -> None:
        super().__init__(world, executions)
        self._groups: dict[str, deque[_Message]] = defaultdict(deque)
        self._in_flight: dict[str, list[_Message]] = {}
        self._ready: list[tuple[int, str]] = []
        self._seen: dict[str, float] = {}
        self.depth = 0
        self.most_depth = 0
        self.most_depth_per_group = 0.0
        self.groups_with_work: set[str] = set()

    # -- as the product sees it

    def send(self, wake_ups: Sequence[WakeUp]) -> None:
        now = self._world.loop.time()
        for one in wake_ups:
            if self._seen.get(one.deduplication_id, -1e9) > now - 300:
                continue
            self._seen[one.deduplication_id] = now
            message = _Message(one, next(self.numbers), one.fifo_group)
            waiting = self._groups[message.group]
            waiting.append(message)
            self.depth += 1
            if len(waiting) == 1 and message.group not in self._in_flight:
                heapq.heappush(self._ready, (message.number, message.group))
        if len(self._seen) > 100_000:
            self._seen = {key: at for key, at in self._seen.items() if at > now - 300}
        busy = sum(1 for waiting in self._groups.values() if waiting) if self.depth > self.most_depth else 1
        if self.depth > self.most_depth:
            self.most_depth = self.depth
            self.most_depth_per_group = self.depth / busy
        if self.depth > LOOKED_AT:
            raise AssertionError("SQS looks no further: every other group stands still")
        self.poll()

    def release(self, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            self._delete(int(receipt))

    # -- as Lambda's poller sees it

    def take(self) -> list[_Message]:
        batch: list[_Message] = []
        while self._ready and len(batch) < 10:
            _, group = heapq.heappop(self._ready)
            waiting = self._groups[group]
            if group in self._in_flight or not waiting:
                continue
            taken = list(itertools.islice(waiting, 10 - len(batch)))
            self._in_flight[group] = list(taken)
            batch.extend(taken)
        return batch

    async def handle(self, process: SocketDelivery, batch: Sequence[_Message], time_left: Callable[[], float]) -> ServingReport:
        received = [ReceivedWakeUp(message.body, str(message.number)) for message in batch]
        self._by_number = {message.number: message for message in batch} | getattr(self, "_by_number", {})
        return await process.serve(received, time_left)

    def finish(self, batch: Sequence[_Message], again: Sequence[int]) -> None:
        failed = {batch[position].group for position in again}
        for message in batch:
            if message.group not in failed:
                self._delete(message.number)
        for group in failed:
            self._world.loop.call_later(VISIBILITY_SECONDS, self._unlock, group)

    def _delete(self, number: int) -> None:
        message = self._by_number.pop(number, None)
        if message is None:
            return
        in_flight = self._in_flight.get(message.group, [])
        if message in in_flight:
            in_flight.remove(message)
            self._groups[message.group].remove(message)
            self.depth -= 1
        if not in_flight:
            self._unlock(message.group)

    def _unlock(self, group: str) -> None:
        self._in_flight.pop(group, None)
        if self._groups[group]:
            heapq.heappush(self._ready, (self._groups[group][0].number, group))
            self.poll()
        else:
            self._groups.pop(group, None)


class Backlog(_Queue):
    """A standard queue."""

    def __init__(self, world: SocketWorld, executions: int) -> None:
        super().__init__(world, executions)
        self._visible: deque[_Message] = deque()
        self.late_appends = 0
        self.most_visible = 0

    def send(self, messages: Sequence[BacklogMessage], delay_seconds: int = 0) -> None:
        for one in messages:
            self.late_appends += isinstance(one, LateAppend)
            message = _Message(one, next(self.numbers))
            if delay_seconds:
                self._world.loop.call_later(delay_seconds, self._show, message)
            else:
                self._show(message)

    def _show(self, message: _Message) -> None:
        self._visible.append(message)
        self.most_visible = max(self.most_visible, len(self._visible))
        self.poll()

    def take(self) -> list[_Message]:
        return [self._visible.popleft() for _ in range(min(10, len(self._visible)))]

    async def handle(self, process: SocketDelivery, batch: Sequence[_Message], time_left: Callable[[], float]) -> ServingReport:
        return await process.serve_backlog([message.body for message in batch], time_left)

    def finish(self, batch: Sequence[_Message], again: Sequence[int]) -> None:
        for position in again:
            self._world.loop.call_later(VISIBILITY_SECONDS, self._show, batch[position])


Behaviour = Callable[[], Awaitable[Posted]]


async def quick() -> Posted:
    """A client that reads."""
    await asyncio.sleep(POST_SECONDS)
    return Posted.SENT


async def stuck() -> Posted:
    """A client that does not read: API Gateway's buffer for it is full."""
    await asyncio.sleep(POST_SECONDS)
    return Posted.THROTTLED


async def silent() -> Posted:
    """The post is answered by nobody."""
    await asyncio.sleep(POST_TIMEOUT_SECONDS)
    return Posted.UNKNOWN


async def slow() -> Posted:
    """A client that reads one message a second."""
    await asyncio.sleep(1.0)
    return Posted.SENT


async def distant() -> Posted:
    """A client that reads, and whose network takes its time."""
    await asyncio.sleep(0.1)
    return Posted.SENT


@dataclass(eq=False)
class SimulatedClient:
    """A client that resumes where it was, a second or two after its connection ended."""

    endpoint_id: str
    behaviour: Behaviour
    batched: bool = True
    comes_back: bool = True
    last: int = 0
    connection_id: str = ""
    connects: int = 0
    refusals: int = 0
    """In a row."""
    roams: bool = False
    """It has another address each time, so that it is never known to have taken nothing before."""
    ages: list[tuple[float, float]] = field(default_factory=list)
    """When each event was published, and how much later it came."""
    repeats: int = 0
    gaps: int = 0
    first_at: float = float("inf")
    """When the first message came."""


class SimulatedPoster:
    """API Gateway. ``closes``: whether closing a connection works."""

    def __init__(self, world: SocketWorld) -> None:
        self._world = world
        self.clients: dict[str, SimulatedClient] = {}
        self.posts = 0
        self.closes = True
        self.posts_in_second: Counter[int] = Counter()

    async def post(self, connection_id: str, data: bytes) -> Posted:
        self.posts += 1
        self.posts_in_second[int(self._world.loop.time())] += 1
        client = self.clients.get(connection_id)
        if client is None:
            await asyncio.sleep(POST_SECONDS)
            return Posted.GONE
        answer = await client.behaviour()
        if answer is Posted.SENT and connection_id in self.clients:
            self._world.arrived(client, data)
        return answer

    async def close(self, connection_id: str) -> Posted:
        await asyncio.sleep(POST_SECONDS)
        if not self.closes:
            return Posted.UNKNOWN
        client = self.clients.pop(connection_id, None)
        if client is None:
            return Posted.GONE
        if client.comes_back:
            self._world.loop.call_later(self._world.draw.uniform(1, 2), self._world.open, client)
        return Posted.SENT


class SocketWorld:
    """Everything together."""

    def __init__(self, executions: int = 50, backlog_executions: int = 50, seed: int = 1, posts_per_second: int = 1_000_000) -> None:
        self.clock = VirtualClock()
        self.loop = VirtualLoop(self.clock.passed)
        self.draw = random.Random(seed)
        self.tables = SimulatedTables(self.clock)
        self.events = FakeEvents()
        self.wake_ups = WakeUps(self, executions)
        self.backlog = Backlog(self, backlog_executions)
        self.poster = SimulatedPoster(self)
        counts = FakeConnectionCounts(clock=self.clock)
        self.slow_clients = SlowClients(counts, self.tables, self.clock)
        limits = ConnectionLimits(counts, SocketLimits(100_000, 100_000, 100_000, 100_000), self.clock, self.slow_clients)
        self.use_cases = SocketUseCases(
            connections=self.tables, log_store=self.tables, wake_ups=self.wake_ups, backlog=self.backlog, clock=self.clock
        )
        self.connections = self.use_cases.new_door(limits, needs_token=False)
        self.connects = 0
        self.connect_calls = 0
        self.log = self.use_cases.log
        self.posts_per_second = posts_per_second
        self.published: dict[str, list[float]] = defaultdict(list)
        """By endpoint: when each sequence was appended."""
        self.reports: Counter[str] = Counter()
        self.sdk_calls = 0
        self._names = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def new_process(self) -> SocketDelivery:
        """One execution of the function, which keeps its pace for the next invocations."""
        pace = PostPace(self.tables, self.posts_per_second, self.clock, self._in_thread, asyncio.sleep)
        outside = self.use_cases.outside(
            self.events, self.poster, in_thread=self._in_thread, note_slow=self.slow_clients.note, pace=pace.take
        )
        return self.use_cases.new_delivery(outside)

    def new_router(self) -> SocketLog:
        """What one router remembers."""
        return self.use_cases.new_log()

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        self.sdk_calls += 1
        await asyncio.sleep(AWS_SECONDS)
        return function()

    def count(self, report: ServingReport) -> None:
        self.reports.update(posted=report.posted, closed_slow=report.closed_slow, faults=report.faults, gone=report.gone)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.loop.call_exception_handler({"message": "a simulated process failed", "exception": task.exception()})
            self.reports["errors"] += 1

    # -- people ----------------------------------------------------------------------------------------------------

    def endpoint(self, workspace_id: str = WORKSPACE) -> str:
        """A new one."""
        endpoint_id = f"{next(self._names):08x}-3e17-4b9b-9268-ce51d6900530"
        self.tables.endpoints[endpoint_id] = builders.a_socket(
            id=endpoint_id, workspace_id=workspace_id, name="name", created=START, modified=START
        )
        return endpoint_id

    def client(self, endpoint_id: str, behaviour: Behaviour = quick, **more: Any) -> SimulatedClient:
        """A new client, connected."""
        client = SimulatedClient(endpoint_id, behaviour, **more)
        self.open(client)
        return client

    def open(self, client: SimulatedClient) -> None:
        """Connects; resumes if it was connected before. One that is refused comes back as the documented clients do: later each
        time, up to a minute."""
        self.connects += 1
        asked = Counter[str]()
        before, self.tables.before = self.tables.before, lambda operation: (asked.update([operation]), before(operation))[1]
        try:
            self._open(client)
        except RateLimited:
            client.refusals += 1
            pause = min(60.0, 2.0**client.refusals) * self.draw.uniform(0.5, 1)
            self.loop.call_later(pause, self.open, client)
        else:
            client.refusals = 0
        finally:
            self.tables.before = before
            self.connect_calls += asked.total()

    def _open(self, client: SimulatedClient) -> None:
        after = client.last if client.connects else None
        client.connects += 1
        client.connection_id = f"connection-{next(self._names)}"
        self.connections.connect(
            ConnectRequest(
                connection_id=client.connection_id,
                connected_at=self.clock(),
                endpoint_id=client.endpoint_id,
                token=None,
                after=None if after is None else str(after),
                batch="1" if client.batched else "0",
                address=client.connection_id if client.roams else "",
            )
        )
        if after is None:
            client.last = self.tables.log_heads[client.endpoint_id].last
        self.poster.clients[client.connection_id] = client

    def arrived(self, client: SimulatedClient, data: bytes) -> None:
        """A message reached a client."""
        if data.startswith(b'{"notice":"gap"'):
            client.gaps += 1
        now, published = self.loop.time(), self.published[client.endpoint_id]
        client.first_at = min(client.first_at, now)
        for found in _SEQUENCE.findall(data):
            sequence = int(found)
            if sequence <= client.last:
                client.repeats += 1
                continue
            if sequence != client.last + 1 and not client.gaps:
                raise AssertionError(f"sequence {sequence} came after {client.last}")
            client.last = sequence
            at = published[sequence - 1]
            client.ages.append((at, now - at))

    def publish(self, endpoint_ids: Sequence[str], number: int = 1, size: int = 0, router: SocketLog | None = None) -> None:
        """Routes one message of so many events, for endpoints of one workspace."""
        ids = []
        workspace_id = self.tables.endpoints[endpoint_ids[0]].workspace_id
        for _ in range(number):
            event_id = f"event-{next(self._names)}"
            self.events.add(
                builders.an_event(id=event_id, type="T", date=START, data={"text": "x" * size}, workspace_id=workspace_id, created=START)
            )
            ids.append(event_id)
        failed = (router or self.log).append([Routed(workspace_id, f"nonce-{next(self._names)}", dict.fromkeys(endpoint_ids, ids))])
        if failed:
            raise AssertionError("an append failed")
        for endpoint_id in endpoint_ids:
            self.published[endpoint_id].extend([self.loop.time()] * number)

    def publish_together(self, endpoint_id: str, messages: int, router: SocketLog) -> None:
        """Routes so many messages of one event each in one batch of a router."""
        routed = []
        for _ in range(messages):
            event_id = f"event-{next(self._names)}"
            self.events.add(builders.an_event(id=event_id, type="T", date=START, workspace_id=WORKSPACE, created=START))
            routed.append(Routed(WORKSPACE, f"nonce-{next(self._names)}", {endpoint_id: [event_id]}))
        if router.append(routed):
            raise AssertionError("an append failed")
        self.published[endpoint_id].extend([self.loop.time()] * messages)

    @property
    def put_off(self) -> int:
        """Appends that were put off by a second."""
        return self.backlog.late_appends

    async def stream(self, endpoint_ids: Sequence[str], rate: float, until: float, *, shared: bool = False, since: float = 0.0) -> None:
        """Publishes so many events a second, each to one of the endpoints, or to all."""
        await asyncio.sleep(since)
        routers = [self.new_router() for _ in range(4)]
        while self.loop.time() < until:
            await asyncio.sleep(self.draw.expovariate(rate))
            targets = endpoint_ids if shared else [self.draw.choice(endpoint_ids)]
            self.publish(targets, router=self.draw.choice(routers))

    # -- running ---------------------------------------------------------------------------------------------------

    def simulate(self, seconds: float, *publishers: Coroutine[Any, Any, None]) -> None:
        """Lets so much time pass."""

        async def main() -> None:
            tasks = [asyncio.ensure_future(one) for one in publishers]
            await asyncio.sleep(seconds)
            for task in tasks:
                if task.done():
                    task.result()
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.loop.run_until_complete(main())

    def end(self) -> None:
        """Stops everything that is still under way."""

        async def stop() -> None:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self.loop.run_until_complete(stop())
        self.loop.close()
