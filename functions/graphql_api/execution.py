"""Runs one GraphQL request: checks the token, reads the document, executes, and shows what came of it.

Strawberry's own router is not used: it answers 500 to several unreadable requests, and parses before it knows who asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import OperationDefinitionNode, OperationType

from event_service.access.token import Token
from event_service.base.errors import STATUSES, BadUserInput, DomainError, ErrorCode, TooLarge, Unauthenticated, Unavailable
from event_service.observability import Metric, count, logging_context
from functions.graphql_api import limits
from functions.graphql_api.answers import encode_answer
from functions.graphql_api.audit import audit
from functions.graphql_api.context import Context
from functions.graphql_api.documents import Documents, InvalidDocument, UnreadableDocument, choose_operation
from functions.graphql_api.errors import all_to_graphql, from_domain, masked, to_graphql
from functions.graphql_api.http.callers import Caller
from functions.graphql_api.http.negotiation import Accepted
from functions.graphql_api.http.requests import GraphQLRequest
from functions.graphql_api.http.responses import encode
from functions.graphql_api.schema.schema import Schema
from functions.graphql_api.use_cases import UseCases

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON body, and the outcome of the request.

    Attributes:
        body: JSON.
        refused: why nothing was executed; ``None`` when something was.
        unreadable: the query is not GraphQL.
        wrong_method: a mutation was asked for where only queries may be.
    """

    body: bytes
    refused: ErrorCode | None = None
    unreadable: bool = False
    wrong_method: bool = False

    def status(self, accepted: Accepted) -> int:
        """The HTTP status for a client that accepts this."""
        if self.refused is None:
            return 200
        if self.wrong_method:
            return 405
        if accepted.graphql_response:
            return STATUSES[self.refused].http
        # Clients that say nothing, or anything goes, have always been told so by the status.
        return 400 if self.unreadable and not accepted.named_json else 200


class Executor:
    """Runs requests against the schema.

    Args:
        schema: the API.
        use_cases: factories of them.
        introspection: whether the schema can be asked for.
    """

    def __init__(self, schema: Schema, use_cases: UseCases, *, introspection: bool) -> None:
        self._schema = schema
        self._use_cases = use_cases
        self._introspection = introspection
        self._documents = Documents(schema.core, introspection=introspection)

    def authenticate(self, caller: Caller) -> Token | Answer:
        """The caller's token, or the answer that says why there is none."""
        try:
            # In this thread: nothing else may go on before it is known who asks, and mostly it is remembered.
            return self._use_cases.tokens().authenticate(caller.token)
        except DomainError as error:
            if isinstance(error, Unauthenticated):
                count(Metric.REFUSED_TOKENS)
            return _refused(error.code, from_domain(error))
        except Unavailable as error:
            count(Metric.FAULTS)
            _LOG.exception("the caller's token could not be checked")
            return _refused(ErrorCode.INTERNAL, masked(error, caller.request_id))

    async def execute(
        self,
        request: GraphQLRequest,
        caller: Caller,
        time_left: Callable[[], float],
        token: Token | None = None,
        *,
        only_queries: bool = False,
    ) -> Answer:
        """Runs one request.

        Args:
            request: what is asked.
            caller: who asks.
            time_left: seconds that the request may still take.
            token: the caller's, where :meth:`authenticate` has found it already.
            only_queries: refuse mutations.
        """
        authenticated = token or self.authenticate(caller)
        if isinstance(authenticated, Answer):
            return authenticated
        try:
            document = self._documents.read(request.query)
            operation = choose_operation(document, request.operation_name)
        except UnreadableDocument as unreadable:
            return _refused(ErrorCode.BAD_USER_INPUT, to_graphql(unreadable.error, caller.request_id), unreadable=True)
        except InvalidDocument as invalid:
            return _refused(ErrorCode.BAD_USER_INPUT, *all_to_graphql(invalid.errors, caller.request_id, alike_once=False))
        except DomainError as error:
            return _refused(error.code, from_domain(error))
        if only_queries and operation.operation is not OperationType.QUERY:
            refusal = BadUserInput("A mutation is sent by POST: what is asked for by GET may be asked again by anybody on the way.")
            return _refused(refusal.code, from_domain(refusal), wrong_method=True)
        with logging_context(workspace_id=authenticated.workspace_id):
            is_query = operation.operation is OperationType.QUERY
            # A mutation shows what it did for as long as there is time.
            seconds = min(limits.QUERY_SECONDS, time_left()) if is_query else time_left()
            context = Context(authenticated, self._use_cases, document, caller.traceparent, time_left, seconds)
            try:
                return await self._execute(request, caller, operation, context, seconds if is_query else None)
            finally:
                context.end()

    async def _execute(
        self, request: GraphQLRequest, caller: Caller, operation: OperationDefinitionNode, context: Context, seconds: float | None
    ) -> Answer:
        try:
            # Only queries are cut short: of a mutation the caller must learn what was done.
            async with asyncio.timeout(seconds):
                result = await self._schema.execute(
                    request.query,
                    variable_values=request.variables,
                    context_value=context,
                    operation_name=operation.name.value if operation.name else None,
                )
        except TimeoutError:
            return _refused(ErrorCode.TOO_LARGE, from_domain(_too_slow(seconds or 0)))
        errors = all_to_graphql(result.errors or (), caller.request_id, alike_once=result.data is None, suggestions=self._introspection)
        if result.data is None and not any("path" in error for error in errors):
            # No field was begun: variables could not be read.
            return _refused(ErrorCode.BAD_USER_INPUT, *errors)
        audit(context.document, operation, request.variables, context.token, result.data, errors)
        return Answer(encode_answer(result.data, errors, changed=seconds is None))


def _refused(code: ErrorCode, *errors: dict[str, Any], unreadable: bool = False, wrong_method: bool = False) -> Answer:
    return Answer(encode({"errors": list(errors)}), code, unreadable, wrong_method)


def _too_slow(seconds: float) -> TooLarge:
    return TooLarge(f"The query took more than {seconds:.0f} s. Give smaller limits, a date range, or ask for one list at a time.")
