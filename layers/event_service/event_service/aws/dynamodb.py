"""One DynamoDB client for all tables of a process.

PynamoDB gives the schema (models), the expressions and the connection. Its models are not asked to do the calls: each
of them would build a botocore client of its own (about 50 ms), its defaults wait 15 s to connect and 30 s to read, and
its batches retry without a pause. So every call goes through :class:`Database`, which also turns what AWS answers into
the domain's errors, in one place.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

from event_service.aws.plain_json import plain_json, register
from event_service.aws.user_agent import USER_AGENT
from event_service.base.errors import RateLimited, Unavailable

CONNECT_TIMEOUT_SECONDS: Final = 1
READ_TIMEOUT_SECONDS: Final = 3
SDK_RETRIES: Final = 2
CONNECTIONS: Final = 32
"""In the pool; use cases run up to 16 calls at once."""

MAXIMUM_KEYS_PER_GET: Final = 100
MAXIMUM_WRITES_PER_BATCH: Final = 25
MAXIMUM_ACTIONS_PER_TRANSACTION: Final = 100
BATCH_TRIES: Final = 6
"""Of what a batch left unprocessed, with 50 ms to 1.6 s between, before the call counts as throttled."""

_THROTTLED: Final = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "ThrottledException",
    "TooManyRequestsException",
}

AttributeMap = dict[str, dict[str, Any]]
_M = TypeVar("_M", bound=Model)


class ConditionFailed(Exception):
    """A conditional write was refused. ``current`` is what stands there, if anything does."""

    def __init__(self, current: AttributeMap | None) -> None:
        super().__init__("the condition of a write was not met")
        self.current = current


class TransactionCanceled(Exception):
    """A transaction was refused; ``reasons`` has the code of each action, ``None`` for one that was fine."""

    def __init__(self, reasons: Sequence[str | None]) -> None:
        super().__init__(f"a transaction was cancelled: {list(reasons)}")
        self.reasons = list(reasons)


@dataclass(frozen=True, slots=True)
class Key:
    """The primary key of one item of a model's table, as Python values."""

    model: type[Model]
    hash: Any
    range: Any = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a query: the items as stored, their number, and where to go on (``None``: at the end)."""

    items: list[AttributeMap]
    count: int
    next: AttributeMap | None


@dataclass(slots=True)
class Write:
    """One action of a transaction."""

    item: Model | None = None
    key: Key | None = None
    actions: Sequence[Action] = ()
    condition: Condition | None = None
    kind: str = field(default="Put")

    @classmethod
    def put(cls, item: Model, condition: Condition | None = None) -> Write:
        return cls(item=item, condition=condition, kind="Put")

    @classmethod
    def update(cls, key: Key, actions: Sequence[Action], condition: Condition | None = None) -> Write:
        return cls(key=key, actions=actions, condition=condition, kind="Update")

    @classmethod
    def delete(cls, key: Key, condition: Condition | None = None) -> Write:
        return cls(key=key, condition=condition, kind="Delete")

    @classmethod
    def check(cls, key: Key, condition: Condition) -> Write:
        """Only checks the item at ``key``."""
        return cls(key=key, condition=condition, kind="ConditionCheck")


class _Connection(Connection):
    """With a fixed ``User-Agent`` and the hooks of :mod:`plain_json`, for which PynamoDB has no setting."""

    @property
    def session(self) -> botocore.session.Session:
        session = super().session
        session.set_default_client_config(Config(user_agent=USER_AGENT))
        register(session)
        return session


def connect(region: str, endpoint_url: str | None) -> Connection:
    """The connection that all tables share. The botocore client is made on its first use."""
    return _Connection(
        region=region,
        host=endpoint_url,
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        max_retry_attempts=SDK_RETRIES,
        max_pool_connections=CONNECTIONS,
    )


class Database:
    """The operations the adapters need, over one connection.

    Every method raises :class:`RateLimited` when AWS still throttles after the retries, and :class:`Unavailable` when
    a call failed or timed out, so that it is not known whether it acted.
    """

    def __init__(
        self,
        connection: Connection,
        table_name: Callable[[str], str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            connection: see :func:`connect`.
            table_name: the deployed table of a model's ``Meta.table_name``, so that models need no environment.
            sleep: waits between tries of a batch, in seconds.
        """
        self._connection = connection
        self._table_name = table_name
        self._sleep = sleep

    # -- single items --------------------------------------------------------------------------------------------

    def get(self, model: type[_M], hash_key: Any, range_key: Any = None, *, consistent: bool = True) -> _M | None:
        """One item, or ``None`` if there is none. A read that is not ``consistent`` costs half and may miss the last second."""
        answer = self._call(
            "GetItem",
            {
                "TableName": self.table(model),
                "Key": self.key_map(Key(model, hash_key, range_key)),
                "ConsistentRead": consistent,
            },
        )
        item = answer.get("Item")
        return model.from_raw_data(item) if item else None

    def put(self, item: Model, condition: Condition | None = None) -> None:
        """Puts one item.

        Raises:
            ConditionFailed: the condition was not met; it carries what stands there.
        """
        arguments: dict[str, Any] = {"TableName": self.table(type(item)), "Item": item.serialize()}
        self._write("PutItem", arguments, (), condition)

    def update(self, key: Key, actions: Sequence[Action], condition: Condition | None = None) -> None:
        """Updates one item (and makes it if it is not there and the condition allows it).

        Raises:
            ConditionFailed: the condition was not met.
        """
        arguments: dict[str, Any] = {"TableName": self.table(key.model), "Key": self.key_map(key)}
        self._write("UpdateItem", arguments, actions, condition)

    def update_and_get(self, key: Key, actions: Sequence[Action], condition: Condition | None = None) -> AttributeMap:
        """Updates one item and returns it as it is afterwards, which makes it a strongly consistent read as well.

        Raises:
            ConditionFailed: the condition was not met.
        """
        arguments: dict[str, Any] = {"TableName": self.table(key.model), "Key": self.key_map(key), "ReturnValues": "ALL_NEW"}
        answer: AttributeMap = self._write("UpdateItem", arguments, actions, condition)["Attributes"]
        return answer

    def delete(self, key: Key, condition: Condition | None = None) -> None:
        """Deletes one item.

        Raises:
            ConditionFailed: the condition was not met.
        """
        arguments: dict[str, Any] = {"TableName": self.table(key.model), "Key": self.key_map(key)}
        self._write("DeleteItem", arguments, (), condition)

    # -- many items ----------------------------------------------------------------------------------------------

    def query(
        self,
        model: type[Model],
        key_condition: Condition,
        *,
        index: str | None = None,
        filter_condition: Condition | None = None,
        attributes: Sequence[str] | None = None,
        descending: bool = False,
        limit: int | None = None,
        consistent: bool = False,
        count_only: bool = False,
        start: AttributeMap | None = None,
    ) -> Page:
        """One page of a query: at most 1 MB, or ``limit`` items before the filter."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        arguments: dict[str, Any] = {
            "TableName": self.table(model),
            "KeyConditionExpression": key_condition.serialize(names, values),
            "ScanIndexForward": not descending,
            "ConsistentRead": consistent,
        }
        if filter_condition is not None:
            arguments["FilterExpression"] = filter_condition.serialize(names, values)
        if attributes is not None:
            arguments["ProjectionExpression"] = ", ".join(
                names.setdefault(attribute, f"#p{number}") for number, attribute in enumerate(attributes)
            )
        if index is not None:
            arguments["IndexName"] = index
        if limit is not None:
            arguments["Limit"] = limit
        if count_only:
            arguments["Select"] = "COUNT"
        if start is not None:
            arguments["ExclusiveStartKey"] = start
        _add_placeholders(arguments, names, values)
        answer = self._call("Query", arguments)
        return Page(answer.get("Items", []), answer.get("Count", 0), answer.get("LastEvaluatedKey"))

    def query_all(self, model: type[Model], key_condition: Condition, **options: Any) -> Iterator[AttributeMap]:
        """All items of a query, page by page as they are taken."""
        start: AttributeMap | None = None
        while True:
            page = self.query(model, key_condition, start=start, **options)
            yield from page.items
            if page.next is None:
                return
            start = page.next

    def batch_get(
        self, keys: Iterable[Key], *, consistent: bool = True, attributes: Sequence[str] | None = None, binary: bool = True
    ) -> list[tuple[type[Model], AttributeMap]]:
        """Those items that exist, of one or several tables, in no order; 100 keys a call. Equal keys are asked once.

        Args:
            keys: of the items.
            consistent: read strongly, at twice the price.
            attributes: by their names in the table; leaves out the others on the way, at the same price.
            binary: whether an item may hold a binary attribute; without them a large batch takes less processor time.
        """
        options: dict[str, Any] = {"ConsistentRead": consistent}
        if attributes is not None:
            options["ProjectionExpression"] = ", ".join(f"#p{number}" for number in range(len(attributes)))
            options["ExpressionAttributeNames"] = {f"#p{number}": name for number, name in enumerate(attributes)}
        wanted: dict[str, tuple[type[Model], dict[tuple[Any, Any], AttributeMap]]] = {}
        for key in keys:
            group = wanted.setdefault(self.table(key.model), (key.model, {}))
            group[1][key.hash, key.range] = self.key_map(key)
        flat = [(table, key_map) for table, (_, group) in wanted.items() for key_map in group.values()]
        found: list[tuple[type[Model], AttributeMap]] = []
        for first in range(0, len(flat), MAXIMUM_KEYS_PER_GET):
            request: dict[str, Any] = {}
            for table, key_map in flat[first : first + MAXIMUM_KEYS_PER_GET]:
                request.setdefault(table, {"Keys": [], **options})["Keys"].append(key_map)
            for answer in self._batch("BatchGetItem", request, "UnprocessedKeys", plain=not binary):
                for table, items in answer.get("Responses", {}).items():
                    model = wanted[table][0]
                    found.extend((model, item) for item in items)
        return found

    def batch_write(self, puts: Iterable[Model] = (), deletes: Iterable[Key] = ()) -> None:
        """Puts and deletes, 25 a call, each item once, without conditions. Not atomic: after an error some are done."""
        requests: list[tuple[str, dict[str, Any]]] = [(self.table(type(item)), {"PutRequest": {"Item": item.serialize()}}) for item in puts]
        requests.extend((self.table(key.model), {"DeleteRequest": {"Key": self.key_map(key)}}) for key in deletes)
        for first in range(0, len(requests), MAXIMUM_WRITES_PER_BATCH):
            grouped: dict[str, Any] = {}
            for table, request in requests[first : first + MAXIMUM_WRITES_PER_BATCH]:
                grouped.setdefault(table, []).append(request)
            for _ in self._batch("BatchWriteItem", grouped, "UnprocessedItems"):
                pass

    def batch_put(self, model: type[Model], items: Sequence[AttributeMap]) -> None:
        """Puts items that are already as DynamoDB takes them, without binary attributes: building those of the busiest table
        from its model would cost more CPU than sending them. Otherwise as :meth:`batch_write`."""
        table = self.table(model)
        for first in range(0, len(items), MAXIMUM_WRITES_PER_BATCH):
            requests = [{"PutRequest": {"Item": item}} for item in items[first : first + MAXIMUM_WRITES_PER_BATCH]]
            for _ in self._batch("BatchWriteItem", {table: requests}, "UnprocessedItems", plain=True):
                pass

    def transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        """All or none of at most 100 actions.

        Args:
            writes: the actions, each on another item.
            token: makes a repeat within 10 minutes the same transaction.

        Raises:
            TransactionCanceled: a condition was not met, or another transaction was in the way.
        """
        actions: list[dict[str, Any]] = []
        for write in writes:
            names: dict[str, str] = {}
            values: dict[str, Any] = {}
            body: dict[str, Any]
            if write.item is not None:
                body = {"TableName": self.table(type(write.item)), "Item": write.item.serialize()}
            elif write.key is not None:
                body = {"TableName": self.table(write.key.model), "Key": self.key_map(write.key)}
            else:
                raise ValueError("a transaction action needs an item or a key")
            if write.actions:
                body["UpdateExpression"] = Update(*write.actions).serialize(names, values)
            if write.condition is not None:
                body["ConditionExpression"] = write.condition.serialize(names, values)
            _add_placeholders(body, names, values)
            actions.append({write.kind: body})
        arguments: dict[str, Any] = {"TransactItems": actions}
        if token is not None:
            arguments["ClientRequestToken"] = token
        self._call("TransactWriteItems", arguments)

    # -- plumbing ------------------------------------------------------------------------------------------------

    def table(self, model: type[Model]) -> str:
        """The deployed name of a model's table."""
        return self._table_name(model.Meta.table_name)

    @staticmethod
    def key_map(key: Key) -> AttributeMap:
        """The key as DynamoDB takes it."""
        keys: AttributeMap = {}
        for attribute in key.model.get_attributes().values():
            if attribute.is_hash_key or attribute.is_range_key:
                value = key.hash if attribute.is_hash_key else key.range
                keys[attribute.attr_name] = {attribute.attr_type: attribute.serialize(value)}
        return keys

    def _write(self, operation: str, arguments: dict[str, Any], actions: Sequence[Action], condition: Condition | None) -> dict[str, Any]:
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        if actions:
            arguments["UpdateExpression"] = Update(*actions).serialize(names, values)
        if condition is not None:
            arguments["ConditionExpression"] = condition.serialize(names, values)
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        _add_placeholders(arguments, names, values)
        return self._call(operation, arguments)

    def _batch(self, operation: str, request: dict[str, Any], left_over: str, *, plain: bool = False) -> Iterator[dict[str, Any]]:
        pause = 0.05
        for attempt in range(BATCH_TRIES):
            with plain_json() if plain else nullcontext():
                answer = self._call(operation, {"RequestItems": request})
            yield answer
            request = answer.get(left_over) or {}
            if not request:
                return
            if attempt + 1 < BATCH_TRIES:
                # Full jitter: workers that were throttled together must not come back together.
                self._sleep(random.uniform(pause / 2, pause))  # noqa: S311 - spreads load, guards nothing
                pause *= 2
        raise RateLimited("The database is too busy at the moment; try again in a few seconds.")

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        # PynamoDB would ask for the units used, by table and index, only to log them.
        arguments.setdefault("ReturnConsumedCapacity", "NONE")
        try:
            return self._connection.dispatch(operation, arguments)
        except ClientError as error:
            raise _translated(operation, error) from error
        except BotoCoreError as error:
            raise Unavailable(f"DynamoDB {operation}: {type(error).__name__}") from error


def _add_placeholders(arguments: dict[str, Any], names: dict[str, str], values: dict[str, Any]) -> None:
    if names:
        arguments["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        arguments["ExpressionAttributeValues"] = values


def _translated(operation: str, error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    # PynamoDB wraps the error and keeps the answer, with the old item and the reasons, in its cause.
    cause = error.__cause__
    answer: dict[str, Any] = dict(cause.response) if isinstance(cause, ClientError) else dict(error.response)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(answer.get("Item"))
    if code == "TransactionCanceledException":
        reasons = [reason.get("Code") for reason in answer.get("CancellationReasons", [])]
        reasons = [None if reason in (None, "None") else reason for reason in reasons]
        if set(filter(None, reasons)) and set(filter(None, reasons)) <= _THROTTLED | {"ThrottlingError"}:
            return RateLimited("The database is too busy at the moment; try again in a few seconds.")
        return TransactionCanceled(reasons)
    if code == "TransactionConflictException":
        return TransactionCanceled(["TransactionConflict"])
    if code in _THROTTLED:
        return RateLimited("The database is too busy at the moment; try again in a few seconds.")
    return Unavailable(f"DynamoDB {operation}: {code}")
