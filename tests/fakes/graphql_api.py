"""A GraphQL API over HTTP that knows the real schema: a wrong query, argument or variable fails as it would there."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

SCHEMA = build_schema((Path(__file__).parents[2] / "docs" / "schema.graphql").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Call:
    """One field of the API that was asked for."""

    name: str
    arguments: dict[str, Any]


@dataclass
class GraphqlDouble:
    """What the API answers, and what it was asked.

    Attributes:
        resolvers: of the fields of Query and Mutation; they get the arguments and return what graphql-core can select from.
        raw: answers that are given before anything else, as status and body, one after the other.
    """

    resolvers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    raw: list[tuple[int, bytes]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def names(self) -> list[str]:
        """The fields that were asked for."""
        return [call.name for call in self.calls]

    def _resolver(self, name: str) -> Callable[..., Any]:
        def resolve(_info: Any, **arguments: Any) -> Any:
            self.calls.append(Call(name, arguments))
            return self.resolvers[name](**arguments)

        return resolve

    def answer(self, body: bytes) -> dict[str, Any]:
        """The answer to one request."""
        request = json.loads(body)
        root = {name: self._resolver(name) for name in self.resolvers}
        result = graphql_sync(SCHEMA, request["query"], root_value=root, variable_values=request.get("variables"))
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_formatted(error) for error in result.errors]
        return answer


class RefusedCall(Exception):
    """What a resolver raises for an error of the API."""

    def __init__(self, code: str, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.extensions = {"code": code, **extensions}


def _formatted(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    extensions = cause.extensions if isinstance(cause, RefusedCall) else {"code": "BAD_USER_INPUT" if cause is None else "INTERNAL"}
    return {"message": error.message, "extensions": extensions}


@contextmanager
def graphql_double() -> Iterator[GraphqlDouble]:
    """The double, served on a port of this machine while inside."""
    double = GraphqlDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            double.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, answer = double.raw.pop(0) if double.raw else (200, json.dumps(double.answer(body)).encode())
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("location", answer.decode())
                answer = b""
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of the base class
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}/event-service/graphql"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
