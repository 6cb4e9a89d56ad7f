"""What happens to sockets when it is full: each function runs one scenario and returns what was measured."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.sockets.world import Behaviour, SimulatedClient, SocketWorld, distant, percentile, quick

OTHER_WORKSPACE = "1b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"
HEALTHY = 100
ONSET_SECONDS = 5.0
MEGABYTES_OF_FUNCTION = 1024
DAYS_PER_MONTH = 30
CONNECT_GIGABYTE_SECONDS = 0.02
"""20 ms of the function behind the WebSocket API."""


@dataclass(frozen=True)
class Depth:
    """Of the queue of wake-ups."""

    events: int
    arrived: int
    most_depth: int
    most_per_group: float
    left: int
    p99: float


def depth(rate: float, behaviours: Sequence[Behaviour], seconds: float) -> Depth:
    """One endpoint with such clients is published so many events a second, one at a time."""
    world = SocketWorld()
    endpoint_id = world.endpoint()
    clients = [world.client(endpoint_id, one, roams=True) for one in behaviours]
    world.simulate(seconds + 10, world.stream([endpoint_id], rate, seconds))
    healthy = [one for one in clients if one.behaviour is quick]
    result = Depth(
        len(world.published[endpoint_id]),
        min((len(one.ages) for one in healthy), default=0),
        world.wake_ups.most_depth,
        world.wake_ups.most_depth_per_group,
        world.wake_ups.depth,
        percentile([age for one in healthy for _, age in one.ages], 99),
    )
    world.end()
    return result


@dataclass(frozen=True)
class Isolation:
    """What healthy clients feel beside bad ones."""

    p50: float
    p99: float
    worst: float
    lost: int
    closed: int
    invocations: int


def isolation(bad: int, behaviour: Behaviour, *, shared: bool, seconds: float = 60.0) -> Isolation:
    """100 healthy endpoints with a client and an event a second each, beside bad ones.

    Args:
        bad: endpoints whose only client misbehaves.
        behaviour: how.
        shared: each event goes to all endpoints; otherwise each has events of its own.
        seconds: of publishing.
    """
    world = SocketWorld()
    good = [world.endpoint() for _ in range(HEALTHY)]
    clients = [world.client(one) for one in good]
    sick = [world.endpoint() for _ in range(bad)]
    for one in sick:
        world.client(one, behaviour)
    if shared:
        publishers = [world.stream([*sick, *good], 1.0, seconds, shared=True)]
    else:
        publishers = [world.stream(good, float(HEALTHY), seconds)]
        if sick:
            publishers.append(world.stream(sick, float(bad), seconds))
    world.simulate(seconds + 5, *publishers)
    ages = [age for client in clients for at, age in client.ages if at > ONSET_SECONDS]
    result = Isolation(
        percentile(ages, 50),
        percentile(ages, 99),
        max(ages),
        sum(len(world.published[one.endpoint_id]) - len(one.ages) for one in clients),
        world.reports["closed_slow"],
        world.wake_ups.invocations + world.backlog.invocations,
    )
    world.end()
    return result


def neighbours(bad: int, behaviour: Behaviour, seconds: float = 60.0) -> Isolation:
    """99 healthy clients and a number of bad ones at one endpoint with an event a second."""
    world = SocketWorld()
    endpoint_id = world.endpoint()
    clients = [world.client(endpoint_id) for _ in range(HEALTHY - 1)]
    for _ in range(bad):
        world.client(endpoint_id, behaviour)
    world.simulate(seconds + 5, world.stream([endpoint_id], 1.0, seconds))
    ages = [age for client in clients for at, age in client.ages if at > ONSET_SECONDS]
    result = Isolation(
        percentile(ages, 50),
        percentile(ages, 99),
        max(ages),
        sum(len(world.published[endpoint_id]) - len(one.ages) for one in clients),
        world.reports["closed_slow"],
        world.wake_ups.invocations + world.backlog.invocations,
    )
    world.end()
    return result


@dataclass(frozen=True)
class Hopeless:
    """What a socket that can never be served costs."""

    invocations: int
    busy_seconds: float
    aws_calls: int
    posts: int
    hours: float = 2.0
    connects: int = 0

    @property
    def usd(self) -> float:
        """Lambda and DynamoDB or SQS calls, at the prices of us-east-1 for arm64."""
        gigabyte_seconds = self.busy_seconds * MEGABYTES_OF_FUNCTION / 1024 + self.connects * CONNECT_GIGABYTE_SECONDS
        return gigabyte_seconds * 0.0000133334 + (self.invocations + self.connects) * 0.2e-6 + self.aws_calls * 0.6e-6

    @property
    def usd_per_month(self) -> float:
        """Of a socket that is always there. One that is hardly tried costs less than one that is served; then this is nothing."""
        return max(0.0, self.usd * 24 / self.hours * DAYS_PER_MONTH)


def hopeless(behaviour: Behaviour, *, closes: bool, comes_back: bool = False, hours: float = 2.0) -> Hopeless:
    """A connection takes nothing during its two hours, or comes back whenever it is closed, and an event comes each minute: what
    that costs besides the events."""
    with_it, without = _a_life(behaviour, closes, comes_back, hours), _a_life(quick, closes, comes_back, hours)
    return Hopeless(
        with_it.invocations - without.invocations,
        with_it.busy_seconds - without.busy_seconds,
        with_it.aws_calls - without.aws_calls,
        with_it.posts,
        hours,
        with_it.connects - without.connects,
    )


def _a_life(behaviour: Behaviour, closes: bool, comes_back: bool, hours: float) -> Hopeless:
    world = SocketWorld()
    endpoint_id = world.endpoint()
    before = world.client(endpoint_id)
    world.publish([endpoint_id])  # from here on a client has a sequence that it resumes from
    world.simulate(1.0)
    world.connections.disconnect(before.connection_id)
    world.client(endpoint_id, behaviour, comes_back=comes_back)
    world.poster.closes = closes

    async def publish() -> None:
        while True:
            world.publish([endpoint_id])
            await asyncio.sleep(60)

    # A row lives ten minutes longer than its connection; then nobody is served for it any more.
    world.simulate((hours + (0 if comes_back else 1)) * 3600.0, publish())
    result = Hopeless(
        world.wake_ups.invocations + world.backlog.invocations,
        world.wake_ups.busy_seconds + world.backlog.busy_seconds,
        world.sdk_calls + world.connect_calls,
        world.poster.posts,
        hours,
        world.connects,
    )
    world.end()
    return result


@dataclass(frozen=True)
class CaughtUp:
    """Clients behind a backlog, with live events that go on."""

    rate: float
    """Events a second of all of them."""
    rate_per_client: float
    rate_per_worker: float
    live_p99: float
    repeats: int


def catching_up(clients: int, backlog: int, live: float = 50.0, size: int = 700, executions: int = 50, *, batched: bool = True) -> CaughtUp:
    """So many clients, each of an endpoint of its own, resume from the beginning of a backlog."""
    world = SocketWorld(executions, executions)
    endpoints = [world.endpoint() for _ in range(clients)]
    for endpoint_id in endpoints:
        world.client(endpoint_id)
        for _ in range(backlog // 100):
            world.publish([endpoint_id], 100, size)
    world.poster.clients.clear()
    world.simulate(90.0)
    behind = [world.client(endpoint_id, batched=batched, connects=1) for endpoint_id in endpoints]
    began, busy = world.loop.time(), world.backlog.busy_seconds
    for _ in range(600):
        world.simulate(1.0, world.stream(endpoints, live * clients, world.loop.time() + 1.0))
        if all(one.last >= backlog for one in behind):
            break
    taken = sum(one.last for one in behind)
    seconds = world.loop.time() - began
    worked = world.backlog.busy_seconds - busy
    world.simulate(20.0, world.stream(endpoints, live * clients, world.loop.time() + 15.0))
    late = world.loop.time() - 18.0
    result = CaughtUp(
        taken / seconds,
        taken / seconds / clients,
        taken / max(worked, 0.001),
        percentile([age for one in behind for at, age in one.ages if at > late], 99),
        sum(one.repeats for one in behind),
    )
    world.end()
    return result


@dataclass(frozen=True)
class Beside:
    """A live endpoint while others catch up."""

    p50: float
    p99: float
    arrived: int
    published: int


def beside_backlogs(endpoints: int, backlog: int = 20_000, seconds: float = 60.0) -> Beside:
    """So many endpoints whose one client, without batches, catches up; one live endpoint with an event a second."""
    world = SocketWorld()
    others = [world.endpoint() for _ in range(endpoints)]
    for endpoint_id in others:
        world.client(endpoint_id)
        for _ in range(backlog // 100):
            world.publish([endpoint_id], 100)
    world.poster.clients.clear()
    world.simulate(90.0)
    live = world.endpoint()
    client = world.client(live)
    for endpoint_id in others:
        world.client(endpoint_id, distant, batched=False, connects=1)
    world.simulate(seconds + 5, world.stream([live], 1.0, world.loop.time() + seconds))
    ages = [age for _, age in client.ages]
    result = Beside(percentile(ages, 50), percentile(ages, 99), len(ages), len(world.published[live]))
    world.end()
    return result


@dataclass(frozen=True)
class Crowd:
    """Many connections of one endpoint."""

    p50: float
    p99: float
    posts_in_a_second: int
    writes_of_a_key: int
    repeats: int
    usd_per_million_posts: float


def crowd(connections: int, rate: float, seconds: float, executions: int = 50, posts_per_second: int = 1_000_000) -> Crowd:
    """So many connections, and so many events a second."""
    world = SocketWorld(executions, executions, posts_per_second=posts_per_second)
    endpoint_id = world.endpoint()
    clients = []

    async def arrive() -> None:
        for number in range(connections):
            clients.append(world.client(endpoint_id))
            if number % 50 == 49:
                await asyncio.sleep(0.1)  # 500 connects a second
                world.publish([endpoint_id])

    world.simulate(connections / 500 + 10, arrive())
    world.poster.posts = 0
    world.poster.posts_in_second.clear()
    world.tables.writes.clear()
    busy, invocations, calls = world.wake_ups.busy_seconds, world.wake_ups.invocations, world.sdk_calls
    begun = world.loop.time()
    world.simulate(seconds + 5, world.stream([endpoint_id], rate, begun + seconds))
    ages = [age for client in clients for at, age in client.ages if at >= begun]
    spent = Hopeless(world.wake_ups.invocations - invocations, world.wake_ups.busy_seconds - busy, world.sdk_calls - calls, 0).usd
    posts = max(1, world.poster.posts)
    result = Crowd(
        percentile(ages, 50),
        percentile(ages, 99),
        max(world.poster.posts_in_second.values(), default=0),
        world.tables.most_writes_of_a_key,
        sum(one.repeats for one in clients),
        spent / posts * 1_000_000,
    )
    world.end()
    return result


def beside_crowd(endpoints: int, clients: int, rate: float, posts_per_second: int, seconds: float = 10.0) -> Beside:
    """A client with five events a second, beside another workspace whose endpoints have so many clients and events a second each."""
    world = SocketWorld(posts_per_second=posts_per_second)
    live = world.endpoint(OTHER_WORKSPACE)
    client = world.client(live)
    crowd = [world.endpoint() for _ in range(endpoints)]

    async def arrive() -> None:
        for endpoint_id in crowd:
            for _ in range(clients):
                world.client(endpoint_id)
            await asyncio.sleep(clients / 500)

    world.simulate(endpoints * clients / 500 + 10, arrive())
    begun = world.loop.time()
    until = begun + seconds
    streams = [world.stream([live], 5.0, until)]
    if crowd:
        streams.append(world.stream(crowd, rate * endpoints, until))
    world.simulate(seconds + 5, *streams)
    ages = [age for at, age in client.ages if at >= begun]
    result = Beside(percentile(ages, 50), percentile(ages, 99), len(ages), len(world.published[live]))
    world.end()
    return result


@dataclass(frozen=True)
class Appending:
    """Publishes to one socket endpoint."""

    published: int
    put_off: int
    writes_of_a_key: int
    p99: float
    in_order: bool


def appending(rate: float, seconds: float = 20.0, routers: int = 50, batch: int = 10) -> Appending:
    """So many single-event publishes a second, taken by routers in batches of up to ten, each append 30 ms under way."""
    world = SocketWorld()
    endpoint_id = world.endpoint()
    client = world.client(endpoint_id)
    waiting: list[float] = []

    async def publishers() -> None:
        until = world.loop.time() + seconds
        while world.loop.time() < until:
            await asyncio.sleep(world.draw.expovariate(rate))
            waiting.append(world.loop.time())

    async def router() -> None:
        log = world.new_router()
        while True:
            taken, waiting[:batch] = waiting[:batch], []
            if not taken:
                await asyncio.sleep(0.01)
                continue
            await asyncio.sleep(0.03)
            world.publish_together(endpoint_id, len(taken), log)

    world.simulate(seconds + 5, publishers(), *(router() for _ in range(routers)))
    result = Appending(
        len(world.published[endpoint_id]),
        world.put_off,
        world.tables.most_writes_of_a_key,
        percentile([age for _, age in client.ages], 99),
        len(client.ages) == len(world.published[endpoint_id]) and not client.gaps,
    )
    world.end()
    return result


@dataclass(frozen=True)
class Herd:
    """Clients of one endpoint that come back together."""

    served: int
    first_frame_p99: float
    calls_per_client: float
    live_p99: float
    repeats: int


def herd(clients: int, per_second: float = 500.0) -> Herd:
    """So many clients reconnect, each 15 events behind, while another endpoint has an event a second."""
    world = SocketWorld()
    endpoint_id, other = world.endpoint(), world.endpoint()
    live = world.client(other)
    world.client(endpoint_id)
    world.publish([endpoint_id], 20)
    world.simulate(10.0)
    world.poster.clients = {live.connection_id: live}
    calls: Counter[str] = Counter()
    before = world.sdk_calls
    world.tables.before = lambda operation: calls.update([operation])
    came: list[SimulatedClient] = []
    began: list[float] = []

    async def arrive() -> None:
        for _ in range(clients):
            in_threads = sum(calls.values())
            began.append(world.loop.time())
            came.append(world.client(endpoint_id, last=5, connects=1))
            calls["connect"] += sum(calls.values()) - in_threads + 1  # and its turn's message
            await asyncio.sleep(1 / per_second)

    world.simulate(clients / per_second + 20, arrive(), world.stream([other], 1.0, world.loop.time() + clients / per_second))
    served = [one for one in came if one.last == 20]
    result = Herd(
        len(served),
        percentile([one.first_at - at for one, at in zip(came, began, strict=True)], 99),
        (world.sdk_calls - before + calls["connect"]) / clients,
        percentile([age for _, age in live.ages], 99),
        sum(one.repeats for one in came),
    )
    world.end()
    return result
