"""What is known of many endpoints that fail, for their owner."""

from __future__ import annotations

from collections.abc import Sequence

from event_service.aws.dynamodb import Database, Key
from event_service.configuration.storage.items import EndpointByIdItem, is_deleted
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.health import read_health


class DynamoKnownHealth:
    """Implements :class:`~event_service.delivery.receiver_reports.KnownHealth`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, EndpointHealth]:
        found: dict[str, EndpointHealth] = {}
        for _, item in self._database.batch_get(Key(EndpointByIdItem, one) for one in endpoint_ids):
            if item["workspaceId"]["S"] == workspace_id and not is_deleted(item):
                known = read_health(item["id"]["S"], item)
                if known is not None:
                    found[known.endpoint_id] = known
        return found
