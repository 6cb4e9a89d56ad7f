"""Replaying: sending retained events to one webhook again, as its event filters are now."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import BadUserInput
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.history import AcceptedEvents, Endpoints, require_webhook, row_again, send_rows
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import BacklogRow, BacklogStore, DeliveryLog
from event_service.events.ports import EventStore
from event_service.filters.event_filter import EventFilter
from event_service.routing.table import Matcher, RoutingTable

MAXIMUM_REPLAYED_EVENTS: Final = 10_000
MAXIMUM_REPLAY_SECONDS: Final = 15.0
"""A replay stops there and says where to go on: the function that answers has 29 s in all."""
EVENTS_PER_READ: Final = 100
ON_ITS_WAY: Final = timedelta(minutes=5)
"""An event that was accepted so lately and has no attempt yet is on its way. Older messages of the queue are looked up in the
log before they are sent, so that none is sent twice."""


class EndpointsAndFilters(Endpoints, Protocol):
    """What is asked of the configuration."""

    def event_filters_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, list[EventFilter]]:
        """The linked event filters of each."""


class Replay:
    """The use case behind ``replayEvents``."""

    def __init__(
        self,
        *,
        log: DeliveryLog,
        backlog: BacklogStore,
        looks: Looks,
        store: EventStore,
        accepted: AcceptedEvents,
        endpoints: EndpointsAndFilters,
        make_matcher: Callable[[], Matcher],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._backlog = backlog
        self._looks = looks
        self._store = store
        self._accepted = accepted
        self._endpoints = endpoints
        self._make_matcher = make_matcher
        self._clock = clock
        self._monotonic = monotonic

    def replay(
        self,
        workspace_id: str,
        endpoint_id: str,
        since: datetime,
        until: datetime | None = None,
        missing_only: bool = True,
    ) -> tuple[int, datetime | None]:
        """Sends again, to one webhook, the retained events accepted in ``[since, until)`` that its filters match now.

        Args:
            workspace_id: the token's workspace.
            endpoint_id: a WEB_HOOK endpoint.
            since: the first moment of acceptance.
            until: the end; now when left out, so that a replay does not chase what is being published.
            missing_only: leave out what was delivered or is on its way.

        Returns:
            How many were sent, and from when on to continue (``None``: all are done). Events of one moment stay together.

        Raises:
            BadUserInput: a malformed id, a WEB_SOCKET endpoint, or an empty span of time.
            NotFound: an unknown endpoint.
            Unavailable: it is not known whether all were sent.
        """
        endpoint = require_webhook(self._endpoints, workspace_id, endpoint_id, "endpointId", "its clients reconnect with `after`")
        end = self._clock() if until is None else until
        if since >= end:
            raise BadUserInput(f"since: {format_date(since)} is not before the end, {format_date(end)}.")
        table = self._routing_of(endpoint)
        stop = self._monotonic() + MAXIMUM_REPLAY_SECONDS
        sent = 0
        moments = itertools.groupby(self._accepted.accepted(workspace_id, since, end), key=lambda entry: entry[0])
        for some in _moments_in_groups(moments):
            rows = self._to_replay(endpoint, table, [event_id for _, event_id in some], missing_only=missing_only)
            if sent and (sent + len(rows) > MAXIMUM_REPLAYED_EVENTS or self._monotonic() > stop):
                return sent, some[0][0]
            send_rows(self._backlog, self._looks, rows)
            sent += len(rows)
        return sent, None

    def _to_replay(self, endpoint: Endpoint, table: RoutingTable, ids: Sequence[str], *, missing_only: bool) -> list[BacklogRow]:
        stored = self._store.get(endpoint.workspace_id, ids)
        events = [stored[one].event for one in ids if one in stored and table.selects(endpoint.id, stored[one].event)]
        log = self._log.deliveries(endpoint.workspace_id, [(endpoint.id, event.id) for event in events]) if events else {}
        under_way = (DeliveryStatus.DELIVERED, DeliveryStatus.PENDING) if missing_only else ()
        young = self._clock() - ON_ITS_WAY
        rows: list[BacklogRow] = []
        for event in events:
            delivery = log.get((endpoint.id, event.id))
            if delivery is None and missing_only and event.created > young:
                continue
            if delivery is None or delivery.status not in under_way:
                rows.append(row_again(endpoint.id, event, delivery))
        return rows

    def _routing_of(self, endpoint: Endpoint) -> RoutingTable:
        filters = self._endpoints.event_filters_of(endpoint.workspace_id, [endpoint.id])[endpoint.id]
        table = RoutingTable(endpoint.workspace_id, self._make_matcher())
        # Read again: the last event filter may be deleted, or the first one linked, between the two reads.
        current = self._endpoints.endpoint(endpoint.workspace_id, endpoint.id)
        matching_nothing = [one.id for one in (endpoint, current) if one is not None and one.matches_nothing]
        table.load(0, {endpoint.id: endpoint.type}, filters, {endpoint.id: [one.id for one in filters]}, matching_nothing)
        return table


def _moments_in_groups(
    moments: Iterable[tuple[datetime, Iterator[tuple[datetime, str]]]],
) -> Iterator[list[tuple[datetime, str]]]:
    """Whole moments, together about as many events as are read and sent in one go: a replay can only be continued
    between moments."""
    group: list[tuple[datetime, str]] = []
    for _, entries in moments:
        group.extend(entries)
        if len(group) >= EVENTS_PER_READ:
            yield group
            group = []
    if group:
        yield group
