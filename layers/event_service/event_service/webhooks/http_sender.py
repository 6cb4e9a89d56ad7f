"""Sends webhooks over HTTP, to receivers that may be slow, broken or hostile.

aiohttp does the protocol: measured, it takes a tenth of httpx's CPU, and its parser in C
is the one that others attack and repair. Importing this module imports aiohttp, which costs more than all the rest of the
delivery function: only what delivers webhooks may import it.

What is ours here is everything that a receiver could abuse:

* Each address is judged before it is dialled: literal ones, all answers to a look-up (one that is refused refuses them all), and
  once more in the moment of dialling. There is no second look-up between judging and dialling.
* One deadline covers the look-up, the connection, TLS, the request, the headers and the body.
* What is kept of an answer is bounded, and what is read beyond it only serves to use the connection again.
* No redirects, no cookies, no proxies from the environment, no decompression.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest, body_text, kept_bytes

DEFAULT_DEADLINE_SECONDS = 15.0
CONNECTIONS_TO_ONE_ENDPOINT = 10

# The log keeps 256 bytes of a success and its status has decided already: a body that trickles in must not hold a slot.
SUCCESS_BODY_SECONDS = 1.0
# A longer or later rest is not read to save a connection: a new one is cheaper.
DRAINED_BYTES = 64 * 1024
DRAIN_SECONDS = 0.25
# All answers to a look-up are judged; of hundreds only the first ones are dialled.
DIALLED_ADDRESSES_OF_A_FAMILY = 4

MAXIMUM_HEADER_LINE_BYTES = 8190
MAXIMUM_HEADERS = 100
_READ_BUFFER_BYTES = 16 * 1024
_KEPT_HEADERS = ("retry-after", "webhook-delivery")
_KEPT_HEADER_CHARACTERS = 256
_KEPT_HEADER_VALUES = 8

# Servers close idle connections after 5 s (Node.js) to 75 s (nginx). Longer only collects dead ones.
_IDLE_SECONDS = 15.0
# aiohttp bounds connections in use, not idle ones, and Lambda grants 1,024 file descriptors in all.
_CONNECTIONS_BEFORE_RENEWAL = 400
# After a pause (a frozen Lambda) several pooled connections may turn out dead one after the other.
_FRESH_TRIES = 2
# getaddrinfo blocks a thread, for 10 s and more when a name server is silent. Slow names must not fill the pool.
_LOOKUP_THREADS = 32

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a name for a port to addresses in text form; raises OSError when it does not resolve."""


class BlockedAddress(OSError):
    """An address that the guard refuses; the text says which and why."""


@dataclass(slots=True)
class _Progress:
    """How far an attempt has come: a time-out is explained by it."""

    dialled: bool = False
    """Whether a new connection was opened for it."""
    phase: str = "look"
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    content_encoding: str | None = None
    body: bytearray = field(default_factory=bytearray)
    body_is_cut: bool = True

    @property
    def reused(self) -> bool:
        """Whether it got as far as a connection, and that one from the pool."""
        return self.phase == "wait" and not self.dialled


_progress: ContextVar[_Progress] = ContextVar("webhook_attempt_progress")


class HttpSender:
    """Sends webhooks; one for a process and its event loop, so that connections outlive an invocation.

    Args:
        guard: Judges every address.
        deadline_seconds: For one attempt, from the look-up of the name to the last byte.
        lookup: Resolves names; the system's resolver by default.
        tls: The context for https; aiohttp's default (the system's certificate authorities) when ``None``.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._deadline = deadline_seconds
        self._lookup = lookup or SystemLookup()
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
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
            slots = self._slots[request.endpoint_id] = _Slots()
        slots.users += 1
        try:
            async with slots.semaphore:
                if self._opened > _CONNECTIONS_BEFORE_RENEWAL and not self._active:
                    await self.aclose()
                session = self._open_session()
                self._active += 1
                try:
                    return await self._attempt(session, request)
                finally:
                    self._active -= 1
        finally:
            slots.users -= 1
            if not slots.users:
                del self._slots[request.endpoint_id]

    async def aclose(self) -> None:
        """Closes all connections; the sender opens new ones when it is used again on the same loop."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError("an HttpSender belongs to the event loop that used it first; keep one loop for a process")
        if self._session is None:
            self._opened = 0
            self._session = self._new_session()
        return self._session

    def _new_session(self) -> aiohttp.ClientSession:
        connector = _NotingConnector(
            resolver=_VettingResolver(self._guard, self._lookup),
            use_dns_cache=False,
            limit=0,
            keepalive_timeout=_IDLE_SECONDS,
            ssl=True if self._tls is None else self._tls,
            socket_factory=self._open_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            read_bufsize=_READ_BUFFER_BYTES,
            max_line_size=MAXIMUM_HEADER_LINE_BYTES,
            max_field_size=MAXIMUM_HEADER_LINE_BYTES,
            max_headers=MAXIMUM_HEADERS,
            skip_auto_headers=("accept", "accept-encoding", "content-type"),
        )

    def _open_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Called by aiohttp for each address that it dials: the last look at what is really dialled."""
        family, kind, protocol, _, address = addr_info
        _vet(self._guard, str(address[0]))
        self._opened += 1
        progress = _progress.get()
        progress.phase, progress.dialled = "connect", True
        return socket.socket(family, kind, protocol)

    async def _attempt(self, session: aiohttp.ClientSession, request: WebhookRequest) -> WebhookAnswer:
        clock = asyncio.get_running_loop().time
        started = clock()
        progress = _Progress()
        _progress.set(progress)
        failure: FailureClass | None = None
        explanation: str | None = None
        try:
            async with asyncio.timeout(self._deadline):
                await self._exchange(session, request, progress)
        except TimeoutError:
            failure, explanation = FailureClass.TIMEOUT, self._explain_timeout(progress, request)
        except (aiohttp.ClientError, OSError) as error:
            failure, explanation = _explain(error, progress, request.url.host)
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
        )

    async def _exchange(self, session: aiohttp.ClientSession, request: WebhookRequest, progress: _Progress) -> None:
        if request.url.address is not None and (reason := self._guard.refusal(request.url.address)) is not None:
            raise BlockedAddress(f"{request.url.host} is not a public address: {reason}")
        for fresh_tries in range(_FRESH_TRIES, -1, -1):
            try:
                return await self._exchange_once(session, request, progress)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                # The receiver closed an idle connection while we wrote to it. Every client has this race; without another
                # try it would show as a failure of a healthy receiver. If it did read the request, the next attempt of the
                # schedule would have brought it again as well, with the same webhook-id.
                if not fresh_tries or not progress.reused or progress.status is not None:
                    raise
                progress.phase = "look"
        return None

    async def _exchange_once(self, session: aiohttp.ClientSession, request: WebhookRequest, progress: _Progress) -> None:
        async with session.request(
            request.method,
            # already encoded: yarl would decode and encode again, and the receiver would see another target
            URL(request.url.normalised, encoded=True),
            data=request.body,
            headers={**request.headers, "accept-encoding": "identity"},
            allow_redirects=False,
        ) as response:
            progress.phase = "body"
            progress.status = response.status
            progress.content_encoding = response.headers.get("content-encoding")
            progress.headers = tuple(
                (name, value[:_KEPT_HEADER_CHARACTERS])
                for name in _KEPT_HEADERS
                if name in response.headers
                for value in response.headers.getall(name)[:_KEPT_HEADER_VALUES]
            )
            if 200 <= response.status <= 299:
                await _read_success(response, progress)
            else:
                await _read_body(response, progress)

    def _explain_timeout(self, progress: _Progress, request: WebhookRequest) -> str:
        host, seconds = request.url.host, f"{self._deadline:g} s"
        if progress.phase == "look":
            return f"The name {host} was not resolved within {seconds}."
        if progress.phase == "connect":
            return f"No connection to {host} came about within {seconds}."
        if progress.status is not None:
            return f"The receiver answered with status {progress.status}, but its response did not end within {seconds}."
        return f"The receiver took the request but did not send complete response headers within {seconds}."


@dataclass(slots=True)
class _Slots:
    semaphore: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS_TO_ONE_ENDPOINT))
    users: int = 0


class SystemLookup:
    """``getaddrinfo`` in threads of its own; tasks that ask for the same name at the same time share one look-up."""

    def __init__(self) -> None:
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None
        self._running: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        key = (host, port)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._resolve(host, port))
            task.add_done_callback(lambda done: self._finished(key, done))
        # whoever gives up leaves the others their answer
        return await asyncio.shield(task)

    def _finished(self, key: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # read, so that nobody complains when all who waited have given up

    async def _resolve(self, host: str, port: int) -> list[str]:
        if self._threads is None:
            self._threads = concurrent.futures.ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="webhook-lookup")
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._threads, _getaddrinfo, host, port)
        return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _getaddrinfo(host: str, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))


class _NotingConnector(aiohttp.TCPConnector):
    """Notes in the attempt's progress that there is a connection; aiohttp's own tracing costs a tenth of a delivery."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        _progress.get().phase = "wait"
        return connection


class _VettingResolver(AbstractResolver):
    """Hands aiohttp the addresses of a name only when the guard takes every one of them.

    A name that answers with a public and a private address is an attack or a mistake; dialling the public one would make
    the verdict depend on the order of the answers.
    """

    def __init__(self, guard: AddressGuard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        del family  # the connector is never told to use one family only
        _progress.get().phase = "look"
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        for address in addresses:
            _vet(self._guard, address)
        _progress.get().phase = "connect"
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in _first_of_each_family(addresses)
        ]

    async def close(self) -> None:
        """Nothing to close: the look-ups belong to the sender."""


def _first_of_each_family(addresses: list[str]) -> list[str]:
    ipv6 = [address for address in addresses if ":" in address][:DIALLED_ADDRESSES_OF_A_FAMILY]
    ipv4 = [address for address in addresses if ":" not in address][:DIALLED_ADDRESSES_OF_A_FAMILY]
    return [address for address in addresses if address in ipv6 or address in ipv4]


def _vet(guard: AddressGuard, address: str) -> None:
    try:
        reason = guard.refusal(ipaddress.ip_address(address))
    except ValueError:
        reason = "it is no IP address"
    if reason is not None:
        raise BlockedAddress(f"{address} is not a public address: {reason}")


async def _read_success(response: aiohttp.ClientResponse, progress: _Progress) -> None:
    """Reads what there is of a success, for a short while: the verdict does not depend on it."""
    if response.content.at_eof():
        progress.body_is_cut = False
        return
    if response.content.is_eof():
        # All of it came with the headers, as with most receivers: there is nothing to wait for.
        await _read_body(response, progress)
        return
    try:
        async with asyncio.timeout(SUCCESS_BODY_SECONDS):
            await _read_body(response, progress)
    except TimeoutError:
        response.close()


async def _read_body(response: aiohttp.ClientResponse, progress: _Progress) -> None:
    """Keeps the start of the body, then reads the rest only if that is a cheap way to use the connection again."""
    limit = kept_bytes(response.status)
    body, content, read = progress.body, response.content, 0
    while read < limit and not content.at_eof():
        chunk = await content.readany()
        read += len(chunk)
        body += chunk[: limit - len(body)]
    if not content.at_eof() and (response.content_length or 0) <= DRAINED_BYTES:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while read <= DRAINED_BYTES and not content.at_eof():
                    read += len(await content.readany())
    progress.body_is_cut = read > limit or not content.at_eof()
    if not content.at_eof():
        response.close()


def _explain(error: Exception, progress: _Progress, host: str) -> tuple[FailureClass, str]:
    """The class of a failure and a sentence for the owner of the endpoint, who sees neither our code nor our network."""
    if isinstance(error, BlockedAddress):
        return _explain_connection(error, host)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return FailureClass.TLS, f"The certificate of {host} is not valid: {_text(error.certificate_error)}."
    if isinstance(error, aiohttp.ClientConnectorDNSError) and not isinstance(error.os_error, BlockedAddress):
        return FailureClass.DNS, f"The name {host} does not resolve to an address: {_text(error.os_error)}."
    if isinstance(error, aiohttp.ClientConnectorError):
        return _explain_connection(error.os_error, host)
    return _explain_exchange(error, progress.status, host)


def _explain_connection(error: OSError, host: str) -> tuple[FailureClass, str]:
    if isinstance(error, BlockedAddress):
        return FailureClass.BLOCKED_ADDRESS, f"No request was sent to {host}: {error}."
    if isinstance(error, ssl.SSLError):
        return FailureClass.TLS, f"No encrypted connection to {host} came about: {_text(error)}."
    if error.errno == errno.ECONNREFUSED:
        return FailureClass.REFUSED, f"{host} refused the connection: nothing listens on that port, or a firewall says so."
    if error.errno in (errno.ECONNRESET, errno.EPIPE):
        return FailureClass.RESET, f"{host} closed the connection before it was established."
    return FailureClass.UNREACHABLE, f"{host} cannot be reached: {_text(error)}."


def _explain_exchange(error: Exception, status: int | None, host: str) -> tuple[FailureClass, str]:
    behind = f" after status {status}" if status is not None else " before it had answered"
    if isinstance(error, aiohttp.ClientResponseError):
        if error.message.startswith(("Got more than", "Too many headers")):
            limits = f"{MAXIMUM_HEADERS} headers of {MAXIMUM_HEADER_LINE_BYTES} bytes"
            return FailureClass.TOO_LARGE, f"The response headers of {host} are too large: at most {limits} are read."
        return FailureClass.PROTOCOL, f"What {host} sent is not a valid HTTP/1.1 response."
    if isinstance(error, aiohttp.ClientPayloadError):
        if "Not enough data" in str(error):  # aiohttp has one class for a body that breaks off and for a malformed one
            return FailureClass.RESET, f"{host} closed the connection{behind}, before the body was as long as announced."
        return FailureClass.PROTOCOL, f"The response body of {host} does not have the form that its headers announce."
    return FailureClass.RESET, f"{host} closed the connection{behind}."


def _text(error: BaseException) -> str:
    """What the system says, without its error numbers and positions in foreign source files."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    if isinstance(error, ssl.SSLError):
        return (error.reason or "the handshake failed").replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.rstrip(".")
    return str(error).rstrip(".") or type(error).__name__
