"""Who sent a request."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from event_service.base.trace_context import trace_of


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as its headers say, and how to find it again in the log."""

    token: str | None
    request_id: str
    traceparent: str


def caller_of(headers: Mapping[str, str], scope: Mapping[str, Any]) -> Caller:
    """Reads the token and the ids that a request is traced by.

    Args:
        headers: names in any case.
        scope: the ASGI scope; in Lambda it carries the invocation's context.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    return Caller(_token(lowered), request_id_of(scope), trace_of(lowered).traceparent)


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The id that every log line of the invocation has; outside Lambda a new one."""
    return getattr(scope.get("aws.context"), "aws_request_id", None) or secrets.token_hex(16)


def _token(headers: Mapping[str, str]) -> str | None:
    """``Token: <token>`` as documented, or ``Authorization: Bearer <token>``, the scheme in any case."""
    token = headers.get("token", "").strip()
    if token:
        return token
    scheme, _, rest = headers.get("authorization", "").strip().partition(" ")
    return rest.strip() or None if scheme.lower() == "bearer" else None
