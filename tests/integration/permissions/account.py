"""An AWS account in memory with the tables and queues of ``template.yaml``, in which the functions run as they are wired.

Each has exactly the environment that the template gives it. Between two functions everything built is forgotten, since
in Lambda they share no process.
"""

from __future__ import annotations

import http.server
import importlib
import json
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.sqs.models import sqs_backends

from event_service import wiring
from event_service.aws.dynamodb import Database, connect
from event_service.routing import replay
from event_service.settings import Settings, get_settings
from event_service.webhooks import turn
from functions.webhook_delivery import handler as webhook_handler
from tests.builders import SettableClock
from tests.integration.conftest import REGION
from tests.integration.permissions.recording import Recorder
from tests.integration.permissions.roles import FUNCTIONS, Permission
from tests.support.aws_in_memory import empty_tables
from tests.template_file import resources, template
from tests.unit.graphql_api import door

ACCOUNT = "123456789012"
"""moto's."""
WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
PARAMETERS = {"AllowHttp": "true", "AllowedNetworks": "127.0.0.0/8", "EventBusWorkspaceId": WORKSPACE, "WebhookTimeoutSeconds": "5"}
"""Where they are not the defaults."""


class Context:
    """What Lambda tells a handler of its invocation."""

    aws_request_id = "8f6b1c1e-0000-4000-8000-00000000c0de"
    function_name = "function"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"

    def __init__(self, seconds_left: int) -> None:
        self._seconds_left = seconds_left

    def get_remaining_time_in_millis(self) -> int:
        return self._seconds_left * 1000


class InTheForeground:
    """Runs at once what otherwise runs beside an invocation."""

    def submit(self, call: Callable[[], None]) -> None:
        call()


class Account:
    """The functions, their tables and queues, one webhook receiver, and API Gateway's side of sockets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorder = Recorder()
        # The owner of a lane waits and looks at the time.
        self.clock = SettableClock(step_seconds=0.001, runs=True)
        self.status = 200
        """What the receiver answers."""
        self.gateway_status = 200
        """What API Gateway answers to a post."""
        self.seconds_left = 25
        """Until Lambda would stop an invocation."""
        self.received: list[str] = []
        self.url = ""
        self.nobody_s_url = ""
        """Where connections are refused."""
        self._monkeypatch = monkeypatch
        self._process: str | None = None
        self._graphql: Any = None
        self.tables = empty_tables()
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.queues: dict[str, str] = {}
        for name, queue in resources("AWS::SQS::Queue").items():
            fifo = bool(queue["Properties"].get("FifoQueue"))
            made = self.sqs.create_queue(QueueName=f"{name}.fifo" if fifo else name, Attributes={"FifoQueue": "true"} if fifo else {})
            self.queues[name] = made["QueueUrl"]
        settings = Settings(self.tables)
        self.database = Database(connect(REGION, None), lambda logical: str(getattr(settings, f"{logical}_table")))
        """For what the test itself does; nothing of it is noted."""
        monkeypatch.setattr(wiring, "clock", self.clock)
        monkeypatch.setattr(wiring, "background", InTheForeground)
        # What the functions wait for in real time though nobody here does anything meanwhile: they make the same calls before and after.
        monkeypatch.setattr(replay, "LAG_SECONDS", 0.1)
        monkeypatch.setattr(turn, "LINGER_SECONDS", 0.1)
        monkeypatch.setattr(turn, "POLL_SECONDS", 0.05)
        self.variables_read: dict[str, set[str]] = {function: set() for function in FUNCTIONS}
        self._note_variables()

    def _note_variables(self) -> None:
        read = Settings._text

        def noted(settings: Settings, name: str, default: str | None = None) -> str:
            if self.recorder.running is not None:
                self.variables_read[self.recorder.running].add(name)
            return read(settings, name, default)

        self._monkeypatch.setattr(Settings, "_text", noted)

    # -- running functions -----------------------------------------------------------------------------------------

    def environment(self, function: str) -> dict[str, str]:
        """What the template gives the function."""
        variables = FUNCTIONS[function]["Properties"]["Environment"]["Variables"]
        return {name: self._value(value) for name, value in variables.items()}

    def _value(self, written: Any) -> str:
        match written:
            case str():
                return written
            case {"Ref": name} if name in self.queues:
                return self.queues[name]
            case {"Ref": name} if name in template()["Parameters"]:
                return str(PARAMETERS.get(name, template()["Parameters"][name]["Default"]))
            case {"Ref": name} if name in resources("AWS::DynamoDB::Table"):
                return str(name)
            case {"Ref": name} if name.endswith(".Alias"):
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name.removesuffix('.Alias')}:live"
            case {"Fn::Join": [_, parameter]}:
                return self._value(parameter)
            case {"Fn::If": ["IsLocal", {"Fn::Sub": text}, _]} if "/live" in text:
                return f"{self.url}/live"
        raise AssertionError(f"a variable has a value that this test does not know: {written}")

    def run(self, function: str, event: dict[str, Any]) -> Any:
        """One invocation, warm if the one before was of the same function."""
        if self._process != function:
            self._begin(function)
        self.recorder.running = function
        try:
            return self._handler(function)(event, Context(self.seconds_left))
        finally:
            self.recorder.running = None

    def _begin(self, function: str) -> None:
        self.end()
        self._process = function
        for other in FUNCTIONS:
            for name in self.environment(other):
                self._monkeypatch.delenv(name, raising=False)
        for name, value in self.environment(function).items():
            self._monkeypatch.setenv(name, value)

    def _handler(self, function: str) -> Any:
        if function == "GraphqlApiFunction":
            # as its module does when it is loaded
            self._graphql = self._graphql or door.handler(wiring, get_settings())
            return self._graphql
        module, _, name = FUNCTIONS[function]["Properties"]["Handler"].rpartition(".")
        return getattr(importlib.import_module(module), name)

    def end(self) -> None:
        """The process ends: what it had built is gone."""
        if wiring.webhook_side.cache_info().currsize:
            webhook_handler._loop.run_until_complete(wiring.webhook_sender().aclose())
        self._process = self._graphql = None
        get_settings.cache_clear()
        for factory in vars(wiring).values():
            if hasattr(factory, "cache_clear"):
                factory.cache_clear()

    def before(self, operation: str, what: Callable[[], None]) -> None:
        """Lets something happen just before the next call of an operation by a function."""
        self.recorder.interruptions[operation] = what

    # -- queues ----------------------------------------------------------------------------------------------------

    def take(self, queue: str) -> list[dict[str, Any]]:
        """All messages of a queue as Lambda's poller hands them over. They are gone then, and no delay is waited for."""
        held = sqs_backends[ACCOUNT][REGION].queues[self.queues[queue].rpartition("/")[2]]._messages
        taken = [
            {"messageId": one.id, "receiptHandle": one.id, "body": one.body, "attributes": {"ApproximateReceiveCount": "1"}} for one in held
        ]
        held.clear()
        return taken

    def work_off(self, function: str, records: list[dict[str, Any]]) -> None:
        """Hands records to a function, and those that it could not do once more."""
        for first in range(0, len(records), 10):
            batch = records[first : first + 10]
            answer = self.run(function, {"Records": batch})
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            again = [record | {"attributes": {"ApproximateReceiveCount": "2"}} for record in batch if record["messageId"] in failed]
            if again:
                assert self.run(function, {"Records": again}) == {"batchItemFailures": []}

    def route(self) -> None:
        """Everything that was published, on its way to its endpoints."""
        self.work_off("EventRouterFunction", self.take("RoutingQueue"))

    def deliver(self) -> None:
        """Everything that is in the webhook queue, then every look at a lane."""
        self.work_off("WebhookDeliveryFunction", self.take("WebhookQueue"))
        self.work_off("WebhookDeliveryFunction", self.take("OwnLaneQueue"))

    def wake(self) -> None:
        """Every wake-up of sockets, and the turns of their own that follow."""
        for queue in ("SocketBacklogQueue", "SocketQueue", "SocketBacklogQueue"):
            self.work_off("SocketDeliveryFunction", self.take(queue))

    def tick(self) -> None:
        """The scheduler's minute."""
        self.run("RetrySchedulerFunction", {"id": str(uuid.uuid4()), "detail-type": "Scheduled Event"})

    # -- the other side --------------------------------------------------------------------------------------------

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A server that is both: the receiver of webhooks, and the management API of sockets."""
        account = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                posted = re.match(r"/(\w+)/@connections/", self.path)
                if posted:
                    resource = f"WebSocketApi/{posted[1]}/{self.command}/@connections/*"
                    account.recorder.note(Permission("execute-api:ManageConnections", resource))
                else:
                    account.received.append(body)
                self.send_response(account.gateway_status if posted else account.status)
                self.send_header("content-length", "0")
                self.end_headers()

            do_POST = do_DELETE = answer  # noqa: N815 - the base class finds its methods by these names

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.nobody_s_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            try:
                yield
            finally:
                server.shutdown()
                server.server_close()

    @staticmethod
    def answer_invoke(payload: dict[str, Any]) -> dict[str, Any]:
        """What the webhook function answers to a test of an endpoint; its own side of that is run by itself."""
        assert set(payload["test"]) == {"workspaceId", "endpointId"}
        date = "2026-03-01T12:00:00.000000+00:00"
        return {"date": date, "durationMs": 1, "statusCode": 200, "failure": None, "explanation": None, "responseBody": ""}


def body_of(answer: dict[str, Any]) -> Any:
    """The JSON that the HTTP API sends."""
    return json.loads(answer["body"])
