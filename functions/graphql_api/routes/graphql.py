"""``/event-service/graphql``: the GraphQL API, and for browsers the IDE."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from event_service.base.errors import BadUserInput, TooLarge
from event_service.observability import logging_context, note_trace
from functions.graphql_api.errors import from_domain
from functions.graphql_api.execution import Answer, Executor
from functions.graphql_api.http.bodies import READ_CODINGS, UnreadCoding, read_body
from functions.graphql_api.http.callers import caller_of
from functions.graphql_api.http.negotiation import Accepted, accepted_by
from functions.graphql_api.http.requests import read_graphql_request, read_graphql_url
from functions.graphql_api.http.responses import error_response, json_response
from functions.graphql_api.schema.schema import Schema
from functions.graphql_api.time_left import time_left_of

PATH = "/event-service/graphql"
IDE_PATH = "/event-service/graphql/ide/{name}"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""All of them, so that the answer to a wrong one is ours and says which is right."""


def graphql_route(executor: Executor, *, ide: bool) -> Callable[[Request], Awaitable[Response]]:
    """The route.

    Args:
        executor: runs the requests.
        ide: whether browsers get the IDE.
    """

    async def graphql(request: Request) -> Response:
        if request.method == "POST":
            return await _execute(executor, request)
        if request.method == "GET":
            if ide and "text/html" in request.headers.get("accept", "").lower():
                from functions.graphql_api.routes.ide import ide_page

                return ide_page(request)
            if "query" in request.query_params:
                return await _execute(executor, request)
        error = BadUserInput(f"{request.method} is not possible here: send GraphQL as JSON by POST, or a query by GET with ?query=.")
        return error_response(405, from_domain(error), headers={"allow": "GET, POST"}, accepted=accepted_by(request.headers))

    return graphql


def ide_file_route(schema: Schema, *, introspection: bool) -> Callable[[Request], Awaitable[Response]]:
    """The files of the IDE; its code is loaded with the first of them."""

    async def serve(request: Request) -> Response:
        from functions.graphql_api.routes.ide import ide_file

        return ide_file(request, schema if introspection else None)

    return serve


async def _execute(executor: Executor, request: Request) -> Response:
    headers, by_get = request.headers, request.method == "GET"
    accepted, caller = accepted_by(headers), caller_of(headers, request.scope)
    note_trace(caller.traceparent)
    with logging_context(traceparent=caller.traceparent, hidden=caller.token):
        # Who asks is settled before a byte of the body is read: parsing 3.5 MB takes a second.
        token = executor.authenticate(caller)
        if isinstance(token, Answer):
            return _respond(token, accepted)
        try:
            if by_get:
                graphql_request = read_graphql_url(request.query_params)
            else:
                graphql_request = read_graphql_request(headers.get("content-type"), read_body(headers, await request.body()))
        except TooLarge as error:
            return error_response(413, from_domain(error), accepted=accepted)
        except UnreadCoding as error:
            return error_response(415, from_domain(error), headers={"accept-encoding": READ_CODINGS}, accepted=accepted)
        except BadUserInput as error:
            return error_response(400, from_domain(error), accepted=accepted)
        answer = await executor.execute(graphql_request, caller, time_left_of(request.scope), token, only_queries=by_get)
    return _respond(answer, accepted)


def _respond(answer: Answer, accepted: Accepted) -> Response:
    status = answer.status(accepted)
    return json_response(answer.body, status, {"allow": "POST"} if status == 405 else None, accepted)
