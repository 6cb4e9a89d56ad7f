"""The backlog of an endpoint that is off or backed off from, and how its sending is started.

A durable ticket says that an endpoint's backlog is to be sent. One run after the other takes the oldest deliveries (see
:mod:`event_service.webhooks.backlog_run`); each run is one message in the queue of webhook delivery, and the ticket holds
the token of the run that may come next, so that no two ever run at once. Should a run or its message be lost, the scheduler
finds the ticket when its time has passed and starts the run again. A ticket goes only when the backlog was empty at two
looks with :data:`EMPTY_SECONDS` in between: a worker that still believes that the endpoint is off adds its delivery
within that time or not at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.delivery.messages import BacklogMessage
from event_service.delivery.ports import BacklogStore, BacklogTicket, WebhookQueue

MAXIMUM_QUEUE_DELAY_SECONDS: Final = 900
RUN_SECONDS: Final = 120
"""A run that has not ended by then is dead: no invocation lasts longer than 60 s."""
EMPTY_SECONDS: Final = 120
"""Longer than an invocation, which is how long a worker can act on a status that it read."""


class BacklogTickets:
    """Starts the sending of backlogs."""

    def __init__(
        self,
        store: BacklogStore,
        queue: WebhookQueue,
        clock: Clock,
        draw_token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self.draw_token = draw_token

    def announce(self, workspace_id: str, endpoint_id: str) -> None:
        """Notes that sending is about to be started, should whoever starts it die before it can."""
        self._put(workspace_id, endpoint_id, RUN_SECONDS)

    def begin(self, workspace_id: str, endpoint_id: str, delay_seconds: float = 0.0) -> None:
        """Starts sending after a delay of any length. A run that is under way is the last of its chain."""
        in_queue = delay_seconds <= MAXIMUM_QUEUE_DELAY_SECONDS
        ticket = self._put(workspace_id, endpoint_id, delay_seconds + (RUN_SECONDS if in_queue else 0.0))
        self.send(ticket, delay_seconds)

    def send(self, ticket: BacklogTicket, delay_seconds: float = 0.0, continuations: int = 0) -> None:
        """Puts the ticket's run into the queue. A run that is due later than a queue can hold it back, or that could not be
        sent, is left to the scheduler."""
        if delay_seconds > MAXIMUM_QUEUE_DELAY_SECONDS:
            return
        message = BacklogMessage(ticket.workspace_id, ticket.endpoint_id, ticket.token, ticket.found_empty_once, continuations)
        self._queue.send([(message, delay_seconds)])

    def _put(self, workspace_id: str, endpoint_id: str, seconds: float) -> BacklogTicket:
        check_at = self._clock() + timedelta(seconds=seconds)
        ticket = BacklogTicket(workspace_id, endpoint_id, self.draw_token(), check_at)
        self._store.put_ticket(ticket)
        return ticket
