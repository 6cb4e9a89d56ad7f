"""Appending to the logs of WEB_SOCKET endpoints.

Appending takes two writes. The first counts the head up by the number of events, without a condition, so that routers never
wait for each other. The second, a transaction, stores the events' ids under the sequences this gave, and a row that says
that (endpoint, routing message) was appended. A message that is routed again, by a repeat or after a crash, finds that row, so an event
never gets two sequences, unless a replay appends it again, under a name of its own. A router that dies between the two
leaves sequences that nobody uses: whoever reads the log marks them as unused after a while, after which the router's own
second write fails. Nothing is appended for an endpoint that had no connection within the retention: nobody could resume
there.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.base.threads import ContextThreads
from event_service.sockets.messages import LateAppend, WakeUp
from event_service.sockets.ports import AlreadyAppended, BacklogQueue, LogHead, Segment, SequencesTaken, SocketLogStore, WakeUpQueue

EVENTS_PER_SEGMENT: Final = 100
EVENTS_PER_APPEND: Final = 1_000
MESSAGES_PER_APPEND: Final = 75
"""A transaction has at most 100 actions: a row for each message, and the segments."""
ID_CHARACTERS_PER_APPEND: Final = 250_000
"""At most 4 bytes each; a transaction holds 4 MB (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html)."""
SEQUENCES_PER_BLOCK: Final = 256
"""Segments of one block share a partition key. A block is soon full, so that no key takes all writes of a busy endpoint;
no segment reaches into the next block."""
TRIES: Final = 6
"""Of an append that is throttled, before it is put off."""
LATE_SECONDS: Final = 1
"""After so long, what was put off is appended."""
THREADS: Final = 16
HEADS_UNREAD: Final = 3
"""For so few endpoints the heads are not read first: for most, counting up tells whether there is a log."""
CLOCK_MARGIN: Final = timedelta(seconds=60)
"""Two machines' clocks may differ by this much."""
SENT_TURNS: Final = 10_000
"""Endpoints whose last wake-up a router remembers."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Routed:
    """What one routing message adds to logs: the ids of its events, in order, for each WEB_SOCKET endpoint.

    ``repeat``: it may have been appended before. ``configuration_version``: by which it was routed. ``replayed``: it is no routing
    message but a part of a replay.
    """

    workspace_id: str
    nonce: str
    event_ids: Mapping[str, Sequence[str]]
    repeat: bool = False
    configuration_version: int | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Addition:
    workspace_id: str
    nonce: str
    event_ids: tuple[str, ...]
    repeat: bool
    configuration_version: int | None
    replayed: bool


def block_of(sequence: int) -> int:
    """Which block of sequences holds one; segments of a block share a partition key."""
    return sequence // SEQUENCES_PER_BLOCK


def block_end(sequence: int) -> int:
    """The last sequence of the block of a sequence."""
    return (block_of(sequence) + 1) * SEQUENCES_PER_BLOCK - 1


class SocketLog:
    """The writing side, used by routing.

    Example::

        failed = log.append([Routed(workspace_id, nonce, {endpoint_id: event_ids})])
    """

    def __init__(
        self,
        store: SocketLogStore,
        queue: WakeUpQueue,
        backlog: BacklogQueue,
        clock: Clock,
        retention: timedelta,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            store: the logs.
            queue: wakes the endpoints' connections.
            backlog: takes what has to be appended later.
            clock: the time.
            retention: how long a client can resume.
            sleep: waits between tries, in seconds.
        """
        self._store = store
        self._queue = queue
        self._backlog = backlog
        self._clock = clock
        self._retention = retention
        self._sleep = sleep
        self._sent_turns: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def append(self, messages: Sequence[Routed]) -> set[str]:
        """Appends a batch of routing messages and wakes the endpoints' connections.

        Several messages of one batch are appended to an endpoint together. Appending again is safe. What cannot be appended
        now is put off by a second.

        Returns:
            The nonces that are neither appended nor put off, or whose connections may not have been woken: route them again.
        """
        additions = _by_endpoint(messages)
        try:
            kept = self._kept(additions)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("the heads of %d socket logs could not be read: %s", len(additions), error)
            return {addition.nonce for of_one in additions.values() for addition in of_one}
        failed: set[str] = set()
        heads: dict[str, LogHead] = {}

        def append_to(endpoint_id: str) -> tuple[LogHead | None, list[_Addition]]:
            return self._append(endpoint_id, additions[endpoint_id])

        if len(kept) == 1:
            results = [append_to(kept[0])]
        else:
            with ContextThreads(max_workers=THREADS) as threads:
                results = list(threads.map(append_to, kept))
        for endpoint_id, (head, left) in zip(kept, results, strict=True):
            if head is not None:
                heads[endpoint_id] = head
            if left:
                failed |= self._put_off(endpoint_id, left)
        return failed | self._wake(heads, additions)

    def append_late(self, messages: Sequence[LateAppend]) -> set[str]:
        """Appends what was put off for one endpoint. Several threads may do that, each for another endpoint.

        Returns:
            The nonces that must come again.
        """
        return self.append(
            [
                Routed(one.workspace_id, one.nonce, {one.endpoint_id: one.event_ids}, True, one.configuration_version, one.replayed)
                for one in messages
            ]
        )

    # -- appending -----------------------------------------------------------------------------------------------

    def _kept(self, additions: Mapping[str, object]) -> list[str]:
        """The endpoints whose log may be kept."""
        if len(additions) <= HEADS_UNREAD:
            return list(additions)
        heads = self._store.heads(list(additions))
        now = self._clock()
        # A margin on this side as well: a head that ends in a moment may be extended at this moment.
        return [one for one in additions if one in heads and now < heads[one].kept_until + CLOCK_MARGIN / 2]

    def _append(self, endpoint_id: str, additions: Sequence[_Addition]) -> tuple[LogHead | None, list[_Addition]]:
        """The head as it was left (``None``: nothing was written), and what could not be appended."""
        left = list(additions)
        head: LogHead | None = None
        tries = 0
        while left:
            try:
                left, repeats = self._unmarked(endpoint_id, left)
                if repeats and head is None:
                    # Appended before, but perhaps nobody was woken.
                    head = self._store.heads([endpoint_id]).get(endpoint_id)
                if not left:
                    break
                together = _together(left)
                allocated = self._store.allocate(endpoint_id, sum(len(one.event_ids) for one in together))
                if allocated is None:
                    # Nobody was connected within the retention, or the endpoint was deleted and its log with it.
                    return head, []
                head = allocated
                self._store_segments(endpoint_id, head, together)
                left = left[len(together) :]
            except (AlreadyAppended, SequencesTaken):
                # Looked up, or with new sequences, next time round.
                left = [replace(one, repeat=True) for one in left]
            except (RateLimited, Unavailable) as error:
                tries += 1
                if tries >= TRIES:
                    _LOG.warning("endpoint %s: %d messages were not appended: %s", endpoint_id, len(left), error)
                    break
                # A write whose answer was lost may have acted: its row tells.
                left = [replace(one, repeat=True) for one in left]
                self._pause(tries)
        return head, left

    def _unmarked(self, endpoint_id: str, additions: list[_Addition]) -> tuple[list[_Addition], bool]:
        """Those that are not in the log, and whether any is."""
        repeats = [addition.nonce for addition in additions if addition.repeat]
        if not repeats:
            return additions, False
        marked = self._store.marked(endpoint_id, repeats)
        return [addition for addition in additions if addition.nonce not in marked], bool(marked)

    def _store_segments(self, endpoint_id: str, head: LogHead, additions: Sequence[_Addition]) -> None:
        event_ids = [one for addition in additions for one in addition.event_ids]
        first = head.next - len(event_ids)
        versions = {addition.configuration_version for addition in additions}
        segments = self._segments(first, event_ids, versions.pop() if len(versions) == 1 else None, replayed=additions[0].replayed)
        for attempt in range(1, TRIES + 1):
            try:
                self._store.append(endpoint_id, segments, [addition.nonce for addition in additions])
            except (RateLimited, Unavailable):
                # Everybody behind waits for these sequences: the same write again, which is harmless if it acted.
                if attempt == TRIES:
                    raise
                self._pause(attempt)
            except AlreadyAppended as error:
                if len(error.nonces) == len(additions) and attempt > 1:
                    return  # our own write, whose answer was lost
                self._store.seal(endpoint_id, [_unused(segment) for segment in segments])
                raise
            else:
                return

    def _segments(self, first: int, event_ids: Sequence[str], version: int | None, *, replayed: bool) -> list[Segment]:
        now = self._clock()
        segments = []
        last = first + len(event_ids) - 1
        at = first
        while at <= last:
            end = min(last, at + EVENTS_PER_SEGMENT - 1, block_end(at))
            ids = tuple(event_ids[at - first : end - first + 1])
            segments.append(Segment(at, ids, now, now + self._retention, configuration_version=version, replayed=replayed))
            at = end + 1
        return segments

    def _put_off(self, endpoint_id: str, additions: Sequence[_Addition]) -> set[str]:
        messages = [
            LateAppend(one.workspace_id, endpoint_id, one.nonce, one.event_ids, one.configuration_version, one.replayed)
            for one in additions
        ]
        try:
            self._backlog.send(messages, LATE_SECONDS)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("endpoint %s: %d messages could not be put off: %s", endpoint_id, len(messages), error)
            return {one.nonce for one in additions}
        return set()

    def _pause(self, tries: int) -> None:
        self._sleep(random.uniform(0.01, 0.03) * 2 ** min(tries, 5))  # noqa: S311 - spreads load, guards nothing

    # -- waking --------------------------------------------------------------------------------------------------

    def _wake(self, heads: Mapping[str, LogHead], additions: Mapping[str, Sequence[_Addition]]) -> set[str]:
        now = self._clock()
        wake_ups = []
        for endpoint_id, head in heads.items():
            # Each connect keeps the log for the life of a connection and the retention.
            if head.nobody_connected or now > head.kept_until - self._retention:
                continue
            # While the run with this number has not begun, this router's own wake-up is still in the queue.
            if self._sent_turns.get(endpoint_id) != head.turn:
                wake_ups.append(WakeUp(additions[endpoint_id][0].workspace_id, endpoint_id, turn=head.turn))
        if not wake_ups:
            return set()
        try:
            self._queue.send(wake_ups)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("%d endpoints could not be woken: %s", len(wake_ups), error)
            return {addition.nonce for wake_up in wake_ups for addition in additions[wake_up.endpoint_id]}
        with self._lock:
            for wake_up in wake_ups:
                self._sent_turns[wake_up.endpoint_id] = wake_up.turn
                self._sent_turns.move_to_end(wake_up.endpoint_id)
            while len(self._sent_turns) > SENT_TURNS:
                self._sent_turns.popitem(last=False)
        return set()


def _unused(segment: Segment) -> Segment:
    return Segment(segment.first, (), segment.appended, segment.expires, unused=len(segment.event_ids))


def _by_endpoint(messages: Sequence[Routed]) -> dict[str, list[_Addition]]:
    # By nonce: a batch may hold two copies of a message, whose second row would be that of the first.
    by_nonce: dict[str, dict[str, _Addition]] = {}
    for message in messages:
        for endpoint_id, event_ids in message.event_ids.items():
            if event_ids:
                version = message.configuration_version
                addition = _Addition(message.workspace_id, message.nonce, tuple(event_ids), message.repeat, version, message.replayed)
                by_nonce.setdefault(endpoint_id, {})[message.nonce] = addition
    return {endpoint_id: list(of_one.values()) for endpoint_id, of_one in by_nonce.items()}


def _together(additions: Sequence[_Addition]) -> list[_Addition]:
    """As many as fit into one transaction, at least one; what a replay appends by itself, since segments say so."""
    taken: list[_Addition] = []
    events = characters = 0
    for addition in additions:
        events += len(addition.event_ids)
        characters += sum(map(len, addition.event_ids))
        if taken and (events > EVENTS_PER_APPEND or characters > ID_CHARACTERS_PER_APPEND or len(taken) == MESSAGES_PER_APPEND):
            break
        if taken and addition.replayed != taken[0].replayed:
            break
        taken.append(addition)
    return taken


def log_is_off(head: LogHead, now: datetime) -> bool:
    """Whether routing may have stopped appending, so that events may be missing behind the head."""
    return head.kept_until <= now + CLOCK_MARGIN
