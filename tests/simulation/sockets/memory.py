"""What one invocation of socket delivery holds in memory: ``python -m tests.simulation.sockets.memory SHAPE``.

Ten groups of 100 clients are behind 100 events of the largest legal size each; the function has 1,024 MB. The events come
through the real event store, from answers of the database that are made anew for each read, as from the network. Prints the
largest resident size of this process in MB and the number of posts, which must all have been made.
"""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_service.aws.dynamodb import AttributeMap, Key
from event_service.events.storage.events import DynamoEventStore, EventItem
from event_service.sockets import live_run
from event_service.sockets.delivery import ReceivedWakeUp
from event_service.sockets.log import Routed
from event_service.sockets.messages import WakeUp
from event_service.sockets.ports import Posted
from local.tools import ROOT
from tests import builders
from tests.builders import START
from tests.fakes.sockets import FakeBacklogQueue, FakeWakeUpQueue
from tests.unit.sockets.scene import WORKSPACE, Scene, an_endpoint

FUNCTION_MEGABYTES = 1_024
GROUPS = 10
CLIENTS = 100
EVENTS = 100

_DRAW = random.Random(1)
SHAPES: dict[str, Callable[[], Any]] = {
    "1 KB": lambda: {"image": "x" * 700},
    "base64": lambda: {"image": "QUJD" * 64_000},
    "telemetry": lambda: {
        "samples": [
            {"t": 1_700_000_000 + i, "lat": round(_DRAW.random() * 90, 6), "lon": round(_DRAW.random() * 180, 6), "ok": True}
            for i in range(4_200)
        ]
    },
    "track": lambda: {"track": [[round(_DRAW.random(), 4), round(_DRAW.random(), 4)] for _ in range(16_500)]},
    "empty objects": lambda: {"a": [{} for _ in range(87_000)]},
    "a frame": lambda: {"image": "x" * 120_000},
}


@dataclass(frozen=True)
class Measured:
    """What a process of its own reported."""

    megabytes: int
    posts: int
    faults: int


def measured(shape: str) -> Measured:
    """Runs this module in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation.sockets.memory", shape]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Measured(*map(int, answer.stdout.split()))


def peak_megabytes() -> float:
    """Of this program alone: what ``getrusage`` tells of a new process on Linux begins with its parent's size."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (one for one in status.read_text().splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Database:
    """Answers every id with the same stored event, each time with bytes of its own."""

    def __init__(self, data: Any) -> None:
        event = builders.an_event(id="x", type="T", date=START, data=data, workspace_id=WORKSPACE, created=START)
        store = DynamoEventStore(self, lambda: START, 14)  # type: ignore[arg-type]  # as much of it as is used here
        self._raw: AttributeMap = store._item(event, "00" * 16, rows_missing=False).serialize()

    def batch_get(self, keys: Iterable[Key], **options: Any) -> Iterator[tuple[type[EventItem], AttributeMap]]:
        del options
        # All at once, as an answer of up to 16 MB comes.
        answers = [
            (EventItem, self._raw | {"key": {"S": key.hash}, "body": {"B": bytes(bytearray(self._raw["body"]["B"]))}}) for key in keys
        ]
        return iter(answers)


class _Poster:
    """Takes everything after a moment."""

    posts = 0

    async def post(self, connection_id: str, data: bytes) -> Posted:
        del connection_id
        _Poster.posts += bool(data)
        await asyncio.sleep(0.001)
        return Posted.SENT

    async def close(self, connection_id: str) -> Posted:
        raise AssertionError(f"{connection_id} takes everything")


async def _in_thread(function: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(function)


def main(shape: str) -> None:
    live_run.CALL_SECONDS = 60.0  # type: ignore[misc]  # however slow this machine is, nobody is taken for slow
    scene = Scene()
    endpoints = [f"{number:08x}-3e17-4b9b-9268-ce51d6900530" for number in range(GROUPS)]
    for endpoint_id in endpoints:
        scene.tables.endpoints[endpoint_id] = an_endpoint(endpoint_id)
        for number in range(CLIENTS):
            scene.connect(endpoint_id=endpoint_id, batch=str(number % 2))
        ids = [f"{endpoint_id[:8]}-{number}" for number in range(EVENTS)]
        scene.log.append([Routed(WORKSPACE, f"n-{endpoint_id}", {endpoint_id: ids})])
    events = DynamoEventStore(_Database(SHAPES[shape]()), lambda: START, 14)  # type: ignore[arg-type]  # as above
    outside = scene.use_cases.outside(
        events, _Poster(), in_thread=_in_thread, wake_ups=FakeWakeUpQueue(clock=scene.clock), backlog=FakeBacklogQueue(clock=scene.clock)
    )
    batch = [ReceivedWakeUp(WakeUp(WORKSPACE, endpoint_id), endpoint_id) for endpoint_id in endpoints]
    report = asyncio.run(scene.use_cases.new_delivery(outside).serve(batch, lambda: 20.0))
    megabytes = peak_megabytes()
    sys.stdout.write(f"{megabytes:.0f} {report.posted} {report.faults + len(report.again)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
