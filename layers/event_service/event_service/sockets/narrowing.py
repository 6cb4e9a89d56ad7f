"""Connections that are narrowed by an event filter: which entries of the log they get.

Only for connections that asked for it; nothing of this is imported or read for others. Filters are compiled once for a
process and read again every few seconds, so that a change shows soon. What a filter may cost is bounded in steps, each time
its connections are served: one that costs much is judged only in its connections' own lanes.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from event_service.base.clock import Clock
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.budget import Budget
from event_service.filters.matching.matcher import Matcher
from event_service.filters.matching.size import ENTRIES_PER_FILTER
from event_service.sockets.connection import MAXIMUM_FILTER_ENTRIES
from event_service.sockets.filter_ports import Narrowed
from event_service.sockets.frames import Entry, EventFrame, Gap, GapReason
from event_service.sockets.ports import ConnectionStore

FRESH: Final = timedelta(seconds=5)
"""After so long a filter is read again."""
BYTES_PER_ENTRY: Final = 300
"""Of a compiled filter, at most (see filters/matching/size.py)."""
BYTES_KEPT: Final = 32 * 1024 * 1024
"""Of compiled filters, between the invocations of a process."""
BYTES_PER_RUN: Final = 8 * 1024 * 1024
"""Of filters that a run uses at once, of up to ten runs side by side; connections with others take their own lanes."""

STEPS_PER_EVENT: Final = 100_000
"""For one filter, about 25 ms, during which nobody else is served. An event about which it ends is sent."""
COSTLY_STEPS: Final = 20_000
"""A filter that took so many for one event is judged in its connections' own lanes from then on."""
STEPS_PER_ENTRY: Final = 20
BYTES_PARSED_PER_STEP: Final = 32
TOLD_EVERY: Final = 1_000
"""Sequences: so far at most a client's own position falls behind while nothing matches."""
VERDICTS_KEPT: Final = 20_000
"""For connections with one filter, which ask about the same events."""


@dataclass(eq=False, slots=True)
class CompiledFilter:
    """An event filter in memory. ``is_costly``: one event took very many steps."""

    matcher: Matcher
    condition: Mapping[str, Any]
    size: int
    is_costly: bool = False


@dataclass(slots=True)
class _Known:
    read_at: datetime
    compiled: CompiledFilter | None
    """``None``: there is no such filter, or it is larger than a connection may use."""


class ConnectionFilters:
    """The filters of a process."""

    def __init__(self, connections: ConnectionStore, clock: Clock) -> None:
        """
        Args:
            connections: reads event filters.
            clock: the time.
        """
        self._connections = connections
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._lock = threading.Lock()
        """Groups of one batch ask at once, each in a thread."""

    def narrowing(self, workspace_id: str, filter_ids: Collection[str], steps: int, *, judges_costly: bool) -> Narrowing:
        """What narrows the connections of one endpoint in one run; one call at most.

        Args:
            workspace_id: the endpoint's.
            filter_ids: that its connections have.
            steps: for all of them together.
            judges_costly: also by filters that cost much for one event.
        """
        now = self._clock()
        with self._lock:
            fresh = {one: known for one in filter_ids if (known := self._known.get((workspace_id, one))) and now < known.read_at + FRESH}
        old = [one for one in filter_ids if one not in fresh]
        found = self._connections.event_filters(workspace_id, old) if old else {}
        chosen: dict[str, CompiledFilter | None] = {}
        size = 0
        with self._lock:
            for one in sorted(filter_ids):
                known = fresh.get(one) or self._read((workspace_id, one), found.get(one), now)
                self._known[workspace_id, one] = known
                self._known.move_to_end((workspace_id, one))
                size += _size(known)
                if chosen and size > BYTES_PER_RUN:
                    break
                chosen[one] = known.compiled
            self._make_room()
        return Narrowing(chosen, steps, judges_costly=judges_costly)

    def _read(self, key: tuple[str, str], stored: EventFilter | None, now: datetime) -> _Known:
        if stored is None or stored.index_entries > MAXIMUM_FILTER_ENTRIES:
            return _Known(now, None)
        known = self._known.get(key)
        if known is not None and known.compiled is not None and known.compiled.condition == stored.condition:
            return _Known(now, known.compiled)
        _, filter_id = key
        matcher = Matcher()
        # One that this release cannot read matches nothing, as in routing.
        matcher.add_stored(filter_id, stored.condition)
        size = max(ENTRIES_PER_FILTER, stored.index_entries) * BYTES_PER_ENTRY
        return _Known(now, CompiledFilter(matcher, stored.condition, size))

    def _make_room(self) -> None:
        kept = sum(_size(known) for known in self._known.values())
        while kept > BYTES_KEPT:
            _, oldest = self._known.popitem(last=False)
            kept -= _size(oldest)


def _size(known: _Known) -> int:
    return (known.compiled.size if known.compiled is not None else 0) + BYTES_PER_ENTRY


@dataclass(slots=True)
class _Verdicts:
    """Of one filter in one run."""

    steps: int
    """That are left."""
    by_sequence: dict[int, bool] = field(default_factory=dict)


class Narrowing:
    """Implements :class:`~event_service.sockets.filter_ports.Narrowing` for one run of one endpoint."""

    def __init__(self, filters: Mapping[str, CompiledFilter | None], steps: int, *, judges_costly: bool) -> None:
        """
        Args:
            filters: by id; those for which there is no room are left out.
            steps: for all of them together; each has an equal part.
            judges_costly: also by filters that cost much for one event.
        """
        self._filters = filters
        self._judges_costly = judges_costly
        self._verdicts = {one: _Verdicts(steps // len(filters)) for one in filters}

    def is_gone(self, filter_id: str) -> bool:
        return filter_id in self._filters and self._filters[filter_id] is None

    def is_costly(self, filter_id: str) -> bool:
        compiled = self._filters.get(filter_id)
        return compiled is not None and compiled.is_costly

    async def narrow(self, filter_id: str, entries: Sequence[Entry], replay_to: int) -> Narrowed:
        compiled = self._filters.get(filter_id)
        kept: list[Entry] = []
        skipped: int | None = None
        last: int | None = None
        if compiled is not None:
            for entry in entries:
                if isinstance(entry, EventFrame):
                    matches = await self._matches(filter_id, compiled, entry)
                    if matches is None:
                        break
                    if not matches:
                        skipped = entry.sequence if skipped is None else skipped
                        last = entry.last
                        continue
                kept.append(entry)
                skipped, last = None, entry.last
        if skipped is not None and last is not None and _is_told(skipped, last, replay_to):
            kept.append(Gap(skipped, last, GapReason.FILTERED))
        return Narrowed(kept, last)

    async def _matches(self, filter_id: str, compiled: CompiledFilter, entry: EventFrame) -> bool | None:
        """``None``: there are no steps left to say."""
        verdicts = self._verdicts[filter_id]
        known = verdicts.by_sequence.get(entry.sequence)
        if known is not None:
            return known
        if verdicts.steps <= 0 or (compiled.is_costly and not self._judges_costly):
            return None
        budget = Budget(STEPS_PER_EVENT)
        event = json.loads(entry.data)
        del event["sequence"]  # patterns see exactly what webhooks get
        matches = filter_id in compiled.matcher.matches(event, budget)
        steps = STEPS_PER_EVENT - budget.left
        compiled.is_costly = compiled.is_costly or steps > COSTLY_STEPS
        verdicts.steps -= STEPS_PER_ENTRY + steps + len(entry.data) // BYTES_PARSED_PER_STEP
        if len(verdicts.by_sequence) >= VERDICTS_KEPT // len(self._filters):
            verdicts.by_sequence.clear()
        verdicts.by_sequence[entry.sequence] = matches
        await asyncio.sleep(0)  # others have their turn between any two events
        return matches


def _is_told(first: int, last: int, replay_to: int) -> bool:
    """Whether a client is told of sequences that are not for it: rarely, since each costs a message; but often enough that
    it resumes near the end, and once when it has everything that was there when it connected."""
    return first <= replay_to <= last or (first - 1) // TOLD_EVERY < last // TOLD_EVERY
