"""The rows of endpoints, event filters and links in DynamoDB.

Rows follow the chain of change sets. Each carries the ``version`` of the change that wrote it last and is only written
by a higher one, so that an applier that is late, or one that repairs beside the first, changes nothing. For that, rows
are not removed at once: a deleted one stays as a tombstone for 24 hours, longer than any applier can be late.

Lists read local indexes: unlike global ones they can be read strongly consistent.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

from pynamodb.attributes import BinarySetAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from event_service.aws.dynamodb import AttributeMap, ConditionFailed, Database, Key
from event_service.base.clock import Clock
from event_service.base.dates import format_date, from_stored
from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetStatus,
    Unlink,
)
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.ports import EndpointPage, EventFilterPage, RoutingRows
from event_service.filters.event_filter import EventFilter

TOMBSTONE_LIFE: Final = timedelta(hours=24)
WRITERS: Final = 16
"""Threads that write the rows of one change, fewer than the connections in the pool."""
SKIPPED_IN_ONE_READ: Final = 200
"""Up to this offset a page is read with what it skips; beyond, what is skipped is only counted, not transferred."""


class EndpointItem(Model):
    """An endpoint or its tombstone, which has no index keys and so is in no list."""

    class Meta:
        """The table's logical name."""

        table_name = "endpoints"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    id = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    type = UnicodeAttribute(null=True)
    name = UnicodeAttribute(null=True)
    url = UnicodeAttribute(null=True)
    method = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    status_reason = UnicodeAttribute(null=True, attr_name="statusReason")
    created = UnicodeAttribute(null=True)
    modified = UnicodeAttribute(null=True)
    creation_key = UnicodeAttribute(null=True, attr_name="creationKey")
    type_key = UnicodeAttribute(null=True, attr_name="typeKey")
    deleted = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class WebSocketItem(Model):
    """The workspace of a WEB_SOCKET endpoint, under the endpoint's id: a client that connects gives no workspace."""

    KEY = "web-socket"

    class Meta:
        """The table's logical name."""

        table_name = "endpoints"

    endpoint_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    key = UnicodeAttribute(range_key=True, attr_name="id")
    owner = UnicodeAttribute(null=True)
    version = NumberAttribute()
    deleted = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class EventFilterItem(Model):
    """An event filter or its tombstone."""

    class Meta:
        """The table's logical name."""

        table_name = "event_filters"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    id = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    name = UnicodeAttribute(null=True)
    condition = UnicodeAttribute(null=True)
    created = UnicodeAttribute(null=True)
    modified = UnicodeAttribute(null=True)
    creation_key = UnicodeAttribute(null=True, attr_name="creationKey")
    modification_key = UnicodeAttribute(null=True, attr_name="modificationKey")
    deleted = BooleanAttribute(null=True)
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class LinksItem(Model):
    """All links of one endpoint (``endpoint#<id>``) or of one event filter (``filter#<id>``)."""

    class Meta:
        """The table's logical name."""

        table_name = "links"

    workspace_id = UnicodeAttribute(hash_key=True, attr_name="workspaceId")
    side = UnicodeAttribute(range_key=True)
    ids = BinarySetAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute()
    expires_at = NumberAttribute(null=True, attr_name="expiresAt")


class DynamoConfigurationRows:
    """Implements :class:`~event_service.configuration.ports.ConfigurationRows`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- writing -------------------------------------------------------------------------------------------------

    def apply(self, change: ChangeSet) -> None:
        for operation in change.operations:
            self._apply(change.workspace_id, change.version, operation)

    def _apply(self, workspace_id: str, version: int, operation: Operation) -> None:
        match operation:
            case PutEndpoint(endpoint):
                self._once(lambda: self._database.put(_endpoint_item(endpoint, version), _older(EndpointItem, version)))
                if endpoint.type is EndpointType.WEB_SOCKET:
                    row = WebSocketItem(endpoint.id, WebSocketItem.KEY, owner=workspace_id, version=version)
                    self._once(lambda: self._database.put(row, _older(WebSocketItem, version)))
            case SetStatus(ids, status, reason, modified):
                self._set_status(workspace_id, version, ids, status, reason, modified)
            case PutEventFilter(event_filter):
                item = _event_filter_item(event_filter, version)
                self._once(lambda: self._database.put(item, _older(EventFilterItem, version)))
            case Link(endpoint_ids, event_filter_ids):
                self._change_links(workspace_id, version, "endpoint", endpoint_ids, event_filter_ids, add=True)
                self._change_links(workspace_id, version, "filter", event_filter_ids, endpoint_ids, add=True)
            case Unlink(endpoint_ids, event_filter_ids):
                self._change_links(workspace_id, version, "endpoint", endpoint_ids, event_filter_ids, add=False)
                self._change_links(workspace_id, version, "filter", event_filter_ids, endpoint_ids, add=False)
            case DeleteEndpoints(ids):
                self._bury_web_sockets(version, ids)
                self._bury(EndpointItem, workspace_id, version, ids)
                self._drop_links(workspace_id, version, "endpoint", "filter", ids)
            case DeleteEventFilters(ids):
                self._bury(EventFilterItem, workspace_id, version, ids)
                self._drop_links(workspace_id, version, "filter", "endpoint", ids)

    def _set_status(
        self,
        workspace_id: str,
        version: int,
        ids: Sequence[str],
        status: EndpointStatus,
        reason: str | None,
        modified: str,
    ) -> None:
        actions = [
            EndpointItem.status.set(status.value),
            EndpointItem.status_reason.set(reason) if reason else EndpointItem.status_reason.remove(),
            EndpointItem.modified.set(modified),
            EndpointItem.version.set(version),
        ]
        # An endpoint that a later change deleted is a tombstone of a higher version, so `version < …` covers it.
        condition = EndpointItem.version < version
        self._each(ids, lambda one: self._database.update(Key(EndpointItem, workspace_id, one), actions, condition))

    def _bury(self, model: type[EndpointItem | EventFilterItem], workspace_id: str, version: int, ids: Sequence[str]) -> None:
        def bury(one: str) -> None:
            tombstone = model(workspace_id, one, version=version, deleted=True, expires_at=self._end_of_tombstones())
            self._database.put(tombstone, _older(model, version))

        self._each(ids, bury)

    def _bury_web_sockets(self, version: int, ids: Sequence[str]) -> None:
        """Also under the ids of webhooks, since the change does not say which ones they are."""

        def bury(one: str) -> None:
            tombstone = WebSocketItem(one, WebSocketItem.KEY, version=version, deleted=True, expires_at=self._end_of_tombstones())
            self._database.put(tombstone, _older(WebSocketItem, version))

        self._each(ids, bury)

    def _change_links(self, workspace_id: str, version: int, side: str, ids: Sequence[str], others: Iterable[str], *, add: bool) -> None:
        packed = {uuid.UUID(other).bytes for other in others}
        actions = [
            LinksItem.ids.add(packed) if add else LinksItem.ids.delete(packed),
            LinksItem.version.set(version),
            LinksItem.expires_at.remove(),
        ]
        condition = _older(LinksItem, version)
        self._each(
            ids,
            lambda one: self._database.update(Key(LinksItem, workspace_id, f"{side}#{one}"), actions, condition),
        )

    def _drop_links(self, workspace_id: str, version: int, side: str, other_side: str, ids: Sequence[str]) -> None:
        """Removes the deleted ones from the rows of the other side first: while their own rows stand, a repair after
        a crash still knows where to look."""
        losing: dict[str, set[str]] = {}
        for one, others in self._linked(workspace_id, side, ids).items():
            for other in others:
                losing.setdefault(other, set()).add(one)
        groups: dict[frozenset[str], list[str]] = {}
        for other, gone in losing.items():
            groups.setdefault(frozenset(gone), []).append(other)
        for removed, rows in groups.items():
            self._change_links(workspace_id, version, other_side, rows, removed, add=False)

        def empty(one: str) -> None:
            row = LinksItem(workspace_id, f"{side}#{one}", version=version, expires_at=self._end_of_tombstones())
            self._database.put(row, _older(LinksItem, version))

        self._each(ids, empty)

    def _each(self, ids: Sequence[str], write: Callable[[str], None]) -> None:
        if len(ids) == 1:
            self._once(lambda: write(ids[0]))
            return
        with ThreadPoolExecutor(max_workers=WRITERS) as threads:
            # list(): a future's error is raised only when its result is asked for.
            list(threads.map(lambda one: self._once(lambda: write(one)), ids))

    @staticmethod
    def _once(write: Callable[[], None]) -> None:
        try:
            write()
        except ConditionFailed:
            # This change, or a later one, has already written the row.
            return

    def _end_of_tombstones(self) -> int:
        return int((self._clock() + TOMBSTONE_LIFE).timestamp())

    # -- reading -------------------------------------------------------------------------------------------------

    def endpoints(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        found = self._items(EndpointItem, workspace_id, ids)
        return {item.id: endpoint_of(item) for item in found if not item.deleted}

    def deleted_endpoints(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        return self._deleted(self._items(EndpointItem, workspace_id, ids))

    def endpoint_page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        condition: Condition = EndpointItem.workspace_id == workspace_id
        index = "by_creation"
        if page.type is not None:
            condition &= EndpointItem.type_key.startswith(f"{page.type.value}#")
            index = "by_type"
        rows = self._page(EndpointItem, condition, index, page.offset, page.limit, descending=page.descending)
        return [endpoint_of(EndpointItem.from_raw_data(row)) for row in rows]

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        found = self._items(EventFilterItem, workspace_id, ids)
        return {item.id: _event_filter(item) for item in found if not item.deleted}

    def deleted_event_filters(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        return self._deleted(self._items(EventFilterItem, workspace_id, ids))

    def event_filter_page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        index = "by_modification" if page.by_modification else "by_creation"
        condition: Condition = EventFilterItem.workspace_id == workspace_id
        rows = self._page(EventFilterItem, condition, index, page.offset, page.limit, descending=page.descending)
        return [_event_filter(EventFilterItem.from_raw_data(row)) for row in rows]

    def event_filter_ids_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, set[str]]:
        return self._linked(workspace_id, "endpoint", endpoint_ids)

    def endpoint_ids_of(self, workspace_id: str, event_filter_ids: Sequence[str]) -> dict[str, set[str]]:
        return self._linked(workspace_id, "filter", event_filter_ids)

    def load(self, workspace_id: str) -> RoutingRows:
        endpoints = self._database.query_all(
            EndpointItem,
            EndpointItem.workspace_id == workspace_id,
            index="by_creation",
            attributes=["id", "type"],
            consistent=True,
        )
        event_filters = self._database.query_all(
            EventFilterItem, EventFilterItem.workspace_id == workspace_id, index="by_creation", consistent=True
        )
        links = self._database.query_all(
            LinksItem,
            (LinksItem.workspace_id == workspace_id) & LinksItem.side.startswith("endpoint#"),
            consistent=True,
        )
        return RoutingRows(
            endpoints={item["id"]["S"]: EndpointType(item["type"]["S"]) for item in endpoints},
            event_filters={row.id: row for row in _event_filters(event_filters)},
            links={item["side"]["S"].removeprefix("endpoint#"): _unpacked(item) for item in links if "ids" in item},
        )

    def _items(self, model: type[Any], workspace_id: str, ids: Sequence[str]) -> list[Any]:
        found = self._database.batch_get(Key(model, workspace_id, one) for one in ids)
        return [model.from_raw_data(item) for _, item in found]

    def _deleted(self, items: Iterable[EndpointItem | EventFilterItem]) -> set[str]:
        # DynamoDB removes expired items within days, not at once.
        now = self._clock().timestamp()
        return {item.id for item in items if item.deleted and (item.expires_at or 0) > now}

    def _linked(self, workspace_id: str, side: str, ids: Sequence[str]) -> dict[str, set[str]]:
        linked: dict[str, set[str]] = {one: set() for one in ids}
        for _, item in self._database.batch_get(Key(LinksItem, workspace_id, f"{side}#{one}") for one in ids):
            linked[item["side"]["S"].removeprefix(f"{side}#")] = _unpacked(item)
        return linked

    def _page(
        self, model: type[Model], condition: Condition, index: str, offset: int, limit: int, *, descending: bool
    ) -> list[AttributeMap]:
        start: AttributeMap | None = None
        skip = offset
        while skip > SKIPPED_IN_ONE_READ:
            skipped = self._database.query(
                model,
                condition,
                index=index,
                descending=descending,
                limit=skip,
                consistent=True,
                count_only=True,
                start=start,
            )
            skip -= skipped.count
            if skipped.next is None:
                return []
            start = skipped.next
        rows: list[AttributeMap] = []
        while len(rows) < skip + limit:
            page = self._database.query(
                model,
                condition,
                index=index,
                descending=descending,
                limit=skip + limit - len(rows),
                consistent=True,
                start=start,
            )
            rows.extend(page.items)
            if page.next is None:
                break
            start = page.next
        return rows[skip:]


def _older(model: type[EndpointItem | EventFilterItem | LinksItem | WebSocketItem], version: int) -> Condition:
    condition: Condition = model.version.does_not_exist() | (model.version < version)
    return condition


def _unpacked(item: AttributeMap) -> set[str]:
    return {str(uuid.UUID(bytes=bytes(packed))) for packed in item.get("ids", {}).get("BS", [])}


def _endpoint_item(endpoint: Endpoint, version: int) -> EndpointItem:
    created = format_date(endpoint.created)
    return EndpointItem(
        endpoint.workspace_id,
        endpoint.id,
        version=version,
        type=endpoint.type.value,
        name=endpoint.name,
        url=endpoint.url,
        method=endpoint.method,
        status=endpoint.status.value,
        status_reason=endpoint.status_reason,
        created=created,
        modified=format_date(endpoint.modified),
        creation_key=f"{created}#{endpoint.id}",
        type_key=f"{endpoint.type.value}#{created}#{endpoint.id}",
    )


def endpoint_of(item: EndpointItem) -> Endpoint:
    """Reads the stored form of one that is no tombstone."""
    return Endpoint(
        id=item.id,
        workspace_id=item.workspace_id,
        type=EndpointType(item.type),
        name=item.name,
        url=item.url,
        method=item.method,
        status=EndpointStatus(item.status),
        status_reason=item.status_reason,
        created=_date(item.created),
        modified=_date(item.modified),
    )


def _event_filter_item(event_filter: EventFilter, version: int) -> EventFilterItem:
    created, modified = format_date(event_filter.created), format_date(event_filter.modified)
    return EventFilterItem(
        event_filter.workspace_id,
        event_filter.id,
        version=version,
        name=event_filter.name,
        condition=json.dumps(event_filter.condition, ensure_ascii=False, separators=(",", ":")),
        created=created,
        modified=modified,
        creation_key=f"{created}#{event_filter.id}",
        modification_key=f"{modified}#{event_filter.id}",
    )


def _event_filter(item: EventFilterItem) -> EventFilter:
    return EventFilter(
        id=item.id,
        workspace_id=item.workspace_id,
        name=item.name,
        condition=json.loads(item.condition),
        created=_date(item.created),
        modified=_date(item.modified),
    )


def _event_filters(items: Iterable[AttributeMap]) -> Iterator[EventFilter]:
    for item in items:
        yield _event_filter(EventFilterItem.from_raw_data(item))


def _date(value: str) -> datetime:
    return from_stored(value)
