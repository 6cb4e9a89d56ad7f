"""The protocol against time: routers, workers, clients and somebody who pauses the endpoint, in every order that a seed
can think of, with calls that fail, answers that are lost, processes that die, messages that come twice and sockets that
break. Whatever happens, a client that follows the documented rule has every event once, in order."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.sockets import client as client_serving
from event_service.sockets.connection import ConnectRequest
from event_service.sockets.connections import SocketConnections
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.log import Routed, SocketLog
from event_service.sockets.outside import ServingReport
from event_service.sockets.ports import LogHead, Posted, Segment
from event_service.sockets.wake_up import WakeUp
from tests.fakes.sockets import FakeEvents, FakePoster, FakeSocketTables, FakeWakeUpQueue
from tests.unit.sockets.interleaving import Scheduler
from tests.unit.sockets.scene import ENDPOINT, RETENTION, TOKEN, WORKSPACE, StillClock, a_token, an_endpoint, an_event

MESSAGES = 5


@dataclass(slots=True)
class Client:
    """The documented client: it reconnects with the last sequence it saw, and drops what is not higher."""

    name: str
    last: int | None
    batch: str = "0"
    connection: str | None = None
    connecting: bool = False
    connects: int = 0
    read: int = 0
    raw: list[int] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)


class World:
    """One endpoint and everybody around it."""

    def __init__(self, seed: int, faults: float) -> None:
        self.scheduler = Scheduler(seed, faults)
        self.random = self.scheduler.random
        self.clock = StillClock()
        self.tables = FakeSocketTables(self.scheduler.before, self.scheduler.after)
        self.queue = FakeWakeUpQueue(self.scheduler.before, self.scheduler.after)
        self.events = FakeEvents(self.scheduler.before)
        self.api = FakePoster(self.clock)
        self.api.one_post_at_a_time = False
        self.api.seconds = self._post_begins
        self.tables.endpoints[ENDPOINT] = an_endpoint()
        token = a_token(TOKEN)
        self.tables.tokens[token.token_hash] = token
        self.connections = SocketConnections(self.tables, self.tables, self.queue, self.clock, RETENTION)
        self.log = SocketLog(self.tables, self.queue, self.clock, RETENTION, sleep=lambda seconds: None)
        self.delivery = SocketDelivery(
            self.tables,
            self.tables,
            self.events,
            self.api,
            self.queue,
            self.clock,
            in_thread=_at_once,
            sleep=self._sleep,
        )
        self.routing: list[Routed] = []
        """The routing queue: at least once, in no order."""
        self.published: list[str] = []
        self.owed: list[str] = []
        """What was published when a client had connected: it must not be left out of the log."""
        self.clients = [Client("one by one", 0), Client("in batches", 0, batch="1")]
        self.pauses = 0
        self.taken_live: list[int] = []
        self.logged_live = 0
        self.workers = 0
        self.time_outs = 0

    # -- what happens outside ------------------------------------------------------------------------------------

    def _post_begins(self, connection_id: str) -> float:
        self.scheduler.before_post()
        if self.random.random() < self.scheduler.faults:
            answers: list[Posted | str] = ["lost", Posted.UNKNOWN, Posted.THROTTLED]
            self.api.answers.setdefault(connection_id, deque()).append(self.random.choice(answers))
        return 0.0

    async def _sleep(self, seconds: float) -> None:
        self.clock.pass_by(seconds=seconds)
        for _ in range(5):
            await asyncio.sleep(0)

    # -- what may happen next ------------------------------------------------------------------------------------

    def publish(self) -> None:
        """A publish is accepted."""
        number = self.random.randint(1, 3)
        ids = []
        for _ in range(number):
            event = an_event(len(self.published) + 1)
            self.published.append(event.id)
            self.events.add(event)
            ids.append(event.id)
        self.routing.append(Routed(WORKSPACE, f"nonce-{len(self.published)}", {ENDPOINT: ids}))
        if ENDPOINT in self.tables.log_heads:
            self.owed.extend(ids)

    def start_router(self) -> None:
        """A router takes one or two messages; another copy of one may still be in the queue."""
        taken = [
            self.routing.pop(self.random.randrange(len(self.routing))) for _ in range(min(len(self.routing), self.random.randint(1, 2)))
        ]
        if self.random.random() < self.scheduler.faults:
            self.routing.append(taken[0])
        back = list(taken)

        def act() -> None:
            try:
                failed = self.log.append(taken)
                back[:] = [message for message in taken if message.nonce in failed]
            finally:
                # Those that are not answered for become visible again.
                self.routing.extend(back)

        self.scheduler.start("router", act)

    def start_worker(self) -> None:
        """A worker takes the wake-ups of a group."""
        group = self.random.choice(self.queue.groups())
        wake_ups = self.queue.receive(group)
        if self.random.random() < self.scheduler.faults:
            # It will be so slow that its messages are handed to somebody else while it works.
            self.time_outs += 1
            self.queue.failed(group)
            late = True
        else:
            late = False
        self.workers += 1

        def act() -> None:
            done = False
            try:
                steps = self.random.choice([3, 20, 1_000])
                begun = self.api.posts
                report = asyncio.run(self._serve(wake_ups, lambda: float(steps - (self.api.posts - begun))))
                done = not report.again
            finally:
                if not late:
                    if done:
                        self.queue.done(group, wake_ups)
                    else:
                        self.queue.failed(group)

        self.scheduler.start("worker", act)

    async def _serve(self, wake_ups: Sequence[WakeUp], time_left: Callable[[], float]) -> ServingReport:
        # Nobody asks for the results of what a killed process was doing.
        asyncio.get_running_loop().set_exception_handler(lambda loop, problem: None)
        return await self.delivery.serve(wake_ups, time_left)

    def start_connect(self, client: Client) -> None:
        """A client opens a socket."""
        client.connecting = True
        client.connects += 1
        connection_id = f"{client.name}-{client.connects}"

        def act() -> None:
            try:
                self.connections.connect(
                    ConnectRequest(
                        connection_id=connection_id,
                        connected_at=self.clock(),
                        endpoint_id=ENDPOINT,
                        token=TOKEN,
                        after=None if client.last is None else str(client.last),
                        batch=client.batch,
                    )
                )
            except (RateLimited, Unavailable):
                return
            else:
                self.api.open(connection_id)
                client.connection, client.read = connection_id, 0
            finally:
                client.connecting = False

        self.scheduler.start("connect", act)

    def pause_or_resume(self) -> None:
        """Somebody pauses the endpoint, or resumes it; who is told by nobody is told with the next event."""
        status = EndpointStatus.PAUSED if self.tables.endpoints[ENDPOINT].status is EndpointStatus.ENABLED else EndpointStatus.ENABLED
        self.tables.endpoints[ENDPOINT] = endpoint = an_endpoint(status=status)
        self.pauses += status is EndpointStatus.PAUSED

        def act() -> None:
            with suppress(RateLimited, Unavailable):
                self.connections.changed([endpoint])

        self.scheduler.start("user", act)

    def hang_up(self, client: Client) -> None:
        """A socket breaks; what was sent to it but not read yet may be lost with it."""
        if client.connection is None:
            return
        if self.random.random() < 0.5:
            self.read(client)
        self.api.hang_up(client.connection)
        if self.random.random() < 0.5:
            connection_id = client.connection

            def disconnect() -> None:
                try:
                    self.connections.disconnect(connection_id)
                except (RateLimited, Unavailable):
                    return

            self.scheduler.start("disconnect", disconnect)
        client.connection = None

    def read(self, client: Client) -> None:
        """The client reads what arrived, by its rule."""
        if client.connection is None:
            return
        arrived = self.api.received[client.connection]
        values = [json.loads(data) for data in arrived[client.read :]]
        frames: list[dict[str, Any]] = [frame for value in values for frame in (value if isinstance(value, list) else [value])]
        for frame in frames:
            if frame == {"notice": "paused"} and self.pauses:
                continue
            if "sequence" not in frame:
                raise AssertionError(f"{client.name} was told {frame} although nothing is missing")
            sequence = frame["sequence"]
            client.raw.append(sequence)
            if client.last is not None and sequence > client.last + 1:
                raise AssertionError(f"{client.name} had {client.last} and was sent {sequence}")
            if client.last is None or sequence > client.last:
                client.last = sequence
                client.taken.append((sequence, frame["id"]))
        client.read = len(arrived)

    # -- a run ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Everything in any order, then without faults until nothing is left to do."""
        for _ in range(MESSAGES):
            self._some_steps()
            self.publish()
            for client in self.clients:
                if self.random.random() < 0.4:
                    self.hang_up(client)
            if self.random.random() < 0.1:
                self.pause_or_resume()
        self._some_steps()
        self.scheduler.faults = 0.0
        if self.tables.endpoints[ENDPOINT].status is EndpointStatus.PAUSED:
            self.pause_or_resume()
        if self.pauses:
            self.publish()
        self._come_to_rest()
        # Who is connected now was sent everything, without asking for it again. Whether it reads that before its socket
        # breaks is another matter.
        for client in self.clients:
            reader = replace(client, raw=list(client.raw), taken=list(client.taken))
            self.read(reader)
            self.taken_live.append(len(reader.taken))
        self.logged_live = self.tables.log_heads[ENDPOINT].last
        # Once more when all is quiet: nothing that was on its way to the old socket may be lost, and nobody but the
        # new connection itself asks for it.
        for client in self.clients:
            self.hang_up(client)
        self._come_to_rest()
        for client in self.clients:
            self.read(client)

    def _come_to_rest(self) -> None:
        for _ in range(2_000):
            self._next(quiet=True)
            busy = self.scheduler.actors or self.routing or self.queue.groups()
            if not busy and all(client.connection is not None for client in self.clients):
                return
        raise AssertionError("it never comes to rest")

    def _some_steps(self) -> None:
        for _ in range(self.random.randint(5, 60)):
            self._next(quiet=False)

    def _next(self, *, quiet: bool) -> None:
        choices: list[Callable[[], object]] = [self.scheduler.step] * 6 if self.scheduler.actors else []
        if self.routing:
            choices.append(self.start_router)
        if self.queue.groups():
            choices.append(self.start_worker)
        for client in self.clients:
            if client.connection is None and not client.connecting:
                choices.append(partial(self.start_connect, client))
            elif not quiet:
                choices.append(partial(self.read, client))
                if self.random.random() < 0.1:
                    choices.append(partial(self.hang_up, client))
        if choices:
            self.random.choice(choices)()


async def _at_once(function: Any) -> Any:
    return function()


SEEN: Counter[str] = Counter()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("faults", [0.0, 0.02, 0.1, 0.25])
@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_client_has_every_event_once_and_in_order_whatever_fails(seed: int, faults: float) -> None:
    world = World(seed, faults)
    world.run()

    check(world)
    SEEN.update(world.scheduler.happened)
    SEEN.update(workers=world.workers, time_outs=world.time_outs)
    SEEN.update(pauses=world.pauses)
    for client in world.clients:
        SEEN.update(raw=len(client.raw), taken=len(client.taken))


def check(world: World) -> None:
    """The log is whole, and the client has all of it."""
    sequence_of: dict[str, int] = {}
    for segment in world.tables.log.get(ENDPOINT, {}).values():
        for offset, event_id in enumerate(segment.event_ids):
            if event_id in sequence_of:
                raise AssertionError(f"{event_id} was given two sequences")
            sequence_of[event_id] = segment.first + offset
    logged = sorted((sequence, event_id) for event_id, sequence in sequence_of.items())
    assert [sequence for sequence, _ in logged] == list(range(1, len(logged) + 1))
    assert set(world.owed) <= sequence_of.keys()
    assert world.taken_live == [world.logged_live] * len(world.clients)
    # What was routed before the first handshake ended is owed to nobody; all that is in the log is.
    for client in world.clients:
        assert client.taken == logged


def _some_world_fails(spoil: Callable[[World], None]) -> bool:
    for seed in range(300):
        world = World(seed, 0.1)
        spoil(world)
        try:
            world.run()
            check(world)
        except AssertionError:
            return True
    return False


def test_the_worlds_that_are_spoiled_below_are_sound_otherwise() -> None:
    assert not _some_world_fails(lambda world: None)


def test_the_simulation_finds_out_when_nobody_marks_what_was_appended() -> None:
    class Forgetful(set[tuple[str, str]]):
        def update(self, *others: Any) -> None:
            return

    def spoil(world: World) -> None:
        world.tables.markers = Forgetful()

    assert _some_world_fails(spoil)


def test_simulation_finds_an_append_that_ignores_the_head() -> None:
    def spoil(world: World) -> None:
        append = world.tables.append

        def careless(endpoint_id: str, head: LogHead, segments: Sequence[Segment], nonces: Sequence[str]) -> None:
            world.tables.log_heads[endpoint_id] = replace(world.tables.log_heads[endpoint_id], next=head.next)
            append(endpoint_id, head, segments, nonces)

        world.tables.append = careless  # type: ignore[method-assign]

    assert _some_world_fails(spoil)


def test_simulation_finds_a_router_that_gives_up_an_append() -> None:
    def spoil(world: World) -> None:
        append = world.log.append

        def careless(messages: Sequence[Routed]) -> set[str]:
            append(messages)
            return set()

        world.log.append = careless  # type: ignore[method-assign]

    assert _some_world_fails(spoil)


def test_the_simulation_finds_out_when_a_read_of_the_log_is_not_consistent() -> None:
    def spoil(world: World) -> None:
        segments = world.tables.segments

        def lagging(endpoint_id: str, after: int, up_to: int, limit: int) -> list[Segment]:
            found = segments(endpoint_id, after, up_to, limit)
            return found[:-1] if world.random.random() < 0.2 else found

        world.tables.segments = lagging  # type: ignore[method-assign]

    assert _some_world_fails(spoil)


def test_simulation_finds_a_cursor_that_moves_before_the_post(monkeypatch: pytest.MonkeyPatch) -> None:
    original = client_serving.ClientServing._send

    async def send(run: Any, client: Any, frame: Any) -> bool:
        client.connection = replace(client.connection, cursor=frame.last)
        return await original(run, client, frame)

    monkeypatch.setattr(client_serving.ClientServing, "_send", send)

    assert _some_world_fails(lambda world: None)


def test_the_simulation_finds_out_when_a_connect_does_not_wake_anybody() -> None:
    def spoil(world: World) -> None:
        world.connections._queue = FakeWakeUpQueue()

    assert _some_world_fails(spoil)


def test_the_simulation_finds_out_when_an_append_does_not_wake_anybody() -> None:
    def spoil(world: World) -> None:
        world.log._queue = FakeWakeUpQueue()

    assert _some_world_fails(spoil)


@pytest.fixture(scope="module", autouse=True)
def _what_was_explored() -> Any:
    yield
    if not SEEN:  # only some tests of this module were asked for
        return
    assert SEEN["killed"], "nobody was ever killed: the simulation does not explore what it says"
    assert SEEN["time_outs"]
    assert SEEN["pauses"]
    assert SEEN["raw"] > SEEN["taken"], "nothing ever came twice: the client's rule was not needed"
