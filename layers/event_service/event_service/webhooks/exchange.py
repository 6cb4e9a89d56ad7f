"""One HTTP exchange with a webhook receiver: what is sent, and what came back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.url import WebhookUrl

# How much of a response body the log keeps: enough of a failure to understand it.
KEPT_BYTES_PER_FAILURE = 16 * 1024
KEPT_BYTES_PER_SUCCESS = 256
KEPT_CHARACTERS_OF_HEADERS = 2_048
"""Of a failure: names and values together."""
KEPT_CHARACTERS_PER_HEADER = 512
MASKED_HEADERS = frozenset(("set-cookie", "set-cookie2", "authorization", "proxy-authorization"))
"""A session that a receiver opens is nobody else's business; its log is read by everybody in the workspace."""
MASK = "(masked)"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One attempt.

    Attributes:
        endpoint_id: Requests with the same one share its limit of concurrent connections.
        url: Where to; parsed with the rules of the operator just before, so that a rule that changed applies.
        method: POST, PUT or PATCH.
        headers: Lower-case names. ``host``, ``content-length``, ``accept`` and ``accept-encoding`` are added by the sender.
        body: The exact bytes that were signed.
        deadline_seconds: For all of it, from the look-up of the name to the last byte; the sender's own when ``None`` or longer.
        ended_by_caller: Whoever sends it cancels it long before that deadline, so that it needs no timer of its own.
    """

    endpoint_id: str
    url: WebhookUrl
    method: str
    headers: Mapping[str, str]
    body: bytes
    deadline_seconds: float | None = None
    ended_by_caller: bool = False


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """What came back.

    Attributes:
        status: The final HTTP status, also when the body behind it did not end well; ``None`` when none came.
        failure: Why the exchange did not come to its end; ``None`` when it did. A status and a failure may stand together.
        explanation: The failure as a sentence for a person; ``None`` without a failure.
        duration_ms: From the first look at the name to the end of the exchange, without waiting for a free connection.
        headers: Those that a verdict needs, lower-case names: ``retry-after`` and ``webhook-delivery``.
        body: The start of the response body as text that can be stored and shown.
        body_is_cut: Whether there was more of it, or may have been.
        failure_headers: All of an answer that is no success, as :func:`kept_headers` keeps them.
    """

    status: int | None
    failure: FailureClass | None
    explanation: str | None
    duration_ms: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    body_is_cut: bool = False
    failure_headers: tuple[tuple[str, str], ...] = ()


def kept_bytes(status: int) -> int:
    """How many bytes of the body of an answer with this status the log keeps."""
    return KEPT_BYTES_PER_SUCCESS if 200 <= status <= 299 else KEPT_BYTES_PER_FAILURE


def body_text(raw: bytes, content_encoding: str | None, limit: int) -> str:
    """The start of a response body as text that any store, JSON and terminal can take.

    Bytes that are no UTF-8 and control characters other than tab and line breaks become U+FFFD: NUL ends strings in many
    programs, and an escape sequence in a log is run by the terminal that shows it. A character that the limit cut in two
    is dropped. A compressed body is named and not shown: unpacking 16 KiB may yield 16 MB.

    Args:
        raw: The first bytes, as received.
        content_encoding: The header of that name, or ``None``.
        limit: The most bytes that the text may have in UTF-8.
    """
    if content_encoding is not None and content_encoding.strip().lower() not in ("", "identity"):
        return f"(compressed body, not shown: the receiver sent content-encoding {_printable(content_encoding)[:40]} unasked)"
    if not raw:
        return ""
    encoded = _printable(raw[:limit].decode("utf-8", errors="replace")).encode()
    if len(encoded) <= limit:
        text = encoded.decode()
        return text.removesuffix("\ufffd") if len(raw) >= limit else text
    return encoded[:limit].decode("utf-8", errors="ignore")


def kept_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers of a failed answer as the log keeps them: names in lower case, values cut and printable, cookies masked, and the
    first 2,048 characters of all together."""
    kept: list[tuple[str, str]] = []
    left = KEPT_CHARACTERS_OF_HEADERS
    for given_name, given_value in headers:
        name = _printable(given_name).lower()
        value = MASK if name in MASKED_HEADERS else _printable(given_value[:KEPT_CHARACTERS_PER_HEADER])
        left -= len(name) + len(value)
        if left < 0:
            break
        kept.append((name, value))
    return tuple(kept)


_REPLACED = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "�")


def _printable(text: str) -> str:
    return text if text.isprintable() else text.translate(_REPLACED)
