"""Tokens in DynamoDB, by their hash."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from event_service.access.token import Token, TokenKind
from event_service.aws.dynamodb import ConditionFailed, Database, Key
from event_service.base.dates import format_date, from_stored

KEPT_AFTER_ITS_END: Final = timedelta(days=40)
"""A table can be restored to a moment within 35 days
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.html): until then it must be known
which tokens were revoked since."""


class TokenItem(Model):
    """One token. The index ``by_workspace`` is for listing only."""

    class Meta:
        """The table's logical name."""

        table_name = "tokens"

    token_hash = UnicodeAttribute(hash_key=True, attr_name="tokenHash")
    workspace_id = UnicodeAttribute(attr_name="workspaceId")
    kind = UnicodeAttribute()
    agent_id = UnicodeAttribute(null=True, attr_name="agentId")
    name = UnicodeAttribute()
    created = UnicodeAttribute()
    expires = UnicodeAttribute(null=True)
    revoked = UnicodeAttribute(null=True)
    endpoint_ids: ListAttribute[Any] = ListAttribute(null=True, attr_name="endpointIds")
    used = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")
    """When DynamoDB removes the row of a token that works no more."""


class DynamoTokenStore:
    """Implements :class:`~event_service.access.ports.TokenStore` and :class:`~event_service.access.ports.UseStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, token_hash: str) -> Token | None:
        item = self._database.get(TokenItem, token_hash)
        return token_of(item) if item else None

    def put(self, token: Token) -> None:
        self._database.put(
            TokenItem(
                token.token_hash,
                workspace_id=token.workspace_id,
                kind=token.kind.value,
                agent_id=token.agent_id,
                name=token.name,
                created=format_date(token.created),
                expires=format_date(token.expires) if token.expires else None,
                revoked=format_date(token.revoked) if token.revoked else None,
                endpoint_ids=list(token.endpoint_ids) or None,
                used=format_date(token.used) if token.used else None,
                expires_at=_removed_at(token),
            )
        )

    def put_use(self, token_hash: str, used: datetime) -> None:
        # One attribute, so that a token that is revoked meanwhile stays revoked; and none of a row that was removed.
        with suppress(ConditionFailed):
            self._database.update(Key(TokenItem, token_hash), [TokenItem.used.set(format_date(used))], TokenItem.token_hash.exists())

    def of_workspace(self, workspace_id: str) -> list[Token]:
        items = self._database.query_all(TokenItem, TokenItem.workspace_id == workspace_id, index="by_workspace")
        return sorted((token_of(TokenItem.from_raw_data(item)) for item in items), key=lambda token: token.created)


def token_of(item: TokenItem) -> Token:
    """Reads the stored form."""
    return Token(
        token_hash=item.token_hash,
        workspace_id=item.workspace_id,
        kind=TokenKind(item.kind),
        agent_id=item.agent_id,
        name=item.name,
        created=from_stored(item.created),
        expires=_date(item.expires),
        revoked=_date(item.revoked),
        endpoint_ids=tuple(item.endpoint_ids or ()),
        used=_date(item.used),
    )


def _removed_at(token: Token) -> int | None:
    ends = [moment for moment in (token.expires, token.revoked) if moment is not None]
    return int((min(ends) + KEPT_AFTER_ITS_END).timestamp()) if ends else None


def _date(value: str | None) -> datetime | None:
    return from_stored(value) if value else None
