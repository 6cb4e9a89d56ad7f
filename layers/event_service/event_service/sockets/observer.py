"""What changed endpoints mean for open sockets: their groups are woken, and read what is so now."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.ports import EndpointReference
from event_service.sockets.ports import SocketLogStore, WakeUpQueue
from event_service.sockets.waking import wake_endpoints


class SocketObserver:
    """Told by the configuration, after a change is committed."""

    def __init__(self, log: SocketLogStore, queue: WakeUpQueue) -> None:
        """
        Args:
            log: knows the turns of endpoints.
            queue: wakes who serves them.
        """
        self._log = log
        self._queue = queue

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        """Nothing waits anywhere but in the log; see :meth:`changed`."""

    def changed(self, endpoints: Sequence[Endpoint]) -> None:
        """Lets the connections of paused endpoints be told, and those of resumed ones be sent their backlog."""
        self._wake(endpoints)

    def deleted(self, endpoints: Sequence[EndpointReference]) -> None:
        """Lets the connections be closed and the logs be forgotten."""
        self._wake(endpoints, deleted=True)

    def _wake(self, endpoints: Sequence[EndpointReference], *, deleted: bool = False) -> None:
        sockets = [one for one in endpoints if one.type is EndpointType.WEB_SOCKET]
        if sockets:
            wake_endpoints(self._log, self._queue, [(one.workspace_id, one.id) for one in sockets], deleted=deleted)
