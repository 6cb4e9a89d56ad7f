"""What an event costs on its way to the clients of a socket endpoint, from the publish to the frames.

Counted as in :mod:`benchmarks.cost.deliveries`. API Gateway's posts are counted at the port, in steps of 32 KB; a post counts as 5 ms of billed time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from benchmarks.cost import deliveries as cost
from benchmarks.cost import prices
from benchmarks.report.page import Table
from event_service.sockets.connection import Connection
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.log import SocketLog
from event_service.sockets.outside import Outside
from event_service.sockets.ports import Poster
from event_service.sockets.storage.connections import DynamoConnectionStore
from event_service.sockets.storage.queue import SqsBacklogQueue, SqsWakeUpQueue
from functions.socket_delivery.handler import create_handler
from tests.fakes.sockets import FakePoster
from tests.support.metering import Ledger
from tests.world import WORKSPACE, World, token

FRAME_STEP = 32 * 1024
CASES = (("1 client, 100 a publish", 1, 100), ("1 client, 1 a publish", 1, 1), ("10 clients, 100 a publish", 10, 100))
EVENTS = 100


def tables() -> list[Table]:
    """Dollars of a million events to one endpoint, by the number of its clients and of events in a publish."""
    columns: dict[str, dict[str, float]] = {title: _measure(clients, size) for title, clients, size in CASES}
    parts = next(iter(columns.values()))
    rows: list[list[Any]] = [[part, *(column[part] for column in columns.values())] for part in parts]
    rows.append(["**sum**", *(sum(column.values()) for column in columns.values())])
    minutes = prices.WEBSOCKET_MINUTE * 60 * 24 * 30
    return [
        Table("Dollars a million events to a socket endpoint", ["part", *columns], rows),
        Table("", ["", "dollars"], [["one socket, open for a month", minutes]]),
    ]


def _measure(clients: int, size: int) -> dict[str, float]:
    with cost.metered_world() as (world, ledger, sqs):
        endpoint_id = world.socket()
        api = FakePoster(world.clock)
        connections = DynamoConnectionStore(world.database)
        for number in range(clients):
            connection_id = f"connection-{number}"
            connections.add(_connection(world, endpoint_id, connection_id))
            api.open(connection_id)
            # An append wakes nobody whose last connect is longer ago than a connection lasts.
            world.socket_store.arrive(endpoint_id, world.clock() + timedelta(days=1, hours=3))
        world.clock.now += timedelta(minutes=1)
        delivery = _delivery(world, connections, api)
        handler = create_handler(lambda: delivery)
        _publish(world, 1)
        _route_and_serve(world, handler, ledger, sqs)  # warm
        before = {one: len(frames) for one, frames in api.received.items()}
        ledger.take()

        published = cost.Stage(Ledger(), 0, 0.0, 0)
        routed, served = cost.Stage(Ledger(), 0, 0.0, 0), cost.Stage(Ledger(), 0, 0.0, 0)
        for _ in range(EVENTS // size):
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
        assert len(frames) == EVENTS * clients
    served.waited_seconds = EVENTS * cost.AWS_CALL_SECONDS  # a client's posts wait for each other, those of several do not
    return _parts(published, routed, served, sum(-(-len(frame) // FRAME_STEP) for frame in frames))


def _parts(published: cost.Stage, routed: cost.Stage, served: cost.Stage, messages: int) -> dict[str, float]:
    stages = {"GraphqlApiFunction": published, "EventRouterFunction": routed, "SocketDeliveryFunction": served}
    woken = sum(call.operation.startswith("Send") for call in routed.ledger.calls)
    bodies = published.invocations * -(-EVENTS // published.invocations * 1_100 // 65_536)
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
        "CloudWatch lines": sum(stage.log_bytes for stage in stages.values()) / 1e9 * prices.LOGS_GB,
    }
    return {part: dollars / EVENTS * 1e6 for part, dollars in whole.items()}


def _publish(world: World, size: int) -> None:
    world.publishing.publish(token(), [cost.event(number) for number in range(size)])


def _route_and_serve(world: World, handler: Any, ledger: Ledger, sqs: cost.CountedSqs) -> tuple[cost.Stage, cost.Stage]:
    ledger.take()
    routed, served = cost.Stage(Ledger(), 0, 0.0, 0), cost.Stage(Ledger(), 0, 0.0, 0)
    cost.invoke(routed, world.router, cost.records_of(sqs.routing), ledger)
    cost.invoke(served, handler, cost.records_of(sqs.socket), ledger)
    return routed, served


def _connection(world: World, endpoint_id: str, connection_id: str) -> Connection:
    return Connection(
        connection_id=connection_id,
        endpoint_id=endpoint_id,
        workspace_id=WORKSPACE,
        connected_at=world.clock(),
        cursor=0,
    )


def _delivery(world: World, connections: DynamoConnectionStore, poster: Poster) -> SocketDelivery:
    queue, backlog = SqsWakeUpQueue(world.queues, world.socket_url), SqsBacklogQueue(world.queues, world.webhook_url)
    outside = Outside(
        connections=connections,
        log=world.socket_store,
        events=world.store,
        poster=poster,
        wake_ups=queue,
        backlog=backlog,
        clock=world.clock,
        in_thread=asyncio.to_thread,
        sleep=asyncio.sleep,
    )
    return SocketDelivery(outside, SocketLog(world.socket_store, queue, backlog, world.clock, timedelta(days=1)))
