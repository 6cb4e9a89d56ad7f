"""What questions about what happened cost, and long work as jobs: nothing of it is paid by whoever does not ask.

Counted as in :mod:`benchmarks.cost.deliveries`, over 1,000 retained events of 1 KB in a workspace with ten endpoints, each with a filter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from benchmarks.cost import deliveries as cost
from benchmarks.cost import prices
from benchmarks.report.page import Table
from event_service.counting.seen_types import EventTypes
from event_service.counting.storage.seen_types import DynamoSeenTypes
from event_service.delivery.lanes import Looks
from event_service.delivery.replay_target import ReplayTargets
from event_service.delivery.resending import Resending
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health_reports import DynamoKnownHealth
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.queue import SqsLookQueue
from event_service.delivery.storage.reminders import DynamoReminderStore
from event_service.delivery.storage.wide_events import DynamoWideEvents
from event_service.explain.backtest import Backtest, Question
from event_service.explain.changes import Changes
from event_service.explain.delivery import Explanations
from event_service.explain.last_match import LastMatches
from event_service.explain.past_configuration import Moment, PastConfiguration
from event_service.filters.matching.matcher import Matcher
from event_service.jobs.job import JobKind, StepDone
from event_service.jobs.jobs import Jobs
from event_service.jobs.ports import JobMessage
from event_service.jobs.runner import JobRunner
from event_service.jobs.storage.queue import SqsJobQueue
from event_service.jobs.storage.rows import DynamoJobStore
from event_service.routing.replay import Replay
from event_service.sockets.connection import Connection
from event_service.sockets.open_connections import OpenConnections
from event_service.sockets.places import SocketPlaces
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.queue import SqsBacklogQueue
from tests.support.metering import Ledger
from tests.wiring import destinations, replay_targets
from tests.world import RETENTION_DAYS, WORKSPACE, World, token

EVENTS: Final = 1_000
CONNECTIONS: Final = 50
TYPES: Final = 100
JOB_QUEUE: Final = "queue/jobs"


def tables() -> list[Table]:
    """Calls, units and dollars of each."""
    with cost.metered_world() as (world, ledger, _):
        asked = _Asked(world, ledger)
        return [
            Table(
                f"Dollars a thousand questions, over {EVENTS:,} events of 1 KB; nothing where nobody asks",
                ["question", "SDK calls", "read units", "write units", "dollars a thousand"],
                [_row(name, *asked.measure(ask), door=True) for name, ask in asked.questions().items()],
            ),
            Table(
                "Dollars a million events that are sent again, and a thousand jobs; calls and units of 1,000 events, and of one job",
                ["", "SDK calls", "read units", "write units", "dollars"],
                [
                    _row("`replayEvents` into a backlog, a million events", *asked.measure(asked.replay_to_webhook), by=EVENTS / 1e6),
                    _row("`replayEvents` into a socket's log, a million events", *asked.measure(asked.replay_to_socket), by=EVENTS / 1e6),
                    _row("jobs beside their work, of ten steps each, a thousand", *asked.measure(asked.job), by=1 / 1e3),
                ],
            ),
        ]


def _no_time_passes() -> float:
    """AWS in memory is slower than AWS: time must not end what is counted."""
    return 0.0


def dollars_of(ledger: Ledger, cpu_seconds: float, *, door: bool) -> float:
    """Of what one call did."""
    gigabytes = cost.GB["GraphqlApiFunction"]
    stage = cost.Stage(ledger, 1, cpu_seconds, 250)
    sent = sum(1 for call in ledger.calls if call.operation.startswith("Send"))
    dollars: float = (
        door * prices.HTTP_API_REQUEST
        + sent * (prices.SQS_STANDARD + prices.SQS_FAIR)
        + ledger.writes * prices.DYNAMODB_WRITE_UNIT
        + ledger.reads * prices.DYNAMODB_READ_UNIT
        + prices.LAMBDA_REQUEST
        + stage.billed_seconds(gigabytes) * gigabytes * prices.LAMBDA_GB_SECOND
        + stage.log_bytes / 1e9 * prices.LOGS_GB
    )
    return dollars


def _row(name: str, ledger: Ledger, cpu_seconds: float, *, door: bool = False, by: float = 1 / 1e3) -> list[Any]:
    return [name, len(ledger), ledger.reads, ledger.writes, dollars_of(ledger, cpu_seconds, door=door) / by]


class _Asked:
    """Everything that is asked, over one world."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world, self._ledger, self._database = world, ledger, world.database
        self._since: datetime = world.clock()
        world.clock.advance(seconds=1)
        for number in range(cost.ENDPOINTS):
            self._hook = world.webhook(world.event_filter(eventTypes=[f"measured-{number}"]))
        self._unfiltered = world.webhook()
        self._socket = world.socket()
        connections = DynamoConnectionStore(self._database)
        for number in range(CONNECTIONS):
            connections.add(Connection(self._socket, f"connection-{number}", WORKSPACE, world.clock(), 0))
        seen = DynamoSeenTypes(self._database)
        for number in range(TYPES):
            seen.see(WORKSPACE, f"type-{number:03}", world.clock())
        for first in range(0, EVENTS, 100):
            world.clock.advance(seconds=1)
            world.publishing.publish(token(), [cost.event(number) for number in range(first, first + 100)])
        world.clock.advance(minutes=5)
        self._until = world.clock() - timedelta(minutes=1)
        (self._event_id,) = [event_id for _, event_id in world.reading.accepted(WORKSPACE, self._since, self._until)][:1]
        self._log = DynamoDeliveryLog(self._database, world.clock, RETENTION_DAYS)
        self._places = SocketPlaces(world.socket_store, timedelta(hours=24))
        self._jobs = DynamoJobStore(self._database)
        self._job_queue = SqsJobQueue(world.queues, JOB_QUEUE)

    def measure(self, ask: Callable[[], object]) -> tuple[Ledger, float]:
        """What it did, and the processor time that it took."""
        self._ledger.take()
        start = time.process_time()
        ask()
        return self._ledger.take(), time.process_time() - start

    def questions(self) -> dict[str, Callable[[], object]]:
        """By their names in the table."""
        world, store, reading, clock = self._world, self._world.store, self._world.reading, self._world.clock
        explanations = Explanations(
            configuration=world.configuration,
            history=world.changes,
            events=store,
            deliveries=self._log,
            sockets=self._places,
            destinations=destinations(),
            health=DynamoKnownHealth(self._database),
            clock=clock,
        )
        backtest = Backtest(
            configuration=world.configuration,
            store=store,
            accepted=reading,
            check_pattern=lambda given: given,
            make_matcher=Matcher,
            clock=clock,
            monotonic=_no_time_passes,
        )
        nothing = {"in": {"eventTypes": ["none"]}}
        last_matches = LastMatches(store=store, accepted=reading, make_matcher=Matcher, clock=clock, monotonic=_no_time_passes)
        connections = DynamoConnectionStore(self._database)
        listed = OpenConnections(
            listed=connections,
            connections=connections,
            log=world.socket_store,
            backlog=SqsBacklogQueue(world.queues, world.backlog_url),
            endpoints=world.configuration.endpoints,
            clock=clock,
        )
        jobs = Jobs(self._jobs, self._job_queue, clock)
        return {
            "`explainDelivery`, a webhook": lambda: explanations.explain(WORKSPACE, self._event_id, self._hook),
            "`explainDelivery`, a socket": lambda: explanations.explain(WORKSPACE, self._event_id, self._socket),
            "`lastMatch` in addition, nothing matched": lambda: last_matches.find(WORKSPACE, [nothing]),
            "`event.destinations` of twelve endpoints": lambda: explanations.destinations(WORKSPACE, self._event_id, 50),
            "`matchEvents`, all events, nothing matched": lambda: backtest.page(
                WORKSPACE, Question(condition=nothing, since=self._since, until=self._until)
            ),
            "`changes`, a page of 20": lambda: Changes(world.changes).page(WORKSPACE, 20),
            "`configuration` at a version, of twelve endpoints": lambda: PastConfiguration(world.changes).page(
                WORKSPACE, Moment(version=10), 50
            ),
            f"`endpoint.connections`, a page of {CONNECTIONS}": lambda: listed.page(WORKSPACE, self._socket, CONNECTIONS, None),
            f"`eventTypes`, a page of {TYPES}": lambda: EventTypes(DynamoSeenTypes(self._database)).page(WORKSPACE, TYPES),
            "`replayEvents`, counted only": lambda: self._replay(self._hook, dry_run=True),
            "`job`": lambda: jobs.job(WORKSPACE, "019c0000-0000-7000-8000-000000000001"),
            "`jobs`, a page of 50": lambda: jobs.page(WORKSPACE, 50),
        }

    def replay_to_webhook(self) -> None:
        """To one that receives every event."""
        self._replay(self._unfiltered)

    def replay_to_socket(self) -> None:
        """Into an empty log."""
        self._replay(self._socket)

    def job(self) -> None:
        """Ten steps that do nothing."""
        jobs = Jobs(self._jobs, self._job_queue, self._world.clock)
        started = jobs.start(WORKSPACE, JobKind.REPLAY_EVENTS, {"dryRun": False}, StepDone(0, 0, "0"))
        runner = JobRunner(
            self._jobs,
            self._job_queue,
            {JobKind.REPLAY_EVENTS: lambda job, _: StepDone(1, 0, None if job.step == 10 else str(job.step))},
            self._world.clock,
        )
        for step in range(started.step, started.step + 10):
            runner.run(JobMessage(WORKSPACE, started.id, step), 1, lambda: 29.0)

    def _replay(self, endpoint_id: str, *, dry_run: bool = False) -> None:
        world, clock = self._world, self._world.clock
        looks = Looks(SqsLookQueue(world.queues, cost.LOOK_URL), DynamoReminderStore(self._database), clock)
        resending = Resending(DynamoBacklogStore(self._database, RETENTION_DAYS), looks, DynamoWideEvents(self._database, RETENTION_DAYS))
        replay = Replay(
            targets=ReplayTargets(destinations(), replay_targets(self._log, resending, lambda: world.socket_log, self._places, clock)),
            store=world.store,
            accepted=world.reading,
            endpoints=world.configuration,
            make_matcher=Matcher,
            clock=clock,
            monotonic=_no_time_passes,
        )
        count, further = replay.replay(WORKSPACE, endpoint_id, self._since, self._until, dry_run=dry_run)
        assert count > 0
        assert further is None
