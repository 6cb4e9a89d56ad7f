"""Tokens: who calls, and for which workspace."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from event_service.base.errors import BadUserInput


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
    may connect to. ``used`` is its last use, up to an hour old; ``None``: none is known.
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
    used: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether the token may be used at ``now``."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class TokenLife:
    """How long tokens live, as the operator has decided.

    ``default`` is for tokens that are issued without an end; ``maximum`` bounds all. ``None``: no end.
    """

    default: timedelta | None = None
    maximum: timedelta | None = None

    def end(self, now: datetime, wanted: datetime | None) -> datetime | None:
        """When a token that is issued now expires.

        Raises:
            BadUserInput: ``wanted`` has passed already, or is later than a token may live.
        """
        latest = None if self.maximum is None else now + self.maximum
        if wanted is None:
            usual = None if self.default is None else now + self.default
            return min((one for one in (usual, latest) if one is not None), default=None)
        if wanted <= now:
            raise BadUserInput("expires: this moment has passed already.")
        if self.maximum is not None and latest is not None and wanted > latest:
            raise BadUserInput(f"expires: tokens of this stack live at most {self.maximum.days} days.")
        return wanted


def hash_token(token: str) -> str:
    """SHA-256 in hex of the lower-cased token.

    No salt and no slow hash: a token is a random UUID of 122 bits, not a password, so there is nothing to guess.
    """
    return hashlib.sha256(token.strip().lower().encode(errors="replace")).hexdigest()
