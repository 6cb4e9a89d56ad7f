"""One DynamoDB client for all tables of a process.

PynamoDB gives the schema (models), the expressions and the connection. Its models are not asked to do the calls: each
of them would build a botocore client of its own (about 50 ms), its defaults wait 15 s to connect and 30 s to read, and
its batches retry without a pause. So every call goes through :class:`Database`, which also turns what AWS answers into
the domain's errors, in one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

from event_service.aws.actions import Key, Write
from event_service.aws.batches import (
    BATCH_TRIES,
    MAXIMUM_KEYS_PER_GET,
    TOO_BUSY,
    AttributeMap,
    key_names,
    run_batch,
    until_not_throttled,
    write_requests,
)
from event_service.aws.connection import connect
from event_service.aws.dynamodb_errors import ConditionFailed, TransactionCanceled, translated
from event_service.aws.plain_batches import PlainBatches
from event_service.base.allowance import current_allowance
from event_service.base.errors import RateLimited, Unavailable
from event_service.base.threads import ContextThreads

__all__ = ["AttributeMap", "ConditionFailed", "Database", "Key", "Page", "TransactionCanceled", "Write", "connect"]

WRITERS: Final = 8
"""Batches of one :meth:`Database.batch_write` at the same time; four of them share the pool."""

_M = TypeVar("_M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a query: the items as stored, their number, and where to go on (``None``: at the end)."""

    items: list[AttributeMap]
    count: int
    next: AttributeMap | None


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
        plain_batches: PlainBatches | None = None,
    ) -> None:
        """
        Args:
            connection: see :func:`connect`.
            table_name: the deployed table of a model's ``Meta.table_name``, so that models need no environment.
            sleep: waits between tries of a batch, in seconds.
            plain_batches: make batches without binary attributes, if they can; else the connection does.
        """
        self._connection = connection
        self._table_name = table_name
        self._sleep = sleep
        self._plain_batches = plain_batches

    # -- single items --------------------------------------------------------------------------------------------

    def get(self, model: type[_M], hash_key: Any, range_key: Any = None, *, consistent: bool = True) -> _M | None:
        """Reads one item, strongly consistent unless told otherwise; ``None`` when it does not exist."""
        item = self.get_raw(Key(model, hash_key, range_key), consistent=consistent)
        return None if item is None else model.from_raw_data(item)

    def get_raw(self, key: Key, *, consistent: bool = True) -> AttributeMap | None:
        """One item as it is stored."""
        answer = self._call("GetItem", {"TableName": self.table(key.model), "Key": self.key_map(key), "ConsistentRead": consistent})
        _count_read(answer)
        return answer.get("Item") or None

    def put(self, item: Model, condition: Condition | None = None) -> None:
        """Puts one item.

        Raises:
            ConditionFailed: the condition was not met; it carries what stands there.
        """
        self.put_item(type(item), item.serialize(), condition)

    def put_item(self, model: type[Model], item: AttributeMap, condition: Condition | None = None, *, tries: int = 1) -> None:
        """Puts one item that is already as DynamoDB takes it; a throttled one up to ``tries`` times. Otherwise as :meth:`put`."""
        arguments: dict[str, Any] = {"TableName": self.table(model), "Item": item}
        until_not_throttled(partial(self._write, "PutItem", arguments, (), condition), self._sleep, tries)

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
        attributes: Sequence[str] | None = None,
        descending: bool = False,
        limit: int | None = None,
        consistent: bool = False,
        count_only: bool = False,
        start: AttributeMap | None = None,
        counted: bool = True,
    ) -> Page:
        """One page of a query: at most 1 MB, or ``limit`` items.

        ``counted`` says whether its bytes are taken off the request's allowance; not so where they are only passed over.
        """
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        arguments: dict[str, Any] = {
            "TableName": self.table(model),
            "KeyConditionExpression": key_condition.serialize(names, values),
            "ScanIndexForward": not descending,
            "ConsistentRead": consistent,
        }
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
        if counted:
            _count_read(answer)
        return Page(answer.get("Items", []), answer.get("Count", 0), answer.get("LastEvaluatedKey"))

    def query_all(self, model: type[Model], key_condition: Condition, *, tries: int = 1, **options: Any) -> Iterator[AttributeMap]:
        """All items of a query, page by page as they are taken; a throttled page is asked for up to ``tries`` times."""
        start: AttributeMap | None = None
        while True:
            page = until_not_throttled(partial(self.query, model, key_condition, start=start, **options), self._sleep, tries)
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
        found, unread = self.batch_get_some(keys, consistent=consistent, attributes=attributes, binary=binary)
        if unread:
            raise RateLimited(TOO_BUSY)
        return found

    def batch_get_some(
        self, keys: Iterable[Key], *, consistent: bool = True, attributes: Sequence[str] | None = None, binary: bool = True
    ) -> tuple[list[tuple[type[Model], AttributeMap]], list[Key]]:
        """As :meth:`batch_get`, for whoever can go on with a part: also returns the keys that were throttled to the end. A key
        that is read too often throttles itself alone, and the others of its batch need not wait for it."""
        options: dict[str, Any] = {"ConsistentRead": consistent}
        if attributes is not None:
            options["ProjectionExpression"] = ", ".join(f"#p{number}" for number in range(len(attributes)))
            options["ExpressionAttributeNames"] = {f"#p{number}": name for number, name in enumerate(attributes)}
        wanted: dict[str, tuple[type[Model], dict[tuple[Any, Any], tuple[Key, AttributeMap]]]] = {}
        for key in keys:
            group = wanted.setdefault(self.table(key.model), (key.model, {}))
            group[1][key.hash, key.range] = key, self.key_map(key)
        flat = [(table, *pair) for table, (_, group) in wanted.items() for pair in group.values()]
        found: list[tuple[type[Model], AttributeMap]] = []
        unread: list[Key] = []
        for first in range(0, len(flat), MAXIMUM_KEYS_PER_GET):
            request: dict[str, Any] = {}
            asked = flat[first : first + MAXIMUM_KEYS_PER_GET]
            for table, _, key_map in asked:
                request.setdefault(table, {"Keys": [], **options})["Keys"].append(key_map)
            left = request
            # AWS answers with an error, and not with a part, when it could read no key at all.
            with suppress(RateLimited):
                call = self._call if binary else self._call_plain
                for answer in run_batch(call, "BatchGetItem", request, self._sleep, may_leave=True):
                    _count_read(answer)
                    left = answer.get("UnprocessedKeys") or {}
                    for table, items in answer.get("Responses", {}).items():
                        model = wanted[table][0]
                        found.extend((model, item) for item in items)
            if left:
                unread.extend(key for table, key, key_map in asked if key_map in left.get(table, {}).get("Keys", ()))
        return found, unread

    def batch_write(self, puts: Iterable[Model] = (), deletes: Iterable[Key] = (), *, tries: int = BATCH_TRIES) -> None:
        """Puts and deletes, 25 a call and up to 8 calls at once, without conditions. Of several with one key the last
        counts, since AWS refuses a batch with equal keys
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html). Each call is made up to
        ``tries`` times. Not atomic: after an error some are done."""
        writes: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}
        for item in puts:
            self._add_write(writes, type(item), {"PutRequest": {"Item": item.serialize()}})
        for key in deletes:
            self._add_write(writes, key.model, {"DeleteRequest": {"Key": self.key_map(key)}})
        self._write_all(write_requests(writes), tries=tries)

    def batch_put(self, model: type[Model], items: Sequence[AttributeMap]) -> None:
        """Puts items that are already as DynamoDB takes them, without binary attributes: building those of the busiest table
        from its model would cost more CPU than sending them. Otherwise as :meth:`batch_write`."""
        writes: dict[tuple[str, ...], tuple[str, dict[str, Any]]] = {}
        for item in items:
            self._add_write(writes, model, {"PutRequest": {"Item": item}})
        self._write_all(write_requests(writes), plain=True)

    def _add_write(self, writes: dict[tuple[str, ...], tuple[str, dict[str, Any]]], model: type[Model], request: dict[str, Any]) -> None:
        table = self.table(model)
        writes[table, *key_names(request, _key_attributes(model))] = (table, request)

    def _write_all(self, requests: Sequence[dict[str, Any]], *, plain: bool = False, tries: int = BATCH_TRIES) -> None:
        def write(request: dict[str, Any]) -> None:
            call = self._call_plain if plain else self._call
            for _ in run_batch(call, "BatchWriteItem", request, self._sleep, tries=tries):
                pass

        if len(requests) < 2:
            for request in requests:
                write(request)
            return
        with ContextThreads(max_workers=min(WRITERS, len(requests))) as threads:
            # list(): a future's error is raised only when its result is asked for.
            list(threads.map(write, requests))

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

    def _call_plain(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """As :meth:`_call`, for a batch without binary attributes."""
        if self._plain_batches is not None:
            _check_allowance()
            answer = self._plain_batches.answer(operation, arguments)
            if answer is not None:
                return answer
        return self._call(operation, arguments)

    def _call(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        _check_allowance()
        # PynamoDB would ask for the units used, by table and index, only to log them.
        arguments.setdefault("ReturnConsumedCapacity", "NONE")
        try:
            return self._connection.dispatch(operation, arguments)
        except ClientError as error:
            raise translated(operation, error) from error
        except BotoCoreError as error:
            raise Unavailable(f"DynamoDB {operation}: {type(error).__name__}") from error


def _check_allowance() -> None:
    allowance = current_allowance()
    if allowance is not None:
        allowance.check()


def _count_read(answer: dict[str, Any]) -> None:
    """Takes what AWS answered off what the request may read."""
    allowance = current_allowance()
    if allowance is not None:
        allowance.take_read(int(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-length", 0)))


@cache
def _key_attributes(model: type[Model]) -> tuple[str, ...]:
    """The names of a table's key attributes, as they are stored."""
    return tuple(one.attr_name for one in model.get_attributes().values() if one.is_hash_key or one.is_range_key)


def _add_placeholders(arguments: dict[str, Any], names: dict[str, str], values: dict[str, Any]) -> None:
    if names:
        arguments["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        arguments["ExpressionAttributeValues"] = values
