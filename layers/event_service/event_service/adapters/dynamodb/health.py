"""What is known of endpoints that fail, and the one read with which a batch of deliveries begins."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

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

KEPT: Final = timedelta(days=30)
"""After the last failure. A record that old decides nothing any more."""


class HealthItem(Model):
    """One endpoint that fails."""

    class Meta:
        """The table's logical name."""

        table_name = "health"

    endpoint_id = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    version = NumberAttribute()
    strikes = NumberAttribute()
    failing_since = UnicodeAttribute(attr_name="failingSince")
    last_failure = UnicodeAttribute(attr_name="lastFailure")
    cooling_until = UnicodeAttribute(attr_name="coolingUntil", null=True)
    coolings = NumberAttribute()
    warned = NumberAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoHealthStore:
    """Implements :class:`~event_service.services.webhook_ports.HealthStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        item = HealthItem(
            health.endpoint_id,
            version=health.version,
            strikes=health.strikes,
            failing_since=format_date(health.failing_since),
            last_failure=format_date(health.last_failure),
            cooling_until=format_date(health.cooling_until) if health.cooling_until else None,
            coolings=health.coolings,
            warned=health.warned,
            expires_at=int((health.last_failure + KEPT).timestamp()),
        )
        condition: Condition = HealthItem.version.does_not_exist() if replaces is None else HealthItem.version == replaces.version
        try:
            self._database.put(item, condition)
        except ConditionFailed as refused:
            # The SDK repeats a put whose answer was lost; the repeat then finds what we wrote.
            return refused.current is not None and _health(refused.current) == health
        return True

    def get(self, endpoint_id: str) -> EndpointHealth | None:
        found = self._database.batch_get([Key(HealthItem, endpoint_id)])
        return _health(found[0][1]) if found else None

    def clear(self, endpoint_id: str) -> None:
        self._database.delete(Key(HealthItem, endpoint_id))


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
            keys.append(Key(HealthItem, endpoint_id))
        keys.extend(log_key(*attempt) for attempt in attempts)
        now = self._clock().timestamp()
        found_endpoints: dict[str, Endpoint] = {}
        secrets: dict[str, EndpointSecrets] = {}
        health: dict[str, EndpointHealth] = {}
        recorded: dict[tuple[str, str, str, int], LogRecord] = {}
        # Rows of one table come back under one model: what kind of row it is shows in its key.
        for model, item in self._database.batch_get(keys):
            if model is HealthItem:
                health[item["endpointId"]["S"]] = _health(item)
            elif model is LogItem:
                record = record_of(item)
                if float(item["expiresAt"]["N"]) > now:
                    recorded[record.endpoint_id, record.workspace_id, record.event_id, record.number] = record
            elif "secret" in item:
                endpoint_id = item["id"]["S"].removesuffix("#secret")
                secrets[endpoint_id] = secrets_of(SecretItem.from_raw_data(item))
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


def _health(item: AttributeMap) -> EndpointHealth:
    until = _text(item, "coolingUntil")
    return EndpointHealth(
        endpoint_id=item["endpointId"]["S"],
        version=int(item["version"]["N"]),
        strikes=int(item["strikes"]["N"]),
        failing_since=from_stored(item["failingSince"]["S"]),
        last_failure=from_stored(item["lastFailure"]["S"]),
        cooling_until=from_stored(until) if until else None,
        coolings=int(item["coolings"]["N"]),
        warned=int(item["warned"]["N"]),
    )


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    return None if value is None or "S" not in value else str(value["S"])
