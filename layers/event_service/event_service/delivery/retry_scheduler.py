"""Hands back to webhook delivery what has become due: retries, and runs of sending backlogs.

Nothing here remembers how far it came: what is due and handed on is deleted, what is not deleted is found again. So a run
may die anywhere; what was sent and not deleted is sent again, and webhook delivery drops it, because the log has it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.delivery.attempt import DeliveryStatus, LogRecord, PendingAttempt
from event_service.delivery.backlog import RUN_SECONDS
from event_service.delivery.messages import BacklogMessage, WebhookMessage
from event_service.delivery.ports import BACKLOG_SHARDS, BacklogStore, DeliveryLog, DueRetry, RetryStore, WebhookQueue
from event_service.events.event import Event
from event_service.events.ports import EventStore

_LOG = logging.getLogger(__name__)

ROUND: Final = 100
"""Retries of one shard that are read, sent and deleted together: one read of their events."""
LEAST_SECONDS: Final = 12.0
"""With less time left, no further round is begun."""
SHARDS_AT_ONCE: Final = 4
"""A round holds up to 100 events of 256 KiB: four of them fit into the function's memory."""


@dataclass(slots=True)
class RetryReport:
    """What a run did. ``complete``: nothing that was due is left. ``late_seconds``: by how much the most overdue was late."""

    sent: int = 0
    discarded: int = 0
    backlog_runs: int = 0
    complete: bool = True
    late_seconds: float = 0.0


def stored_message(attempt: PendingAttempt, event: Event) -> WebhookMessage:
    """The message for a retry or an entry of a backlog. It may have been made already: the log is to be asked."""
    return WebhookMessage(attempt, event.as_json(), repeat=True)


def discarded_record(attempt: PendingAttempt, now: datetime) -> LogRecord:
    """That a delivery will never be made."""
    return LogRecord(
        delivery=attempt.delivery,
        status=DeliveryStatus.DISCARDED,
        date=now,
        waits_for=attempt.number,
        schedule_start=attempt.schedule_start,
        # The record by which lists found the delivery may be about to expire.
        listed=True,
    )


def events_of(store: EventStore, attempts: Sequence[PendingAttempt]) -> dict[tuple[str, str], Event]:
    """The events of pending attempts, by (workspace id, event id), strongly consistent; expired ones are missing."""
    of_workspace: dict[str, list[str]] = {}
    for one in attempts:
        of_workspace.setdefault(one.delivery.workspace_id, []).append(one.delivery.event_id)
    return {
        (workspace_id, event_id): stored.event
        for workspace_id, ids in of_workspace.items()
        for event_id, stored in store.get(workspace_id, list(dict.fromkeys(ids))).items()
    }


class RetryScheduler:
    """Hands on what is due; one run a minute."""

    def __init__(
        self, *, retries: RetryStore, backlog: BacklogStore, store: EventStore, log: DeliveryLog, queue: WebhookQueue, clock: Clock
    ) -> None:
        self._retries = retries
        self._backlog = backlog
        self._store = store
        self._log = log
        self._queue = queue
        self._clock = clock

    def run(self, time_left: Callable[[], float]) -> RetryReport:
        """Hands on all that is due, or what fits into the time; the next run goes on.

        Args:
            time_left: seconds until the process is stopped.
        """
        report = RetryReport()
        self._start_runs(report)
        with ThreadPoolExecutor(max_workers=SHARDS_AT_ONCE) as threads:
            for part in threads.map(lambda shard: self._shard(shard, time_left), range(BACKLOG_SHARDS)):
                report.sent += part.sent
                report.discarded += part.discarded
                report.complete = report.complete and part.complete
                report.late_seconds = max(report.late_seconds, part.late_seconds)
        return report

    def _start_runs(self, report: RetryReport) -> None:
        for ticket in self._backlog.tickets_due(self._clock()):
            # First sent, then noted: two copies of a run are one, since its token is good once.
            message = BacklogMessage(ticket.workspace_id, ticket.endpoint_id, ticket.token, ticket.found_empty_once)
            if self._queue.send([(message, 0.0)]):
                continue
            self._backlog.put_ticket(replace(ticket, check_at=self._clock() + timedelta(seconds=RUN_SECONDS)), replaces=ticket.token)
            report.backlog_runs += 1

    def _shard(self, shard: int, time_left: Callable[[], float]) -> RetryReport:
        report = RetryReport()
        while True:
            if time_left() < LEAST_SECONDS:
                report.complete = False
                return report
            try:
                entries = self._retries.due(shard, self._clock(), ROUND)
                if not entries:
                    return report
                progress = self._hand_on(entries, report)
            except (DomainError, Unavailable) as error:
                _LOG.warning("a round of retries failed, the next run repeats it: %s", error)
                progress = False
            if not progress:
                report.complete = False
                return report

    def _hand_on(self, entries: Sequence[DueRetry], report: RetryReport) -> bool:
        """One round; whether anything was handed on."""
        report.late_seconds = max(report.late_seconds, (self._clock() - min(entry.due for entry in entries)).total_seconds())
        events = events_of(self._store, [entry.attempt for entry in entries])
        alive: list[DueRetry] = []
        gone: list[DueRetry] = []
        for entry in entries:
            (alive if entry.attempt.delivery.event in events else gone).append(entry)
        messages = [stored_message(entry.attempt, events[entry.attempt.delivery.event]) for entry in alive]
        unsent = set(self._queue.send([(message, 0.0) for message in messages]))
        sent = [entry for position, entry in enumerate(alive) if position not in unsent]
        if gone:
            now = self._clock()
            self._log.write([discarded_record(entry.attempt, now) for entry in gone])
        self._retries.delete([*sent, *gone])
        report.sent += len(sent)
        report.discarded += len(gone)
        return bool(sent or gone)
