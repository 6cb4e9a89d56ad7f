"""From a publish to its receipt on the local stack, over HTTP and sockets, beside the barest chain of queues and functions.

The bare chain runs in the same local AWS in the same moments: a message to a queue, a function that passes it to a second
queue, a function that posts it to the same receiver. What it takes is the local AWS's, not ours.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import shutil
import threading
import time
import urllib.parse
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import websockets.sync.client

from benchmarks.report.page import Goal, Section, Table, percentile
from benchmarks.report.plots import distributions
from benchmarks.speed import load_scenarios
from event_service.base.identifiers import new_id
from local.processes import free_port
from local.stack import REGION, LocalStack, StackFile, client_settings_of
from local.tools import LOCAL, runtime

PATIENCE_SECONDS = 40
"""More than the 29 s after which API Gateway gives up."""
P99_GOAL = 250
RATIO_GOAL = 2.5
TEXT = "A person entered the region of interest. " * 17
BARE = """
import json, os, urllib.request
import boto3
sqs = boto3.client("sqs")
def forward(event, context):
    for record in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["NEXT"], MessageBody=record["body"])
def post(event, context):
    for record in event["Records"]:
        body = record["body"].encode()
        request = urllib.request.Request(json.loads(body)["url"], body, {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=15).read()
"""


@dataclass
class Receipts:
    """When which event arrived, by its id; what came more than once counts as often."""

    url: str = ""
    at: dict[str, float] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def note(self, event_id: str) -> None:
        """Called by whoever received it."""
        now = time.perf_counter()
        with self.arrived:
            self.at.setdefault(event_id, now)
            self.times[event_id] += 1
            self.arrived.notify_all()

    def wait(self, event_id: str) -> float:
        """When it arrived."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: event_id in self.at, PATIENCE_SECONDS):
                raise RuntimeError(f"event {event_id} did not arrive within {PATIENCE_SECONDS} s")
            return self.at[event_id]


@contextmanager
def _receiver() -> Iterator[Receipts]:
    receipts = Receipts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receipts.note(json.loads(body)["id"])
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receipts.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receipts
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Publisher:
    """A user with a token and a connection that is kept open."""

    def __init__(self, stack: StackFile, token: str) -> None:
        parts = urllib.parse.urlsplit(stack.graphqlUrl)
        self._host, self._path, self._token = parts.netloc, parts.path, token
        self._local = threading.local()

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_SECONDS)
        body = json.dumps({"query": query, "variables": variables})
        self._local.connection.request("POST", self._path, body, {"Token": self._token, "content-type": "application/json"})
        try:
            answer = json.loads(self._local.connection.getresponse().read())
        except TimeoutError:
            self._local.connection.close()  # the late answer must not be taken for the next one's
            del self._local.connection
            raise
        if "errors" in answer:
            raise RuntimeError(f"the local stack refuses: {answer['errors']}")
        return answer["data"]

    def publish(self, *ids: str) -> None:
        """Events of 1 KB with these ids."""
        events = [{"id": one, "type": "measured", "data": {"text": TEXT}} for one in ids]
        self.ask("mutation($e: [EventInput!]!) {publishEvents(events: $e) {ok}}", e=events)


def run(quick: bool = False) -> Section:
    """Measures; ``quick`` publishes 30 events of each kind in place of 100, and leaves sustained load out."""
    directory = LOCAL / "bench-stack"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        with _receiver() as receipts, LocalStack(directory, free_port(), say=lambda text: print(f"  {text}", flush=True)) as stack:
            stack.start()
            quiet = _quiet(stack, receipts, 30 if quick else 100)
            load = None if quick else asyncio.run(load_scenarios.measure(stack))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return _section(quiet, load)


def _quiet(stack: LocalStack, receipts: Receipts, number: int) -> dict[str, list[float]]:
    """Milliseconds from before the publish to the receipt, one event at a time, the three ways in turn."""
    hooks, sockets = (_Publisher(stack.ready, stack.new_token().token) for _ in range(2))
    hooks.ask('mutation($u: String!) {createWebhookEndpoint(name: "w", url: $u) {id}}', u=receipts.url)
    token = stack.new_token()
    sockets = _Publisher(stack.ready, token.token)
    endpoint = sockets.ask('mutation {createWebSocketEndpoint(name: "s") {id}}')["createWebSocketEndpoint"]["id"]
    bare = _bare_chain(stack, receipts.url)
    url = f"{stack.ready.webSocketUrl}?endpoint_id={endpoint}&token={token.token}"
    with websockets.sync.client.connect(url) as client:
        threading.Thread(target=_read_frames, args=(client, receipts), daemon=True).start()
        ways: dict[str, Callable[[str], None]] = {"webhook": hooks.publish, "socket": sockets.publish, "bare chain to a webhook": bare}
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for done in range(-5, number):  # the first five warm everything
            if done % 50 == 0:
                print(f"  event {done} of {number}, each of {len(ways)} ways", flush=True)
            for name, publish in ways.items():
                event_id = new_id()
                start = time.perf_counter()
                publish(event_id)
                milliseconds = (receipts.wait(event_id) - start) * 1_000
                if done >= 0:
                    taken[name].append(milliseconds)
    return taken


def _read_frames(client: Any, receipts: Receipts) -> None:
    for text in client:  # ends when the connection is closed
        frame = json.loads(text)
        if "sequence" in frame:
            receipts.note(frame["id"])


def _bare_chain(stack: LocalStack, url: str) -> Callable[[str], None]:
    settings = client_settings_of(REGION, stack.ready.awsEndpointUrl)
    sqs, lambda_ = boto3.client("sqs", **settings), boto3.client("lambda", **settings)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bare.py", BARE)
    queues = {}
    for name in ("bare-1", "bare-2"):
        answered = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=answered, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        queues[name] = (answered, arn)
    variables = {"NEXT": queues["bare-2"][0], "AWS_ENDPOINT_URL": stack.ready.awsEndpointUrl}
    for queue, handler in (("bare-1", "forward"), ("bare-2", "post")):
        lambda_.create_function(
            FunctionName=queue,
            Runtime=runtime(),  # type: ignore[arg-type]  # typed as a list of literals
            Role="arn:aws:iam::000000000000:role/bare",
            Handler=f"bare.{handler}",
            Code={"ZipFile": archive.getvalue()},
            Timeout=30,
            Environment={"Variables": variables},
        )
        lambda_.create_event_source_mapping(EventSourceArn=queues[queue][1], FunctionName=queue, BatchSize=10)

    def publish(event_id: str) -> None:
        sqs.send_message(QueueUrl=queues["bare-1"][0], MessageBody=json.dumps({"id": event_id, "url": url, "text": TEXT}))

    return publish


def _section(quiet: dict[str, list[float]], load: load_scenarios.Load | None) -> Section:
    p99 = percentile(quiet["webhook"], 99)
    times = percentile(quiet["webhook"], 50) / percentile(quiet["bare chain to a webhook"], 50)
    tail = p99 / percentile(quiet["bare chain to a webhook"], 99)
    tables = [
        Table(
            "One event at a time, warm, milliseconds from before the publish to the receipt",
            ["way", "events", "p50", "p95", "p99", "most"],
            [[name, len(values), *(percentile(values, share) for share in (50, 95, 99)), max(values)] for name, values in quiet.items()],
        )
    ]
    goals = [
        Goal("publish to receipt, local stack, warm, one webhook: p99", f"{p99:.0f} ms", f"≤ {P99_GOAL} ms", p99 <= P99_GOAL),
        Goal("the same against the bare chain", f"p50 {times:.2f}, p99 {tail:.2f}", f"≤ {RATIO_GOAL}", max(times, tail) <= RATIO_GOAL),
    ]
    if load:
        more, further = load_scenarios.tables_and_goals(load)
        tables += more
        goals += further
    return Section(
        title="End to end on the local stack",
        notes=[
            "All three ways wait for the local AWS to look at its queues, which is most of what is measured here: that ours can be faster "
            "than the bare chain shows how much. They say nothing about AWS itself.",
            "The whole template on MiniStack on this machine, which also runs publisher, receiver and all functions. Where more is "
            "published than it can carry, publishes wait for their answer.",
        ],
        tables=tables,
        goals=goals,
        plots=[distributions("end-to-end.svg", "Publish to receipt, one event at a time", quiet, "ms")],
    )
