"""Open WebSocket connections in DynamoDB.

A connection has two rows, since it is looked for from two sides and no index is without lag: one under its group, beside
the group's own, so that one query reads all that a run needs, and one under its own id. A third says at which endpoints a
token was used to connect; it is shared by a token's connections to an endpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.access.storage.tokens import TokenItem, token_of
from event_service.access.token import Token
from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored
from event_service.base.formats import check_format
from event_service.base.threads import ContextThreads
from event_service.configuration.storage.items import EndpointByIdItem, EventFilterItem, endpoint_of, event_filter_of, is_deleted
from event_service.filters.event_filter import EventFilter
from event_service.sockets.connection import ROW_LIFE, Connection, Lane
from event_service.sockets.destination import SocketDestination
from event_service.sockets.ports import Counted, GroupState, Handshake, LogHead, RowPlace, Situation
from event_service.sockets.storage.log import HeadItem, head_key, head_of

_LOG = logging.getLogger(__name__)

_WRITERS: Final = 8
FORMAT: Final = 2
"""Of connections; a reader that meets a newer one fails instead of guessing."""
_LOOK_UP: Final = "endpoint"
_LEASE_LIFE_SECONDS: Final = 3_600
_TOKEN_ROW_LIFE: Final = ROW_LIFE + timedelta(minutes=10)


class ConnectionItem(Model):
    """A connection under its group."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    group_key = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    """``<endpoint id>#<group>``: no group has so many connections that their rows are too many for one key."""
    connection_id = UnicodeAttribute(range_key=True, attr_name="connectionId")
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    connected_at = UnicodeAttribute(attr_name="connectedAt")
    cursor = NumberAttribute()
    lane = UnicodeAttribute()
    reset = BooleanAttribute(null=True)
    token_hash = UnicodeAttribute(null=True, attr_name="tokenHash")
    batched = BooleanAttribute(null=True)
    told_paused = BooleanAttribute(null=True, attr_name="toldPaused")
    told_behind = BooleanAttribute(null=True, attr_name="toldBehind")
    turn = NumberAttribute()
    due = UnicodeAttribute(null=True)
    trouble_since = UnicodeAttribute(null=True, attr_name="troubleSince")
    closing = BooleanAttribute(null=True)
    replay_to = NumberAttribute(null=True, attr_name="replayTo")
    posted_at = UnicodeAttribute(null=True, attr_name="postedAt")
    filter_id = UnicodeAttribute(null=True, attr_name="filterId")
    client = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(attr_name="expiresAt")
    format = NumberAttribute(attr_name="v", default_for_new=FORMAT)


class GroupItem(Model):
    """What a group's live connections have in common."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    KEY = "!"
    """Sorts before every connection id, which is base64."""

    group_key = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    cursor = NumberAttribute(default=0)
    turn = NumberAttribute(default=0)


class LookUpItem(Model):
    """The endpoint of a connection, under the connection's id."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    connection = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    owner = UnicodeAttribute()
    group = NumberAttribute()
    workspace_id = UnicodeAttribute(null=True, attr_name="workspaceId")
    token_hash = UnicodeAttribute(null=True, attr_name="tokenHash")
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


class PostsItem(Model):
    """Posts that were leased of one second."""

    class Meta:
        """The table's logical name."""

        table_name = "connections"

    KEY = "!"

    second_key = UnicodeAttribute(hash_key=True, attr_name="endpointId")
    """``posts#<Unix time>``"""
    key = UnicodeAttribute(range_key=True, attr_name="connectionId")
    leased = NumberAttribute(default=0)
    expires_at = NumberAttribute(attr_name="expiresAt")


class DynamoConnectionStore:
    """Implements :class:`~event_service.sockets.ports.ConnectionStore`, :class:`~event_service.sockets.ports.ConnectionList` and
    :class:`~event_service.sockets.ports.PostLeases`."""

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
            LookUpItem(
                _look_up_key(connection.connection_id),
                _LOOK_UP,
                owner=connection.endpoint_id,
                group=connection.group,
                workspace_id=connection.workspace_id,
                token_hash=connection.token_hash,
                expires_at=expires_at,
            ),
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

    def owner(self, connection_id: str) -> RowPlace | None:
        item = self._database.get(LookUpItem, _look_up_key(connection_id), _LOOK_UP)
        if item is None:
            return None
        workspace_id: str | None = item.workspace_id  # PynamoDB's types do not know which attributes may be missing
        counted = None
        if workspace_id is not None:
            connected_at = datetime.fromtimestamp(int(item.expires_at), UTC) - ROW_LIFE
            counted = Counted(item.owner, workspace_id, item.token_hash, connected_at)
        return RowPlace(item.owner, int(item.group), counted)

    def of_group(self, endpoint_id: str, group: int) -> tuple[GroupState, list[Connection]]:
        condition = ConnectionItem.group_key == _group_key(endpoint_id, group)
        state = GroupState()
        connections: list[Connection] = []
        unreadable: list[str] = []
        for raw in self._database.query_all(ConnectionItem, condition, consistent=True):
            if raw["connectionId"]["S"] == GroupItem.KEY:
                state = _group(raw)
                continue
            try:
                connections.append(_connection(raw))
            except (ValueError, TypeError, AttributeError):
                _LOG.exception("the row of a connection to endpoint %s cannot be read", endpoint_id)
                unreadable.append(raw["connectionId"]["S"])
        return replace(state, unreadable=tuple(unreadable)), connections

    def in_order(self, endpoint_id: str, group: int, connection_id: str, limit: int) -> list[Connection]:
        condition = ConnectionItem.group_key == _group_key(endpoint_id, group)
        # The group's own row sorts before all connections.
        condition &= ConnectionItem.connection_id > (connection_id or GroupItem.KEY)
        return [_connection(raw) for raw in self._database.query(ConnectionItem, condition, limit=limit).items]

    def cursors(self, endpoint_id: str, groups: Sequence[int]) -> dict[int, int]:
        keys = [Key(GroupItem, _group_key(endpoint_id, group), GroupItem.KEY) for group in groups]
        found = self._database.batch_get(keys, consistent=False)
        return {int(raw["endpointId"]["S"].rpartition("#")[2]): _group(raw).cursor for _, raw in found}

    def find(self, owners: Collection[tuple[RowPlace, str]]) -> list[Connection]:
        keys = [Key(ConnectionItem, _group_key(owner.endpoint_id, owner.group), connection_id) for owner, connection_id in owners]
        return [_connection(raw) for _, raw in self._database.batch_get(keys)]

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

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        found = self._database.batch_get(Key(EventFilterItem, workspace_id, one) for one in ids)
        return {item["id"]["S"]: event_filter_of(item) for _, item in found if not is_deleted(item)}

    def take_turn(self, endpoint_id: str, group: int) -> None:
        self._database.update(Key(GroupItem, _group_key(endpoint_id, group), GroupItem.KEY), [GroupItem.turn.add(1)])

    def turns(self, endpoint_id: str, groups: Sequence[int]) -> dict[int, int]:
        keys = [Key(GroupItem, _group_key(endpoint_id, group), GroupItem.KEY) for group in groups]
        found = self._database.batch_get(keys)
        return {int(raw["endpointId"]["S"].rpartition("#")[2]): _group(raw).turn for _, raw in found}

    def save(self, connections: Sequence[Connection]) -> None:
        self._database.batch_write([_item(connection) for connection in connections])

    def join(self, changes: Sequence[tuple[Connection, Connection]]) -> None:
        def put(change: tuple[Connection, Connection]) -> None:
            before, after = change
            unchanged = (ConnectionItem.lane == before.lane.value) & (ConnectionItem.turn == before.turn)
            with suppress(ConditionFailed):
                self._database.put(_item(after), unchanged)

        if len(changes) == 1:
            put(changes[0])
        elif changes:
            with ContextThreads(max_workers=_WRITERS) as threads:
                # list(): a future's error is raised only when its result is asked for.
                list(threads.map(put, changes))

    def save_cursor(self, endpoint_id: str, group: int, cursor: int) -> None:
        self._database.update(Key(GroupItem, _group_key(endpoint_id, group), GroupItem.KEY), [GroupItem.cursor.set(cursor)])

    def forget(self, connections: Collection[tuple[RowPlace, str]]) -> None:
        keys: list[Key] = []
        for owner, connection_id in connections:
            keys.append(Key(ConnectionItem, _group_key(owner.endpoint_id, owner.group), connection_id))
            keys.append(Key(LookUpItem, _look_up_key(connection_id), _LOOK_UP))
        self._database.batch_write(deletes=keys)

    def lease_posts(self, second: int, number: int, ceiling: int) -> bool:
        key = Key(PostsItem, f"posts#{second}", PostsItem.KEY)
        actions = [PostsItem.leased.add(number), PostsItem.expires_at.set(second + _LEASE_LIFE_SECONDS)]
        condition = PostsItem.second_key.does_not_exist() | (PostsItem.leased <= ceiling - number)
        try:
            self._database.update(key, actions, condition)
        except ConditionFailed:
            return False
        return True

    def endpoints_of_token(self, token_hash: str) -> list[tuple[str, str]]:
        items = self._database.query_all(TokenUseItem, TokenUseItem.token == _token_key(token_hash), consistent=True)
        rows = (TokenUseItem.from_raw_data(item) for item in items)
        return [(row.workspace_id, row.endpoint_id) for row in rows]


def _look_up_key(connection_id: str) -> str:
    return f"connection#{connection_id}"


def _token_key(token_hash: str) -> str:
    return f"token#{token_hash}"


def _group_key(endpoint_id: str, group: int) -> str:
    return f"{endpoint_id}#{group}"


def _group(raw: AttributeMap) -> GroupState:
    return GroupState(int(raw.get("cursor", {}).get("N", 0)), int(raw.get("turn", {}).get("N", 0)))


def _item(connection: Connection) -> ConnectionItem:
    return ConnectionItem(
        _group_key(connection.endpoint_id, connection.group),
        connection.connection_id,
        workspace_id=connection.workspace_id,
        connected_at=format_date(connection.connected_at),
        cursor=connection.cursor,
        lane=connection.lane.value,
        reset=connection.reset or None,
        token_hash=connection.token_hash,
        batched=connection.batched or None,
        told_paused=connection.told_paused or None,
        told_behind=connection.told_behind or None,
        turn=connection.turn,
        due=_date(connection.due),
        trouble_since=_date(connection.trouble_since),
        closing=connection.closing or None,
        replay_to=connection.replay_to or None,
        posted_at=_date(connection.posted_at),
        filter_id=connection.filter_id,
        client=connection.client,
        expires_at=int(connection.ends_at.timestamp()),
    )


def _date(value: datetime | None) -> str | None:
    return None if value is None else format_date(value)


def _stored_date(value: str | None) -> datetime | None:
    return None if value is None else from_stored(value)


def _connection(raw: AttributeMap) -> Connection:
    item = ConnectionItem.from_raw_data(raw)
    check_format(item.format, FORMAT, "a connection")
    endpoint_id, _, group = item.group_key.rpartition("#")
    return Connection(
        endpoint_id=endpoint_id,
        connection_id=item.connection_id,
        workspace_id=item.workspace_id,
        connected_at=from_stored(item.connected_at),
        cursor=int(item.cursor),
        group=int(group),
        lane=Lane(item.lane),
        reset=bool(item.reset),
        token_hash=item.token_hash,
        batched=bool(item.batched),
        told_paused=bool(item.told_paused),
        told_behind=bool(item.told_behind),
        turn=int(item.turn),
        due=_stored_date(item.due),
        trouble_since=_stored_date(item.trouble_since),
        closing=bool(item.closing),
        replay_to=int(item.replay_to or 0),
        posted_at=_stored_date(item.posted_at),
        filter_id=item.filter_id,
        client=item.client,
    )
