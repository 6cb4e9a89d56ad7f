"""Reading event filters: one, several, pages and numbers of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from event_service.base.dates import format_date
from event_service.base.page import Page, place, read_place
from event_service.configuration.chain import Chain
from event_service.configuration.existence import in_order
from event_service.configuration.ports import ConfigurationRows, EventFilterPage
from event_service.filters.event_filter import EventFilter


class EventFilterLists:
    """The event filters of workspaces, as the rows show them."""

    def __init__(self, chain: Chain, rows: ConfigurationRows) -> None:
        self._chain = chain
        self._rows = rows

    def event_filter(self, workspace_id: str, event_filter_id: str) -> EventFilter | None:
        """One event filter."""
        self._chain.refresh(workspace_id)
        return self._rows.event_filters(workspace_id, [event_filter_id]).get(event_filter_id)

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        """Those that exist; any number of ids."""
        self._chain.refresh(workspace_id)
        return self._rows.event_filters(workspace_id, ids)

    def page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        """The event filters of one page."""
        self._chain.refresh(workspace_id)
        return self._rows.event_filter_page(workspace_id, page)

    def read_page(self, workspace_id: str, page: EventFilterPage) -> Page[EventFilter]:
        """One page, and where the next one begins.

        Raises:
            BadUserInput: ``after`` is no place in a list.
        """
        if page.after is not None:
            read_place(page.after)
        if page.limit == 0:
            return Page([], page.after, more=True)
        found = self.page(workspace_id, replace(page, limit=page.limit + 1))
        shown = found[: page.limit]
        end = page.after
        if shown:
            end = place(format_date(shown[-1].modified if page.by_modification else shown[-1].created), shown[-1].id)
        return Page(shown, end, len(found) > page.limit)

    def count(self, workspace_id: str) -> int:
        """How many there are: one read, however many there are."""
        return self._chain.counts(workspace_id).event_filters

    def of_endpoints(
        self, workspace_id: str, endpoint_ids: Sequence[str], expect: Callable[[int], None] = lambda _number: None
    ) -> dict[str, list[EventFilter]]:
        """The linked event filters of each endpoint, in creation order; every given id is a key. ``expect`` is told how many
        there are before they are read, and may refuse by raising."""
        linked = self._rows.event_filter_ids_of(workspace_id, endpoint_ids)
        expect(sum(map(len, linked.values())))
        event_filters = self._rows.event_filters(workspace_id, sorted(set().union(*linked.values())))
        return {one: in_order(event_filters, ids) for one, ids in linked.items()}
