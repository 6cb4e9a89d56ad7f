"""What one webhook delivery costs, from the queue message to the record in the log, and how fast the function delivers.

The whole worker runs as in Lambda: handler, reading, signing, aiohttp, log. The receivers (which answer after 0, 20 and 200
ms) and a stub that answers as DynamoDB does are processes of their own on the other core, so that what is measured is the
process CPU of the worker alone, the calls to AWS included (serialising, signing, HTTP).

Beside it, in turn in the same process, bare aiohttp sends the same messages unsigned: it tells how fast the machine is at this
moment. How other HTTP clients compare was measured once; docs/decisions keeps the numbers.

    python -m benchmarks.speed.webhook_delivery
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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from multiprocessing.queues import Queue
from typing import Any

from benchmarks.report.page import Goal, Section, Table, ratio
from benchmarks.speed.http_answerer import BODY, Answerer
from benchmarks.speed.stub_aws import environment_of_functions
from event_service.base.dates import format_date
from event_service.configuration.storage.items import endpoint_item
from event_service.delivery.messages import WebhookMessage
from tests.builders import a_webhook

TARGET_MICROSECONDS = {100: 330, 10: 600}
BARE_AIOHTTP_MICROSECONDS = 140
"""On the machine for which the targets were set."""
DELAYS_MS = (0, 20, 200)
BATCHES = (1, 10, 100)
REPEATS = {0: {1: 40, 10: 10, 100: 1}, 20: {1: 5, 10: 3, 100: 1}, 200: {1: 1, 10: 1, 100: 1}}
"""Of a batch in one round, by delay and size."""
ENDPOINTS = 10
"""For each delay."""
WORKSPACE = "11111111-1111-4111-8111-111111111111"
SECRET = "whsec_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
OURS, BARE = "event-service", "bare aiohttp"


def _endpoint_id(delay: int, number: int) -> str:
    return f"00000000-0000-4000-8000-{DELAYS_MS.index(delay):06d}{number % ENDPOINTS:06d}"


def _serve_receivers(ports: Queue[list[int]]) -> None:
    """One for each delay; a delay of 20 ms is that of the network and the receiver together."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(lambda seconds=delay / 1_000: Answerer(seconds), "127.0.0.1", 0)  # type: ignore[misc]
            for delay in DELAYS_MS
        ]
        ports.put([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    asyncio.run(serve())


class _Stub(Answerer):
    """Answers BatchGetItem with the rows of the endpoints, and every write with success."""

    receiver_ports: tuple[int, ...] = ()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """As DynamoDB does."""
        answer = self._rows(json.loads(body)) if b"BatchGetItem" in head else b'{"UnprocessedItems":{}}'
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nx-amzn-requestid: r\r\ncontent-length: %d\r\n\r\n%s" % (
            len(answer),
            answer,
        )

    def _rows(self, request: dict[str, Any]) -> bytes:
        asked = request["RequestItems"]
        responses = {
            "EndpointsByIdTable": [self._endpoint(key["id"]["S"]) for key in asked["EndpointsByIdTable"]["Keys"]],
            "SecretsTable": [
                dict(key) | {"workspaceId": {"S": WORKSPACE}, "secret": {"S": SECRET}, "previous": {"S": "[]"}}
                for key in asked["SecretsTable"]["Keys"]
            ],
        }
        if not set(asked) <= {*responses, "DeliveriesTable"}:
            raise ValueError(f"a batch reads {sorted(asked)}; this stub knows {sorted(responses)}")
        return json.dumps({"Responses": responses, "UnprocessedKeys": {}}).encode()

    def _endpoint(self, endpoint_id: str) -> dict[str, Any]:
        port = self.receiver_ports[int(endpoint_id[-12:-6])]
        return endpoint_item(a_webhook(id=endpoint_id, workspace_id=WORKSPACE, url=f"http://127.0.0.1:{port}/hook"), 1)


def _serve_stub(port: Queue[int], receiver_ports: list[int]) -> None:
    _Stub.receiver_ports = tuple(receiver_ports)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Stub, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


# -- who is measured -------------------------------------------------------------------------------------------------

Prepare = Callable[[int, int], Callable[[], object]]
"""Makes a batch of so many messages to receivers with this delay in milliseconds; what it returns delivers them, all at a time. Only
that is measured: making a batch of 100 takes a fifth as long, and is no part of a delivery."""


def _ours(calls: Counter[str]) -> Prepare:
    """The handler of the function over the stub; notes the calls it makes."""
    from event_service import wiring
    from functions.webhook_delivery.handler import lambda_handler

    def counted(call: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Any:
        def counting(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            calls[operation] += 1
            return call(operation, arguments)

        return counting

    # What leaves by the SDK, and what leaves without it.
    database = wiring.database()
    for name in ("_call", "_call_plain"):
        setattr(database, name, counted(getattr(database, name)))

    def deliver(batch: dict[str, Any]) -> None:
        assert lambda_handler(batch, _Context()) == {"batchItemFailures": []}

    return lambda size, delay: partial(deliver, _batch(size, delay))


def _url(ports: list[int], delay: int) -> str:
    return f"http://127.0.0.1:{ports[DELAYS_MS.index(delay)]}/hook"


def _bare_aiohttp(ports: list[int], loop: asyncio.AbstractEventLoop) -> Prepare:
    import aiohttp

    sessions: list[aiohttp.ClientSession] = []
    headers = {"content-type": "application/json", "user-agent": "event-service"}

    async def post(url: str) -> int:
        async with sessions[0].post(url, data=BODY, headers=headers) as response:
            await response.read()
            return response.status

    async def all_of(size: int, delay: int) -> None:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        assert set(await asyncio.gather(*(post(_url(ports, delay)) for _ in range(size)))) == {200}

    return lambda size, delay: lambda: loop.run_until_complete(all_of(size, delay))


class _Context:
    aws_request_id = "measured"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


def _batch(size: int, delay: int) -> dict[str, Any]:
    accepted = format_date(datetime.now(UTC))
    records = []
    for number in range(size):
        event_id = f"22222222-2222-4222-8222-{number:012d}"
        body = json.dumps({"id": event_id, "type": "measured", "data": {"text": "x" * 850}}, separators=(",", ":"))
        message = WebhookMessage.first(WORKSPACE, _endpoint_id(delay, number), event_id, accepted, None, body)
        attributes = {"ApproximateReceiveCount": "1"}
        records.append({"messageId": f"{number}", "receiptHandle": f"{number}", "body": message.text(), "attributes": attributes})
    return {"Records": records}


# -- measuring -------------------------------------------------------------------------------------------------------


@dataclass
class _Taken:
    """Seconds for one delivery, round by round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def _measure(contenders: dict[str, Prepare], rounds: int) -> dict[tuple[str, int, int], _Taken]:
    taken: dict[tuple[str, int, int], _Taken] = {}
    for number in range(rounds + 1):
        for delay in DELAYS_MS:
            for size in BATCHES:
                for name, prepare in contenders.items():
                    if name == BARE and delay:
                        continue
                    repeats = REPEATS[delay][size]
                    batches = [prepare(size, delay) for _ in range(repeats)]
                    cpu, wall = time.process_time(), time.perf_counter()
                    for deliver in batches:
                        deliver()
                    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                    if number:  # the first round opens connections
                        one = taken.setdefault((name, delay, size), _Taken())
                        one.cpu.append(cpu / (repeats * size))
                        one.wall.append(wall / (repeats * size))
    return taken


def _rows(taken: dict[tuple[str, int, int], _Taken]) -> list[dict[str, Any]]:
    """By contender, delay and size: medians, and what others take compared with us, round by round."""
    rows = []
    for (name, delay, size), one in taken.items():
        ours = taken[OURS, delay, size]
        rows.append(
            {
                "who": name,
                "delay_ms": delay,
                "batch": size,
                "cpu_us": statistics.median(one.cpu) * 1e6,
                "deliveries_a_second": 1 / statistics.median(one.wall),
                "cpu_ratio": ratio(one.cpu, ours.cpu),
                "ours_to_it": ratio(ours.cpu, one.cpu),
            }
        )
    return rows


def _section(rows: list[dict[str, Any]], calls: dict[str, float]) -> Section:
    def of(name: str, delay: int, size: int) -> dict[str, Any]:
        return next(one for one in rows if (one["who"], one["delay_ms"], one["batch"]) == (name, delay, size))

    goals = []
    for size, target in TARGET_MICROSECONDS.items():
        here, bare = of(OURS, 0, size), of(BARE, 0, size)
        goals.append(Goal(f"CPU of a delivery, {size} a batch", f"{here['cpu_us']:.0f} µs", f"≤ {target} µs", here["cpu_us"] <= target))
        limit = target / BARE_AIOHTTP_MICROSECONDS
        middle, text = bare["ours_to_it"]
        goals.append(
            Goal(
                f"the same against bare aiohttp in the same run ({target} µs where that takes {BARE_AIOHTTP_MICROSECONDS})",
                text,
                f"≤ {limit:.2f}",
                middle <= limit,
            )
        )
    columns = ["who", "receiver ms", "batch", "CPU µs", "deliveries a second", "CPU to ours"]
    cells = [
        [
            *(one[key] for key in ("who", "delay_ms", "batch", "cpu_us", "deliveries_a_second")),
            "-" if one["who"] == OURS else one["cpu_ratio"][1],
        ]
        for one in rows
    ]
    return Section(
        title="Webhook delivery",
        notes=[
            "Process CPU and rate of the whole worker: handler, reads, signing, HTTP, log; AWS and the receivers answer from the other core. "
            "Bare aiohttp sends the same bodies, unsigned and unlogged: it tells how fast the machine is at this moment."
        ],
        tables=[
            Table("One delivery", columns, cells),
            Table("DynamoDB calls a delivery", ["batch", "calls"], [[int(size), share] for size, share in calls.items()]),
        ],
        goals=goals,
    )


def run(quick: bool = False) -> Section:
    """What `make bench` writes down, measured in a process of its own: the function's settings are its environment's."""
    command = [sys.executable, "-m", "benchmarks.speed.webhook_delivery", "--json", "--rounds", "2" if quick else "7"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if not answer.stdout:
        raise RuntimeError(f"webhook delivery was not measured:\n{answer.stderr}")
    measured: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return _section(measured["rows"], measured["calls"])


def main() -> int:
    """Prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    answers: Queue[Any] = context.Queue()
    os.sched_setaffinity(0, cores[1:] or cores)  # what is started now runs there
    receiver = context.Process(target=_serve_receivers, args=(answers,), daemon=True)
    receiver.start()
    ports: list[int] = answers.get(timeout=30)
    stub = context.Process(target=_serve_stub, args=(answers, ports), daemon=True)
    stub.start()
    stub_port = answers.get(timeout=30)
    os.sched_setaffinity(0, cores[:1])
    os.environ.update(environment_of_functions(f"http://127.0.0.1:{stub_port}", POWERTOOLS_LOG_LEVEL="ERROR"))
    try:
        calls: Counter[str] = Counter()
        loop = asyncio.new_event_loop()
        contenders = {
            OURS: _ours(calls),
            BARE: _bare_aiohttp(ports, loop),
        }
        output, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: PTH123, SIM115 - the summary lines of the function
        taken = _measure(contenders, options.rounds)
        shares = {}
        for size in BATCHES:
            calls.clear()
            contenders[OURS](size, 0)()
            shares[str(size)] = sum(calls.values()) / size
        sys.stdout = output
        rows = _rows(taken)
        print(f"{'':28} {'receiver':>8} {'batch':>6} {'CPU':>9} {'a second':>9}   CPU to ours")
        for one in rows:
            print(
                f"{one['who']:28} {one['delay_ms']:>5} ms {one['batch']:>6} {one['cpu_us']:>6.0f} us {one['deliveries_a_second']:>9.0f}"
                f"   {one['cpu_ratio'][1]}"
            )
        print("DynamoDB calls a delivery:", ", ".join(f"{share:g} at {size} a batch" for size, share in shares.items()))
        if options.json:
            print(json.dumps({"rows": rows, "calls": shares}))
        sys.stdout.flush()
    finally:
        receiver.terminate()
        stub.terminate()
    # Sessions of clients that were compared are open still; their complaints at the interpreter's end say nothing.
    os._exit(0)


if __name__ == "__main__":
    main()
