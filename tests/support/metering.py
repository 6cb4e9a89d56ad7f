"""What calls cost, by AWS's rules: read and write request units from the sizes of items, requests of SQS from bytes.

Stand-ins report 1.0 for everything, so tests and prices use this meter. The rules are those of the DynamoDB developer
guide ("DynamoDB Item sizes and formats", "DynamoDB read and write operations"); its examples are tests of this module.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

READ_BYTES = 4 * 1024
WRITE_BYTES = 1024
SQS_BYTES = 64 * 1024


def item_size(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them: the UTF-8 names of its attributes and their values."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Mapping[str, Any]) -> int:
    """Bytes of one value as the low-level API writes it, such as ``{"S": "text"}``."""
    ((kind, raw),) = value.items()
    if kind not in _SIZES:
        raise ValueError(f"DynamoDB has no type {kind}")
    return _SIZES[kind](raw)


def _number_size(raw: str) -> int:
    digits = raw.lstrip("-").replace(".", "").strip("0") or "0"
    # One byte for two significant digits, one for the rest, one more below zero.
    return math.ceil(len(digits) / 2) + 1 + raw.startswith("-")


_SIZES: dict[str, Callable[[Any], int]] = {
    "S": lambda raw: len(raw.encode()),
    "N": _number_size,
    "B": len,
    "BOOL": lambda _raw: 1,
    "NULL": lambda _raw: 1,
    "SS": lambda raw: sum(len(one.encode()) for one in raw),
    "NS": lambda raw: sum(_number_size(one) for one in raw),
    "BS": lambda raw: sum(len(one) for one in raw),
    "L": lambda raw: 3 + sum(1 + value_size(one) for one in raw),
    "M": lambda raw: 3 + sum(1 + len(name.encode()) + value_size(one) for name, one in raw.items()),
}


def write_units(size: int) -> int:
    """Of one standard write of an item with ``size`` bytes; nothing is free."""
    return max(1, math.ceil(size / WRITE_BYTES))


def read_units(size: int, *, consistent: bool) -> float:
    """Of one read of ``size`` bytes; what is not there costs as much as the least that is."""
    return max(1, math.ceil(size / READ_BYTES)) * (1.0 if consistent else 0.5)


def sqs_requests(size: int) -> int:
    """Billed requests of one call whose messages have ``size`` bytes together."""
    return max(1, math.ceil(size / SQS_BYTES))


@dataclass(frozen=True, slots=True)
class IndexShape:
    """A secondary index: its key attributes, and whether all attributes are in it or only keys."""

    name: str
    keys: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table's key attributes and indexes."""

    keys: tuple[str, ...]
    indexes: tuple[IndexShape, ...] = ()

    @classmethod
    def of_template(cls, properties: Mapping[str, Any]) -> TableShape:
        """From the properties of an ``AWS::DynamoDB::Table``."""
        indexes = [*properties.get("GlobalSecondaryIndexes", ()), *properties.get("LocalSecondaryIndexes", ())]
        return cls(
            _names(properties["KeySchema"]),
            tuple(IndexShape(one["IndexName"], _names(one["KeySchema"]), one["Projection"]["ProjectionType"] == "ALL") for one in indexes),
        )

    def key_of(self, item: Item) -> tuple[str, ...]:
        """A hashable form of the primary key."""
        return tuple(str(next(iter(item[name].values()))) for name in self.keys)

    def in_index(self, index: IndexShape, item: Item | None) -> Item | None:
        """What of ``item`` is in an index; ``None`` when it is not in it."""
        if item is None or not set(index.keys) <= item.keys():
            return None
        return item if index.whole else {name: item[name] for name in {*self.keys, *index.keys}}


def _names(schema: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    return tuple(one["AttributeName"] for one in schema)


@dataclass(frozen=True, slots=True)
class Call:
    """One SDK call."""

    operation: str
    target: str
    reads: float = 0
    writes: float = 0
    items: int = 1


@dataclass
class Ledger:
    """All calls since the last look."""

    calls: list[Call] = field(default_factory=list)

    def take(self) -> Ledger:
        """What was noted so far; the ledger is empty then."""
        taken, self.calls = Ledger(self.calls), []
        return taken

    @property
    def operations(self) -> dict[str, int]:
        """How often each operation was called."""
        return dict(Counter(call.operation for call in self.calls))

    @property
    def reads(self) -> float:
        """Read request units."""
        return sum(call.reads for call in self.calls)

    @property
    def writes(self) -> float:
        """Write request units, those of indexes included."""
        return sum(call.writes for call in self.calls)

    def __len__(self) -> int:
        return len(self.calls)


class MeteredConnection:
    """Stands before a PynamoDB connection, keeps what was written, and notes what each call costs.

    It sees only what passes through it: items that others wrote count as absent when they are replaced.
    """

    def __init__(self, connection: Any, tables: Mapping[str, TableShape], ledger: Ledger) -> None:
        self._connection = connection
        self._tables = tables
        self._ledger = ledger
        self._items: dict[tuple[str, tuple[str, ...]], Item] = {}

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One call."""
        try:
            answer: dict[str, Any] = self._connection.dispatch(operation, arguments)
        except Exception:
            # A condition that is not met is billed as the write of what stands there.
            if "TableName" in arguments:
                table = arguments["TableName"]
                standing = self._standing(table, arguments.get("Item") or arguments.get("Key") or {})
                self._note(operation, table, writes=write_units(item_size(standing or {})))
            raise
        noted = getattr(self, f"_{operation}", None)
        if noted is None:
            raise AssertionError(f"the meter has no rule for {operation}")
        noted(arguments, answer)
        return answer

    def _note(self, operation: str, target: str, **cost: Any) -> None:
        self._ledger.calls.append(Call(operation, target, **cost))

    def _standing(self, table: str, item: Item) -> Item | None:
        return self._items.get((table, self._tables[table].key_of(item)))

    def _written(self, table: str, item: Item | None, key: Item) -> int:
        """Replaces what stands under ``key`` and returns the units, of the table and of its indexes."""
        shape, before = self._tables[table], self._standing(table, key)
        units = write_units(max(item_size(before or {}), item_size(item or {})))
        for index in shape.indexes:
            old, new = shape.in_index(index, before), shape.in_index(index, item)
            if old == new:
                continue
            moved = old is not None and new is not None and any(old[name] != new[name] for name in index.keys)
            if moved:
                # Out of its old place and into a new one.
                units += write_units(item_size(old or {})) + write_units(item_size(new or {}))
            else:
                units += write_units(max(item_size(old or {}), item_size(new or {})))
        if item is None:
            self._items.pop((table, shape.key_of(key)), None)
        else:
            self._items[table, shape.key_of(key)] = dict(item)
        return units

    def _PutItem(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802 - names of operations
        del answer
        item = arguments["Item"]
        self._note("PutItem", arguments["TableName"], writes=self._written(arguments["TableName"], item, item))

    def _DeleteItem(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        del answer
        self._note("DeleteItem", arguments["TableName"], writes=self._written(arguments["TableName"], None, arguments["Key"]))

    def _UpdateItem(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        del answer
        # What an expression makes of an item is not computed here: as large as before, and in no other place of an index.
        table = arguments["TableName"]
        before = self._standing(table, arguments["Key"]) or arguments["Key"]
        self._items[table, self._tables[table].key_of(arguments["Key"])] = before
        self._note("UpdateItem", table, writes=write_units(item_size(before)))

    def _BatchWriteItem(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        assert not answer.get("UnprocessedItems"), "the meter expects a stand-in that writes all"
        for table, requests in arguments["RequestItems"].items():
            units = 0
            for request in requests:
                item = request.get("PutRequest", {}).get("Item")
                units += self._written(table, item, item or request["DeleteRequest"]["Key"])
            self._note("BatchWriteItem", table, writes=units, items=len(requests))

    def _GetItem(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        size = item_size(answer.get("Item", {}))
        self._note("GetItem", arguments["TableName"], reads=read_units(size, consistent=arguments.get("ConsistentRead", False)))

    def _BatchGetItem(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        # Each item is rounded up by itself; a projection does not make it cheaper, so its stored size counts.
        del answer
        total, items = 0.0, 0
        for table, request in arguments["RequestItems"].items():
            for key in request["Keys"]:
                stored = self._standing(table, key)
                total += read_units(item_size(stored or {}), consistent=request.get("ConsistentRead", False))
                items += 1
        self._note("BatchGetItem", "+".join(sorted(arguments["RequestItems"])), reads=total, items=items)

    def _Query(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        # The sizes of all items are added up first, before any projection of the query itself.
        table = arguments["TableName"]
        shape = self._tables[table]
        index = next((one for one in shape.indexes if one.name == arguments.get("IndexName")), None)
        size = 0
        for item in answer.get("Items", []):
            stored = self._standing(table, item) if set(shape.keys) <= item.keys() else None
            seen = stored or item
            size += item_size((shape.in_index(index, seen) or seen) if index else seen)
        units = read_units(size, consistent=arguments.get("ConsistentRead", False))
        self._note("Query", f"{table}.{index.name}" if index else table, reads=units, items=len(answer.get("Items", [])))

    def _TransactWriteItems(self, arguments: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: N802
        del answer
        units = 0
        for action in arguments["TransactItems"]:
            ((kind, body),) = action.items()
            table = body["TableName"]
            if kind == "Put":
                units += 2 * self._written(table, body["Item"], body["Item"])
            elif kind == "Delete":
                units += 2 * self._written(table, None, body["Key"])
            else:
                units += 2 * write_units(item_size(self._standing(table, body["Key"]) or body["Key"]))
        tables = {body["TableName"] for action in arguments["TransactItems"] for body in action.values()}
        self._note("TransactWriteItems", "+".join(sorted(tables)), writes=units, items=len(arguments["TransactItems"]))


class MeteredSqs:
    """Stands before an SQS client and notes what is sent."""

    def __init__(self, client: Any, ledger: Ledger) -> None:
        self._client = client
        self._ledger = ledger

    def send_message(self, **arguments: Any) -> Any:
        """One call, one message."""
        answer = self._client.send_message(**arguments)
        self._ledger.calls.append(Call("SendMessage", arguments["QueueUrl"].rpartition("/")[2]))
        return answer

    def send_message_batch(self, **arguments: Any) -> Any:
        """One call, up to ten messages."""
        answer = self._client.send_message_batch(**arguments)
        self._ledger.calls.append(Call("SendMessageBatch", arguments["QueueUrl"].rpartition("/")[2], items=len(arguments["Entries"])))
        return answer

    def delete_message_batch(self, **arguments: Any) -> Any:
        """One call, up to ten messages."""
        answer = self._client.delete_message_batch(**arguments)
        self._ledger.calls.append(Call("DeleteMessageBatch", arguments["QueueUrl"].rpartition("/")[2], items=len(arguments["Entries"])))
        return answer
