"""`matchEvents` over 10,000 retained events of 1 KB, through the Lambda handler.

The handler, the use case and the client of DynamoDB are the real ones. AWS is another process on this machine, which holds the events and
answers each call after 5 ms. What is counted as its price are the read units of the events and of their index, and the function's time.
"""

from __future__ import annotations

import asyncio
import base64
import bisect
import io
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any, Final

from benchmarks.cost import prices
from benchmarks.report.page import Goal, Section, Table, quartiles
from benchmarks.speed.http_answerer import Answerer
from event_service.access.token import hash_token
from event_service.base.dates import format_date
from event_service.base.identifiers import shard_of
from event_service.events.event import Event
from event_service.events.ports import SHARDS
from event_service.events.sort_key import expiry, sort_key
from event_service.events.storage.codec import pack
from tests.integration.events.test_cost import DATA
from tests.template_file import resources
from tests.unit.graphql_api.door import TOKEN, WORKSPACE, Door

EVENTS: Final = 10_000
DELAY_SECONDS: Final = 0.005
MEMORY_GB: Final = 1769 / 1024
QUERY: Final = """query($input: MatchEventsInput!) { matchEvents(input: $input) {
    examined matched complete histogram { start examined matched } matches { id } nearMisses { event { id } clause { sentence } } } }"""
CONDITIONS: Final[dict[str, dict[str, Any]]] = {
    "one clause, half match": {"pattern": {"data": {"score": [{"numeric": [">", 0.5]}]}}},
    "three clauses, few match": {
        "pattern": {"type": ["identification"], "data": {"object": {"class": ["human"]}, "score": [{"numeric": [">", 0.99]}]}}
    },
    "an exact value that none has": {"pattern": {"data": {"source": ["rtsp-2"]}}},
}


class _Stored:
    """The events as DynamoDB answers them."""

    def __init__(self, number: int) -> None:
        self.items: dict[str, bytes] = {}
        self.index: dict[str, list[tuple[str, bytes]]] = {}
        now = datetime.now(UTC)
        self.index_bytes = 0
        for place in range(number):
            created = now - timedelta(seconds=10 + place)
            event = Event(
                f"e{place:05d}-{'0' * 26}",
                "identification",
                created,
                {**DATA, "score": (place % 1000) / 1000},
                None,
                None,
                WORKSPACE,
                created,
            )
            expires = expiry(created, 14)
            key, shard = f"{WORKSPACE}#{event.id}", f"{WORKSPACE}#{shard_of(event.id, SHARDS)}"
            date_key = sort_key(event, event.date, expires)
            body = base64.b64encode(pack(event)).decode()
            item = {"key": {"S": key}, "nonce": {"B": "AAAAAAAAAAAAAAAAAAAAAA=="}, "expiresAt": {"N": str(expires)}, "body": {"B": body}}
            item |= {"dateShard": {"S": shard}, "dateKey": {"S": date_key}}
            self.items[key] = json.dumps(item).encode()
            entry = json.dumps({"key": {"S": key}, "dateKey": {"S": date_key}}).encode()
            self.index_bytes += len(key) + len(shard) + len(date_key) + 100
            self.index.setdefault(shard, []).append((date_key, entry))
        for entries in self.index.values():
            entries.sort()

    def answer(self, operation: str, asked: dict[str, Any]) -> bytes:
        """One call."""
        if operation == "BatchGetItem":
            ((table, wanted),) = asked["RequestItems"].items()
            found = [self.items[key["key"]["S"]] for key in wanted["Keys"] if key["key"]["S"] in self.items]
            return b'{"Responses":{%s:[%s]},"UnprocessedKeys":{}}' % (json.dumps(table).encode(), b",".join(found))
        if operation == "Query" and asked.get("IndexName") == "by_date":
            return self._query(asked)
        if operation == "GetItem" and "tokenHash" in asked["Key"]:
            token = {"tokenHash": hash_token(TOKEN), "workspaceId": WORKSPACE, "kind": "access", "name": "bench"}
            item = {name: {"S": value} for name, value in token.items()} | {"created": {"S": format_date(datetime.now(UTC))}}
            return json.dumps({"Item": item}).encode()
        return b'{"Items":[],"Count":0,"ScannedCount":0}'

    def _query(self, asked: dict[str, Any]) -> bytes:
        values = [value["S"] for value in asked["ExpressionAttributeValues"].values()]
        shard = next(value for value in values if value in self.index or value.startswith(WORKSPACE))
        low, high = sorted(value for value in values if value != shard)
        entries = self.index.get(shard, [])
        start = asked.get("ExclusiveStartKey")
        end = bisect.bisect_left(entries, (start["dateKey"]["S"] if start else high, b""))
        first = max(bisect.bisect_left(entries, (low, b"")), end - int(asked["Limit"]))
        page = entries[first:end][::-1]
        more = b""
        if page and first > 0:
            more = b',"LastEvaluatedKey":{"dateKey":{"S":%s}}' % json.dumps(page[-1][0]).encode()
        return b'{"Items":[%s],"Count":%d,"ScannedCount":%d%s}' % (b",".join(entry for _, entry in page), len(page), len(page), more)


def _serve(number: int, pipe: Connection) -> None:
    stored = _Stored(number)
    calls = 0

    class Aws(Answerer):
        def answer(self, head: bytes, body: bytes) -> bytes:
            nonlocal calls
            calls += 1
            target = head.lower().partition(b"x-amz-target:")[2].split(b"\r\n")[0].strip()
            operation = {name.lower(): name for name in ("BatchGetItem", "Query", "GetItem")}.get(target.decode().rpartition(".")[2], "")
            text = stored.answer(operation, json.loads(body))
            return b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Aws(DELAY_SECONDS), "127.0.0.1", 0)
        pipe.send((server.sockets[0].getsockname()[1], stored.index_bytes))
        await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


@contextmanager
def _aws(number: int) -> Iterator[tuple[str, int]]:
    """The URL of an AWS with so many events, and the bytes of their index."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(number, theirs), daemon=True)
    process.start()
    port, index_bytes = ours.recv()
    try:
        yield f"http://127.0.0.1:{port}", index_bytes
    finally:
        ours.send(None)
        process.join(10)


def run(quick: bool = False) -> Section:
    """Measures; ``quick`` asks each question three times in place of nine."""
    repeats = 3 if quick else 9
    with _aws(EVENTS) as (url, index_bytes):
        from event_service import wiring
        from event_service.settings import get_settings

        names = {f"{_words(name)}_TABLE": name for name in (one.removesuffix("Table") for one in resources("AWS::DynamoDB::Table"))}
        os.environ |= names | {
            "AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
            "EVENT_RETENTION_DAYS": "14", "MAX_ENDPOINTS": "10000", "MAX_EVENT_FILTERS": "100000", "WEB_SOCKET_AUTH": "token",
            "ALLOW_HTTP": "true", "ALLOWED_NETWORKS": "", "SOCKET_RETENTION_HOURS": "24", "WEB_SOCKET_MANAGEMENT_URL": url,
            "ROUTING_QUEUE_URL": url, "WEBHOOK_QUEUE_URL": url, "OWN_LANE_QUEUE_URL": url, "SOCKET_QUEUE_URL": url, "WEBHOOK_FUNCTION": "f",
        }  # fmt: skip
        get_settings.cache_clear()
        door = Door(wiring)
        rows = [_measure(door, title, condition, repeats) for title, condition in CONDITIONS.items()]
    return _section(rows, index_bytes)


def _measure(door: Door, title: str, condition: dict[str, Any], repeats: int) -> list[Any]:
    walls: list[float] = []
    cpus: list[float] = []
    found: dict[str, Any] = {}
    for number in range(repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        with redirect_stdout(io.StringIO()):  # what the function logs
            found = door.ask(QUERY, {"input": {"eventFiltersInput": condition}}).data["matchEvents"]
        if number:  # the first one warms up
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    assert (found["examined"], found["complete"]) == (EVENTS, True), found
    return [title, found["matched"], len(found["nearMisses"]), quartiles(walls)[1], quartiles(cpus)[1]]


def _section(rows: list[list[Any]], index_bytes: int) -> Section:
    seconds = max(row[3] for row in rows)
    # An event of up to 4 KB is half a unit when read eventually consistent; index entries are read together.
    units = EVENTS * 0.5 + index_bytes / 4096 * 0.5
    dollars = units * prices.DYNAMODB_READ_UNIT + seconds * MEMORY_GB * prices.LAMBDA_GB_SECOND
    return Section(
        title="Trying a filter on retained events",
        notes=[
            f"`matchEvents` over {EVENTS:,} events of 1 KB in one call, through the Lambda handler; AWS is another process that answers after "
            f"{DELAY_SECONDS * 1000:.0f} ms. Near misses are explained as well. Seconds, the median."
        ],
        tables=[
            Table("", ["filter", "matches", "near misses shown", "seconds", "CPU seconds"], rows),
            Table("", ["", "dollars"], [[f"{units:,.0f} read units", units * prices.DYNAMODB_READ_UNIT], ["all", dollars]]),
        ],
        goals=[
            Goal(f"a filter over {EVENTS:,} retained events of 1 KB", f"{seconds:.2f} s", "≤ 3 s", seconds <= 3),
            Goal("its price", f"${dollars:.5f}", "≤ $0.001", dollars <= 0.001),
        ],
    )


def _words(name: str) -> str:
    """``EventIndex`` as ``EVENT_INDEX``."""
    return "".join(f"_{one}" if one.isupper() and place else one for place, one in enumerate(name)).upper()
