"""Sending deliveries again: what retries by hand and replays have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from event_service.base.dates import format_date
from event_service.delivery.attempt import Delivery, DeliveryKey, PendingAttempt
from event_service.delivery.lane import Look
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import BacklogRow, BacklogStore, WideEvents
from event_service.events.event import Event


class Resending:
    """Sends deliveries again, through the backlogs of their endpoints: each receiver gets them at its own pace."""

    def __init__(self, backlog: BacklogStore, looks: Looks, wide_events: WideEvents) -> None:
        self._backlog = backlog
        self._looks = looks
        self._wide_events = wide_events

    def send(self, rows: Sequence[BacklogRow]) -> None:
        """Puts rows into their backlogs and has them sent.

        Raises:
            RateLimited, Unavailable: it is not known whether all will be sent.
        """
        if rows:
            self._backlog.add(self._placed(rows))
            keys = dict.fromkeys((row.attempt.delivery.workspace_id, row.attempt.delivery.endpoint_id) for row in rows)
            self._looks.ask([Look(*key) for key in keys])

    def _placed(self, rows: Sequence[BacklogRow]) -> list[BacklogRow]:
        """Deliveries that the log has not seen yet are recorded where the first attempt would be, should that come as well."""
        unseen: dict[str, set[str]] = {}
        for row in rows:
            key = row.attempt.delivery
            if not row.attempt.listed and not key.log_shards:
                unseen.setdefault(key.workspace_id, set()).add(key.event_id)
        shards = {
            (workspace_id, event_id): number
            for workspace_id, event_ids in unseen.items()
            for event_id, number in self._wide_events.log_shards(workspace_id, event_ids).items()
        }
        return [_spread(row, shards.get(row.attempt.delivery.event, row.attempt.delivery.log_shards)) for row in rows]


def _spread(row: BacklogRow, shards: int) -> BacklogRow:
    return replace(row, attempt=replace(row.attempt, delivery=replace(row.attempt.delivery, log_shards=shards)))


def row_again(endpoint_id: str, event: Event, delivery: Delivery | None) -> BacklogRow:
    """The next attempt, in the backlog of its endpoint. The same number may be under way from elsewhere: the log decides."""
    number = 1 if delivery is None else delivery.last_number + 1
    version = None if delivery is None else delivery.configuration_version
    shards = 0 if delivery is None else delivery.log_shards
    key = DeliveryKey(event.workspace_id, endpoint_id, event.id, format_date(event.created), version, shards)
    return BacklogRow(PendingAttempt(key, number, schedule_start=number, listed=delivery is not None, begun=number), key.accepted_at)
