"""Responses. Whatever happened, the body is JSON in the shape of a GraphQL response."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

_JSON = "application/json; charset=utf-8"

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return _encoder.encode(value).encode()


def json_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Finished JSON. Answers depend on the token, so no cache may keep them."""
    return Response(body, status, {"cache-control": "no-store", **(headers or {})}, _JSON)


def error_response(status: int, *errors: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Errors without data: the request was not executed."""
    return json_response(encode({"errors": list(errors)}), status, headers)
