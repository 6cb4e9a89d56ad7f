"""What one invocation holds in memory when events have their largest legal size: ``python -m tests.simulation.memory FUNCTION SHAPE``.

Prints the largest resident size of this process in MB, and how much it did. The events come through the real readers, from answers
that are made anew for each read, as from the network; the AWS libraries are loaded as in the function.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.session import Session

from event_service.aws.dynamodb import AttributeMap, Key
from event_service.aws.sqs import Queues
from event_service.base.dates import format_date
from event_service.delivery.attempt import DeliveryKey, PendingAttempt
from event_service.delivery.lane import Look
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import BacklogRow, Reminder
from event_service.delivery.retry_scheduler import RetryScheduler
from event_service.delivery.storage.queue import SqsWebhookQueue
from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.events.storage.events import DynamoEventStore, EventItem
from event_service.routing.work import ReceivedMessage
from event_service.webhooks.batch import Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.lane_rows import BYTES_AT_ONCE
from event_service.webhooks.storage.event_texts import DynamoEventTexts
from local.tools import ROOT
from tests import builders
from tests.builders import START
from tests.fakes.delivery import Aws
from tests.fakes.webhooks import WORKSPACE, FakeQueue, WebhookScene
from tests.simulation.sockets.memory import SHAPES, peak_megabytes
from tests.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.unit.routing.configurations import WORKSPACE as ROUTED
from tests.unit.routing.test_routing import Router

PAGE = "e" * 16_384
LANES, ROWS = 10, 100
"""Lanes that one invocation serves, and deliveries that wait in each."""


@dataclass(frozen=True)
class Measured:
    """What a process of its own reported."""

    megabytes: int
    done: int


def measured(function: str, shape: str) -> Measured:
    """Runs this module in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation.memory", function, shape]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Measured(*map(int, answer.stdout.split()[-2:]))


class Database:
    """Answers every id with the same stored event, each time with bytes of its own."""

    def __init__(self, event: Event) -> None:
        store = DynamoEventStore(self, lambda: START, 14)  # type: ignore[arg-type]  # as much of it as is used here
        self._raw: AttributeMap = store._item(event, "00" * 16, rows_missing=False).serialize()

    def batch_get(self, keys: Iterable[Key], **options: Any) -> list[tuple[type[EventItem], AttributeMap]]:
        del options
        return [(EventItem, self._raw | {"key": {"S": key.hash}, "body": {"B": bytes(bytearray(self._raw["body"]["B"]))}}) for key in keys]


async def _failing(request: WebhookRequest) -> WebhookAnswer:
    del request
    await asyncio.sleep(1.0)
    return WebhookAnswer(503, None, None, 1_000, (), PAGE)


async def _slow(request: WebhookRequest) -> WebhookAnswer:
    del request
    await asyncio.sleep(2.0)
    return WebhookAnswer(200, None, None, 2_000)


class _NoReceptions(list[Any]):
    """The fake receivers remember each body, which the function does not."""

    def append(self, item: Any) -> None:
        del item


def _event(shape: str, event_id: str = "x", workspace_id: str = WORKSPACE) -> Event:
    return builders.an_event(id=event_id, type="T", date=START, data=SHAPES[shape](), workspace_id=workspace_id, created=START)


def _world(shape: str) -> WebhookScene:
    world = WebhookScene(backlog_bytes=BYTES_AT_ONCE, clock=VirtualClock(_LOOP.passed))
    texts = DynamoEventTexts(Database(_event(shape)), world.clock)  # type: ignore[arg-type]  # as above
    world.receivers.receptions = _NoReceptions()
    for side in (world.side, world.lane_side):
        object.__setattr__(side.own_lanes._rows, "texts", texts)
    return world


def _shared(shape: str) -> int:
    """A full batch of the queue: what Lambda takes at once ends at 6 MB."""
    world = _world(shape)
    body = _event(shape).as_json()
    number = min(10, 6_000_000 // len(body))
    texts = []
    for one in range(number):
        endpoint = world.endpoint(_failing)
        texts.append(WebhookMessage.first(WORKSPACE, endpoint.id, f"x{one}", format_date(START), None, body).text())
    report = _LOOP.run_until_complete(world.side.delivery.deliver([Received(text, 1) for text in texts], lambda: 60.0))
    assert not report.failed
    return len(world.log.records)


def _own(shape: str) -> int:
    """Ten lanes, with as many requests open as their receivers let them."""
    world = _world(shape)
    size = len(_event(shape).as_json())
    looks = []
    for _ in range(LANES):
        endpoint = world.endpoint(_slow)
        keys = [DeliveryKey(WORKSPACE, endpoint.id, f"x{number}", format_date(START)) for number in range(ROWS)]
        world.backlog.add([BacklogRow(PendingAttempt(key, 2, listed=True, body_bytes=size), format_date(START)) for key in keys])
        looks.append(Look(WORKSPACE, endpoint.id).text())
    end = _LOOP.time() + 60.0
    report = _LOOP.run_until_complete(world.lane_side.own_lanes.serve(looks, lambda: end - _LOOP.time()))
    assert not report.failed
    return len(world.log.records)


class _Reminders:
    """A hundred thousand that are due, made as they are read."""

    left = 100_000

    def put(self, reminders: Any) -> None:
        raise AssertionError("nothing is added")

    def due(self, shard: int, now: datetime, limit: int) -> list[Reminder]:
        taken = min(limit, self.left)
        self.left -= taken
        return [Reminder(WORKSPACE, f"{shard}-{self.left}-{one}", now - timedelta(seconds=1)) for one in range(taken)]

    def delete(self, reminders: Any) -> None:
        del reminders


class _Looks(FakeQueue):
    def put(self, message: Any, delay: float = 0.0) -> None:
        message.text()
        self.sent += 1


def _scheduler(shape: str) -> int:
    """It reads no event, whatever their shape."""
    del shape
    clock = VirtualClock()
    return RetryScheduler(_Reminders(), _Looks(Aws(), clock), clock).run(lambda: 60.0).sent


class _Sqs:
    """Takes all."""

    messages = 0

    def send_message_batch(self, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - names of the SDK
        del QueueUrl
        _Sqs.messages += sum(bool(one["MessageBody"]) for one in Entries)
        time.sleep(0.005)
        return {"Successful": [{"Id": one["Id"]} for one in Entries]}


def _router(shape: str) -> int:
    """Six messages of 900 KiB, which is what Lambda takes at once, each with as many events as that holds, for a hundred webhooks."""
    router = Router(hooks=100)
    client = _Sqs()
    queue = SqsWebhookQueue(Queues(lambda: client), "https://sqs.example/webhooks")  # type: ignore[arg-type,return-value]  # of it what is used
    router.webhooks.send = queue.send  # type: ignore[method-assign]  # the fake keeps what it gets
    size = len(_event(shape).as_json())
    per_message = min(100, 900 * 1024 // size)
    texts = []
    for one in range(6):
        events = tuple(_event(shape, f"e{one}-{number}", ROUTED) for number in range(per_message))
        texts.append(RoutingMessage(ROUTED, f"{one:032x}", format_date(START), events).text())
    batch = [ReceivedMessage(RoutingMessage.parse(text), repeat=False, receipt=f"r{number}") for number, text in enumerate(texts)]
    report = router.route(*batch)
    assert not report.failed
    assert report.deliveries == _Sqs.messages
    return report.deliveries


@dataclass(frozen=True)
class Function:
    """One of the template's functions, and what it does here: by the shape of events, how much was done."""

    name: str
    megabytes: int
    run: Callable[[str], int]


FUNCTIONS: dict[str, Function] = {
    "shared lane": Function("WebhookDeliveryFunction", 1_024, _shared),
    "own lane": Function("WebhookDeliveryFunction", 1_024, _own),
    "retry scheduler": Function("RetrySchedulerFunction", 1_024, _scheduler),
    "router": Function("EventRouterFunction", 1_769, _router),
}

_LOOP = VirtualLoop()

if __name__ == "__main__":
    Session().create_client("dynamodb", region_name="eu-west-1")  # as the function has one: it takes its part of the memory
    Session().create_client("sqs", region_name="eu-west-1")
    asyncio.set_event_loop(_LOOP)
    done = FUNCTIONS[sys.argv[1]].run(sys.argv[2])
    sys.stdout.write(f"{peak_megabytes():.0f} {done}\n")
