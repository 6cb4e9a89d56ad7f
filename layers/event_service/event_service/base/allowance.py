"""What one request may still use: time, bytes read from the database, bytes of what it shows.

A request's allowance travels in a context variable, so that every call to the database looks at it, whichever use case
makes the call. When the request was answered, nothing of it goes on: the next call of a thread that is left over
raises. Mutations have no allowance, since one that began must end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from event_service.base.errors import TooLarge

GATEWAY_SECONDS: Final = 30.0
"""For so long an HTTP API waits for an answer (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html)."""

_current: ContextVar[Allowance | None] = ContextVar("allowance", default=None)


class Allowance:
    """Of one request. Safe to use from several threads.

    Example::

        allowance = Allowance(seconds=20.0, read_bytes=64_000_000, shown_bytes=5_000_000)
        with allowance.applied():
            ...  # every call to the database checks it
        allowance.end()
    """

    def __init__(self, seconds: float, read_bytes: int, shown_bytes: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            seconds: from now on.
            read_bytes: that the database may answer with, as sent.
            shown_bytes: of the values that the answer will show.
            monotonic: a clock that only goes forward, in seconds.
        """
        self._monotonic = monotonic
        self._seconds = seconds
        self._end = monotonic() + seconds
        self._read_bytes = read_bytes
        self._read_left = read_bytes
        self._shown_bytes = shown_bytes
        self._shown_left = shown_bytes
        self._ended = False
        self._refusal: str | None = None
        self._lock = threading.Lock()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Calls to the database inside are checked against this allowance."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def end(self) -> None:
        """The request was answered: whatever of it still runs ends at its next call."""
        self._ended = True

    @property
    def time_left(self) -> float:
        """In seconds."""
        return 0.0 if self._ended else max(0.0, self._end - self._monotonic())

    @property
    def read_left(self) -> int:
        """Bytes that the database may still answer with."""
        return self._read_left

    def check(self) -> None:
        """
        Raises:
            TooLarge: the time is up, the request was answered, or it was refused more bytes before.
        """
        if self._refusal is not None:
            raise TooLarge(self._refusal)
        if self._ended or self._monotonic() > self._end:
            raise TooLarge(
                f"The query took more than {self._seconds:.0f} s. Give smaller limits, a date range, or ask for one list at a time."
            )

    def take_read(self, number: int) -> None:
        """Counts bytes that the database answered with.

        Raises:
            TooLarge: they are more than the request may read.
        """
        with self._lock:
            self._read_left -= number
            left = self._read_left
        if left < 0:
            self._refuse(f"The query reads more than {self._read_bytes:,} bytes. Give smaller limits, or ask for one list at a time.")

    def take_shown(self, number: int) -> None:
        """Counts bytes of values that the answer will show.

        Raises:
            TooLarge: they are more than an answer can hold.
        """
        with self._lock:
            self._shown_left -= number
            left = self._shown_left
        if left < 0:
            self._refuse(
                f"The lists of this query have more than {self._shown_bytes:,} bytes together. "
                "Give smaller limits, or ask for one list at a time."
            )

    def _refuse(self, sentence: str) -> None:
        # What else the request would read cannot be shown either.
        self._refusal = sentence
        raise TooLarge(sentence)


def current_allowance() -> Allowance | None:
    """That of the request in whose context this thread works; ``None`` in all other work."""
    return _current.get()
