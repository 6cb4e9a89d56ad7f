"""The GraphQL function's use cases with the real reading of events and deliveries, over stores in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from event_service.base.dates import format_date
from event_service.delivery.attempt import Attempt, DeliveryKey, DeliveryStatus, LogRecord
from event_service.delivery.cancelling import Cancelling
from event_service.delivery.history import DeliveryHistory
from event_service.delivery.receiver_reports import ReceiverReports
from event_service.events.event import Event
from event_service.events.reading import EventsReading
from event_service.routing.bulk_retry import BulkRetry
from event_service.routing.replay import Replay
from tests import builders
from tests.builders import START
from tests.fakes.events import FakeEventIndexes, FakeEventStore
from tests.fakes.graphql_services import FakeServices
from tests.fakes.history import HistoryScene


class ReadingServices(FakeServices):
    """Events and deliveries that a test puts there; ``indexes`` and ``log`` note what is read."""

    def __init__(self, workspace_id: str) -> None:
        super().__init__()
        self._workspace_id = workspace_id
        self.world = HistoryScene()
        self.store = FakeEventStore(self.world.clock)
        self.indexes = FakeEventIndexes(self.store)
        self.log = self.world.log
        self._reading = EventsReading(self.store, self.indexes, self.world.clock, lambda: 0.0)
        self._use_cases = self.world.use_cases_with(self.store, self._reading, self.configuration())

    def events_reading(self) -> EventsReading:  # type: ignore[override]
        return self._reading

    def deliveries(self) -> DeliveryHistory:  # type: ignore[override]
        return self._use_cases.deliveries

    def receiver_reports(self) -> ReceiverReports:
        return ReceiverReports(self.known_health, self.lanes, self.log, self.world.backlog, self.world.clock)

    def cancelling(self) -> Cancelling:
        history, endpoints = self.deliveries(), self.configuration().endpoints
        return Cancelling(deliveries=history, log=self.log, backlog=self.world.backlog, endpoints=endpoints, clock=self.world.clock)

    def replay(self) -> Replay:  # type: ignore[override]
        return self.world.replay_of(self._use_cases)

    def bulk_retry(self) -> BulkRetry:
        return self._use_cases.bulk_retry

    def event(self, event_id: str, minute: float, **fields: Any) -> Event:
        """An event that happened, and was accepted, so many minutes after the beginning."""
        moment: datetime = START + timedelta(minutes=minute)
        given = {"type": "a", "date": moment, **fields}
        event = builders.an_event(id=event_id, workspace_id=self._workspace_id, created=moment, **given)
        self.store.put([event], "00")
        self.world.clock.now = max(self.world.clock.now, moment + timedelta(minutes=1))
        return event

    def delivery(
        self,
        event: Event,
        endpoint_id: str,
        status: DeliveryStatus = DeliveryStatus.DELIVERED,
        status_code: int | None = 200,
        duration_ms: int = 5,
    ) -> None:
        """A delivery with one attempt."""
        key = DeliveryKey(self._workspace_id, endpoint_id, event.id, format_date(event.created))
        attempt = Attempt(1, event.created, duration_ms, status_code, None, None, "")
        self.log.write([LogRecord(key, status, event.created, attempt=attempt, listed=True)])
