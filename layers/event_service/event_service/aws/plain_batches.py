"""BatchGetItem and BatchWriteItem without the SDK, for items without binary attributes.

A batch of webhook deliveries is one read, and one write for each 25 records. The SDK takes a millisecond of processor time for each of
them: it walks every attribute by the service's model, asks its rules for the endpoint and runs its events. Strings, numbers, booleans
and what is made of them look the same in the SDK's form and in DynamoDB's JSON, so here a call is one ``json.dumps``, one signature, one
request over a connection that is kept, and one ``json.loads`` (decision 0103 in docs/decisions).

Only what succeeds ends here. Whoever gets no answer makes the same call with the SDK, whose retries, errors and time-outs hold then: both
operations may be done twice.
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.credentials import ReadOnlyCredentials

from event_service.aws.signature_v4 import RequestSigner
from event_service.aws.user_agent import USER_AGENT
from event_service.http.readable import is_readable

_LOG = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 1.0
"""DynamoDB answers within a few milliseconds; what takes longer is left to the SDK."""
REST_SECONDS: Final = 10.0
"""After a call that got no answer, all are left to the SDK for so long: it may know a proxy or certificates that are needed here."""
IDLE_CONNECTIONS: Final = 32
IDLE_SECONDS: Final = 50.0
"""A connection that was idle for longer may be gone without a word, above all after Lambda had frozen the process: it is not used again."""


class PlainBatches:
    """Makes calls of these two operations. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        region: str,
        credentials: Callable[[], ReadOnlyCredentials | None],
        timeout_seconds: float = TIMEOUT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            url: of DynamoDB, without a path.
            region: for the signature.
            credentials: the current ones, asked for each call, because Lambda renews them. ``None``: there are none.
            timeout_seconds: for connecting, and for each piece of an answer.
            monotonic: a clock that only goes forward, in seconds.
        """
        self._url = urlsplit(url)
        self._signer = RequestSigner(url, region, "dynamodb")
        self._credentials = credentials
        self._timeout = timeout_seconds
        self._monotonic = monotonic
        self._idle: deque[tuple[http.client.HTTPConnection, float]] = deque()
        """And since when."""
        self._rests_until = 0.0

    def answer(self, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """DynamoDB's answer; ``None`` if there is none, or none that says that the call was done.

        Raises:
            TypeError: a binary attribute.
        """
        body = json.dumps(arguments, separators=(",", ":")).encode()
        credentials = self._credentials()
        if credentials is None or self._monotonic() < self._rests_until:
            return None
        headers = self._signer.headers("POST", "/", body, credentials, datetime.now(UTC), target=f"DynamoDB_20120810.{operation}")
        headers["Content-Type"] = "application/x-amz-json-1.0"
        headers["User-Agent"] = USER_AGENT
        try:
            status, text = self._exchange(body, headers)
            if status == http.client.OK:
                answer: dict[str, Any] = json.loads(text)
                # Where the SDK has it: the bytes are counted.
                answer["ResponseMetadata"] = {"HTTPHeaders": {"content-length": len(text)}}
                return answer
            reason = f"status {status}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = type(error).__name__
            self._rests_until = self._monotonic() + REST_SECONDS
        _LOG.info("%s is made with the SDK: %s", operation, reason)
        return None

    def close(self) -> None:
        """Closes the connections that are idle; Lambda never does."""
        while self._idle:
            self._idle.pop()[0].close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            text = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close or len(self._idle) >= IDLE_CONNECTIONS:
            connection.close()
        else:
            self._idle.append((connection, self._monotonic()))
        return response.status, text

    def _connection(self) -> http.client.HTTPConnection:
        """One that is idle, the last one used first, or a new one."""
        while True:
            try:
                connection, since = self._idle.pop()
            except IndexError:
                break
            if self._monotonic() - since < IDLE_SECONDS and not _was_closed(connection):
                return connection
            connection.close()
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def _was_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side hung up while the connection was idle: there is something to read, which is the end."""
    return connection.sock is None or is_readable(connection.sock.fileno())
