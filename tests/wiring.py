"""Puts the product's use cases together for tests, simulations and benchmarks, over any stores and queues: what
``event_service.wiring`` does over AWS. Worlds and scenes make the stores, and take the use cases from here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from event_service.access.last_use import LastUses
from event_service.base.clock import Clock
from event_service.base.threads import InThread
from event_service.configuration.destinations import Destinations
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.ports import ChangeLog, ConfigurationRows
from event_service.delivery.history import DeliveryHistory, EndpointTester
from event_service.delivery.lanes import Looks
from event_service.delivery.outlet import Outlet
from event_service.delivery.ports import (
    BacklogStore,
    DeliveryLog,
    EndpointDisabler,
    HealthStore,
    LaneStore,
    LookQueue,
    OperationalPublisher,
    ReadableLog,
    ReminderStore,
    WebhookQueue,
)
from event_service.delivery.replay_target import ReplayTarget, ReplayTargets
from event_service.delivery.resending import Resending
from event_service.delivery.retry_scheduler import RetryScheduler
from event_service.delivery.service_events import OperationalEvents
from event_service.events.ports import EventStore
from event_service.filters.matching.matcher import Matcher
from event_service.routing.bulk_retry import BulkRetry, Deliveries
from event_service.routing.endpoint_routing import EndpointsAndFilters
from event_service.routing.fan_out import CALLS_PER_INVOCATION
from event_service.routing.ports import RefusedFilterReports, RoutingMessages
from event_service.routing.replay import Replay
from event_service.routing.router import Routing
from event_service.routing.tables import RoutingTables
from event_service.sockets import ports as socket_ports
from event_service.sockets.connections import SocketConnections
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.destination import SocketDestination
from event_service.sockets.limits import ConnectionLimits
from event_service.sockets.log import SocketLog
from event_service.sockets.narrowing import ConnectionFilters
from event_service.sockets.observer import SocketObserver
from event_service.sockets.outlet import Appending, SocketOutlet
from event_service.sockets.outside import Outside
from event_service.sockets.places import SocketPlaces
from event_service.sockets.replay_target import SocketTarget
from event_service.webhooks.assembly import Limits, WebhookSide, assemble
from event_service.webhooks.attempt import draw_jitter
from event_service.webhooks.destination import WebhookDestination
from event_service.webhooks.observer import WebhookObserver
from event_service.webhooks.outlet import WebhookOutlet
from event_service.webhooks.ports import DeliveryStores, EndpointActions, EndpointState, EventTexts, Sender, SnapshotReader
from event_service.webhooks.replay_target import WebhookTarget
from event_service.webhooks.url import UrlRules, WebhookUrl, parse_webhook_url

SOCKET_RETENTION = timedelta(hours=24)


def no_sleep(seconds: float) -> None:
    """No time passes while a use case waits."""
    del seconds


async def at_once(function: Callable[[], Any]) -> Any:
    """A blocking call without a thread."""
    return function()


# -- registrations -----------------------------------------------------------------------------------------------------


def destinations(check_url: Callable[[str], object] = lambda url: url) -> Destinations:
    """The types of endpoints."""
    return Destinations([SocketDestination(), WebhookDestination(check_url)])


def outlets(webhooks: WebhookQueue, sockets: Appending) -> dict[EndpointType, Outlet]:
    """How routing hands over."""
    return {EndpointType.WEB_HOOK: WebhookOutlet(webhooks), EndpointType.WEB_SOCKET: SocketOutlet(sockets)}


# -- routing -----------------------------------------------------------------------------------------------------------


def new_routing(
    changes: ChangeLog,
    rows: ConfigurationRows,
    *,
    store: EventStore,
    outlets: Mapping[EndpointType, Outlet],
    queue: RoutingMessages,
    refused_filters: RefusedFilterReports,
    calls_per_invocation: int = CALLS_PER_INVOCATION,
) -> Routing:
    """A router process that knows nothing yet."""
    return Routing(
        tables=RoutingTables(changes, rows, Matcher),
        store=store,
        outlets=outlets,
        routing_queue=queue,
        refused_filters=refused_filters,
        calls_per_invocation=calls_per_invocation,
    )


# -- webhooks ----------------------------------------------------------------------------------------------------------


class WebhookUseCases:
    """Webhook delivery: what changed endpoints mean for it, the scheduler, and processes of its function."""

    def __init__(
        self,
        *,
        snapshots: SnapshotReader,
        log: DeliveryLog,
        backlog: BacklogStore,
        reminders: ReminderStore,
        lanes: LaneStore,
        health: HealthStore,
        texts: EventTexts,
        queue: WebhookQueue,
        look_queue: LookQueue,
        publisher: Callable[[], OperationalPublisher],
        disabler: Callable[[], EndpointDisabler],
        clock: Clock,
    ) -> None:
        self.looks = Looks(look_queue, reminders, clock)
        self.events = OperationalEvents(publisher)
        self.observer = WebhookObserver(self.looks, lanes, health, self.events, clock)
        self.scheduler = RetryScheduler(reminders, look_queue, clock)
        self._state = EndpointState(snapshots, health, lanes)
        self._stores = DeliveryStores(log, backlog, self.looks)
        self._actions = EndpointActions(self.events, disabler)
        self._texts, self._queue, self._clock = texts, queue, clock

    def new_process(
        self,
        sender: Sender,
        rules: UrlRules,
        limits: Limits,
        draw: Callable[[], float] = draw_jitter,
        in_thread: InThread = asyncio.to_thread,
    ) -> WebhookSide:
        """What one process of the function keeps between invocations."""

        def parse_url(url: str) -> WebhookUrl:
            return parse_webhook_url(url, rules)

        return assemble(
            state=self._state,
            stores=self._stores,
            texts=self._texts,
            queue=self._queue,
            actions=self._actions,
            sender=sender,
            parse_url=parse_url,
            clock=self._clock,
            limits=limits,
            draw=draw,
            in_thread=in_thread,
        )


# -- sockets -----------------------------------------------------------------------------------------------------------


class SocketUseCases:
    """Sockets: their log, what changed endpoints mean for them, connecting, and processes of their delivery."""

    def __init__(
        self,
        *,
        connections: socket_ports.ConnectionStore,
        log_store: socket_ports.SocketLogStore,
        wake_ups: socket_ports.WakeUpQueue,
        backlog: socket_ports.BacklogQueue,
        clock: Clock,
        sleep: Callable[[float], None] = no_sleep,
    ) -> None:
        self._connections, self._log_store = connections, log_store
        self._wake_ups, self._backlog, self._clock, self._sleep = wake_ups, backlog, clock, sleep
        self.log = self.new_log()
        self.observer = SocketObserver(log_store, wake_ups)
        self.filters = ConnectionFilters(connections, clock)

    def new_log(self) -> SocketLog:
        """What one router remembers."""
        return SocketLog(self._log_store, self._wake_ups, self._backlog, self._clock, SOCKET_RETENTION, self._sleep)

    def new_door(
        self, limits: ConnectionLimits | None = None, uses: LastUses | None = None, *, needs_token: bool = True
    ) -> SocketConnections:
        """A process of the function that opens and closes connections."""
        return SocketConnections(
            self._connections, self._log_store, self._backlog, self._clock, SOCKET_RETENTION, uses, limits, needs_token=needs_token
        )

    def outside(self, events: socket_ports.EventTexts, poster: socket_ports.Poster, **changes: Any) -> Outside:
        """What an invocation of delivery works with; ``changes`` are fields of it that differ."""
        outside = Outside(
            connections=self._connections,
            log=self._log_store,
            events=events,
            poster=poster,
            wake_ups=self._wake_ups,
            backlog=self._backlog,
            clock=self._clock,
            in_thread=at_once,
            sleep=asyncio.sleep,
            filters=lambda: self.filters,
        )
        return replace(outside, **changes)

    def new_delivery(self, outside: Outside) -> SocketDelivery:
        """A process of the function that delivers."""
        return SocketDelivery(outside, self.log)


# -- reading deliveries, and sending again -----------------------------------------------------------------------------


def new_bulk_retry(
    deliveries: Deliveries,
    store: EventStore,
    endpoints: EndpointsAndFilters,
    registered: Destinations | None = None,
    monotonic: Callable[[], float] = lambda: 0.0,
) -> BulkRetry:
    """Retrying many deliveries at once."""
    return BulkRetry(
        deliveries=deliveries,
        store=store,
        endpoints=endpoints,
        destinations=registered or destinations(),
        make_matcher=Matcher,
        monotonic=monotonic,
    )


class HistoryUseCases:
    """Deliveries as their owner sees them, retrying many at once, and replays."""

    def __init__(
        self,
        *,
        readable: ReadableLog,
        resending: Resending,
        store: EventStore,
        accepted: Any,
        endpoints: EndpointsAndFilters,
        tester: EndpointTester,
        clock: Clock,
        registered: Destinations | None = None,
        monotonic: Callable[[], float] = lambda: 0.0,
        sleep: Callable[[float], None] = no_sleep,
    ) -> None:
        """
        Args:
            accepted: :class:`EventsReading`, or as much of it as a test uses.
            registered: the types of endpoints, if there are others than ours.
        """
        self._store, self._accepted, self._endpoints = store, accepted, endpoints
        self._clock, self._monotonic, self._sleep = clock, monotonic, sleep
        self._destinations = registered or destinations()
        self.deliveries = DeliveryHistory(
            readable=readable,
            resending=resending,
            store=store,
            accepted=accepted,
            endpoints=endpoints,
            destinations=self._destinations,
            tester=tester,
            monotonic=monotonic,
        )
        self.bulk_retry = new_bulk_retry(self.deliveries, store, endpoints, self._destinations, monotonic)

    def replay_to(self, targets: Mapping[EndpointType, ReplayTarget]) -> Replay:
        """The replay, to endpoints of these types."""
        return Replay(
            targets=ReplayTargets(self._destinations, targets),
            store=self._store,
            accepted=self._accepted,
            endpoints=self._endpoints,
            make_matcher=Matcher,
            clock=self._clock,
            monotonic=self._monotonic,
            sleep=self._sleep,
        )


def replay_targets(
    log: DeliveryLog,
    resending: Resending,
    socket_log: Callable[[], SocketLog],
    places: SocketPlaces,
    clock: Clock,
    sleep: Callable[[float], None] = no_sleep,
) -> dict[EndpointType, ReplayTarget]:
    """Where replays put events, as wiring registers them."""
    return {
        EndpointType.WEB_HOOK: WebhookTarget(log, resending, clock),
        EndpointType.WEB_SOCKET: SocketTarget(socket_log, places, clock, sleep),
    }
