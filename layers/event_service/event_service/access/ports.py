"""What token checks need from storage."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from event_service.access.token import Token


class TokenStore(Protocol):
    """Tokens by their hash."""

    def get(self, token_hash: str) -> Token | None:
        """Strongly consistent."""

    def put(self, token: Token) -> None:
        """Writes a token under its hash, over what stood there."""

    def of_workspace(self, workspace_id: str) -> list[Token]:
        """For listing only: it reads an index, which may lag."""


class UseStore(Protocol):
    """Where last uses are kept."""

    def put_use(self, token_hash: str, used: datetime) -> None:
        """Stores when a token was used, if the token is there."""
