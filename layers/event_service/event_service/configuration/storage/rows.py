"""The rows of endpoints, event filters and links in DynamoDB, which follow the chain of change sets.

Lists read local indexes: unlike global ones they can be read strongly consistent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, Database, Key
from event_service.base.clock import Clock
from event_service.base.page import just_before
from event_service.configuration import codec
from event_service.configuration.changes import ChangeSet
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.ports import EndpointPage, EventFilterPage, RoutingRows
from event_service.configuration.storage.items import (
    EndpointItem,
    EventFilterItem,
    LinksItem,
    endpoint_of,
    event_filter_of,
    is_deleted,
    linked_ids,
    plain,
)
from event_service.configuration.storage.row_writer import RowWriter
from event_service.filters.event_filter import EventFilter

TRIES_PER_LOAD: Final = 5
"""Of each page: one that fails to the end costs all pages before it."""
SKIPPED_IN_ONE_READ: Final = 200
"""Up to this offset a page is read with what it skips; beyond, what is skipped is only counted, not transferred."""


class DynamoConfigurationRows:
    """Implements :class:`~event_service.configuration.ports.ConfigurationRows`."""

    def __init__(self, database: Database, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic

    def apply(self, change: ChangeSet, *, repair: bool = False) -> None:
        RowWriter(self._database, self._clock, change, self._monotonic).write(skip_written=repair)

    def endpoints(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        found = self._items(EndpointItem, workspace_id, ids)
        return {item["id"]["S"]: endpoint_of(item) for item in found if not is_deleted(item)}

    def deleted_endpoints(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        return self._deleted(self._items(EndpointItem, workspace_id, ids))

    def endpoint_page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        condition: Condition = EndpointItem.workspace_id == workspace_id
        if page.type is None:
            index = "by_creation"
            if page.after is not None:
                condition &= EndpointItem.creation_key.between(*_behind(page.after, descending=page.descending))
        else:
            index = "by_type"
            condition &= EndpointItem.type_key.between(*_behind(page.after, f"{page.type.value}#", descending=page.descending))
        rows = self._page(EndpointItem, condition, index, page.offset, page.limit, descending=page.descending)
        return [endpoint_of(row) for row in rows]

    def endpoint_with_key(self, workspace_id: str, key: str) -> str | None:
        return self._with_key(EndpointItem, (EndpointItem.workspace_id == workspace_id) & (EndpointItem.key == key))

    def event_filter_with_key(self, workspace_id: str, key: str) -> str | None:
        return self._with_key(EventFilterItem, (EventFilterItem.workspace_id == workspace_id) & (EventFilterItem.key == key))

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        found = self._items(EventFilterItem, workspace_id, ids)
        return {item["id"]["S"]: event_filter_of(item) for item in found if not is_deleted(item)}

    def deleted_event_filters(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        return self._deleted(self._items(EventFilterItem, workspace_id, ids))

    def event_filter_page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        index = "by_modification" if page.by_modification else "by_creation"
        condition: Condition = EventFilterItem.workspace_id == workspace_id
        if page.after is not None:
            key = EventFilterItem.modification_key if page.by_modification else EventFilterItem.creation_key
            condition &= key.between(*_behind(page.after, descending=page.descending))
        # The indexes hold keys alone: with whole rows, 100,000 conditions of 32 KB would fill the 10 GB that DynamoDB gives the
        # items of one key in a table with local indexes (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html).
        keys = self._page(EventFilterItem, condition, index, page.offset, page.limit, descending=page.descending)
        ids = [key["id"]["S"] for key in keys]
        found = self.event_filters(workspace_id, ids)
        return [found[one] for one in ids if one in found]

    def event_filter_ids_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, set[str]]:
        return self._linked(workspace_id, "endpoint", endpoint_ids)

    def endpoint_ids_of(self, workspace_id: str, event_filter_ids: Sequence[str]) -> dict[str, set[str]]:
        return self._linked(workspace_id, "filter", event_filter_ids)

    def load(self, workspace_id: str) -> RoutingRows:
        endpoints: dict[str, EndpointType] = {}
        matching_nothing: set[str] = set()
        # The links first: should the last event filter of an endpoint be deleted meanwhile, its row says so already.
        links = {
            item["side"]["S"].removeprefix("endpoint#"): linked_ids(item)
            for item in self._database.query_all(
                LinksItem,
                (LinksItem.workspace_id == workspace_id) & LinksItem.side.startswith("endpoint#"),
                consistent=True,
                tries=TRIES_PER_LOAD,
            )
            if "ids" in item
        }
        for item in self._database.query_all(
            EndpointItem,
            EndpointItem.workspace_id == workspace_id,
            index="by_creation",
            attributes=["id", *codec.ROUTED],
            consistent=True,
            tries=TRIES_PER_LOAD,
        ):
            endpoint_id = item["id"]["S"]
            endpoints[endpoint_id], matches_nothing = codec.endpoint_type_of(plain(item))
            if matches_nothing:
                matching_nothing.add(endpoint_id)
        own = EventFilterItem.workspace_id == workspace_id
        items = self._database.query_all(EventFilterItem, own, consistent=True, tries=TRIES_PER_LOAD)
        event_filters = (event_filter_of(item) for item in items if not is_deleted(item))
        return RoutingRows(endpoints, {one.id: one for one in event_filters}, links, frozenset(matching_nothing))

    def _with_key(self, model: type[Model], condition: Condition) -> str | None:
        found = self._database.query(model, condition, index="by_key", consistent=True, limit=1).items
        return str(found[0]["id"]["S"]) if found else None

    def _items(self, model: type[Model], workspace_id: str, ids: Sequence[str]) -> list[AttributeMap]:
        return [item for _, item in self._database.batch_get(Key(model, workspace_id, one) for one in ids)]

    def _deleted(self, items: Iterable[AttributeMap]) -> set[str]:
        # DynamoDB removes expired items within days, not at once
        # (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html).
        now = self._clock().timestamp()
        return {item["id"]["S"] for item in items if is_deleted(item) and float(item["expiresAt"]["N"]) > now}

    def _linked(self, workspace_id: str, side: str, ids: Sequence[str]) -> dict[str, set[str]]:
        linked: dict[str, set[str]] = {one: set() for one in ids}
        for _, item in self._database.batch_get(Key(LinksItem, workspace_id, f"{side}#{one}") for one in ids):
            linked[item["side"]["S"].removeprefix(f"{side}#")] = linked_ids(item)
        return linked

    def _page(
        self, model: type[Model], condition: Condition, index: str, offset: int, limit: int, *, descending: bool
    ) -> list[AttributeMap]:
        options: dict[str, Any] = {"index": index, "descending": descending, "consistent": True}
        start: AttributeMap | None = None
        skip = offset
        while skip > SKIPPED_IN_ONE_READ:
            skipped = self._database.query(model, condition, limit=skip, count_only=True, start=start, **options)
            skip -= skipped.count
            if skipped.next is None:
                return []
            start = skipped.next
        rows: list[AttributeMap] = []
        while len(rows) < skip + limit:
            page = self._database.query(model, condition, limit=skip + limit - len(rows), start=start, **options)
            rows.extend(page.items)
            if page.next is None:
                break
            start = page.next
        return rows[skip:]


def _behind(after: str | None, prefix: str = "", *, descending: bool) -> tuple[str, str]:
    """The range of an index's keys behind a place; with ``prefix`` only those that begin so. What follows the prefix begins
    with a digit."""
    low, high = f"{prefix}0", f"{prefix}:"
    if after is None:
        return low, high
    return (low, just_before(prefix + after)) if descending else (f"{prefix}{after}\x00", high)
