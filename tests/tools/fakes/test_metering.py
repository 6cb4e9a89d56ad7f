"""The meter on the examples that AWS publishes.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.metering import (
    IndexShape,
    Ledger,
    MeteredConnection,
    TableShape,
    item_size,
    read_units,
    sqs_requests,
    value_size,
    write_units,
)

KIB = 1024


def test_the_size_of_the_item_with_a_shirt() -> None:
    """ "shirt-color" and "R" are 12 bytes, "shirt-size" and "M" are 11: together 23."""
    assert item_size({"shirt-color": {"S": "R"}}) == 12
    assert item_size({"shirt-color": {"S": "R"}, "shirt-size": {"S": "M"}}) == 23


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "é"}, 2),
        ({"N": "0"}, 2),
        ({"N": "27"}, 2),
        ({"N": "-27"}, 3),
        ({"N": "461"}, 3),
        ({"N": "1500000"}, 2),
        ({"N": "0.0015"}, 2),
        ({"B": b"1234"}, 4),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        ({"M": {}}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 3 + 2),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + 1 + 2),
        ({"SS": ["a", "bc"]}, 3),
    ],
)
def test_the_sizes_of_values(value: dict[str, Any], size: int) -> None:
    assert value_size(value) == size


def test_reads_are_rounded_up_to_4_kb() -> None:
    """An item of 3.5 KB counts as 4 KB, one of 10 KB as 12 KB; a strongly consistent read is twice the price."""
    assert read_units(int(3.5 * KIB), consistent=True) == 1
    assert read_units(10 * KIB, consistent=True) == 3
    assert read_units(8 * KIB, consistent=False) == 1
    assert read_units(8 * KIB, consistent=True) == 2


def test_a_read_of_what_is_not_there_is_billed() -> None:
    assert (read_units(0, consistent=True), read_units(0, consistent=False)) == (1, 0.5)


def test_writes_are_rounded_up_to_1_kb() -> None:
    """An item of 500 bytes counts as 1 KB."""
    assert [write_units(size) for size in (0, 500, 1024, 1025, int(3.5 * KIB))] == [1, 1, 1, 2, 4]


def test_sqs_bills_each_64_kb() -> None:
    assert [sqs_requests(size) for size in (1, 64 * KIB, 64 * KIB + 1, 1024 * KIB)] == [1, 1, 2, 16]


class Answering:
    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def item(key: str, size: int, **more: str) -> dict[str, dict[str, str]]:
    whole = {"k": {"S": key}, **{name: {"S": value} for name, value in more.items()}, "d": {"S": ""}}
    whole["d"]["S"] = "x" * (size - item_size(whole))
    return whole


PLAIN = TableShape(("k",))


class Metered:
    def __init__(self, shape: TableShape = PLAIN) -> None:
        self.ledger = Ledger()
        self.below = Answering({})
        self.connection = MeteredConnection(self.below, {"T": shape}, self.ledger)

    def call(self, operation: str, arguments: dict[str, Any], answer: dict[str, Any] | Exception | None = None) -> tuple[float, float]:
        self.below.answer = answer or {}
        self.connection.dispatch(operation, arguments)
        taken = self.ledger.take()
        return taken.reads, taken.writes

    def put(self, whole: dict[str, Any]) -> float:
        return self.call("PutItem", {"TableName": "T", "Item": whole})[1]


def test_batch_get_rounds_each_item_by_itself() -> None:
    """Items of 1.5 KB and 6.5 KB count as 4 + 8 = 12 KB, not as 8 KB."""
    metered = Metered()
    metered.put(item("a", int(1.5 * KIB)))
    metered.put(item("b", int(6.5 * KIB)))

    keys = [{"k": {"S": "a"}}, {"k": {"S": "b"}}]

    assert metered.call("BatchGetItem", {"RequestItems": {"T": {"Keys": keys, "ConsistentRead": True}}}) == (3, 0)
    assert metered.call("BatchGetItem", {"RequestItems": {"T": {"Keys": keys}}}) == (1.5, 0)


def test_a_query_rounds_the_sum_of_its_items() -> None:
    """Ten items with 40.8 KB together count as 44 KB; 1,500 items of 64 bytes as 96 KB."""
    ten = [item(str(number), int(4.08 * KIB)) for number in range(10)]
    many = [item(f"{number:04d}", 64) for number in range(1_500)]

    assert Metered().call("Query", {"TableName": "T"}, {"Items": ten}) == (5.5, 0)
    assert Metered().call("Query", {"TableName": "T"}, {"Items": many}) == (12, 0)


def test_a_put_costs_the_larger_of_the_old_and_the_new_item() -> None:
    metered = Metered()

    assert [metered.put(item("a", size)) for size in (500, int(3.5 * KIB), 500)] == [1, 4, 4]


def test_batch_write_rounds_each_item_by_itself() -> None:
    """Items of 500 bytes and 3.5 KB count as 1 + 4 = 5 KB."""
    requests = [{"PutRequest": {"Item": item("a", 500)}}, {"PutRequest": {"Item": item("b", int(3.5 * KIB))}}]

    assert Metered().call("BatchWriteItem", {"RequestItems": {"T": requests}}) == (0, 5)


def test_a_delete_costs_what_was_there() -> None:
    metered = Metered()
    metered.put(item("a", int(3.5 * KIB)))

    assert metered.call("DeleteItem", {"TableName": "T", "Key": {"k": {"S": "a"}}}) == (0, 4)


INDEXED = TableShape(("k",), (IndexShape("by_g", ("g",), whole=False),))


def test_an_item_that_enters_an_index_costs_a_write_there() -> None:
    metered = Metered(INDEXED)

    assert metered.put(item("a", int(3.5 * KIB), g="1")) == 4 + 1
    assert metered.put(item("b", int(3.5 * KIB))) == 4


def test_index_entry_that_moves_costs_two_writes() -> None:
    metered = Metered(INDEXED)
    metered.put(item("a", 100, g="1"))

    assert metered.put(item("a", 200, g="1")) == 1
    assert metered.put(item("a", 200, g="2")) == 1 + 2
    assert metered.put(item("a", 200)) == 1 + 1


def test_a_condition_that_is_not_met_is_billed() -> None:
    metered = Metered()
    metered.put(item("a", int(3.5 * KIB)))

    with pytest.raises(RuntimeError):
        metered.call("PutItem", {"TableName": "T", "Item": item("a", 500)}, RuntimeError("ConditionalCheckFailedException"))
    assert metered.ledger.writes == 4


def test_a_transaction_is_twice_the_price() -> None:
    actions = [{"Put": {"TableName": "T", "Item": item("a", 500)}}, {"Put": {"TableName": "T", "Item": item("b", int(3.5 * KIB))}}]

    assert Metered().call("TransactWriteItems", {"TransactItems": actions}) == (0, 10)


def test_an_operation_without_a_rule_is_not_free() -> None:
    with pytest.raises(AssertionError, match="no rule for Scan"):
        Metered().call("Scan", {"TableName": "T"})
