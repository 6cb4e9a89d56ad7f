"""When event filters last matched: looked for in retained events, from the newest on, until every filter has matched or the look has
become long. Nothing is written when events are routed, so that only who asks pays."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR
from event_service.events.event import RESERVED_TYPE_PREFIX, Event
from event_service.explain.backtest import AcceptedInTime, StoredEvents
from event_service.explain.sentences import moment
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.routing.service_event_rules import names_operational_type
from event_service.routing.table import Matcher

MAXIMUM_EVENTS: Final = 1_000
MAXIMUM_SECONDS: Final = 3.0
MAXIMUM_BYTES: Final = 8_000_000
MOST_PER_READ: Final = 50
LEAST_PER_READ: Final = 10
"""Of the first read, until it is known how large events are."""
BYTES_PER_READ: Final = 1_000_000
_BEGINNING: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LastMatch:
    """When one event filter last matched.

    Attributes:
        event: the newest event that it matches; ``None``: none of those that were looked at.
        examined: how many events were looked at for that.
        since: when the oldest of them was accepted; ``None``: there was none.
        complete: whether that is certain: it was found, or all that is retained was looked at.
    """

    event: Event | None
    examined: int
    since: datetime | None
    complete: bool

    @property
    def sentence(self) -> str:
        """The same for a person."""
        if self.event is not None:
            return f'It last matched "{self.event.id}", which was accepted at {moment(self.event.created)}.'
        if self.since is None:
            return "It matched nothing: no events are retained." if self.complete else "There was no time to look at any event."
        if self.complete:
            return f"It matched none of the {self.examined:,} events that are retained."
        return f"It matched none of the newest {self.examined:,} events, which were accepted since {moment(self.since)}."


class LastMatches:
    """The use case behind ``lastMatch``.

    Example::

        (match,) = last_matches.find(workspace_id, [event_filter.condition])
    """

    def __init__(
        self,
        *,
        store: StoredEvents,
        accepted: AcceptedInTime,
        make_matcher: Callable[[], Matcher],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._accepted = accepted
        self._make_matcher = make_matcher
        self._clock = clock
        self._monotonic = monotonic

    def find(self, workspace_id: str, conditions: Sequence[Mapping[str, Any]]) -> list[LastMatch]:
        """When each of the conditions last matched, in one walk for all.

        Args:
            workspace_id: the token's workspace.
            conditions: of event filters, as stored. One that this release refuses matches nothing.
        """
        matcher = self._make_matcher()
        for number, condition in enumerate(conditions):
            matcher.add_stored(str(number), condition)
        operational = {str(number) for number, condition in enumerate(conditions) if names_operational_type(condition)}
        found: dict[str, LastMatch] = {}
        walk = _Walk(self._monotonic)
        for event in self._events(workspace_id, walk):
            for name in _matching(matcher, event, operational):
                if name not in found:
                    found[name] = LastMatch(event, walk.examined, event.created, complete=True)
                    matcher.remove(name)
            if len(found) == len(conditions):
                break
        nothing = LastMatch(None, walk.examined, walk.since, walk.complete)
        return [found.get(str(number), nothing) for number in range(len(conditions))]

    def _events(self, workspace_id: str, walk: _Walk) -> Iterator[Event]:
        """The retained events, the newest first, as long as ``walk`` may go on."""
        moments = self._accepted.accepted(workspace_id, _BEGINNING, self._clock(), descending=True, check=walk.check)
        try:
            while group := list(itertools.islice(moments, walk.events_per_read)):
                walk.check()
                found = {one.event.id: one for one in self._store.each(workspace_id, [one for _, one in group], consistent=False)}
                for _, event_id in group:
                    if (stored := found.get(event_id)) is not None:
                        walk.add(stored.event, stored.data_bytes)
                        yield stored.event
        except _Ended:
            return
        walk.complete = True


class _Ended(Exception):
    """A walk has become long."""


class _Walk:
    """How far a walk is, and how long it may be."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._stop = monotonic() + MAXIMUM_SECONDS
        self._monotonic = monotonic
        self._bytes = 0
        self.examined = 0
        self.since: datetime | None = None
        self.complete = False

    @property
    def events_per_read(self) -> int:
        """By how large events were so far."""
        if not self.examined:
            return LEAST_PER_READ
        return max(1, min(MOST_PER_READ, BYTES_PER_READ * self.examined // max(1, self._bytes)))

    def add(self, event: Event, size: int) -> None:
        """One more event was read."""
        self.examined += 1
        self._bytes += size
        self.since = event.created

    def check(self) -> None:
        """Raises when it is long enough."""
        if self.examined >= MAXIMUM_EVENTS or self._bytes > MAXIMUM_BYTES or self._monotonic() > self._stop:
            raise _Ended


def _matching(matcher: Matcher, event: Event, operational: set[str]) -> list[str]:
    """The conditions that an event certainly meets. The service's own events go only where a filter names such a type."""
    budget = Budget(STEPS_PER_EVENT)
    names = list(matcher.matches(event.as_delivered(), budget))
    if budget.left <= 0:
        return []
    if event.type.casefold().startswith(RESERVED_TYPE_PREFIX):
        return [name for name in names if name in operational]
    return names
