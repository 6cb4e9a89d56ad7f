"""HTTP requests with the standard library: one small request at a time needs no connection pool, and `event-service --help` should not
wait for one to be imported. Whatever is at the other end, a request ends in an answer or in a sentence."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import IO, Any, Final
from urllib.parse import SplitResult, urlsplit

LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))
MAXIMUM_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""The API's answers have 5 MB at most."""


class RequestFailed(Exception):
    """No answer came, or none that is HTTP; the text says why."""


class BadUrl(Exception):
    """A text that is no URL which can be requested; the text says why."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status and the body, cut after 16 MiB."""

    status: int
    body: bytes


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would send the token on to wherever it is told to go."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        del req, fp, code, msg, headers, newurl
        return None


def split_url(url: str, schemes: tuple[str, ...] = ("http", "https")) -> SplitResult:
    """The parts of a URL that can be requested.

    Raises:
        BadUrl: another scheme, no host, a port that is none, or characters that have to be percent-encoded.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadUrl(f"it is no URL: {error}") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise BadUrl(f"it has to begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl("it holds a space or a character beyond ASCII: write it percent-encoded, a host in its xn-- form")
    if "@" in parts.netloc:
        raise BadUrl("it holds a user name or password; leave them out")
    return parts


def is_loopback(parts: SplitResult) -> bool:
    """Whether a URL leads to this machine."""
    host = parts.hostname or ""
    return host in LOOPBACK or host.endswith(".localhost") or host.startswith("127.")


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> HttpAnswer:
    """Sends one POST: never redirected, and never through a proxy when it goes to this machine.

    Args:
        url: one that :func:`split_url` takes.
        body: of the request.
        headers: of the request.
        seconds: for all of it. A time-out of the socket alone would wait as long for every single byte.

    Raises:
        RequestFailed: no answer in that time, or none that is HTTP.
    """
    opener = _opener(proxies=not is_loopback(urlsplit(url)))
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - the scheme was checked
    answers: list[HttpAnswer | RequestFailed] = []
    # A daemon: whatever the other end does, it does not keep the tool from ending.
    thread = threading.Thread(target=lambda: answers.append(_send(opener, request, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise RequestFailed(f"no complete answer within {seconds:g} s")
    if isinstance(answers[0], RequestFailed):
        raise answers[0]
    return answers[0]


@cache
def _opener(*, proxies: bool) -> urllib.request.OpenerDirector:
    """Built once, with the certificates that this machine trusts: reading those takes longer than a request."""
    handlers: list[urllib.request.BaseHandler | type[urllib.request.BaseHandler]] = [_NoRedirects]
    if not proxies:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _send(opener: urllib.request.OpenerDirector, request: urllib.request.Request, seconds: float) -> HttpAnswer | RequestFailed:
    try:
        try:
            with opener.open(request, timeout=seconds) as response:
                return HttpAnswer(int(response.status), response.read(MAXIMUM_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return HttpAnswer(error.code, error.read(MAXIMUM_ANSWER_BYTES))
    except http.client.HTTPException as error:
        return RequestFailed(f"what is there does not speak HTTP ({type(error).__name__})")
    except (OSError, ValueError) as error:
        return RequestFailed(str(getattr(error, "reason", None) or error) or type(error).__name__)
