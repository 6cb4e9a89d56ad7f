"""Signing secrets, in the endpoints table under a key of their own: encrypted at rest by the table's key."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.adapters.dynamodb.database import ConditionFailed, Database, Key
from event_service.domain.dates import format_date, from_stored
from event_service.services.ports import EndpointSecrets


class SecretItem(Model):
    """The secrets of one endpoint. Without index keys, so no list reads it."""

    class Meta:
        """The table's logical name."""

        table_name = "endpoints"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    key = UnicodeAttribute(range_key=True, attr_name="id")
    current = UnicodeAttribute(attr_name="secret")
    previous = UnicodeAttribute(default="[]")


def secret_key(workspace_id: str, endpoint_id: str) -> Key:
    """Where an endpoint's secrets stand."""
    return Key(SecretItem, workspace_id, f"{endpoint_id}#secret")


def secrets_of(item: SecretItem) -> EndpointSecrets:
    """Reads the stored form."""
    previous = tuple((secret, from_stored(until)) for secret, until in json.loads(item.previous))
    return EndpointSecrets(item.current, previous)


class DynamoSecretStore:
    """Implements :class:`~event_service.services.ports.SecretStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointSecrets | None:
        key = secret_key(workspace_id, endpoint_id)
        item = self._database.get(SecretItem, key.hash, key.range)
        return secrets_of(item) if item else None

    def put(self, workspace_id: str, endpoint_id: str, secrets: EndpointSecrets, replaces: EndpointSecrets | None) -> bool:
        condition: Condition = SecretItem.current.does_not_exist() if replaces is None else SecretItem.current == replaces.current
        item = SecretItem(
            workspace_id,
            secret_key(workspace_id, endpoint_id).range,
            current=secrets.current,
            previous=json.dumps([[secret, format_date(until)] for secret, until in secrets.previous]),
        )
        try:
            self._database.put(item, condition)
        except ConditionFailed as error:
            # The SDK repeats a put whose answer was lost; the repeat then finds our own item.
            return error.current is not None and error.current["secret"]["S"] == secrets.current
        return True

    def delete(self, workspace_id: str, endpoint_ids: Sequence[str]) -> None:
        self._database.batch_write(deletes=[secret_key(workspace_id, endpoint_id) for endpoint_id in endpoint_ids])
