"""Tokens: who calls, and for which workspace."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TokenKind(StrEnum):
    """``access``: everything in its workspace. ``agent``: publish only. ``listener``: connect to certain sockets only, for
    programs that strangers can read, such as a web page."""

    ACCESS = "access"
    AGENT = "agent"
    LISTENER = "listener"


@dataclass(frozen=True, slots=True)
class Token:
    """What is stored of a token; the token itself is shown once, when it is issued.

    ``agent_id`` is set for kind ``agent``: its events carry it. ``endpoint_ids`` are those of kind ``listener``: the sockets it
    may connect to.
    """

    token_hash: str
    workspace_id: str
    kind: TokenKind
    agent_id: str | None
    name: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    endpoint_ids: tuple[str, ...] = ()

    def is_valid(self, now: datetime) -> bool:
        """Whether the token may be used at ``now``."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def hash_token(token: str) -> str:
    """SHA-256 in hex of the lower-cased token.

    No salt and no slow hash: a token is a random UUID of 122 bits, not a password, so there is nothing to guess.
    """
    return hashlib.sha256(token.strip().lower().encode(errors="replace")).hexdigest()
