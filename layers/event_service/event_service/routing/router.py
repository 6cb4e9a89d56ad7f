"""Routing: from accepted events to the endpoints they go to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.endpoint import EndpointType
from event_service.delivery.messages import WebhookMessage
from event_service.delivery.ports import WebhookQueue
from event_service.events.event import Event
from event_service.events.ports import EventStore, Owner, RoutingQueue
from event_service.events.routing_message import RoutingMessage
from event_service.routing.ports import SocketLog
from event_service.routing.table import RoutingTable
from event_service.routing.tables import RoutingTables
from event_service.sockets.log import Routed

_LOG = logging.getLogger(__name__)


CALLS_AN_INVOCATION: Final = 1_000
"""What one invocation hands over, in calls: at 8 at a time and 10 ms each, about a second."""
LEAST_CALLS_A_MESSAGE: Final = 50
MAXIMUM_HOPS: Final = 10_000
"""A publish of 100 events for 10,000 endpoints takes 2,000 when every message that comes along is as large. The cursor
grows with each hop, so a chain ends by itself; the bound stops what a fault of ours might keep going."""
PARTS_OF_A_CALL: Final = 1_000
"""Costs are whole numbers of these: sums of tenths would drift."""
MESSAGE_PARTS: Final = 100
"""A call sends ten messages, or a megabyte."""
CALL_BYTES: Final = 1_048_576
SOCKET_PARTS: Final = 2_000
"""The transaction that appends, and the wake-up."""


@dataclass(frozen=True, slots=True)
class Received:
    """A routing message as the queue handed it over; ``repeat``: it may have been handed over before."""

    message: RoutingMessage
    repeat: bool


@dataclass(slots=True)
class RoutingReport:
    """What became of a batch.

    Attributes:
        failed: positions of messages that must come again.
        events: routed, each once, whatever the number of its endpoints.
        duplicates: dropped, because another publish has their id.
        deliveries: handed over.
        continued: messages whose rest was sent as a message of its own.
    """

    failed: list[int]
    events: int = 0
    duplicates: int = 0
    deliveries: int = 0
    continued: int = 0


@dataclass(slots=True)
class _Work:
    """One message on its way through :meth:`Routing.route`."""

    position: int
    received: Received
    table: RoutingTable | None = None
    events: tuple[Event, ...] = ()
    per_socket: dict[str, list[str]] = field(default_factory=dict)
    webhooks: list[WebhookMessage] = field(default_factory=list)
    rest: RoutingMessage | None = None
    failure: str | None = None


class Routing:
    """The use case behind the routing queue."""

    def __init__(
        self,
        tables: RoutingTables,
        store: EventStore,
        webhooks: WebhookQueue,
        sockets: SocketLog,
        routing_queue: RoutingQueue,
        calls_an_invocation: int = CALLS_AN_INVOCATION,
    ) -> None:
        self._tables = tables
        self._store = store
        self._webhooks = webhooks
        self._sockets = sockets
        self._routing_queue = routing_queue
        self._calls_an_invocation = calls_an_invocation
        # Never nothing: a continuation must be shorter than what it continues.
        self._least_calls_a_message = max(1, min(LEAST_CALLS_A_MESSAGE, calls_an_invocation))

    def route(self, batch: Sequence[Received], time_left: Callable[[], float]) -> RoutingReport:
        """Routes messages; each succeeds or fails on its own.

        A message that fails comes again and is routed again whole: what was handed over twice is marked as a repeat.

        Args:
            batch: messages of any workspaces.
            time_left: seconds until this process is stopped.
        """
        works = [_Work(position, received) for position, received in enumerate(batch)]
        self._find_tables(works)
        report = RoutingReport([])
        self._settle_ids(works, report)
        self._choose_endpoints(works)
        self._hand_over(works, time_left, report)
        for work in works:
            if work.failure is not None:
                _LOG.warning("a routing message comes again: %s", work.failure)
                report.failed.append(work.position)
            else:
                report.events += len(work.events) if work.received.message.hop == 0 else 0
        return report

    def _find_tables(self, works: Sequence[_Work]) -> None:
        """One read for each workspace of the batch. The batch was received before it, so that what was accepted after a
        change meets that change."""
        tables: dict[str, RoutingTable] = {}
        failures: dict[str, str] = {}
        for work in works:
            workspace_id = work.received.message.workspace_id
            if workspace_id not in tables and workspace_id not in failures:
                try:
                    tables[workspace_id] = self._tables.current(workspace_id)
                except (DomainError, Unavailable) as error:
                    failures[workspace_id] = f"configuration: {error}"
            work.table = tables.get(workspace_id)
            work.failure = failures.get(workspace_id)

    def _settle_ids(self, works: Sequence[_Work], report: RoutingReport) -> None:
        """Leaves each message the events that are its own, and sees to it that they are stored."""
        fresh = [work for work in works if work.failure is None and work.received.message.hop == 0]
        keys = {(work.received.message.workspace_id, event.id) for work in fresh for event in work.received.message.events}
        try:
            owners = self._store.owners(keys) if keys else {}
        except (DomainError, Unavailable) as error:
            for work in fresh:
                work.failure = f"events: {error}"
            return
        for work in works:
            message = work.received.message
            if work.failure is not None:
                continue
            if message.hop:
                work.events = message.events
                continue
            missing = [event for event in message.events if (message.workspace_id, event.id) not in owners]
            if missing:
                outcome = self._store.put_if_absent(missing, message.nonce)
                if outcome.failed:
                    work.failure = f"{len(outcome.failed)} events could not be stored"
                    continue
                for event in missing:
                    owners[message.workspace_id, event.id] = outcome.taken.get(event.id, Owner(message.nonce))
            work.events = tuple(event for event in message.events if owners[message.workspace_id, event.id].nonce == message.nonce)
            report.duplicates += len(message.events) - len(work.events)

    def _choose_endpoints(self, works: Sequence[_Work]) -> None:
        parts = self._calls_an_invocation * PARTS_OF_A_CALL
        open_works = [work for work in works if work.failure is None]
        for number, work in enumerate(open_works):
            share = max(parts // (len(open_works) - number), self._least_calls_a_message * PARTS_OF_A_CALL)
            parts -= self._plan(work, share)

    def _plan(self, work: _Work, parts: int) -> int:
        """Decides what is handed over now, endpoint by endpoint in order of their ids; returns what it takes, in parts
        of calls.

        All events of a message that go to one endpoint are handed over together: a socket's log takes them as one.
        """
        message, table = work.received.message, work.table
        if table is None:
            return 0
        per_endpoint: dict[str, list[Event]] = {}
        for event in work.events:
            for endpoint_id in table.endpoints_for(event):
                if message.after is None or endpoint_id > message.after:
                    per_endpoint.setdefault(endpoint_id, []).append(event)
        bodies: dict[str, str] = {}
        used = 0
        served = message.after
        for endpoint_id in sorted(per_endpoint):
            if used >= parts:
                work.rest = replace(message.only(work.events), repeat=work.received.repeat).continued(served)
                break
            served = endpoint_id
            events = per_endpoint[endpoint_id]
            if table.type_of(endpoint_id) is EndpointType.WEB_SOCKET:
                work.per_socket[endpoint_id] = [event.id for event in events]
                used += SOCKET_PARTS
                continue
            for event in events:
                body = bodies.get(event.id)
                if body is None:
                    body = bodies[event.id] = event.as_json()
                work.webhooks.append(_webhook_message(work.received, endpoint_id, event, body))
                used += max(MESSAGE_PARTS, len(body) * PARTS_OF_A_CALL // CALL_BYTES)
        if work.rest is not None and work.rest.hop > MAXIMUM_HOPS:
            work.failure = f"it was continued {MAXIMUM_HOPS} times"
        return used

    def _hand_over(self, works: Sequence[_Work], time_left: Callable[[], float], report: RoutingReport) -> None:
        outbox = [(work, message) for work in works if work.failure is None for message in work.webhooks]
        unsent = self._webhooks.send([(message, 0.0) for _, message in outbox], time_left) if outbox else []
        for position in unsent:
            outbox[position][0].failure = "not all webhook deliveries could be queued"
        report.deliveries += len(outbox) - len(unsent)
        self._append(works, report)
        for work in works:
            if work.failure is None and work.rest is not None:
                # Last: a continuation that is sent says that everything before it was handed over.
                try:
                    self._routing_queue.send(work.rest)
                except (DomainError, Unavailable) as error:
                    work.failure = str(error)
                else:
                    report.continued += 1

    def _append(self, works: Sequence[_Work], report: RoutingReport) -> None:
        # By nonce: the queue may have handed over two copies of a message at once, and a log takes a nonce once.
        routed: dict[str, Routed] = {}
        for work in works:
            if work.failure is None and work.per_socket:
                message = work.received.message
                known = routed.get(message.nonce)
                per_endpoint = work.per_socket if known is None else {**known.event_ids, **work.per_socket}
                routed[message.nonce] = Routed(message.workspace_id, message.nonce, per_endpoint)
        if not routed:
            return
        failed = self._sockets.append(list(routed.values()))
        for work in works:
            if work.failure is None and work.per_socket:
                if work.received.message.nonce in failed:
                    work.failure = "not all socket logs could be extended"
                else:
                    report.deliveries += sum(map(len, work.per_socket.values()))


def _webhook_message(received: Received, endpoint_id: str, event: Event, body: str) -> WebhookMessage:
    return WebhookMessage.first(
        workspace_id=received.message.workspace_id,
        endpoint_id=endpoint_id,
        event_id=event.id,
        accepted_at=received.message.accepted_at,
        traceparent=received.message.traceparent,
        body=body,
        repeat=received.repeat,
    )
