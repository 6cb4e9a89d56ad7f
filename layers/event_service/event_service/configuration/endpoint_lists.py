"""Reading endpoints: one, several, pages and numbers of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from event_service.base.dates import format_date
from event_service.base.look_through import LookThrough
from event_service.base.page import Page, page_of, place, read_place
from event_service.configuration.chain import Chain
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.existence import in_order
from event_service.configuration.ports import ConfigurationRows, EndpointPage

ENDPOINTS_IN_ONE_READ: Final = 500
"""Of some 500 bytes each; with as many labels as there may be, 4 MB."""


class EndpointLists:
    """The endpoints of workspaces, as the rows show them."""

    def __init__(self, chain: Chain, rows: ConfigurationRows) -> None:
        self._chain = chain
        self._rows = rows

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        """The endpoint; ``None`` when it is unknown, deleted or of another workspace."""
        self._chain.refresh(workspace_id)
        return self._rows.endpoints(workspace_id, [endpoint_id]).get(endpoint_id)

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        """Those that exist; any number of ids."""
        self._chain.refresh(workspace_id)
        return self._rows.endpoints(workspace_id, ids)

    def page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        """Endpoints of an index page, after completing a committed change whose rows are not written yet."""
        self._chain.refresh(workspace_id)
        return self._rows.endpoint_page(workspace_id, page)

    def read_page(self, workspace_id: str, page: EndpointPage) -> Page[Endpoint]:
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
        named = self._named(workspace_id, page)
        if named is not None:
            return page_of(named, _place_of, page.after, page.offset, page.limit, descending=page.descending)
        if page.is_looked_up:
            return self._look_through(workspace_id, page).page(page.after, page.offset, page.limit, may_end_early=page.may_end_early)
        found = self._rows.endpoint_page(workspace_id, replace(page, limit=page.limit + 1))
        shown = found[: page.limit]
        return Page(shown, _place_of(shown[-1]) if shown else page.after, len(found) > page.limit)

    def count_page(self, workspace_id: str, page: EndpointPage) -> int:
        """How many there are on all pages: one read unless each has to be looked at.

        Raises:
            TooLarge: there are more than 10,000 to look at.
        """
        named = self._named(workspace_id, page)
        if named is not None:
            return len(named)
        return self._look_through(workspace_id, page).count() if page.is_looked_up else self.count(workspace_id, page.type)

    def _named(self, workspace_id: str, page: EndpointPage) -> list[Endpoint] | None:
        """Those that are found by id, key or a link; ``None`` when none of these is given."""
        if page.id is not None:
            ids: list[str] = [page.id]
        elif page.key is not None:
            holder = self._rows.endpoint_with_key(workspace_id, page.key)
            ids = [] if holder is None else [holder]
        elif page.event_filter_id is not None:
            ids = sorted(self._rows.endpoint_ids_of(workspace_id, [page.event_filter_id])[page.event_filter_id])
        else:
            return None
        found = [one for one in self._rows.endpoints(workspace_id, ids).values() if page.matches(one)] if ids else []
        if found and page.event_filter_id is not None and (page.id is not None or page.key is not None):
            linked = self._rows.event_filter_ids_of(workspace_id, [one.id for one in found])
            found = [one for one in found if page.event_filter_id in linked[one.id]]
        return found

    def _look_through(self, workspace_id: str, page: EndpointPage) -> LookThrough[Endpoint]:
        return LookThrough(
            "endpoints",
            lambda after, number: self._rows.endpoint_page(workspace_id, replace(page, after=after, offset=0, limit=number)),
            _place_of,
            lambda some: [one for one in some if page.matches(one)],
            ENDPOINTS_IN_ONE_READ,
        )

    def count(self, workspace_id: str, endpoint_type: EndpointType | None = None) -> int:
        """How many there are: one read, however many there are."""
        return self._chain.counts(workspace_id).of(endpoint_type)

    def of_event_filters(
        self, workspace_id: str, event_filter_ids: Sequence[str], expect: Callable[[int], None] = lambda _number: None
    ) -> dict[str, list[Endpoint]]:
        """The linked endpoints of each event filter, in creation order; every given id is a key. ``expect`` is told how many
        there are before they are read, and may refuse by raising."""
        linked = self._rows.endpoint_ids_of(workspace_id, event_filter_ids)
        expect(sum(map(len, linked.values())))
        endpoints = self._rows.endpoints(workspace_id, sorted(set().union(*linked.values())))
        return {one: in_order(endpoints, ids) for one, ids in linked.items()}


def _place_of(endpoint: Endpoint) -> str:
    return place(format_date(endpoint.created), endpoint.id)
