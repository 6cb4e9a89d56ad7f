"""The GraphQL IDE for browsers. This module and its files are loaded when a browser first asks for them."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from graphql import introspection_from_schema
from starlette.requests import Request
from starlette.responses import Response

from event_service.base.errors import BadUserInput, ErrorCode
from functions.graphql_api.errors import from_domain
from functions.graphql_api.http.responses import encode, error_response
from functions.graphql_api.schema.schema import Schema

_FOLDER = Path(__file__).parents[1] / "ide"

_HTML, _SCRIPT, _STYLE = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"
FILES = {
    "graphiql-3.9.0.min.js": _SCRIPT,
    "graphiql-3.9.0.min.css": _STYLE,
    "react-18.3.1.min.js": _SCRIPT,
    "react-dom-18.3.1.min.js": _SCRIPT,
    "page.js": _SCRIPT,
    "page.css": _STYLE,
}
"""What the page loads. Nothing outside this list is served, whatever the path spells."""
SCHEMA_FILE = "schema.json"

_PAGE_HEADERS = {
    # Everything comes from here and nothing runs in line; GraphiQL's editor sets styles, its style sheet embeds fonts.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_VERSIONED = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
_OURS = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}


def ide_page(request: Request) -> Response:
    return _respond(request, _read("page.html"), _HTML, _PAGE_HEADERS)


def ide_file(request: Request, schema: Schema | None) -> Response:
    """One of the files that the page loads.

    Args:
        request: its path ends with the name.
        schema: what the IDE shows; ``None`` where clients may not see it.
    """
    name = str(request.path_params["name"])
    if name == SCHEMA_FILE and schema is not None:
        return _respond(request, _schema_json(schema), "application/json", _OURS)
    content_type = FILES.get(name)
    if content_type is None:
        entry = from_domain(BadUserInput("The GraphQL IDE has no such file."))
        entry["extensions"]["code"] = ErrorCode.NOT_FOUND.value
        return error_response(404, entry)
    return _respond(request, _read(name), content_type, _OURS if name.startswith("page.") else _VERSIONED)


@cache
def _read(name: str) -> bytes:
    """A file, compressed. Ours are kept as they are, to be read; GraphiQL's 1.5 MB are kept compressed."""
    compressed = _FOLDER / f"{name}.gz"
    return compressed.read_bytes() if compressed.exists() else gzip.compress((_FOLDER / name).read_bytes(), mtime=0)


@cache
def _schema_json(schema: Schema) -> bytes:
    return gzip.compress(encode(introspection_from_schema(schema.core)), mtime=0)


def _respond(request: Request, compressed: bytes, content_type: str, headers: dict[str, str]) -> Response:
    if "gzip" not in request.headers.get("accept-encoding", "").lower():
        return Response(gzip.decompress(compressed), 200, headers, content_type)
    # HTTP API payloads carry bytes in base64; Mangum sees that these are no text and does so.
    return Response(compressed, 200, {**headers, "content-encoding": "gzip", "vary": "accept-encoding"}, content_type)
