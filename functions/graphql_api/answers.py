"""From an execution's result to the bytes of the response, within what Lambda can carry."""

from __future__ import annotations

import json
import sys
from typing import Any

from event_service.base.errors import TooLarge
from functions.graphql_api.errors import from_domain
from functions.graphql_api.http.responses import encode
from functions.graphql_api.limits import MAXIMUM_ANSWER_BYTES, MAXIMUM_ESCAPED_ANSWER_BYTES

_ASCII_ONLY = sys.version_info < (3, 12)
"""Lambda's runtime for Python 3.11 writes every other character as an escape of six bytes, those that came later as UTF-8."""


def encode_answer(data: dict[str, Any] | None, errors: list[dict[str, Any]], *, changed: bool) -> bytes:
    """The response body.

    Args:
        data: the result, or ``None`` when nothing was executed.
        errors: as the response shows them.
        changed: whether mutations were executed: when their result is too large to show they are done all the same.
    """
    answer: dict[str, Any] = {"data": data}
    if errors:
        answer["errors"] = errors
    body = encode(answer)
    if _fits(body):
        return body
    return encode({"data": None, "errors": [from_domain(_too_large(body, data or {}, changed=changed))]})


def _fits(body: bytes) -> bool:
    return len(body) <= MAXIMUM_ANSWER_BYTES and _escaped(body) <= MAXIMUM_ESCAPED_ANSWER_BYTES


def _escaped(body: bytes) -> int:
    """The bytes of the body as the JSON string that Lambda carries."""
    if _ASCII_ONLY:
        return len(json.dumps(body.decode())) - 2
    return len(body) + body.count(b'"') + body.count(b"\\")


def _too_large(body: bytes, data: dict[str, Any], *, changed: bool) -> TooLarge:
    start = f"The answer has {len(body):,} bytes; at most {MAXIMUM_ANSWER_BYTES:,} can be sent."
    if changed:
        return TooLarge(f"{start} What the mutations asked for is done; select less of what they return.")
    lists = {name: items for name, value in data.items() if isinstance(value, dict) and (items := _items_of(value))}
    if not lists:
        return TooLarge(f"{start} Select fewer fields.")
    share = min(MAXIMUM_ANSWER_BYTES / len(body), MAXIMUM_ESCAPED_ANSWER_BYTES / _escaped(body))
    if len(lists) == 1:
        ((name, items),) = lists.items()
        rest = body_size(body) - sum(body_size(encode(item)) + 1 for item in items)
        return TooLarge(f"{start} With pagination {{limit: {_how_many(items, rest)}}} {name} fits.")
    fitting = ", ".join(f"{name} {{limit: {int(len(items) * share)}}}" for name, items in lists.items())
    return TooLarge(f"{start} Ask for one list at a time, or with smaller limits: {fitting}.")


def _items_of(collection: dict[str, Any]) -> list[Any] | None:
    """The items of a page, whatever alias they were selected under."""
    return max((value for value in collection.values() if isinstance(value, list)), key=len, default=None)


def body_size(body: bytes) -> float:
    """How much of an answer it takes: 1.0 of what is allowed is ``MAXIMUM_ANSWER_BYTES``."""
    return max(len(body), _escaped(body) * MAXIMUM_ANSWER_BYTES / MAXIMUM_ESCAPED_ANSWER_BYTES)


def _how_many(items: list[Any], rest: float) -> int:
    """How many of the first items fit beside the rest of the answer."""
    size = rest
    for number, item in enumerate(items):
        size += body_size(encode(item)) + 1
        if size > MAXIMUM_ANSWER_BYTES:
            return number
    return len(items)
