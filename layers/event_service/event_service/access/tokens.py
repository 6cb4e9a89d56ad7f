"""Tokens: who may call, and for which workspace."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from event_service.access.last_use import LastUses
from event_service.access.ports import TokenStore
from event_service.access.token import Token, TokenKind, TokenLife, hash_token
from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, NotFound, Unauthenticated
from event_service.base.identifiers import new_id, parse_uuid, parse_uuids
from event_service.base.names import parse_name

CACHE_LIFE: Final = timedelta(seconds=30)
"""A revoked token must stop working within 60 s in every warm function; this leaves a margin."""
CACHE_SIZE: Final = 1_000

_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_REFUSED = (
    "Give a valid token in the header 'Token: <token>' or 'Authorization: Bearer <token>'; "
    "this one is missing, unknown, expired or revoked."
)


class Tokens:
    """Issues, checks, lists and revokes tokens.

    Valid tokens are remembered for 30 s across warm invocations, at most 1,000 of them. Invalid ones are not: whoever
    guesses must not push out those who work.

    Example::

        text, token = tokens.issue(workspace_id, TokenKind.ACCESS, "order service")  # the text is shown once
        tokens.authenticate(text).workspace_id
    """

    def __init__(self, store: TokenStore, clock: Clock, uses: LastUses | None = None, life: TokenLife | None = None) -> None:
        """
        Args:
            store: the tokens.
            clock: the time.
            uses: is told of every use; ``None``: uses are not kept.
            life: of tokens that are issued; ``None``: they live as long as their issuer says.
        """
        self._store = store
        self._clock = clock
        self._uses = uses
        self._life = life or TokenLife()
        self._known: OrderedDict[str, tuple[datetime, Token]] = OrderedDict()
        self._lock = Lock()

    def authenticate(self, text: str | None) -> Token:
        """The token behind what a caller sent.

        Raises:
            Unauthenticated: nothing was sent, or no valid token; the answer does not say which of these.
        """
        # What is no UUID is no token: nothing is read for it.
        if not text or _FORM.fullmatch(text.strip()) is None:
            raise Unauthenticated(_REFUSED)
        token_hash = hash_token(text)
        now = self._clock()
        with self._lock:
            known = self._known.get(token_hash)
        if known is not None and now < known[0] + CACHE_LIFE:
            token = known[1]
        else:
            found = self._store.get(token_hash)
            if found is None:
                raise Unauthenticated(_REFUSED)
            token = found
            self._remember(token_hash, now, token)
        # It was looked up by the hash of what was sent, so it is the right one. How long that took tells nobody anything: who
        # guesses does not choose the hash, and a part of a hash that fits is no part of a token.
        if not token.is_valid(now):
            raise Unauthenticated(_REFUSED)
        if self._uses is not None:
            self._uses.note(token)
        return token

    def issue(
        self,
        workspace_id: str | None,
        kind: TokenKind = TokenKind.ACCESS,
        name: str = "token",
        agent_id: str | None = None,
        expires: datetime | None = None,
        endpoint_ids: Sequence[str] = (),
    ) -> tuple[str, Token]:
        """Makes a token.

        Args:
            workspace_id: the workspace it opens; ``None`` for a new one.
            kind: what it may do.
            name: for people, to tell tokens apart.
            agent_id: of kind ``agent`` only: the agent whose events it publishes; a new id when left out.
            expires: when it stops working; ``None``: when the operator's default says.
            endpoint_ids: of kind ``listener`` only: the sockets it may connect to, at least one.

        Returns:
            The token itself, which is not stored and cannot be shown again, and what is stored of it.

        Raises:
            BadUserInput: an id that is no UUID, a bad name, an agent id or endpoint ids for a token of another kind, a listener's
                token without endpoint ids, or an expiry that has passed or is too late.
        """
        workspace = parse_uuid(workspace_id, "workspace") if workspace_id is not None else new_id()
        if kind is TokenKind.AGENT:
            agent = parse_uuid(agent_id, "agentId") if agent_id is not None else new_id()
        elif agent_id is not None:
            raise BadUserInput("agentId: only tokens of kind agent have one.")
        else:
            agent = None
        if (kind is TokenKind.LISTENER) is not bool(endpoint_ids):
            raise BadUserInput("endpointIds: tokens of kind listener have at least one, and only they.")
        listened = tuple(parse_uuids(endpoint_ids, "endpointIds")) if endpoint_ids else ()
        now = self._clock()
        ends = self._life.end(now, expires)
        text = new_id()
        token = Token(hash_token(text), workspace, kind, agent, parse_name(name), now, ends, None, listened)
        self._store.put(token)
        return text, token

    def list_tokens(self, workspace_id: str) -> list[Token]:
        """A workspace's tokens, oldest first; it may lag behind by seconds."""
        return self._store.of_workspace(parse_uuid(workspace_id, "workspace"))

    def revoke(self, workspace_id: str, token_hash_or_prefix: str) -> Token:
        """Ends a token: at once here, within 60 s in every other warm process.

        Args:
            workspace_id: the token's workspace.
            token_hash_or_prefix: its hash as listed, or at least 8 characters of its beginning.

        Raises:
            BadUserInput: the beginning is too short or fits several tokens.
            NotFound: it fits none in this workspace.
        """
        prefix = token_hash_or_prefix.lower()
        if len(prefix) < 8:
            raise BadUserInput("token: give at least 8 characters of the listed id.")
        fitting = [token for token in self.list_tokens(workspace_id) if token.token_hash.startswith(prefix)]
        if not fitting:
            raise NotFound("token", [token_hash_or_prefix])
        if len(fitting) > 1:
            raise BadUserInput(f"token: {token_hash_or_prefix!r} fits {len(fitting)} tokens; give more characters.")
        token = fitting[0]
        if token.revoked is None:
            token = replace(token, revoked=self._clock())
            self._store.put(token)
        with self._lock:
            self._known.pop(token.token_hash, None)
        return token

    def _remember(self, token_hash: str, now: datetime, token: Token) -> None:
        with self._lock:
            self._known[token_hash] = (now, token)
            self._known.move_to_end(token_hash)
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
