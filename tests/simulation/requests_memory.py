"""What a request, or a step of a job, holds in memory when retained events have their largest legal size:
``python -m tests.simulation.requests_memory USE_CASE SHAPE``.

Prints the largest resident size of this process in MB, and how many events it worked on. As in :mod:`tests.simulation.memory`, the
events come through the real reader.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.session import Session

from event_service.base.dates import format_date
from event_service.base.identifiers import delivery_id
from event_service.base.page import Page
from event_service.delivery.attempt import Delivery, DeliveryKey, DeliveryStatus
from event_service.delivery.lists import DeliveryQuery
from event_service.events.event import Event
from event_service.events.storage.events import DynamoEventStore
from event_service.explain.backtest import Backtest, Question
from event_service.explain.last_match import LastMatches
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.matcher import Matcher
from local.tools import ROOT
from tests import builders
from tests.builders import START
from tests.fakes.history import WORKSPACE, HistoryScene
from tests.simulation.memory import Database, Measured
from tests.simulation.sockets.memory import SHAPES, peak_megabytes
from tests.wiring import new_bulk_retry

MEGABYTES = 1_769
EVENTS = 100
CONDITION: dict[str, Any] = {"pattern": {"type": ["T"]}}


def measured(use_case: str, shape: str) -> Measured:
    """Runs this module in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation.requests_memory", use_case, shape]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Measured(*map(int, answer.stdout.split()[-2:]))


class _Events:
    """So many, accepted a second apart."""

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        del workspace_id, since, until
        check()
        found = [(START + timedelta(seconds=number), f"x{number:03}") for number in range(EVENTS)]
        return iter(reversed(found) if descending else found)


class _Scene:
    def __init__(self, shape: str) -> None:
        self.world = HistoryScene()
        self.world.filters = [EventFilter("f", WORKSPACE, "f", CONDITION, START, START)]
        event = builders.an_event(id="x", type="T", date=START, data=SHAPES[shape](), workspace_id=WORKSPACE, created=START)
        self.store = DynamoEventStore(Database(event), lambda: START, 14)  # type: ignore[arg-type]  # as much of it as is used here
        self.world.clock.now = START + timedelta(days=1)
        self.keys = [DeliveryKey(WORKSPACE, self.world.hook.id, f"x{number:03}", format_date(START)) for number in range(EVENTS)]

    def record_all(self) -> None:
        for number in range(EVENTS):
            event = builders.an_event(id=f"x{number:03}", type="T", date=START, data={}, workspace_id=WORKSPACE, created=START)
            self.world.record(event, DeliveryStatus.FAILED)


def _replay(shape: str) -> int:
    scene = _Scene(shape)
    replay = scene.world.replay_of(scene.world.use_cases_with(scene.store, _Events(), scene.world))
    count, _ = replay.replay(WORKSPACE, scene.world.hook.id, START, START + timedelta(hours=1))
    return count


class _Failed:
    """All deliveries of the scene, in one page."""

    def __init__(self, scene: _Scene) -> None:
        self.sent = 0
        self._deliveries = list(scene.world.log.deliveries(WORKSPACE, [(key.endpoint_id, key.event_id) for key in scene.keys]).values())

    def read_page(self, workspace_id: str, query: DeliveryQuery) -> Page[Delivery]:
        del workspace_id, query
        return Page(self._deliveries, None, more=False)

    def send_deliveries(self, deliveries: Sequence[Delivery], events: Mapping[str, Event]) -> None:
        self.sent += sum(one.event_id in events for one in deliveries)


def _retry_many(shape: str) -> int:
    scene = _Scene(shape)
    scene.record_all()
    deliveries = _Failed(scene)
    retry = new_bulk_retry(deliveries, scene.store, scene.world)
    retry.retry(WORKSPACE, DeliveryQuery())
    return deliveries.sent


def _retry_by_id(shape: str) -> int:
    scene = _Scene(shape)
    scene.record_all()
    world = scene.world
    history = world.use_cases_with(scene.store, world, world).deliveries
    history.retry(WORKSPACE, [delivery_id(key.endpoint_id, key.event_id) for key in scene.keys])
    return len(world.sent)


def _try(question: Question) -> Callable[[str], int]:
    def run(shape: str) -> int:
        scene = _Scene(shape)
        backtest = Backtest(
            configuration=None,  # type: ignore[arg-type]  # not asked for a draft
            store=scene.store,
            accepted=_Events(),
            check_pattern=lambda pattern: pattern,
            make_matcher=Matcher,
            clock=scene.world.clock,
        )
        return backtest.page(WORKSPACE, question).tally.examined

    return run


def _last_match(shape: str) -> int:
    scene = _Scene(shape)
    matches = LastMatches(store=scene.store, accepted=_Events(), make_matcher=Matcher, clock=scene.world.clock)
    (found,) = matches.find(WORKSPACE, [{"pattern": {"type": ["other"]}}])
    return found.examined


USE_CASES: dict[str, Callable[[str], int]] = {
    "replay": _replay,
    "retry many": _retry_many,
    "retry by id": _retry_by_id,
    "try on events by id": _try(Question(condition=CONDITION, event_ids=[f"x{number:03}" for number in range(EVENTS)])),
    "try on a span": _try(Question(condition=CONDITION, since=START, until=START + timedelta(hours=1))),
    "last match": _last_match,
}

if __name__ == "__main__":
    Session().create_client("dynamodb", region_name="eu-west-1")  # as the function has one: it takes its part of the memory
    done = USE_CASES[sys.argv[1]](sys.argv[2])
    sys.stdout.write(f"{peak_megabytes():.0f} {done}\n")
