"""Signing secrets of endpoints: kept apart from endpoints, so that no list and no change set can leak one."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EndpointSecrets:
    """A webhook's signing secrets. ``previous`` still sign until their dates; newest first."""

    current: str
    previous: tuple[tuple[str, datetime], ...] = ()

    def valid_at(self, now: datetime) -> tuple[str, ...]:
        """All that sign at ``now``, the current one first."""
        return (self.current, *(secret for secret, until in self.previous if now < until))


SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the specification gives to every secret


# The specification asks for 24 to 64 bytes.
MINIMUM_SECRET_BYTES = 24


MAXIMUM_SECRET_BYTES = 64


NEW_SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh random secret, in the form that receivers' libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()
