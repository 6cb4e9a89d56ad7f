"""`make soak`: mixed load on the local stack while its functions are killed; ends with what was lost and what memory did.

    python -m benchmarks.resilience.soak [--minutes 10]

Three publishers, of which one publishes again what it published; webhooks that are healthy, that fail every fifth event once, that
are slow, and that have a filter; a socket whose connection is cut; someone who lists, creates and deletes. In the first 60 % of the time a
function's process is killed every few seconds, at any point of its work. Then the load goes on without kills, and the memory of
each process is compared over that time: killed processes would hide a leak. The run fails if an accepted event is missing anywhere
when the queues are empty, or if memory grew.

One thing differs from a deployment: the queues show a message again after 30 s instead of 6 minutes, so that what a killed
process held comes back within the run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import signal
import statistics
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import botocore.session
import psutil

from cli import documents
from cli.errors import CommandError
from cli.graphql_client import GraphqlClient
from cli.listening import Listener
from local.processes import free_port
from local.stack import LocalStack, client_settings_of
from local.tools import LOCAL, ToolError

VISIBILITY_SECONDS: Final = 30
KILL_SECONDS: Final = 4.0
LEAST_AGE_SECONDS: Final = 10.0
SAMPLE_SECONDS: Final = 2.0
MOST_EVENTS_PER_PUBLISH: Final = 4
PAUSE_SECONDS: Final = (0.5, 1.5)
"""Of each of the three publishers. About 25 deliveries a second in all: the local AWS hands out about 100 messages a second when nothing
else runs, and beyond that the backlog would be measured instead of the service."""
QUIET_SECONDS: Final = 150.0
"""Waiting for the rest ends when nothing arrived for so long: longer than a message can be hidden, even after several kills."""
GROWTH_ALLOWED: Final = 0.10
GROWTH_ALLOWED_BYTES: Final = 10_000_000
"""What a process takes with its first request of each kind (the retry scheduler's comes once a minute); in the four minutes without kills
a leak of 2 KB a delivery would be more."""
WORKER = re.compile(r"ministack-lambda-event-service-(\w+?)Function-")


@dataclass
class Tally:
    """What was accepted, and what arrived where."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Event id to type, once the API said ok."""
    arrived: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Receiver to event ids."""
    latencies: list[float] = field(default_factory=list)
    sent_at: dict[str, float] = field(default_factory=dict)
    last_arrival: float = field(default_factory=time.monotonic)
    publishes: int = 0
    publishes_repeated: int = 0
    chores: int = 0
    chores_failed: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arrive(self, receiver: str, event_id: str) -> None:
        """Notes one arrival."""
        with self.lock:
            self.last_arrival = time.monotonic()
            self.arrived[receiver][event_id] += 1
            if receiver == "healthy" and self.arrived[receiver][event_id] == 1 and event_id in self.sent_at:
                self.latencies.append(self.last_arrival - self.sent_at[event_id])

    def expected(self, receiver: str) -> set[str]:
        """The ids that must have arrived."""
        with self.lock:
            return {event_id for event_id, kind in self.accepted.items() if receiver != "filtered" or kind == "soak.b"}

    def missing(self, receiver: str) -> set[str]:
        """Those that have not."""
        return self.expected(receiver) - self.arrived[receiver].keys()


RECEIVERS: Final = ("healthy", "flaky", "slow", "filtered", "socket")


@contextmanager
def receivers(tally: Tally) -> Iterator[str]:
    """The webhooks' server; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            name = self.path.strip("/")
            status = 200
            if name == "slow":
                time.sleep(0.5)
            if name == "flaky" and hash(event["id"]) % 5 == 0 and first_time(event["id"]):
                status = 500
            else:
                tally.arrive(name, event["id"])
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def handle(self) -> None:
            with suppress(ConnectionError):  # a sender that was killed
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of the base class
            """Silent."""

    failed: set[str] = set()

    def first_time(event_id: str) -> bool:
        with tally.lock:
            known = event_id in failed
            failed.add(event_id)
        return not known

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def publish(client: GraphqlClient, tally: Tally, stop: threading.Event, number: int) -> None:
    """One publisher. A call that was not answered is sent again with the same ids until it is."""
    draw = random.Random(number)
    while not stop.is_set():
        events: list[dict[str, Any]] = [
            {"id": str(uuid.uuid4()), "type": draw.choice(["soak.a", "soak.b"]), "data": {"text": "x" * draw.randint(0, 2_000)}}
            for _ in range(draw.randint(1, MOST_EVENTS_PER_PUBLISH))
        ]
        with tally.lock:
            tally.sent_at.update((event["id"], time.monotonic()) for event in events)
        for again in range(10):
            try:
                client.execute(documents.PUBLISH, events=events)
            except CommandError:
                # The process that answered may have been killed: nobody knows whether it was accepted.
                if stop.wait(0.5):
                    break
                tally.publishes_repeated += 1
                continue
            with tally.lock:
                tally.publishes += 1
                tally.accepted.update((event["id"], event["type"]) for event in events)
            if number or again:
                break
        stop.wait(draw.uniform(*PAUSE_SECONDS))


def do_chores(client: GraphqlClient, tally: Tally, stop: threading.Event, url: str) -> None:
    """What people do meanwhile: look, create, link, delete. The configuration changes under the router's feet."""
    while not stop.is_set():
        try:
            client.execute(documents.EVENTS, order={"date": "DESC"}, pagination={"limit": 20})
            client.execute(documents.DELIVERIES, filters={"status": {"exact": "PENDING"}}, pagination={"limit": 20})
            condition = {"in": {"eventTypes": ["soak.none"]}}
            chosen = client.execute(documents.CREATE_FILTER, input=condition)["createEventFilters"]["id"]
            created = client.execute(documents.CREATE_WEBHOOK, name="passing", url=f"{url}/passing", filters=[chosen])
            made = created["createWebhookEndpoint"]["id"]
            stop.wait(1)
            client.execute(documents.DELETE_ENDPOINTS, ids=[made])
            client.execute(documents.DELETE_FILTERS, ids=[chosen])
            tally.chores += 1
        except CommandError:
            tally.chores_failed += 1
        stop.wait(1)


async def listen(url: str, token: str, endpoint_id: str, tally: Tally, stop: threading.Event) -> dict[str, int]:
    """The socket client, whose connection is cut about every ten seconds."""

    async def take(event: dict[str, Any]) -> None:
        tally.arrive("socket", event["id"])

    async def fetch(_event_id: str) -> dict[str, Any] | None:
        raise AssertionError("no event of this run is too big for a frame")

    listener = Listener(url, endpoint_id, token, take, fetch, lambda _text: None, last=0)
    cuts = 0
    while not stop.is_set():
        before = listener.counts.connections
        task = asyncio.create_task(listener.run())
        left = random.randint(20, 60)
        while left and not stop.is_set() and not task.done():
            await asyncio.sleep(0.25)
            left -= listener.counts.connections > before  # a cut before it is open would cut nothing
        if task.done():
            task.result()  # raises what ended it
        task.cancel()
        cuts += 1
        with suppress(asyncio.CancelledError):
            await task
    return {"cuts": cuts, "connections": listener.counts.connections, "dropped": listener.counts.dropped, "missed": listener.counts.missed}


def workers(stack: LocalStack) -> dict[int, tuple[str, psutil.Process]]:
    """The processes of functions: pid to function and process."""
    found = {}
    for process in psutil.Process(stack.pid).children(recursive=True):
        with suppress(psutil.Error):
            match = WORKER.search(" ".join(process.cmdline()))
            if match:
                found[process.pid] = (match[1], process)
    return found


def kill_workers(stack: LocalStack, tally: Tally, until: float) -> None:
    """Kills one process of a function every few seconds, those with fewer deaths first."""
    while time.monotonic() < until:
        time.sleep(random.uniform(0.5, 1.5) * KILL_SECONDS)
        alive = []
        for name, process in workers(stack).values():
            with suppress(psutil.Error):
                # One that has not begun to work yet holds nothing; on a busy machine nothing would ever get done.
                if time.time() - process.create_time() > LEAST_AGE_SECONDS:
                    alive.append((name, process))
        if alive:
            random.shuffle(alive)
            name, process = min(alive, key=lambda one: tally.kills[one[0]])
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
                tally.kills[name] += 1


@dataclass
class Memory:
    """Resident bytes of each process over time."""

    samples: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def sample(self, stack: LocalStack) -> None:
        """Looks once."""
        for pid, (name, process) in workers(stack).items():
            with suppress(psutil.Error):
                self.samples[name, pid].append(process.memory_info().rss)

    def growth(self) -> list[tuple[str, int, int, bool]]:
        """Of each function: bytes in the first and in the last third of the time, and whether that is flat.

        The process that was seen longest stands for its function.
        """
        rows = []
        for name in sorted({name for name, _ in self.samples}):
            values = max((values for (of, _), values in self.samples.items() if of == name), key=len)
            third = len(values) // 3
            if third < 2:
                continue
            before, after = int(statistics.median(values[:third])), int(statistics.median(values[-third:]))
            rows.append((name, before, after, after - before <= max(before * GROWTH_ALLOWED, GROWTH_ALLOWED_BYTES)))
        return rows


def shorten_visibility(stack: LocalStack) -> None:
    """See the head of this module."""
    settings = client_settings_of(stack.ready.region, stack.ready.awsEndpointUrl)
    client: Any = botocore.session.get_session().create_client("sqs", **settings)
    for output in ("RoutingQueueUrl", "WebhookQueueUrl", "SocketQueueUrl"):
        client.set_queue_attributes(QueueUrl=stack.outputs[output], Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})


def set_up(client: GraphqlClient, url: str) -> str:
    """The endpoints; returns the id of the socket's."""
    for name in ("healthy", "flaky", "slow"):
        client.execute(documents.CREATE_WEBHOOK, name=name, url=f"{url}/{name}")
    filtered = client.execute(documents.CREATE_FILTER, input={"in": {"eventTypes": ["soak.b"]}, "pattern": {"type": ["soak.b"]}})
    client.execute(documents.CREATE_WEBHOOK, name="filtered", url=f"{url}/filtered", filters=[filtered["createEventFilters"]["id"]])
    return str(client.execute(documents.CREATE_SOCKET, name="socket")["createWebSocketEndpoint"]["id"])


def receive_rest(tally: Tally, say: Any) -> float:
    """Waits until everything has arrived, or nothing has for a long time; returns the seconds it took."""
    began = time.monotonic()
    told = began
    while any(tally.missing(name) for name in RECEIVERS) and time.monotonic() - tally.last_arrival < QUIET_SECONDS:
        time.sleep(0.25)
        if time.monotonic() - told > 20:
            told = time.monotonic()
            left = {name: len(tally.missing(name)) for name in RECEIVERS}
            say(f"still to come: {', '.join(f'{name} {count}' for name, count in left.items() if count)}")
    return time.monotonic() - began


def run(minutes: float) -> int:
    """The whole run; returns the exit status."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    directory = LOCAL / "soak"
    shutil.rmtree(directory, ignore_errors=True)
    tally, memory = Tally(), Memory()
    stop, stop_listening = threading.Event(), threading.Event()
    # GRAPHQL_IDE and the like do not matter here; the parameters are those of `make run`.
    with LocalStack(directory, free_port(), say=say) as stack, receivers(tally) as url, ThreadPoolExecutor(8) as threads:
        ready = stack.start()
        shorten_visibility(stack)
        token = stack.new_token().token
        client = GraphqlClient(ready.graphqlUrl, token)
        socket = set_up(client, url)
        try:
            listening = threads.submit(asyncio.run, listen(ready.webSocketUrl, token, socket, tally, stop_listening))
            time.sleep(5)
            load = [threads.submit(publish, client, tally, stop, number) for number in range(3)]
            load.append(threads.submit(do_chores, client, tally, stop, url))
            seconds = minutes * 60
            say(f"load with kills for {seconds * 0.6:.0f} s")
            kill_workers(stack, tally, time.monotonic() + seconds * 0.6)
            say(f"{sum(tally.kills.values())} kills; load without kills for {seconds * 0.4:.0f} s")
            until = time.monotonic() + seconds * 0.4
            while time.monotonic() < until:
                memory.sample(stack)
                time.sleep(SAMPLE_SECONDS)
        finally:
            stop.set()
        for thread in load:
            thread.result()
        say(f"{len(tally.accepted)} events accepted; waiting for the rest")
        rest_seconds = receive_rest(tally, say)
        stop_listening.set()
        sockets = listening.result()
        if stack.has_died():
            raise ToolError(f"the local AWS died; see {directory / 'ministack.log'}")
        # Before the stack stops: that may take a minute, since every process that was killed has left its files behind.
        return report(tally, memory, rest_seconds, sockets, psutil.Process(stack.pid).memory_info().rss)


def report(tally: Tally, memory: Memory, rest_seconds: float, sockets: dict[str, int], host: int) -> int:
    """Prints what happened; 0 when nothing was lost and memory is flat."""
    print(f"\n{tally.publishes} publishes accepted, {tally.publishes_repeated} sent again for want of an answer.")
    print(
        f"{tally.chores} rounds of chores, {tally.chores_failed} cut short. The last delivery came {rest_seconds:.0f} s after the load ended."
    )
    print(f"kills: {', '.join(f'{name} {count}' for name, count in sorted(tally.kills.items()))}")
    print(f"socket: {sockets['connections']} connections, {sockets['dropped']} repeats dropped, {sockets['missed']} missed")
    if tally.latencies:
        ordered = sorted(tally.latencies)
        print(
            f"publish to receipt: median {statistics.median(ordered):.2f} s, p99 {ordered[len(ordered) * 99 // 100]:.2f} s (kills included)"
        )
    print(f"\n{'receiver':10} {'expected':>9} {'arrived':>9} {'repeats':>9} {'lost':>6}")
    lost = sockets["missed"]
    for name in RECEIVERS:
        expected = tally.expected(name)
        arrived = tally.arrived[name]
        missing = tally.missing(name)
        lost += len(missing)
        repeats = sum(arrived.values()) - len(arrived)
        print(f"{name:10} {len(expected):9} {len(expected) - len(missing):9} {repeats:9} {len(missing):6}")
        for event_id in sorted(missing)[:5]:
            print(f"           lost: {event_id}")
    print(f"\n{'function':20} {'first third':>12} {'last third':>12}")
    rows = memory.growth()
    for name, before, after, flat in rows:
        print(f"{name:20} {before / 1e6:9.1f} MB {after / 1e6:9.1f} MB  {'flat' if flat else 'GROWS'}")
    print(f"(the local AWS itself, which keeps all tables in memory: {host / 1e6:.0f} MB)")
    grows = [name for name, _, _, flat in rows if not flat]
    verdict = f"grows: {', '.join(grows)}" if grows else "flat" if rows else "not measured"
    print(f"\nloss {lost}, memory {verdict}", flush=True)
    return 0 if not lost and rows and not grows else 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    try:
        return run(options.minutes)
    except (ToolError, CommandError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    # A listener that waits for its connection must not keep the process once the result is printed.
    status = main()
    sys.stdout.flush()
    os._exit(status)
