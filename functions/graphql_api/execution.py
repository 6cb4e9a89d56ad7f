"""Runs one GraphQL request: checks the token, reads the document, executes, and shows what came of it.

Strawberry's own router is not used: it answers 500 to several unreadable requests, and parses before it knows who asks.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from graphql import OperationDefinitionNode, OperationType

from event_service.base.errors import DomainError, TooLarge, Unavailable
from event_service.observability import Metric, count, logging_context
from functions.graphql_api import limits
from functions.graphql_api.answers import encode_answer
from functions.graphql_api.context import Context
from functions.graphql_api.documents import Documents, InvalidDocument, UnreadableDocument, choose_operation
from functions.graphql_api.errors import all_to_graphql, from_domain, masked, to_graphql
from functions.graphql_api.http.callers import Caller
from functions.graphql_api.http.requests import GraphQLRequest
from functions.graphql_api.http.responses import encode
from functions.graphql_api.schema.schema import Schema
from functions.graphql_api.services import Services

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: bytes


class Executor:
    """Runs requests against the schema.

    Args:
        schema: the API.
        services: the use cases.
        introspection: whether the schema can be asked for.
    """

    def __init__(self, schema: Schema, services: Services, *, introspection: bool) -> None:
        self._schema = schema
        self._services = services
        self._documents = Documents(schema.core, introspection=introspection)

    async def execute(self, request: GraphQLRequest, caller: Caller) -> Answer:
        """Runs one request.

        Returns:
            Status 200, also when there are errors; 400 when the query is not GraphQL.
        """
        try:
            # In this thread: nothing else may go on before it is known who asks, and mostly it is remembered.
            token = self._services.tokens().authenticate(caller.token)
            document = self._documents.read(request.query)
            operation = choose_operation(document, request.operation_name)
        except UnreadableDocument as unreadable:
            return _refused(400, to_graphql(unreadable.error, caller.request_id))
        except InvalidDocument as invalid:
            return _refused(200, *(to_graphql(error, caller.request_id) for error in invalid.errors))
        except DomainError as error:
            return _refused(200, from_domain(error))
        except Unavailable as error:
            count(Metric.FAULTS)
            _LOG.exception("the caller's token could not be checked")
            return _refused(200, masked(error, caller.request_id))
        with logging_context(workspace_id=token.workspace_id):
            return await self._execute(request, caller, operation, Context(token, self._services, document, caller.traceparent))

    async def _execute(self, request: GraphQLRequest, caller: Caller, operation: OperationDefinitionNode, context: Context) -> Answer:
        is_query = operation.operation is OperationType.QUERY
        try:
            # Only queries are cut short: of a mutation the caller must learn what was done.
            async with asyncio.timeout(limits.QUERY_SECONDS if is_query else None):
                result = await self._schema.execute(
                    request.query,
                    variable_values=request.variables,
                    context_value=context,
                    operation_name=operation.name.value if operation.name else None,
                )
        except TimeoutError:
            return _refused(200, from_domain(_too_slow()))
        errors = all_to_graphql(result.errors or (), caller.request_id, alike_once=result.data is None)
        return Answer(200, encode_answer(result.data, errors, changed=not is_query))


def _refused(status: int, *errors: dict[str, Any]) -> Answer:
    return Answer(status, encode({"errors": list(errors)}))


def _too_slow() -> TooLarge:
    return TooLarge(
        f"The query took more than {limits.QUERY_SECONDS:.0f} s. Give smaller limits, a date range, or ask for one list at a time."
    )
