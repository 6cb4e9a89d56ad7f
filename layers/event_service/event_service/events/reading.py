"""Reading events: one by id, pages and counts in order of their dates.

The time index is spread over 16 partition keys, so a page merges 16 sorted streams. They are read side by side, each
only as far as the merge needs it; what the index keys say (date, id, type, expiry) decides which events are on the
page, and only those are read.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from event_service.base.allowance import Allowance, current_allowance
from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR, LAST_YEAR, format_date
from event_service.base.errors import TooLarge
from event_service.base.look_through import EXAMINED_AT_MOST, EXAMINED_PER_ROUND
from event_service.base.page import Page, place, read_place
from event_service.base.threads import ContextThreads
from event_service.events.event import Event
from event_service.events.ports import SHARDS, EventIndexes, EventStore, Track, TrackKey
from event_service.events.search import Search
from event_service.events.sort_key import EventEntry, activity_id, indexed_profile_ids, type_digest

if TYPE_CHECKING:
    from event_service.events.pattern_look import PatternLook

MAXIMUM_SECONDS: Final = 10.0
MAXIMUM_PAGE_BYTES: Final = 5_000_000
"""A Lambda function answers with at most 6 MB, the rest of the answer included
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
BYTES_BESIDE_DATA: Final = 400
"""Of one event in an answer, about."""
EVENTS_PER_READ: Final = 100
BYTES_PER_ROUND: Final = 16_000_000
"""What DynamoDB answers one request for 100 items with, at most
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html)."""

_FIRST: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_END: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DateRange:
    """All that are given must hold. Dates are aware."""

    exact: datetime | None = None
    gt: datetime | None = None
    gte: datetime | None = None
    lt: datetime | None = None
    lte: datetime | None = None

    def bounds(self) -> tuple[datetime, datetime]:
        """The same as ``low <= date < high``; empty when ``low >= high``."""
        lows = [_FIRST, *(date for date in (self.exact, self.gte) if date is not None)]
        highs = [_END, *(date + _TICK for date in (self.exact, self.lte) if date is not None)]
        if self.gt is not None:
            lows.append(self.gt + _TICK)
        if self.lt is not None:
            highs.append(self.lt)
        return max(lows), min(highs)


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events of a workspace: those that meet everything given, in order of their dates, ties in order of ids.

    Attributes:
        type: compared without case.
        types: one of these, compared without case; ``None`` for any.
        type_prefix: how the type begins, in any case.
        agent_id: of the event.
        camera_id: of the event.
        pattern: an event pattern as JSON, which the event as delivered meets.
        profile_id: some element of ``data.identification_data`` has this ``profile_id``.
        activity_id: ``data.activity_id``.
        with_data: whether the caller shows ``data``; without it, ``data`` of each event is ``{}`` and a page may hold any
            number of large events.
        after: the place behind which the list begins.
        may_end_early: a page may end early, so that it ends in time, and say that there may be more.
    """

    id: str | None = None
    type: str | None = None
    types: tuple[str, ...] | None = None
    type_prefix: str | None = None
    date: DateRange = field(default_factory=DateRange)
    profile_id: str | None = None
    activity_id: str | None = None
    agent_id: str | None = None
    camera_id: str | None = None
    pattern: str | None = None
    descending: bool = True
    offset: int = 0
    limit: int = 100
    with_data: bool = True
    after: str | None = None
    may_end_early: bool = False

    @property
    def is_cheap_to_count(self) -> bool:
        """Whether a total reads one event, and no index."""
        return self.id is not None

    @property
    def is_looked_up(self) -> bool:
        """Whether each event has to be read to know whether it is one of them."""
        return any(one is not None for one in (self.type_prefix, self.agent_id, self.camera_id, self.pattern))


class EventsReading:
    """The use case behind ``events``.

    Example::

        page = reading.read_page(workspace_id, EventQuery(types=("ALARM",), limit=20))
    """

    def __init__(self, store: EventStore, indexes: EventIndexes, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._indexes = indexes
        self._clock = clock
        self._monotonic = monotonic

    def page(self, workspace_id: str, query: EventQuery) -> list[Event]:
        """The events of one page; see :meth:`read_page`."""
        return self.read_page(workspace_id, query).items

    def read_page(self, workspace_id: str, query: EventQuery) -> Page[Event]:
        """One page, and where the next one begins.

        Raises:
            BadUserInput: ``after`` is no place in a list.
            TooLarge: the events of the page have more than 5 MB, finding them takes more than 10 s, or the request has
                used up its :class:`~event_service.base.allowance.Allowance`.
        """
        if query.id is not None:
            found = self._by_id(workspace_id, query) if query.offset == 0 and query.limit > 0 and query.after is None else None
            return Page([] if found is None else [found], query.after, more=False)
        if query.limit == 0:
            return Page([], query.after, more=True)
        if query.is_looked_up:
            return self._look_through(workspace_id, query)
        # One more than is shown says whether more follow: an index entry, but no event.
        last = query.offset + query.limit
        wanted = list(itertools.islice(self._entries(workspace_id, query, expected=last), query.offset, last + 1))
        shown = wanted[: query.limit]
        events = self._read(workspace_id, query, [entry.id for entry in shown])
        return Page(events, place(shown[-1].date, shown[-1].shown_id) if shown else query.after, len(wanted) > query.limit)

    def by_ids(self, workspace_id: str, ids: Sequence[str], *, with_data: bool = True) -> dict[str, Event]:
        """Those that exist; strongly consistent, any number of ids. Without data, ``data`` of each is ``{}``.

        Raises:
            TooLarge: they have more than 5 MB.
        """
        query, size = EventQuery(with_data=with_data), _PageSize()
        found: dict[str, Event | None] = {}
        for first in range(0, len(ids), EVENTS_PER_READ):
            found |= self._fitting(workspace_id, query, ids[first : first + EVENTS_PER_READ], consistent=True, size=size)
        return {event_id: event for event_id, event in found.items() if event is not None}

    def count(self, workspace_id: str, query: EventQuery) -> int:
        """How many there are, whatever ``offset`` and ``limit`` say.

        Raises:
            TooLarge: counting takes more than 10 s.
        """
        if query.id is not None:
            return int(self._by_id(workspace_id, query) is not None)
        search = self._search(workspace_id, query)
        if search is None:
            return 0
        if query.is_looked_up:
            return self._count_looking(workspace_id, replace(query, with_data=False, after=None))
        # Each shard is read to its end by a thread of its own: nothing is merged, so nothing waits.
        with ContextThreads(max_workers=SHARDS) as threads:
            return sum(threads.map(search.count, range(SHARDS)))

    def accepted(
        self,
        workspace_id: str,
        since: datetime,
        until: datetime,
        *,
        descending: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[datetime, str]]:
        """All events accepted in ``[since, until)`` that have not expired, as (moment of acceptance, id), in that
        order or backwards; read as they are taken, for as long as the caller takes them.

        ``check`` is called before each read and may end it by raising: what is found may be far between.
        """
        now = self._clock().timestamp()
        by_date = Search(
            self._indexes,
            [TrackKey(workspace_id, Track.DATE)],
            (format_date(since), format_date(until)),
            accept=lambda entry: entry.punctual and entry.expires > now,
            check=check,
            descending=descending,
        )
        late = replace(by_date, keys=[TrackKey(workspace_id, Track.ACCEPTANCE)], accept=lambda entry: entry.expires > now)
        merged = heapq.merge(by_date.merged(EVENTS_PER_READ), late.merged(EVENTS_PER_READ), reverse=descending)
        for entry in merged:
            yield datetime.fromisoformat(entry.date), entry.id

    # -- looking at each event -----------------------------------------------------------------------------------

    def _look_through(self, workspace_id: str, query: EventQuery) -> Page[Event]:
        allowance, size = current_allowance(), _PageSize(query)
        found: list[Event] = []
        end, examined = query.after, 0
        entries = self._entries(workspace_id, query, expected=EVENTS_PER_READ)
        while some := list(itertools.islice(entries, EVENTS_PER_READ)):
            events = {event.id: event for event in self._read(workspace_id, query, [entry.id for entry in some], size)}
            for entry in some:
                if entry.id in events:
                    if len(found) == query.offset + query.limit:
                        return Page(found[query.offset :], end, more=True)
                    found.append(events[entry.id])
                end = place(entry.date, entry.shown_id)
            if len(some) < EVENTS_PER_READ:
                break
            examined += len(some)
            # As much as one step may read must be left, or the next one would be refused and what was found be lost.
            little_left = allowance is not None and allowance.read_left < BYTES_PER_ROUND
            if query.may_end_early and (examined >= EXAMINED_PER_ROUND or little_left or size.is_spent):
                return Page(found[query.offset :], end, more=True)
            _refuse_looking_at(examined, spent=size.is_spent)
        return Page(found[query.offset :], end, more=False)

    def _count_looking(self, workspace_id: str, query: EventQuery) -> int:
        number, examined, size = 0, 0, _PageSize(query)
        entries = self._entries(workspace_id, query, expected=EVENTS_PER_READ)
        while some := list(itertools.islice(entries, EVENTS_PER_READ)):
            number += len(self._read(workspace_id, query, [entry.id for entry in some], size))
            examined += len(some)
            _refuse_looking_at(examined, spent=size.is_spent)
        return number

    # -- reading events ------------------------------------------------------------------------------------------

    def _by_id(self, workspace_id: str, query: EventQuery) -> Event | None:
        found = self._fitting(workspace_id, query, [query.id or ""], consistent=True, size=_PageSize(query))
        return found.get(query.id or "")

    def _read(self, workspace_id: str, query: EventQuery, ids: Sequence[str], size: _PageSize | None = None) -> list[Event]:
        events: list[Event] = []
        size = size or _PageSize()
        for first in range(0, len(ids), EVENTS_PER_READ):
            some = ids[first : first + EVENTS_PER_READ]
            found = self._fitting(workspace_id, query, some, consistent=False, size=size) if len(some) > 1 else {}
            missing = [event_id for event_id in some if event_id not in found]
            if missing:
                # The replica that was asked may be behind the index: only what is absent for certain leaves the page.
                found |= self._fitting(workspace_id, query, missing, consistent=True, size=size)
            events.extend(event for event_id in some if (event := found.get(event_id)) is not None)
        return events

    def _fitting(
        self, workspace_id: str, query: EventQuery, ids: Sequence[str], *, consistent: bool, size: _PageSize
    ) -> dict[str, Event | None]:
        """Of those events that exist the ones that meet the query, ``None`` for the others. Each is unpacked when the one
        before it is done with, and its data only where it is shown or looked at."""
        looks_at_data = query.profile_id is not None or query.activity_id is not None or query.pattern is not None
        found: dict[str, Event | None] = {}
        for stored in self._store.each(workspace_id, ids, consistent=consistent, with_data=query.with_data or looks_at_data):
            event = stored.event
            if not _matches(event, query) or not size.look(event):
                found[event.id] = None
            elif query.with_data:
                size.take(stored.data_bytes)
                found[event.id] = event
            else:
                found[event.id] = replace(event, data={}) if event.data else event
        return found

    # -- searching indexes ---------------------------------------------------------------------------------------

    def _entries(self, workspace_id: str, query: EventQuery, expected: int) -> Iterator[EventEntry]:
        search = self._search(workspace_id, query)
        return iter(()) if search is None else search.merged(expected)

    def _search(self, workspace_id: str, query: EventQuery) -> Search | None:
        low, high = (format_date(date) for date in query.date.bounds())
        if query.after is not None:
            read_place(query.after)
            # What follows a place in a sort key begins with a tab, and has no character above "~".
            low, high = (low, min(high, f"{query.after}\t")) if query.descending else (max(low, f"{query.after}\t~"), high)
        if low >= high:
            return None
        keys: list[TrackKey] = []
        if query.profile_id is not None:
            keys.append(TrackKey(workspace_id, Track.PROFILE, query.profile_id))
        if query.activity_id is not None:
            keys.append(TrackKey(workspace_id, Track.ACTIVITY, query.activity_id))
        digests = _digests(query)

        now = self._clock().timestamp()

        def accept(entry: EventEntry) -> bool:
            return (digests is None or entry.type_digest in digests) and entry.expires > now

        return Search(
            self._indexes,
            keys or [TrackKey(workspace_id, Track.DATE)],
            (low, high),
            accept=accept,
            check=self._deadline(),
            descending=query.descending,
        )

    def _deadline(self) -> Callable[[], None]:
        end = self._monotonic() + MAXIMUM_SECONDS
        allowance = current_allowance()

        def check() -> None:
            if allowance is not None:
                allowance.check()
            if self._monotonic() > end:
                raise TooLarge(f"events: this takes more than {MAXIMUM_SECONDS:.0f} seconds; narrow it down with a range in filters.date.")

        return check


class _PageSize:
    """Adds up what the events of a page have, and what looking at them takes, against what a page may have and what is left to the
    request."""

    def __init__(self, query: EventQuery | None = None) -> None:
        self._bytes = 0
        self._events = 0
        self._allowance: Allowance | None = current_allowance()
        self._pattern: PatternLook | None = None
        if query is not None and query.pattern is not None:
            # The matcher is loaded by those who use it.
            from event_service.events.pattern_look import PatternLook

            self._pattern = PatternLook(query.pattern)

    @property
    def is_spent(self) -> bool:
        """Whether the pattern has taken what it may."""
        return self._pattern is not None and self._pattern.is_spent

    def look(self, event: Event) -> bool:
        """Whether an event meets the pattern, if there is one."""
        return self._pattern is None or self._pattern.matches(event)

    def take(self, data_bytes: int) -> None:
        """One event more."""
        size = data_bytes + BYTES_BESIDE_DATA
        if self._bytes + size > MAXIMUM_PAGE_BYTES:
            raise TooLarge(
                f"events: this page has more than {MAXIMUM_PAGE_BYTES:,} bytes; {self._events} of its events fit: "
                f"ask for pages with limit {max(self._events, 1)} or less."
            )
        if self._allowance is not None:
            self._allowance.take_shown(size)
        self._bytes += size
        self._events += 1


def _digests(query: EventQuery) -> frozenset[str] | None:
    """Of the types that are wanted; ``None`` for all."""
    if query.type is None:
        return None if query.types is None else frozenset(map(type_digest, query.types))
    return frozenset([type_digest(query.type)])


def _refuse_looking_at(examined: int, *, spent: bool) -> None:
    if spent or examined >= EXAMINED_AT_MOST:
        raise TooLarge(
            f"events: startsWith, agentId, cameraId and pattern are looked up event by event; the first {examined:,} did not suffice. Ask "
            "with first and after, page by page, without totalCount; or give a shorter range in filters.date."
        )


def _matches(event: Event, query: EventQuery) -> bool:
    low, high = query.date.bounds()
    return (
        low <= event.date < high
        and (query.type is None or event.type.casefold() == query.type.casefold())
        and (query.types is None or event.type.casefold() in {one.casefold() for one in query.types})
        and (query.type_prefix is None or event.type.casefold().startswith(query.type_prefix.casefold()))
        and query.agent_id in (None, event.agent_id)
        and query.camera_id in (None, event.camera_id)
        and (query.profile_id is None or query.profile_id in indexed_profile_ids(event.data))
        and (query.activity_id is None or query.activity_id == activity_id(event.data))
    )
