"""The browser console with an API behind it that answers from lists in memory: of any length, slowly, or with an error, as a test says.

Each operation is executed against ``docs/schema.graphql``, so that an answer which the schema does not allow is an error here too.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import graphql

from functions.console.handler import Console, create_handler
from local.tools import ROOT

TOKEN: Final = "00000000-0000-4000-8000-0000000000ff"
ENDPOINT: Final = "00000000-0000-4000-8000-0000000000aa"
FILTER: Final = "00000000-0000-4000-8000-0000000000bb"
JOB: Final = "00000000-0000-4000-8000-0000000000cc"
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REQUEST_ID: Final = "request-of-this-fault"
_NOW: Final = datetime.now(UTC).replace(microsecond=0)
_SCHEMA: Final = graphql.build_schema((ROOT / "docs/schema.graphql").read_text(encoding="utf-8"))


def date(seconds: float = 0) -> str:
    """So many seconds ago."""
    return (_NOW - timedelta(seconds=seconds)).isoformat()


def endpoint(number: int = 0, **more: Any) -> dict[str, Any]:
    hour = {"attempts": 4, "successRate": 0.75, "lastSuccessDate": date(60), "p50Ms": 20, "p95Ms": 300, "complete": True}
    health = {"failingSince": None, "lastFailureDate": None, "disableDate": None, "trouble": None, "limitedTo": None, "notBefore": None}
    return {
        "id": ENDPOINT if number == 0 else f"00000000-0000-4000-8001-{number:012d}",
        "name": f"Warehouse {number}", "type": "WEB_HOOK", "meta": {"url": "https://example.com/hook", "method": "POST"},
        "workspaceId": "00000000-0000-4000-8000-0000000000dd", "status": "ENABLED", "statusReason": None, "key": None, "description": None,
        "labels": {"team": "shop"} if number % 3 else {}, "creationDate": date(number), "lastModified": date(number), "eventFilters": [],
        "health": {**health, "waiting": 0, "lastHour": hour},
        "connections": page([]), **more,
    }  # fmt: skip


def socket_endpoint(**more: Any) -> dict[str, Any]:
    """One that programs connect to, with somebody connected."""
    connection = {
        "id": f"{ENDPOINT}.0.c=", "connectionDate": date(30), "sequence": 7, "behind": 0, "lastPostDate": date(), "tokenName": "dashboard",
        "batched": True, "ownLane": False, "failingSince": None,
    }  # fmt: skip
    return endpoint(type="WEB_SOCKET", meta={}, connections=page([connection]), **more)


def event_filter(number: int = 0) -> dict[str, Any]:
    return {
        "id": FILTER if number == 0 else f"00000000-0000-4000-8002-{number:012d}",
        "name": f"Large orders {number}", "meta": {"in": {"eventTypes": ["order.created"]}}, "key": None, "description": None, "labels": {},
        "creationDate": date(number), "lastModified": date(number), "endpoints": [endpoint()],
    }  # fmt: skip


def event(number: int = 0) -> dict[str, Any]:
    explained = {"endpoint": endpoint(), "outcome": "NOT_MATCHED", "sentence": "No filter matches it.", "sequence": None, "asRouted": True}
    failed = {"path": "data.total", "present": True, "found": number, "wanted": [">", 100], "sentence": "`data.total`: 7 is not > 100."}
    filters = [{"eventFiltersId": FILTER, "name": "Large orders", "matched": False, "failed": [failed], "lastChange": None}]
    return {
        "id": f"order-{number}", "type": "order.created", "date": date(number), "data": {"total": number}, "agentId": None,
        "cameraId": None, "workspaceId": "00000000-0000-4000-8000-0000000000dd", "creationDate": date(number), "lastModified": date(number),
        "destinations": page([{**explained, "configurationVersion": 1, "delivery": None, "filters": filters}]),
    }  # fmt: skip


def delivery(number: int = 0, status: str = "FAILED") -> dict[str, Any]:
    attempt = {
        "number": 1, "date": date(number), "durationMs": 20, "statusCode": 500, "error": "status: 500", "responseBody": "locked",
        "url": "https://example.com/hook", "responseHeaders": [["content-type", "text/plain"]],
    }  # fmt: skip
    return {
        "id": f"{ENDPOINT}.order-{number}", "eventId": f"order-{number}", "endpointId": ENDPOINT, "endpoint": endpoint(), "status": status,
        "attempts": [attempt], "nextAttemptDate": None, "creationDate": date(number), "lastModified": date(number), "event": event(number),
    }  # fmt: skip


def change(number: int = 0) -> dict[str, Any]:
    return {
        "version": 20_000 - number, "date": date(number), "actor": "somebody", "actorId": "0000", "operation": "updateEndpoint",
        "sentence": f"Endpoint `Warehouse {number}` has another name.", "before": {ENDPOINT: {"name": "Before"}},
        "after": {ENDPOINT: {"name": "After"}},
    }  # fmt: skip


def job(**more: Any) -> dict[str, Any]:
    return {
        "id": JOB, "kind": "RETRY_DELIVERIES", "status": "RUNNING", "started": date(5), "changed": date(), "actor": "somebody",
        "dryRun": False, "count": 2000, "skipped": 0, "progress": 0.2, "estimatedTotal": 10_000, "reason": None,
        "arguments": {"endpoint_id": ENDPOINT, "statuses": ["FAILED"]}, **more,
    }  # fmt: skip


def page(items: Sequence[Any], first: int = 50, after: str | None = None) -> dict[str, Any]:
    """A page of a list."""
    begin = int(after or 0)
    end = min(begin + first, len(items))
    return {"collectionItems": items[begin:end], "endCursor": str(end), "hasNextPage": end < len(items), "totalCount": len(items)}


@cache
def _document(query: str) -> graphql.DocumentNode:
    """A query that the schema allows: to validate one takes longer than to answer it, and a screen asks the same in each test."""
    document = graphql.parse(query)
    assert graphql.validate(_SCHEMA, document) == []
    return document


def _first_name(query: str) -> str:
    """Of its operation, where the request does not say it."""
    definition = _document(query).definitions[0]
    assert isinstance(definition, graphql.OperationDefinitionNode)
    assert definition.name is not None
    return definition.name.value


class ConsoleStack:
    """A console, and what its API knows; tests change the lists while it runs."""

    def __init__(self) -> None:
        self.may_answer = Event()
        self.reset()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                request = {"rawPath": self.path, "requestContext": {"http": {"method": "GET"}}, "headers": {"accept-encoding": ""}}
                answer = outer._files(request, None)
                body = base64.b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer.get("body", "").encode()
                self._send(answer["statusCode"], answer["headers"], body)

            def do_POST(self) -> None:
                given = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.may_answer.wait(30)
                self._send(200, {"content-type": "application/json"}, json.dumps(outer._execute(given)).encode())

            def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        address = f"127.0.0.1:{self._server.server_port}"
        settings = {
            "webSocketUrl": f"ws://{address}/live", "stack": "event-service", "region": "us-east-1", "release": "abc",
            "eventRetentionDays": 14, "socketRetentionHours": 24, "webhookTimeoutSeconds": 15,
            "maxEndpoints": 10_000, "maxEventFilters": 10_000,
        }  # fmt: skip
        console = Console(Path(ROOT / "functions/console/files"), json.dumps(settings))
        self._files = create_handler(lambda: console)
        self.url = f"http://{address}/console#token={TOKEN}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def reset(self) -> None:
        """As it was at the start."""
        self.endpoints = [endpoint()]
        self.filters = [event_filter()]
        self.events = [event(number) for number in range(3)]
        self.deliveries = [delivery(number) for number in range(3)]
        self.changes = [change(number) for number in range(3)]
        self.jobs = [job()]
        self.counted = True
        self.late = False
        """Whether nothing of the last minutes is counted yet."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        """Each operation by its name, with its variables."""
        self.error: tuple[str, str] | None = None
        """The code and the message that every operation is answered with, or those in ``failing``."""
        self.failing: set[str] = set()
        """Names of operations that alone are answered with the error; all of them where it is empty."""
        self.may_answer.set()
        self.answers: dict[str, Any] = {}
        """What mutations answer, by field: a value, or what makes it of the arguments."""

    def stop(self) -> None:
        """Ends it."""
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()

    def calls(self, operation: str) -> list[dict[str, Any]]:
        """The variables of each call of an operation until now: for one whose answer the page shows. Otherwise see :meth:`called`."""
        return [variables for name, variables in self.asked if name == operation]

    async def called(self, operation: str, times: int = 1) -> list[dict[str, Any]]:
        """The same, once there are so many: what the page shows may be there before it has asked."""
        async with asyncio.timeout(30):
            while len(self.calls(operation)) < times:  # noqa: ASYNC110 - a thread of the server adds them
                await asyncio.sleep(0.05)
        return self.calls(operation)

    def _execute(self, given: Mapping[str, Any]) -> dict[str, Any]:
        variables = dict(given.get("variables") or {})
        name = given.get("operationName") or _first_name(given["query"])
        self.asked.append((name, variables))
        if self.error is not None and (not self.failing or name in self.failing):
            code, message = self.error
            return {"data": None, "errors": [{"message": message, "extensions": {"code": code, "requestId": REQUEST_ID}}]}
        result = graphql.execute_sync(_SCHEMA, _document(given["query"]), self._root(), variable_values=variables)
        errors = [{"message": one.message, "extensions": {"code": "BAD_USER_INPUT"}} for one in result.errors or []]
        return {"data": result.data, **({"errors": errors} if errors else {})}

    def _root(self) -> dict[str, Any]:
        def listed(items: Sequence[dict[str, Any]]) -> Any:
            def resolve(_info: Any, first: int | None = None, after: str | None = None, pagination: Any = None, **given: Any) -> Any:
                status = ((given.get("filters") or {}).get("status") or {}).get("exact")
                fitting = [one for one in items if status is None or one.get("status") == status]
                return page(fitting, first or (pagination or {}).get("limit") or 100, after)

            return resolve

        def one(items: Sequence[dict[str, Any]]) -> Any:
            return lambda _info, **given: next((each for each in items if each["id"] == given["id"]), None)

        def mutation(name: str) -> Any:
            def resolve(_info: Any, **given: Any) -> Any:
                answer = self.answers[name]
                return answer(given) if callable(answer) else answer

            return resolve

        def statistics(_info: Any, since: str, until: str, step: str) -> Any:
            seconds = {"MINUTE": 60, "HOUR": 3600, "DAY": 86_400}[step]
            begin, end = (datetime.fromisoformat(one) for one in (since, until))
            starts = [begin + timedelta(seconds=seconds * number) for number in range(int((end - begin).total_seconds() // seconds))]
            none = {"events": 0, "deliveries": 0, "delivered": 0, "attemptsFailed": 0, "failed": 0, "p50Ms": None, "p95Ms": None}
            some = {"events": 700, "deliveries": 650, "delivered": 600, "attemptsFailed": 40, "failed": 10, "p50Ms": 70, "p95Ms": 300}
            numbers = [some if self.counted and not self.late and number % 2 else none for number in range(len(starts))]
            whole = {"p50Ms": 70, "p95Ms": 300} if self.counted and not self.late else {"p50Ms": None, "p95Ms": None}
            return {
                "counted": self.counted,
                **whole,
                "points": [{"start": at.isoformat(), **of} for at, of in zip(starts, numbers, strict=True)],
            }

        matched: dict[str, Any] = {
            "examined": 3,
            "matched": 1,
            "complete": True,
            "endCursor": None,
            "histogram": [],
            "gained": 2,
            "lost": 1,
        }
        last = {"event": self.events[0] if self.events else None, "examined": 3, "since": date(9), "complete": True, "sentence": "It did."}
        return {
            "endpoints": listed(self.endpoints), "endpoint": one(self.endpoints), "eventsFilters": listed(self.filters),
            "eventFilter": one(self.filters), "events": listed(self.events), "event": one(self.events),
            "deliveries": listed(self.deliveries), "delivery": one(self.deliveries), "changes": listed(self.changes),
            "token": {
                "id": "5f5f5f5f5f5f5f5f", "name": "the console's tests", "workspaceId": "00000000-0000-4000-8000-0000000000dd",
                "creationDate": date(3600), "expiryDate": None,
            },
            "jobs": listed(self.jobs), "job": one(self.jobs), "statistics": statistics, "endpointSecret": SECRET,
            "eventTypes": page([{"type": "order.created", "firstSeen": date(9), "lastSeen": date()}]),
            "matchEvents": {**matched, "matches": self.events[:1], "nearMisses": []},
            "explainDelivery": {"filters": [{"eventFiltersId": FILTER, "lastMatch": last}]},
            **{name: mutation(name) for name in self.answers},
        }  # fmt: skip
