"""Responses. Whatever happened, the body is JSON in the shape of a GraphQL response."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from functions.graphql_api.http.negotiation import Accepted, compressed

_PLAIN = Accepted()

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return _encoder.encode(value).encode()


def json_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None, accepted: Accepted = _PLAIN) -> Response:
    """Finished JSON. Answers depend on the token, so no cache may keep them; they quote what clients gave, so no browser may guess
    that they are a page; and a browser that was here once shows its token by https only."""
    sent = {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "strict-transport-security": "max-age=31536000",
        "vary": "accept, accept-encoding",
        **(headers or {}),
    }
    packed = compressed(body) if accepted.gzip else None
    if packed is not None:
        body, sent["content-encoding"] = packed, "gzip"
    return Response(body, status, sent, f"{accepted.media_type}; charset=utf-8")


def error_response(status: int, *errors: dict[str, Any], headers: dict[str, str] | None = None, accepted: Accepted = _PLAIN) -> Response:
    """Errors without data: the request was not executed."""
    return json_response(encode({"errors": list(errors)}), status, headers, accepted)
