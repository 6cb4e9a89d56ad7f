"""The fakes before DynamoDB refuse and throttle as AWS does; otherwise tests against them would show nothing."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.dynamodb import StrictConnection
from tests.fakes.partitions import Partition, PartitionedConnection, PartitionLimits
from tests.support.metering import IndexShape, TableShape

TABLE = TableShape(("key", "sort"), (IndexShape("by_owner", ("owner",), whole=False), IndexShape("by_date", ("key", "date"), whole=True)))


class Memory:
    """Takes everything and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, arguments))
        return {"Items": [item("a", "1", size=4_000)] * 10} if operation == "Query" else {}


def item(key: str, sort: str, size: int = 10, **more: str) -> dict[str, Any]:
    return {"key": {"S": key}, "sort": {"S": sort}, "body": {"S": "x" * size}} | {name: {"S": value} for name, value in more.items()}


def puts(*items: dict[str, Any]) -> dict[str, Any]:
    return {"RequestItems": {"T": [{"PutRequest": {"Item": one}} for one in items]}}


def gets(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"RequestItems": {"T": {"Keys": list(keys), "ConsistentRead": True}}}


class Scene:
    """Both fakes over one memory, at a time that a test sets."""

    def __init__(self, reads: float = 3_000, writes: float = 1_000) -> None:
        self.second = 0.0
        self.memory = Memory()
        self.limits = PartitionLimits(lambda: self.second, reads, writes)
        self.strict = StrictConnection(self.memory, {"T": TABLE})
        self.partitioned = PartitionedConnection(self.memory, {"T": TABLE}, self.limits)


@pytest.mark.parametrize(
    ("operation", "arguments", "why"),
    [
        ("BatchWriteItem", puts(item("a", "1"), item("a", "1", size=11)), "duplicates"),
        ("BatchGetItem", gets({"key": {"S": "a"}, "sort": {"S": "1"}}, {"key": {"S": "a"}, "sort": {"S": "1"}}), "duplicates"),
        ("BatchWriteItem", puts(*(item("a", str(number)) for number in range(26))), "26 items"),
        ("BatchGetItem", gets(*({"key": {"S": "a"}, "sort": {"S": str(number)}} for number in range(101))), "101 items"),
        ("BatchWriteItem", {"RequestItems": {}}, "0 items"),
        ("PutItem", {"TableName": "T", "Item": item("a", "1", size=400 * 1024)}, "Item size"),
        ("BatchWriteItem", puts(item("a", "1", size=400 * 1024)), "Item size"),
    ],
)
def test_what_aws_refuses_is_refused(operation: str, arguments: dict[str, Any], why: str) -> None:
    scene = Scene()

    with pytest.raises(ClientError, match=why):
        scene.strict.dispatch(operation, arguments)

    assert scene.memory.calls == []


def test_what_aws_takes_is_passed_on() -> None:
    scene = Scene()

    scene.strict.dispatch("BatchWriteItem", puts(*(item("a", str(number)) for number in range(25))))

    assert len(scene.memory.calls) == 1


def test_a_key_takes_so_many_writes_in_a_second_and_again_in_the_next() -> None:
    scene = Scene(writes=3)

    for number in range(3):
        scene.partitioned.dispatch("PutItem", {"TableName": "T", "Item": item("a", str(number))})
    with pytest.raises(ClientError, match="ThrottlingException"):
        scene.partitioned.dispatch("PutItem", {"TableName": "T", "Item": item("a", "4")})
    scene.partitioned.dispatch("PutItem", {"TableName": "T", "Item": item("b", "4")})
    scene.second = 1.0
    scene.partitioned.dispatch("PutItem", {"TableName": "T", "Item": item("a", "4")})

    assert scene.limits.throttled == {Partition("T", "a"): 1}
    assert scene.limits.busiest("T", write=True) == 3


def test_a_batch_is_done_in_part_and_one_of_which_nothing_fits_fails() -> None:
    scene = Scene(writes=2)

    answer = scene.partitioned.dispatch("BatchWriteItem", puts(*(item("a", str(number)) for number in range(3)), item("b", "1")))

    assert [one["PutRequest"]["Item"]["sort"]["S"] for one in answer["UnprocessedItems"]["T"]] == ["2"]
    with pytest.raises(ClientError, match="ThrottlingException"):
        scene.partitioned.dispatch("BatchWriteItem", puts(item("a", "3")))


def test_reads_of_a_batch_are_counted_by_key() -> None:
    scene = Scene(reads=2)
    keys = [{"key": {"S": "a"}, "sort": {"S": str(number)}} for number in range(3)]

    answer = scene.partitioned.dispatch("BatchGetItem", gets(*keys))

    assert answer["UnprocessedKeys"]["T"]["Keys"] == [keys[2]]


def test_a_query_costs_what_it_reads() -> None:
    scene = Scene()

    scene.partitioned.dispatch(
        "Query", {"TableName": "T", "ConsistentRead": True, "ExpressionAttributeValues": {":0": {"S": "a"}, ":1": {"S": "z"}}}
    )

    assert scene.limits.busiest("T") == 10


def test_local_index_entries_burden_the_same_key() -> None:
    scene = Scene()

    scene.partitioned.dispatch("PutItem", {"TableName": "T", "Item": item("a", "1", owner="o", date="d")})

    assert scene.limits.busiest("T", write=True) == 2
    assert scene.limits.busiest("T.by_owner", write=True) == 1


def test_a_transaction_costs_twice() -> None:
    scene = Scene()

    scene.partitioned.dispatch("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "T", "Item": item("a", "1")}}]})

    assert scene.limits.busiest("T", write=True) == 2
