"""Signing secrets of endpoints: kept apart from endpoints, so that no list and no change set can leak one."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix that the specification gives to every secret
MINIMUM_SECRET_BYTES: Final = 24
MAXIMUM_SECRET_BYTES: Final = 64
"""The Standard Webhooks specification asks for 24 to 64 bytes."""
NEW_SECRET_BYTES: Final = 32
MAXIMUM_PREVIOUS_SECRETS: Final = 10


@dataclass(frozen=True, slots=True)
class EndpointSecrets:
    """An endpoint's signing secrets. ``previous`` still sign until their dates; newest first."""

    current: str
    previous: tuple[tuple[str, datetime], ...] = ()

    def valid_at(self, now: datetime) -> tuple[str, ...]:
        """All that sign at ``now``, the current one first."""
        return (self.current, *(secret for secret, until in self.previous if now < until))

    def rotated(self, secret: str, now: datetime, grace: timedelta) -> EndpointSecrets:
        """With another current secret. The one of now signs beside it for the time of grace, which also ends older ones
        that would sign for longer."""
        until = now + grace
        previous: Iterable[tuple[str, datetime]] = ((old, min(end, until)) for old, end in ((self.current, until), *self.previous))
        kept = tuple((old, end) for old, end in previous if end > now)[:MAXIMUM_PREVIOUS_SECRETS]
        return EndpointSecrets(secret, kept)


def new_secret() -> str:
    """A fresh random secret, in the form that receivers' libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()
