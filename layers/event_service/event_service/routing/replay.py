"""Replaying: sending retained events to one endpoint again, as its event filters are now."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.errors import BadUserInput, NotFound, TooLarge
from event_service.base.identifiers import new_id, parse_uuid
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.replay_target import Receiver, ReplayTargets
from event_service.events.event import Event
from event_service.events.ports import EventStore
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.routing.endpoint_routing import EndpointsAndFilters, routing_of
from event_service.routing.table import Matcher, RoutingTable

MAXIMUM_REPLAYED_EVENTS: Final = 10_000
MAXIMUM_EVENTS_LOOKED_AT: Final = 50_000
"""Of which the filters may select few or none."""
MAXIMUM_REPLAY_SECONDS: Final = 15.0
"""A replay stops there and says where to go on: the function that answers has 29 s in all."""
SECONDS_PER_ROUND: Final = 3.0
"""Time that one step may take beyond the end: reading a hundred events and sending them."""
LAG_SECONDS: Final = 5.0
"""By which the indexes that name the accepted events may be behind; they mostly are by less than one."""
EVENTS_PER_READ: Final = 100
STEPS_PER_GROUP: Final = 2 * STEPS_PER_EVENT
"""Of matching, for the events of one step: about 2 s. What is not decided then is sent."""
_TICK: Final = timedelta(microseconds=1)


class AcceptedInTime(Protocol):
    """The order in which events were accepted, for as long as there is time."""

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        """All accepted in ``[since, until)`` as (moment, id), in that order; ``check`` is called before each read and may
        end it by raising."""


class _OutOfTime(Exception):
    """The time of a replay ended while it looked for events."""


@dataclass(slots=True)
class _Run:
    """One replay: what it is for, until when it may go on, and how far it is."""

    endpoint: Endpoint
    table: RoutingTable
    receiver: Receiver
    stop: float
    dry_run: bool = False
    sent: int = 0
    looked_at: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it did as much as one call may."""
        return self.sent >= MAXIMUM_REPLAYED_EVENTS or self.looked_at >= MAXIMUM_EVENTS_LOOKED_AT


class Replay:
    """The use case behind ``replayEvents``.

    Example::

        count, go_on_from = replay.replay(workspace_id, endpoint_id, since, until, dry_run=True)
    """

    def __init__(
        self,
        *,
        targets: ReplayTargets,
        store: EventStore,
        accepted: AcceptedInTime,
        endpoints: EndpointsAndFilters,
        make_matcher: Callable[[], Matcher],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._targets = targets
        self._store = store
        self._accepted = accepted
        self._endpoints = endpoints
        self._make_matcher = make_matcher
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    def replay(
        self,
        workspace_id: str,
        endpoint_id: str,
        since: datetime,
        until: datetime | None = None,
        missing_only: bool = True,
        time_left: Callable[[], float] = lambda: math.inf,
        *,
        dry_run: bool = False,
        run_id: str | None = None,
    ) -> tuple[int, datetime | None]:
        """Sends again, to one endpoint, the retained events accepted in ``[since, until)`` that its filters match now.

        The youngest events may not be found yet: a replay up to now ends by waiting for them, a few seconds, or says that
        it is not done.

        Args:
            workspace_id: the token's workspace.
            endpoint_id: of the workspace.
            since: the first moment of acceptance.
            until: the end; now when left out, so that a replay does not chase what is being published.
            missing_only: leave out what was delivered or is on its way.
            time_left: seconds that this call may still take.
            dry_run: only counts what would be sent, without the youngest events that may not be found yet.
            run_id: equal for tries of one step: into the log of a WEB_SOCKET endpoint they append once.

        Returns:
            How many were sent, and from when on to continue (``None``: all are done). Events of one moment stay together.

        Raises:
            BadUserInput: a malformed id, an empty span of time, or an endpoint that takes no replay, at all or now.
            NotFound: an unknown endpoint.
            TooLarge: the time did not suffice to find any event.
            Unavailable: it is not known whether all were sent.
        """
        parsed = parse_uuid(endpoint_id, "endpointId")
        endpoint = self._endpoints.endpoint(workspace_id, parsed)
        if endpoint is None:
            raise NotFound("endpoint", [parsed])
        now = self._clock()
        end = now if until is None else until
        if since >= end:
            raise BadUserInput(f"since: {format_date(since)} is not before the end, {format_date(end)}.")
        stop = self._monotonic() + min(MAXIMUM_REPLAY_SECONDS, time_left() - SECONDS_PER_ROUND)
        receiver = self._targets.of(endpoint).open(endpoint, since, missing_only=missing_only, run_id=run_id or new_id())
        run = _Run(endpoint, self._routing_of(endpoint), receiver, stop, dry_run)
        # What was accepted before is certainly found.
        safe_until = max(since, min(end, now - timedelta(seconds=LAG_SECONDS)))
        continue_since = self._replay_span(run, since, safe_until)
        if continue_since is None and safe_until < min(end, now):
            continue_since = self._replay_youngest(run, safe_until, min(end, now))
        if continue_since is None and end > now:
            # The span is not over.
            continue_since = max(since, now)
        return run.sent, continue_since

    def _replay_youngest(self, run: _Run, since: datetime, end: datetime) -> datetime | None:
        """Waits until all that was accepted before ``end`` is found, if there is time for that."""
        if run.dry_run:
            return self._replay_span(run, since, end)
        if self._monotonic() + LAG_SECONDS > run.stop:
            return since
        self._sleep(LAG_SECONDS)
        return self._replay_span(run, since, end)

    def _replay_span(self, run: _Run, since: datetime, end: datetime) -> datetime | None:
        """Returns the moment from which on there was no time, or room, for more."""
        if since >= end:
            return None
        done_until = since

        def check() -> None:
            if self._monotonic() > run.stop:
                raise _OutOfTime

        found = self._accepted.accepted(run.endpoint.workspace_id, since, end, check=check)
        moments = itertools.groupby(found, key=lambda entry: entry[0])
        try:
            for some in _moments_in_groups(moments):
                # At least one step each time, so that calling again comes to an end.
                if run.is_full or (run.looked_at and self._monotonic() > run.stop):
                    return some[0][0]
                chosen = run.receiver.choose(self._matching(run, [event_id for _, event_id in some]))
                if run.sent and run.sent + chosen.count > MAXIMUM_REPLAYED_EVENTS:
                    return some[0][0]
                if not run.dry_run:
                    chosen.send()
                run.sent += chosen.count
                run.looked_at += len(some)
                done_until = some[-1][0] + _TICK
        except _OutOfTime:
            if not run.looked_at:
                raise TooLarge(
                    f"replayEvents: no event was found within {MAXIMUM_REPLAY_SECONDS:.0f} s; give a later since or an earlier until."
                ) from None
            return done_until
        return None

    def _matching(self, run: _Run, ids: Sequence[str]) -> list[Event]:
        """Without their data: a hundred large events at once would take most of the function's memory."""
        left = STEPS_PER_GROUP
        matching: dict[str, Event] = {}
        for stored in self._store.each(run.endpoint.workspace_id, ids):
            budget = Budget(min(STEPS_PER_EVENT, left))
            before = budget.left
            if run.table.selects(run.endpoint.id, stored.event, budget):
                matching[stored.event.id] = replace(stored.event, data={})
            left -= before - budget.left
        return [matching[one] for one in ids if one in matching]

    def _routing_of(self, endpoint: Endpoint) -> RoutingTable:
        return routing_of(endpoint, self._endpoints, self._make_matcher)


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
