"""What routing hands events to, as protocols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from event_service.sockets.log import Routed


class SocketLog(Protocol):
    """The logs of WEB_SOCKET endpoints."""

    def append(self, messages: Sequence[Routed]) -> set[str]:
        """Appends each endpoint's events and wakes its clients. Once a nonce is in an endpoint's log, doing it again
        only wakes. Does not raise: returns the nonces of which that is not certain."""
