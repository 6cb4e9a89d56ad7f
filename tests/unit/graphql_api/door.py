"""Calls the Lambda handler as API Gateway does: HTTP API payloads, format 2.0."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from event_service.settings import Settings
from functions.graphql_api import app
from functions.graphql_api.handler import create_handler
from functions.graphql_api.schema.schema import build_schema
from functions.graphql_api.use_cases import UseCases

TOKEN = "2f0d7a3c-5b0e-4a57-9a53-0c8f5f2f8c11"
OTHER_TOKEN = "7c1de9b8-6f0b-4a3d-8f6e-3f6d1a2b4c5d"
AGENT_TOKEN = "b9e1f3d2-1c4a-4d5e-9f60-718293a4b5c6"
WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
OTHER_WORKSPACE = "53989c34-9729-4081-ab02-9e064de2884c"
EVENTS = Path(__file__).parents[3] / "events" / "graphql_api"
PATH = "/event-service/graphql"


@dataclass(frozen=True)
class LambdaContext:
    """What the handler sees of Lambda."""

    aws_request_id: str = "8f6b1c1e-0000-4000-8000-00000000c0de"
    function_name: str = "graphql-api"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:graphql-api"


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        assert self.headers["content-type"].startswith("application/json"), self.headers
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as a browser shows it."""
        raw = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return raw.decode()

    @property
    def data(self) -> Any:
        """The result of a request without errors."""
        assert self.status == 200, self.body
        assert "errors" not in self.json, self.json
        return self.json["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The only error."""
        errors: list[dict[str, Any]] = self.json["errors"]
        assert len(errors) == 1, errors
        return errors[0]

    @property
    def code(self) -> str:
        """The code of the only error."""
        return str(self.error["extensions"]["code"])


def payload(name: str) -> dict[str, Any]:
    """One of the sample payloads."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


_schema = cache(build_schema)


def handler(use_cases: UseCases, settings: Settings) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The real handler, on the one schema of this process: a schema keeps nothing of a request, and takes 30 ms to build."""
    with patch.object(app, "build_schema", _schema):
        return create_handler(use_cases, settings)


class Door:
    """The real handler over the given use cases."""

    def __init__(self, services: UseCases, **environment: str) -> None:
        settings = Settings({"GRAPHQL_IDE": "true", "GRAPHQL_INTROSPECTION": "true", **environment})
        self.token, self.agent_token = TOKEN, AGENT_TOKEN
        self._handler = handler(services, settings)

    def invoke(self, event: dict[str, Any]) -> Response:
        """One invocation."""
        result = self._handler(event, LambdaContext())
        json.dumps(result)  # Lambda sends it as JSON
        raw = result.get("body", "")
        body = base64.b64decode(raw) if result.get("isBase64Encoded") else raw.encode()
        return Response(result["statusCode"], dict(result.get("headers", {})), body)

    def send(
        self, body: bytes | str, *, token: str | None = TOKEN, method: str = "POST", path: str = PATH, headers: dict[str, str] | None = None
    ) -> Response:
        """A request with any body."""
        event = payload("endpoints")
        event["requestContext"]["http"] |= {"method": method, "path": path}
        event["rawPath"] = path
        event["headers"] = {"content-type": "application/json", **({"token": token} if token else {}), **(headers or {})}
        if isinstance(body, bytes):
            event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        else:
            event |= {"body": body, "isBase64Encoded": False}
        return self.invoke(event)

    def ask(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
        operation_name: str | None = None,
    ) -> Response:
        """A GraphQL request."""
        request = {"query": query, "variables": variables, "operationName": operation_name}
        return self.send(json.dumps(request), token=token, headers=headers)
