"""The ASGI application. It knows nothing of Lambda: uvicorn and the tests run it as well."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from event_service.base.errors import BadUserInput, NotFound
from event_service.observability import Metric, count
from event_service.settings import Settings
from functions.graphql_api.errors import from_domain, masked
from functions.graphql_api.execution import Executor
from functions.graphql_api.http.callers import request_id_of
from functions.graphql_api.http.responses import error_response
from functions.graphql_api.routes import cloud_events, graphql
from functions.graphql_api.schema.schema import build_schema
from functions.graphql_api.use_cases import UseCases


def create_app(use_cases: UseCases, settings: Settings) -> FastAPI:
    """Builds the application.

    Args:
        use_cases: factories of them; they are built when a request needs them.
        settings: whether the IDE and introspection are on.
    """
    # No OpenAPI: the GraphQL schema describes this API, and FastAPI's description costs start-up time.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    schema = build_schema()
    executor = Executor(schema, use_cases, introspection=settings.graphql_introspection)
    # Plain routes: the bodies are judged by our own strict reader, so FastAPI's dependencies have nothing to do here.
    app.add_route(graphql.PATH, graphql.graphql_route(executor, ide=settings.graphql_ide), methods=graphql.METHODS)
    if settings.graphql_ide:
        app.add_route(graphql.IDE_PATH, graphql.ide_file_route(schema, introspection=settings.graphql_introspection), methods=["GET"])
    app.add_route(cloud_events.PATH, cloud_events.cloud_events_route(use_cases), methods=cloud_events.METHODS)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, HTTPException) else HTTPException(500)
    if refused.status_code == 404:
        entry = from_domain(BadUserInput(f"There is nothing at {request.url.path[:200]}: the GraphQL API is at {graphql.PATH}."))
        entry["extensions"]["code"] = NotFound.code.value
    else:
        entry = from_domain(BadUserInput(f"{request.method} is not possible here: {refused.detail}."))
    return error_response(refused.status_code, entry, headers=dict(refused.headers or {}))


async def _fault(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this, and Mangum logs it with its trace.
    count(Metric.FAULTS)
    return error_response(500, masked(error, request_id_of(request.scope)))
