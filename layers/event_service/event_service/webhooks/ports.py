"""What sending webhooks needs from outside, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from event_service.base.errors import RateLimited
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import LogKey, LogRecord
from event_service.delivery.lanes import Looks
from event_service.delivery.ports import BacklogStore, DeliveryLog, EndpointDisabler, HealthStore, LaneStore
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.service_events import OperationalEvents
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a batch needs to know, read strongly consistent at one time.

    Attributes:
        endpoints: by id; those that do not exist are missing.
        secrets: by endpoint id.
        health: by endpoint id; only of those that have failed.
        recorded: those of the asked attempts that the log has.
        unread: ids of endpoints of which not everything could be read, because rows were throttled or are damaged: nothing is known
            of them, their messages must come again.
    """

    endpoints: Mapping[str, Endpoint]
    secrets: Mapping[str, EndpointSecrets]
    health: Mapping[str, EndpointHealth]
    recorded: Mapping[LogKey, LogRecord]
    unread: frozenset[str] = frozenset()

    def require_all(self) -> None:
        """For whoever cannot go on with a part.

        Raises:
            RateLimited: something could not be read.
        """
        if self.unread:
            raise RateLimited("The database is too busy at the moment; try again in a few seconds.")


class SnapshotReader(Protocol):
    """Reads the above in one call for each 100 items."""

    def read(self, endpoints: Collection[tuple[str, str]], attempts: Collection[LogKey]) -> Snapshot:
        """
        Args:
            endpoints: (workspace id, endpoint id).
            attempts: by their places in the log.
        """


class Sender(Protocol):
    """Makes one request."""

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        """Sends a request within its deadline; every failure is an answer, none is raised."""


class EventTexts(Protocol):
    """The events as they are delivered."""

    def read(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The JSON text of each event that is still kept, by (workspace id, event id), strongly consistent. It is put together
        from what is stored and not parsed."""


@dataclass(frozen=True, slots=True)
class DeliveryStores:
    """Where deliveries are written down: the log of attempts, backlogs, and the looks that they need."""

    log: DeliveryLog
    backlog: BacklogStore
    looks: Looks


@dataclass(frozen=True, slots=True)
class EndpointActions:
    """What follows from answers beyond the delivery itself: events about it, and disabling the endpoint. ``disabler`` is
    called on the first use, since few invocations need it."""

    events: OperationalEvents
    disabler: Callable[[], EndpointDisabler]


@dataclass(frozen=True, slots=True)
class EndpointState:
    """What is read and written about endpoints: their configuration with the log, their health, and their lanes."""

    snapshots: SnapshotReader
    health: HealthStore
    lanes: LaneStore
