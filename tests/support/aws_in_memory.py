"""AWS in memory (moto) for tests, without what moto and botocore do again in each test or call though nothing comes of it.

What is answered is what moto answers without this module: ``tests/integration/test_aws_in_memory.py`` compares them. What each
replacement leaves out, and what that costs, is written beside it; looked up in moto 5.2 and botocore 1.44.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, Final
from unittest.mock import patch

import boto3
import botocore.session
from botocore.loaders import Loader
from moto import backend_index, mock_aws
from moto.core import models as moto_core
from moto.core import responses as moto_responses
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.exceptions import DynamodbException, ItemSizeTooLarge
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined]  # moto leaves the file unchecked
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator
from moto.sqs import models as moto_sqs

from tests.template_file import create_tables

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
"""moto's."""
MOST_ITEM_BYTES: Final = 405_000
"""moto's as well."""


@contextmanager
def aws_in_memory() -> Iterator[None]:
    """An AWS account without anything in it; within, every client that is made talks to it."""
    with ExitStack() as stack:
        for where, name, replacement in _REPLACEMENTS:
            stack.enter_context(patch.object(where, name, replacement, create=True))
        stack.enter_context(mock_aws())
        yield


def empty_tables() -> dict[str, str]:
    """Makes every table of the template: copies of those that this process has once made by the API, which is 30 calls.

    Returns:
        The environment variables that name them.
    """
    if "DYNALITE_URL" in os.environ:  # the tables are in another process: see tests/dynalite
        return create_tables(boto3.client("dynamodb", region_name=REGION))
    names, made = _made_once()
    dynamodb_backends[ACCOUNT][REGION].tables.update(copy.deepcopy(made))
    return dict(names)


@cache
def _made_once() -> tuple[dict[str, str], dict[str, Any]]:
    tables = dynamodb_backends[ACCOUNT][REGION].tables
    names = create_tables(boto3.client("dynamodb", region_name=REGION))
    return names, {name: tables.pop(name) for name in names.values()}


# -- making clients ----------------------------------------------------------------------------------------------------


@cache
def _loader(data_path: str | None = None) -> Loader:
    """One reader of service models for all sessions. Each session has its own otherwise, and reads the models of DynamoDB and SQS
    and the rules of their endpoints again: 50 to 100 ms for a client. All clients of one session share what it has read, too."""
    return _create_loader(data_path)


_create_loader = botocore.session.create_loader

# -- answers -----------------------------------------------------------------------------------------------------------


def _write_structure(self: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """Writes the one type that a value of an attribute has. moto looks for each of the ten types under several names, as it does
    for structures that may be objects of its own: two thirds of the time of a call that reads."""
    if shape.name != "AttributeValue" or type(value) is not dict:
        _write_structure_of_moto(self, serialized, value, shape, key)
        return
    written: dict[str, Any] = {}
    for name, content in value.items():
        self._serialize(written, content, shape.members[name], name)
    self._default_serialize(serialized, written, shape, key)


_write_structure_of_moto = BaseJSONSerializer._serialize_type_structure
_underscored = cache(camelcase_to_underscores)

# -- tables ------------------------------------------------------------------------------------------------------------


def _new_item(self: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    """Looks once at the size of a new item. moto adds up all sizes again for each attribute."""
    self.hash_key, self.range_key, self.attrs = hash_key, range_key, LimitedSizeDict()
    values = {name: DynamoType(value) for name, value in attrs.items()}
    if sum(bytesize(name) + value.size() for name, value in values.items()) > MOST_ITEM_BYTES:
        raise ItemSizeTooLarge
    dict.update(self.attrs, values)


_partition: ContextVar[Callable[[Table], list[Item]] | None] = ContextVar("_partition", default=None)


def _query(self: Table, hash_key: DynamoType | None, *arguments: Any, **options: Any) -> Any:
    """Looks at the items of a partition only. moto sorts the whole table for each query before it takes those, and sorts them."""
    given = _QUERY.bind(self, hash_key, *arguments, **options).arguments
    found = _of_index if given.get("index_name") else _of_table
    before = _partition.set(partial(found, given))
    try:
        return _query_of_moto(self, hash_key, *arguments, **options)
    finally:
        _partition.reset(before)


def _of_table(given: dict[str, Any], table: Table) -> list[Item]:
    found: Any = table.items.get(given["hash_key"])
    if found is None:
        return []
    return list(found.values()) if table.has_range_key else [found]


def _of_index(given: dict[str, Any], table: Table) -> list[Item]:
    conditions = given.get("hash_key_conditions") or []
    partitions: list[Any] = list(table.items.values())
    items = [item for partition in partitions for item in list(partition.values())] if table.has_range_key else partitions
    return [item for item in items if all(name in item.attrs and item.attrs[name] == value for name, value in conditions)]


def _all_items(self: Table) -> list[Item]:
    partition = _partition.get()
    return _all_items_of_moto(self) if partition is None else partition(self)


_query_of_moto, _all_items_of_moto = Table.query, Table.all_items
_QUERY: Final = inspect.signature(_query_of_moto)

_in_transaction: ContextVar[bool] = ContextVar("_in_transaction", default=False)


def _transact(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Keeps the items that a transaction writes, to put them back when it fails. moto copies for each action all that is in its
    table, which is the square of what a test stores."""
    kept = [one for action in transact_items for kind, body in action.items() if kind != "ConditionCheck" and (one := _kept(self, body))]
    before = _in_transaction.set(True)
    try:
        _transact_of_moto(self, transact_items)
    except Exception:
        for put_back in kept:
            put_back()
        raise
    finally:
        _in_transaction.reset(before)


def _kept(backend: DynamoDBBackend, body: dict[str, Any]) -> Callable[[], None] | None:
    """How to bring back the item of an action; ``None`` for one that moto refuses before it writes."""
    table = backend.tables.get(body.get("TableName", ""))
    key = body.get("Key") or body.get("Item") or {}
    if table is None or any(name not in key for name in table.table_key_attrs):
        return None
    hash_key, range_key = backend.get_keys_value(table, key)
    items: Any = table.items
    item = copy.deepcopy(table.get_item(hash_key, range_key))

    def put_back() -> None:
        if item is None:
            table.delete_item(hash_key, range_key)
        elif range_key is None:
            items[hash_key] = item
        else:
            items[hash_key][range_key] = item

    return put_back


def _copy_of_table(self: Table, memo: dict[int, Any]) -> Table:
    """moto's undo of a transaction gets the table itself, and so does nothing."""
    if _in_transaction.get():
        return self
    made: Table = object.__new__(type(self))
    memo[id(self)] = made
    made.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return made


_transact_of_moto = DynamoDBBackend.transact_write_items

# -- update expressions ------------------------------------------------------------------------------------------------


def _traverse(self: DepthFirstTraverser, root: Any) -> Any:
    """Goes through an expression, and asks once for each type of node who processes it. moto asks for each node, and goes through
    an expression ten times: ten milliseconds for an update of fifty attributes."""
    processors = self._processing_map()
    of_type: dict[type, Any] = {}

    def visit(node: Any, number: int = -1) -> Any:
        if not isinstance(node, Node):
            return node
        parent = node.parent
        for place, child in enumerate(node.children or ()):
            self.pre_processing_of_child(node, place)
            visit(child, place)
        kind = type(node)
        if kind not in of_type:
            of_type[kind] = next((one for expected, one in processors.items() if isinstance(node, expected)), None)
        if of_type[kind] is None:
            return node
        node = of_type[kind](node)
        node.parent = parent
        if parent:
            parent.children[number] = node
        return node

    return visit(root)


def _check_root(self: ActionCountValidator | OverlappingPathsValidator, root: Any) -> Any:
    """Checks all clauses of an expression at once. moto checks those of each part of it, and so the same ones as often as there are
    attributes. What all of them hold to, those of a part hold to as well; where they do not, moto says what it says."""
    (check,) = self._processing_map().values()
    try:
        check(root)
    except (DynamodbException, LookupError):
        return _traverse(self, root)
    return root


def _copy_of_node(self: Any, memo: dict[int, Any]) -> Any:
    """moto copies an expression before it evaluates it; as any object, which takes longer than to parse it."""
    made = object.__new__(type(self))
    made.__dict__.update(self.__dict__, parent=None)
    if self.children is not None:
        made.children = [copy.deepcopy(child, memo) for child in self.children]
        for child in made.children:
            if isinstance(child, Node):
                child.parent = made
    return made


_REPLACEMENTS: Final[list[tuple[Any, str, Any]]] = [
    (botocore.session, "create_loader", _loader),
    # moto stands before the library "requests", too, with 1,300 patterns that it builds for each test: 30 ms. Nothing here uses that
    # library for AWS; botocore has a handler of moto's own.
    (moto_core, "RESPONSES_METHODS", []),
    # moto looks for a service by 180 patterns, one after the other. These two are no other service's.
    (backend_index, "backend_url_patterns", sorted(backend_index.backend_url_patterns, key=lambda one: one[0] not in {"dynamodb", "sqs"})),
    # asked for each call, some of them ten times
    (moto_responses, "method_names_from_class", cache(method_names_from_class)),
    (moto_responses, "camelcase_to_underscores", _underscored),
    (moto_sqs, "camelcase_to_underscores", _underscored),
    (BaseJSONSerializer, "_serialize_type_structure", _write_structure),
    (Item, "__init__", _new_item),
    (Table, "query", _query),
    (Table, "all_items", _all_items),
    (Table, "__deepcopy__", _copy_of_table),
    (DynamoDBBackend, "transact_write_items", _transact),
    (DepthFirstTraverser, "traverse", _traverse),
    (ActionCountValidator, "traverse", _check_root),
    (OverlappingPathsValidator, "traverse", _check_root),
    (Node, "__deepcopy__", _copy_of_node),
]
