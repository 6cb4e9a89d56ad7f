"""Trying an event filter on events that are retained, or on events of one's own, before anybody depends on it.

Retained events are walked from the newest to the oldest, in pages: each ends after some seconds or megabytes, at a moment of
acceptance, and the cursor says where to go on. Events are read ahead while others are judged.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR, format_date, from_stored
from event_service.base.errors import BadUserInput, NotFound, TooLarge
from event_service.base.identifiers import new_id, parse_uuid
from event_service.base.threads import ContextThreads
from event_service.configuration.configuration import Configuration
from event_service.configuration.endpoint import Endpoint
from event_service.events.event import MAXIMUM_EVENTS_PER_PUBLISH, parse_event_id
from event_service.events.new_event import NewEvent, Origin, accept_all
from event_service.events.ports import StoredEvent
from event_service.explain.judge import Judge
from event_service.explain.tally import Tally
from event_service.filters.event_filter import EventFilter, parse_condition
from event_service.routing.table import Matcher

PAGE_SECONDS: Final = 8.0
"""A page begins nothing after that, and what it has begun takes less than two seconds more."""
PAGE_BYTES: Final = 16_000_000
"""Of events, as JSON; what was read ahead comes on top: 20 MB together."""
SECONDS_TO_ANSWER: Final = 3.0
MOST_PER_READ: Final = 50
LEAST_PER_READ: Final = 10
BYTES_PER_READ: Final = 1_000_000
READ_AHEAD: Final = 3
"""Reads under way while events are judged."""
MAXIMUM_FILTERS: Final = 1_000
"""Of the endpoint that is compared with."""
HOURS_UP_TO: Final = timedelta(days=3)
"""A longer span is counted by days."""
_BEGINNING: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)

Moments = list[tuple[datetime, str]]


class StoredEvents(Protocol):
    """Reads retained events by id, strongly consistent unless told otherwise."""

    def each(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> Iterator[StoredEvent]:
        """Those that exist, by id and in any order, each unpacked when it is taken."""


class AcceptedInTime(Protocol):
    """The order in which events were accepted."""

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        """All accepted in ``[since, until)`` as (moment, id), in that order or backwards; ``check`` is called before each
        read and may end it by raising."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is tried on which events.

    Attributes:
        condition, event_filter_id: the filter, or the one that exists: one of both.
        endpoint_id: an endpoint that would have this filter.
        keep_others: it would keep its other filters, but for ``replaces_id``; otherwise it would have this one alone.
        since, until: a span of acceptance, all that is retained without both; or else one of the following.
        event_ids: retained events.
        events: of one's own; they are not published.
        after: ``end`` of the page before.
    """

    condition: Mapping[str, Any] | None = None
    event_filter_id: str | None = None
    endpoint_id: str | None = None
    keep_others: bool = False
    replaces_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_ids: Sequence[str] | None = None
    events: Sequence[NewEvent] | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class MatchPage:
    """What a page found. ``end`` is the place where the next one begins; ``None`` at the end."""

    tally: Tally
    compared: bool
    end: str | None


class _OutOfTime(Exception):
    """The time of a page ended while it looked for events."""


class Backtest:
    """The use case behind ``matchEvents``.

    Example::

        page = backtest.page(workspace_id, question)
    """

    def __init__(
        self,
        *,
        configuration: Configuration,
        store: StoredEvents,
        accepted: AcceptedInTime,
        check_pattern: Callable[[Any], dict[str, Any]],
        make_matcher: Callable[[], Matcher],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configuration = configuration
        self._store = store
        self._accepted = accepted
        self._check_pattern = check_pattern
        self._make_matcher = make_matcher
        self._clock = clock
        self._monotonic = monotonic

    def page(self, workspace_id: str, question: Question, time_left: Callable[[], float] = lambda: math.inf) -> MatchPage:
        """One page, the newest events first.

        Args:
            workspace_id: the token's workspace.
            question: what is asked.
            time_left: seconds that this call may still take.

        Raises:
            BadUserInput: not one filter and one kind of events, or faults in them.
            NotFound: an unknown event filter, endpoint or event.
            TooLarge: no event could be found in time.
        """
        _check(question)
        stop = self._monotonic() + min(PAGE_SECONDS, time_left() - SECONDS_TO_ANSWER)
        judge = self._judge(workspace_id, question)
        compared = question.endpoint_id is not None
        now = self._clock()
        span = (question.until or now) - (question.since or _BEGINNING)
        tally = Tally(timedelta(hours=1) if span <= HOURS_UP_TO else timedelta(days=1))
        if question.events is not None:
            for event in accept_all(question.events, Origin(workspace_id, now, reserved=True), new_id):
                _add(StoredEvent(event, "", len(event.as_json())), judge, tally)
            return MatchPage(tally, compared, None)
        if question.event_ids is not None:
            for stored in self._named(workspace_id, question.event_ids):
                _add(stored, judge, tally)
            return MatchPage(tally, compared, None)
        return MatchPage(tally, compared, self._walk(workspace_id, question, now, judge, tally, stop))

    # -- the filter and the endpoint -----------------------------------------------------------------------------

    def _judge(self, workspace_id: str, question: Question) -> Judge:
        if question.condition is not None:
            condition = parse_condition(question.condition, self._check_pattern, "eventFiltersInput")
        else:
            filter_id = parse_uuid(question.event_filter_id or "", "eventFiltersId")
            found = self._configuration.event_filters.event_filter(workspace_id, filter_id)
            if found is None:
                raise NotFound("event filter", [filter_id])
            condition = found.condition
        endpoint = self._endpoint(workspace_id, question.endpoint_id)
        replaced = (question.replaces_id or question.event_filter_id or "").lower()
        kept = [one for one in endpoint[1] if one.id != replaced] if endpoint is not None and question.keep_others else []
        return Judge(workspace_id, condition, self._make_matcher, endpoint, kept)

    def _endpoint(self, workspace_id: str, given: str | None) -> tuple[Endpoint, Sequence[EventFilter]] | None:
        if given is None:
            return None
        endpoint_id = parse_uuid(given, "endpointId")
        endpoint = self._configuration.endpoints.endpoint(workspace_id, endpoint_id)
        if endpoint is None:
            raise NotFound("endpoint", [endpoint_id])
        return endpoint, self._configuration.event_filters.of_endpoints(workspace_id, [endpoint_id], _refuse_many)[endpoint_id]

    # -- events --------------------------------------------------------------------------------------------------

    def _named(self, workspace_id: str, given: Sequence[str]) -> Iterator[StoredEvent]:
        """The newest first. Their data is read a few at a time: one request may ask for several times a hundred large events."""
        ids = list(dict.fromkeys(parse_event_id(one, "eventIds") for one in given))
        if not 1 <= len(ids) <= MAXIMUM_EVENTS_PER_PUBLISH:
            raise BadUserInput(f"eventIds: {len(ids)} ids were given; give 1 to {MAXIMUM_EVENTS_PER_PUBLISH}.")
        created = {stored.event.id: stored.event.created for stored in self._store.each(workspace_id, ids, with_data=False)}
        missing = [one for one in ids if one not in created]
        if missing:
            raise NotFound("event", missing)
        ids.sort(key=lambda one: (created[one], one), reverse=True)
        for first in range(0, len(ids), LEAST_PER_READ):
            some = ids[first : first + LEAST_PER_READ]
            found = {stored.event.id: stored for stored in self._store.each(workspace_id, some)}
            yield from (found[one] for one in some if one in found)

    def _walk(self, workspace_id: str, question: Question, now: datetime, judge: Judge, tally: Tally, stop: float) -> str | None:
        """Goes backwards through a span. Returns the moment where it stopped; ``None`` at the end."""
        since, until = question.since or _BEGINNING, question.until or now
        if since >= until:
            raise BadUserInput(f"since: {format_date(since)} is not before the end, {format_date(until)}.")
        end = until if question.after is None else min(until, _moment_in(question.after))

        def check() -> None:
            if self._monotonic() > stop:
                raise _OutOfTime

        size = 0
        reached: datetime | None = None
        try:
            for moment, events in self._read(workspace_id, self._accepted.accepted(workspace_id, since, end, descending=True, check=check)):
                if reached is not None and (size > PAGE_BYTES or self._monotonic() > stop):
                    return format_date(reached)
                for stored in events:
                    _add(stored, judge, tally)
                    size += stored.data_bytes
                reached = moment
        except _OutOfTime:
            if reached is None:
                raise TooLarge(f"matchEvents: no event was found within {PAGE_SECONDS:.0f} s; give a later until.") from None
            return format_date(reached)
        return None

    def _read(self, workspace_id: str, accepted: Iterable[tuple[datetime, str]]) -> Iterator[tuple[datetime, list[StoredEvent]]]:
        """The events of each moment. Some reads are under way while those before are judged; how many events a read asks
        for follows from the size of those before."""
        groups = _Groups(accepted)
        under_way: deque[tuple[Moments, Future[dict[str, StoredEvent]]]] = deque()
        with ContextThreads(max_workers=READ_AHEAD) as threads:
            while True:
                while len(under_way) < groups.ahead and (group := groups.next()):
                    under_way.append((group, threads.submit(self._get, workspace_id, [event_id for _, event_id in group])))
                if not under_way:
                    return
                group, future = under_way.popleft()
                found = future.result()
                groups.note(len(group), sum(stored.data_bytes for stored in found.values()))
                for moment, entries in itertools.groupby(group, key=lambda entry: entry[0]):
                    yield moment, [found[event_id] for _, event_id in entries if event_id in found]

    def _get(self, workspace_id: str, ids: Sequence[str]) -> dict[str, StoredEvent]:
        found = {stored.event.id: stored for stored in self._store.each(workspace_id, ids, consistent=False)}
        missing = [one for one in ids if one not in found]
        if missing:
            # The replica that was asked may be behind the index.
            found |= {stored.event.id: stored for stored in self._store.each(workspace_id, missing)}
        return found


class _Groups:
    """Takes entries in groups of whole moments, as many as are read in one go."""

    def __init__(self, accepted: Iterable[tuple[datetime, str]]) -> None:
        self._moments = itertools.groupby(accepted, key=lambda entry: entry[0])
        self._size = LEAST_PER_READ
        self.ahead = 1
        """Reads that may be under way; one until it is known how large events are."""

    def next(self) -> Moments:
        """The next group; empty at the end."""
        group: Moments = []
        for _, entries in self._moments:
            group.extend(entries)
            if len(group) >= self._size:
                break
        return group

    def note(self, number: int, size: int) -> None:
        """How large the events of a group were."""
        each = max(size / max(number, 1), 1.0)
        self._size = max(1, min(MOST_PER_READ, int(BYTES_PER_READ / each)))
        self.ahead = READ_AHEAD


def _add(stored: StoredEvent, judge: Judge, tally: Tally) -> None:
    tally.add(stored.event, judge.judge(stored.event, explain=tally.wants_near_misses), stored.data_bytes)


def _check(question: Question) -> None:
    problems: list[str] = []
    if (question.condition is None) == (question.event_filter_id is None):
        problems.append("input: give eventFiltersInput, or the eventFiltersId of one that exists.")
    span = question.since is not None or question.until is not None
    kinds = [
        name
        for name, given in (("since, until", span), ("eventIds", question.event_ids), ("events", question.events))
        if given not in (None, False)
    ]
    if len(kinds) > 1:
        problems.append(f"input: {' and '.join(kinds)} were given; give a span (since, until), eventIds, or events.")
    if question.keep_others and question.endpoint_id is None:
        problems.append("keepOthers: it says which filters endpointId keeps; give endpointId.")
    if question.replaces_id is not None and not question.keep_others:
        problems.append("replacesId: without keepOthers the endpoint keeps no other filter, so none is replaced.")
    if problems:
        raise BadUserInput(*problems)


def _refuse_many(number: int) -> None:
    if number > MAXIMUM_FILTERS:
        raise TooLarge(
            f"endpointId: it has {number:,} event filters; an endpoint with more than {MAXIMUM_FILTERS:,} cannot be compared with."
        )


def _moment_in(place: str) -> datetime:
    try:
        return from_stored(place)
    except ValueError:
        raise BadUserInput("after: it is no place in this list; give the endCursor of a page.") from None
