"""Replaying to webhooks: events are put into the backlog of the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.messages import ON_ITS_WAY
from event_service.delivery.ports import BacklogRow, DeliveryLog
from event_service.delivery.replay_target import Chosen, Receiver
from event_service.delivery.resending import Resending, row_again
from event_service.events.event import Event


class WebhookTarget:
    """Through the backlog: each receiver gets them at its own pace, in its own lane."""

    def __init__(self, log: DeliveryLog, resending: Resending, clock: Clock) -> None:
        self._log = log
        self._resending = resending
        self._clock = clock

    def open(self, endpoint: Endpoint, since: datetime, *, missing_only: bool, run_id: str) -> Receiver:  # noqa: ARG002 - see ReplayTarget
        return _Webhook(self._log, self._resending, self._clock, endpoint, missing_only)


@dataclass(frozen=True, slots=True)
class _Webhook:
    log: DeliveryLog
    resending: Resending
    clock: Clock
    endpoint: Endpoint
    missing_only: bool

    def choose(self, events: Sequence[Event]) -> Chosen:
        rows = self._rows(events)
        return Chosen(len(rows), lambda: self.resending.send(rows))

    def _rows(self, events: Sequence[Event]) -> list[BacklogRow]:
        endpoint = self.endpoint
        log = self.log.deliveries(endpoint.workspace_id, [(endpoint.id, event.id) for event in events]) if events else {}
        under_way = (DeliveryStatus.DELIVERED, DeliveryStatus.PENDING) if self.missing_only else ()
        young = self.clock() - ON_ITS_WAY
        rows: list[BacklogRow] = []
        for event in events:
            delivery = log.get((endpoint.id, event.id))
            if delivery is None and self.missing_only and event.created > young:
                # It may be on its way: whether it was is looked up once it would have arrived.
                rows.append(replace(row_again(endpoint.id, event, None), at=format_date(event.created + ON_ITS_WAY)))
            elif delivery is None or delivery.status not in under_way:
                rows.append(row_again(endpoint.id, event, delivery))
        return rows
