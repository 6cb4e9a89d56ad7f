"""One endpoint, its clients and those who serve them, over fakes and a clock that only tests move."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from event_service.access.token import Token, TokenKind
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.events.event import Event
from event_service.filters.event_filter import EventFilter
from event_service.sockets.connection import Connection, ConnectRequest, Lane
from event_service.sockets.delivery import ReceivedWakeUp
from event_service.sockets.log import Routed
from event_service.sockets.outside import ServingReport
from event_service.sockets.ports import GroupState
from tests import builders
from tests.builders import START
from tests.fakes.sockets import FakeBacklogQueue, FakeEvents, FakePoster, FakeSocketTables, FakeWakeUpQueue
from tests.simulation.virtual_time import VirtualClock, run
from tests.wiring import SOCKET_RETENTION, SocketUseCases

WORKSPACE = "0b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"
ENDPOINT = "52c6548d-3e17-4b9b-9268-ce51d6900530"
TOKEN = "6f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
AGENT_TOKEN = "7f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
FOREIGN_TOKEN = "8f1c2f0a-8a54-4ac1-9d3c-0f6d6b1b9a55"
FILTER = "93d0c8b2-3e17-4b9b-9268-ce51d6900531"
RETENTION = SOCKET_RETENTION


def an_event(number: int, size: int = 0, event_id: str | None = None) -> Event:
    return builders.an_event(
        id=event_id or f"event-{number:06d}",
        type="ALARM",
        date=START,
        data={"n": number, "text": "x" * size} if size else {"n": number},
        workspace_id=WORKSPACE,
        created=START,
    )


def a_token(text: str, kind: TokenKind = TokenKind.ACCESS, workspace_id: str = WORKSPACE) -> Token:
    return builders.a_token(text, workspace_id=workspace_id, kind=kind, name="t", created=START)


def an_endpoint(
    endpoint_id: str = ENDPOINT, kind: EndpointType = EndpointType.WEB_SOCKET, status: EndpointStatus = EndpointStatus.ENABLED
) -> Endpoint:
    return builders.an_endpoint(
        kind, id=endpoint_id, workspace_id=WORKSPACE, name="name", url=None, method=None, status=status, created=START, modified=START
    )


class Scene:
    """Everything together. ``calls`` counts what was asked of AWS."""

    def __init__(self, hook: Callable[[str], None] = lambda operation: None, *, needs_token: bool = True) -> None:
        self.clock = VirtualClock()
        self.calls: Counter[str] = Counter()
        self.hook = hook
        self.tables = FakeSocketTables(self._called, clock=self.clock)
        self.queue = FakeWakeUpQueue(self._called, clock=self.clock)
        self.backlog = FakeBacklogQueue(self._called, clock=self.clock)
        self.events = FakeEvents(self._called)
        self.api = FakePoster(self.clock)
        self.tables.endpoints[ENDPOINT] = an_endpoint()
        for token in (
            a_token(TOKEN),
            a_token(AGENT_TOKEN, TokenKind.AGENT),
            a_token(FOREIGN_TOKEN, workspace_id="1b5c1f60-1d0f-4c57-9d9e-6a5f0d0a7c11"),
        ):
            self.tables.tokens[token.token_hash] = token
        self.use_cases = SocketUseCases(
            connections=self.tables, log_store=self.tables, wake_ups=self.queue, backlog=self.backlog, clock=self.clock
        )
        self.connections = self.use_cases.new_door(needs_token=needs_token)
        self.observer, self.log = self.use_cases.observer, self.use_cases.log
        self.serve_with()
        self.published = 0
        self.connected = 0

    def serve_with(self, **changes: Any) -> None:
        """Delivery with another outside; ``changes`` are fields of it."""
        self.outside = self.use_cases.outside(self.events, self.api, **changes)
        self.delivery = self.use_cases.new_delivery(self.outside)

    def _called(self, operation: str) -> None:
        self.calls[operation] += 1
        self.hook(operation)

    # -- what people do ------------------------------------------------------------------------------------------

    def connect(self, after: int | str | None = None, *, opens: timedelta = timedelta(), **more: Any) -> str:
        """A client connects; its connection id."""
        self.connected += 1
        connection_id = f"client-{self.connected}"
        token = more.pop("token", TOKEN)
        self.connections.connect(
            ConnectRequest(
                connection_id=connection_id,
                connected_at=self.clock(),
                endpoint_id=more.pop("endpoint_id", ENDPOINT),
                token=token,
                after=None if after is None else str(after),
                **more,
            )
        )
        self.api.open(connection_id, self.clock() + opens)
        return connection_id

    def publish(self, number: int = 1, *, size: int = 0, nonce: str | None = None, endpoint_id: str = ENDPOINT) -> list[str]:
        """One routing message of so many events, routed; their ids."""
        events = [an_event(self.published + offset + 1, size) for offset in range(number)]
        self.published += number
        for event in events:
            self.events.add(event)
        ids = [event.id for event in events]
        self.log.append([Routed(WORKSPACE, nonce or f"nonce-{self.published}", {endpoint_id: ids})])
        return ids

    def filter(self, pattern: Any, filter_id: str = FILTER, workspace_id: str = WORKSPACE, entries: int = 20) -> str:
        """Stores an event filter that takes so many index entries; its id."""
        condition = {"pattern": pattern}
        self.tables.filters[filter_id] = EventFilter(filter_id, workspace_id, "filter", condition, START, START, entries)
        return filter_id

    def set_status(self, status: EndpointStatus) -> None:
        endpoint = an_endpoint(status=status)
        self.tables.endpoints[ENDPOINT] = endpoint
        self.observer.changed([endpoint])

    def delete_endpoint(self) -> None:
        self.observer.deleted([self.tables.endpoints.pop(ENDPOINT)])

    # -- what the service does -----------------------------------------------------------------------------------

    def work(self, time_left: Callable[[], float] = lambda: 60.0, most: int = 10_000) -> list[ServingReport]:
        """Workers take messages until there are none, and wait for those that are delayed, up to two hours."""
        reports: list[ServingReport] = []
        until = self.clock() + timedelta(hours=2)
        while len(reports) < most:
            if groups := self.queue.groups():
                reports.append(self.work_group(groups[0], time_left))
                if reports[-1].again:
                    return reports
            elif self.backlog.next_at is not None and self.backlog.next_at <= until:
                self.clock.advance_to(self.backlog.next_at)
                reports.append(self.work_backlog(time_left))
            else:
                break
        return reports

    def work_group(self, group: str, time_left: Callable[[], float] = lambda: 60.0) -> ServingReport:
        """One batch of one group's wake-ups."""
        batch = [ReceivedWakeUp(wake_up, f"{group}@{number}") for number, wake_up in enumerate(self.queue.receive(group))]
        report = run(self.clock, self.delivery.serve(batch, time_left))
        if report.again:
            self.queue.failed(group)
        else:
            self.queue.done(group)
        return report

    def work_backlog(self, time_left: Callable[[], float] = lambda: 60.0) -> ServingReport:
        """One batch of the backlog queue."""
        messages = self.backlog.receive()
        report = run(self.clock, self.delivery.serve_backlog(messages, time_left))
        self.backlog.failed([messages[position] for position in report.again])
        return report

    # -- what a client sees --------------------------------------------------------------------------------------

    def frames(self, connection_id: str) -> list[Any]:
        """Everything that arrived, parsed."""
        return [json.loads(data) for data in self.api.received[connection_id]]

    def sequences(self, connection_id: str) -> list[int]:
        """Of the events that arrived one by one."""
        return [frame["sequence"] for frame in self.frames(connection_id)]

    def cursor(self, connection_id: str) -> int:
        """How far a connection is, as it is stored."""
        row = self.row(connection_id)
        shared = self.tables.groups.get((row.endpoint_id, row.group), GroupState()).cursor
        return max(row.cursor, shared) if row.lane is Lane.LIVE else row.cursor

    def row(self, connection_id: str) -> Connection:
        return self.tables.rows[ENDPOINT, connection_id]
