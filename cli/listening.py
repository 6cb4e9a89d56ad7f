"""A client of a WEB_SOCKET endpoint that misses nothing: it reconnects and resumes by itself.

API Gateway closes every connection after 2 hours and idle ones after 10 minutes
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html).
What the service promises in return: a client that reconnects with ``after=<the last sequence it has>`` gets everything
after it, in order; what comes again after a fault has the same sequence, so that "drop what is not higher than the last" leaves
every event once. Only a reset that is the first thing on a connection sets the last sequence back.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from event_service.sockets.connection import GREATEST_SEQUENCE

PONG_SECONDS: Final = 20.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
MAXIMUM_FRAME_BYTES: Final = 1024 * 1024

_TRANSIENT: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Refused(Exception):
    """The service turned the connection away, and would again."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the connection was refused with HTTP {status}")
        self.status = status


class InvalidAddress(Exception):
    """Not the URL of a WebSocket."""


@dataclass
class Counts:
    """What happened since the start."""

    received: int = 0
    dropped: int = 0
    """Frames that had been seen before."""
    missed: int = 0
    """Sequences that the service said are gone, or that were left out."""
    connections: int = 0


@dataclass
class Listener:
    """Follows one endpoint.

    Attributes:
        url: where sockets connect, without a query.
        endpoint_id: a WEB_SOCKET endpoint.
        token: an access token of its workspace.
        on_event: awaited with each event, in order; its ``sequence`` is in it. The next frame waits for it.
        fetch: gives an event that was too big for a frame, by its id; ``None`` when it is gone.
        note: told of what happens to the connection.
        last: the sequence to resume behind; ``None``: from now on. It moves on with what is received; where "now" is, is the
            first thing that the service says, so that an event before the first one seen is not missed either.
        filter_id: an event filter; the service sends what it matches, so that sequences are left out.
        keep_alive_seconds: how often the service is asked for a sign of life; well below 10 minutes.
    """

    url: str
    endpoint_id: str
    token: str
    on_event: Callable[[dict[str, Any]], Awaitable[None]]
    fetch: Callable[[str], Awaitable[dict[str, Any] | None]]
    note: Callable[[str], None]
    last: int | None = None
    filter_id: str | None = None
    keep_alive_seconds: float = 240.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    counts: Counts = field(default_factory=Counts)
    _is_first: bool = True
    """Neither an event nor a gap nor a reset has come on this connection."""

    async def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Receives until ``until()`` is true after an event.

        Raises:
            Refused: the service turned the connection away for a reason that will not pass.
            InvalidAddress: ``url`` is no WebSocket URL.
        """
        failures = 0
        while not until():
            try:
                async with connect(
                    f"{self.url}?{urlencode(self._query())}",
                    additional_headers={"Token": self.token},
                    user_agent_header="event-service-cli",
                    max_size=MAXIMUM_FRAME_BYTES,
                    ping_interval=None,  # API Gateway's idle time is counted in messages, not in pings of the protocol
                    proxy=None if "://127.0.0.1" in self.url or "://localhost" in self.url else True,
                ) as connection:
                    self.counts.connections += 1
                    self.note("connected" if self.last is None else f"connected, resuming after {self.last}")
                    self.connected()
                    before = self.counts.received
                    try:
                        await self._receive(connection, until)
                    finally:
                        if self.counts.received > before:
                            failures = 0
                    reason = "the service does not answer"
            except InvalidStatus as error:
                status = error.response.status_code
                if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _TRANSIENT:
                    raise Refused(status) from error
                reason = f"HTTP {status}"
            except InvalidURI as error:
                raise InvalidAddress(str(error)) from error
            except ConnectionClosed as error:
                reason = f"closed with {error.rcvd.code}" if error.rcvd else "the connection broke"
            except (OSError, InvalidHandshake, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            if until():
                return
            # Spread out: all clients of an endpoint lose their connections at the same moment.
            pause = random.uniform(0.2, 1) * min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)  # noqa: S311 - no secret
            failures = min(failures + 1, 10)
            self.note(f"disconnected ({reason}); connecting again in {pause:.1f} s")
            await self.sleep(pause)

    def _query(self) -> dict[str, str]:
        query = {"endpoint_id": self.endpoint_id, "batch": "1", "after": str(GREATEST_SEQUENCE if self.last is None else self.last)}
        return query if self.filter_id is None else {**query, "filter": self.filter_id}

    async def _receive(self, connection: ClientConnection, until: Callable[[], bool]) -> None:
        """Returns when ``until()`` holds or a ping is not answered; raises ``ConnectionClosed``."""
        ping_due = time.monotonic() + self.keep_alive_seconds
        waits_for_pong = False
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + max(0.0, ping_due - time.monotonic())):
                    text = await connection.recv()
            except TimeoutError:
                if waits_for_pong:
                    return
                await connection.send('{"action":"ping"}')
                waits_for_pong, ping_due = True, time.monotonic() + PONG_SECONDS
                continue
            if waits_for_pong:  # any frame is a sign of life
                waits_for_pong, ping_due = False, time.monotonic() + self.keep_alive_seconds
            for value in _values(text):
                await self.take(value)
                if until():
                    return

    def connected(self) -> None:
        """A new connection begins."""
        self._is_first = True

    async def take(self, value: dict[str, Any]) -> None:
        """What one frame means."""
        await self._take(value)
        if value.get("notice") in ("gap", "reset") or isinstance(value.get("sequence"), int):
            self._is_first = False

    async def _take(self, value: dict[str, Any]) -> None:
        notice = value.get("notice")
        if notice is None and isinstance(value.get("sequence"), int):
            await self._take_event(value["sequence"], value)
        elif notice == "too-large":
            await self._take_big(value["sequence"], str(value["id"]))
        elif notice == "gap":
            self._take_gap(value)
        elif notice == "reset":
            if self._is_first:
                self._take_reset(value["next"])
        elif notice == "closing":
            self.note(f"the service closes the connection: {value.get('message', value.get('reason', ''))}")
        elif notice == "paused":
            self.note("the endpoint is paused: what arrives waits until it is resumed")
        elif notice != "pong":
            self.note(f"the service says: {json.dumps(value, ensure_ascii=False)[:300]}")

    async def _take_event(self, sequence: int, event: dict[str, Any]) -> None:
        if not self._is_new(sequence):
            return
        await self.on_event(event)
        self.last = sequence
        self.counts.received += 1

    async def _take_big(self, sequence: int, event_id: str) -> None:
        if not self._is_new(sequence):
            return
        event = await self.fetch(event_id)
        if event is None:
            self.note(f"event {event_id} (sequence {sequence}) was too big for a frame and is gone")
            self.counts.missed += 1
            self.last = sequence
            return
        await self._take_event(sequence, {**event, "sequence": sequence})

    def _is_new(self, sequence: int) -> bool:
        if self.last is not None and sequence <= self.last:
            self.counts.dropped += 1
            return False
        if self.filter_id is None and self.last is not None and sequence > self.last + 1:
            self.note(f"sequences {self.last + 1} to {sequence - 1} were left out without a word: this is a fault of the service")
            self.counts.missed += sequence - self.last - 1
        return True

    def _take_reset(self, following: int) -> None:
        if self.last is not None and self.last >= following:
            self.note(f"the service has no event behind {self.last}; the next one is {following}")
        self.last = following - 1

    def _take_gap(self, value: dict[str, Any]) -> None:
        first, last = value["from"], value["to"]
        if self.last is not None and last <= self.last:
            self.counts.dropped += 1
            return
        if value.get("reason") not in ("unused", "filtered"):
            self.note(f"gap: what had the sequences {first} to {last} is gone")
            self.counts.missed += last - max(first, (self.last or 0) + 1) + 1
        self.last = last


def _values(text: str | bytes) -> Iterator[dict[str, Any]]:
    value = json.loads(text)
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))
