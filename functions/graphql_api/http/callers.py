"""Who sent a request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from functions.graphql_api.execution import Caller
from functions.graphql_api.http.requests import read_token

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def caller_of(headers: Mapping[str, str], scope: Mapping[str, Any]) -> Caller:
    """Reads the token and the ids that a request is traced by.

    Args:
        headers: by lower-case name.
        scope: the ASGI scope; in Lambda it carries the invocation's context.
    """
    context = scope.get("aws.context")
    request_id = getattr(context, "aws_request_id", None) or secrets.token_hex(16)
    given = headers.get("traceparent", "").strip()
    traceparent = given if _TRACEPARENT.fullmatch(given) else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return Caller(read_token(headers), str(request_id), traceparent)
