"""From routing to the wire: the log in DynamoDB, the worker's handler, and a server that answers as API Gateway does."""

from __future__ import annotations

import asyncio
import json
import math
import random
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.credentials import ReadOnlyCredentials

from event_service.events.event import Event
from event_service.sockets import poster as socket_poster
from event_service.sockets.connection import Connection, ConnectRequest, Shard, hash_prefix
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.group import LOOK_AGAIN_SECONDS
from event_service.sockets.log import Routed
from event_service.sockets.ports import AlreadyAppended, AppendConflict, LogHead, Posted, Poster, Segment
from event_service.sockets.poster import SocketPoster
from functions.socket_delivery.handler import create_handler
from tests.integration.conftest import REGION
from tests.integration.sockets.conftest import ENDPOINT, RETENTION, TOKEN, WORKSPACE, LambdaContext, Sockets, payload
from tests.template_file import resources

CONNECTION = "L0SM9cOFvHcCIhw="


@dataclass
class Gateway:
    """API Gateway's management interface on this machine; ``statuses`` are given out one by one, then 200."""

    url: str = ""
    received: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    silent: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    made.silent.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            made.silent.wait(20)
            made.received.append((self.command, self.path, body))
            made.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(made.statuses.popleft() if made.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_DELETE = answer  # noqa: N815 - the base class finds its methods by these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/live"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    made.silent.set()
    server.shutdown()
    server.server_close()


def api_of(gateway: Gateway) -> SocketPoster:
    return SocketPoster(gateway.url, "us-east-1", lambda: None)


def outcome(gateway: Gateway, data: bytes = b"{}") -> Posted:
    async def post() -> Posted:
        async with api_of(gateway) as api:
            return await api.post(CONNECTION, data)

    return asyncio.run(post())


# -- the management interface ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Posted.SENT),
        (410, Posted.GONE),
        (413, Posted.TOO_LARGE),
        (429, Posted.THROTTLED),
        (500, Posted.UNKNOWN),
        (503, Posted.UNKNOWN),
        (400, Posted.REFUSED),
        (403, Posted.REFUSED),
    ],
)
def test_each_answer_means_one_thing(gateway: Gateway, status: int, expected: Posted) -> None:
    gateway.statuses.append(status)

    assert outcome(gateway) is expected
    assert [(method, unquote(path), body) for method, path, body in gateway.received] == [
        ("POST", f"/live/@connections/{CONNECTION}", b"{}")
    ]


def test_an_answer_that_does_not_come_is_not_waited_for(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_poster, "TIMEOUT_SECONDS", 0.2)
    gateway.silent.clear()

    assert outcome(gateway) is Posted.UNKNOWN


def test_a_call_is_signed_when_there_are_credentials(gateway: Gateway) -> None:
    async def post() -> None:
        async with SocketPoster(gateway.url, "us-east-1", lambda: ReadOnlyCredentials("AKIDEXAMPLE", "secret", "token")) as api:
            await api.post(CONNECTION, b"{}")

    asyncio.run(post())

    (headers,) = gateway.headers
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert headers["x-amz-security-token"] == "token"


def test_nobody_there_is_no_exception() -> None:
    assert outcome(Gateway("http://127.0.0.1:9")) is Posted.UNKNOWN


# -- the log -----------------------------------------------------------------------------------------------------------


def test_an_append_is_all_or_nothing_and_happens_once(sockets: Sockets) -> None:
    store = sockets.log_store
    expires = datetime(2026, 3, 2, tzinfo=UTC)
    head = LogHead(1, 1, expires)
    assert store.put_head(ENDPOINT, head, None)
    assert not store.put_head(ENDPOINT, head, None)

    store.append(ENDPOINT, head, [Segment(1, ("a", "b"), expires)], ["n1"])
    with pytest.raises(AlreadyAppended) as already:
        store.append(ENDPOINT, LogHead(3, 1, expires), [Segment(3, ("a", "b", "c"), expires)], ["n1", "n2"])
    with pytest.raises(AppendConflict):
        store.append(ENDPOINT, head, [Segment(1, ("x",), expires)], ["n3"])
    store.append(ENDPOINT, LogHead(3, 1, expires), [Segment(3, ("c",), expires), Segment(4, ("d", "é" * 256), expires)], ["n2", "n3"])

    assert already.value.nonces == {"n1"}
    assert store.heads([ENDPOINT, "other"]) == {ENDPOINT: LogHead(6, 1, expires)}
    assert store.segments(ENDPOINT, 0, 5, 10) == [
        Segment(1, ("a", "b"), expires), Segment(3, ("c",), expires), Segment(4, ("d", "é" * 256), expires),
    ]  # fmt: skip
    assert [segment.first for segment in store.segments(ENDPOINT, 1, 3, 10)] == [1, 3]
    assert [segment.first for segment in store.segments(ENDPOINT, 4, 5, 10)] == [4]
    assert [segment.first for segment in store.segments(ENDPOINT, 0, 5, 2)] == [1, 3]


def test_segments_are_read_up_to_the_limit_also_where_a_page_ends_before(sockets: Sockets) -> None:
    store = sockets.log_store
    expires = datetime(2026, 3, 2, tzinfo=UTC)
    head = LogHead(1, 1, expires)
    store.put_head(ENDPOINT, head, None)
    seeded = random.Random(5)
    for number in range(30):
        # The longest ids there are, of characters of four bytes: a segment of them is some 50 KB, compressed.
        ids = tuple("".join(map(chr, seeded.choices(range(0x20000, 0x2A000), k=256))) for _ in range(100))
        store.append(ENDPOINT, head, [Segment(head.next, ids, expires)], [str(number)])
        head = LogHead(head.next + 100, 1, expires)
    sockets.calls.clear()

    found = store.segments(ENDPOINT, 0, 3_000, 28)

    assert [segment.first for segment in found] == list(range(1, 2_800, 100))
    assert sockets.calls["Query"] == 2
    assert [segment.first for segment in store.segments(ENDPOINT, 2_900, 3_000, 28)] == [2_901]


def test_the_end_of_a_log_moves_only_where_it_is_expected(sockets: Sockets) -> None:
    store = sockets.log_store
    day = [datetime(2026, 3, number, tzinfo=UTC) for number in range(1, 6)]
    store.put_head(ENDPOINT, LogHead(1, 1, day[1]), None)

    assert not store.extend(ENDPOINT, day[4], (day[1], day[3]))
    assert store.extend(ENDPOINT, day[4], (day[0], day[3]))
    assert not store.extend(ENDPOINT, day[4], (day[0], day[3]))
    assert not store.extend("other", day[4], (day[0], day[3]))
    assert not store.put_head(ENDPOINT, LogHead(2, 2, day[2]), LogHead(1, 1, day[1]))
    assert store.put_head(ENDPOINT, LogHead(2, 2, day[2]), LogHead(1, 1, day[4]))
    assert store.heads([ENDPOINT])[ENDPOINT] == LogHead(2, 2, day[2])
    store.drop(ENDPOINT)
    assert store.heads([ENDPOINT]) == {}


def test_a_shard_is_a_range_of_the_connections_of_an_endpoint(sockets: Sockets) -> None:
    now = sockets.clock()
    for number in range(200):
        sockets.store.add(Connection(ENDPOINT, f"{number}=", WORKSPACE, now, number, claimed=number or None, batched=number % 2 == 0))
    everyone = sockets.store.of_endpoint(ENDPOINT, None)

    shards = [sockets.store.of_endpoint(ENDPOINT, Shard(index, 4)) for index in range(4)]

    assert sorted(one.cursor for one in everyone) == list(range(200))
    assert [one for shard in shards for one in shard] == everyone
    assert all(len(shard) > 20 for shard in shards)
    assert sockets.store.of_endpoint(ENDPOINT, None, 101) == everyone[:101]
    assert [hash_prefix(one.connection_id) for one in everyone] == sorted(hash_prefix(one.connection_id) for one in everyone)


# -- all together ------------------------------------------------------------------------------------------------------


def publish(sockets: Sockets, nonce: str, *ids: str) -> set[str]:
    now = sockets.clock()
    events = [Event(one, "t", now, {"text": one}, None, None, WORKSPACE, now) for one in ids]
    sockets.events.put(events, nonce)
    return sockets.log.append([Routed(WORKSPACE, nonce, {ENDPOINT: list(ids)})])


def connect(sockets: Sockets, **more: Any) -> Connection:
    return sockets.connections.connect(ConnectRequest(CONNECTION, sockets.clock(), ENDPOINT, TOKEN, **more))


def deliver(
    sockets: Sockets, gateway: Gateway, name: str = "wake_up", sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
) -> dict[str, Any]:
    def delivery(api: Poster) -> SocketDelivery:
        return SocketDelivery(sockets.store, sockets.log_store, sockets.events, api, sockets.queue, sockets.clock, sleep=sleep)

    return create_handler(lambda: api_of(gateway), delivery)(payload(f"socket_delivery/{name}.json"), LambdaContext())


@pytest.mark.parametrize("name", ["wake_up", "wake_ups_of_one_endpoint"])
def test_what_was_routed_arrives_with_its_sequence_and_the_cursor_moves(sockets: Sockets, gateway: Gateway, name: str) -> None:
    connect(sockets)
    assert publish(sockets, "a1" * 16, "a", "b") == set()
    assert publish(sockets, "a1" * 16, "a", "b") == set()
    publish(sockets, "a2" * 16, "c")

    assert deliver(sockets, gateway, name) == {"batchItemFailures": []}

    frames = [json.loads(body) for _, _, body in gateway.received]
    assert [(frame["id"], frame["sequence"]) for frame in frames] == [("a", 1), ("b", 2), ("c", 3)]
    assert [one.cursor for one in sockets.store.of_endpoint(ENDPOINT, None)] == [3]


@pytest.mark.parametrize("connections", [1, 60])
def test_event_costs_five_calls_an_endpoint_and_a_post_a_connection(sockets: Sockets, gateway: Gateway, connections: int) -> None:
    connect(sockets)
    for number in range(1, connections):
        sockets.store.add(Connection(ENDPOINT, f"{number}=", WORKSPACE, sockets.clock(), 0))
    publish(sockets, "a1" * 16, "a")
    sockets.calls.clear()

    async def without_end(seconds: float) -> None:
        """However slow this machine is: the time to look again does not come. A post that has to be tried again is."""
        await (asyncio.Event().wait() if seconds == LOOK_AGAIN_SECONDS else asyncio.sleep(seconds))

    deliver(sockets, gateway, sleep=without_end)

    assert sockets.calls == {"Query": 2, "BatchGetItem": 1, "GetItem": 1, "BatchWriteItem": math.ceil(connections / 25)}
    assert len(gateway.received) == connections


def test_all_of_a_log_but_its_head_dies_by_itself(sockets: Sockets, aws: dict[str, str]) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a")

    table = resources("AWS::DynamoDB::Table")["SocketLogTable"]["Properties"]
    items = boto3.client("dynamodb", region_name=REGION).scan(TableName=aws["SOCKET_LOG_TABLE"])["Items"]
    now = sockets.clock().timestamp()
    lives = {item["endpointId"]["S"].partition("#")[2]: float(item["expiresAt"]["N"]) - now for item in items if "expiresAt" in item}

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert len(items) == 3
    assert lives.keys() == {"", "a1" * 16}
    assert abs(lives[""] - RETENTION.total_seconds()) < 60
    assert lives["a1" * 16] > 14 * 86_400  # as long as a queue may keep the message


def test_socket_routing_costs_a_read_a_transaction_and_a_wake_up(sockets: Sockets) -> None:
    connect(sockets)
    sockets.wake_ups()
    sockets.calls.clear()

    sockets.log.append([Routed(WORKSPACE, f"{number:032}", {ENDPOINT: [f"e{number}"]}) for number in range(10)])

    assert sockets.calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    assert len(sockets.wake_ups()) == 1


def test_the_shard_of_a_wake_up_is_all_that_is_served(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a")

    deliver(sockets, gateway, "shard")

    assert len(gateway.received) == Shard(3, 16).holds(hash_prefix(CONNECTION))


def test_a_wake_up_that_cannot_be_read_fails_alone(sockets: Sockets, gateway: Gateway) -> None:
    answer = deliver(sockets, gateway, "unreadable")

    (failure,) = answer["batchItemFailures"]
    assert failure["itemIdentifier"] == payload("socket_delivery/unreadable.json")["Records"][0]["messageId"]


def test_a_deleted_endpoint_s_sockets_are_closed_and_forgotten(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    sockets.delete()

    deliver(sockets, gateway)

    assert [method for method, _, _ in gateway.received] == ["DELETE"]
    assert sockets.store.of_endpoint(ENDPOINT, None) == []
    assert sockets.log_store.heads([ENDPOINT]) == {}


def test_socket_that_could_not_be_closed_is_closed_next_time(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    sockets.delete()
    gateway.statuses.extend([429, 503, 204])

    deliver(sockets, gateway)

    assert [method for method, _, _ in gateway.received] == ["DELETE"] * 3
    assert sockets.store.of_endpoint(ENDPOINT, None) == []


def test_a_revoked_token_s_sockets_are_closed(sockets: Sockets, gateway: Gateway) -> None:
    connect(sockets)
    publish(sockets, "a1" * 16, "a")
    sockets.token(TOKEN, revoked=True)

    deliver(sockets, gateway)

    assert [method for method, _, _ in gateway.received] == ["DELETE"]
    assert sockets.store.of_endpoint(ENDPOINT, None) == []


def test_log_is_kept_for_the_retention_after_a_connection(sockets: Sockets) -> None:
    connect(sockets)
    sockets.clock.now += RETENTION

    publish(sockets, "a1" * 16, "a")
    sockets.clock.now += RETENTION
    publish(sockets, "a2" * 16, "b")

    assert sockets.log_store.heads([ENDPOINT])[ENDPOINT].next == 2
