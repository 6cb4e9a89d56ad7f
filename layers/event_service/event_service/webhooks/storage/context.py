"""The one read with which a batch of webhook deliveries begins."""

from __future__ import annotations

from collections.abc import Collection

from event_service.aws.dynamodb import Database, Key
from event_service.base.clock import Clock
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.items import EndpointItem, endpoint_of, is_deleted
from event_service.configuration.storage.secrets import secret_key, secrets_of
from event_service.delivery.attempt import LogRecord
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.health import read_health
from event_service.delivery.storage.log import LogItem, log_key, record_of
from event_service.webhooks.ports import Snapshot


class DynamoSnapshotReader:
    """Implements :class:`~event_service.webhooks.ports.SnapshotReader`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read(self, endpoints: Collection[tuple[str, str]], attempts: Collection[tuple[str, str, str, int]]) -> Snapshot:
        keys: list[Key] = []
        for workspace_id, endpoint_id in endpoints:
            keys.append(Key(EndpointItem, workspace_id, endpoint_id))
            keys.append(secret_key(workspace_id, endpoint_id))
        keys.extend(log_key(*attempt) for attempt in attempts)
        now = self._clock().timestamp()
        found_endpoints: dict[str, Endpoint] = {}
        secrets: dict[str, EndpointSecrets] = {}
        health: dict[str, EndpointHealth] = {}
        recorded: dict[tuple[str, str, str, int], LogRecord] = {}
        # Rows of one table come back under one model: what kind of row it is shows in its key.
        for model, item in self._database.batch_get(keys, binary=False):
            if model is LogItem:
                record = record_of(item)
                if float(item["expiresAt"]["N"]) > now:
                    recorded[record.log_key] = record
            elif "secret" in item:
                endpoint_id = item["id"]["S"].removesuffix("#secret")
                secrets[endpoint_id] = secrets_of(item)
                if (known := read_health(endpoint_id, item)) is not None:
                    health[endpoint_id] = known
            elif not is_deleted(item):
                endpoint = endpoint_of(item)
                found_endpoints[endpoint.id] = endpoint
        return Snapshot(found_endpoints, secrets, health, recorded)
