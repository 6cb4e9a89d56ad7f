"""Reading events: one by id, pages and counts in order of their dates.

The time index is spread over 16 partition keys, so a page merges 16 sorted streams. They are read side by side, each
only as far as the merge needs it; what the index keys say (date, id, type, expiry) decides which events are on the
page, and only those are read.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from event_service.base.allowance import Allowance, current_allowance
from event_service.base.clock import Clock
from event_service.base.dates import FIRST_YEAR, LAST_YEAR, format_date
from event_service.base.errors import TooLarge
from event_service.base.threads import ContextThreads
from event_service.events.event import Event
from event_service.events.ports import SHARDS, EventIndexes, EventStore, Track, TrackKey
from event_service.events.sort_key import EventEntry, activity_id, indexed_profile_ids, type_digest

MAXIMUM_SECONDS: Final = 10.0
MAXIMUM_PAGE_BYTES: Final = 5_000_000
"""A Lambda function answers with at most 6 MB, the rest of the answer included."""
BYTES_BESIDE_DATA: Final = 400
"""Of one event in an answer, about."""
EVENTS_PER_READ: Final = 100
ENTRIES_PER_READ: Final = 4_000
"""About what fits into the megabyte that DynamoDB answers with."""

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
        profile_id: some element of ``data.identification_data`` has this ``profile_id``.
        activity_id: ``data.activity_id``.
        with_data: whether the caller shows ``data``; without it, ``data`` of each event is ``{}`` and a page may hold any
            number of large events.
    """

    id: str | None = None
    type: str | None = None
    date: DateRange = field(default_factory=DateRange)
    profile_id: str | None = None
    activity_id: str | None = None
    descending: bool = True
    offset: int = 0
    limit: int = 100
    with_data: bool = True


class EventsReading:
    """The use case behind ``events``."""

    def __init__(self, store: EventStore, indexes: EventIndexes, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._indexes = indexes
        self._clock = clock
        self._monotonic = monotonic

    def page(self, workspace_id: str, query: EventQuery) -> list[Event]:
        """One page.

        Raises:
            TooLarge: the events of the page have more than 5 MB, finding them takes more than 10 s, or the request has
                used up its :class:`~event_service.base.allowance.Allowance`.
        """
        if query.limit == 0:
            return []
        if query.id is not None:
            found = self._by_id(workspace_id, query)
            return [found] if found is not None and query.offset == 0 else []
        entries = self._entries(workspace_id, query, expected=query.offset + query.limit)
        wanted = list(itertools.islice(entries, query.offset, query.offset + query.limit))
        return self._read(workspace_id, query, [entry.id for entry in wanted])

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
        by_date = _Search(
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

    # -- reading events ------------------------------------------------------------------------------------------

    def _by_id(self, workspace_id: str, query: EventQuery) -> Event | None:
        found = self._fitting(workspace_id, query, [query.id or ""], consistent=True, size=_PageSize())
        return found.get(query.id or "")

    def _read(self, workspace_id: str, query: EventQuery, ids: Sequence[str]) -> list[Event]:
        events: list[Event] = []
        size = _PageSize()
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
        looks_at_data = query.profile_id is not None or query.activity_id is not None
        found: dict[str, Event | None] = {}
        for stored in self._store.each(workspace_id, ids, consistent=consistent, with_data=query.with_data or looks_at_data):
            event = stored.event
            if not _matches(event, query):
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

    def _search(self, workspace_id: str, query: EventQuery) -> _Search | None:
        low, high = query.date.bounds()
        if low >= high:
            return None
        keys: list[TrackKey] = []
        if query.profile_id is not None:
            keys.append(TrackKey(workspace_id, Track.PROFILE, query.profile_id))
        if query.activity_id is not None:
            keys.append(TrackKey(workspace_id, Track.ACTIVITY, query.activity_id))
        digest = None if query.type is None else type_digest(query.type)

        now = self._clock().timestamp()

        def accept(entry: EventEntry) -> bool:
            return (digest is None or entry.type_digest == digest) and entry.expires > now

        return _Search(
            self._indexes,
            keys or [TrackKey(workspace_id, Track.DATE)],
            (format_date(low), format_date(high)),
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
    """Adds up what the events of a page have, against what a page may have and what is left to the request."""

    def __init__(self) -> None:
        self._bytes = 0
        self._events = 0
        self._allowance: Allowance | None = current_allowance()

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


@dataclass(slots=True)
class _Search:
    """One walk through the indexes. An event is found when every key of ``keys`` names it: all indexes keep an event
    in the same shard and under the same sort key, so that they can be compared shard by shard."""

    indexes: EventIndexes
    keys: Sequence[TrackKey]
    dates: tuple[str, str]
    accept: Callable[[EventEntry], bool]
    check: Callable[[], None]
    descending: bool = False

    def merged(self, expected: int) -> Iterator[EventEntry]:
        """What is found, in order, read as it is taken.

        Args:
            expected: how many will probably be taken, which sizes the first reads.
        """
        # A fair share each, and what chance may put on top of it. How much more is needed because few entries are
        # accepted shows when they are read: each read is twice the one before.
        share = expected / SHARDS
        first = int(share + 3 * share**0.5) + 2
        shards = [_Shard(self, number, min(first, ENTRIES_PER_READ)) for number in range(SHARDS)]
        with ContextThreads(max_workers=SHARDS) as threads:

            def refill() -> None:
                # One has run dry; the others are about to: all are read together, not one after the other.
                low = [cursor for shard in shards for cursor in shard.cursors if cursor.is_low]
                list(threads.map(_Cursor.fetch, low))

            streams = [shard.entries(refill) for shard in shards]
            yield from heapq.merge(*streams, reverse=self.descending)

    def count(self, shard_number: int) -> int:
        """How many are found in one shard."""
        shard = _Shard(self, shard_number, ENTRIES_PER_READ)

        def refill() -> None:
            for cursor in shard.cursors:
                if cursor.is_empty:
                    cursor.fetch()

        return sum(1 for _ in shard.entries(refill))


class _Cursor:
    """How far one shard of one index has been read."""

    def __init__(self, search: _Search, key: TrackKey, shard: int, limit: int) -> None:
        self._search = search
        self._key = key
        self._shard = shard
        self._limit = limit
        self._position: object | None = None
        self.buffer: deque[EventEntry] = deque()
        self.at_end = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is at hand although there may be more."""
        return not self.buffer and not self.at_end

    @property
    def is_low(self) -> bool:
        """Whether it will run dry soon after those that have."""
        return not self.at_end and len(self.buffer) * 4 <= self._limit

    def fetch(self) -> None:
        """Reads on, twice as much as the last time."""
        self._search.check()
        if self._position is not None:
            self._limit = min(self._limit * 2, ENTRIES_PER_READ)
        page = self._search.indexes.read(
            self._key,
            self._shard,
            self._search.dates,
            descending=self._search.descending,
            limit=self._limit,
            position=self._position,
        )
        self.buffer.extend(page.entries)
        self._position = page.position
        self.at_end = page.position is None


class _Shard:
    """One shard of all indexes of a search."""

    def __init__(self, search: _Search, number: int, limit: int) -> None:
        self._search = search
        self.cursors = [_Cursor(search, key, number, limit) for key in search.keys]

    def entries(self, refill: Callable[[], None]) -> Iterator[EventEntry]:
        """What is found in the shard, in order; ``refill`` reads on when a cursor is empty."""
        while True:
            if any(cursor.is_empty for cursor in self.cursors):
                refill()
                continue
            if not all(cursor.buffer for cursor in self.cursors):
                return
            heads = [cursor.buffer[0] for cursor in self.cursors]
            # The one that is furthest; the others must catch up with it, or name it, too.
            furthest = min(heads) if self._search.descending else max(heads)
            behind = [cursor for cursor in self.cursors if cursor.buffer[0] != furthest]
            if behind:
                for cursor in behind:
                    cursor.buffer.popleft()
                continue
            for cursor in self.cursors:
                cursor.buffer.popleft()
            if self._search.accept(furthest):
                yield furthest


def _matches(event: Event, query: EventQuery) -> bool:
    low, high = query.date.bounds()
    return (
        low <= event.date < high
        and (query.type is None or event.type.casefold() == query.type.casefold())
        and (query.profile_id is None or query.profile_id in indexed_profile_ids(event.data))
        and (query.activity_id is None or query.activity_id == activity_id(event.data))
    )
