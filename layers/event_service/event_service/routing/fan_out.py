"""Decides which endpoints get the events of a message, and how many of them now.

A message for many endpoints is cut off after so many calls and continued by a message of its own. All events of a
message that go to one endpoint are handed over together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from event_service.base.errors import Unavailable
from event_service.configuration.endpoint import EndpointType
from event_service.delivery.attempt import WIDE_FROM
from event_service.delivery.outlet import PARTS_PER_CALL, Outlet, RoutedEvents
from event_service.events.event import Event
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.routing.table import RoutingTable
from event_service.routing.work import Work

CALLS_PER_INVOCATION: Final = 1_000
"""What one invocation hands over, in calls: at 8 at a time and 10 ms each, about a second."""
LEAST_CALLS_PER_MESSAGE: Final = 50
MAXIMUM_CONTINUATIONS: Final = 10_000
"""Of one message. A publish of 100 events for 10,000 endpoints takes 2,000 when every message that comes along is as
large. The cursor grows with each continuation, so a chain ends by itself; the bound stops what a fault of ours might
keep going."""
STEPS_PER_MESSAGE: Final = 5 * STEPS_PER_EVENT
"""Of matching, for all events of one message: about 5 s. A hundred events against the filters of an honest workspace
take a fifth of it. What is not decided then counts as a match."""
SLOW_STEPS: Final = 2 * STEPS_PER_EVENT
"""A workspace that took more in this batch is served when the others have been: about 2 s."""


class OutOfTime(Exception):
    """Too little time is left to find out where a message goes."""


class FanOut:
    """The calls that one group of messages may still make."""

    def __init__(self, calls: int, is_late: Callable[[], bool], outlets: Mapping[EndpointType, Outlet]) -> None:
        """
        Args:
            calls: to share out.
            is_late: whether nothing new may be begun.
            outlets: of the types of endpoints; they say what handing over costs.
        """
        self._outlets = outlets
        self._parts = calls * PARTS_PER_CALL
        # Never nothing: a continuation must be shorter than what it continues.
        self._least_parts = max(1, min(LEAST_CALLS_PER_MESSAGE, calls)) * PARTS_PER_CALL
        self._is_late = is_late
        self._steps: dict[str, int] = {}

    def is_slow(self, workspace_id: str) -> bool:
        """Whether matching for this workspace took so long that others should be served first."""
        return self._steps.get(workspace_id, 0) > SLOW_STEPS

    def plan(self, work: Work, others: int) -> None:
        """Decides what of ``work`` is handed over now; ``others`` are the messages that come after it.

        Raises:
            OutOfTime: nothing of it was decided.
            Unavailable: it was continued too often.
        """
        share = max(self._parts // (others + 1), self._least_parts)
        self._parts -= self._take(work, share)
        if work.rest is not None and work.rest.continuation > MAXIMUM_CONTINUATIONS:
            raise Unavailable(f"it was continued {MAXIMUM_CONTINUATIONS:,} times")

    def _take(self, work: Work, parts: int) -> int:
        """Endpoint by endpoint in order of their ids; returns what it takes, in parts of calls."""
        message, table = work.received.message, work.table
        if table is None:
            return 0
        per_endpoint, wide = self._endpoints_of(work, table)
        bodies: dict[str, str] = {}
        used = 0
        served = message.after
        for endpoint_id in sorted(per_endpoint):
            if used >= parts:
                work.rest = replace(message.only(work.events), repeat=work.received.repeat).continued(served)
                break
            served = endpoint_id
            events = per_endpoint[endpoint_id]
            endpoint_type = table.type_of(endpoint_id)
            routed = work.routed.get(endpoint_type)
            if routed is None:
                routed = work.routed[endpoint_type] = _nothing_yet(work, table.version, bodies, wide.get(endpoint_type, frozenset()))
            routed.per_endpoint[endpoint_id] = events
            used += self._outlets[endpoint_type].cost(routed, events)
        return used

    def _endpoints_of(self, work: Work, table: RoutingTable) -> tuple[dict[str, Sequence[Event]], dict[EndpointType, set[str]]]:
        """The events of each endpoint, and by type the ids of those that are wide."""
        after = work.received.message.after
        wide: dict[EndpointType, set[str]] = {}
        per_endpoint: dict[str, list[Event]] = {}
        left = STEPS_PER_MESSAGE
        for event in work.events:
            if self._is_late():
                raise OutOfTime
            budget = Budget(min(STEPS_PER_EVENT, left))
            before = budget.left
            found = table.endpoints_for(event, budget)
            if len(found) > WIDE_FROM:
                for endpoint_type, number in Counter(map(table.type_of, found)).items():
                    if number > WIDE_FROM:
                        wide.setdefault(endpoint_type, set()).add(event.id)
            for endpoint_id in found:
                if endpoint_id in table.unwritten:
                    work.unwritten += 1
                elif after is None or endpoint_id > after:
                    per_endpoint.setdefault(endpoint_id, []).append(event)
            left -= before - budget.left
            work.undecided += budget.undecided
        self._steps[work.workspace_id] = self._steps.get(work.workspace_id, 0) + STEPS_PER_MESSAGE - left
        return dict(per_endpoint), wide


def _nothing_yet(work: Work, version: int, bodies: dict[str, str], wide: Collection[str]) -> RoutedEvents:
    message = work.received.message
    return RoutedEvents(
        workspace_id=message.workspace_id,
        nonce=message.nonce,
        accepted_at=message.accepted_at,
        traceparent=message.traceparent,
        configuration_version=version,
        repeat=work.received.repeat,
        bodies=bodies,
        wide=wide,
    )
