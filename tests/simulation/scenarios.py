"""What happens when it is full: each function runs one scenario and returns what was measured."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from event_service.base.dates import format_date
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import DeliveryKey, FailureClass, PendingAttempt
from event_service.delivery.lanes import reminder_for
from event_service.delivery.ports import BacklogRow, Reminder
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.key_meter import KeyMeter
from tests.fakes.webhooks import WORKSPACE, Behaviour
from tests.simulation.world import Limiter, Message, Receipt, SimulatedWorld, after, event_of, hang, percentile

HEALTHY = 100
ONSET = 20.0
BLIPS: tuple[tuple[int | None, FailureClass | None, float], ...] = (
    (500, None, 0.1),
    (502, None, 0.1),
    (503, None, 0.1),
    (504, None, 0.1),
    (None, FailureClass.RESET, 0.05),
    (None, FailureClass.TIMEOUT, 15.0),
)


@dataclass(frozen=True)
class Blips:
    """A receiver that fails now and then."""

    events: int
    delivered: int
    failed_share: float
    first_request_p99: float
    sdk_calls: int
    late_p99: float

    @property
    def waiting_share(self) -> float:
        """The part that is not delivered at the end."""
        return 1 - self.delivered / self.events


def blips(share: float, rate: float = 200.0, seconds: float = 600.0) -> Blips:
    """0.1 s a request; each answer fails with this probability, in one of six ways."""
    world = SimulatedWorld()
    failures: Counter[str] = Counter()

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        if world.draw.random() >= share:
            return await after(0.1)(request)
        status, failure, latency = world.draw.choice(BLIPS)
        failures["all"] += 1
        await asyncio.sleep(latency)
        return WebhookAnswer(status, failure, None if failure is None else "It broke.", round(latency * 1000))

    endpoint = world.receiver(answer)
    world.simulate(seconds, world.stream([endpoint], rate))
    observed = world.observed[endpoint.id]
    receipts = [one for one in observed.receipts.values() if one.published < seconds - 5]
    asked = [(one.first_request or seconds) - one.published for one in receipts]
    once = [one.age for one in receipts if one.requests == 1 and one.taken is not None]
    result = Blips(
        len(observed.receipts),
        observed.delivered,
        failures["all"] / max(1, len(observed.requests_at)),
        percentile(asked, 99),
        world.aws.sdk_calls,
        percentile(once, 99),
    )
    world.end()
    return result


def slowest_window(limit: float) -> int:
    """Seconds over which the pace at a limited receiver is measured: in shorter ones a single refusal, with the second for which the
    receiver wants to be left alone, is more than the tenth that may be missing."""
    return max(10, round(30 / limit))


@dataclass(frozen=True)
class Limited:
    """A receiver that answers 429 above its limit."""

    events: int
    delivered: int
    refused_share: float
    age_p99: float
    least_rate: float
    failed: int


def limited(kind: str, limit: float, bucket: float, retry_after: str | None, seconds: float = 600.0) -> Limited:
    """Half the limit steadily, or in bursts; or twice the limit for a time and then nothing.

    Args:
        kind: ``steady``, ``bursts`` or ``over``.
        limit: requests a second.
        bucket: how many it takes at once.
        retry_after: the header of its refusals.
        seconds: of the run.
    """
    world = SimulatedWorld()
    endpoint = world.receiver(Limiter(world.loop, limit, bucket, retry_after=retry_after))
    quiet = 60.0
    if kind == "over":
        publisher = world.stream([endpoint], 2 * limit, seconds / 2.2)
    elif kind == "steady":
        publisher = world.stream([endpoint], limit / 2, seconds - quiet)
    else:
        publisher = world.bursts(endpoint, int(10 * limit), 20.0, seconds - quiet)
    world.simulate(seconds, publisher)
    observed = world.observed[endpoint.id]
    ages = [one.age for one in observed.receipts.values()]
    end = seconds if observed.delivered < len(ages) else max(observed.taken_at)
    window = slowest_window(limit)
    rates = [observed.rate(start, start + window) for start in range(max(30, window), int(end) - window, window)]
    records = world.log.records.values()
    result = Limited(
        len(ages),
        observed.delivered,
        observed.answers["429"] / sum(observed.answers.values()),
        percentile(ages, 99),
        min(rates, default=math.nan),
        sum(one.status.value == "FAILED" for one in records),
    )
    world.end()
    return result


@dataclass(frozen=True)
class Resumed:
    """A backlog that is sent while live events come in."""

    backlog: int
    rate: float
    left: int
    live_age_p99: float
    most_open: int
    twice: int


def resumed(latency: float, backlog: int, live: float = 50.0, seconds: float = 90.0, parallel: int | None = None) -> Resumed:
    """An endpoint is resumed that was paused while so many events came."""
    world = SimulatedWorld()
    busy = asyncio.Semaphore(parallel) if parallel else None

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        if busy is None:
            return await after(latency)(request)
        async with busy:
            return await after(latency)(request)

    endpoint = world.receiver(answer)
    world.pause(endpoint)
    for _ in range(backlog):
        world.send_event(endpoint)
    world.simulate(20.0)
    began = world.loop.time()
    paused = set(world.observed[endpoint.id].receipts)

    async def resume() -> None:
        world.resume(endpoint)
        await world.stream([endpoint], live)

    world.simulate(seconds, resume())
    observed = world.observed[endpoint.id]
    sent = sorted(at for at in observed.taken_at if at >= began)
    old = [one for event_id, one in observed.receipts.items() if event_id in paused]
    taken = sorted(one.taken for one in old if one.taken is not None)
    last = taken[-1] if len(taken) == len(old) else began + seconds
    until = last
    new = [one.age for event_id, one in observed.receipts.items() if event_id not in paused and one.published < began + seconds - 5]
    result = Resumed(
        backlog,
        len([at for at in sent if began + 5 <= at < until]) / (until - began - 5),
        world.backlog.waiting(endpoint.id),
        percentile(new, 99),
        observed.most_open,
        sum(one.requests > 1 for one in observed.receipts.values()),
    )
    world.end()
    return result


@dataclass(frozen=True)
class Isolation:
    """What others feel."""

    quiet_p99: float
    onset_p99: float
    later_p99: float
    sick_requests: int
    longest_pause: float
    cut: int

    @property
    def ratio(self) -> float:
        """Of the others' p99 from 5 s after the onset to a quiet time."""
        return self.later_p99 / self.quiet_p99


def isolation(sick: Sequence[Behaviour], sick_rate: float, seconds: float = 120.0) -> Isolation:
    """Receivers that work until they misbehave together, beside 100 healthy endpoints with an event a second each."""
    world = SimulatedWorld()

    def turned(behaviour: Behaviour) -> Behaviour:
        async def answer(request: WebhookRequest) -> WebhookAnswer:
            return await (after(0.1) if world.loop.time() < ONSET else behaviour)(request)

        return answer

    bad = [world.receiver(turned(one)) for one in sick]
    good = [world.receiver(after(0.1)) for _ in range(HEALTHY)]
    world.simulate(seconds, world.stream(bad, sick_rate), world.stream(good, float(HEALTHY)))
    ages = [(one.published, min(one.age, seconds)) for endpoint in good for one in world.observed[endpoint.id].receipts.values()]

    def p99(since: float, until: float) -> float:
        return percentile([age for at, age in ages if since <= at < until], 99)

    requests = [at for endpoint in bad for at in world.observed[endpoint.id].requests_at]
    result = Isolation(
        p99(5, ONSET - 1),
        p99(ONSET, ONSET + 5),
        p99(ONSET + 5, seconds - 1),
        len(requests),
        max((_longest_pause(world, endpoint, seconds) for endpoint in bad), default=math.nan),
        world.cut,
    )
    world.end()
    return result


def _longest_pause(world: SimulatedWorld, endpoint: Endpoint, seconds: float) -> float:
    """How long a sick endpoint with something to send was left alone."""
    observed = world.observed[endpoint.id]
    first = min((one.published for one in observed.receipts.values() if one.taken is None), default=seconds)
    times = [first, *(at for at in observed.requests_at if at >= first), seconds]
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def flaky(world_draw: float = 0.1) -> Behaviour:
    """One in ten requests is never answered."""
    state = {"n": 0}

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        state["n"] += 1
        return await (hang if state["n"] % round(1 / world_draw) == 0 else after(0.1))(request)

    return answer


def failing(status: int = 500, seconds: float = 0.05) -> Behaviour:
    """A receiver that always fails quickly."""
    return after(seconds, status)


@dataclass(frozen=True)
class Herd:
    """Many deliveries that are due at once."""

    most_open_backlog: int
    live_p99: float
    left: int
    twice: int


def herd(backlog: int = 10_000, live: float = 20.0, seconds: float = 60.0) -> Herd:
    """So many retries of one endpoint become due in the same minute, beside its live events."""
    world = SimulatedWorld()
    open_now: Counter[str] = Counter()
    most = 0
    old: set[str] = set()

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        nonlocal most
        kind = "backlog" if event_of(request) in old else "live"
        open_now[kind] += 1
        most = max(most, open_now["backlog"])
        try:
            return await after(0.1)(request)
        finally:
            open_now[kind] -= 1

    endpoint = world.receiver(answer)
    rows = []
    for _ in range(backlog):
        event = world.event()
        old.add(event.id)
        world.observed[endpoint.id].receipts[event.id] = Receipt(0.0)
        key = DeliveryKey(WORKSPACE, endpoint.id, event.id, format_date(event.created))
        rows.append(BacklogRow(PendingAttempt(key, 4, listed=True, body_bytes=300), format_date(world.clock())))
    world.backlog.add(rows)
    world.reminders.put([Reminder(WORKSPACE, endpoint.id, world.clock())])
    world.tick()
    world.simulate(seconds, world.stream([endpoint], live))
    observed = world.observed[endpoint.id]
    ages = [one.age for event_id, one in observed.receipts.items() if event_id not in old and one.published < seconds - 5]
    result = Herd(
        most, percentile(ages, 99), world.backlog.waiting(endpoint.id), sum(one.requests > 1 for one in observed.receipts.values())
    )
    world.end()
    return result


@dataclass(frozen=True)
class Failing:
    """One endpoint that answers 500 to everything."""

    attempts: int
    health_writes_per_second: float
    sdk_calls: float


def all_failing(rate: float = 600.0, seconds: float = 60.0) -> Failing:
    """So many attempts a second fail at one endpoint."""
    world = SimulatedWorld()
    endpoint = world.receiver(failing())
    world.simulate(seconds, world.stream([endpoint], rate))
    observed = world.observed[endpoint.id]
    handled = len(observed.requests_at) + world.moved
    result = Failing(len(observed.requests_at), world.health.writes[endpoint.id] / seconds, world.aws.sdk_calls / max(1, handled))
    world.end()
    return result


@dataclass(frozen=True)
class Wide:
    """One event for very many endpoints."""

    attempts: int
    unrecorded: int
    illegal: int
    writes: tuple[float, str, str]
    reads: tuple[float, str, str]
    came_again: int


def wide(endpoints: int = 10_000, seconds: float = 2_700.0, page_bytes: int = 16_384) -> Wide:
    """One event goes to so many endpoints, and all answer at once with an error page, until their retries wait for half an hour."""
    world = SimulatedWorld()
    world.draw_jitter = world.draw.random
    world.aws.meter = meter = KeyMeter(world.loop.time)
    page = "e" * page_bytes

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(0.1)
        return WebhookAnswer(503, None, None, 100, (), page)

    receivers = [world.receiver(answer) for _ in range(endpoints)]
    world.send_event(*receivers)
    world.simulate(seconds)
    requests = sum(one.requests for observed in world.observed.values() for one in observed.receipts.values())
    recorded = sum(record.attempt is not None for record in world.log.records.values())
    result = Wide(
        requests,
        requests - recorded,
        len(world.illegal),
        meter.busiest(write=True),
        meter.busiest(write=False),
        sum(world.errors.values()),
    )
    world.end()
    return result


@dataclass(frozen=True)
class Due:
    """Retries that became due, of all workspaces or of one beside a large one."""

    retries: int
    made: int
    latest: float
    scheduler_calls: int
    twice: int


class _Retries:
    """Retries in the backlogs of endpoints, as they stand there after their third attempt."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self.due: list[tuple[Receipt, float]] = []

    def add(self, endpoints: Sequence[Endpoint], events: int, seconds: float) -> None:
        """Each of these endpoints has so many, which become due within so many seconds from now, one after the other."""
        world, now = self._world, self._world.clock()
        workspace_id = endpoints[0].workspace_id
        for number in range(events):
            event = world.event(workspace_id=workspace_id)
            accepted_at = format_date(event.created)
            rows = []
            for endpoint in endpoints:
                at = world.draw.uniform(number, number + 1) * seconds / events
                moment = now + timedelta(seconds=at)
                receipt = world.observed[endpoint.id].receipts[event.id] = Receipt(world.loop.time() + at)
                self.due.append((receipt, world.loop.time() + at))
                key = DeliveryKey(workspace_id, endpoint.id, event.id, accepted_at)
                rows.append(BacklogRow(PendingAttempt(key, 4, listed=True, body_bytes=300), format_date(moment)))
                world.reminders.put([reminder_for(workspace_id, endpoint.id, moment)])
            world.backlog.add(rows)

    def result(self, seconds: float) -> Due:
        """What has become of them."""
        world = self._world
        late = [(receipt.first_request or seconds) - at for receipt, at in self.due]
        made = sum(receipt.first_request is not None for receipt, _ in self.due)
        return Due(len(late), made, max(late), world.scheduler_calls, sum(receipt.requests > 1 for receipt, _ in self.due))


def due(workspaces: int = 100, endpoints: int = 20, rate: float = 4_000.0, seconds: float = 60.0) -> Due:
    """So many retries become due in each second, of so many workspaces with so many endpoints each."""
    world = SimulatedWorld()
    retries = _Retries(world)
    for number in range(workspaces):
        workspace_id = f"{number:08d}-0000-4000-8000-000000000000"
        hooks = [world.receiver(after(0.1), workspace_id) for _ in range(endpoints)]
        retries.add(hooks, round(rate * seconds / workspaces / endpoints), seconds)
    end = seconds + 121.0
    world.simulate(end)
    result = retries.result(end)
    world.end()
    return result


def due_beside(endpoints: int = 1_000, events: int = 50, others: int = 10, seconds: float = 240.0) -> Due:
    """One workspace has so many endpoints whose retries all become due at once, and whose receivers take one request a second; beside it
    is one with a few. Returns what the latter sees.

    A tenth of all: ten executions serve a hundred lanes at once, so that a workspace of 1,000 endpoints asks for ten times as many as
    there are, as one of 10,000 does of a hundred executions.
    """
    world = SimulatedWorld(own=10)
    crowd, few = _Retries(world), _Retries(world)
    large, small = (f"{number:08d}-0000-4000-8000-000000000000" for number in (1, 2))
    hooks = [world.receiver(Limiter(world.loop, 1.0, 1.0), large) for _ in range(endpoints)]
    crowd.add(hooks, events, 1.0)
    few.add([world.receiver(after(0.1), small) for _ in range(others)], 12, seconds - 120.0)
    world.simulate(seconds)
    result = few.result(seconds)
    world.end()
    return result


@dataclass(frozen=True)
class Scheduled:
    """Retries of many workspaces."""

    looks: int
    latest: float


def scheduled(workspaces: int = 100, endpoints: int = 10, minutes: int = 5) -> Scheduled:
    """Retries of so many endpoints fall due in every minute, beside one endpoint that has a million: what counts is endpoints
    and minutes, since retries of one endpoint and minute share a reminder."""
    world = SimulatedWorld()
    late: list[float] = []
    started = world.clock()
    reminders = [
        Reminder(f"{workspace:08d}", f"{workspace:04d}-{endpoint}", started + timedelta(minutes=minute))
        for workspace in range(workspaces)
        for endpoint in range(endpoints)
        for minute in range(minutes)
    ]
    world.reminders.put(reminders)
    looks = 0

    async def serve(batch: Sequence[Message]) -> set[int]:
        nonlocal looks
        looks += len(batch)
        late.extend(world.loop.time() % 60 for _ in batch)
        return set()

    world.own_queue.handle = serve
    world.simulate(minutes * 60 + 1.0)
    result = Scheduled(looks, max(late))
    world.end()
    return result
