"""Sends webhooks over HTTP, to receivers that may be slow, broken or hostile.

aiohttp's connections and parser do the protocol: measured, they take a tenth of httpx's CPU, and the parser in C is the one that others
attack and repair. Its session is left out (decision 0104). Importing this module imports aiohttp, which costs more than all the rest of
the delivery function: only what delivers webhooks may import it.

What is ours here is everything that a receiver could abuse:

* Each address is judged before it is dialled: literal ones, all answers to a look-up (one that is refused refuses them all), and
  once more in the moment of dialling. There is no second look-up between judging and dialling.
* One deadline covers the look-up, the connection, TLS, the request, the headers and the body.
* What is kept of an answer is bounded, and what is read beyond it only serves to use the connection again.
* No redirects, no cookies, no proxies from the environment, no decompression.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.connector import _SSL_CONTEXT_VERIFIED  # made when aiohttp is imported; a second one would cost a cold start 15 ms
from yarl import URL

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest, body_text, kept_bytes, kept_headers
from event_service.webhooks.sending.connection import Answer, ExactRequest, ReceiverConnector
from event_service.webhooks.sending.failures import explain, explain_malformed
from event_service.webhooks.sending.name_lookup import BlockedAddress, Lookup, SystemLookup, VettingResolver, vet_address
from event_service.webhooks.sending.progress import Progress, current

DEFAULT_DEADLINE_SECONDS = 15.0
# A receiver that does not take a connection in this time does not take it later, and holds a slot of its endpoint until then.
DEFAULT_CONNECT_SECONDS = 3.0
CONNECTIONS_TO_ONE_ENDPOINT = 10

# The log keeps 256 bytes of a success and its status has decided already: a body that trickles in must not hold a slot.
SUCCESS_BODY_SECONDS = 1.0
# A longer or later rest is not read to save a connection: a new one is cheaper.
READ_REST_BYTES = 64 * 1024
READ_REST_SECONDS = 0.25

_KEPT_HEADERS = ("retry-after", "webhook-delivery")
_KEPT_HEADER_CHARACTERS = 256
_KEPT_HEADER_VALUES = 8

# Servers close idle connections after 5 s (Node.js) to 75 s (nginx). Longer only collects dead ones.
_IDLE_SECONDS = 15.0
# aiohttp bounds connections in use, not idle ones, and Lambda grants 1,024 file descriptors in all.
_CONNECTIONS_BEFORE_RENEWAL = 400
# After a pause (a frozen Lambda) several pooled connections may turn out dead one after the other.
_FRESH_TRIES = 2


class HttpSender:
    """Sends webhooks; one for a process and its event loop, so that connections outlive an invocation.

    Args:
        guard: Judges every address.
        deadline_seconds: For one attempt, from the look-up of the name to the last byte; a request may shorten it.
        connect_seconds: For its first part: the look-up, the connection and the TLS handshake together.
        connections_to_one_endpoint: At once; whoever sends bounds its requests itself, this only bounds what a fault of ours opens.
        lookup: Resolves names; the system's resolver by default.
        tls: The context for https; aiohttp's default (the system's certificate authorities) when ``None``.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        connect_seconds: float = DEFAULT_CONNECT_SECONDS,
        connections_to_one_endpoint: int = CONNECTIONS_TO_ONE_ENDPOINT,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._deadline = deadline_seconds
        self._connect_seconds = connect_seconds
        self._connections = connections_to_one_endpoint
        self._lookup = lookup or SystemLookup()
        self._tls = tls or _SSL_CONTEXT_VERIFIED
        # RFC 9525, section 6.3: the name stands in subjectAltName. OpenSSL would also take the common name of a certificate without one.
        self._tls.hostname_checks_common_name = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: ReceiverConnector | None = None
        # aiohttp rounds time-outs above the threshold up to a whole second
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_seconds, ceil_threshold=3600)
        self._slots: dict[str, _Slots] = {}
        self._active = 0
        self._opened = 0

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        """Makes one attempt. Whatever the receiver does ends in the answer, not in an exception.

        Raises:
            RuntimeError: called from another event loop than before: pooled connections belong to the first one.
        """
        slots = self._slots.get(request.endpoint_id)
        if slots is None:
            slots = self._slots[request.endpoint_id] = _Slots(asyncio.Semaphore(self._connections))
        slots.users += 1
        try:
            async with slots.semaphore:
                if self._opened > _CONNECTIONS_BEFORE_RENEWAL and not self._active:
                    await self.aclose()
                connector = self._open_connector()
                self._active += 1
                try:
                    return await self._attempt(connector, request)
                finally:
                    self._active -= 1
        finally:
            slots.users -= 1
            if not slots.users:
                del self._slots[request.endpoint_id]

    async def aclose(self) -> None:
        """Closes all connections; the sender opens new ones when it is used again on the same loop."""
        connector, self._connector = self._connector, None
        if connector is not None:
            await connector.close()

    def _open_connector(self) -> ReceiverConnector:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("an HttpSender belongs to the event loop that used it first; keep one loop for a process")
        if self._connector is None:
            self._opened = 0
            self._connector = ReceiverConnector(
                resolver=VettingResolver(self._guard, self._lookup),
                use_dns_cache=False,
                limit=0,
                keepalive_timeout=_IDLE_SECONDS,
                ssl=self._tls,
                socket_factory=self._open_socket,
            )
        return self._connector

    def _open_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Called by aiohttp for each address that it dials: the last look at what is really dialled."""
        family, kind, protocol, _, address = addr_info
        vet_address(self._guard, str(address[0]))
        self._opened += 1
        progress = current.get()
        progress.phase, progress.dialled = "connect", True
        return socket.socket(family, kind, protocol)

    async def _attempt(self, connector: ReceiverConnector, request: WebhookRequest) -> WebhookAnswer:
        clock = asyncio.get_running_loop().time
        started = clock()
        deadline = self._deadline if request.deadline_seconds is None else min(self._deadline, request.deadline_seconds)
        progress = Progress(request.url.target)
        current.set(progress)
        failure: FailureClass | None = None
        explanation: str | None = None
        try:
            if request.ended_by_caller:
                await self._exchange(connector, request, progress)
            else:
                async with asyncio.timeout(deadline):
                    await self._exchange(connector, request, progress)
        except TimeoutError:
            failure, explanation = FailureClass.TIMEOUT, self._explain_timeout(progress, request.url.host, deadline)
        except (aiohttp.ClientError, OSError) as error:
            failure, explanation = explain(error, progress, request.url)
        else:
            if progress.malformed is not None:
                failure, explanation = explain_malformed(progress.malformed, request.url.host)
        body = ""
        if progress.status is not None:
            body = body_text(bytes(progress.body), progress.content_encoding, kept_bytes(progress.status))
        return WebhookAnswer(
            status=progress.status,
            failure=failure,
            explanation=explanation,
            duration_ms=round((clock() - started) * 1000),
            headers=progress.headers,
            body=body,
            body_is_cut=progress.body_is_cut and progress.status is not None,
            failure_headers=progress.failure_headers,
        )

    async def _exchange(self, connector: ReceiverConnector, request: WebhookRequest, progress: Progress) -> None:
        if request.url.address is not None and (reason := self._guard.refusal(request.url.address)) is not None:
            raise BlockedAddress(f"{request.url.host} is not a public address: {reason}")
        for fresh_tries in range(_FRESH_TRIES, -1, -1):
            try:
                return await self._exchange_once(connector, request, progress)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientResponseError):
                # The receiver closed an idle connection while we wrote to it, or the rest of its answer before (a 204 with a body)
                # came after this request. Every client has these races; without another try they would show as failures of a
                # healthy receiver. If it did read the request, the next attempt of the schedule would have brought it again as
                # well, with the same webhook-id.
                if not fresh_tries or not progress.reused or progress.status is not None:
                    raise
                progress.phase = "look"
        return None

    async def _exchange_once(self, connector: ReceiverConnector, request: WebhookRequest, progress: Progress) -> None:
        written = ExactRequest(
            request.method,
            # already encoded: yarl would decode and encode again, and the receiver would see another target
            URL(request.url.normalised, encoded=True),
            progress.target,
            {**request.headers, "accept": "*/*", "accept-encoding": "identity"},
            request.body,
        )
        answer = await connector.ask(written, self._timeout)
        try:
            progress.phase = "body"
            progress.status = answer.status
            progress.content_encoding = answer.headers.get("content-encoding")
            progress.headers = tuple(
                (name, value[:_KEPT_HEADER_CHARACTERS])
                for name in _KEPT_HEADERS
                if name in answer.headers
                for value in answer.headers.getall(name)[:_KEPT_HEADER_VALUES]
            )
            if 200 <= answer.status <= 299:
                await _read_success(answer, progress)
            else:
                progress.failure_headers = kept_headers(answer.headers.items())
                await _read_body(answer, progress)
        finally:
            answer.release()

    def _explain_timeout(self, progress: Progress, host: str, deadline: float) -> str:
        connecting, whole = f"{min(self._connect_seconds, deadline):g} s", f"{deadline:g} s"
        if progress.phase == "look":
            return f"The name {host} was not resolved within {connecting}."
        if progress.phase == "connect":
            return f"No connection to {host} came about within {connecting}."
        if progress.status is not None:
            return f"The receiver answered with status {progress.status}, but its response did not end within {whole}."
        return f"The receiver took the request but did not send complete response headers within {whole}."


@dataclass(slots=True)
class _Slots:
    semaphore: asyncio.Semaphore
    users: int = 0


async def _read_success(answer: Answer, progress: Progress) -> None:
    """Reads what there is of a success, for a short while: the verdict does not depend on it."""
    if answer.content.at_eof():
        progress.body_is_cut = False
        return
    if answer.content.is_eof():
        # All of it came with the headers, as with most receivers: there is nothing to wait for.
        await _read_body(answer, progress)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(SUCCESS_BODY_SECONDS):
            await _read_body(answer, progress)


async def _read_body(answer: Answer, progress: Progress) -> None:
    """Keeps the start of the body, then reads the rest only if that is a cheap way to use the connection again."""
    limit = kept_bytes(answer.status)
    body, content, read = progress.body, answer.content, 0
    while read < limit and not content.at_eof():
        chunk = await content.readany()
        read += len(chunk)
        body += chunk[: limit - len(body)]
    if not content.at_eof() and answer.announced_bytes <= READ_REST_BYTES:
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_REST_SECONDS):
                while read <= READ_REST_BYTES and not content.at_eof():
                    read += len(await content.readany())
    progress.body_is_cut = read > limit or not content.at_eof()
