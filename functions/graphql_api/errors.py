"""From what went wrong to a GraphQL error. This is the one table: a new domain error needs no line here."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError

from event_service.base.errors import BadUserInput, DomainError, ErrorCode, NotFound, Unavailable
from event_service.observability import Metric, count

_LOG = logging.getLogger(__name__)


def to_graphql(error: GraphQLError, request_id: str) -> dict[str, Any]:
    """One entry of the response's ``errors``.

    Args:
        error: as graphql-core located it; what a resolver raised is its ``original_error``.
        request_id: what a person can search the log for when the fault is ours.
    """
    formatted: dict[str, Any] = dict(error.formatted)
    cause = _cause_of(error)
    if isinstance(cause, DomainError):
        formatted["message"] = cause.message
        formatted["extensions"] = _extensions_of(cause)
    elif isinstance(cause, GraphQLError):
        # graphql-core's own errors: syntax, validation, coercion of variables and arguments.
        formatted["extensions"] = {"code": ErrorCode.BAD_USER_INPUT.value}
    else:
        count(Metric.FAULTS)
        path = ".".join(str(key) for key in error.path or ())
        _LOG.error("a resolver failed", exc_info=cause, extra={"graphql_path": path, "fault": type(cause).__name__})
        return masked(cause, request_id) | {key: formatted[key] for key in ("locations", "path") if key in formatted}
    return formatted


def all_to_graphql(errors: Iterable[GraphQLError], request_id: str, *, alike_once: bool) -> list[dict[str, Any]]:
    """The response's ``errors``.

    Args:
        errors: of the execution. One batch that fails fails each of its up to 1,000 objects, with the same cause: it is
            logged once.
        request_id: see :func:`to_graphql`.
        alike_once: whether errors that say the same are shown once. So it is when there is no data that they belong to.
    """
    shown: dict[object, dict[str, Any]] = {}
    for error in errors:
        cause = _cause_of(error)
        key = (type(cause), str(cause)) if alike_once else error
        if key not in shown:
            shown[key] = to_graphql(error, request_id)
    return list(shown.values())


def from_domain(error: DomainError) -> dict[str, Any]:
    """An entry for an error that no resolver raised: the request failed as a whole."""
    return {"message": error.message, "extensions": _extensions_of(error)}


def masked(cause: BaseException, request_id: str) -> dict[str, Any]:
    """An entry that says nothing about our fault but where its trace is."""
    if isinstance(cause, Unavailable):
        message = (
            "A part of the service did not answer, and whether anything was done is not known. Try again. "
            f"The log knows this as request {request_id}."
        )
    else:
        message = f"The service failed. The log knows this as request {request_id}."
    return {"message": message, "extensions": {"code": ErrorCode.INTERNAL.value, "requestId": request_id}}


def _cause_of(error: GraphQLError) -> BaseException:
    """Coercion wraps errors several times (scalar, variable, located error); the innermost says what was wrong."""
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _extensions_of(error: DomainError) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": error.code.value}
    if isinstance(error, NotFound):
        extensions["ids"] = error.ids
    elif isinstance(error, BadUserInput) and len(error.problems) > 1:
        extensions["problems"] = error.problems
    return extensions
