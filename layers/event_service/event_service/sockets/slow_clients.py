"""Clients that were closed because they took nothing, and come back for ever: each time a little later.

A program that does not read takes thirty seconds of posts each time it connects. So whoever was closed several times in a
row at the same place is refused for a while that grows, until it takes a frame. Who it is, is told by its endpoint, token,
address, program and the sequence it resumes from: others are never at just this place, since they took what follows.
A client that has no sequence yet looks like any new one from its address, so it is refused for a minute at most.

It costs nobody else anything: the head of the log, which a connect reads anyway, says whether an endpoint has had such
clients lately.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections import OrderedDict
from datetime import timedelta
from threading import Lock
from typing import Final

from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable
from event_service.sockets.connection import GREATEST_SEQUENCE, Connection, ConnectRequest
from event_service.sockets.ports import LogHead, SlowCloses, SlowCloseStore, SocketLogStore

FIRST_PAUSE: Final = timedelta(minutes=1)
"""After the second close in a row; after each more it is four times as long."""
LONGEST_PAUSE: Final = timedelta(hours=12)
LONGEST_PAUSE_OF_NEW: Final = timedelta(minutes=1)
"""Of clients without a sequence."""
KEPT: Final = timedelta(hours=48)
"""So long closes count as being in a row, and endpoints as having such clients."""
REMEMBERED: Final = 2_000
"""Refused clients that a process knows, at some 300 bytes each."""
_NEW: Final = "new#"
_NO_SEQUENCE: Final = (None, "", "0", str(GREATEST_SEQUENCE))

_LOG = logging.getLogger(__name__)


def client_key(request: ConnectRequest, token_hash: str | None) -> str:
    """What tells a client that comes back from others."""
    is_new = request.after in _NO_SEQUENCE
    parts = (request.endpoint_id, token_hash, request.address, request.program, None if is_new else request.after)
    return f"{_NEW if is_new else ''}{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"


class SlowClients:
    """Of one process. Its methods may be called by several threads."""

    def __init__(self, closes: SlowCloseStore, log: SocketLogStore, clock: Clock) -> None:
        """
        Args:
            closes: how often clients were closed.
            log: its heads say which endpoints have had such clients.
            clock: the time.
        """
        self._closes = closes
        self._log = log
        self._clock = clock
        self._refused: OrderedDict[str, SlowCloses] = OrderedDict()
        self._lock = Lock()

    def check_remembered(self, client: str) -> None:
        """Refuses a client that this process refused before. It costs no call.

        Raises:
            RateLimited: it comes too early.
        """
        with self._lock:
            known = self._refused.get(client)
        if known is not None:
            self._check(known)
            with self._lock:
                self._refused.pop(client, None)

    def check(self, client: str, head: LogHead | None) -> None:
        """Refuses a client that was closed several times in a row. One call, if its endpoint has had any such client lately.

        Raises:
            RateLimited: it comes too early.
        """
        if head is None or head.slow_until is None or head.slow_until <= self._clock():
            return
        known = self._closes.slow_closes(client)
        if known is None or known.until <= self._clock():
            return
        with self._lock:
            self._refused[client] = known
            while len(self._refused) > REMEMBERED:
                self._refused.popitem(last=False)
        self._check(known)

    def _check(self, known: SlowCloses) -> None:
        left = (known.until - self._clock()).total_seconds()
        if left > 0:
            seconds = math.ceil(left)
            error = RateLimited(
                f"This client was closed {known.times} times in a row because it took nothing. Read what is sent, and connect again in "
                f"{seconds:,} seconds; or at once with after= an earlier sequence, if the program was repaired."
            )
            error.retry_after_seconds = seconds
            raise error

    def note(self, connection: Connection, head: LogHead) -> None:
        """Notes that a connection is closed because it took nothing. Three calls at most; what fails is only logged, since
        the next close notes it."""
        client, now = connection.client, self._clock()
        if client is None:
            return
        try:
            before = None if connection.posted_at is not None else self._closes.slow_closes(client)
            times = 1 if before is None else before.times + 1
            self._closes.note_slow_close(client, SlowCloses(times, now + _pause(client, times)), now + KEPT)
            if head.slow_until is None or head.slow_until < now + KEPT / 2:
                self._log.note_slow(connection.endpoint_id, now + KEPT)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("connection %s was closed, which was not noted: %s", connection.connection_id, error)


def _pause(client: str, times: int) -> timedelta:
    if times < 2:
        return timedelta()
    longest = LONGEST_PAUSE_OF_NEW if client.startswith(_NEW) else LONGEST_PAUSE
    return min(longest, FIRST_PAUSE * int(4 ** min(times - 2, 10)))
