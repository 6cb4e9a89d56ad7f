"""When tokens were last used, so that those nobody uses any more can be found and revoked."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from event_service.access.ports import UseStore
from event_service.access.token import Token
from event_service.base.clock import Clock
from event_service.base.errors import RateLimited, Unavailable

PRECISION: Final = timedelta(hours=1)
REMEMBERED: Final = 1_000

_LOG = logging.getLogger(__name__)


class LastUses:
    """Stores uses beside the requests that they come with: at most one write for a token and hour in each warm process, and
    none where another process has written within the hour. No request waits for it or fails by it."""

    def __init__(self, store: UseStore, clock: Clock, in_background: Callable[[Callable[[], None]], object]) -> None:
        """
        Args:
            store: takes the writes.
            clock: the time.
            in_background: runs a call beside the request, and drops what it raises.
        """
        self._store = store
        self._clock = clock
        self._in_background = in_background
        self._known: OrderedDict[str, datetime] = OrderedDict()
        self._lock = Lock()

    def note(self, token: Token) -> None:
        """A valid token was shown just now."""
        now = self._clock()
        with self._lock:
            known = max((one for one in (self._known.get(token.token_hash), token.used) if one is not None), default=None)
            if known is not None and now < known + PRECISION:
                return
            # Also if the write fails: a table that is too busy for it must not be asked again by the next request.
            self._known[token.token_hash] = now
            self._known.move_to_end(token.token_hash)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._in_background(lambda: self._write(token.token_hash, now))

    def _write(self, token_hash: str, now: datetime) -> None:
        try:
            self._store.put_use(token_hash, now)
        except (RateLimited, Unavailable) as error:
            _LOG.info("the last use of token %s was not stored: %s", token_hash[:12], error)
