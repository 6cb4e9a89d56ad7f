"""Erasing events before their retention ends: the events, the rows that find them, and their deliveries with what receivers answered.

It is for operators and not for tokens: whoever has stolen a token must not be able to remove the traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from event_service.base.dates import FIRST_YEAR, LAST_YEAR
from event_service.events.ports import SHARDS, EventIndexes, StoredEvent, Track, TrackKey

EVENTS_PER_ROUND: Final = 100
_ALWAYS: Final = (f"{FIRST_YEAR}", f"{LAST_YEAR + 1}")


class ErasableEvents(Protocol):
    """The stored events."""

    def each(self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True) -> Iterator[StoredEvent]:
        """Those that exist."""

    def erase(self, workspace_id: str, event_ids: Sequence[str]) -> list[str]:
        """Removes events with the rows that find them; returns the ids of those that were there."""


class ErasableLog(Protocol):
    """The log of deliveries."""

    def erase(self, workspace_id: str, event_id: str) -> None:
        """Removes all deliveries of one event."""


class Erasing:
    """The use case behind `event-service events erase`. Doing it again changes nothing, and ends what was interrupted."""

    def __init__(self, events: ErasableEvents, indexes: EventIndexes, log: ErasableLog) -> None:
        self._events = events
        self._indexes = indexes
        self._log = log

    def erase(self, workspace_id: str, event_ids: Sequence[str]) -> list[str]:
        """Erases events by id.

        Returns:
            The ids of those that were stored. The deliveries of the others are erased as well: an event may have expired or
            been erased before them.
        """
        erased: list[str] = []
        for first in range(0, len(event_ids), EVENTS_PER_ROUND):
            some = list(dict.fromkeys(event_ids[first : first + EVENTS_PER_ROUND]))
            # The event last: as long as it is there, it is found and erased by the next try.
            for event_id in some:
                self._log.erase(workspace_id, event_id)
            erased += self._events.erase(workspace_id, some)
        return erased

    def erase_profile(self, workspace_id: str, profile_id: str, *, all_events: bool = False) -> Iterator[list[str]]:
        """Erases every event that has a profile in ``data.identification_data[].profile_id``, step by step.

        Args:
            workspace_id: the workspace.
            profile_id: the profile.
            all_events: look at every event of the workspace. Otherwise the index is asked, which has the first 100 profiles
                of an event.

        Yields:
            The ids that one step has erased.
        """
        key = TrackKey(workspace_id, Track.DATE) if all_events else TrackKey(workspace_id, Track.PROFILE, profile_id)
        for shard in range(SHARDS):
            for ids in self._ids(key, shard):
                # One at a time: as objects, a hundred large events take hundreds of megabytes.
                events = (stored.event for stored in self._events.each(workspace_id, ids))
                found = [event.id for event in events if _has_profile(event.data, profile_id)]
                if found:
                    yield self.erase(workspace_id, found)

    def _ids(self, key: TrackKey, shard: int) -> Iterator[list[str]]:
        position: object | None = None
        while True:
            page = self._indexes.read(key, shard, _ALWAYS, descending=False, limit=EVENTS_PER_ROUND, position=position)
            if page.entries:
                yield [entry.id for entry in page.entries]
            position = page.position
            if position is None:
                return


def _has_profile(data: dict[str, Any], profile_id: str) -> bool:
    candidates = data.get("identification_data")
    return isinstance(candidates, list) and any(isinstance(one, dict) and one.get("profile_id") == profile_id for one in candidates)
