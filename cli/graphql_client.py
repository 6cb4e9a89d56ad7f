"""The GraphQL API over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from cli.answer_shape import Shape, fits, shape_of
from cli.errors import ApiError, NotAllowed, Unreachable, UsageError
from cli.http_requests import BadUrl, HttpAnswer, RequestFailed, is_loopback, post, split_url
from event_service.base.allowance import GATEWAY_SECONDS
from event_service.base.trace_context import TraceContext, new_trace

TIMEOUT_SECONDS: Final = GATEWAY_SECONDS + 5.0
"""The gateway's own answer, that it gave up, comes first."""
THROTTLED_TRIES: Final = 4


class GraphqlClient:
    """Sends documents to the API."""

    def __init__(self, url: str, token: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """
        Args:
            url: of the GraphQL API.
            token: goes into the header ``Token``.
            sleep: waits before a throttled request is sent again.

        Raises:
            Unreachable: ``url`` is none.
            UsageError: ``token`` cannot be one, or would be sent unencrypted to another machine.
        """
        try:
            parts = split_url(url)
        except BadUrl as error:
            raise Unreachable(f"{url!r} is not the URL of a GraphQL API: {error}.") from None
        if parts.scheme == "http" and not is_loopback(parts):
            raise UsageError(f"{url} is not encrypted: the token is sent by https only, or by http to this machine.")
        if not token.isascii() or not token.isprintable() or not token.strip():
            raise UsageError("The token has characters that no token has; it looks like 52c6548d-3e17-4b9b-9268-ce51d6900530.")
        self._url = url
        self._token = token
        self._sleep = sleep

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
        try:
            body = json.dumps({"query": document, "variables": given}, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise UsageError("What was given holds half of a surrogate pair, which is not a character.") from None
        headers = {
            "content-type": "application/json",
            "token": self._token,
            "user-agent": "event-service-cli",
            "traceparent": (trace or new_trace()).traceparent,
        }
        for attempt in range(THROTTLED_TRIES):
            answer = self._send(body, headers)
            # Turned away before anything was done, so that a mutation may be sent again, too.
            if answer.status != HTTPStatus.TOO_MANY_REQUESTS or attempt == THROTTLED_TRIES - 1:
                return self._data(answer.status, answer.body, shape_of(document))
            self._sleep(0.5 * 2**attempt)
        raise AssertionError("the last try returns")

    def _send(self, body: bytes, headers: dict[str, str]) -> HttpAnswer:
        try:
            return post(self._url, body, headers, TIMEOUT_SECONDS)
        except RequestFailed as error:
            raise Unreachable(f"The GraphQL API at {self._url} does not answer: {error}") from error

    def _data(self, status: int, answer: bytes, shape: Shape) -> dict[str, Any]:
        try:
            value = json.loads(answer)
        except (ValueError, RecursionError):
            value = None
        errors = value.get("errors") if isinstance(value, dict) else None
        if isinstance(errors, list) and errors and all(isinstance(error, dict) for error in errors):
            raise ApiError(errors)
        if isinstance(value, dict) and isinstance(value.get("data"), dict) and fits(value["data"], shape):
            data: dict[str, Any] = value["data"]
            return data
        shown = answer[:200].decode(errors="replace").strip()
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise NotAllowed(f"{self._url} refused the request (HTTP {status}): {shown}")
        raise Unreachable(f"{self._url} does not answer as a GraphQL API does (HTTP {status}): {shown}")
