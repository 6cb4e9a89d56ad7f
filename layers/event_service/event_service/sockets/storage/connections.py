"""Open WebSocket connections in DynamoDB.

A connection has two rows, since it is looked for from two sides and no index is without lag: one under its endpoint,
whose sort key begins with a hash so that a shard is a range, and one under its own id. A third says at which endpoints
a token was used to connect; it is shared by a token's connections to an endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.access.storage.tokens import TokenItem, token_of
from event_service.access.token import Token
from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.configuration.storage.items import EndpointByIdItem, endpoint_of, is_deleted
from event_service.sockets.connection import ROW_LIFE, Connection, Shard, hash_prefix
from event_service.sockets.destination import SocketDestination
from event_service.sockets.ports import Handshake, LogHead, Situation
from event_service.sockets.storage.log import HeadItem, check_format, head_key, head_of

FORMAT: Final = 1
"""Of connections; a reader that meets a newer one fails instead of guessing."""
_LOOK_UP: Final = "endpoint"
_TOKEN_ROW_LIFE: Final = ROW_LIFE + timedelta(minutes=10)


class ConnectionItem(Model):
    """A connection under its endpoint."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    endpoint_id = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    connected_at = UnicodeAttribute(attr_name="connectedAt")
    cursor = NumberAttribute()
    claimed = NumberAttribute(null=True)
    token_hash = UnicodeAttribute(null=True, attr_name="tokenHash")
    batched = BooleanAttribute(null=True)
    told_paused = BooleanAttribute(null=True, attr_name="toldPaused")
    expires_at = NumberAttribute(attr_name="expiresAt")
    format = NumberAttribute(attr_name="v", default_for_new=FORMAT)


class LookUpItem(Model):
    """The endpoint of a connection, under the connection's id."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    connection = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    owner = UnicodeAttribute()
    expires_at = NumberAttribute(attr_name="expiresAt")


class TokenUseItem(Model):
    """That a token was used to connect to an endpoint."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    token = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    endpoint_id = UnicodeAttribute(range_key=True, attr_name="connectionId")
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoConnectionStore:
    """Implements :class:`~event_service.sockets.ports.ConnectionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def handshake(self, endpoint_id: str, token_hash: str | None) -> Handshake:
        keys = [Key(EndpointByIdItem, endpoint_id), head_key(endpoint_id)]
        if token_hash is not None:
            keys.append(Key(TokenItem, token_hash))
        token: Token | None = None
        workspace_id: str | None = None
        head: LogHead | None = None
        for model, item in self._database.batch_get(keys):
            if model is TokenItem:
                token = token_of(TokenItem.from_raw_data(item))
            elif model is HeadItem:
                head = head_of(HeadItem.from_raw_data(item))
            elif not is_deleted(item):
                endpoint = endpoint_of(item)
                workspace_id = endpoint.workspace_id if endpoint.type is SocketDestination.type else None
        return Handshake(token, workspace_id, head)

    def add(self, connection: Connection) -> None:
        expires_at = int(connection.ends_at.timestamp())
        rows: list[Model] = [
            LookUpItem(_look_up_key(connection.connection_id), _LOOK_UP, owner=connection.endpoint_id, expires_at=expires_at),
            _item(connection),
        ]
        if connection.token_hash is not None:
            rows.append(
                TokenUseItem(
                    _token_key(connection.token_hash),
                    connection.endpoint_id,
                    workspace_id=connection.workspace_id,
                    expires_at=int((connection.connected_at + _TOKEN_ROW_LIFE).timestamp()),
                )
            )
        self._database.batch_write(rows)

    def endpoint_of(self, connection_id: str) -> str | None:
        item = self._database.get(LookUpItem, _look_up_key(connection_id), _LOOK_UP)
        return item.owner if item else None

    def of_endpoint(self, endpoint_id: str, shard: Shard | None, limit: int | None = None) -> list[Connection]:
        condition = ConnectionItem.endpoint_id == endpoint_id
        if shard is not None:
            first, last = shard.bounds
            # "~" sorts behind "#" and every character of a connection id.
            condition &= ConnectionItem.key.between(first, f"{last}~")
        if limit is not None:
            items = self._database.query(ConnectionItem, condition, limit=limit, consistent=True).items
        else:
            items = list(self._database.query_all(ConnectionItem, condition, consistent=True))
        return [_connection(item) for item in items]

    def situation(self, workspace_id: str, endpoint_id: str, token_hashes: Collection[str]) -> Situation:
        keys = [Key(EndpointByIdItem, endpoint_id), head_key(endpoint_id)]
        keys.extend(Key(TokenItem, token_hash) for token_hash in token_hashes)
        endpoint = None
        head: LogHead | None = None
        tokens: dict[str, Token] = {}
        for model, item in self._database.batch_get(keys):
            if model is TokenItem:
                token = token_of(TokenItem.from_raw_data(item))
                tokens[token.token_hash] = token
            elif model is HeadItem:
                head = head_of(HeadItem.from_raw_data(item))
            elif not is_deleted(item) and item["workspaceId"]["S"] == workspace_id:
                endpoint = endpoint_of(item)
        return Situation(endpoint, head, tokens)

    def save(self, connections: Sequence[Connection]) -> None:
        self._database.batch_write([_item(connection) for connection in connections])

    def forget(self, connections: Collection[tuple[str, str]]) -> None:
        keys: list[Key] = []
        for endpoint_id, connection_id in connections:
            keys.append(Key(ConnectionItem, endpoint_id, _sort_key(connection_id)))
            keys.append(Key(LookUpItem, _look_up_key(connection_id), _LOOK_UP))
        self._database.batch_write(deletes=keys)

    def endpoints_of_token(self, token_hash: str) -> list[tuple[str, str]]:
        items = self._database.query_all(TokenUseItem, TokenUseItem.token == _token_key(token_hash), consistent=True)
        rows = (TokenUseItem.from_raw_data(item) for item in items)
        return [(row.workspace_id, row.endpoint_id) for row in rows]


def _look_up_key(connection_id: str) -> str:
    return f"connection#{connection_id}"


def _token_key(token_hash: str) -> str:
    return f"token#{token_hash}"


def _sort_key(connection_id: str) -> str:
    return f"{hash_prefix(connection_id)}#{connection_id}"


def _item(connection: Connection) -> ConnectionItem:
    return ConnectionItem(
        connection.endpoint_id,
        _sort_key(connection.connection_id),
        workspace_id=connection.workspace_id,
        connected_at=format_date(connection.connected_at),
        cursor=connection.cursor,
        claimed=connection.claimed,
        token_hash=connection.token_hash,
        batched=connection.batched or None,
        told_paused=connection.told_paused or None,
        expires_at=int(connection.ends_at.timestamp()),
    )


def _connection(raw: AttributeMap) -> Connection:
    item = ConnectionItem.from_raw_data(raw)
    check_format(item.format, FORMAT)
    claimed: float | None = item.claimed  # PynamoDB's types do not know which attributes may be missing
    return Connection(
        endpoint_id=item.endpoint_id,
        connection_id=item.key.partition("#")[2],
        workspace_id=item.workspace_id,
        connected_at=from_stored(item.connected_at),
        cursor=int(item.cursor),
        claimed=None if claimed is None else int(claimed),
        token_hash=item.token_hash,
        batched=bool(item.batched),
        told_paused=bool(item.told_paused),
    )
