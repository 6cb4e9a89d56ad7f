"""What token checks need from storage."""

from __future__ import annotations

from typing import Protocol

from event_service.access.token import Token


class TokenStore(Protocol):
    """Tokens by their hash."""

    def get(self, token_hash: str) -> Token | None:
        """Strongly consistent."""

    def put(self, token: Token) -> None:
        """Stores or replaces."""

    def of_workspace(self, workspace_id: str) -> list[Token]:
        """For listing only: it reads an index, which may lag."""
