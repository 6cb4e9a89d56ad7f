"""What follows from a committed change beyond the rows: secrets removed, sockets told and closed, backlogs sent.

It is derived from the change set alone and may be done twice, so that whoever finds a change whose maker died, or whose
calls failed, can do it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from event_service.base.errors import DomainError, Unavailable
from event_service.configuration.changes import ChangeSet, DeletedEndpoint, DeleteEndpoints, Operation, PutEndpoint, SetState
from event_service.configuration.destinations import Destinations, Feature
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.ports import ConfigurationRows, EndpointObserver, SecretStore

_LOG = logging.getLogger(__name__)

TRIES = 2


class Effects:
    """Tells observers, each on its own: one that fails does not keep the others from being told."""

    def __init__(
        self,
        observers: Sequence[EndpointObserver],
        rows: ConfigurationRows,
        secrets: SecretStore,
        destinations: Destinations,
        *,
        tells_everyone: bool = True,
    ) -> None:
        """
        Args:
            observers: told in this order.
            rows: where the endpoints of a change are read.
            secrets: signing secrets.
            destinations: the types of endpoints.
            tells_everyone: whether observers of all types are among them; a process that knows only some must not note a
                change of another one as done.
        """
        self._observers = observers
        self._rows = rows
        self._secrets = secrets
        self._destinations = destinations
        self.tells_everyone = tells_everyone

    def resuming(self, endpoints: Sequence[Endpoint]) -> None:
        """Before the commit of a resume."""
        if endpoints:
            for observer in self._observers:
                observer.resuming(endpoints)

    def follow(self, change: ChangeSet) -> bool:
        """After the commit, when the rows show it.

        Returns:
            Whether all was done; ``False`` when a call failed also at the second try, which is logged.
        """
        done = True
        for operation in change.operations:
            for act in self._acts(change.workspace_id, operation):
                done = _tried(act) and done
        return done

    def _acts(self, workspace_id: str, operation: Operation) -> list[Callable[[], None]]:
        match operation:
            case DeleteEndpoints():
                deleted = operation.of_workspace(workspace_id)
                return [lambda: self._forget_secrets(deleted), *(_deleting(one, deleted) for one in self._observers)]
            case SetState(ids):
                return [_changing(one, lambda: list(self._rows.endpoints(workspace_id, ids).values())) for one in self._observers]
            case PutEndpoint(endpoint) if endpoint.modified != endpoint.created:
                return [_changing(one, lambda: [endpoint]) for one in self._observers]
            case _:
                return []

    def _forget_secrets(self, deleted: Sequence[DeletedEndpoint]) -> None:
        with_secret = [one for one in deleted if self._destinations.can(one.type, Feature.SECRET)]
        if with_secret:
            self._secrets.delete([one.id for one in with_secret])


def _deleting(observer: EndpointObserver, deleted: Sequence[DeletedEndpoint]) -> Callable[[], None]:
    return lambda: observer.deleted(deleted)


def _changing(observer: EndpointObserver, endpoints: Callable[[], Sequence[Endpoint]]) -> Callable[[], None]:
    def act() -> None:
        current = endpoints()
        if current:
            observer.changed(current)

    return act


def _tried(act: Callable[[], None]) -> bool:
    for _ in range(TRIES):
        try:
            act()
        except (DomainError, Unavailable) as error:
            _LOG.warning("what follows a committed change failed and is tried again: %s", error)
        else:
            return True
    return False
