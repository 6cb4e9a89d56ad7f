"""The routing tables of the workspaces that this process has seen, kept current by the chain of change sets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.changes import ChangeSet, Head, PutEndpoint
from event_service.configuration.ports import ChangeLog, ConfigurationRows, RoutingRows
from event_service.routing.table import Matcher, OutOfOrder, RoutingTable

if TYPE_CHECKING:
    from event_service.routing.packed import PackedReading

_LOG = logging.getLogger(__name__)

CHANGES_PER_READ: Final = 100
LOADS: Final = 3
"""Times that a load may be overtaken by 1,000 changes, the number that is kept, before it gives up."""
PACKED_FROM: Final = 2_000
"""Endpoints and event filters of a workspace, from which on routers that start together share what one has read."""
MAXIMUM_WORKSPACES: Final = 1_000
MAXIMUM_TABLE_BYTES: Final = 700_000_000
"""Of all tables together, as they estimate themselves: half of the router's memory is left for the work."""


class RoutingTables:
    """The routing tables of the workspaces that this process has seen last.

    A table is brought up to date with one strongly consistent read each time it is asked for, and is never torn: it is
    loaded at the version that the rows show for certain, then follows the chain of change sets. A change that cannot be
    written to the rows blocks nobody: the table follows the chain, not the rows. Not for use by several threads.
    """

    def __init__(
        self,
        log: ChangeLog,
        rows: ConfigurationRows,
        new_matcher: Callable[[], Matcher],
        packed: Callable[[], PackedReading] | None = None,
        *,
        maximum_workspaces: int = MAXIMUM_WORKSPACES,
        maximum_bytes: int = MAXIMUM_TABLE_BYTES,
    ) -> None:
        """
        Args:
            log: the chain of change sets.
            rows: what the chain led to.
            new_matcher: makes an empty one.
            packed: reads large workspaces; made when the first one comes. Without it each router reads all rows.
            maximum_workspaces: tables that are kept.
            maximum_bytes: of all tables that are kept.
        """
        self._log = log
        self._rows = rows
        self._new_matcher = new_matcher
        self._maximum_workspaces = maximum_workspaces
        self._maximum_bytes = maximum_bytes
        self._packed = packed
        # The one seen last stands last; with each the size it had then.
        self._tables: dict[str, tuple[RoutingTable, int]] = {}
        self._bytes = 0

    def current(self, workspace_id: str) -> RoutingTable:
        """The table at the newest version.

        Raises:
            RateLimited, Unavailable: the configuration could not be read.
        """
        # Taken out while it changes: should a change fail half-way, nobody finds a torn table.
        table = self._take(workspace_id)
        if table is not None:
            try:
                self._follow(table)
            except OutOfOrder:
                table = None
            except (RateLimited, Unavailable):
                # A read failed, which comes before a change is applied: the table is whole, only not new.
                self._keep(table)
                raise
        if table is None:
            table = self._load(workspace_id)
        self._keep(table)
        return table

    def forget_all(self) -> None:
        """Gives all memory back; tables are loaded anew when they are needed."""
        self._tables, self._bytes = {}, 0

    def _follow(self, table: RoutingTable, *, rows_tried: bool = False) -> None:
        while True:
            changes = self._log.after(table.workspace_id, table.version, CHANGES_PER_READ)
            if not rows_tried and (table.unwritten or (changes and not changes[-1].applied)):
                _, table.unwritten = self._write_rows(table.workspace_id)
                rows_tried = True
            for change in changes:
                table.apply(change)
            if len(changes) < CHANGES_PER_READ:
                return

    def _load(self, workspace_id: str) -> RoutingTable:
        for _ in range(LOADS):
            table = RoutingTable(workspace_id, self._new_matcher())
            head = self._log.head(workspace_id)
            rows_tried = head is not None and not head.applied
            if head is not None:
                # The version that the rows show for certain. They may show a part of what follows it: every operation
                # states a result, so that following the chain from there gives the right table.
                version = head.version
                if rows_tried:
                    unapplied, table.unwritten = self._write_rows(workspace_id)
                    version = min(version, unapplied - 1) if unapplied else version
                version, rows = self._read_rows(head, version)
                table.load(version, rows.endpoints, rows.event_filters.values(), rows.links, rows.matching_nothing)
            try:
                self._follow(table, rows_tried=rows_tried)
            except OutOfOrder:
                continue
            return table
        raise Unavailable(f"the configuration of workspace {workspace_id} changes faster than it can be loaded")

    def _read_rows(self, head: Head, version: int) -> tuple[int, RoutingRows]:
        if self._packed is None or head.counts.endpoints + head.counts.event_filters < PACKED_FROM:
            return version, self._rows.load(head.workspace_id)
        return self._packed().load(head.workspace_id, version, self._rows.load)

    def _write_rows(self, workspace_id: str) -> tuple[int, frozenset[str]]:
        """Writes the rows of committed changes that may not be written yet, since whoever made them may have died. They are
        not noted as applied: what else follows from a change is for the next mutation to do.

        Returns:
            The first version that could not be written (0: all are), and the endpoints whose rows are missing for it.
        """
        unapplied = self._log.unapplied(workspace_id)
        for position, change in enumerate(unapplied):
            try:
                self._rows.apply(change, repair=True)
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - whatever it is: routing needs only the chain, the next mutation tries again
                _LOG.exception("a committed change cannot be applied", extra={"workspace_id": workspace_id, "version": change.version})
                return change.version, self._write_endpoints(unapplied[position:])
        return 0, frozenset()

    def _write_endpoints(self, changes: Sequence[ChangeSet]) -> frozenset[str]:
        """Writes the rows of endpoints alone: whoever gets an event for a new endpoint reads its row next, where a missing
        one means that the endpoint was deleted. Returns those whose row could not be written."""
        unwritten: set[str] = set()
        for change in changes:
            puts = tuple(one for one in change.operations if isinstance(one, PutEndpoint))
            if not puts:
                continue
            try:
                self._rows.apply(replace(change, operations=puts))
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - whatever it is: only the messages for these endpoints wait
                _LOG.exception("endpoints cannot be written", extra={"workspace_id": change.workspace_id, "version": change.version})
                unwritten.update(one.endpoint.id for one in puts)
        return frozenset(unwritten)

    def _take(self, workspace_id: str) -> RoutingTable | None:
        table, size = self._tables.pop(workspace_id, (None, 0))
        self._bytes -= size
        return table

    def _keep(self, table: RoutingTable) -> None:
        size = table.estimated_bytes
        self._tables[table.workspace_id] = (table, size)
        self._bytes += size
        while len(self._tables) > 1 and (len(self._tables) > self._maximum_workspaces or self._bytes > self._maximum_bytes):
            self._take(next(iter(self._tables)))
