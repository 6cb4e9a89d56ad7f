"""One webhook and one socket, with the log, the queue and the events around them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.delivery.attempt import Attempt, Delivery, DeliveryKey, DeliveryStatus, LogRecord
from event_service.delivery.history import DeliveryHistory
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import BacklogRow, ReadableLog
from event_service.delivery.replay_target import ReplayTargets
from event_service.delivery.resending import Resending
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.matcher import Matcher
from event_service.routing.endpoint_routing import EndpointsAndFilters
from event_service.routing.replay import AcceptedInTime, Replay
from event_service.sockets.log import Routed, SocketLog
from event_service.sockets.places import SocketPlaces
from event_service.sockets.ports import LogHead, Segment
from event_service.sockets.replay_target import SocketTarget
from event_service.webhooks.replay_target import WebhookTarget
from tests.fakes.configuration_store import destinations
from tests.fakes.delivery import Aws, FakeBacklogStore, FakeDeliveryLog, FakeReminderStore
from tests.fakes.events import FakeEventStore
from tests.fakes.sockets import FakeBacklogQueue, FakeSocketTables, FakeWakeUpQueue
from tests.fakes.webhooks import FakeQueue
from tests.simulation.virtual_time import VirtualClock

WORKSPACE = "11111111-1111-4111-8111-111111111111"
FOREIGN = "22222222-2222-4222-8222-222222222222"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World:
    """One webhook and one socket, and as many events as a test wants."""

    def __init__(self) -> None:
        self.now = START
        self.seconds = itertools.count()
        aws = Aws()
        self.log = FakeDeliveryLog(aws, lambda: self.now)
        self.aws = aws
        self.backlog = FakeBacklogStore(aws)
        self.look_queue = FakeQueue(aws, VirtualClock(), "looks")
        self.resending = Resending(self.backlog, Looks(self.look_queue, FakeReminderStore(aws), lambda: self.now), self.log)
        self.store = FakeEventStore(lambda: self.now)
        self.tested: list[tuple[str, str]] = []
        self.filters: list[EventFilter] = []
        self.hook = self._endpoint(EndpointType.WEB_HOOK)
        self.socket = self._endpoint(EndpointType.WEB_SOCKET)
        self.existing = {self.hook.id: self.hook, self.socket.id: self.socket}
        self.tick = 0.0
        self.deliveries = DeliveryHistory(
            readable=ReadableLog(self.log, self.log),
            resending=self.resending,
            store=self.store,
            accepted=self,
            endpoints=self,
            destinations=destinations(),
            tester=self,
            monotonic=lambda: next(self.seconds) * self.tick,
        )
        self.lagging: set[str] = set()
        self.slept = 0.0
        self.socket_tables = FakeSocketTables(clock=lambda: self.now)
        retention = timedelta(hours=24)
        self.wake_ups = FakeWakeUpQueue()
        self.socket_log = SocketLog(self.socket_tables, self.wake_ups, FakeBacklogQueue(), lambda: self.now, retention, self.sleep)
        self.places = SocketPlaces(self.socket_tables, retention)
        self.replay = self.replay_with(self.store, self, self)

    def replay_with(self, store: FakeEventStore, accepted: AcceptedInTime, endpoints: EndpointsAndFilters) -> Replay:
        """The replay, with another reading side."""
        return Replay(
            targets=ReplayTargets(
                destinations(),
                {
                    EndpointType.WEB_HOOK: WebhookTarget(self.log, self.resending, lambda: self.now),
                    EndpointType.WEB_SOCKET: SocketTarget(lambda: self.socket_log, self.places, lambda: self.now, self.sleep),
                },
            ),
            store=store,
            accepted=accepted,
            endpoints=endpoints,
            make_matcher=Matcher,
            clock=lambda: self.now,
            monotonic=lambda: next(self.seconds) * self.tick,
            sleep=self.sleep,
        )

    def _endpoint(self, of_type: EndpointType) -> Endpoint:
        return Endpoint(new_id(), WORKSPACE, of_type, "e", None, None, EndpointStatus.ENABLED, None, START, START)

    def event(self, event_id: str, minute: float, event_type: str = "t") -> Event:
        moment = START + timedelta(minutes=minute)
        event = Event(event_id, event_type, moment, {}, None, None, WORKSPACE, moment)
        self.store.put([event], "nonce")
        self.now = max(self.now, moment + timedelta(minutes=10))
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
        self.socket_tables.log_heads[self.socket.id] = LogHead(1, 1, self.now + timedelta(days=30))

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
        self.now += timedelta(seconds=seconds)
        self.slept += seconds
        self.lagging.clear()

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        return self.existing.get(endpoint_id) if workspace_id == WORKSPACE else None

    def event_filters_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, list[EventFilter]]:
        return dict.fromkeys(endpoint_ids, self.filters)

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        self.tested.append((workspace_id, endpoint_id))
        return Attempt(1, self.now, 5, 200, None, None, "")
