"""Publishing: accepting events.

One SQS message is the commit. Before it nothing is written, so what is refused leaves no trace; after it the publish is
accepted, whatever fails then: the router stores what it does not find. Whose event it is, when an id is published twice,
is decided by the conditional put of the events table and by nothing else, for the publisher and for the router alike.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from event_service.access.token import Token, TokenKind
from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import DomainError, TooLarge, Unavailable
from event_service.base.identifiers import new_id
from event_service.events.event import MAXIMUM_PUBLISH_BYTES, Event
from event_service.events.new_event import NewEvent, Origin, accept_all
from event_service.events.ports import EventStore, Publisher, RoutingQueue
from event_service.events.routing_message import RoutingMessage

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublishResult:
    """``ids`` has one id for each event given, in that order; ``duplicate_ids`` those that had been published before
    (or earlier in the same call), each once."""

    ids: list[str]
    duplicate_ids: list[str]


class Publishing:
    """The one use case behind the three doors."""

    def __init__(
        self,
        store: EventStore,
        queue: RoutingQueue,
        clock: Clock,
        draw_id: Callable[[], str] = new_id,
        draw_nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._draw_id = draw_id
        self._draw_nonce = draw_nonce

    def publish(self, caller: Token, events: Sequence[NewEvent], traceparent: str | None = None) -> PublishResult:
        """Accepts all events or none.

        Example::

            publishing.publish(token, [NewEvent(type="order.created", data={"total": 80})]).ids

        Raises:
            BadUserInput, TooLarge, Forbidden: see :func:`~event_service.events.new_event.accept_all`; also TooLarge
                when the events have more than 900 KiB together.
            RateLimited: the queue took nothing; nothing was published.
            Unavailable: it is not known whether they were accepted; publishing the same ids again is safe.
        """
        agent_id = caller.agent_id if caller.kind is TokenKind.AGENT else None
        return self._publish(events, Origin(caller.workspace_id, self._clock(), agent_id=agent_id), traceparent)

    def publish_from_bus(self, workspace_id: str, events: Sequence[NewEvent], traceparent: str | None = None) -> PublishResult:
        """The same for events that AWS itself hands over, so that there is no token. Raises as :meth:`publish`."""
        return self._publish(events, Origin(workspace_id, self._clock()), traceparent)

    def publish_operational(self, workspace_id: str, event_type: str, data: dict[str, Any], event_id: str | None = None) -> PublishResult:
        """Publishes what the service itself has to say, such as ``event-service.endpoint.disabled``.

        Args:
            workspace_id: whose event it is.
            event_type: begins with ``event-service.``.
            data: ``endpointId`` in it names the endpoint that it speaks of, to which it is never routed.
            event_id: makes a repeat a duplicate.
        """
        event = NewEvent(type=event_type, data=data, id=event_id)
        return self._publish([event], Origin(workspace_id, self._clock(), reserved=True), None)

    def _publish(self, given: Sequence[NewEvent], origin: Origin, traceparent: str | None) -> PublishResult:
        events = accept_all(given, origin, self._draw_id)
        ids = [event.id for event in events]
        chosen_by_publisher = {event.id for new, event in zip(given, events, strict=True) if new.id is not None}
        first: dict[str, Event] = {}
        duplicates: dict[str, None] = {}
        for event in events:
            if event.id in first:
                duplicates[event.id] = None
            else:
                first[event.id] = event
        message = RoutingMessage(origin.workspace_id, self._draw_nonce(), format_date(origin.accepted), tuple(first.values()), traceparent)
        _check_size(message)
        known = self._known(origin.workspace_id, [event_id for event_id in first if event_id in chosen_by_publisher])
        duplicates.update(dict.fromkeys(known))
        fresh = [event for event in first.values() if event.id not in known]
        if fresh:
            self._queue.send(message if not known else message.only(fresh))
            duplicates.update(dict.fromkeys(self._store_all(fresh, chosen_by_publisher, message.nonce)))
        return PublishResult(ids, [event_id for event_id in dict.fromkeys(ids) if event_id in duplicates])

    def _known(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are certainly taken. It saves the router their work; it decides nothing that the put
        would not decide alike, so that the cheaper read does, and a failure is no reason to refuse the publish."""
        if not ids:
            return set()
        try:
            found = self._store.owners([(workspace_id, event_id) for event_id in ids], consistent=False)
        except (DomainError, Unavailable):
            return set()
        return {event_id for _, event_id in found}

    def _store_all(self, events: Sequence[Event], chosen_by_publisher: set[str], nonce: str) -> list[str]:
        """Makes the events readable; returns the ids that another publish has."""
        drawn = [event for event in events if event.id not in chosen_by_publisher]
        chosen = [event for event in events if event.id in chosen_by_publisher]
        if drawn:
            try:
                self._store.put(drawn, nonce)
            except (DomainError, Unavailable) as error:
                _LOG.warning("accepted events are not readable yet, the router stores them: %s", error)
        if not chosen:
            return []
        return [event_id for event_id, owner in self._put_chosen(chosen, nonce).items() if owner.nonce != nonce]

    def _put_chosen(self, events: Sequence[Event], nonce: str) -> dict[str, Publisher]:
        """Stores events whose ids may be taken; returns who has those that are."""
        outcome = self._store.put_if_absent(events, nonce)
        taken = dict(outcome.taken)
        if not outcome.failed:
            return taken
        # A put that failed may have lost: only who looks again can tell its publisher that the id is a duplicate.
        unknown = {event.id: event for event in events if event.id in outcome.failed}
        try:
            found = self._store.owners([(event.workspace_id, event.id) for event in unknown.values()])
        except (DomainError, Unavailable) as error:
            _LOG.warning("whether %d ids are duplicates is decided by the router: %s", len(unknown), error)
            return taken
        taken.update((event_id, owner) for (_, event_id), owner in found.items())
        absent = [event for event_id, event in unknown.items() if event_id not in taken]
        if absent:
            again = self._store.put_if_absent(absent, nonce, rows_later=True)
            taken.update(again.taken)
            if again.failed:
                _LOG.warning("%d accepted events are not readable yet, the router stores them", len(again.failed))
        return taken


def _check_size(message: RoutingMessage) -> None:
    # Sent again it says so, which takes a few bytes more: the limit must hold for that text, too.
    size = len(message.text(repeat=True).encode())
    if size > MAXIMUM_PUBLISH_BYTES:
        raise TooLarge(
            f"events: {size:,} bytes together as sent; a publish has at most {MAXIMUM_PUBLISH_BYTES:,}. "
            "Nothing was published: send them in several publishes."
        )
