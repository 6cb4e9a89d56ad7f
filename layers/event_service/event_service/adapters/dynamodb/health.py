"""What is known of endpoints that fail, and the one read with which a batch of deliveries begins."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from pynamodb.expressions.condition import Condition

from event_service.adapters.dynamodb.configuration_rows import EndpointItem
from event_service.adapters.dynamodb.database import AttributeMap, ConditionFailed, Database, Key
from event_service.adapters.dynamodb.deliveries import LogItem, log_key, record_of
from event_service.adapters.dynamodb.secrets import SecretItem, secret_key, secrets_of
from event_service.domain.dates import format_date, from_stored
from event_service.domain.delivery import LogRecord
from event_service.domain.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.domain.endpoint_health import EndpointHealth
from event_service.services.ports import Clock, EndpointSecrets
from event_service.services.webhook_ports import Snapshot


class DynamoHealthStore:
    """Implements :class:`~event_service.services.webhook_ports.HealthStore`, in the row of the endpoint's secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        unchanged = SecretItem.health_version.does_not_exist() if replaces is None else SecretItem.health_version == replaces.version
        # A deleted endpoint's row must not come back.
        condition: Condition = SecretItem.current.exists() & unchanged
        actions = [SecretItem.health.set(_written(health)), SecretItem.health_version.set(health.version)]
        try:
            self._database.update(secret_key(workspace_id, health.endpoint_id), actions, condition)
        except ConditionFailed as refused:
            # The SDK repeats an update whose answer was lost; the repeat then finds what we wrote.
            return refused.current is not None and _health(health.endpoint_id, refused.current) == health
        return True

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        found = self._database.batch_get([secret_key(workspace_id, endpoint_id)])
        return _health(endpoint_id, found[0][1]) if found else None

    def clear(self, workspace_id: str, endpoint_id: str) -> None:
        with suppress(ConditionFailed):  # deleted
            actions = [SecretItem.health.remove(), SecretItem.health_version.remove()]
            self._database.update(secret_key(workspace_id, endpoint_id), actions, SecretItem.current.exists())


class DynamoSnapshotReader:
    """Implements :class:`~event_service.services.webhook_ports.SnapshotReader`."""

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
                    recorded[record.endpoint_id, record.workspace_id, record.event_id, record.number] = record
            elif "secret" in item:
                endpoint_id = item["id"]["S"].removesuffix("#secret")
                secrets[endpoint_id] = secrets_of(item)
                if (known := _health(endpoint_id, item)) is not None:
                    health[endpoint_id] = known
            elif not item.get("deleted", {}).get("BOOL", False):
                endpoint = _endpoint(item)
                found_endpoints[endpoint.id] = endpoint
        return Snapshot(found_endpoints, secrets, health, recorded)


def _endpoint(item: AttributeMap) -> Endpoint:
    # By hand: reading it through its model takes several times as long, for each batch of deliveries.
    return Endpoint(
        id=item["id"]["S"],
        workspace_id=item["workspaceId"]["S"],
        type=EndpointType(item["type"]["S"]),
        name=item["name"]["S"],
        url=_text(item, "url"),
        method=_text(item, "method"),
        status=EndpointStatus(item["status"]["S"]),
        status_reason=_text(item, "statusReason"),
        created=from_stored(item["created"]["S"]),
        modified=from_stored(item["modified"]["S"]),
    )


def _written(health: EndpointHealth) -> str:
    until = health.cooling_until
    return json.dumps(
        {
            "strikes": health.strikes,
            "failingSince": format_date(health.failing_since),
            "lastFailure": format_date(health.last_failure),
            "coolingUntil": None if until is None else format_date(until),
            "coolings": health.coolings,
            "warned": health.warned,
        }
    )


def _health(endpoint_id: str, item: AttributeMap) -> EndpointHealth | None:
    text = _text(item, "health")
    if text is None:
        return None
    known = json.loads(text)
    return EndpointHealth(
        endpoint_id=endpoint_id,
        version=int(item["healthVersion"]["N"]),
        strikes=known["strikes"],
        failing_since=from_stored(known["failingSince"]),
        last_failure=from_stored(known["lastFailure"]),
        cooling_until=from_stored(known["coolingUntil"]) if known["coolingUntil"] else None,
        coolings=known["coolings"],
        warned=known["warned"],
    )


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    return None if value is None or "S" not in value else str(value["S"])
