"""CPU and AWS calls that one webhook delivery costs, from the queue message to the record in the log.

The whole worker runs as in Lambda: handler, reading, signing, aiohttp, log. The receiver and a stub that answers as DynamoDB
does are processes of their own on the other core, so that what is measured is the process CPU of the worker alone, the calls
to AWS included (serialising, signing, HTTP).

    python -m benchmarks.webhook_delivery
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from typing import Any

from benchmarks.http_clients import _serve as serve_receiver

TARGET_MICROSECONDS = {100: 330, 10: 600}
TARGET_CALLS_A_DELIVERY = 0.8
"""For the whole way at fan-out 10 and batches of 10. This function's own share is what is printed here."""
ENDPOINTS = 10
WORKSPACE = "11111111-1111-4111-8111-111111111111"
IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(ENDPOINTS)]
SECRET = "whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
DATE = "2026-03-01T12:00:00.000000+00:00"


class _Stub(asyncio.Protocol):
    """Answers BatchGetItem with the rows of the endpoints, and every write with success."""

    receiver_port = 0

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0) if separator else 0
        if not separator or len(body) < length:
            return
        self._received = b""
        answer = self._answer(json.loads(body)) if b"BatchGetItem" in head else b'{"UnprocessedItems":{}}'
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-requestid: r\r\ncontent-length: %d\r\n\r\n%s"
            % (len(answer), answer)
        )

    def _answer(self, request: dict[str, Any]) -> bytes:
        responses: dict[str, list[dict[str, Any]]] = {table: [] for table in request["RequestItems"]}
        for key in request["RequestItems"].get("endpoints", {}).get("Keys", []):
            item: dict[str, Any] = dict(key)
            if key["id"]["S"].endswith("#secret"):
                item |= {"secret": {"S": SECRET}, "previous": {"S": "[]"}}
            else:
                url = f"http://127.0.0.1:{self.receiver_port}/hook"
                texts = {
                    "type": "WEB_HOOK",
                    "name": "n",
                    "url": url,
                    "method": "POST",
                    "status": "ENABLED",
                    "created": DATE,
                    "modified": DATE,
                }
                item |= {name: {"S": value} for name, value in texts.items()} | {"version": {"N": "1"}}
            responses["endpoints"].append(item)
        return json.dumps({"Responses": responses, "UnprocessedKeys": {}}).encode()


def _serve_stub(port: Queue[int], receiver_port: int) -> None:
    _Stub.receiver_port = receiver_port

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Stub, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def _worker(stub_port: int) -> tuple[Callable[[dict[str, Any], Any], dict[str, Any]], Counter[str]]:
    """The handler of the function over the stub, and the calls it makes."""
    from event_service import wiring
    from functions.webhook_delivery.handler import lambda_handler

    calls: Counter[str] = Counter()
    database = wiring.database()
    plain = database._call  # noqa: SLF001 - counts what leaves

    def counted(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        calls[operation] += 1
        return plain(operation, arguments)

    database._call = counted  # type: ignore[method-assign]  # noqa: SLF001
    del stub_port
    return lambda_handler, calls


class _Context:
    aws_request_id = "measured"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


def _batch(size: int, first: int) -> dict[str, Any]:
    accepted = datetime.now(UTC).isoformat(timespec="microseconds")
    records = []
    for number in range(first, first + size):
        event_id = f"22222222-2222-4222-8222-{number:012d}"
        head = {
            "v": 1,
            "workspaceId": WORKSPACE,
            "endpointId": IDS[number % ENDPOINTS],
            "eventId": event_id,
            "attempt": 1,
            "hop": 0,
            "acceptedAt": accepted,
            "traceparent": None,
        }
        body = json.dumps({"id": event_id, "type": "measured", "data": {"text": "x" * 850}}, separators=(",", ":"))
        records.append({"messageId": str(number), "body": f"{json.dumps(head)}\n{body}", "attributes": {"ApproximateReceiveCount": "1"}})
    return {"Records": records}


def measure(size: int, deliveries: int, handler: Callable[[dict[str, Any], Any], dict[str, Any]]) -> float:
    """Microseconds of process CPU for a delivery in batches of ``size``: the median over the batches."""
    costs = []
    for first in range(0, deliveries, size):
        event = _batch(size, first)
        before = time.process_time()
        answer = handler(event, _Context())
        costs.append((time.process_time() - before) / size)
        assert answer == {"batchItemFailures": []}
    return statistics.median(costs) * 1e6


def run(quick: bool = False) -> dict[str, Any]:
    """What `make bench` writes down, measured in a process of its own: the function's settings are its environment's."""
    command = [sys.executable, "-m", "benchmarks.webhook_delivery", "--json", "--deliveries", "2000" if quick else "6000"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if not answer.stdout:
        raise RuntimeError(f"webhook delivery was not measured:\n{answer.stderr}")
    measured: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return measured


def main() -> int:
    """Prints the numbers; the exit status says whether they are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=6_000)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    port: Queue[int] = context.Queue()
    os.sched_setaffinity(0, cores[1:] or cores)  # what is started now runs there
    receiver = context.Process(target=serve_receiver, args=(port,), daemon=True)
    receiver.start()
    receiver_port = port.get(timeout=30)
    stub = context.Process(target=_serve_stub, args=(port, receiver_port), daemon=True)
    stub.start()
    stub_port = port.get(timeout=30)
    os.sched_setaffinity(0, cores[:1])
    os.environ.update(
        {
            **{f"{name}_TABLE": name.lower() for name in ("ENDPOINTS", "DELIVERIES", "DUE", "EVENTS", "EVENT_INDEX")},
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{stub_port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "WEBHOOK_QUEUE_URL": f"http://127.0.0.1:{stub_port}/q",
            "ALLOW_HTTP": "true",
            "ALLOWED_NETWORKS": "127.0.0.0/8",
            "POWERTOOLS_SERVICE_NAME": "webhook_delivery",
            "POWERTOOLS_METRICS_NAMESPACE": "EventService",
            "POWERTOOLS_LOG_LEVEL": "ERROR",
        }
    )
    failed = False
    try:
        handler, calls = _worker(stub_port)
        output, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: PTH123, SIM115 - the summary lines of the function
        rows = []
        for size, target in TARGET_MICROSECONDS.items():
            measure(size, 20 * size, handler)
            calls.clear()
            cost = measure(size, options.deliveries, handler)
            rows.append((size, cost, target, sum(calls.values()) / options.deliveries))
        sys.stdout = output
        print("batch of   CPU a delivery     target   deliveries a second and core   DynamoDB calls a delivery")
        for size, cost, target, share in rows:
            failed = failed or cost > target
            print(f"{size:8}   {cost:11.0f} µs   {target:5} µs   {1e6 / cost:28.0f}   {share:25.2f}")
        if options.json:
            keys = ("batch", "microseconds", "goal", "dynamodb calls a delivery")
            print(json.dumps({"batches": [dict(zip(keys, row, strict=True)) for row in rows]}))
    finally:
        receiver.terminate()
        stub.terminate()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
