"""Hands events over to sockets: all events of a message for an endpoint are appended to its log as one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from event_service.delivery.outlet import PARTS_PER_CALL, RoutedEvents
from event_service.events.event import Event
from event_service.sockets.log import Routed

APPEND_PARTS: Final = 2 * PARTS_PER_CALL
"""The transaction that appends, and the wake-up."""


class Appending(Protocol):
    """The logs of WEB_SOCKET endpoints."""

    def append(self, messages: Sequence[Routed]) -> set[str]:
        """Appends each endpoint's events and wakes its clients. Once a nonce is in an endpoint's log, doing it again
        only wakes. Does not raise: returns the nonces of which that is not certain."""


class SocketOutlet:
    """Implements :class:`~event_service.delivery.outlet.Outlet`."""

    failure = "not all socket logs could be extended"

    def __init__(self, log: Appending) -> None:
        self._log = log

    def cost(self, routed: RoutedEvents, events: Sequence[Event]) -> int:  # noqa: ARG002 - an append costs the same for all
        return APPEND_PARTS

    def send(self, routed: Sequence[RoutedEvents], time_left: Callable[[], float]) -> Collection[int]:  # noqa: ARG002 - the log has time-outs of its own
        # By nonce: the queue may have handed over two copies of a message at once, and a log takes a nonce once.
        by_nonce: dict[str, Routed] = {}
        for one in routed:
            ids = {endpoint_id: [event.id for event in events] for endpoint_id, events in one.per_endpoint.items()}
            known = by_nonce.get(one.nonce)
            per_endpoint = ids if known is None else {**known.event_ids, **ids}
            by_nonce[one.nonce] = Routed(one.workspace_id, one.nonce, per_endpoint, one.repeat, one.configuration_version)
        failed = self._log.append(list(by_nonce.values()))
        return {position for position, one in enumerate(routed) if one.nonce in failed}
