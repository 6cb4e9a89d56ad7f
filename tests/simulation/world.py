"""Webhook delivery under load, in virtual time: the product's own use cases, many invocations side by side, queues as SQS has
them, AWS calls that take their time, and receivers with latencies, limits and faults."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
import random
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import FailureClass
from event_service.delivery.lane import Look
from event_service.delivery.messages import WebhookMessage
from event_service.webhooks.assembly import WebhookSide
from event_service.webhooks.batch import Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.delivery import Aws, batches
from tests.fakes.webhooks import MAXIMUM_RECEIVES, WORKSPACE, Behaviour, WebhookScene
from tests.simulation.virtual_time import Time, VirtualClock, VirtualLoop

AWS_SECONDS = 0.008
POLL_SECONDS = 0.01
"""Between a message's arrival and the invocation that gets it."""


async def in_virtual_thread(function: Callable[..., Any], /, *arguments: Any) -> Any:
    """A blocking call: it takes as long as a call to AWS."""
    await asyncio.sleep(AWS_SECONDS)
    return function(*arguments)


@dataclass(eq=False, slots=True)
class Message:
    """One message in a queue."""

    text: str
    group: str
    sent: float
    id: int
    receives: int = 0


class SimulatedQueue:
    """A fair standard queue with its event source mapping: of the visible messages those of the group with the fewest in flight
    come first; a batch lasts as long as its handler; what failed comes again after the visibility time-out."""

    def __init__(self, loop: VirtualLoop, aws: Aws, executions: int, visibility: float = 360.0) -> None:
        self._loop = loop
        self._aws = aws
        self._ids = itertools.count()
        self._groups: dict[str, deque[Message]] = defaultdict(deque)
        self._in_flight: Counter[str] = Counter()
        self._heap: list[tuple[int, float, str]] = []
        self._visibility = visibility
        self._free = executions
        self._timer: asyncio.TimerHandle | None = None
        self.visible = 0
        self.delayed = 0
        self.dead: list[Message] = []
        self.busy_seconds = 0.0
        self.tasks: set[asyncio.Task[None]] = set()
        self.handle: Callable[[Sequence[Message]], Awaitable[set[int]]] | None = None

    def send(self, messages: Sequence[tuple[WebhookMessage | Look, float]], time_left: Callable[[], float] = lambda: math.inf) -> list[int]:
        self._aws.sdk_calls += batches(len(messages), 10)
        self._aws.calls["send"] += 1
        for message, delay in messages:
            self.put(message, delay)
        return []

    def put(self, message: WebhookMessage | Look, delay: float = 0.0) -> None:
        new = Message(message.text(), message.group, self._loop.time(), next(self._ids))
        if delay:
            self._later(new, float(math.ceil(delay)))
        else:
            self._show(new)

    def _later(self, message: Message, seconds: float) -> None:
        self.delayed += 1

        def show() -> None:
            self.delayed -= 1
            self._show(message)

        self._loop.call_later(seconds, show)

    def _show(self, message: Message) -> None:
        group = self._groups[message.group]
        group.append(message)
        self.visible += 1
        if len(group) == 1:
            self._offer(message.group)
        self._poll()

    def _offer(self, group: str) -> None:
        heapq.heappush(self._heap, (self._in_flight[group], self._groups[group][0].sent, group))

    def _poll(self) -> None:
        if self._timer is None and self._free and self.visible:
            self._timer = self._loop.call_later(POLL_SECONDS, self._dispatch)

    def _dispatch(self) -> None:
        self._timer = None
        while self._free and self.visible:
            batch = self._take(10)
            if not batch:
                continue
            self._free -= 1
            task = self._loop.create_task(self._invoke(batch))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _take(self, limit: int) -> list[Message]:
        taken: list[Message] = []
        while self.visible and len(taken) < limit:
            in_flight, _, name = heapq.heappop(self._heap)
            group = self._groups.get(name)
            if not group:
                continue
            if in_flight != self._in_flight[name]:
                self._offer(name)
                continue
            message = group.popleft()
            self.visible -= 1
            message.receives += 1
            if message.receives > MAXIMUM_RECEIVES:
                self.dead.append(message)
            else:
                self._in_flight[name] += 1
                taken.append(message)
            if group:
                self._offer(name)
            else:
                del self._groups[name]
        return taken

    async def _invoke(self, batch: Sequence[Message]) -> None:
        began = self._loop.time()
        assert self.handle is not None
        try:
            failed = await self.handle(batch)
        finally:
            self._free += 1
            self.busy_seconds += self._loop.time() - began
        for position, message in enumerate(batch):
            self._in_flight[message.group] -= 1
            if not self._in_flight[message.group]:
                del self._in_flight[message.group]
            if position in failed:
                self._later(message, max(1.0, self._visibility - (self._loop.time() - began)))
        self._poll()


@dataclass
class Receipt:
    """When an event was published, when it was taken, and when its first request came."""

    published: float
    taken: float | None = None
    first_request: float | None = None
    requests: int = 0

    @property
    def age(self) -> float:
        """Seconds from the publish to the success."""
        return math.inf if self.taken is None else self.taken - self.published


@dataclass
class Observed:
    """What one receiver has seen."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    open: int = 0
    most_open: int = 0
    requests_at: list[float] = field(default_factory=list)
    taken_at: list[float] = field(default_factory=list)

    @property
    def delivered(self) -> int:
        return sum(one.taken is not None for one in self.receipts.values())

    def rate(self, since: float, until: float) -> float:
        """Events taken a second."""
        return sum(since <= at < until for at in self.taken_at) / (until - since)


class SimulatedWorld(WebhookScene):
    """Both lanes with many executions each, the scheduler once a minute, and receivers."""

    def __init__(self, shared: int = 100, own: int = 100, maximum_requests: int = 100, seed: int = 1) -> None:
        self.loop = VirtualLoop(Time())
        self._shared, self._own = shared, own
        self.draw, self._draw_ids = random.Random(seed), random.Random(seed)
        self.observed: dict[str, Observed] = defaultdict(Observed)
        self.errors: Counter[str] = Counter()
        self.cut = 0
        self.moved = 0
        self.lanes_begun = 0
        self.scheduler_calls = 0
        """Calls of the longest run of the scheduler."""
        self.publishers: list[Coroutine[Any, Any, None]] = []
        super().__init__(clock=VirtualClock(self.loop.passed), in_thread=in_virtual_thread, maximum_requests=maximum_requests)

    def __post_init__(self) -> None:
        super().__post_init__()
        shared, own = SimulatedQueue(self.loop, self.aws, self._shared), SimulatedQueue(self.loop, self.aws, self._own)
        self.queue, self.lane_queue = shared, own  # type: ignore[assignment]  # as much of it as is used here
        self.shared_queue, self.own_queue = shared, own
        self.wire()
        self._processes: dict[str, list[WebhookSide]] = {"shared": [], "own": []}
        shared.handle = self._deliver
        own.handle = self._serve
        self.jitter = 0.5
        self.new_id = self.drawn_id

    # -- receivers ---------------------------------------------------------------------------------------------------

    def receiver(self, answer: Callable[[WebhookRequest], Awaitable[WebhookAnswer]], workspace_id: str = WORKSPACE) -> Endpoint:
        """An endpoint whose receiver answers so, and is watched."""
        endpoint = self.endpoint(workspace_id=workspace_id)
        observed = self.observed[endpoint.id]

        async def watched(request: WebhookRequest) -> WebhookAnswer:
            receipt = observed.receipts[event_of(request)]
            receipt.requests += 1
            if receipt.first_request is None:
                receipt.first_request = self.loop.time()
            observed.open += 1
            observed.most_open = max(observed.most_open, observed.open)
            observed.requests_at.append(self.loop.time())
            try:
                result = await answer(request)
            except asyncio.CancelledError:
                observed.answers["cut"] += 1
                raise
            finally:
                observed.open -= 1
            observed.answers[str(result.status or result.failure)] += 1
            if result.status is not None and 200 <= result.status <= 299:
                observed.taken_at.append(self.loop.time())
                if receipt.taken is None:
                    receipt.taken = self.loop.time()
            return result

        self.receivers.behaviour[endpoint.id] = watched
        return endpoint

    def send_event(self, *endpoints: Endpoint) -> str:
        """Publishes one event to these endpoints."""
        event = self.publish(*endpoints)
        for endpoint in endpoints:
            self.observed[endpoint.id].receipts[event.id] = Receipt(self.loop.time())
        return event.id

    def drawn_id(self) -> str:
        """An id that is the same in every run."""
        return str(uuid.UUID(int=self._draw_ids.getrandbits(128), version=4))

    def event(self, event_type: str = "IDENTIFICATION", workspace_id: str = WORKSPACE) -> Any:
        event = super().event(event_type, workspace_id)
        self.clock.advance(seconds=-0.001)  # the loop's time is everybody's
        return event

    async def stream(self, endpoints: Sequence[Endpoint], rate: float, until: float = math.inf, since: float = 0.0) -> None:
        """Publishes to one of the endpoints at a time, so many times a second."""
        await asyncio.sleep(since)
        while self.loop.time() < until:
            await asyncio.sleep(self.draw.expovariate(rate))
            self.send_event(self.draw.choice(endpoints))

    async def bursts(self, endpoint: Endpoint, size: int, every: float, until: float = math.inf) -> None:
        """Publishes so many at once, again and again."""
        while self.loop.time() < until:
            for _ in range(size):
                self.send_event(endpoint)
            await asyncio.sleep(every)

    # -- running -----------------------------------------------------------------------------------------------------

    async def _deliver(self, batch: Sequence[Message]) -> set[int]:
        process = self._processes["shared"].pop() if self._processes["shared"] else self.new_process()
        end = self.loop.time() + 60.0
        try:
            received = [Received(message.text, message.receives) for message in batch]
            report = await process.delivery.deliver(received, lambda: end - self.loop.time())
        except Exception as error:  # noqa: BLE001 - as Lambda: the whole batch comes again
            self.errors[repr(error)] += 1
            return set(range(len(batch)))
        self._processes["shared"].append(process)
        self.cut += report.cut
        self.moved += report.to_backlog
        self.lanes_begun += report.lanes_begun
        return report.failed

    async def _serve(self, batch: Sequence[Message]) -> set[int]:
        process = self._processes["own"].pop() if self._processes["own"] else self.new_process()
        end = self.loop.time() + 60.0
        try:
            report = await process.own_lanes.serve([message.text for message in batch], lambda: end - self.loop.time())
        except Exception as error:  # noqa: BLE001 - as Lambda
            self.errors[repr(error)] += 1
            return set(range(len(batch)))
        self._processes["own"].append(process)
        if report.failed:
            self.errors["lane failed"] += len(report.failed)
        return report.failed

    async def _every_minute(self) -> None:
        while True:
            await asyncio.sleep(60)
            before = self.aws.sdk_calls
            self.tick()
            self.scheduler_calls = max(self.scheduler_calls, self.aws.sdk_calls - before)

    def simulate(self, seconds: float, *publishers: Coroutine[Any, Any, None]) -> None:
        """Lets so many seconds pass while the publishers publish."""

        async def run() -> None:
            tasks = [asyncio.create_task(one) for one in publishers] + [asyncio.create_task(self._every_minute())]
            await asyncio.sleep(seconds)
            for one in tasks:
                if one.done() and one.exception() is not None:
                    one.result()
                one.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        logger = logging.getLogger("event_service")
        level = logger.level
        logger.setLevel(logging.ERROR)
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(run())
        finally:
            logger.setLevel(level)

    def end(self) -> None:
        """Ends all invocations."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()


def event_of(request: WebhookRequest) -> str:
    """The id of the event that a request carries."""
    body = request.body
    return body[7 : body.index(b'"', 7)].decode()


def after(seconds: float, status: int = 200) -> Behaviour:
    """A receiver that always takes so long."""

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(seconds)
        return WebhookAnswer(status, None, None, round(seconds * 1000))

    return answer


async def hang(request: WebhookRequest) -> WebhookAnswer:
    """A receiver that never answers: the sender gives up after its deadline."""
    await asyncio.sleep(15)
    return WebhookAnswer(None, FailureClass.TIMEOUT, "No answer.", 15_000)


class Limiter:
    """A receiver that takes so many requests a second and answers 429 to the others."""

    def __init__(self, loop: VirtualLoop, rate: float, bucket: float, latency: float = 0.1, retry_after: str | None = "1") -> None:
        self._loop = loop
        self._rate, self._bucket, self._latency = rate, bucket, latency
        self._tokens, self._at = bucket, 0.0
        self._headers = () if retry_after is None else (("retry-after", retry_after),)

    async def __call__(self, request: WebhookRequest) -> WebhookAnswer:
        now = self._loop.time()
        self._tokens = min(self._bucket, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1.0:
            await asyncio.sleep(0.01)
            return WebhookAnswer(429, None, None, 10, self._headers)
        self._tokens -= 1.0
        await asyncio.sleep(self._latency)
        return WebhookAnswer(200, None, None, round(self._latency * 1000))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else math.nan


def moment(seconds: float) -> datetime:
    """The date so long after the beginning."""
    return VirtualClock(Time(seconds))()
