"""What one partition key of DynamoDB takes in a second, and who is throttled beyond it.

AWS: a partition gives 3,000 read units and 1,000 write units a second, to a table and to each of its indexes alike
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html). All items of one key are
together in a partition, with those of its local indexes. Bursts and adaptive capacity are not counted on.

Example::

    limits = PartitionLimits(now=lambda: clock.seconds)
    database = Database(PartitionedConnection(connection, tables, limits), table_name)
    ...
    limits.busiest("EndpointsTable")  # the units of the busiest key in its busiest second
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.support.metering import Item, TableShape, item_size, read_units, write_units

READS_PER_SECOND = 3_000
WRITES_PER_SECOND = 1_000


class Partition(NamedTuple):
    """One partition key of a table or of a global index (``Table.index``)."""

    place: str
    key: str


@dataclass
class PartitionLimits:
    """Counts units by partition key and second. For virtual time as well as for real time.

    Attributes:
        now: seconds, from wherever.
        reads: units that a key gives in a second.
        writes: units that a key takes in a second.
        throttled: how often each key refused.
    """

    now: Callable[[], float]
    reads: float = READS_PER_SECOND
    writes: float = WRITES_PER_SECOND
    throttled: dict[Partition, int] = field(default_factory=lambda: defaultdict(int))
    _used: dict[tuple[Partition, str, int], float] = field(default_factory=lambda: defaultdict(float))
    _lock: Lock = field(default_factory=Lock)

    def take(self, partitions: Mapping[Partition, float], *, write: bool) -> bool:
        """Takes units off each partition, or off none when one of them has too few left."""
        kind, limit = ("write", self.writes) if write else ("read", self.reads)
        second = int(self.now())
        with self._lock:
            full = [one for one, units in partitions.items() if self._used[one, kind, second] + units > limit]
            for one in full:
                self.throttled[one] += 1
            if full:
                return False
            for one, units in partitions.items():
                self._used[one, kind, second] += units
        return True

    def busy(self, *, write: bool) -> Iterator[tuple[float, str, str]]:
        """The units of each key in each second, with its table and the key."""
        kind = "write" if write else "read"
        return ((units, one.place, one.key) for (one, used, _), units in self._used.items() if used == kind)

    def busiest(self, place: str, *, write: bool = False) -> float:
        """The units of the busiest key of a table or index in its busiest second."""
        kind = "write" if write else "read"
        return max((units for (partition, used, _), units in self._used.items() if partition.place == place and used == kind), default=0)


class PartitionedConnection:
    """Stands before a PynamoDB connection and throttles by partition: a single call fails, a batch is done in part."""

    def __init__(self, connection: Any, tables: Mapping[str, TableShape], limits: PartitionLimits) -> None:
        self._connection = connection
        self._tables = tables
        self._limits = limits

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One call."""
        handle = getattr(self, f"_{operation}", None)
        if handle is None:
            raise AssertionError(f"the fake has no rule for {operation}")
        answer: dict[str, Any] = handle(arguments)
        return answer

    def _pass(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._connection.dispatch(operation, arguments)
        return answer

    def writes(self, table: str, item: Item) -> dict[Partition, float]:
        """The units that an item costs each partition."""
        shape = self._tables[table]
        units: dict[Partition, float] = defaultdict(float)
        units[Partition(table, shape.key_of(item)[0])] += write_units(item_size(item))
        for index in shape.indexes:
            entry = shape.in_index(index, item)
            if entry is None:
                continue
            local = index.keys[0] == shape.keys[0]
            place = table if local else f"{table}.{index.name}"
            units[Partition(place, _value(item, index.keys[0]))] += write_units(item_size(entry))
        return units

    def _take_one(self, operation: str, arguments: dict[str, Any], item: Item, *, write: bool) -> dict[str, Any]:
        table = arguments["TableName"]
        if write:
            units = self.writes(table, item)
        else:
            # Before it is read nobody knows how large it is: the least it can cost.
            least = read_units(0, consistent=arguments.get("ConsistentRead", False))
            units = {Partition(table, self._tables[table].key_of(item)[0]): least}
        if not self._limits.take(units, write=write):
            raise throttled(operation)
        return self._pass(operation, arguments)

    def _PutItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - names of operations
        return self._take_one("PutItem", arguments, arguments["Item"], write=True)

    def _UpdateItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._take_one("UpdateItem", arguments, arguments["Key"], write=True)

    def _DeleteItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._take_one("DeleteItem", arguments, arguments["Key"], write=True)

    def _GetItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._take_one("GetItem", arguments, arguments["Key"], write=False)

    def _Query(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        answer = self._pass("Query", arguments)
        table, index = arguments["TableName"], arguments.get("IndexName")
        shape = self._tables[table]
        found = next((one for one in shape.indexes if one.name == index), None)
        local = found is None or found.keys[0] == shape.keys[0]
        size = sum(item_size(item) for item in answer.get("Items", []))
        values = arguments["ExpressionAttributeValues"]
        # The key condition begins with the partition key, so that its value is the first.
        key = str(next(iter(values[min(values)].values())))
        units = read_units(size, consistent=arguments.get("ConsistentRead", False))
        if not self._limits.take({Partition(table if local else f"{table}.{index}", key): units}, write=False):
            raise throttled("Query")
        return answer

    def _BatchGetItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        taken: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for table, request in arguments["RequestItems"].items():
            shape, consistent = self._tables[table], request.get("ConsistentRead", False)
            # Whole items: a projection costs as much as what it leaves out.
            whole = self._pass("BatchGetItem", {"RequestItems": {table: {"Keys": request["Keys"], "ConsistentRead": True}}})
            sizes = {shape.key_of(item): item_size(item) for item in whole.get("Responses", {}).get(table, [])}
            for key in request["Keys"]:
                units = read_units(sizes.get(shape.key_of(key), 0), consistent=consistent)
                side = taken if self._limits.take({Partition(table, shape.key_of(key)[0]): units}, write=False) else left
                side.setdefault(table, {**request, "Keys": []})["Keys"].append(key)
        return self._in_part("BatchGetItem", arguments, taken, left, "UnprocessedKeys")

    def _BatchWriteItem(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        taken: dict[str, Any] = {}
        left: dict[str, Any] = {}
        for table, requests in arguments["RequestItems"].items():
            for request in requests:
                item = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
                side = taken if self._limits.take(self.writes(table, item), write=True) else left
                side.setdefault(table, []).append(request)
        return self._in_part("BatchWriteItem", arguments, taken, left, "UnprocessedItems")

    def _TransactWriteItems(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        units: dict[Partition, float] = defaultdict(float)
        for action in arguments["TransactItems"]:
            ((_, body),) = action.items()
            for partition, cost in self.writes(body["TableName"], body.get("Item") or body["Key"]).items():
                units[partition] += 2 * cost
        if not self._limits.take(units, write=True):
            raise throttled("TransactWriteItems")
        return self._pass("TransactWriteItems", arguments)

    def _in_part(
        self, operation: str, arguments: dict[str, Any], taken: dict[str, Any], left: dict[str, Any], left_over: str
    ) -> dict[str, Any]:
        if not taken:
            raise throttled(operation)
        answer = self._pass(operation, {**arguments, "RequestItems": taken})
        return {**answer, left_over: left} if left else answer


def throttled(operation: str) -> ClientError:
    """A key gave or took all it can in this second."""
    return ClientError(
        {"Error": {"Code": "ThrottlingException", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item]
        operation,
    )


def _value(item: Item, name: str) -> str:
    return str(next(iter(item[name].values())))
