"""Idempotency keys: a mutation that is repeated with the same key and input is done once and answers the same.

The answer is remembered by the very commit that makes the change, so there is none without the other: a repeat finds the
answer, or does the work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from event_service.base.characters import is_printable
from event_service.base.clock import Clock
from event_service.base.errors import BadUserInput, Conflict
from event_service.configuration.ports import RememberedRequest, RequestMemory

MAXIMUM_KEY_CHARACTERS: Final = 256
KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Request:
    """A mutation that carries a key."""

    workspace_id: str
    key: str
    given: str
    expires: datetime

    def remembering(self, answer: Mapping[str, Any]) -> RememberedRequest:
        """What is stored together with the change."""
        return RememberedRequest(self.workspace_id, self.key, self.given, json.dumps(answer), self.expires)


class Requests:
    """Mutations with idempotency keys of the last 24 hours."""

    def __init__(self, memory: RequestMemory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    def begin(self, workspace_id: str, mutation: str, key: str | None, given: Sequence[Any]) -> Request | None:
        """A mutation with its key; ``None`` without one.

        Args:
            workspace_id: the token's workspace; keys of others are other keys.
            mutation: its name; keys of other mutations are other keys.
            key: as the caller gave it.
            given: the input, checked, as JSON values.

        Raises:
            BadUserInput: the key is not 1 to 256 printable characters.
        """
        if key is None:
            return None
        stored_key = _digest(f"{mutation}\0{parse_key(key)}")
        return Request(workspace_id, stored_key, _digest(json.dumps(list(given), sort_keys=True)), self._clock() + KEPT)

    def answer_of(self, request: Request | None) -> dict[str, Any] | None:
        """What was answered to the same request before; ``None``: it was not made yet.

        Raises:
            Conflict: the key was used for other input.
        """
        if request is None:
            return None
        found = self._memory.find(request.workspace_id, request.key)
        if found is None or found.expires <= self._clock():
            return None
        if found.given != request.given:
            raise Conflict(
                "idempotencyKey: it was used for other input within 24 hours; nothing was changed. Give the same input, or another key."
            )
        answer: dict[str, Any] = json.loads(found.answer)
        return answer


def parse_key(key: str) -> str:
    """The key as given.

    Raises:
        BadUserInput: not 1 to 256 printable characters.
    """
    if not 1 <= len(key) <= MAXIMUM_KEY_CHARACTERS:
        raise BadUserInput(f"idempotencyKey: it has {len(key)} characters; give 1 to {MAXIMUM_KEY_CHARACTERS}.")
    if not is_printable(key):
        raise BadUserInput("idempotencyKey: only printable characters are allowed.")
    return key


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
