"""The configuration of workspaces, put together: endpoints, event filters, links and secrets over one chain of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from event_service.base.clock import Clock
from event_service.configuration.chain import Chain, Waiting
from event_service.configuration.destinations import Destinations
from event_service.configuration.effects import Effects
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.endpoints import Endpoints
from event_service.configuration.event_filters import ConditionReading, EventFilters
from event_service.configuration.existence import Quotas
from event_service.configuration.links import Links
from event_service.configuration.ports import ChangeLog, ConfigurationRows, EndpointObserver, RequestMemory, SecretStore
from event_service.configuration.requests import Requests
from event_service.configuration.secret_rotation import SecretRotation
from event_service.filters.event_filter import EventFilter


@dataclass(frozen=True, slots=True)
class ConfigurationStores:
    """Where a configuration is kept: the chain of changes, the rows that follow it, the secrets apart from both, and what was
    answered to idempotency keys."""

    changes: ChangeLog
    rows: ConfigurationRows
    secrets: SecretStore
    requests: RequestMemory


@dataclass(frozen=True, slots=True)
class Configuration:
    """The use cases.

    Example::

        configuration.endpoints.create(workspace_id, EndpointType.WEB_SOCKET, "Dashboard")
    """

    endpoints: Endpoints
    event_filters: EventFilters
    links: Links
    secrets: SecretRotation

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        """The endpoint; ``None`` when it is unknown, deleted or of another workspace."""
        return self.endpoints.endpoint(workspace_id, endpoint_id)

    def event_filters_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, list[EventFilter]]:
        """The linked event filters of each."""
        return self.event_filters.of_endpoints(workspace_id, endpoint_ids)


def assemble(
    *,
    stores: ConfigurationStores,
    observers: Sequence[EndpointObserver],
    destinations: Destinations,
    quotas: Quotas,
    reading: ConditionReading,
    clock: Clock,
    tells_everyone: bool = True,
    waiting: Waiting | None = None,
) -> Configuration:
    """Puts the parts together.

    Args:
        stores: where it is kept.
        observers: told of changed endpoints, in this order.
        destinations: the types of endpoints.
        quotas: what a workspace may hold.
        reading: how conditions of event filters are read and weighed.
        clock: the time.
        tells_everyone: whether ``observers`` are those of all types.
        waiting: how time passes.
    """
    rows, secrets = stores.rows, stores.secrets
    effects = Effects(observers, rows, secrets, destinations, tells_everyone=tells_everyone)
    chain = Chain(stores.changes, rows, effects, clock, waiting)
    requests = Requests(stores.requests, clock)
    return Configuration(
        Endpoints(chain, rows, requests, destinations, quotas, clock),
        EventFilters(chain, rows, requests, reading, quotas, clock),
        Links(chain, rows, clock),
        SecretRotation(rows, secrets, requests, destinations, clock),
    )
