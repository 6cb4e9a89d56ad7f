"""Whose events a message holds: an id belongs to the publish whose event was stored first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from event_service.base.errors import DomainError, Unavailable
from event_service.events.event import Event
from event_service.events.ports import EventStore, Publisher, RoutingQueue
from event_service.events.routing_message import RoutingMessage
from event_service.routing.work import Work

_LOG = logging.getLogger(__name__)


class Ownership:
    """Leaves each message the events that are its own, and has them stored whole."""

    def __init__(self, store: EventStore, routing_queue: RoutingQueue) -> None:
        self._store = store
        self._routing_queue = routing_queue

    def owners_of(self, works: Sequence[Work]) -> dict[tuple[str, str], Publisher]:
        """One read for all messages that are not continuations.

        Raises:
            RateLimited, Unavailable: the events could not be read.
        """
        first = [work.received.message for work in works if work.is_open and not work.received.message.continuation]
        keys = {(message.workspace_id, event.id) for message in first for event in message.events}
        return self._store.owners(keys) if keys else {}

    def claim(self, work: Work, owners: dict[tuple[str, str], Publisher]) -> None:
        """Stores what of a message is not stored yet, which ``owners`` shows afterwards, and chooses its events.

        Of those that the router stores itself the rows are written after routing, as of those whose publisher had no time
        for them.
        """
        message = work.received.message
        if message.continuation:
            work.events = message.events
            return
        missing = [event for event in message.events if (message.workspace_id, event.id) not in owners]
        if missing:
            outcome = self._store.put_if_absent(missing, message.nonce, rows_later=True)
            if outcome.failed:
                work.failure = f"{len(outcome.failed)} events could not be stored"
                return
            own = Publisher(message.nonce, rows_missing=True)
            for event in missing:
                owners[message.workspace_id, event.id] = outcome.taken.get(event.id, own)
        mine = [event for event in message.events if owners[message.workspace_id, event.id].nonce == message.nonce]
        work.events = tuple(mine)
        work.unfinished = tuple(event for event in mine if owners[message.workspace_id, event.id].rows_missing)
        work.duplicates = len(message.events) - len(mine)

    def finish(self, message: RoutingMessage, events: Sequence[Event], is_late: Callable[[], bool]) -> None:
        """Writes the rows by which events are found in lists. When that fails, or there is no time for it, a message of its
        own does it: deliveries that were handed over are not handed over again for the sake of a list.

        Raises:
            RateLimited, Unavailable: the rows may not be written, and nobody will do it.
        """
        if message.rows_only:
            self._store.write_rows(events)
            return
        try:
            if not is_late():
                self._store.write_rows(events)
                return
        except (DomainError, Unavailable) as error:
            _LOG.warning("rows of %d routed events are written by a message of its own: %s", len(events), error)
        self._routing_queue.send(message.for_rows(events))
