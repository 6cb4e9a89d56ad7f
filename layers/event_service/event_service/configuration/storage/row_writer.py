"""Writing the rows of endpoints, event filters and links.

Each row carries the ``version`` of the change that wrote it last and is only written by a higher one, so that an applier
that is late, or one that repairs beside the first, changes nothing. For that, rows are not removed at once: a deleted one
stays as a tombstone for 24 hours, longer than any applier can be late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.errors import RateLimited
from event_service.configuration import codec
from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.storage.items import (
    EndpointByIdItem,
    EndpointItem,
    EventFilterItem,
    LinksItem,
    endpoint_item,
    event_filter_item,
    linked_ids,
    packed,
    typed,
)

TOMBSTONE_LIFE: Final = timedelta(hours=24)
WRITERS: Final = 16
"""Threads that write the rows of one change, fewer than the connections in the pool."""
WRITE_SECONDS: Final = 8.0
"""One attempt at the rows of a change ends after that; the next one goes on where it ended. The caller is answered within
:data:`~event_service.base.allowance.GATEWAY_SECONDS`."""


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One conditional write of one row."""

    key: Key
    write: Callable[[], None]


class RowWriter:
    """Writes the rows of one change set, operation by operation, each in stages that must follow one another."""

    def __init__(self, database: Database, clock: Clock, change: ChangeSet, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._workspace_id = change.workspace_id
        self._version = change.version
        self._operations = change.operations
        self._expires_at = int((clock() + TOMBSTONE_LIFE).timestamp())
        self._monotonic = monotonic
        self._end = monotonic() + WRITE_SECONDS

    def write(self, *, skip_written: bool) -> None:
        """Writes all, 16 rows at once.

        Args:
            skip_written: most are probably written: their versions are read first, 100 a call.

        Raises:
            RateLimited: it took more than 8 s. Whoever tries again goes on where it ended.
        """
        with ThreadPoolExecutor(max_workers=WRITERS) as threads:
            for operation in self._operations:
                for stage in self._stages(operation):
                    writes = self._unwritten(stage) if skip_written else list(stage)
                    # list(): a future's error is raised only when its result is asked for.
                    list(threads.map(self._once, writes))

    def _once(self, write: RowWrite) -> None:
        if self._monotonic() > self._end:
            raise RateLimited("A large change of this workspace is still being written; try again in a few seconds.")
        # Should the condition fail, this change, or a later one, has already written the row.
        with suppress(ConditionFailed):
            write.write()

    def _stages(self, operation: object) -> Iterator[Iterable[RowWrite]]:
        match operation:
            case PutEndpoint(endpoint):
                fields = codec.endpoint_fields(endpoint)
                for name in ("id", *codec.MARKS):
                    del fields[name]
                # First where delivery reads: whoever finds no row there takes the endpoint for deleted.
                yield [self._update(Key(EndpointByIdItem, endpoint.id), fields, self._older(EndpointByIdItem))]
                yield [self._put(EndpointItem, endpoint.id, endpoint_item(endpoint, self._version))]
            case SetState(ids):
                yield from self._set_state(ids, operation.fields())
            case PutEventFilter(event_filter):
                yield [self._put(EventFilterItem, event_filter.id, event_filter_item(event_filter, self._version))]
            case Link(endpoint_ids, event_filter_ids):
                yield self._both_sides(endpoint_ids, event_filter_ids, add=True)
            case Unlink(endpoint_ids, event_filter_ids):
                yield self._both_sides(endpoint_ids, event_filter_ids, add=False)
            case DeleteEndpoints(ids):
                yield [self._bury(model, one) for one in ids for model in (EndpointByIdItem, EndpointItem)]
                yield from self._drop_links("endpoint", "filter", ids)
            case DeleteEventFilters(ids):
                yield [self._bury(EventFilterItem, one) for one in ids]
                yield from self._drop_links("filter", "endpoint", ids)

    def _put(self, model: type[Model], one: str, item: AttributeMap) -> RowWrite:
        key = Key(EndpointByIdItem, one) if model is EndpointByIdItem else Key(model, self._workspace_id, one)
        return RowWrite(key, lambda: self._database.put_item(model, item, self._older(model)))

    def _bury(self, model: type[Model], one: str) -> RowWrite:
        fields = {"workspaceId": self._workspace_id, "id": one, "version": self._version, "deleted": True, "expiresAt": self._expires_at}
        return self._put(model, one, typed(fields))

    def _set_state(self, ids: Sequence[str], fields: dict[str, Any]) -> Iterator[list[RowWrite]]:
        # An endpoint that a later change deleted is a tombstone of a higher version, so `version < …` covers it.
        by_id, listed = EndpointByIdItem.version < self._version, EndpointItem.version < self._version
        yield [
            *(self._update(Key(EndpointByIdItem, one), fields, by_id) for one in ids),
            *(self._update(Key(EndpointItem, self._workspace_id, one), fields, listed) for one in ids),
        ]

    def _update(self, key: Key, fields: dict[str, Any], condition: Condition) -> RowWrite:
        actions = assignments({**fields, "version": self._version})
        return RowWrite(key, lambda: self._database.update(key, actions, condition))

    def _both_sides(self, endpoint_ids: Sequence[str], event_filter_ids: Sequence[str], *, add: bool) -> Iterator[RowWrite]:
        for one in endpoint_ids:
            yield self._change_links(f"endpoint#{one}", event_filter_ids, add=add)
        for one in event_filter_ids:
            yield self._change_links(f"filter#{one}", endpoint_ids, add=add)

    def _change_links(self, side: str, others: Iterable[str], *, add: bool) -> RowWrite:
        ids = {packed(other) for other in others}
        key = Key(LinksItem, self._workspace_id, side)
        actions = [
            LinksItem.ids.add(ids) if add else LinksItem.ids.delete(ids),
            LinksItem.version.set(self._version),
            LinksItem.expires_at.remove(),
        ]
        return RowWrite(key, lambda: self._database.update(key, actions, self._older(LinksItem)))

    def _drop_links(self, side: str, other_side: str, ids: Sequence[str]) -> Iterator[Iterable[RowWrite]]:
        """Removes the deleted ones from the rows of the other side first: while their own rows stand, a repair after
        a crash still knows where to look."""
        losing: dict[str, set[str]] = {}
        for _, item in self._database.batch_get(Key(LinksItem, self._workspace_id, f"{side}#{one}") for one in ids):
            one = item["side"]["S"].removeprefix(f"{side}#")
            for other in linked_ids(item):
                losing.setdefault(other, set()).add(one)
        yield [self._change_links(f"{other_side}#{other}", gone, add=False) for other, gone in losing.items()]
        yield [self._empty_links(f"{side}#{one}") for one in ids]

    def _empty_links(self, side: str) -> RowWrite:
        key = Key(LinksItem, self._workspace_id, side)
        item = LinksItem(self._workspace_id, side, version=self._version, expires_at=self._expires_at)
        return RowWrite(key, lambda: self._database.put(item, self._older(LinksItem)))

    def _older(self, model: type[Model]) -> Condition:
        version: Any = model.get_attributes()["version"]
        condition: Condition = version.does_not_exist() | (version < self._version)
        return condition

    def _unwritten(self, stage: Iterable[RowWrite]) -> list[RowWrite]:
        writes = list(stage)
        written: set[tuple[str, ...]] = set()
        for model, item in self._database.batch_get((one.key for one in writes), attributes=["workspaceId", "id", "side", "version"]):
            if int(item["version"]["N"]) >= self._version:
                written.add(_identity(model, item))
        return [one for one in writes if _identity(one.key.model, self._database.key_map(one.key)) not in written]


def assignments(fields: dict[str, Any]) -> list[Action]:
    """Sets what has a value and removes what is ``None``."""
    return [Path(name).remove() if value is None else Path(name).set(value) for name, value in fields.items()]


def _identity(model: type[Model], item: AttributeMap) -> tuple[str, ...]:
    names = [one.attr_name for one in model.get_attributes().values() if one.is_hash_key or one.is_range_key]
    return (model.Meta.table_name, *(str(item[name]["S"]) for name in sorted(names)))
