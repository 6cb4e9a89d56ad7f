"""AWS answered at once on this machine: what a function's first request needs, and nothing that costs time.

Items are kept by key, so that what was written can be read by id; queries find nothing, messages go nowhere. It judges
nothing: conditions always hold. A webhook to ``/hook`` is answered as well.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.metering import TableShape
from tests.template_file import resources


class StubAws:
    """The state of one stub. ``url`` is where it listens."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[str] = []
        self.hooks = 0
        self._tables = {name: TableShape.of_template(one["Properties"]) for name, one in resources("AWS::DynamoDB::Table").items()}
        self._items: dict[tuple[str, tuple[str, ...]], Mapping[str, Any]] = {}

    def answer(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one AWS call."""
        self.calls.append(operation)
        method = getattr(self, f"_{operation}", None)
        return method(body) if method else {}

    def _put(self, table: str, item: Mapping[str, Any]) -> None:
        self._items[table, self._tables[table].key_of(item)] = item

    def _get(self, table: str, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self._items.get((table, self._tables[table].key_of(key)))

    def _PutItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 - names of operations
        self._put(body["TableName"], body["Item"])
        return {}

    def _UpdateItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        names, values = body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues", {})
        item = dict(self._get(body["TableName"], body["Key"]) or body["Key"])
        # Assignments, sums and removals are all that first requests do: "SET #0 = :0, #1 = :1 ADD #2 :2 REMOVE #3".
        sections = re.split(r"\s*\b(SET|ADD|REMOVE)\b\s*", body["UpdateExpression"])[1:]
        for what, changes in zip(sections[::2], sections[1::2], strict=True):
            for name, value in re.findall(r"(#\w+)(?: =)?(?: (:\w+))?", changes):
                attribute = names[name]
                if what == "SET":
                    item[attribute] = values[value]
                elif what == "ADD":
                    item[attribute] = {"N": str(int(item.get(attribute, {"N": "0"})["N"]) + int(values[value]["N"]))}
                else:
                    item.pop(attribute, None)
        self._put(body["TableName"], item)
        return {"Attributes": item} if body.get("ReturnValues") == "ALL_NEW" else {}

    def _GetItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        item = self._get(body["TableName"], body["Key"])
        return {} if item is None else {"Item": item}

    def _Query(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        del body
        return {"Items": [], "Count": 0, "ScannedCount": 0}

    def _BatchGetItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = {table: [self._get(table, key) for key in asked["Keys"]] for table, asked in body["RequestItems"].items()}
        return {"Responses": {table: [one for one in items if one] for table, items in found.items()}, "UnprocessedKeys": {}}

    def _BatchWriteItem(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        for table, requests in body["RequestItems"].items():
            for request in requests:
                if "PutRequest" in request:
                    self._put(table, request["PutRequest"]["Item"])
        return {"UnprocessedItems": {}}

    def _TransactWriteItems(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        for action in body["TransactItems"]:
            if "Put" in action:
                self._put(action["Put"]["TableName"], action["Put"]["Item"])
        return {}

    def _SendMessage(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        del body
        return {"MessageId": "00000000-0000-4000-8000-000000000000"}

    def _SendMessageBatch(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Successful": [{"Id": one["Id"], "MessageId": one["Id"]} for one in body["Entries"]], "Failed": []}


@contextmanager
def stub_aws() -> Iterator[StubAws]:
    """Serves a stub on a free port of this machine while the block runs."""
    state = StubAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            target = self.headers.get("x-amz-target")
            if target is None:
                state.hooks += 1
                answer = b"ok"
            else:
                answer = json.dumps(state.answer(target.rpartition(".")[2], json.loads(body))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment_of_functions(url: str, **changes: str) -> dict[str, str]:
    """What all functions together find in their environment, with AWS and queues at ``url`` and tables by their logical ids. The names
    of tables and queues are the template's, so that one that is added there is not missing here.

    Args:
        url: of a stub.
        changes: other values, by name.
    """
    environment = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": "/dev/null",
        "POWERTOOLS_METRICS_NAMESPACE": "EventService",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
        "ALLOW_HTTP": "true",
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "GRAPHQL_IDE": "false",
        "GRAPHQL_INTROSPECTION": "false",
        "WEB_SOCKET_AUTH": "token",
        "EVENT_RETENTION_DAYS": "14",
        "WEB_SOCKET_MANAGEMENT_URL": url,
        "WEBHOOK_FUNCTION": "webhook-delivery",
    }
    for function in resources("AWS::Serverless::Function").values():
        for name, value in function["Properties"].get("Environment", {}).get("Variables", {}).items():
            if name.endswith("_TABLE"):
                environment[name] = value["Ref"]
            elif name.endswith("_QUEUE_URL"):
                environment[name] = f"{url}/123456789012/{value['Ref']}"
    return environment | changes
