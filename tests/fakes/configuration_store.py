"""The configuration's ports in memory, with AWS's behaviour where it matters: one winner of two racing puts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from event_service.base.clock import Clock
from event_service.base.dates import format_date
from event_service.base.page import place
from event_service.configuration.changes import (
    ChangeSet,
    DeleteEndpoints,
    DeleteEventFilters,
    Head,
    Link,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
)
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.ports import Beside, EndpointPage, EventFilterPage, RememberedRequest, RoutingRows
from event_service.configuration.secrets import EndpointSecrets
from event_service.filters.event_filter import EventFilter

T = TypeVar("T", Endpoint, EventFilter)


class FakeChangeLog:
    """Change sets in a list; ``before`` is called with the name of each operation, to count, fail or interleave."""

    def __init__(self, before: Callable[[str], None] = lambda operation: None, secrets: FakeSecretStore | None = None) -> None:
        self.secrets = secrets or FakeSecretStore()
        self.chains: dict[str, list[ChangeSet]] = {}
        self.before = before

    def head(self, workspace_id: str) -> Head | None:
        self.before("changes.head")
        chain = self.chains.get(workspace_id)
        return chain[-1].head if chain else None

    def append(self, change: ChangeSet, beside: Beside | None = None) -> bool:
        self.before("changes.append")
        chain = self.chains.setdefault(change.workspace_id, [])
        if chain and chain[-1].version >= change.version:
            return False
        if beside is not None:
            if not self.secrets.remember(beside.request):
                return False
            self.secrets.stored |= {(change.workspace_id, one): secrets for one, secrets in beside.secrets.items()}
        chain.append(change)
        return True

    def after(self, workspace_id: str, version: int, limit: int) -> list[ChangeSet]:
        self.before("changes.after")
        return [one for one in self.chains.get(workspace_id, []) if one.version > version][:limit]

    def newest(self, workspace_id: str, before: int | None, limit: int) -> list[ChangeSet]:
        self.before("changes.newest")
        return [one for one in self.chains.get(workspace_id, [])[::-1] if before is None or one.version < before][:limit]

    def unapplied(self, workspace_id: str) -> list[ChangeSet]:
        self.before("changes.unapplied")
        return [one for one in self.chains.get(workspace_id, []) if not one.applied]

    def mark_applied(self, workspace_id: str, version: int) -> None:
        self.before("changes.mark_applied")
        chain = self.chains[workspace_id]
        self.chains[workspace_id] = [replace(one, applied=True) if one.version == version else one for one in chain]

    def trim(self, workspace_id: str, kept: int) -> None:
        """Forgets all but the newest ``kept``."""
        self.chains[workspace_id] = self.chains[workspace_id][-kept:]


class FakeConfigurationRows:
    """Rows in dictionaries, each written only by a higher version, as the real ones."""

    def __init__(self, clock: Clock, before: Callable[[str], None] = lambda operation: None) -> None:
        self._clock = clock
        self.before = before
        self.endpoint_rows: dict[tuple[str, str], tuple[int, Endpoint | None]] = {}
        self.filter_rows: dict[tuple[str, str], tuple[int, EventFilter | None]] = {}
        self.links: dict[str, set[tuple[str, str]]] = {}
        self.link_versions: dict[str, int] = {}
        self.deleted_at: dict[tuple[str, str], float] = {}

    def apply(self, change: ChangeSet, *, repair: bool = False) -> None:
        self.before("rows.apply")
        workspace, version = change.workspace_id, change.version
        links = self.links.setdefault(workspace, set())
        fresh_links = self.link_versions.get(workspace, 0) < version
        for operation in change.operations:
            match operation:
                case PutEndpoint(endpoint):
                    self._put(self.endpoint_rows, (workspace, endpoint.id), version, endpoint)
                case SetState(ids):
                    for one in ids:
                        current = self.endpoint_rows.get((workspace, one), (0, None))
                        if current[1] is not None and current[0] < version:
                            self.endpoint_rows[workspace, one] = (version, operation.applied_to(current[1]))
                case PutEventFilter(event_filter):
                    self._put(self.filter_rows, (workspace, event_filter.id), version, event_filter)
                case Link(endpoint_ids, filter_ids) if fresh_links:
                    links |= {(one, other) for one in endpoint_ids for other in filter_ids}
                case Unlink(endpoint_ids, filter_ids) if fresh_links:
                    links -= {(one, other) for one in endpoint_ids for other in filter_ids}
                case DeleteEndpoints(ids):
                    self._bury(self.endpoint_rows, workspace, version, ids)
                    links -= {link for link in links if link[0] in ids}
                case DeleteEventFilters(ids):
                    self._bury(self.filter_rows, workspace, version, ids)
                    links -= {link for link in links if link[1] in ids}
                case _:
                    pass
        self.link_versions[workspace] = max(version, self.link_versions.get(workspace, 0))

    @staticmethod
    def _put(rows: dict[tuple[str, str], tuple[int, T | None]], key: tuple[str, str], version: int, value: T) -> None:
        if rows.get(key, (0, None))[0] < version:
            rows[key] = (version, value)

    def _bury(self, rows: dict[tuple[str, str], tuple[int, T | None]], workspace: str, version: int, ids: Sequence[str]) -> None:
        for one in ids:
            if rows.get((workspace, one), (0, None))[0] < version:
                rows[workspace, one] = (version, None)
                self.deleted_at[workspace, one] = self._clock().timestamp()

    def endpoints(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        self.before("rows.endpoints")
        found = {one: self.endpoint_rows.get((workspace_id, one), (0, None))[1] for one in ids}
        return {one: endpoint for one, endpoint in found.items() if endpoint is not None}

    def endpoint_with_key(self, workspace_id: str, key: str) -> str | None:
        self.before("rows.endpoint_with_key")
        rows = self.endpoint_rows.items()
        return next((one for (workspace, one), (_, row) in rows if workspace == workspace_id and row and row.marks.key == key), None)

    def event_filter_with_key(self, workspace_id: str, key: str) -> str | None:
        self.before("rows.event_filter_with_key")
        rows = self.filter_rows.items()
        return next((one for (workspace, one), (_, row) in rows if workspace == workspace_id and row and row.marks.key == key), None)

    def deleted_endpoints(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        return self._deleted(self.endpoint_rows, workspace_id, ids)

    def endpoint_page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        self.before("rows.endpoint_page")
        rows = [row for (workspace, _), (_, row) in self.endpoint_rows.items() if workspace == workspace_id and row]
        rows = [row for row in rows if page.type in (None, row.type)]
        rows.sort(key=lambda row: (row.created, row.id), reverse=page.descending)
        if page.after is not None:
            rows = [row for row in rows if _is_behind(place(format_date(row.created), row.id), page.after, descending=page.descending)]
        return rows[page.offset : page.offset + page.limit]

    def event_filters(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        self.before("rows.event_filters")
        found = {one: self.filter_rows.get((workspace_id, one), (0, None))[1] for one in ids}
        return {one: event_filter for one, event_filter in found.items() if event_filter is not None}

    def deleted_event_filters(self, workspace_id: str, ids: Sequence[str]) -> set[str]:
        return self._deleted(self.filter_rows, workspace_id, ids)

    def event_filter_page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        self.before("rows.event_filter_page")
        rows = [row for (workspace, _), (_, row) in self.filter_rows.items() if workspace == workspace_id and row]

        def date(row: EventFilter) -> datetime:
            return row.modified if page.by_modification else row.created

        rows.sort(key=lambda row: (date(row), row.id), reverse=page.descending)
        if page.after is not None:
            rows = [row for row in rows if _is_behind(place(format_date(date(row)), row.id), page.after, descending=page.descending)]
        return rows[page.offset : page.offset + page.limit]

    def event_filter_ids_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, set[str]]:
        self.before("rows.event_filter_ids_of")
        links = self.links.get(workspace_id, set())
        return {one: {other for endpoint, other in links if endpoint == one} for one in endpoint_ids}

    def endpoint_ids_of(self, workspace_id: str, event_filter_ids: Sequence[str]) -> dict[str, set[str]]:
        self.before("rows.endpoint_ids_of")
        links = self.links.get(workspace_id, set())
        return {one: {other for other, event_filter in links if event_filter == one} for one in event_filter_ids}

    def load(self, workspace_id: str) -> RoutingRows:
        self.before("rows.load.endpoints")
        endpoints = {one: row.type for (workspace, one), (_, row) in self.endpoint_rows.items() if workspace == workspace_id and row}
        self.before("rows.load.event_filters")
        filters = {one: row for (workspace, one), (_, row) in self.filter_rows.items() if workspace == workspace_id and row}
        self.before("rows.load.links")
        links: dict[str, set[str]] = {}
        for endpoint, event_filter in self.links.get(workspace_id, set()):
            links.setdefault(endpoint, set()).add(event_filter)
        rows = [(workspace, one, row) for (workspace, one), (_, row) in self.endpoint_rows.items() if row and row.matches_nothing]
        nothing = {one for workspace, one, _ in rows if workspace == workspace_id}
        return RoutingRows(endpoints, filters, links, frozenset(nothing))

    def _deleted(self, rows: dict[tuple[str, str], tuple[int, T | None]], workspace: str, ids: Sequence[str]) -> set[str]:
        horizon = self._clock().timestamp() - timedelta(hours=24).total_seconds()
        return {one for one in ids if rows.get((workspace, one), (0, "never"))[1] is None and self.deleted_at[workspace, one] > horizon}


def _is_behind(own: str, after: str, *, descending: bool) -> bool:
    return own < after if descending else own > after


class FakeSecretStore:
    """Secrets, and answers to idempotency keys, in dictionaries."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], EndpointSecrets] = {}
        self.requests: dict[tuple[str, str], RememberedRequest] = {}

    def get(self, workspace_id: str, endpoint_id: str) -> EndpointSecrets | None:
        return self.stored.get((workspace_id, endpoint_id))

    def replace(
        self,
        workspace_id: str,
        endpoint_id: str,
        secrets: EndpointSecrets,
        replaces: EndpointSecrets,
        request: RememberedRequest | None = None,
    ) -> bool:
        if self.stored.get((workspace_id, endpoint_id)) != replaces or not self.remember(request):
            return False
        self.stored[workspace_id, endpoint_id] = secrets
        return True

    def delete(self, endpoint_ids: Sequence[str]) -> None:
        self.stored = {key: secrets for key, secrets in self.stored.items() if key[1] not in endpoint_ids}

    def find(self, workspace_id: str, key: str) -> RememberedRequest | None:
        return self.requests.get((workspace_id, key))

    def remember(self, request: RememberedRequest | None) -> bool:
        """Unless the key has an answer that is still kept."""
        if request is None:
            return True
        known = self.requests.get((request.workspace_id, request.key))
        if known is not None and known.expires > request.expires - timedelta(hours=24):
            return False
        self.requests[request.workspace_id, request.key] = request
        return True
