"""Endpoints: where events are delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from event_service.base.errors import BadUserInput

METHODS = ("POST", "PUT", "PATCH")


class EndpointType(StrEnum):
    """The contract's enum."""

    WEB_SOCKET = "WEB_SOCKET"
    WEB_HOOK = "WEB_HOOK"


class EndpointStatus(StrEnum):
    """PAUSED by a person, DISABLED by the service."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint as its owner sees it. The secret is not part of it, so that no list can leak one.

    ``url`` (echoed as given) and ``method`` (upper case) are set for WEB_HOOK and ``None`` for WEB_SOCKET.
    """

    id: str
    workspace_id: str
    type: EndpointType
    name: str
    url: str | None
    method: str | None
    status: EndpointStatus
    status_reason: str | None
    created: datetime
    modified: datetime

    @property
    def meta(self) -> dict[str, str]:
        """``{}`` for a WEB_SOCKET, ``{"url": …, "method": …}`` in that order for a WEB_HOOK."""
        if self.type is EndpointType.WEB_SOCKET:
            return {}
        return {"url": self.url or "", "method": self.method or ""}


def parse_method(value: str) -> str:
    """Returns the method in upper case.

    Raises:
        BadUserInput: not POST, PUT or PATCH, the methods that carry a body.
    """
    method = value.upper()
    if method not in METHODS:
        shown = value if len(value) <= 20 else value[:17] + "..."
        raise BadUserInput(f"method: {shown!r} is not one of {', '.join(METHODS)}.")
    return method
