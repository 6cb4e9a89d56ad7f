"""Appending to the logs of WEB_SOCKET endpoints.

A routing message is appended to an endpoint's log in one transaction: the head moves, the segment is put, and a marker
of (endpoint, routing message) is put if there is none. So a message that is routed again, by a repeat or after a crash,
finds its marker, and an event never gets two sequences. Nothing is appended for an endpoint that had no connection
within the retention: nobody could resume there.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.ports import AlreadyAppended, AppendConflict, LogHead, Segment, SocketLogStore, WakeUpQueue
from event_service.sockets.wake_up import WakeUp

EVENTS_PER_SEGMENT: Final = 100
EVENTS_PER_APPEND: Final = 1_000
MESSAGES_PER_APPEND: Final = 80
"""A transaction has at most 100 actions: the head, a marker a message, and the segments."""
ID_CHARACTERS_PER_APPEND: Final = 250_000
"""At most 4 bytes each; a transaction holds 4 MB."""
TRIES: Final = 8
"""Of an append that others keep overtaking, before its messages are left to be routed again."""
THREADS: Final = 16
CLOCK_MARGIN: Final = timedelta(seconds=60)
"""Two machines' clocks may differ by this much."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Routed:
    """What one routing message adds to logs: the ids of its events, in order, for each WEB_SOCKET endpoint."""

    workspace_id: str
    nonce: str
    event_ids: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Addition:
    nonce: str
    event_ids: tuple[str, ...]


class SocketLog:
    """The writing side, used by routing."""

    def __init__(
        self,
        store: SocketLogStore,
        queue: WakeUpQueue,
        clock: Clock,
        retention: timedelta,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._retention = retention
        self._sleep = sleep

    def append(self, messages: Sequence[Routed]) -> set[str]:
        """Appends a batch of routing messages and wakes the endpoints' connections.

        Several messages of one batch are appended to an endpoint together. Appending again is safe.

        Returns:
            The nonces that are not wholly appended, or whose connections may not have been woken: route them again.
        """
        # By nonce: a batch may hold two copies of a message, whose second marker would be the first's.
        by_nonce: dict[str, dict[str, _Addition]] = {}
        workspaces: dict[str, str] = {}
        for message in messages:
            for endpoint_id, event_ids in message.event_ids.items():
                if event_ids:
                    by_nonce.setdefault(endpoint_id, {})[message.nonce] = _Addition(message.nonce, tuple(event_ids))
                    workspaces[endpoint_id] = message.workspace_id
        additions = {endpoint_id: list(of_one.values()) for endpoint_id, of_one in by_nonce.items()}
        if not additions:
            return set()
        everything = {addition.nonce for of_one in additions.values() for addition in of_one}
        try:
            heads = self._store.heads(additions)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("the heads of %d socket logs could not be read: %s", len(additions), error)
            return everything
        now = self._clock()
        # A margin on this side as well: a head that ends in a moment may be extended at this moment.
        kept = [one for one in additions if one in heads and now < heads[one].kept_until + CLOCK_MARGIN / 2]
        failed: set[str] = set()

        def append_to(endpoint_id: str) -> set[str]:
            return self._append(endpoint_id, heads[endpoint_id], additions[endpoint_id])

        if len(kept) == 1:
            failed |= append_to(kept[0])
        elif kept:
            with ThreadPoolExecutor(max_workers=min(THREADS, len(kept))) as threads:
                for remaining in threads.map(append_to, kept):
                    failed |= remaining
        if not kept:
            return failed
        try:
            self._queue.send([WakeUp(workspaces[one], one) for one in kept])
        except (RateLimited, Unavailable) as error:
            _LOG.warning("%d endpoints could not be woken: %s", len(kept), error)
            failed |= {addition.nonce for one in kept for addition in additions[one]}
        return failed

    def _append(self, endpoint_id: str, head: LogHead, additions: Sequence[_Addition]) -> set[str]:
        """The nonces that could not be appended."""
        left = list(additions)
        tries = 0
        while left:
            together = _together(left)
            segments = self._segments(head.next, together)
            try:
                self._store.append(endpoint_id, head, segments, [addition.nonce for addition in together])
            except AlreadyAppended as error:
                left = [addition for addition in left if addition.nonce not in error.nonces]
                continue
            except AppendConflict:
                tries += 1
                if tries >= TRIES:
                    _LOG.warning("endpoint %s: %d messages were overtaken %d times", endpoint_id, len(left), tries)
                    break
                self._sleep(random.uniform(0.005, 0.02) * 2 ** min(tries, 4))  # noqa: S311 - spreads load, guards nothing
                try:
                    found = self._store.heads([endpoint_id]).get(endpoint_id)
                except (RateLimited, Unavailable) as error:
                    _LOG.warning("endpoint %s: the head could not be read again: %s", endpoint_id, error)
                    break
                if found is None:
                    # The endpoint was deleted meanwhile; its log went with it.
                    return set()
                head = found
                continue
            except (RateLimited, Unavailable) as error:
                _LOG.warning("endpoint %s: %d messages were not appended: %s", endpoint_id, len(left), error)
                break
            head = replace(head, next=segments[-1].last + 1)
            left = left[len(together) :]
        return {addition.nonce for addition in left}

    def _segments(self, first: int, additions: Sequence[_Addition]) -> list[Segment]:
        event_ids = [one for addition in additions for one in addition.event_ids]
        expires = self._clock() + self._retention
        return [
            Segment(first + start, tuple(event_ids[start : start + EVENTS_PER_SEGMENT]), expires)
            for start in range(0, len(event_ids), EVENTS_PER_SEGMENT)
        ]


def _together(left: Sequence[_Addition]) -> list[_Addition]:
    """As many as fit into one transaction, at least one."""
    taken: list[_Addition] = []
    events = characters = 0
    for addition in left:
        events += len(addition.event_ids)
        characters += sum(map(len, addition.event_ids))
        if taken and (events > EVENTS_PER_APPEND or characters > ID_CHARACTERS_PER_APPEND or len(taken) == MESSAGES_PER_APPEND):
            break
        taken.append(addition)
    return taken


def log_is_off(head: LogHead, now: datetime) -> bool:
    """Whether routing may have stopped appending, so that events may be missing behind the head."""
    return head.kept_until <= now + CLOCK_MARGIN
