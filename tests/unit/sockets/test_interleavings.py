"""The protocol against time: routers, workers, clients and somebody who pauses the endpoint, in every order that a seed
can think of, with calls that fail, answers that are lost, processes that die, messages that come twice and sockets that
break. Whatever happens, a client that follows the documented rule has every event once, in order."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.listening import Listener
from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.endpoint import EndpointStatus
from event_service.filters.event_filter import EventFilter
from event_service.sockets import log as socket_log
from event_service.sockets import log_window, narrowing
from event_service.sockets.connection import GREATEST_SEQUENCE, ConnectRequest
from event_service.sockets.delivery import ReceivedWakeUp
from event_service.sockets.filter_ports import Narrowed
from event_service.sockets.frames import Entry, Gap
from event_service.sockets.live_run import LiveRun
from event_service.sockets.log import Routed
from event_service.sockets.log_window import LogWindow
from event_service.sockets.narrowing import Narrowing
from event_service.sockets.outside import ServingReport
from event_service.sockets.ports import LogHead, Posted
from tests.builders import START
from tests.fakes.sockets import FakeBacklogQueue, FakeEvents, FakePoster, FakeSocketTables, FakeWakeUpQueue
from tests.printed import printed
from tests.simulation.virtual_time import VirtualClock
from tests.support.javascript_client import JavaScriptClient
from tests.unit.sockets.interleaving import Scheduler
from tests.unit.sockets.scene import ENDPOINT, FILTER, TOKEN, WORKSPACE, a_token, an_endpoint, an_event
from tests.wiring import SocketUseCases

pytestmark = pytest.mark.long

MESSAGES = 5
FILTERED = [3, 4, 8]
"""Which events the filter of one client matches."""
ROUTER_TIME_OUT = timedelta(seconds=60)
"""Of the function, in template.yaml: no append takes longer."""


@cache
def _printed_follower() -> Any:
    names: dict[str, Any] = {}
    exec(printed("python", "async def listen"), names)  # noqa: S102 - the document's own text is what is tested
    return names["Follower"]


class PrintedClient:
    """The Python client that the documentation prints."""

    def __init__(self, last: int, handle: Callable[[dict[str, Any]], None]) -> None:
        self._follower = _printed_follower()(handle, last)

    @property
    def last(self) -> int:
        return int(self._follower.last)

    def connected(self) -> None:
        self._follower.first = True

    def take(self, text: str) -> None:
        self._follower.take(text)


class ListenCommand:
    """`event-service listen`."""

    def __init__(self, last: int, handle: Callable[[dict[str, Any]], None]) -> None:
        async def on_event(event: dict[str, Any]) -> None:
            handle(event)

        async def fetch(event_id: str) -> None:
            raise AssertionError(f"{event_id} is not too large")

        self._listener = Listener("", "", "", on_event, fetch, lambda note: None, last=last)

    @property
    def last(self) -> int:
        return self._listener.last or 0

    def connected(self) -> None:
        self._listener.connected()

    def take(self, text: str) -> None:
        value = json.loads(text)
        for frame in value if isinstance(value, list) else [value]:
            with suppress(StopIteration):
                self._listener.take(frame).send(None)


@dataclass(slots=True)
class Client:
    """A documented client and its connections. ``told`` is what it was told that it will not get."""

    name: str
    make: Callable[[int, Callable[[dict[str, Any]], None]], PrintedClient | ListenCommand | JavaScriptClient]
    start: int
    batch: str = "0"
    filter: str | None = None
    connection: str | None = None
    connecting: bool = False
    connects: int = 0
    read: int = 0
    raw: list[int] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    marked: set[int] = field(default_factory=set)
    transcript: list[str] = field(default_factory=list)
    rule: Any = None
    begins: int = 1
    """With which sequence, for one that begins "from now on"."""

    def __post_init__(self) -> None:
        self.begins = GREATEST_SEQUENCE if self.start else 1
        self.rule = self.make(self.start, lambda event: self.taken.append((event["sequence"], event["id"])))


class InterleavedScene:
    """One endpoint and everybody around it, whose steps a scheduler puts in an order that a seed chooses."""

    def __init__(
        self,
        seed: int,
        faults: float,
        printed_client: type[PrintedClient | JavaScriptClient] = PrintedClient,
        *,
        replays: bool = False,
    ) -> None:
        self.faults = faults
        self.replays_too = replays
        self.clock = VirtualClock()
        self.scheduler = Scheduler(seed, faults, self.clock)
        self.random = self.scheduler.random
        self.tables = FakeSocketTables(self.scheduler.before, self.scheduler.after, self.clock)
        # Also when nothing fails any more: this is how DynamoDB reads.
        self.tables.lag = lambda: self.random.randint(1, 2) if self.random.random() < faults else 0
        self.queue = FakeWakeUpQueue(self.scheduler.before, self.scheduler.after, self.clock)
        self.backlog = FakeBacklogQueue(self.scheduler.before, self.scheduler.after, self.clock)
        self.events = FakeEvents(self.scheduler.before)
        self.api = FakePoster(self.clock)
        self.api.one_post_at_a_time = False
        self.api.seconds = self._post_begins
        self.tables.endpoints[ENDPOINT] = an_endpoint()
        token = a_token(TOKEN)
        self.tables.tokens[token.token_hash] = token
        use_cases = SocketUseCases(
            connections=self.tables, log_store=self.tables, wake_ups=self.queue, backlog=self.backlog, clock=self.clock
        )
        self.connections, self.observer, self.log = use_cases.new_door(), use_cases.observer, use_cases.log
        self.delivery = use_cases.new_delivery(use_cases.outside(self.events, self.api, sleep=self._sleep))
        self.routing: list[Routed] = []
        """The routing queue: at least once, in no order."""
        self.published: list[str] = []
        self.owed: list[str] = []
        """What was published when a client had connected: it must not be left out of the log."""
        self.clients = [
            Client("printed", printed_client, 0),
            Client("listen, in batches", ListenCommand, 0, batch="1"),
            Client("printed, from now on", printed_client, GREATEST_SEQUENCE, batch="1"),
            Client("printed, with a filter", printed_client, 0, batch="1", filter=FILTER),
        ]
        condition = {"pattern": {"data": {"n": FILTERED}}}
        self.tables.filters[FILTER] = EventFilter(FILTER, WORKSPACE, "filter", condition, START, START)
        self.pauses = 0
        self.replays = self.replayed = 0
        self.taken_live: list[int] = []
        self.logged_live = 0
        self.workers = 0
        self.time_outs = 0
        self.depth = 0

    # -- what happens outside ------------------------------------------------------------------------------------

    def _post_begins(self, connection_id: str) -> float:
        self.scheduler.before_post()
        if self.random.random() < 2 * self.scheduler.faults and not self.api.answers.get(connection_id):
            answers: list[list[Posted | str]] = [["lost"], [Posted.UNKNOWN], [Posted.UNKNOWN] * 3, [Posted.THROTTLED]]
            self.api.answers[connection_id] = deque(self.random.choice(answers))
        return 0.0

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)
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

    def replay(self) -> None:
        """A step of a replay, which may be done again: the same events, with the same nonce."""
        number = self.random.randint(1, 4)
        ids = self.random.sample(self.published, min(number, len(self.published)))
        self.replays += 1
        self.replayed += len(ids)
        self.routing.append(Routed(WORKSPACE, f"replay-{self.replays}", {ENDPOINT: ids}, repeat=True, replayed=True))

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

        # What is overdue jumps by minutes; a router that is in the middle of an append is stopped before.
        self.scheduler.start("router", act, self.clock() + ROUTER_TIME_OUT)

    def start_worker(self) -> None:
        """A worker takes the wake-ups of a group."""
        group = self.random.choice(self.queue.groups())
        wake_ups = self.queue.receive(group)
        late = self.random.random() < self.scheduler.faults
        if late:
            # It will be so slow that its messages are handed to somebody else while it works.
            self.time_outs += 1
            self.queue.failed(group)
        self.workers += 1

        def act() -> None:
            done = False
            try:
                batch = [ReceivedWakeUp(wake_up, "") for wake_up in wake_ups]
                done = not asyncio.run(self._quietly(self.delivery.serve(batch, self._time_left()))).again
            finally:
                if not late:
                    if done:
                        self.queue.done(group)
                    else:
                        self._visible_again(lambda: self.queue.failed(group))

        self.scheduler.start("worker", act)

    def start_backlog_worker(self) -> None:
        """A worker takes messages of the backlog queue; a copy of one may be handed to somebody else."""
        messages = self.backlog.receive(self.random.randint(1, 3))
        if self.random.random() < self.scheduler.faults:
            self.backlog.failed(messages[:1], timedelta())
        self.workers += 1

        def act() -> None:
            again = list(range(len(messages)))
            try:
                again = asyncio.run(self._quietly(self.delivery.serve_backlog(messages, self._time_left()))).again
            finally:
                self.backlog.failed([messages[position] for position in again])

        self.scheduler.start("backlog worker", act)

    def _visible_again(self, act: Callable[[], None]) -> None:
        # The visibility time-out is longer than anything that is overdue.
        self.clock.advance(seconds=180)
        act()

    def _time_left(self) -> Callable[[], float]:
        steps = self.random.choice([3, 20, 1_000])
        begun = self.api.posts
        return lambda: float(steps - (self.api.posts - begun))

    async def _quietly(self, serving: Coroutine[Any, Any, ServingReport]) -> ServingReport:
        # Nobody asks for the results of what a killed process was doing.
        asyncio.get_running_loop().set_exception_handler(lambda loop, problem: None)
        return await serving

    def start_connect(self, client: Client) -> None:
        """A client opens a socket."""
        client.connecting = True
        client.connects += 1
        connection_id = f"{client.name}-{client.connects}"
        begun = self.clock()

        def act() -> None:
            try:
                self.connections.connect(
                    ConnectRequest(
                        connection_id=connection_id,
                        connected_at=begun,
                        endpoint_id=ENDPOINT,
                        token=TOKEN,
                        after=str(client.rule.last),
                        batch=client.batch,
                        filter=client.filter,
                    )
                )
            except (RateLimited, Unavailable):
                return
            else:
                if self.clock() > begun + timedelta(seconds=29):
                    return  # API Gateway has given the handshake up
                self.api.open(connection_id)
                client.connection, client.read = connection_id, 0
                client.rule.connected()
                client.transcript.append("")
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
                self.observer.changed([endpoint])

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
        for data in arrived[client.read :]:
            text = data.decode()
            client.transcript.append(text)
            value = json.loads(text)
            for frame in value if isinstance(value, list) else [value]:
                if frame.get("notice") == "gap":
                    client.told.update(range(frame["from"], frame["to"] + 1))
                if frame == {"notice": "paused"} and not self.pauses:
                    raise AssertionError(f"{client.name} was told {frame}")
                if "sequence" in frame:
                    if frame.get("replayed"):
                        client.marked.add(frame["sequence"])
                    client.raw.append(frame["sequence"])
            client.rule.take(text)
            if value == {"notice": "reset", "next": client.rule.last + 1} and not client.taken:
                client.begins = client.rule.last + 1
        client.read = len(arrived)

    # -- a run ---------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Everything in any order, then without faults until nothing is left to do."""
        for _ in range(MESSAGES):
            self._some_steps()
            if self.replays_too and self.published and self.random.random() < 0.25:
                self.replay()
            else:
                self.publish()
            self.clock.advance(seconds=self.random.choice([0, 1, 40]))
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
            self.taken_live.append(self._has_been_sent(client))
        self.logged_live = self.tables.log_heads[ENDPOINT].last
        # Once more when all is quiet: nothing that was on its way to the old socket may be lost, and nobody but the
        # new connection itself asks for it.
        for client in self.clients:
            self.hang_up(client)
        self._come_to_rest()
        for client in self.clients:
            self.read(client)

    def _has_been_sent(self, client: Client) -> int:
        """The highest sequence that arrived on a client's connection, or that it had before."""
        highest = client.rule.last if client.rule.last < GREATEST_SEQUENCE else 0
        for data in self.api.received[client.connection or ""]:
            value = json.loads(data)
            for frame in value if isinstance(value, list) else [value]:
                highest = max(highest, frame.get("sequence", 0), frame.get("to", 0), frame.get("next", 1) - 1)
        return highest

    def _come_to_rest(self) -> None:
        for _ in range(4_000):
            self._next(quiet=True)
            busy = self.scheduler.actors or self.routing or self.queue.groups() or self.backlog.waiting
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
        self.depth = max(self.depth, self.queue.depth)
        if self.queue.groups():
            choices.append(self.start_worker)
        if self.backlog.next_at is not None:
            if self.backlog.next_at <= self.clock():
                choices.append(self.start_backlog_worker)
            elif not choices or self.random.random() < 0.2:
                self.clock.advance_to(self.backlog.next_at)
        for client in self.clients:
            if client.connection is None and not client.connecting:
                choices.append(partial(self.start_connect, client))
            elif not quiet:
                choices.append(partial(self.read, client))
                if self.random.random() < 0.1:
                    choices.append(partial(self.hang_up, client))
        if choices:
            self.random.choice(choices)()


SEEN: Counter[str] = Counter()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("faults", [0.0, 0.02, 0.1, 0.25])
@settings(max_examples=100)
@given(seed=st.integers(0, 2**40))
@example(seed=830511143)
def test_client_has_every_event_once_and_in_order_whatever_fails(seed: int, faults: float) -> None:
    """The rarest of the spoiled scenes below fails in one of 60 with faults: the two hundred here would show it three times. Without
    faults one of six fails whose connections never leave the lane of all. ``make fuzz`` tries other seeds."""
    scene = InterleavedScene(seed, faults, replays=bool(seed % 2))
    scene.run()

    check(scene)
    SEEN.update(scene.scheduler.happened)
    SEEN.update(workers=scene.workers, time_outs=scene.time_outs)
    SEEN.update(pauses=scene.pauses, replayed=scene.replayed)
    for client in scene.clients:
        SEEN.update(raw=len(client.raw), taken=len(client.taken))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("faults", [0.0, 0.1])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**40))
def test_the_client_in_javascript_has_every_event_once_and_in_order(seed: int, faults: float) -> None:
    scene = InterleavedScene(seed, faults, JavaScriptClient, replays=bool(seed % 2))
    scene.run()

    check(scene)


def check(scene: InterleavedScene) -> None:
    """The log is whole, and each client handled all of it that it was not told of, once and in order."""
    sequence_of: dict[str, int] = {}
    logged: list[tuple[int, str]] = []
    replayed: dict[int, str] = {}
    unused: set[int] = set()
    for segment in scene.tables.log.get(ENDPOINT, {}).values():
        unused.update(range(segment.first, segment.first + segment.unused))
        for offset, event_id in enumerate(segment.event_ids):
            logged.append((segment.first + offset, event_id))
            if segment.replayed:
                replayed[segment.first + offset] = event_id
            elif event_id in sequence_of:
                raise AssertionError(f"{event_id} was given two sequences")
            else:
                sequence_of[event_id] = segment.first + offset
    logged.sort()
    # Each step of a replay is in the log once, whatever was repeated, unless there was no log yet.
    assert len(replayed) <= scene.replayed
    used = {sequence for sequence, _ in logged}
    assert len(used) == len(logged)
    assert used | unused <= set(range(1, scene.tables.log_heads[ENDPOINT].next))
    assert not used & unused
    assert set(scene.owed) <= sequence_of.keys()
    matching = [one for one in logged if one[1] in {an_event(number).id for number in FILTERED}]
    for client, live in zip(scene.clients, scene.taken_live, strict=True):
        last = max([0, *(sequence for sequence, _ in matching if sequence <= scene.logged_live)])
        assert live >= last if client.filter else live == scene.logged_live
    # What was routed before the first handshake ended is owed to nobody; all that is in the log is.
    for client in scene.clients:
        owed = matching if client.filter else logged
        assert client.taken == [one for one in owed if one[0] >= client.begins], client.name
        handled = {sequence for sequence, _ in client.taken}
        assert handled & replayed.keys() <= client.marked, f"{client.name} was not told of a replay"
        assert not client.told & {sequence for sequence, _ in owed}, f"{client.name} was told that sequences with an event are not there"
    # One wake-up of a group is worked on and one waits. SQS knows an id for five minutes, and whoever dies costs three.
    assert scene.depth <= (6 if scene.faults else 2)


def _first_to_fail(spoil: Callable[[InterleavedScene], None], scenes: int = 300) -> int | None:
    """The seed of the first spoiled scene that fails; the rarest of the faults below shows itself at seed 22, but for one at 87."""
    for seed in range(scenes):
        scene = InterleavedScene(seed, (0.1, 0.25)[seed % 2])
        spoil(scene)
        try:
            scene.run()
            check(scene)
        except AssertionError:
            return seed
    return None


def _some_scene_fails(spoil: Callable[[InterleavedScene], None]) -> bool:
    return _first_to_fail(spoil) is not None


def test_scenes_that_are_spoiled_below_are_sound_otherwise() -> None:
    assert _first_to_fail(lambda scene: None, scenes=70) is None


def test_simulation_finds_an_append_that_marks_nothing() -> None:
    class Forgetful(set[tuple[str, str]]):
        def update(self, *others: Any) -> None:
            return

    def spoil(scene: InterleavedScene) -> None:
        scene.tables.appended = Forgetful()

    assert _some_scene_fails(spoil)


def test_simulation_finds_a_counter_that_gives_sequences_out_twice() -> None:
    def spoil(scene: InterleavedScene) -> None:
        allocate = scene.tables.allocate

        def careless(endpoint_id: str, number: int) -> LogHead | None:
            head = allocate(endpoint_id, number)
            if head is not None and scene.random.random() < 0.3:
                scene.tables.log_heads[endpoint_id] = replace(head, next=head.next - number)
            return head

        scene.tables.allocate = careless  # type: ignore[method-assign]

    assert _some_scene_fails(spoil)


def test_simulation_finds_a_router_that_gives_up_an_append() -> None:
    def spoil(scene: InterleavedScene) -> None:
        scene.log._put_off = lambda endpoint_id, additions: set()  # type: ignore[method-assign]

    assert _some_scene_fails(spoil)


def test_simulation_finds_a_hole_that_is_taken_for_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hasty(window: LogWindow, cursor: int) -> list[Entry]:
        following = await window._first_kept(cursor + 1)
        return [Gap(cursor + 1, window._before(cursor + 1, following))]

    monkeypatch.setattr(LogWindow, "_hole", hasty)

    def lag(scene: InterleavedScene) -> None:
        scene.tables.lag = lambda: scene.random.randint(0, 2)

    assert _some_scene_fails(lag)


def test_simulation_finds_a_reset_that_counts_wherever_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(scene: InterleavedScene) -> None:
        scene.clients = [Client(f"printed {number}", PrintedClient, GREATEST_SEQUENCE) for number in range(4)]

    with monkeypatch.context() as patch:
        patch.setattr(PrintedClient, "take", lambda self, text: (self.connected(), self._follower.take(text)))
        failed = _first_to_fail(spoil)
    assert failed is not None
    # Four clients that begin "from now on" are sound otherwise, in that scene as in those before it.
    assert _first_to_fail(spoil, failed + 1) is None


def test_simulation_finds_skipped_events_that_are_told_with_what_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Narrowing.narrow

    async def careless(self: Narrowing, filter_id: str, entries: Sequence[Entry], replay_to: int) -> Narrowed:
        found = await narrow(self, filter_id, entries, replay_to)
        told = [Gap(one.first - 1, one.last, one.reason) if isinstance(one, Gap) else one for one in found.entries]
        return Narrowed(told, found.last)

    monkeypatch.setattr(Narrowing, "narrow", careless)

    assert _some_scene_fails(lambda scene: None)


def test_simulation_finds_a_filter_that_leaves_out_what_it_judged_last(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Narrowing.narrow

    async def hasty(self: Narrowing, filter_id: str, entries: Sequence[Entry], replay_to: int) -> Narrowed:
        found = await narrow(self, filter_id, entries, replay_to)
        return Narrowed(found.entries[:-1], found.last)

    monkeypatch.setattr(Narrowing, "narrow", hasty)

    assert _some_scene_fails(lambda scene: None)


def test_simulation_finds_a_run_that_reads_before_it_takes_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    take_turn = LiveRun._take_turn

    async def late(run: LiveRun) -> LogHead | None:
        return run._outside.log.heads([ENDPOINT]).get(ENDPOINT)

    async def work(run: LiveRun) -> None:
        state, rows = await run._rows()
        if rows:
            await run._serve(state, rows)
        await take_turn(run)

    monkeypatch.setattr(LiveRun, "_take_turn", late)
    monkeypatch.setattr(LiveRun, "work", work)

    assert _some_scene_fails(lambda scene: None)


def test_simulation_finds_a_connect_that_wakes_nobody() -> None:
    def spoil(scene: InterleavedScene) -> None:
        scene.connections._backlog = FakeBacklogQueue()

    assert _some_scene_fails(spoil)


def test_simulation_finds_an_append_that_wakes_nobody() -> None:
    def spoil(scene: InterleavedScene) -> None:
        scene.log._queue = FakeWakeUpQueue()

    assert _some_scene_fails(spoil)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What hardly ever happens in five events happens often: appends are put off, and holes are sealed."""
    monkeypatch.setattr(socket_log, "TRIES", 2)
    monkeypatch.setattr(log_window, "HOLE_PAUSES", (0.3,))
    monkeypatch.setattr(narrowing, "TOLD_EVERY", 3)
    # Thousands of warnings of calls that fail on purpose, which nobody reads.
    caplog.set_level(logging.CRITICAL, "event_service")


@pytest.fixture(scope="module", autouse=True)
def _what_was_explored() -> Any:
    yield
    if not SEEN:  # only some tests of this module were asked for
        return
    assert SEEN["killed"], "nobody was ever killed: the simulation does not explore what it says"
    assert SEEN["time_outs"]
    assert SEEN["pauses"]
    assert SEEN["raw"] > SEEN["taken"], "nothing ever came twice: the client's rule was not needed"
