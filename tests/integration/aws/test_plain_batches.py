"""Batches that are made without the SDK mean the same to DynamoDB as those that are made with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.credentials import ReadOnlyCredentials

from event_service.aws.dynamodb import Database, Key
from event_service.aws.plain_batches import PlainBatches
from event_service.base.allowance import Allowance
from event_service.base.errors import TooLarge, Unavailable
from event_service.delivery.storage.log_items import LogItem

ITEMS: list[dict[str, Any]] = [
    {
        "eventKey": {"S": f"workspace#{number}"},
        "attemptKey": {"S": "endpoint#0001"},
        "status": {"S": 'DELIVERED "quoted" \u2028 \U0001f600'},
        "expiresAt": {"N": "1795507200"},
        "flag": {"BOOL": True},
        "nothing": {"NULL": True},
        "list": {"L": [{"N": "1.5"}, {"M": {"key": {"S": ""}}}]},
        "set": {"SS": ["a", "b"]},
    }
    for number in range(30)
]
KEYS = [Key(LogItem, item["eventKey"]["S"], item["attemptKey"]["S"]) for item in ITEMS]


def by_key(found: list[tuple[Any, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    return {item["eventKey"]["S"]: item for _, item in found}


class Door:
    """DynamoDB's HTTP interface to tables in memory: its JSON is the SDK's form, as long as no attribute is binary."""

    def __init__(self, database: Database) -> None:
        self.operations: list[str] = []
        self.is_open = True
        door, connection = self, database._connection

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                arguments = json.loads(self.rfile.read(int(self.headers["content-length"])))
                operation = self.headers["x-amz-target"].rpartition(".")[2]
                door.operations.append(operation)
                answer = connection.dispatch(operation, arguments) if door.is_open else {}
                answer = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
                text = json.dumps(answer).encode()
                self.send_response(200 if door.is_open else 500)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def door(database: Database) -> Iterator[Door]:
    door = Door(database)
    thread = threading.Thread(target=door.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield door
    door.server.shutdown()
    door.server.server_close()
    thread.join()


@pytest.fixture
def plain_batches(door: Door) -> Iterator[PlainBatches]:
    credentials = ReadOnlyCredentials("AKID", "secret", None)
    calls = PlainBatches(door.url, "us-east-1", lambda: credentials, timeout_seconds=5.0)
    yield calls
    calls.close()


@pytest.fixture
def quick(database: Database, plain_batches: PlainBatches) -> Database:
    """The same tables, with batches that go through the door."""
    return Database(database._connection, database._table_name, sleep=lambda seconds: None, plain_batches=plain_batches)


def test_what_is_written_without_the_sdk_is_read_the_same_on_both_ways(database: Database, quick: Database, door: Door) -> None:
    quick.batch_put(LogItem, ITEMS)
    assert door.operations == ["BatchWriteItem", "BatchWriteItem"]
    expected = {item["eventKey"]["S"]: item for item in ITEMS}
    assert by_key(database.batch_get(KEYS)) == expected
    assert by_key(quick.batch_get(KEYS, binary=False)) == expected
    assert quick.batch_get([Key(LogItem, "workspace#none", "endpoint#0001")], binary=False) == []
    assert door.operations[2:] == ["BatchGetItem", "BatchGetItem"]


def test_a_binary_attribute_is_refused_and_nothing_is_written(database: Database, quick: Database) -> None:
    with pytest.raises(TypeError):
        quick.batch_put(LogItem, [ITEMS[0], ITEMS[1] | {"body": {"B": b"bytes"}}])
    assert database.batch_get(KEYS[:2]) == []


def test_other_calls_take_the_sdk_s_way(quick: Database, door: Door) -> None:
    quick.batch_put(LogItem, ITEMS[:1])
    item = quick.get(LogItem, KEYS[0].hash, KEYS[0].range)
    assert item is not None
    assert item.expires_at == 1795507200
    assert len(quick.batch_get(KEYS)) == 1
    quick.batch_write(deletes=KEYS[:1])
    assert door.operations == ["BatchWriteItem"]


def test_what_the_door_does_not_take_the_sdk_takes(database: Database, quick: Database, door: Door) -> None:
    door.is_open = False
    quick.batch_put(LogItem, ITEMS[:1])
    assert by_key(quick.batch_get(KEYS[:1], binary=False)) == by_key(database.batch_get(KEYS[:1])) != {}
    assert door.operations == ["BatchWriteItem", "BatchGetItem"]


def test_an_error_is_the_domain_s_on_this_way_too(database: Database, door: Door, plain_batches: PlainBatches) -> None:
    door.is_open = False
    lost = Database(database._connection, lambda logical: f"{logical}-that-is-not-there", plain_batches=plain_batches)
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        lost.batch_put(LogItem, ITEMS[:1])
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        lost.batch_get(KEYS[:1], binary=False)


def test_what_a_request_may_read_is_counted_on_this_way_too(quick: Database) -> None:
    quick.batch_put(LogItem, ITEMS)
    allowance = Allowance(seconds=20.0, read_bytes=1_000, shown_bytes=1_000)
    with allowance.applied(), pytest.raises(TooLarge):
        quick.batch_get(KEYS, binary=False)
    allowance = Allowance(seconds=20.0, read_bytes=100_000, shown_bytes=1_000)
    allowance.end()
    with allowance.applied(), pytest.raises(TooLarge):
        quick.batch_get(KEYS, binary=False)
