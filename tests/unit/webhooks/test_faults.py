"""No delivery is lost, and none is doubled where the log could have known, whatever dies or fails.

The worker is killed at each of its await points: every ``await`` and ``async with`` in its source is found with ``ast``, and
the test goes on until each was the place of death 6 times. Dying is sudden: no handler of the worker runs.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import logging
import random
import types
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any, Self

import pytest

from event_service.base.errors import Unavailable
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery import retry_scheduler
from event_service.delivery.attempt import DeliveryStatus, FailureClass
from event_service.delivery.retry_scheduler import RetryReport
from event_service.webhooks import attempt, deliver, health, lane_rows, lane_switch, own_lane, record, recording, turn
from event_service.webhooks.attempt import CUT_SECONDS, SLOW_SECONDS
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.webhooks import VISIBILITY_SECONDS, WORKSPACE, Behaviour, QueuedMessage, WebhookScene, answering, inline
from tests.simulation.virtual_time import ShuffledLoop

pytestmark = pytest.mark.long

TIMES = 6
DELIVERIES = 10_000
"""Results that are continued before they are logged, looks that are not asked for and messages of the dead that ask for none are found
in the first of the worlds that this takes, tasks that are finished before they are logged in the second, and one more fault in the
sixth; it takes about seven."""
ROUNDS = 15
"""Of a call that fails: with 12 the same faults of the worker are found as with 25."""
WORKER = (attempt, deliver, health, lane_rows, lane_switch, own_lane, record, recording, turn)
"""The modules of the worker. ``testEndpoint`` keeps nothing, so there is nothing that could be lost."""


NEVER_SUSPENDED = (
    "return self._result(task, began, await self.send(",  # only for deadlines below the cut
    "await self._reading",  # the turn ends by a fault in the instant in which a page is read and nothing is open
    "self._state.lanes.set_ending, lane, False",  # a row comes in the instant between two reads
)
"""Lines at which nothing of this scenario ever waits, or so rarely that a run would take minutes more."""
Point = tuple[str, str, int]
"""File, method and line of an ``await``."""


def await_points() -> dict[Point, range]:
    """Every place at which the worker can be suspended, with the lines it covers."""
    found: dict[Point, range] = {}
    lines: list[str] = []

    def visit(file: str, node: ast.AST, method: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.AsyncFunctionDef | ast.FunctionDef) else method
            if isinstance(child, ast.Await) and not any(line in lines[child.lineno - 1] for line in NEVER_SUSPENDED):
                found[file, name, child.lineno] = range(child.lineno, (child.end_lineno or child.lineno) + 1)
            visit(file, child, name)

    for module in WORKER:
        lines = inspect.getsource(module).splitlines()
        visit(str(module.__file__), ast.parse(inspect.getsource(module)), "")
    return found


FRESH_SECONDS = 0.15
"""So long an owner trusts what the log said of a row, in these tests."""
IN_FLIGHT_SECONDS = FRESH_SECONDS + 1.0


@pytest.fixture(autouse=True)
def _says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of deaths and failed calls are thousands of tracebacks, which nobody reads."""
    caplog.set_level(logging.CRITICAL, "event_service")


@pytest.fixture(autouse=True)
def _trusts_the_log_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_rows, "FRESH_SECONDS", FRESH_SECONDS)


class OneByOne:
    """Stands in for the threads of the retry scheduler."""

    def __init__(self, max_workers: int) -> None:
        del max_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def map(self, function: Callable[[int], RetryReport], shards: Iterable[int]) -> list[RetryReport]:
        return [function(shard) for shard in shards]


@pytest.fixture(autouse=True)
def _starts_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler runs thousands of times: threads would take longer than what they do, and draw in another order each time."""
    monkeypatch.setattr(retry_scheduler, "ThreadPoolExecutor", OneByOne)


class Killed(KeyboardInterrupt):
    """The process is gone. asyncio lets this kind through at once, instead of giving it to a task."""


class Killer:
    """Watches every suspension of every task of a loop, and kills at a chosen one."""

    def __init__(self, points: dict[Point, range]) -> None:
        self._line_to_point = {(file, name, line): (file, name, first) for (file, name, first), lines in points.items() for line in lines}
        self.kills: Counter[Point] = Counter()
        self.visits: Counter[Point] = Counter()
        self.deaths = 0
        self.draw = random.Random(1)

    def factory(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(self._drive(coroutine), loop=loop, **options)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        return task

    async def _drive(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await self._driven(coroutine)

    @types.coroutine
    def _driven(self, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        error: BaseException | None = None
        while True:
            try:
                future = coroutine.throw(error) if error is not None else coroutine.send(None)
            except StopIteration as end:
                return end.value
            self._suspended(coroutine)
            error = None
            try:
                yield future
            except GeneratorExit:
                raise
            except BaseException as thrown:  # noqa: BLE001 - the loop cancels through here; it is passed on
                error = thrown

    def _suspended(self, coroutine: Any) -> None:
        places = set(self._places(coroutine))
        self.visits.update(places)
        if places and self.draw.random() < max(self._chance(place) for place in places):
            self.kills.update(places)
            self.deaths += 1
            raise Killed

    def _chance(self, place: Point) -> float:
        """Rare places more often, so that all come to their number in about the same time. Beyond it a little, since dying
        there is what leads to the rarest."""
        if self.kills[place] < TIMES:
            return max(0.01, min(0.5, 2 * TIMES / self.visits[place]))
        return 0.1 if self.visits[place] < 20 * TIMES else 0.0

    def _places(self, coroutine: Any) -> Iterator[Point]:
        while coroutine is not None and hasattr(coroutine, "cr_frame"):
            frame = coroutine.cr_frame
            if frame is not None:
                point = self._line_to_point.get((frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno))
                if point is not None:
                    yield point
            coroutine = coroutine.cr_await


def invoke(world: WebhookScene, killer: Killer | None, draw: random.Random | None = None) -> bool:
    """An invocation of the shared lane and two of own lanes side by side on a loop of their own, in an order that is drawn;
    whether there was anything to do. Killed ones acknowledge nothing."""
    loop = ShuffledLoop(draw or random.Random(1), world.clock.passed)
    loop.set_exception_handler(lambda loop, context: None)  # it would tell of the tasks that died
    if killer is not None:
        loop.set_task_factory(killer.factory)  # type: ignore[arg-type]
    try:
        return loop.run_until_complete(_all(world))
    except Killed:
        world.side, world.lane_side = world.new_process(), world.new_process()
        world.receivers.running.clear()
        return True
    finally:
        loop.close()


async def _all(world: WebhookScene) -> bool:
    async def another() -> object:
        await asyncio.sleep(0.3)
        return await world.serve_lanes(5, world.new_process())

    done = await asyncio.gather(world.invoke(), world.serve_lanes(5), another(), return_exceptions=True)
    for one in done:
        # An invocation that failed as a whole acknowledges nothing of its batch.
        if isinstance(one, BaseException) and not isinstance(one, Unavailable):
            raise one
    return any(one is not None for one in done)


def taking(seconds: float) -> Behaviour:
    """A receiver that takes so long: longer than the shared lane waits, or just so long that it says so."""

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(seconds)
        return WebhookAnswer(200, None, None, round(seconds * 1_000))

    return answer


def moods(draw: random.Random) -> Behaviour:
    """A receiver that mostly works, and otherwise does anything."""
    kinds = [
        answering(),
        answering(500),
        answering(503, retry_after="40"),
        answering(429),
        answering(None, FailureClass.TIMEOUT),
        answering(None, FailureClass.RESET),
        answering(200, webhook_delivery="disable"),
        answering(500, webhook_delivery="abort-message"),
        answering(410),
        taking(14),
        taking(SLOW_SECONDS),
        answering(429, retry_after="3"),
    ]

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        return await draw.choices(kinds, [60, 8, 3, 3, 20, 5, 4, 2, 2, 3, 3, 3])[0](request)

    return answer


def mostly_quick(draw: random.Random) -> Behaviour:
    """A receiver whose slow answers are rare."""

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        return await (taking(CUT_SECONDS + 2) if draw.random() < 0.05 else answering())(request)

    return answer


class Scenario:
    """Deliveries to receivers in changing moods, with people who pause, resume and delete meanwhile."""

    def __init__(self, seed: int, *, calls_take_time: bool = False) -> None:
        self.draw = random.Random(seed)
        self.world = WebhookScene(backlog_bytes=2_000, in_thread=self.in_time if calls_take_time else inline)
        self.world.jitter = 0.1
        self.healthy = [self.world.endpoint() for _ in range(3)]
        self.moody = [self.world.endpoint(moods(self.draw)) for _ in range(5)]
        self.moody += [self.world.endpoint(mostly_quick(self.draw)) for _ in range(2)]
        self.hanging = [self.world.endpoint(answering(None, FailureClass.TIMEOUT)) for _ in range(2)]
        self.broken = self.world.endpoint(answering(500))
        self.pauses = [1, 10, 60, 400, *([], [100_000] * 2, [1_300_000])[seed % 3]]
        self.gone: set[str] = set()
        self.world.queue.order = self._shuffle
        self.world.health.interfere = self._another_worker

    def _shuffle(self, messages: list[QueuedMessage]) -> None:
        self.draw.shuffle(messages)

    def _another_worker(self, endpoint_id: str) -> None:
        known = self.world.health.items.get(endpoint_id)
        if known is not None and self.draw.random() < 0.05:
            self.world.health.items[endpoint_id] = replace(known, version=known.version + 1)

    async def in_time(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """A blocking call, which takes its time before and behind what it does."""
        await asyncio.sleep(self.draw.choice((0.0, 0.0, 0.05)))
        result = function(*arguments)
        await asyncio.sleep(self.draw.choice((0.0, 0.0, 0.05)))
        return result

    def sometimes(self, operation: str) -> str | None:
        """A call to AWS in a hundred fails."""
        del operation
        return "refused" if self.draw.random() < 0.01 else None

    def endpoints(self) -> list[Endpoint]:
        return [one for one in (*self.healthy, *self.moody, *self.hanging, self.broken) if one.id in self.world.endpoints]

    def something_happens(self) -> None:
        """One round of what publishers and owners do."""
        world = self.world
        for _ in range(3):
            world.publish(*self.endpoints())
        for endpoint in self.endpoints():
            status = world.endpoints[endpoint.id].status
            if status is not EndpointStatus.ENABLED and self.draw.random() < (0.2 if status is EndpointStatus.PAUSED else 0.05):
                world.resume(endpoint)
            elif status is EndpointStatus.ENABLED and self.draw.random() < 0.03:
                world.pause(endpoint)
        if self.draw.random() < 0.3:
            fleeting = world.endpoint(moods(self.draw))
            world.publish(fleeting)
            world.publish(fleeting)
            self.moody.append(fleeting)
        if self.draw.random() < 0.1:
            silent = world.endpoint(answering(None, FailureClass.TIMEOUT))
            for _ in range(5):
                world.publish(silent)
            self.moody.append(silent)
        if self.draw.random() < 0.3 and len(self.moody) > 5:
            victim = self.moody.pop(self.draw.randrange(len(self.moody)))
            world.delete(victim)
            self.gone.add(victim.id)
        if self.draw.random() < 0.2:
            for endpoint in self.hanging:
                world.receivers.behaviour[endpoint.id] = self.draw.choice([answering(), answering(None, FailureClass.TIMEOUT)])

    def come_to_rest(self) -> None:
        """All faults end, all receivers work, all endpoints are on, and time passes until nothing is left to do."""
        world = self.world
        world.aws.fault = lambda operation: None
        world.receivers.behaviour.clear()
        for _ in range(5_000):
            while invoke(world, None):
                pass
            for queue in (world.queue, world.lane_queue):
                if queue.dead:
                    queue.redrive()
            world.tick()
            moment = world.next_moment()
            if moment is not None:
                world.clock.advance(seconds=max(0.0, (moment - world.clock()).total_seconds()))
                continue
            # Only now: what a worker had left undone when it died may have been to disable one.
            off = [one for one in self.endpoints() if world.endpoints[one.id].status is not EndpointStatus.ENABLED]
            if not off:
                return
            for endpoint in off:
                world.resume(endpoint)
        pytest.fail("it never comes to rest")

    def check(self, in_flight_seconds: float = 0.0) -> None:
        """Nothing is lost, nothing is doubled that the log knew, and every copy has the same id. ``in_flight_seconds``: a copy that
        a fault made may have looked into the log so long before the other's success was there."""
        world = self.world
        succeeded = {(one.endpoint_id, one.event_id) for one in world.receivers.receptions if one.status == 200}
        lost = []
        for endpoint_id, event_id in world.accepted:
            if endpoint_id in self.gone or (endpoint_id, event_id) in succeeded:
                continue
            delivery = world.log.delivery(WORKSPACE, endpoint_id, event_id)
            # Given up after ten attempts is not lost: it is in the log, and can be started again. Nor is what has outlived
            # its event.
            expired = world.store.get(WORKSPACE, [event_id]) == {}
            if not expired and (delivery is None or delivery.status is not DeliveryStatus.FAILED):
                lost.append((endpoint_id, event_id))
        assert not lost
        assert not world.log.not_listed()
        assert [one for one in world.illegal_after if one >= in_flight_seconds] == []
        ids: dict[tuple[str, str], set[str]] = {}
        for one in world.receivers.receptions:
            ids.setdefault((one.endpoint_id, one.event_id), set()).add(one.webhook_id)
        assert all(len(found) == 1 for found in ids.values())
        assert not world.backlog.rows


# A worker that is killed leaves coroutines that nobody awaits and tasks whose loop is closed: that is what is tested here.
@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(600)
def test_killed_at_every_await_point_it_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is rare in a world as small as this one.
    monkeypatch.setattr(recording, "RECORDS_PER_WRITE", 3)
    monkeypatch.setattr(recording, "GROUPS_AT_ONCE", 2)
    monkeypatch.setattr(lane_switch, "QUICK_ANSWERS", 2)
    points = await_points()
    assert len(points) > 40
    killer = Killer(points)
    gc.disable()
    try:
        deliveries = killed_until_done(points, killer)
    finally:
        gc.enable()
        gc.collect()
    missing = {point: killer.kills[point] for point in points if killer.kills[point] < TIMES}
    assert not missing
    assert deliveries >= DELIVERIES


def killed_until_done(points: dict[Point, range], killer: Killer) -> int:
    deliveries = 0
    for seed in range(100):
        if deliveries >= DELIVERIES and all(killer.kills[point] >= TIMES for point in points):
            break
        scenario = Scenario(seed, calls_take_time=True)
        for _ in range(40):
            scenario.world.aws.fault = lambda operation: None
            scenario.something_happens()
            scenario.world.aws.fault = scenario.sometimes
            for _ in range(12):
                deaths = killer.deaths
                if not invoke(scenario.world, killer, scenario.draw):
                    break
                if killer.deaths > deaths and scenario.draw.random() < 0.3:
                    # The messages come again before anything else happens.
                    scenario.world.clock.advance(seconds=VISIBILITY_SECONDS)
            scenario.world.clock.advance(seconds=scenario.draw.choice(scenario.pauses))
            scenario.world.aws.fault = lambda operation: None
            scenario.world.tick()
        scenario.come_to_rest()
        scenario.check(IN_FLIGHT_SECONDS)
        deliveries += len(scenario.world.accepted)
        gc.collect()
    return deliveries


OPERATIONS = (
    "snapshot.read",
    "log.write",
    "queue.send",
    "looks.send",
    "reminders.put",
    "reminders.due",
    "reminders.delete",
    "backlog.add",
    "backlog.oldest",
    "backlog.delete",
    "texts.read",
    "lanes.read",
    "lanes.claim",
    "lanes.set_ending",
    "lanes.release",
    "lanes.note_trouble",
    "health.put",
    "health.clear",
    "publish",
)


@pytest.mark.parametrize("kind", ["refused", "lost", "half"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_aws_call_may_fail_or_lose_its_answer(operation: str, kind: str) -> None:
    scenario = Scenario(hash_of(operation + kind))
    world = scenario.world
    faults = 0

    def fault(called: str) -> str | None:
        nonlocal faults
        if called != operation or scenario.draw.random() > 0.3:
            return None
        faults += 1
        return kind

    for round_ in range(300):
        if round_ >= ROUNDS and faults > 0:
            break  # some calls are rare: what is due later must have become due first
        world.aws.fault = lambda called: None
        scenario.something_happens()
        world.aws.fault = fault
        for _ in range(12):
            if not invoke(world, None):
                break
        world.clock.advance(seconds=scenario.draw.choice([1, 10, 60, 400]))
        try:
            world.tick()
        except Unavailable:
            continue  # the next run does it
    assert faults > 0
    scenario.come_to_rest()
    # A lost answer makes a copy, and the lanes run side by side.
    scenario.check(IN_FLIGHT_SECONDS)


def hash_of(text: str) -> int:
    return sum(ord(letter) * place for place, letter in enumerate(text))


def test_copies_and_disorder_in_the_queue_lose_nothing() -> None:
    scenario = Scenario(7)
    scenario.world.queue.copies = lambda: scenario.draw.choice([1, 1, 1, 2])
    for _ in range(60):
        scenario.something_happens()
        for _ in range(12):
            if not invoke(scenario.world, None):
                break
        scenario.world.clock.advance(seconds=scenario.draw.choice(scenario.pauses))
        scenario.world.tick()
    scenario.world.queue.copies = lambda: 1
    scenario.come_to_rest()
    # A copy that SQS itself makes has a receive count of 1, so nothing tells it from the original: when it comes later, the
    # event goes out twice. Looking up each first attempt would find it, for a read with every delivery.
    scenario.world.illegal_after.clear()
    scenario.check()


def test_ten_thousand_deliveries_without_faults_have_no_duplicate() -> None:
    world = WebhookScene()
    endpoints = [world.endpoint() for _ in range(10)]
    for _ in range(1_000):
        world.publish(*endpoints)
    while invoke(world, None):
        pass
    assert len(world.receivers.receptions) == len(world.log.writes) == 10_000
    assert len({(one.endpoint_id, one.event_id) for one in world.receivers.receptions}) == 10_000
    # One read and one write for ten deliveries.
    assert sum(world.aws.calls.values()) == 2_000
