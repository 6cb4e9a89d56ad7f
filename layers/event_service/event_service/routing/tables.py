"""The routing tables of the workspaces that this process has seen, kept current by the chain of change sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.changes import ChangeSet, Head
from event_service.configuration.ports import ChangeLog, ConfigurationRows
from event_service.routing.table import Matcher, OutOfOrder, RoutingTable

CHANGES_IN_ONE_READ: Final = 100


LOADS: Final = 3
"""Times that a load may be overtaken by 1,000 changes, the number that is kept, before it gives up."""


MAXIMUM_WORKSPACES: Final = 1_000


MAXIMUM_TABLE_BYTES: Final = 700_000_000
"""Of all tables together, as they estimate themselves: half of the router's memory is left for the work."""


class RoutingTables:
    """The routing tables of the workspaces that this process has seen last.

    A table is brought up to date with one strongly consistent read each time it is asked for, and is never torn: it is
    loaded at the version that the rows show for certain, then follows the chain of change sets. Not for use by several
    threads.
    """

    def __init__(
        self,
        log: ChangeLog,
        rows: ConfigurationRows,
        new_matcher: Callable[[], Matcher],
        maximum_workspaces: int = MAXIMUM_WORKSPACES,
        maximum_bytes: int = MAXIMUM_TABLE_BYTES,
    ) -> None:
        self._log = log
        self._rows = rows
        self._new_matcher = new_matcher
        self._maximum_workspaces = maximum_workspaces
        self._maximum_bytes = maximum_bytes
        # The one seen last stands last; with each the size it had then.
        self._tables: dict[str, tuple[RoutingTable, int]] = {}
        self._bytes = 0
        # The version up to which this process has written the rows of each workspace in `_tables`.
        self._written: dict[str, int] = {}

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
                # A read or a repair failed, both come before a change is applied: the table is whole, only not new.
                self._keep(table)
                raise
        if table is None:
            table = self._load(workspace_id)
        self._keep(table)
        return table

    def _follow(self, table: RoutingTable) -> None:
        while True:
            changes = self._log.after(table.workspace_id, table.version, CHANGES_IN_ONE_READ)
            if not changes:
                return
            self._repair(changes[-1])
            for change in changes:
                table.apply(change)
            if len(changes) < CHANGES_IN_ONE_READ:
                return

    def _load(self, workspace_id: str) -> RoutingTable:
        for _ in range(LOADS):
            table = RoutingTable(workspace_id, self._new_matcher())
            head = self._log.head(workspace_id)
            if head is not None:
                self._repair(head)
                rows = self._rows.load(workspace_id)
                table.load(head.version, rows.endpoints, rows.event_filters.values(), rows.links, rows.matching_nothing)
            try:
                self._follow(table)
            except OutOfOrder:
                continue
            return table
        raise Unavailable(f"the configuration of workspace {workspace_id} changes faster than it can be loaded")

    def _repair(self, newest: ChangeSet | Head) -> None:
        """Writes the rows of committed changes that may not be written yet. Whoever made them may have died; and whoever
        gets an event for a new endpoint reads its row next, where a missing one means that the endpoint was deleted. They
        are not noted as applied: what else follows from a change is for the next mutation to do."""
        workspace_id = newest.workspace_id
        if newest.applied or newest.version <= self._written.get(workspace_id, 0):
            return
        for change in self._log.unapplied(workspace_id):
            self._rows.apply(change, repair=True)
        self._written[workspace_id] = newest.version

    def _take(self, workspace_id: str) -> RoutingTable | None:
        table, size = self._tables.pop(workspace_id, (None, 0))
        self._bytes -= size
        return table

    def _forget(self, workspace_id: str) -> None:
        self._take(workspace_id)
        self._written.pop(workspace_id, None)

    def _keep(self, table: RoutingTable) -> None:
        size = table.estimated_bytes
        self._tables[table.workspace_id] = (table, size)
        self._bytes += size
        while len(self._tables) > 1 and (len(self._tables) > self._maximum_workspaces or self._bytes > self._maximum_bytes):
            self._forget(next(iter(self._tables)))
