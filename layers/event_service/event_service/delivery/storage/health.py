"""What is known of endpoints in trouble."""

from __future__ import annotations

import json
from typing import Any

from pynamodb.expressions.condition import Condition

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database
from event_service.base.dates import format_date, from_stored
from event_service.configuration.storage.secrets import SecretItem, secret_key
from event_service.delivery.receiver_health import EndpointHealth


class DynamoHealthStore:
    """Implements :class:`~event_service.delivery.ports.HealthStore`, in the row of the endpoint's secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        unchanged = SecretItem.health.does_not_exist() if replaces is None else SecretItem.health_version == replaces.version
        # A deleted endpoint's row must not come back.
        condition: Condition = SecretItem.current.exists() & unchanged
        actions = [SecretItem.health.set(_written(health)), SecretItem.health_version.set(health.version)]
        try:
            self._database.update(secret_key(workspace_id, health.endpoint_id), actions, condition)
        except ConditionFailed as refused:
            # The SDK repeats an update whose answer was lost; the repeat then finds what we wrote.
            return refused.current is not None and read_health(health.endpoint_id, refused.current) == health
        return True

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        found = self._database.batch_get([secret_key(workspace_id, endpoint_id)])
        return read_health(endpoint_id, found[0][1]) if found else None

    def clear(self, workspace_id: str, known: EndpointHealth) -> bool:
        condition: Condition = SecretItem.current.exists() & (SecretItem.health_version == known.version)
        try:
            actions = [SecretItem.health.remove(), SecretItem.health_version.remove()]
            self._database.update(secret_key(workspace_id, known.endpoint_id), actions, condition)
        except ConditionFailed as refused:
            return refused.current is not None and "health" not in refused.current
        return True


def _written(health: EndpointHealth) -> str:
    return json.dumps(
        {
            "ownLane": health.own_lane,
            "failingSince": _date(health.failing_since),
            "lastFailure": _date(health.last_failure),
            "warned": health.warned,
        }
    )


def _date(moment: Any) -> str | None:
    return None if moment is None else format_date(moment)


def read_health(endpoint_id: str, item: AttributeMap) -> EndpointHealth | None:
    """Reads what :class:`DynamoHealthStore` wrote; ``None`` when nothing is known."""
    text = text_of(item, "health")
    if text is None:
        return None
    known = json.loads(text)
    return EndpointHealth(
        endpoint_id=endpoint_id,
        version=int(item["healthVersion"]["N"]),
        own_lane=known["ownLane"],
        failing_since=from_stored(known["failingSince"]) if known["failingSince"] else None,
        last_failure=from_stored(known["lastFailure"]) if known["lastFailure"] else None,
        warned=known["warned"],
    )


def text_of(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    return None if value is None or "S" not in value else str(value["S"])
