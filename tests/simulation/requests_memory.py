"""What a request, or a step of a job, holds in memory when retained events have their largest legal size:
``python -m tests.simulation.requests_memory``.

For each line ``["USE CASE", "SHAPE"]`` of standard input it prints the largest resident size in MB of a process that is forked for
it, and how many events that worked on. As in :mod:`tests.simulation.memory`, the
events come through the real reader.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.session import Session

from event_service.aws.dynamodb import AttributeMap, Key
from event_service.base.allowance import Allowance
from event_service.base.dates import format_date
from event_service.base.identifiers import delivery_id
from event_service.base.page import Page
from event_service.base.threads import ContextThreads
from event_service.delivery.attempt import Delivery, DeliveryKey, DeliveryStatus
from event_service.delivery.lists import DeliveryQuery
from event_service.events.event import Event
from event_service.events.storage.events import DynamoEventStore, EventItem
from event_service.explain.backtest import Backtest, Question
from event_service.explain.last_match import LastMatches
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.matcher import Matcher
from functions.graphql_api import limits
from local.tools import ROOT
from tests import builders
from tests.builders import START
from tests.fakes.history import WORKSPACE, HistoryScene
from tests.simulation.memory import Database, Measured
from tests.simulation.sockets.memory import SHAPES, peak_megabytes
from tests.wiring import new_bulk_retry

MEGABYTES = 1_769
EVENTS = 100
SMALL_FIRST = "small, then empty objects"
"""The newest are small, so that reads ask for many, before the large ones come."""
SMALL = 20
FIELDS = 3
"""Of one request, which its threads work on at the same time."""
EACH_ITS_OWN = [{"pattern": {"id": [f"x{number:03}"]}} for number in range(EVENTS - SMALL - 10, EVENTS)]
"""Conditions that are met by one event each."""
CONDITION: dict[str, Any] = {"pattern": {"type": ["T"]}}

_ANSWERS: list[object] = []
"""Kept as a request keeps them until it is answered."""


class Measuring:
    """A process that has loaded what the function loads, and takes each measurement in a copy of itself: loading takes longer."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.simulation.requests_memory"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measured(self, use_case: str, shape: str) -> Measured:
        """What the copy reported."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([use_case, shape]) + "\n")
        self._process.stdin.flush()
        return Measured(*map(int, self._process.stdout.readline().split()))

    def end(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=60)


class _Events:
    """So many, accepted a second apart."""

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        del workspace_id, since, until
        check()
        found = [(START + timedelta(seconds=number), f"x{number:03}") for number in range(EVENTS)]
        return iter(reversed(found) if descending else found)


class _SmallFirst:
    """The newest events are small."""

    def __init__(self, small: Database, large: Database) -> None:
        self._small = small
        self._large = large

    def batch_get(self, keys: Iterable[Key], **options: Any) -> list[tuple[type[EventItem], AttributeMap]]:
        sizes: dict[bool, list[Key]] = {True: [], False: []}
        for key in keys:
            sizes[int(str(key.hash).rpartition("#x")[2]) >= EVENTS - SMALL].append(key)
        return [*self._small.batch_get(sizes[True], **options), *self._large.batch_get(sizes[False], **options)]


def _database(shape: str) -> Database | _SmallFirst:
    if shape == SMALL_FIRST:
        return _SmallFirst(Database(_event({})), Database(_event(SHAPES["empty objects"]())))
    return Database(_event(SHAPES[shape]()))


def _event(data: dict[str, Any]) -> Event:
    return builders.an_event(id="x", type="T", date=START, data=data, workspace_id=WORKSPACE, created=START)


class _Scene:
    def __init__(self, shape: str) -> None:
        self.world = HistoryScene()
        self.world.filters = [EventFilter("f", WORKSPACE, "f", CONDITION, START, START)]
        self.store = DynamoEventStore(_database(shape), lambda: START, 14)  # type: ignore[arg-type]  # as much of it as is used here
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
        page = backtest.page(WORKSPACE, question)
        _ANSWERS.append(page)
        return page.tally.examined

    return run


def _last_match(conditions: Sequence[dict[str, Any]]) -> Callable[[str], int]:
    def run(shape: str) -> int:
        scene = _Scene(shape)
        matches = LastMatches(store=scene.store, accepted=_Events(), make_matcher=Matcher, clock=scene.world.clock)
        found = matches.find(WORKSPACE, conditions)
        _ANSWERS.append(found)
        return max(one.examined for one in found)

    return run


def _in_one_request(use_case: Callable[[str], object], fields: int = FIELDS) -> Callable[[str], int]:
    """So many fields, three at once, whose results stay until the answer is made; says how many were answered."""

    def run(shape: str) -> int:
        allowance = Allowance(limits.QUERY_SECONDS, limits.MAXIMUM_READ_BYTES, limits.MAXIMUM_ANSWER_BYTES)
        with allowance.applied(), ContextThreads(FIELDS) as threads:
            answers = [threads.submit(use_case, shape) for _ in range(fields)]
        return sum(one.exception() is None for one in answers)

    return run


SPAN = Question(condition=CONDITION, since=START, until=START + timedelta(hours=1))
NOTHING: dict[str, Any] = {"pattern": {"type": ["other"]}}
USE_CASES: dict[str, Callable[[str], int]] = {
    "replay": _replay,
    "retry many": _retry_many,
    "retry by id": _retry_by_id,
    "try on events by id": _try(Question(condition=CONDITION, event_ids=[f"x{number:03}" for number in range(EVENTS)])),
    "try on a span": _try(SPAN),
    "last match": _last_match([NOTHING]),
}
REQUESTS: dict[str, Callable[[str], int]] = {
    "tries on spans": _in_one_request(_try(SPAN)),
    "last matches": _in_one_request(_last_match([NOTHING])),
    "thirty tries": _in_one_request(_try(SPAN), limits.MAXIMUM_ALIASES),
    "last matches of many filters": _in_one_request(_last_match(EACH_ITS_OWN), limits.MAXIMUM_ALIASES),
}

if __name__ == "__main__":
    Session().create_client("dynamodb", region_name="eu-west-1")  # as the function has one: it takes its part of the memory
    for line in iter(sys.stdin.readline, ""):
        use_case, shape = json.loads(line)
        before = peak_megabytes()
        child = os.fork()
        if not child:
            # A copy begins without the pages of the libraries, which the function has: they are added.
            missing = before - peak_megabytes()
            done = (USE_CASES | REQUESTS)[use_case](shape)
            sys.stdout.write(f"{missing + peak_megabytes():.0f} {done}\n")
            sys.stdout.flush()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            break
