"""The Lambda behind ``/console``: the files of the browser console, and no more.

Standard library only and no layer: it starts in the time of the interpreter. What it serves was built and compressed before it
was deployed (``console/``), so a request is a look-up by name. It knows no token and calls nothing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

MOUNT: Final = "/console"
SETTINGS_NAME: Final = "settings.json"
"""The one file that is not built: what the page must know of this stack."""
INDEX: Final = "index.html"
HASHED: Final = "assets/"
"""Names in this folder hold a hash of what is in the file, so a browser never has to ask again."""

CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}

Response = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _File:
    """One file, ready to send."""

    content_type: str
    compressed: bytes
    etag: str


class Console:
    """Answers requests for the files of one folder."""

    def __init__(self, folder: Path, settings: str) -> None:
        """
        Args:
            folder: of ``<name>.gz`` files. Only what is there at the start is ever served: no path of a request is opened.
            settings: a JSON object for the page, with ``webSocketUrl``. A local stack's may begin with http: the template knows
                no other address of it.
        """
        known = json.loads(settings)
        known["webSocketUrl"] = re.sub(r"^http", "ws", known["webSocketUrl"])
        self._paths = {path.relative_to(folder).as_posix().removesuffix(".gz"): path for path in folder.rglob("*.gz")}
        self._files: dict[str, _File] = {SETTINGS_NAME: _file(SETTINGS_NAME, gzip.compress(json.dumps(known).encode(), mtime=0))}
        self._security = _security_headers(known["webSocketUrl"])

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> Response:
        """A response in the HTTP API's payload format 2.0.

        Args:
            method: of the request.
            path: of the request, from ``/console`` on.
            headers: with names in lower case.
        """
        if method not in ("GET", "HEAD"):
            return self._plain(405, f"{method} is not possible here: GET the page.\n", {"allow": "GET, HEAD"})
        name = INDEX if path == MOUNT else path.removeprefix(f"{MOUNT}/")
        # The page is served at one address, so that its own addresses can be relative.
        file = None if path == f"{MOUNT}/{INDEX}" else self._file(name)
        if file is None:
            if name.startswith(HASHED):
                return self._plain(404, "There is no such file in this version of the console: load the page again.\n", {})
            # A fragment survives the redirect.
            return self._plain(302, "", {"location": "../" * (path.count("/") - 1) + MOUNT.removeprefix("/")})
        common = {
            **self._security,
            "content-type": file.content_type,
            "etag": file.etag,
            "vary": "accept-encoding",
            "cache-control": "public, max-age=31536000, immutable" if name.startswith(HASHED) else "no-cache",
        }
        if file.etag in (one.strip().removeprefix("W/") for one in headers.get("if-none-match", "").split(",")):
            return {"statusCode": 304, "headers": common}
        body = file.compressed
        if _takes_gzip(headers.get("accept-encoding", "")):
            common["content-encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        if method == "HEAD":
            return {"statusCode": 200, "headers": {**common, "content-length": str(len(body))}}
        return {"statusCode": 200, "headers": common, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}

    def _file(self, name: str) -> _File | None:
        if name not in self._files and name in self._paths:
            self._files[name] = _file(name, self._paths[name].read_bytes())
        return self._files.get(name)

    def _plain(self, status: int, text: str, headers: Mapping[str, str]) -> Response:
        common = {**self._security, "content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
        return {"statusCode": status, "headers": {**common, **headers}, "body": text}


def _file(name: str, compressed: bytes) -> _File:
    return _File(CONTENT_TYPES[Path(name).suffix], compressed, f'"{hashlib.sha256(compressed).hexdigest()[:32]}"')


def _takes_gzip(accepted: str) -> bool:
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _security_headers(web_socket_url: str) -> dict[str, str]:
    """Nothing from elsewhere is loaded, run, framed or called; only the stack's own WebSocket API may have another host."""
    sockets = urlsplit(web_socket_url)
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {sockets.scheme}://{sockets.netloc}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
        "strict-transport-security": "max-age=31536000",
    }


def create_handler(console: Callable[[], Console]) -> Callable[[dict[str, Any], Any], Response]:
    """A Lambda handler for the HTTP API's payload format 2.0.

    Args:
        console: gives it; asked at each invocation, so that importing this module reads nothing.
    """

    def handle(event: dict[str, Any], _context: Any) -> Response:
        path = str(event["rawPath"])
        return console().answer(event["requestContext"]["http"]["method"], path[path.index(MOUNT) :], event.get("headers") or {})

    return handle


@cache
def _console() -> Console:
    return Console(Path(__file__).parent / "files", os.environ["CONSOLE_SETTINGS"])


lambda_handler = create_handler(_console)
