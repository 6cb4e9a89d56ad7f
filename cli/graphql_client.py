"""The GraphQL API over HTTP, with the standard library: one small request at a time needs no connection pool, and
`event-service --help` should not wait for one to be imported."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import IO, Any, Final
from urllib.parse import urlsplit

from cli.errors import ApiError, NotAllowed, Unreachable
from event_service.base.trace_context import TraceContext, new_trace

TIMEOUT_SECONDS: Final = 35.0
"""API Gateway gives up after 30."""
THROTTLED_TRIES: Final = 4


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would send the token on to wherever it is told to go."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        del req, fp, code, msg, headers, newurl
        return None


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """What opens a URL: never redirected, and never through a proxy when it is on this machine."""
    if (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1"):
        return urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirects)


class GraphqlClient:
    """Sends documents to the API."""

    def __init__(self, url: str, token: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            url: of the GraphQL API.
            token: goes into the header ``Token``.
            sleep: waits before a throttled request is sent again.
        """
        if urlsplit(url).scheme not in ("http", "https"):
            raise Unreachable(f"{url!r} is not the URL of a GraphQL API: it begins with https:// or http://.")
        self._url = url
        self._token = token
        self._sleep = sleep
        self._opener = opener_for(url)

    def execute(self, document: str, trace: TraceContext | None = None, /, **variables: Any) -> dict[str, Any]:
        """The ``data`` of the answer.

        Args:
            document: one operation.
            trace: the trace that the request belongs to; a new one without it.
            variables: of the operation; those that are ``None`` are left out.

        Raises:
            ApiError: the API answered with errors.
            Unreachable: there was no answer of a GraphQL API.
            NotAllowed: something in front of it refused the request.
        """
        given = {name: value for name, value in variables.items() if value is not None}
        body = json.dumps({"query": document, "variables": given}, ensure_ascii=False).encode()
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self._url,
            data=body,
            headers={
                "content-type": "application/json",
                "token": self._token,
                "user-agent": "event-service-cli",
                "traceparent": (trace or new_trace()).traceparent,
            },
        )
        for attempt in range(THROTTLED_TRIES):
            status, answer = self._send(request)
            # Turned away before anything was done, so that a mutation may be sent again, too.
            if status != HTTPStatus.TOO_MANY_REQUESTS or attempt == THROTTLED_TRIES - 1:
                return self._data(status, answer)
            self._sleep(0.5 * 2**attempt)
        raise AssertionError("the last try returns")

    def _send(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                return int(response.status), response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(f"The GraphQL API at {self._url} does not answer: {reason}") from error

    def _data(self, status: int, answer: bytes) -> dict[str, Any]:
        try:
            value = json.loads(answer)
        except ValueError:
            value = None
        if isinstance(value, dict) and value.get("errors"):
            raise ApiError(value["errors"])
        if isinstance(value, dict) and isinstance(value.get("data"), dict):
            data: dict[str, Any] = value["data"]
            return data
        shown = answer[:200].decode(errors="replace").strip()
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise NotAllowed(f"{self._url} refused the request (HTTP {status}): {shown}")
        raise Unreachable(f"{self._url} does not answer as a GraphQL API does (HTTP {status}): {shown}")
