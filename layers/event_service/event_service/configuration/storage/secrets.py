"""Signing secrets, in the endpoints table under a key of their own: encrypted at rest by the table's key.

The same row holds what is known of a failing endpoint. A batch of deliveries needs both, and a row costs a read unit
however small it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.configuration.secrets import EndpointSecrets


class SecretItem(Model):
    """The secrets and the health of one webhook. Without index keys, so no list reads it."""

    class Meta:
        """The table's logical name."""

        table_name = "endpoints"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    key = UnicodeAttribute(range_key=True, attr_name="id")
    current = UnicodeAttribute(attr_name="secret")
    previous = UnicodeAttribute(default="[]")
    health = UnicodeAttribute(null=True)
    """JSON, since its parts are only read and written together; absent while the endpoint is well."""
    health_version = NumberAttribute(null=True, attr_name="healthVersion")


def secret_key(workspace_id: str, endpoint_id: str) -> Key:
    """Where an endpoint's secrets stand."""
    return Key(SecretItem, workspace_id, f"{endpoint_id}#secret")


def secrets_of(item: AttributeMap) -> EndpointSecrets:
    """Reads the stored form; by hand, for the same reason as endpoints in a batch of deliveries."""
    previous = tuple((secret, from_stored(until)) for secret, until in json.loads(item["previous"]["S"]))
    return EndpointSecrets(str(item["secret"]["S"]), previous)


class DynamoSecretStore:
    """Implements :class:`~event_service.configuration.ports.SecretStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointSecrets | None:
        found = self._database.batch_get([secret_key(workspace_id, endpoint_id)])
        return secrets_of(found[0][1]) if found else None

    def put(self, workspace_id: str, endpoint_id: str, secrets: EndpointSecrets, replaces: EndpointSecrets | None) -> bool:
        condition: Condition = SecretItem.current.does_not_exist() if replaces is None else SecretItem.current == replaces.current
        previous = json.dumps([[secret, format_date(until)] for secret, until in secrets.previous])
        actions = [SecretItem.current.set(secrets.current), SecretItem.previous.set(previous)]
        try:
            self._database.update(secret_key(workspace_id, endpoint_id), actions, condition)
        except ConditionFailed as error:
            # The SDK repeats an update whose answer was lost; the repeat then finds our own item.
            return error.current is not None and error.current["secret"]["S"] == secrets.current
        return True

    def delete(self, workspace_id: str, endpoint_ids: Sequence[str]) -> None:
        self._database.batch_write(deletes=[secret_key(workspace_id, endpoint_id) for endpoint_id in endpoint_ids])
