"""Puts the parts of webhook delivery together: for production in wiring, and for tests and benchmarks with other ports."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from event_service.base.clock import Clock
from event_service.delivery.backlog import BacklogTickets
from event_service.delivery.ports import HealthStore, WebhookQueue
from event_service.webhooks.attempt import Attempts
from event_service.webhooks.backlog_run import BacklogRuns
from event_service.webhooks.batch import InThread
from event_service.webhooks.deliver import WebhookDelivery
from event_service.webhooks.endpoint_test import EndpointTests
from event_service.webhooks.health import HealthTracking
from event_service.webhooks.ports import BacklogReaders, DeliveryStores, EndpointActions, Sender
from event_service.webhooks.record import Recorder
from event_service.webhooks.url import WebhookUrl
from event_service.webhooks.work import Worker


@dataclass(frozen=True, slots=True)
class WebhookSide:
    """The use cases of the webhook function: delivering batches, and testing an endpoint."""

    delivery: WebhookDelivery
    tests: EndpointTests


def assemble(
    *,
    readers: BacklogReaders,
    stores: DeliveryStores,
    health: HealthStore,
    queue: WebhookQueue,
    tickets: BacklogTickets,
    actions: EndpointActions,
    sender: Sender,
    parse_url: Callable[[str], WebhookUrl],
    clock: Clock,
    retention_days: int,
    deadline_seconds: float,
    draw: Callable[[], float] = random.random,
    in_thread: InThread = asyncio.to_thread,
) -> WebhookSide:
    """
    Args:
        readers: what batches and backlog runs read.
        stores: where deliveries are written down.
        health: of endpoints that fail.
        queue: webhook delivery's own queue.
        tickets: starts the sending of backlogs.
        actions: events about endpoints, and disabling them.
        sender: makes requests; it ends each of them after ``deadline_seconds``.
        parse_url: reads a webhook's URL, raising ``BadUserInput``.
        clock: the time.
        retention_days: of events.
        deadline_seconds: the most that one request takes.
        draw: a random number from 0 to 1, for jitter.
        in_thread: runs blocking calls.
    """
    tracking = HealthTracking(health, tickets, actions, clock, in_thread)
    attempts = Attempts(sender, parse_url, clock, deadline_seconds, draw)
    recorder = Recorder(stores, queue, tracking, actions, clock, in_thread)
    worker = Worker(attempts, recorder)
    delivery = WebhookDelivery(
        snapshots=readers.snapshots,
        log=stores.log,
        worker=worker,
        backlog=BacklogRuns(readers, stores, tickets, tracking, worker, recorder, clock, in_thread),
        health=tracking,
        clock=clock,
        retention_days=retention_days,
        in_thread=in_thread,
    )
    return WebhookSide(delivery, EndpointTests(readers.snapshots, attempts, clock, in_thread))
