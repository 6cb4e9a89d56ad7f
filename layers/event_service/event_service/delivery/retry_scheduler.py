"""Asks for the lanes to be served that have something due: retries, and lanes that rest for long.

Retries themselves stand in the backlog of their endpoint, with the date on which they are due. Here is only a reminder for each
endpoint and minute, so that a run costs no more for an endpoint with a million retries than for one with a single one, and
reads no event. A reminder that is due and handed on is deleted. One that is not deleted is found again: a run may die anywhere, and
a look that is sent twice is harmless.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import DomainError, Unavailable
from event_service.delivery.lane import Look
from event_service.delivery.ports import REMINDER_SHARDS, LookQueue, ReminderStore

_LOG = logging.getLogger(__name__)

ROUND: Final = 500
"""Reminders of one shard that are read, sent and deleted together; each is some 200 bytes."""
LEAST_SECONDS: Final = 12.0
"""With less time left, no further round is begun."""


@dataclass(slots=True)
class RetryReport:
    """What a run did. ``complete``: nothing that was due is left. ``late_seconds``: by how much the most overdue was late."""

    sent: int = 0
    complete: bool = True
    late_seconds: float = 0.0


class RetryScheduler:
    """Hands on reminders that are due; one run a minute.

    Example::

        report = scheduler.run(time_left)
    """

    def __init__(self, reminders: ReminderStore, queue: LookQueue, clock: Clock) -> None:
        self._reminders = reminders
        self._queue = queue
        self._clock = clock

    def run(self, time_left: Callable[[], float]) -> RetryReport:
        """Hands on all that is due, or what fits into the time; the next run goes on.

        Args:
            time_left: seconds until the process is stopped.
        """
        report = RetryReport()
        with ThreadPoolExecutor(max_workers=REMINDER_SHARDS) as threads:
            for part in threads.map(lambda shard: self._shard(shard, time_left), range(REMINDER_SHARDS)):
                report.sent += part.sent
                report.complete = report.complete and part.complete
                report.late_seconds = max(report.late_seconds, part.late_seconds)
        return report

    def _shard(self, shard: int, time_left: Callable[[], float]) -> RetryReport:
        report = RetryReport()
        while time_left() >= LEAST_SECONDS:
            try:
                found = self._reminders.due(shard, self._clock(), ROUND)
                if not found:
                    return report
                report.late_seconds = max(report.late_seconds, (self._clock() - min(one.at for one in found)).total_seconds())
                unsent = set(self._queue.send([(Look(one.workspace_id, one.endpoint_id), 0.0) for one in found]))
                sent = [one for position, one in enumerate(found) if position not in unsent]
                self._reminders.delete(sent)
            except (DomainError, Unavailable) as error:
                _LOG.warning("a round of reminders failed, the next run repeats it: %s", error)
                break
            report.sent += len(sent)
            if not sent:
                break
        report.complete = False
        return report
