"""The one read with which a batch of webhook deliveries begins."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator

from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.items import EndpointByIdItem, endpoint_of, is_deleted
from event_service.configuration.storage.secrets import SecretItem, secret_key, secrets_of
from event_service.delivery.attempt import LogKey, LogRecord
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.health import read_health
from event_service.delivery.storage.log_items import LogItem, log_key, record_of
from event_service.webhooks.ports import Snapshot

_LOG = logging.getLogger(__name__)


class DynamoSnapshotReader:
    """Implements :class:`~event_service.webhooks.ports.SnapshotReader`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read(self, endpoints: Collection[tuple[str, str]], attempts: Collection[LogKey]) -> Snapshot:
        keys: list[Key] = []
        owners: dict[str, str] = {}
        for workspace_id, endpoint_id in endpoints:
            owners[endpoint_id] = workspace_id
            keys.append(Key(EndpointByIdItem, endpoint_id))
            keys.append(secret_key(endpoint_id))
        keys.extend(log_key(*attempt) for attempt in attempts)
        now = self._clock().timestamp()
        found_endpoints: dict[str, Endpoint] = {}
        secrets: dict[str, EndpointSecrets] = {}
        health: dict[str, EndpointHealth] = {}
        recorded: dict[LogKey, LogRecord] = {}
        found, throttled = self._database.batch_get_some(keys, binary=False)
        unread = set(_endpoints_of(throttled))

        def add(model: type[Model], item: AttributeMap) -> None:
            if model is LogItem:
                record = record_of(item)
                if float(item["expiresAt"]["N"]) > now:
                    recorded[record.log_key] = record
                return
            endpoint_id = item["id"]["S"]
            # An id of another workspace is an unknown id.
            if item["workspaceId"]["S"] != owners[endpoint_id]:
                return
            if model is SecretItem:
                secrets[endpoint_id] = secrets_of(item)
            elif not is_deleted(item):
                found_endpoints[endpoint_id] = endpoint_of(item)
                if (known := read_health(endpoint_id, item)) is not None:
                    health[endpoint_id] = known

        for model, item in found:
            try:
                add(model, item)
            except (ValueError, KeyError, TypeError):
                # Damaged, or of a newer release: the messages of this endpoint come again, and no others.
                endpoint_id = _endpoint_of(str(item["attemptKey"]["S"])) if model is LogItem else str(item["id"]["S"])
                _LOG.exception("a row of endpoint %s cannot be read", endpoint_id)
                unread.add(endpoint_id)
        return Snapshot(found_endpoints, secrets, health, recorded, frozenset(unread))


def _endpoints_of(unread: Collection[Key]) -> Iterator[str]:
    """The endpoints of rows that could not be read."""
    return (_endpoint_of(str(key.range)) if key.model is LogItem else str(key.hash) for key in unread)


def _endpoint_of(attempt_key: str) -> str:
    """A row of the log begins with the id of its endpoint."""
    return attempt_key.partition("#")[0]
