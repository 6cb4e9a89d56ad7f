"""What is known of endpoints in trouble."""

from __future__ import annotations

import json
from typing import Any

from pynamodb.expressions.condition import Condition

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.configuration.storage.items import EndpointByIdItem
from event_service.delivery.receiver_health import EndpointHealth


class DynamoHealthStore:
    """Implements :class:`~event_service.delivery.ports.HealthStore`, in the endpoint's own row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, workspace_id: str, health: EndpointHealth, replaces: EndpointHealth | None) -> bool:
        version = EndpointByIdItem.health_version
        unchanged = version.does_not_exist() if replaces is None else version == replaces.version
        actions = [EndpointByIdItem.health.set(_written(health)), version.set(health.version)]
        try:
            self._database.update(Key(EndpointByIdItem, health.endpoint_id), actions, _exists(workspace_id) & unchanged)
        except ConditionFailed as refused:
            # The SDK repeats an update whose answer was lost; the repeat then finds what we wrote.
            return refused.current is not None and read_health(health.endpoint_id, refused.current) == health
        return True

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointHealth | None:
        for _, item in self._database.batch_get([Key(EndpointByIdItem, endpoint_id)]):
            if item["workspaceId"]["S"] == workspace_id:
                return read_health(endpoint_id, item)
        return None

    def clear(self, workspace_id: str, known: EndpointHealth) -> bool:
        unchanged = EndpointByIdItem.health_version == known.version
        try:
            actions = [EndpointByIdItem.health.remove(), EndpointByIdItem.health_version.remove()]
            self._database.update(Key(EndpointByIdItem, known.endpoint_id), actions, _exists(workspace_id) & unchanged)
        except ConditionFailed as refused:
            return refused.current is not None and "health" not in refused.current
        return True


def _exists(workspace_id: str) -> Condition:
    """A deleted endpoint's row must not come back, nor a tombstone get a health."""
    condition: Condition = (EndpointByIdItem.workspace_id == workspace_id) & EndpointByIdItem.deleted.does_not_exist()
    return condition


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
