"""Stands before a DynamoDB in memory and refuses what AWS refuses and the memory takes.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tests.support.metering import Item, TableShape, item_size

MOST_ITEM_BYTES = 400 * 1024
MOST_BATCH_BYTES = 16 * 1024 * 1024


def refused(operation: str, message: str) -> ClientError:
    """A request that AWS will never take."""
    return ClientError(
        {"Error": {"Code": "ValidationException", "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item]
        operation,
    )


class StrictConnection:
    """A connection on which a batch has at most 25 items or 100 keys, none twice, and no item more than 400 KB."""

    def __init__(self, connection: Any, tables: Mapping[str, TableShape]) -> None:
        self._connection = connection
        self._tables = tables

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One call."""
        if operation == "BatchWriteItem":
            self._check_writes(arguments["RequestItems"])
        elif operation == "BatchGetItem":
            self._check_keys(operation, {table: request["Keys"] for table, request in arguments["RequestItems"].items()}, 100)
        elif operation == "PutItem":
            _check_size(operation, arguments["Item"])
        answer: dict[str, Any] = self._connection.dispatch(operation, arguments)
        return answer

    def _check_writes(self, requests: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        items = {
            table: [one["PutRequest"]["Item"] if "PutRequest" in one else one["DeleteRequest"]["Key"] for one in of_table]
            for table, of_table in requests.items()
        }
        self._check_keys("BatchWriteItem", items, 25)
        for of_table in items.values():
            for item in of_table:
                _check_size("BatchWriteItem", item)
        if sum(item_size(item) for of_table in items.values() for item in of_table) > MOST_BATCH_BYTES:
            raise refused("BatchWriteItem", "Request size exceeds 16 MB")

    def _check_keys(self, operation: str, items: Mapping[str, list[Item]], most: int) -> None:
        number = sum(map(len, items.values()))
        if not 1 <= number <= most:
            raise refused(operation, f"{number} items; 1 to {most} are allowed")
        for table, of_table in items.items():
            keys = [self._tables[table].key_of(item) for item in of_table]
            if len(keys) != len(set(keys)):
                raise refused(operation, "Provided list of item keys contains duplicates")


def _check_size(operation: str, item: Item) -> None:
    if item_size(item) > MOST_ITEM_BYTES:
        raise refused(operation, "Item size has exceeded the maximum allowed size")
