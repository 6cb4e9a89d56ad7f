"""Signing secrets and what was answered to idempotency keys, which may be a secret: in a table of their own, which only
the GraphQL function writes, and beside it only webhook delivery reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key, TransactionCanceled, Write
from event_service.base.dates import format_date, from_stored
from event_service.configuration.ports import RememberedRequest
from event_service.configuration.secrets import EndpointSecrets


class SecretItem(Model):
    """The secrets of one endpoint, under its id."""

    class Meta:
        """The table's logical name."""

        table_name = "secrets"

    id = UnicodeAttribute(hash_key=True)
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    current = UnicodeAttribute(attr_name="secret")
    previous = UnicodeAttribute(default="[]")


class RequestItem(Model):
    """A mutation with an idempotency key, and its answer."""

    class Meta:
        """The table's logical name."""

        table_name = "secrets"

    id = UnicodeAttribute(hash_key=True)
    given = UnicodeAttribute()
    answer = UnicodeAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")


def secret_key(endpoint_id: str) -> Key:
    """Where an endpoint's secrets stand."""
    return Key(SecretItem, endpoint_id)


def secrets_of(item: AttributeMap) -> EndpointSecrets:
    """Reads the stored form; by hand, for the same reason as endpoints in a batch of deliveries."""
    previous = tuple((secret, from_stored(until)) for secret, until in json.loads(item["previous"]["S"]))
    return EndpointSecrets(str(item["secret"]["S"]), previous)


def secret_item(workspace_id: str, endpoint_id: str, secrets: EndpointSecrets) -> SecretItem:
    """The row of an endpoint's secrets."""
    return SecretItem(endpoint_id, workspace_id=workspace_id, current=secrets.current, previous=_previous(secrets))


def remembering(request: RememberedRequest) -> Write:
    """Stores an answer, unless the key has one that is still kept."""
    free: Condition = RequestItem.id.does_not_exist() | (RequestItem.expires_at < int(request.expires.timestamp()) - _KEPT_SECONDS)
    item = RequestItem(
        _request_id(request.workspace_id, request.key),
        given=request.given,
        answer=request.answer,
        expires_at=int(request.expires.timestamp()),
    )
    return Write.put(item, free)


class DynamoSecretStore:
    """Implements :class:`~event_service.configuration.ports.SecretStore` and
    :class:`~event_service.configuration.ports.RequestMemory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointSecrets | None:
        for _, item in self._database.batch_get([secret_key(endpoint_id)]):
            if item["workspaceId"]["S"] == workspace_id:
                return secrets_of(item)
        return None

    def replace(
        self,
        workspace_id: str,
        endpoint_id: str,
        secrets: EndpointSecrets,
        replaces: EndpointSecrets,
        request: RememberedRequest | None = None,
    ) -> bool:
        condition = (SecretItem.current == replaces.current) & (SecretItem.workspace_id == workspace_id)
        actions = [SecretItem.current.set(secrets.current), SecretItem.previous.set(_previous(secrets))]
        if request is not None:
            try:
                self._database.transact([Write.update(secret_key(endpoint_id), actions, condition), remembering(request)])
            except TransactionCanceled:
                return False
            return True
        try:
            self._database.update(secret_key(endpoint_id), actions, condition)
        except ConditionFailed as error:
            # The SDK repeats an update whose answer was lost; the repeat then finds our own item.
            return error.current is not None and error.current["secret"]["S"] == secrets.current
        return True

    def delete(self, endpoint_ids: Sequence[str]) -> None:
        self._database.batch_write(deletes=[secret_key(endpoint_id) for endpoint_id in endpoint_ids])

    def find(self, workspace_id: str, key: str) -> RememberedRequest | None:
        item = self._database.get(RequestItem, _request_id(workspace_id, key))
        if item is None:
            return None
        return RememberedRequest(workspace_id, key, item.given, item.answer, datetime.fromtimestamp(int(item.expires_at), UTC))


_KEPT_SECONDS = 24 * 60 * 60


def _request_id(workspace_id: str, key: str) -> str:
    return f"request#{workspace_id}#{key}"


def _previous(secrets: EndpointSecrets) -> str:
    return json.dumps([[secret, format_date(until)] for secret, until in secrets.previous])
