"""One webhook and one socket, with the log, the queue and the events around them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.delivery.attempt import Attempt, Delivery, DeliveryKey, DeliveryStatus, LogRecord
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import BacklogRow, ReadableLog
from event_service.delivery.resending import Resending
from event_service.events.event import Event
from event_service.events.ports import EventStore
from event_service.filters.event_filter import EventFilter
from event_service.routing.endpoint_routing import EndpointsAndFilters
from event_service.routing.replay import Replay
from event_service.sockets.log import Routed
from event_service.sockets.places import SocketPlaces
from event_service.sockets.ports import LogHead, Segment
from tests import builders
from tests.builders import START, SettableClock
from tests.fakes.delivery import Aws, FakeBacklogStore, FakeDeliveryLog, FakeReminderStore
from tests.fakes.events import FakeEventStore
from tests.fakes.sockets import FakeBacklogQueue, FakeSocketTables, FakeWakeUpQueue
from tests.fakes.webhooks import FakeQueue
from tests.simulation.virtual_time import VirtualClock
from tests.wiring import SOCKET_RETENTION, HistoryUseCases, SocketUseCases, replay_targets

WORKSPACE = "11111111-1111-4111-8111-111111111111"
FOREIGN = "22222222-2222-4222-8222-222222222222"


class HistoryScene:
    """One webhook and one socket, and as many events as a test wants: what there is to read, to retry and to replay."""

    def __init__(self) -> None:
        self.clock = SettableClock(START)
        self.seconds = itertools.count()
        aws = Aws()
        self.log = FakeDeliveryLog(aws, self.clock)
        self.aws = aws
        self.backlog = FakeBacklogStore(aws)
        self.look_queue = FakeQueue(aws, VirtualClock(), "looks")
        self.resending = Resending(self.backlog, Looks(self.look_queue, FakeReminderStore(aws), self.clock), self.log)
        self.store = FakeEventStore(self.clock)
        self.tested: list[tuple[str, str]] = []
        self.filters: list[EventFilter] = []
        self.hook = self._endpoint(EndpointType.WEB_HOOK)
        self.socket = self._endpoint(EndpointType.WEB_SOCKET)
        self.existing = {self.hook.id: self.hook, self.socket.id: self.socket}
        self.tick = 0.0
        self.lagging: set[str] = set()
        self.slept = 0.0
        self.socket_tables = FakeSocketTables(clock=self.clock)
        self.wake_ups = FakeWakeUpQueue()
        sockets = SocketUseCases(
            connections=self.socket_tables,
            log_store=self.socket_tables,
            wake_ups=self.wake_ups,
            backlog=FakeBacklogQueue(),
            clock=self.clock,
            sleep=self.sleep,
        )
        self.socket_log = sockets.log
        self.places = SocketPlaces(self.socket_tables, SOCKET_RETENTION)
        use_cases = self.use_cases_with(self.store, self, self)
        self.deliveries = use_cases.deliveries
        self.replay = self.replay_of(use_cases)

    def use_cases_with(self, store: EventStore, accepted: Any, endpoints: EndpointsAndFilters) -> HistoryUseCases:
        """The use cases over this log, with another reading side."""
        return HistoryUseCases(
            readable=ReadableLog(self.log, self.log),
            resending=self.resending,
            store=store,
            accepted=accepted,
            endpoints=endpoints,
            tester=self,
            clock=self.clock,
            monotonic=lambda: next(self.seconds) * self.tick,
            sleep=self.sleep,
        )

    def replay_of(self, use_cases: HistoryUseCases) -> Replay:
        """The replay to this webhook and this socket."""
        targets = replay_targets(self.log, self.resending, lambda: self.socket_log, self.places, self.clock, self.sleep)
        return use_cases.replay_to(targets)

    def _endpoint(self, of_type: EndpointType) -> Endpoint:
        return builders.an_endpoint(
            of_type, id=new_id(), workspace_id=WORKSPACE, name="e", url=None, method=None, created=START, modified=START
        )

    def event(self, event_id: str, minute: float, event_type: str = "t") -> Event:
        moment = START + timedelta(minutes=minute)
        event = builders.an_event(id=event_id, type=event_type, date=moment, workspace_id=WORKSPACE, created=moment)
        self.store.put([event], "nonce")
        self.clock.now = max(self.clock.now, moment + timedelta(minutes=10))
        return event

    def record(self, event: Event, status: DeliveryStatus, endpoint_id: str | None = None, number: int = 1) -> Delivery:
        attempt = Attempt(number, event.created, 5, 500, None, None, "") if number else None
        endpoint = endpoint_id or self.hook.id
        key = DeliveryKey(WORKSPACE, endpoint, event.id, format_date(event.created))
        self.log.write([LogRecord(key, status, event.created, attempt=attempt, listed=True)])
        found = self.log.delivery(WORKSPACE, endpoint, event.id)
        assert found is not None
        return found

    @property
    def sent(self) -> list[BacklogRow]:
        """What was put into backlogs, in order."""
        return sorted(self.backlog.rows.values(), key=lambda row: row.at)

    def keep_socket_log(self) -> None:
        """A client was connected to the socket just now."""
        self.socket_tables.log_heads[self.socket.id] = LogHead(1, 1, self.clock.now + timedelta(days=30))

    def log_live(self, *event_ids: str) -> None:
        """Routing appends events to the socket's log."""
        assert not self.socket_log.append([Routed(WORKSPACE, new_id(), {self.socket.id: event_ids})])

    @property
    def socket_segments(self) -> list[Segment]:
        """What stands in the socket's log, in order."""
        return [one for _, one in sorted(self.socket_tables.log.get(self.socket.id, {}).items())]

    # -- ports that the world itself is

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        check()
        events = [stored.event for (workspace, _), stored in self.store.items.items() if workspace == workspace_id]
        found = [(one.created, one.id) for one in events if since <= one.created < until and one.id not in self.lagging]
        yield from sorted(found, reverse=descending)

    def sleep(self, seconds: float) -> None:
        """Time passes, and indexes catch up."""
        self.clock.advance(seconds=seconds)
        self.slept += seconds
        self.lagging.clear()

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        return self.existing.get(endpoint_id) if workspace_id == WORKSPACE else None

    def event_filters_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, list[EventFilter]]:
        return dict.fromkeys(endpoint_ids, self.filters)

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        self.tested.append((workspace_id, endpoint_id))
        return Attempt(1, self.clock.now, 5, 200, None, None, "")
