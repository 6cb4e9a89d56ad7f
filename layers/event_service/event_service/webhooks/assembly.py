"""Puts the parts of webhook delivery together: for production in wiring, and for tests and benchmarks with other ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from event_service.base.clock import Clock
from event_service.base.threads import InThread
from event_service.delivery.ports import WebhookQueue
from event_service.webhooks.attempt import Attempts, draw_jitter
from event_service.webhooks.deliver import WebhookDelivery
from event_service.webhooks.endpoint_test import EndpointTests
from event_service.webhooks.health import HealthTracking
from event_service.webhooks.lane_rows import BYTES_AT_ONCE, ByteBudget, RowReader
from event_service.webhooks.lane_switch import LaneSwitch
from event_service.webhooks.own_lane import MAXIMUM_REQUESTS, OwnLanes
from event_service.webhooks.ports import DeliveryStores, EndpointActions, EndpointState, EventTexts, Sender
from event_service.webhooks.record import Recorder
from event_service.webhooks.url import WebhookUrl


@dataclass(frozen=True, slots=True)
class WebhookSide:
    """The use cases of the webhook functions: the shared lane, the own lanes, and testing an endpoint."""

    delivery: WebhookDelivery
    own_lanes: OwnLanes
    tests: EndpointTests


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator sets.

    Attributes:
        retention_days: of events.
        deadline_seconds: the most that one request takes.
        maximum_requests: from a backlog, open at one receiver at once.
        backlog_bytes: events of backlogs in the memory of one process.
    """

    retention_days: int
    deadline_seconds: float
    maximum_requests: int = MAXIMUM_REQUESTS
    backlog_bytes: int = BYTES_AT_ONCE


def assemble(
    *,
    state: EndpointState,
    stores: DeliveryStores,
    texts: EventTexts,
    queue: WebhookQueue,
    actions: EndpointActions,
    sender: Sender,
    parse_url: Callable[[str], WebhookUrl],
    clock: Clock,
    limits: Limits,
    draw: Callable[[], float] = draw_jitter,
    in_thread: InThread = asyncio.to_thread,
) -> WebhookSide:
    """
    Args:
        state: what is read and written about endpoints.
        stores: where deliveries are written down.
        texts: the events that rows of backlogs refer to.
        queue: of the shared lane.
        actions: events about endpoints, and disabling them.
        sender: makes requests; it ends each of them after its deadline.
        parse_url: reads a webhook's URL, raising ``BadUserInput``.
        clock: the time.
        limits: what the operator sets.
        draw: a random number from 0 to 1, for jitter.
        in_thread: runs blocking calls.
    """
    lanes = LaneSwitch(state, stores.looks, clock, in_thread)
    tracking = HealthTracking(state, lanes, actions, clock, in_thread)
    attempts = Attempts(sender, parse_url, clock, limits.deadline_seconds, draw)
    recorder = Recorder(stores, queue, tracking, actions, clock, in_thread)
    delivery = WebhookDelivery(
        state=state,
        log=stores.log,
        attempts=attempts,
        recorder=recorder,
        lanes=lanes,
        clock=clock,
        retention_days=limits.retention_days,
        in_thread=in_thread,
    )
    own_lanes = OwnLanes(
        state=state,
        stores=stores,
        rows=RowReader(state.snapshots, stores, texts, recorder, actions.events, ByteBudget(limits.backlog_bytes), clock, in_thread),
        attempts=attempts,
        recorder=recorder,
        clock=clock,
        maximum_requests=limits.maximum_requests,
        in_thread=in_thread,
    )
    return WebhookSide(delivery, own_lanes, EndpointTests(state.snapshots, attempts, clock, in_thread))
