"""Sending deliveries again: what retries by hand and replays have in common."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.base.dates import format_date
from event_service.delivery.attempt import Delivery, DeliveryKey, PendingAttempt
from event_service.delivery.lane import Look
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import BacklogRow, BacklogStore
from event_service.events.event import Event


class Resending:
    """Sends deliveries again, through the backlogs of their endpoints: each receiver gets them at its own pace."""

    def __init__(self, backlog: BacklogStore, looks: Looks) -> None:
        self._backlog = backlog
        self._looks = looks

    def send(self, rows: Sequence[BacklogRow]) -> None:
        """Puts rows into their backlogs and has them sent.

        Raises:
            RateLimited, Unavailable: it is not known whether all will be sent.
        """
        if rows:
            self._backlog.add(rows)
            keys = dict.fromkeys((row.attempt.delivery.workspace_id, row.attempt.delivery.endpoint_id) for row in rows)
            self._looks.ask([Look(*key) for key in keys])


def row_again(endpoint_id: str, event: Event, delivery: Delivery | None) -> BacklogRow:
    """The next attempt, in the backlog of its endpoint. The same number may be under way from elsewhere: the log decides."""
    number = 1 if delivery is None else delivery.last_number + 1
    version = None if delivery is None else delivery.configuration_version
    key = DeliveryKey(event.workspace_id, endpoint_id, event.id, format_date(event.created), version)
    return BacklogRow(PendingAttempt(key, number, schedule_start=number, listed=delivery is not None, begun=number), key.accepted_at)
