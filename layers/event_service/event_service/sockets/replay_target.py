"""Replaying to sockets: events are appended to the log of the endpoint again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, RateLimited
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.replay_target import Chosen, Receiver
from event_service.events.event import Event
from event_service.sockets.log import Routed, SocketLog, log_is_off
from event_service.sockets.places import SocketPlaces
from event_service.sockets.ports import LogHead

EVENTS_PER_SECOND: Final = 100
"""Into the log of one WEB_SOCKET endpoint, a third of what it takes. Clients get a log in order, so live events stand behind the
replayed ones of one second, and not behind all of them."""
SOCKET_LAG: Final = timedelta(minutes=1)
"""So long after its acceptance, an event that is not in a log is taken to be on its way there."""
READS_TO_THE_END: Final = 50
"""Of 100 segments each: a log that is no longer is read from the beginning of the span to its end, so that also what another replay
appended is seen. In a longer one an event is looked for in the minute after its acceptance."""
MAXIMUM_LOGGED: Final = 200_000
"""Ids that are remembered, about 100 bytes each. They come in the order of time, as events do."""


class SocketTarget:
    """Into the log, with new sequences: clients get them as they get new events, marked as replayed."""

    def __init__(
        self, log: Callable[[], SocketLog], places: SocketPlaces, clock: Clock, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """
        Args:
            log: makes the writing side of logs; a dry run does not need it.
            places: the reading side.
            clock: the time.
            sleep: keeps the pace, in seconds.
        """
        self._log = log
        self._places = places
        self._clock = clock
        self._sleep = sleep

    def open(self, endpoint: Endpoint, since: datetime, *, missing_only: bool, run_id: str) -> Receiver:
        head, now = self._places.head(endpoint.id), self._clock()
        if head is None or log_is_off(head, now):
            hours = self._places.retention.total_seconds() / 3600
            raise BadUserInput(
                f"endpointId: no client was connected to this WEB_SOCKET endpoint within {hours:.0f} hours, so it keeps no log. Connect "
                "one, and then replay."
            )
        known = _LoggedIds(self._places, endpoint.id, head, since) if missing_only else None

        def append(event_ids: Sequence[str]) -> None:
            named = "\n".join([run_id, *event_ids])
            nonce = f"replay-{hashlib.blake2b(named.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"
            if self._log().append([Routed(endpoint.workspace_id, nonce, {endpoint.id: event_ids}, repeat=True, replayed=True)]):
                raise RateLimited("replayEvents: the endpoint's log takes nothing at this moment; try again in a few seconds.")
            self._sleep(len(event_ids) / EVENTS_PER_SECOND)

        return _Socket(append, known, self._clock)


@dataclass(frozen=True, slots=True)
class _Socket:
    append: Callable[[Sequence[str]], None]
    known: _LoggedIds | None
    clock: Clock

    def choose(self, events: Sequence[Event]) -> Chosen:
        if self.known is not None and events:
            logged, young = self.known.up_to(events[-1].created), self.clock() - SOCKET_LAG
            events = [event for event in events if event.id not in logged and event.created <= young]
        ids = [event.id for event in events]
        return Chosen(len(ids), lambda: self.append(ids) if ids else None)


class _LoggedIds:
    """The ids that stand in a log from a moment on, read as far as they are needed."""

    def __init__(self, places: SocketPlaces, endpoint_id: str, head: LogHead, since: datetime) -> None:
        self._places = places
        self._endpoint_id = endpoint_id
        self._head = head
        self._at = places.since(endpoint_id, head, since)
        self._reads = 0
        self._appended: datetime | None = None
        self._ids: dict[str, None] = {}

    def up_to(self, accepted: datetime) -> dict[str, None]:
        """Those among which an event accepted then is, if it is in the log."""
        while self._at <= self._head.last and (
            self._reads < READS_TO_THE_END or self._appended is None or self._appended <= accepted + SOCKET_LAG
        ):
            segments, self._at = self._places.read(self._endpoint_id, self._at)
            self._reads += 1
            for segment in segments:
                self._ids.update(dict.fromkeys(segment.event_ids))
                self._appended = segment.appended
        while len(self._ids) > MAXIMUM_LOGGED:
            del self._ids[next(iter(self._ids))]
        return self._ids
