"""Reading event filters: one, several, pages and numbers of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from event_service.base.dates import format_date
from event_service.base.look_through import LookThrough
from event_service.base.page import Page, page_of, place, read_place
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
        """The event filter; ``None`` when it is unknown, deleted or of another workspace."""
        self._chain.refresh(workspace_id)
        return self._rows.event_filters(workspace_id, [event_filter_id]).get(event_filter_id)

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, EventFilter]:
        """Those that exist; any number of ids."""
        self._chain.refresh(workspace_id)
        return self._rows.event_filters(workspace_id, ids)

    def page(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter]:
        """Event filters of an index page, after completing a committed change whose rows are not written yet."""
        self._chain.refresh(workspace_id)
        return self._rows.event_filter_page(workspace_id, page)

    def read_page(self, workspace_id: str, page: EventFilterPage) -> Page[EventFilter]:
        """One page, and where the next one begins.

        Raises:
            BadUserInput: ``after`` is no place in a list.
            TooLarge: so many would have to be looked at that it must be done step by step.
        """
        if page.after is not None:
            read_place(page.after)
        if page.limit == 0:
            return Page([], page.after, more=True)
        self._chain.refresh(workspace_id)
        place_of = _by_modification if page.by_modification else _by_creation
        named = self._named(workspace_id, page)
        if named is not None:
            return page_of(named, place_of, page.after, page.offset, page.limit, descending=page.descending)
        if page.is_looked_up:
            return self._look_through(workspace_id, page).page(page.after, page.offset, page.limit, may_end_early=page.may_end_early)
        found = self._rows.event_filter_page(workspace_id, replace(page, limit=page.limit + 1))
        shown = found[: page.limit]
        return Page(shown, place_of(shown[-1]) if shown else page.after, len(found) > page.limit)

    def count_page(self, workspace_id: str, page: EventFilterPage) -> int:
        """How many there are on all pages: one read unless each has to be looked at.

        Raises:
            TooLarge: there are more than 10,000 to look at.
        """
        named = self._named(workspace_id, page)
        if named is not None:
            return len(named)
        return self._look_through(workspace_id, page).count() if page.is_looked_up else self.count(workspace_id)

    def _named(self, workspace_id: str, page: EventFilterPage) -> list[EventFilter] | None:
        """Those that are found by id, key or a link; ``None`` when none of these is given."""
        if page.id is not None:
            ids: list[str] = [page.id]
        elif page.key is not None:
            holder = self._rows.event_filter_with_key(workspace_id, page.key)
            ids = [] if holder is None else [holder]
        elif page.endpoint_id is not None:
            ids = sorted(self._rows.event_filter_ids_of(workspace_id, [page.endpoint_id])[page.endpoint_id])
        else:
            return None
        return self._accept(workspace_id, page, list(self._rows.event_filters(workspace_id, ids).values()) if ids else [])

    def _look_through(self, workspace_id: str, page: EventFilterPage) -> LookThrough[EventFilter]:
        return LookThrough(
            "eventsFilters",
            lambda after, number: self._rows.event_filter_page(workspace_id, replace(page, after=after, offset=0, limit=number)),
            _by_modification if page.by_modification else _by_creation,
            lambda some: self._accept(workspace_id, page, some),
        )

    def _accept(self, workspace_id: str, page: EventFilterPage, some: Sequence[EventFilter]) -> list[EventFilter]:
        found = [one for one in some if page.matches(one)]
        if not found or (page.linked is None and page.endpoint_id is None):
            return found
        linked = self._rows.endpoint_ids_of(workspace_id, [one.id for one in found])
        return [
            one
            for one in found
            if page.linked in (None, bool(linked[one.id])) and (page.endpoint_id is None or page.endpoint_id in linked[one.id])
        ]

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


def _by_creation(event_filter: EventFilter) -> str:
    return place(format_date(event_filter.created), event_filter.id)


def _by_modification(event_filter: EventFilter) -> str:
    return place(format_date(event_filter.modified), event_filter.id)
