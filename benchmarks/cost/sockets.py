"""What an event costs on its way to the clients of a socket endpoint, from the publish to the frames.

Counted as in :mod:`benchmarks.cost.deliveries`. API Gateway's posts are counted at the port, in steps of 32 KB; a post counts as 5 ms of
billed time, of which 32 of a group run side by side, and as 250 µs of processor. TLS: what a handshake takes is measured here. It is counted
for each event and post at once, as if events were a minute apart; with more events the connections are kept, and the row is nothing.
"""

from __future__ import annotations

import asyncio
import ssl
import statistics
import time
from datetime import timedelta
from functools import cache
from typing import Any

import trustme

from benchmarks.cost import deliveries as cost
from benchmarks.cost import prices
from benchmarks.report.page import Table
from event_service.sockets.connection import Connection, group_of
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.live_run import CONNECTIONS_PER_GROUP, POSTS_PER_GROUP
from event_service.sockets.ports import Poster
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.queue import SqsBacklogQueue, SqsWakeUpQueue
from functions.socket_delivery.handler import create_handler
from tests.fakes.sockets import FakePoster
from tests.support.metering import Ledger
from tests.wiring import SocketUseCases
from tests.world import WORKSPACE, World, token

FRAME_STEP = 32 * 1024
CASES = (
    ("1 client, 100 a publish", 1, 100),
    ("1 client, 1 a publish", 1, 1),
    ("10 clients, 100 a publish", 10, 100),
    ("10 clients, 1 a publish", 10, 1),
    ("1,000 clients, 100 a publish", 1_000, 100),
    ("1,000 clients, 1 a publish", 1_000, 1),
)
EVENTS = 100
FEW_EVENTS = 10
"""With a thousand clients and one event a publish: each is the same."""
POST_PROCESSOR_SECONDS = 250e-6
"""Of a full core; benchmarks/speed/sockets.py measures it."""
HANDSHAKES = 20


def tables() -> list[Table]:
    """Dollars of a million events to one endpoint, by the number of its clients and of events in a publish."""
    columns: dict[str, dict[str, float]] = {title: _measure(clients, size) for title, clients, size in CASES}
    parts = next(iter(columns.values()))
    rows: list[list[Any]] = [[part, *(column[part] for column in columns.values())] for part in parts]
    rows.append(["**sum**", *(sum(column.values()) for column in columns.values())])
    posts: list[list[Any]] = [[title, dollars / clients] for (title, clients, _), dollars in zip(CASES, rows[-1][1:], strict=True)]
    minutes = prices.WEBSOCKET_MINUTE * 60 * 24 * 30
    return [
        Table("Dollars a million events to a socket endpoint", ["part", *columns], rows),
        Table("Dollars a million events and clients: the sums above by client", ["", "dollars"], posts),
        Table("", ["", "dollars"], [["one socket, open for a month", minutes]]),
    ]


def _measure(clients: int, size: int, events: int | None = None) -> dict[str, float]:
    with cost.metered_world() as (world, ledger, sqs):
        endpoint_id = world.socket()
        api = FakePoster(world.clock)
        if events is None:
            events = EVENTS if clients < 1_000 or size > 1 else FEW_EVENTS
        groups = 1
        while groups * CONNECTIONS_PER_GROUP < clients:
            groups *= 2
        connections = DynamoConnectionStore(world.database)
        rows = [_connection(world, endpoint_id, f"connection-{number}", groups) for number in range(clients)]
        connections.save(rows)
        for row in rows:
            api.open(row.connection_id)
        # An append wakes nobody whose last connect is longer ago than a connection lasts.
        world.socket_store.arrive(endpoint_id, world.clock() + timedelta(days=1, hours=3))
        world.socket_store.resize(endpoint_id, groups, groups, world.clock() + timedelta(hours=2))
        world.clock.now += timedelta(minutes=1)
        delivery = _delivery(world, connections, api)
        handler = create_handler(lambda: delivery)
        _publish(world, 1)
        _route_and_serve(world, handler, ledger, sqs)  # warm
        before = {one: len(frames) for one, frames in api.received.items()}
        ledger.take()

        published = cost.Stage(Ledger(), 0, 0.0, 0)
        routed, served = cost.Stage(Ledger(), 0, 0.0, 0), cost.Stage(Ledger(), 0, 0.0, 0)
        for _ in range(events // size):
            start = time.process_time()
            _publish(world, size)
            published.cpu_seconds += time.process_time() - start
            published.ledger.calls += ledger.take().calls
            published.invocations += 1
            published.log_bytes += 250
            one_routed, one_served = _route_and_serve(world, handler, ledger, sqs)
            for stage, one in ((routed, one_routed), (served, one_served)):
                stage.ledger.calls += one.ledger.calls
                stage.cpu_seconds += one.cpu_seconds
                stage.invocations += one.invocations
                stage.log_bytes += one.log_bytes
                stage.polled += one.polled
        frames = [frame for one, all_of in api.received.items() for frame in all_of[before[one] :]]
        assert len(frames) == events * clients
    # A client's posts wait for each other; of several, some at once do not.
    at_once = min(clients, POSTS_PER_GROUP)
    served.waited_seconds = events * groups * -(-clients // groups // at_once) * cost.AWS_CALL_SECONDS
    served.cpu_seconds += len(frames) * POST_PROCESSOR_SECONDS
    return _parts(published, routed, served, sum(-(-len(frame) // FRAME_STEP) for frame in frames), events, at_once * groups)


def _parts(published: cost.Stage, routed: cost.Stage, served: cost.Stage, messages: int, events: int, sockets: int) -> dict[str, float]:
    stages = {"GraphqlApiFunction": published, "EventRouterFunction": routed, "SocketDeliveryFunction": served}
    woken = sum(call.operation.startswith(("Send", "Delete")) for stage in (routed, served) for call in stage.ledger.calls)
    bodies = published.invocations * -(-events // published.invocations * 1_100 // 65_536)
    whole = {
        "HTTP API": published.invocations * prices.HTTP_API_REQUEST,
        "SQS: the publish": (bodies + routed.polled) * (prices.SQS_STANDARD + prices.SQS_FAIR),
        "SQS: the wake-ups": (woken + served.polled) * prices.SQS_FIFO,
        "DynamoDB writes: events": published.ledger.writes * prices.DYNAMODB_WRITE_UNIT,
        "DynamoDB writes: the log of the endpoint": routed.ledger.writes * prices.DYNAMODB_WRITE_UNIT,
        "DynamoDB writes: cursors": served.ledger.writes * prices.DYNAMODB_WRITE_UNIT,
        "DynamoDB reads: routing": routed.ledger.reads * prices.DYNAMODB_READ_UNIT,
        "DynamoDB reads: serving": served.ledger.reads * prices.DYNAMODB_READ_UNIT,
        "API Gateway messages": messages * prices.WEBSOCKET_MESSAGE,
        "Lambda requests": sum(stage.invocations for stage in stages.values()) * prices.LAMBDA_REQUEST,
        "Lambda GB-seconds": sum(
            stage.billed_seconds(cost.GB[name]) * cost.GB[name] * prices.LAMBDA_GB_SECOND for name, stage in stages.items()
        ),
        "Lambda GB-seconds: TLS, events a minute apart": published.invocations
        * cost.Stage(Ledger(), 0, sockets * handshake_seconds(), 0).billed_seconds(cost.GB["SocketDeliveryFunction"])
        * cost.GB["SocketDeliveryFunction"]
        * prices.LAMBDA_GB_SECOND,
        "CloudWatch lines": sum(stage.log_bytes for stage in stages.values()) / 1e9 * prices.LOGS_GB,
    }
    return {part: dollars / events * 1e6 for part, dollars in whole.items()}


def _publish(world: World, size: int) -> None:
    world.publishing.publish(token(), [cost.event(number) for number in range(size)])


def _route_and_serve(world: World, handler: Any, ledger: Ledger, sqs: cost.CountedSqs) -> tuple[cost.Stage, cost.Stage]:
    ledger.take()
    routed, served = cost.Stage(Ledger(), 0, 0.0, 0), cost.Stage(Ledger(), 0, 0.0, 0)
    cost.invoke(routed, world.router, cost.records_of(sqs.routing), ledger)
    while records := cost.records_of(sqs.socket):  # the first group wakes the others
        for begin in range(0, len(records), 10):
            cost.invoke(served, handler, records[begin : begin + 10], ledger)
    return routed, served


@cache
def handshake_seconds() -> float:
    """Processor time of a client's side of a TLS handshake with a certificate of two signatures, as the public ones."""
    authority = trustme.CA().create_child_ca()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    took = []
    for _ in range(HANDSHAKES):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
        theirs = server.wrap_bio(to_server, to_client, server_side=True)
        seconds, done = 0.0, False
        while not done:
            start = time.process_time()
            done = _is_done(ours)
            seconds += time.process_time() - start
            _is_done(theirs)
        took.append(seconds)
    return statistics.median(took)


def _is_done(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _connection(world: World, endpoint_id: str, connection_id: str, groups: int) -> Connection:
    return Connection(
        connection_id=connection_id,
        endpoint_id=endpoint_id,
        workspace_id=WORKSPACE,
        connected_at=world.clock(),
        cursor=0,
        group=group_of(connection_id, groups),
    )


def _delivery(world: World, connections: DynamoConnectionStore, poster: Poster) -> SocketDelivery:
    queue, backlog = SqsWakeUpQueue(world.queues, world.socket_url), SqsBacklogQueue(world.queues, world.webhook_url)
    use_cases = SocketUseCases(
        connections=connections, log_store=world.socket_store, wake_ups=queue, backlog=backlog, clock=world.clock, sleep=time.sleep
    )
    return use_cases.new_delivery(use_cases.outside(world.store, poster, in_thread=asyncio.to_thread))
