"""From what went wrong to a GraphQL error. This is the one table: a new domain error needs no line here."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError

from event_service.base.errors import BadUserInput, Conflict, DomainError, ErrorCode, NotFound, Unavailable
from event_service.observability import Metric, count

_LOG = logging.getLogger(__name__)


MAXIMUM_ERRORS = 100
"""As many errors, and as many problems of one, are shown."""
MAXIMUM_MESSAGE_CHARACTERS = 1_000
"""graphql-core quotes whole literals: of 1.4 MB in a request it made 28 MB of errors, and Lambda sends 6
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
MAXIMUM_OWN_CHARACTERS = 4_500
"""Of a sentence of ours: one may list 100 ids."""

# graphql-core hides these where the document is validated, but not where variables are coerced.
_ARGUMENT = re.compile(r"([a-z][A-Za-z0-9]*(?:\.[^\s:\[\]]+|\[\d+\])*): ")
_COERCED = re.compile(
    r"\A(?:Variable '\$(\w+)'|Argument '(?:[\w.]+\()?(\w+)(?::\))?') (?:of type|has invalid value(?: at ([.\[]\S*?))?:)", re.DOTALL
)
"""As graphql-core begins these sentences."""
_SUGGESTION = re.compile(r" Did you mean [^?]{0,1000}\?")


def to_graphql(error: GraphQLError, request_id: str, *, suggestions: bool = True) -> dict[str, Any]:
    """One entry of the response's ``errors``.

    Args:
        error: as graphql-core located it; what a resolver raised is its ``original_error``.
        request_id: what a person can search the log for when the fault is ours.
        suggestions: whether graphql-core may name what the schema has instead.
    """
    message = error.message if suggestions else _SUGGESTION.sub("", error.message)
    formatted: dict[str, Any] = {"message": _cut(message)}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations[:MAXIMUM_ERRORS]]
    if error.path:
        formatted["path"] = error.path
    cause = _cause_of(error)
    if isinstance(cause, DomainError):
        formatted["message"] = _cut(cause.message, MAXIMUM_OWN_CHARACTERS)
        formatted["extensions"] = _extensions_of(cause, _coerced(error))
        if formatted["extensions"].get("argument") in (error.path or ()):
            # Some sentences begin with the field that was called.
            del formatted["extensions"]["argument"]
    elif isinstance(cause, GraphQLError):
        # graphql-core's own errors: syntax, validation, coercion of variables and arguments.
        formatted["extensions"] = {"code": ErrorCode.BAD_USER_INPUT.value}
        if (argument := _coerced(error)) is not None:
            formatted["extensions"]["argument"] = argument
    else:
        count(Metric.FAULTS)
        path = ".".join(str(key) for key in error.path or ())
        _LOG.error("a resolver failed", exc_info=cause, extra={"graphql_path": path, "fault": type(cause).__name__})
        return masked(cause, request_id) | {key: formatted[key] for key in ("locations", "path") if key in formatted}
    return formatted


def all_to_graphql(errors: Iterable[GraphQLError], request_id: str, *, alike_once: bool, suggestions: bool = True) -> list[dict[str, Any]]:
    """The response's ``errors``.

    Args:
        errors: of the execution. One batch that fails fails each of its up to 1,000 objects, with the same cause: it is
            logged once.
        request_id: see :func:`to_graphql`.
        alike_once: whether errors that say the same are shown once. So it is when there is no data that they belong to.
        suggestions: see :func:`to_graphql`.
    """
    shown: dict[object, dict[str, Any]] = {}
    for error in errors:
        cause = _cause_of(error)
        key = (type(cause), str(cause)) if alike_once else error
        if key not in shown:
            if len(shown) == MAXIMUM_ERRORS:
                break
            shown[key] = to_graphql(error, request_id, suggestions=suggestions)
    return list(shown.values())


def from_domain(error: DomainError) -> dict[str, Any]:
    """An entry for an error that no resolver raised: the request failed as a whole."""
    return {"message": _cut(error.message, MAXIMUM_OWN_CHARACTERS), "extensions": _extensions_of(error)}


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


def _extensions_of(error: DomainError, coerced: str | None = None) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": error.code.value}
    argument = coerced or argument_of(error.message)
    if argument is not None:
        extensions["argument"] = argument
    if error.retry_after_seconds is not None:
        extensions["retryAfterSeconds"] = error.retry_after_seconds
    if isinstance(error, NotFound | Conflict) and error.ids:
        extensions["ids"] = error.ids
    elif isinstance(error, BadUserInput) and len(error.problems) > 1:
        extensions["problems"] = [_cut(problem) for problem in error.problems[:MAXIMUM_ERRORS]]
    return extensions


def argument_of(problem: str) -> str | None:
    """The path of the wrong input, with which the sentences of this API begin: ``filters.id.exact: 'x' is not a UUID …``."""
    match = _ARGUMENT.match(problem)
    return match[1] if match else None


def _coerced(error: GraphQLError) -> str | None:
    """The path of a value that graphql-core could not read, as its sentence has it."""
    match = _COERCED.search(error.message)
    return f"{match[1] or match[2]}{match[3] or ''}" if match else None


def _cut(message: str, limit: int = MAXIMUM_MESSAGE_CHARACTERS) -> str:
    return message if len(message) <= limit else message[: limit - 1] + "…"
