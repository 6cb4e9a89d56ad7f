"""Batches that go past the SDK's serializer and parser mean the same to DynamoDB as those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from event_service.aws.dynamodb import Database, Key
from event_service.base.errors import Unavailable
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


def test_what_is_written_past_the_sdk_is_read_the_same_on_both_ways(database: Database) -> None:
    database.batch_put(LogItem, ITEMS)
    expected = {item["eventKey"]["S"]: item for item in ITEMS}
    assert by_key(database.batch_get(KEYS)) == expected
    assert by_key(database.batch_get(KEYS, binary=False)) == expected
    assert database.batch_get([Key(LogItem, "workspace#none", "endpoint#0001")], binary=False) == []


def test_a_binary_attribute_is_refused_and_nothing_is_written(database: Database) -> None:
    with pytest.raises(TypeError):
        database.batch_put(LogItem, [ITEMS[0], ITEMS[1] | {"body": {"B": b"bytes"}}])
    assert database.batch_get(KEYS[:2]) == []


def test_other_calls_take_the_sdk_s_way_after_a_batch_past_it(database: Database) -> None:
    database.batch_put(LogItem, ITEMS[:1])
    item = database.get(LogItem, KEYS[0].hash, KEYS[0].range)
    assert item is not None
    assert item.expires_at == 1795507200


def test_an_error_is_the_domain_s_on_this_way_too(database: Database) -> None:
    lost = Database(database._connection, lambda logical: f"{logical}-that-is-not-there")
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        lost.batch_put(LogItem, ITEMS[:1])
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        lost.batch_get(KEYS[:1], binary=False)
