"""What a backtest has found so far: counts, a histogram, and some events to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from event_service.events.event import Event
from event_service.explain.judge import Judgement
from event_service.filters.matching.explanation import FailedClause

SHOWN: Final = 50
"""Matches, and near misses, that are shown of a page."""
SHOWN_BYTES: Final = 1_500_000
"""Of each of both: an event may have 256 KiB, an answer 5 MB."""


@dataclass(slots=True)
class Bucket:
    """Events accepted within one hour or day, from ``start`` on."""

    start: datetime
    examined: int = 0
    matched: int = 0


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An event, and the only clause that it fails."""

    event: Event
    clause: FailedClause


class Tally:
    """Adds up judgements.

    Attributes:
        examined, matched: events so far.
        gained, lost: those that an endpoint would receive and does not now, and the other way round.
        matches: the first of them, at most 50.
        near_misses: likewise.
    """

    def __init__(self, step: timedelta) -> None:
        """
        Args:
            step: an hour or a day: the width of a bucket.
        """
        self._step = step
        self._buckets: dict[datetime, Bucket] = {}
        self.examined = 0
        self.matched = 0
        self.gained = 0
        self.lost = 0
        self.matches: list[Event] = []
        self.near_misses: list[NearMiss] = []
        self._match_bytes = 0
        self._miss_bytes = 0

    @property
    def histogram(self) -> list[Bucket]:
        """The buckets with events, in order."""
        return [self._buckets[start] for start in sorted(self._buckets)]

    @property
    def wants_near_misses(self) -> bool:
        """Whether another one would be shown."""
        return len(self.near_misses) < SHOWN

    def add(self, event: Event, judgement: Judgement, size: int) -> None:
        """One event, of about ``size`` bytes as JSON."""
        bucket = self._bucket(event.created)
        bucket.examined += 1
        self.examined += 1
        if judgement.matched:
            bucket.matched += 1
            self.matched += 1
            if len(self.matches) < SHOWN and self._match_bytes + size <= SHOWN_BYTES:
                self._match_bytes += size
                self.matches.append(event)
        elif judgement.near_miss is not None and len(self.near_misses) < SHOWN and self._miss_bytes + size <= SHOWN_BYTES:
            self._miss_bytes += size
            self.near_misses.append(NearMiss(event, judgement.near_miss))
        if judgement.received is not None:
            self.gained += judgement.wanted and not judgement.received
            self.lost += judgement.received and not judgement.wanted

    def _bucket(self, moment: datetime) -> Bucket:
        start = moment.replace(minute=0, second=0, microsecond=0)
        if self._step >= timedelta(days=1):
            start = start.replace(hour=0)
        bucket = self._buckets.get(start)
        if bucket is None:
            bucket = self._buckets[start] = Bucket(start)
        return bucket
