"""Batches of items without binary attributes, past botocore's serializer and parser.

Both walk every attribute of every item by the service's model, which takes an eighth of the processor time of ten deliveries
(decision 0009 in docs/decisions). Strings, numbers, booleans and what is made of them look the same in the SDK's form and in
DynamoDB's JSON, so for such items one ``json.dumps`` and one ``json.loads`` do. Everything else of a call stays the SDK's: signing,
connections, retries, errors. The hooks are botocore's events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from botocore.session import Session

OPERATIONS: Final = ("BatchGetItem", "BatchWriteItem")
_BODY: Final = "event_service_body"

_plain: ContextVar[bool] = ContextVar("plain_json", default=False)


@contextmanager
def plain_json() -> Iterator[None]:
    """Within it a batch may hold no binary attribute: one in a request is a ``TypeError``, one in an answer stays base64."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def register(session: Session) -> None:
    """Makes the clients of ``session`` heed :func:`plain_json`; once or several times."""
    # Any: the type stubs know no handler that answers, as that of provide-client-params may.
    handlers: dict[str, Any] = {"provide-client-params": _take_request, "before-call": _put_request, "before-parse": _take_answer}
    for operation in OPERATIONS:
        for event, handler in handlers.items():
            session.register(f"{event}.dynamodb.{operation}", handler, unique_id=f"plain-json-{event}-{operation}")


def _take_request(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any] | None:
    if not _plain.get():
        return None
    context[_BODY] = json.dumps(params, separators=(",", ":")).encode()
    # The names of the tables stay: botocore looks at them to find the endpoint.
    return {"RequestItems": {table: type(items)() for table, items in params["RequestItems"].items()}}


def _put_request(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    body = context.pop(_BODY, None)
    if body is not None:
        params["body"] = body


def _take_answer(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if _plain.get() and response_dict["status_code"] == 200:
        customized_response_dict.update(json.loads(response_dict["body"]))
        response_dict["body"] = b"{}"
