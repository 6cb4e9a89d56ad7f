"""One correlation id from the door to the receiver and on every line between; and nothing in the logs that does not belong there."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from typer.testing import CliRunner

from cli.main import app
from event_service.aws.dynamodb import Database
from event_service.events.event import RESERVED_TYPE_PREFIX
from event_service.events.storage.events import DynamoEventStore
from local.deployed import IssuedToken, _connection
from local.stack import LocalStack, StackFile
from local.tools import ROOT
from tests.e2e.conftest import WatchedStack
from tests.e2e.test_main_job import Receiver, receiver  # noqa: F401 - a fixture

PATIENCE = 60
MARK = "4111-payload-that-no-log-may-hold"


class Tool:
    """`event-service`, with the token of a workspace of its own."""

    def __init__(self, stack: StackFile, token: str) -> None:
        self._common = ["--json", "--url", stack.graphqlUrl, "--socket-url", stack.webSocketUrl, "--token", token]

    def __call__(self, *words: str) -> Any:
        result = CliRunner().invoke(app, [*self._common, *words], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same as a process, for what goes on beside other commands: typer's runner takes this process's standard output for itself."""
        command = [sys.executable, "-m", "cli.main", *self._common, *words]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def tool(stack: StackFile, own_token: IssuedToken) -> Tool:
    return Tool(stack, own_token.token)


def _publish(stack: StackFile, token: str, trace_id: str) -> None:
    query = "mutation ($events: [EventInput!]!) { publishEvents(events: $events) { ok } }"
    body = {"query": query, "variables": {"events": [{"type": "traced", "data": {"card": MARK}}]}}
    request = urllib.request.Request(  # noqa: S310 - a URL of our own
        stack.graphqlUrl,
        json.dumps(body).encode(),
        {"content-type": "application/json", "token": token, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - as above
        assert json.load(response) == {"data": {"publishEvents": {"ok": True}}}


def _lines(local_stack: LocalStack) -> Iterator[dict[str, Any]]:
    """What functions wrote, as JSON; `function` says which."""
    yield from map(json.loads, _raw_lines(local_stack.function_log.read_text(encoding="utf-8")))


def _raw_lines(written: str) -> Iterator[str]:
    lines = (json.loads(entry).get("line", "") for entry in written.splitlines())
    yield from (line for line in lines if line.startswith("{"))


def test_one_correlation_id_goes_from_the_door_to_the_receiver(
    local_stack: LocalStack,
    stack: StackFile,
    own_token: IssuedToken,
    tool: Tool,
    receiver: Receiver,  # noqa: F811 - the fixture
) -> None:
    tool("endpoints", "create-webhook", "traced", receiver.url)
    trace_id = secrets.token_hex(16)

    _publish(stack, own_token.token, trace_id)

    version, trace, span, _flags = receiver.next().headers["traceparent"].split("-")
    assert (version, trace) == ("00", trace_id)
    assert span != "00f067aa0ba902b7"  # the attempt is a step of its own
    deadline = time.monotonic() + PATIENCE
    services: set[str] = set()
    while services != {"graphql_api", "event_router", "webhook_delivery"} and time.monotonic() < deadline:
        time.sleep(0.2)  # a line is in the log when its invocation has ended
        services = {line["service"] for line in _lines(local_stack) if trace_id in json.dumps(line)}
    assert services == {"graphql_api", "event_router", "webhook_delivery"}


def test_a_failed_attempt_is_a_line_with_every_id(
    local_stack: LocalStack,
    stack: StackFile,
    own_token: IssuedToken,
    tool: Tool,
    receiver: Receiver,  # noqa: F811 - the fixture
) -> None:
    (endpoint,) = tool("endpoints", "create-webhook", "failing", receiver.url)
    receiver.statuses.append(500)

    (published,) = tool("publish", "--type", "failing", "--data", json.dumps({"card": MARK}))

    receiver.next()
    deadline = time.monotonic() + PATIENCE
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        time.sleep(0.2)
        found = [
            line for line in _lines(local_stack) if line.get("message") == "attempt: PENDING" and line["endpoint_id"] == endpoint["id"]
        ]
    (line,) = found
    assert (line["event_id"], line["workspace_id"], line["attempt"], line["status"]) == (
        published["ids"][0],
        own_token.workspace_id,
        1,
        500,
    )
    assert line["trace_id"] == published["traceId"]
    assert line["delivery_id"]
    assert line["request_id"]


def forms_of(text: str) -> set[str]:
    """How a text can stand in a log: as it is, and in JSON, once and twice."""
    once = json.dumps(text)[1:-1]
    return {text, once, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(once)[1:-1]}


def payloads_of(data: Any) -> Iterator[str]:
    """What would show that this content of an event was logged: the whole of it, or one of its longer texts."""
    if data:
        yield json.dumps(data, separators=(",", ":"))
        yield json.dumps(data)
        yield repr(data)
    pending = [data]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, str) and len(one) >= 8:
            yield one[:200]


def betrayed(log: str, forbidden: Iterable[str]) -> list[str]:
    """What stands in the log and must not. Secrets are known by their form, delivered events by a key they all have."""
    found = [one for one in forbidden if any(form in log for form in forms_of(one))]
    return found + re.findall(r"whsec_[A-Za-z0-9]\w*|lastModified", log)


@pytest.mark.parametrize("text", ["0b0a6e5e-6d0c-4a4a-9c3e-1a2b3c4d5e6f", "whsec_MTIz", '{"lastModified":1}', '{"n":1}', "a longer text"])
def test_the_scan_of_the_logs_sees_what_it_looks_for(text: str) -> None:
    forbidden = ["0b0a6e5e-6d0c-4a4a-9c3e-1a2b3c4d5e6f", *payloads_of({"n": 1}), *payloads_of({"deep": [{"text": "a longer text"}]})]

    assert betrayed(json.dumps({"line": json.dumps({"message": f"got {text}!"})}), forbidden)
    assert not betrayed(json.dumps({"line": json.dumps({"message": "done", "routed": 1})}), forbidden)


def test_logs_of_the_whole_run_hold_no_token_no_secret_and_no_payload(
    local_stack: WatchedStack,
    stack: StackFile,
    own_token: IssuedToken,
    tool: Tool,
    receiver: Receiver,  # noqa: F811 - the fixture
) -> None:
    """Of all end-to-end tests: `conftest.py` puts this one last."""
    (endpoint,) = tool("endpoints", "create-webhook", "secretive", f"{receiver.url}/key-in-the-path?key=in-the-query")
    receiver.statuses.append(503)
    _publish(stack, own_token.token, secrets.token_hex(16))
    receiver.next()
    (socket,) = tool("endpoints", "create-socket", "quiet")
    for bad in (["endpoints", "delete", "no-uuid"], ["listen", endpoint["id"], "--count", "1"], ["endpoints", "secret", socket["id"]]):
        common = ["--url", stack.graphqlUrl, "--socket-url", stack.webSocketUrl, "--token", own_token.token]
        assert CliRunner().invoke(app, [*common, *bad]).exit_code != 0
    tokens = {stack.token, *(issued.token for issued in local_stack.issued)}
    payloads = {payload for data in all_data(local_stack) for payload in payloads_of(data)}
    time.sleep(1)  # a line is in the log when its invocation has ended

    written = local_stack.function_log.read_text(encoding="utf-8")

    assert {json.loads(line).get("service") for line in _raw_lines(written)} >= {"graphql_api", "event_router", "webhook_delivery"}
    assert MARK in payloads
    assert betrayed(written, {*tokens, *payloads, "key-in-the-path", "in-the-query"}) == []


def all_data(local_stack: WatchedStack) -> list[Any]:
    """What the events of the whole run held, each content once. From the table: lists would read ten thousand events page by page."""
    deployed = local_stack._deployed
    assert deployed is not None
    table = deployed.outputs["EventsTableName"]
    client: Any = botocore.session.Session().create_client("dynamodb", **deployed.client_settings)
    pages = client.get_paginator("scan").paginate(TableName=table, ProjectionExpression="#k", ExpressionAttributeNames={"#k": "key"})
    ids: dict[str, list[str]] = {}
    for item in (item for page in pages for item in page["Items"]):
        workspace_id, _, event_id = item["key"]["S"].partition("#")
        ids.setdefault(workspace_id, []).append(event_id)
    store = DynamoEventStore(Database(_connection(deployed), {"events": table}.__getitem__), lambda: datetime.now(UTC), 14)
    stored = (one for workspace_id, some in ids.items() for one in store.get(workspace_id, some).values())
    # What the service itself publishes tells of ids that its log names as well.
    own = (one.event for one in stored if not one.event.type.startswith(RESERVED_TYPE_PREFIX))
    return list({json.dumps(event.data, sort_keys=True): event.data for event in own}.values())


def test_listening_resumes_and_misses_nothing(tool: Tool) -> None:
    (socket,) = tool("endpoints", "create-socket", "listener")
    (event_filter,) = tool("filters", "create", "--type", "heard", "--endpoint", socket["id"])
    assert event_filter["endpoints"][0]["id"] == socket["id"]

    with tool.start("listen", socket["id"], "--count", "1") as listening:
        deadline = time.monotonic() + PATIENCE
        while tool("connections", "list", socket["id"]) == [[]] and time.monotonic() < deadline:
            time.sleep(0.1)  # nothing is kept for an endpoint that nobody has ever connected to
        tool("publish", "--type", "heard", "--data", '{"number": 1}')
        output, _ = listening.communicate(timeout=PATIENCE)
    first = [json.loads(line) for line in output.splitlines()]
    tool("publish", "--type", "heard", "--data", '{"number": 2}')
    tool("publish", "--type", "unheard")
    second = tool("listen", socket["id"], "--count", "1", "--after", str(first[0]["sequence"]))

    assert [event["data"]["number"] for event in first + second] == [1, 2]
    assert second[0]["sequence"] == first[0]["sequence"] + 1
