"""Asking for lanes to be served: now through the queue, later through a reminder that the scheduler finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.delivery.lane import MAXIMUM_CONTINUATIONS, MAXIMUM_QUEUE_DELAY_SECONDS, Look
from event_service.delivery.ports import LookQueue, Reminder, ReminderStore

ANNOUNCED_SECONDS: Final = 120
"""Longer than any request to the API lasts: by then the change that was announced is there, or will never be."""


class Looks:
    """Sends looks. None is lost: what the queue does not take becomes a reminder."""

    def __init__(self, queue: LookQueue, reminders: ReminderStore, clock: Clock) -> None:
        self._queue = queue
        self._reminders = reminders
        self._clock = clock

    def announce(self, workspace_id: str, endpoint_id: str) -> None:
        """Notes that a look will be needed soon, should whoever is about to ask for it die before it can."""
        self._reminders.put([Reminder(workspace_id, endpoint_id, self._clock() + timedelta(seconds=ANNOUNCED_SECONDS))])

    def ask(self, looks: Sequence[Look], delay_seconds: float = 0.0) -> None:
        """Asks for lanes to be served after a delay of any length.

        Raises:
            RateLimited, Unavailable: neither the queue nor the reminders took them all.
        """
        at = self._clock() + timedelta(seconds=delay_seconds)
        queued = [one for one in looks if delay_seconds <= MAXIMUM_QUEUE_DELAY_SECONDS and one.continuations <= MAXIMUM_CONTINUATIONS]
        unsent = self._queue.send([(one, delay_seconds) for one in queued]) if queued else []
        later = [one for one in looks if one not in queued] + [queued[position] for position in unsent]
        if later:
            self.remind([Reminder(one.workspace_id, one.endpoint_id, at) for one in later])

    def remind(self, reminders: Sequence[Reminder]) -> None:
        """Asks for looks at given times, however late."""
        self._reminders.put(list(dict.fromkeys(reminders)))


def reminder_for(workspace_id: str, endpoint_id: str, at: datetime) -> Reminder:
    """A reminder in the minute that begins at or after ``at``: retries that are due then are found."""
    minute = at.replace(second=0, microsecond=0)
    return Reminder(workspace_id, endpoint_id, minute if minute == at else minute + timedelta(minutes=1))
