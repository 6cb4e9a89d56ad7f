"""What went wrong, for the owner of the endpoint, who sees neither our code nor our network."""

from __future__ import annotations

import errno
import ssl
from typing import Literal

import aiohttp

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.sending.connection import MAXIMUM_HEADER_LINE_BYTES, MAXIMUM_HEADERS, TlsAnswer, UnaskedAnswer
from event_service.webhooks.sending.name_lookup import BlockedAddress
from event_service.webhooks.sending.progress import Progress
from event_service.webhooks.url import WebhookUrl

# OpenSSL's words for bytes that are no TLS record.
_NO_TLS = frozenset(("wrong version number", "http request", "packet length too long", "record layer failure"))


def explain(error: Exception, progress: Progress, url: WebhookUrl) -> tuple[FailureClass, str]:
    """The class of a failure and a sentence.

    Args:
        error: what aiohttp or the system raised.
        progress: how far the attempt had come.
        url: where it went.
    """
    if isinstance(error, BlockedAddress):
        return _explain_connection(error, url.host)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return FailureClass.TLS, f"The certificate of {url.host} is not valid: {_text(error.certificate_error)}."
    if isinstance(error, aiohttp.ClientConnectorDNSError) and not isinstance(error.os_error, BlockedAddress):
        return FailureClass.DNS, f"The name {url.host} does not resolve to an address: {_text(error.os_error)}."
    if isinstance(error, aiohttp.ClientConnectorError):
        return _explain_connection(error.os_error, url.host)
    alert = _tls_error(error)
    if alert is not None:
        return FailureClass.TLS, _explain_tls(alert, url.host)
    failure, sentence = _explain_exchange(error, progress.status, url.host)
    if failure is FailureClass.RESET and progress.status is None and progress.dialled:
        sentence += _guess(error, url)
    return failure, sentence


def explain_malformed(part: Literal["headers", "body"], host: str) -> tuple[FailureClass, str]:
    """The same for an answer whose status counts, although what follows it is not HTTP/1.1."""
    if part == "headers":
        return FailureClass.PROTOCOL, f"The response headers of {host} are not valid HTTP/1.1, so that its body was not read."
    return FailureClass.PROTOCOL, f"The response body of {host} does not have the form that its headers announce."


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """What ended an encrypted connection after the handshake; aiohttp has it as the cause of its own error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__
    return None


def _guess(error: Exception, url: WebhookUrl) -> str:
    """What may be behind a new connection that ended without a byte: TLS libraries often close without the alert that would say so."""
    if url.scheme == "https":
        return " A server that asks for a client certificate may do so."
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return " A port that speaks TLS does so: perhaps the URL has to begin with https."
    return ""


def _explain_tls(error: ssl.SSLError, host: str) -> str:
    text = _text(error)
    if "certificate required" in text:
        # With TLS 1.3 the handshake ends before the receiver judges it: this comes in place of the answer.
        return f"{host} asks for a client certificate, and webhooks are sent without one ({text})."
    if "handshake failure" in text:
        why = "it broke the handshake off, perhaps because it asks for a client certificate"
        return f"No encrypted connection to {host} came about: {why} ({text})."
    if text in _NO_TLS:
        return f"No encrypted connection to {host} came about: that port speaks no TLS, perhaps plain HTTP ({text})."
    return f"No encrypted connection to {host} came about: {text}."


def _explain_connection(error: OSError, host: str) -> tuple[FailureClass, str]:
    if isinstance(error, BlockedAddress):
        return FailureClass.BLOCKED_ADDRESS, f"No request was sent to {host}: {error}."
    if isinstance(error, ssl.SSLError):
        return FailureClass.TLS, _explain_tls(error, host)
    if error.errno == errno.ECONNREFUSED:
        return FailureClass.REFUSED, f"{host} refused the connection: nothing listens on that port, or a firewall says so."
    if isinstance(error, ConnectionResetError) or error.errno == errno.EPIPE:  # asyncio raises the first one without a number
        return FailureClass.RESET, f"{host} closed the connection before it was established."
    return FailureClass.UNREACHABLE, f"{host} cannot be reached: {_text(error)}."


def _explain_exchange(error: Exception, status: int | None, host: str) -> tuple[FailureClass, str]:
    behind = f" after status {status}" if status is not None else " before it had answered"
    if isinstance(error, TlsAnswer):
        return FailureClass.TLS, f"That port of {host} speaks TLS, and plain HTTP was sent to it: the URL has to begin with https."
    if isinstance(error, UnaskedAnswer):
        return FailureClass.PROTOCOL, f"{host} sent something before it was asked: HTTP servers wait for a request."
    if isinstance(error, aiohttp.ClientResponseError):
        if error.message.startswith(("Got more than", "Too many headers")):
            limits = f"{MAXIMUM_HEADERS} headers of {MAXIMUM_HEADER_LINE_BYTES} bytes"
            return FailureClass.TOO_LARGE, f"The response headers of {host} are too large: at most {limits} are read."
        return FailureClass.PROTOCOL, f"What {host} sent is not a valid HTTP/1.1 response."
    if isinstance(error, aiohttp.ClientPayloadError):
        if "Not enough data" in str(error):  # aiohttp has one class for a body that breaks off and for a malformed one
            return FailureClass.RESET, f"{host} closed the connection{behind}, before the body was as long as announced."
        return explain_malformed("body", host)
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
