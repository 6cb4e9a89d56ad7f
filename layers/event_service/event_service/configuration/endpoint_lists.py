"""Reading endpoints: one, several, pages and numbers of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from event_service.base.dates import format_date
from event_service.base.page import Page, place, read_place
from event_service.configuration.chain import Chain
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.existence import in_order
from event_service.configuration.ports import ConfigurationRows, EndpointPage


class EndpointLists:
    """The endpoints of workspaces, as the rows show them."""

    def __init__(self, chain: Chain, rows: ConfigurationRows) -> None:
        self._chain = chain
        self._rows = rows

    def endpoint(self, workspace_id: str, endpoint_id: str) -> Endpoint | None:
        """One endpoint."""
        self._chain.refresh(workspace_id)
        return self._rows.endpoints(workspace_id, [endpoint_id]).get(endpoint_id)

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        """Those that exist; any number of ids."""
        self._chain.refresh(workspace_id)
        return self._rows.endpoints(workspace_id, ids)

    def page(self, workspace_id: str, page: EndpointPage) -> list[Endpoint]:
        """The endpoints of one page."""
        self._chain.refresh(workspace_id)
        return self._rows.endpoint_page(workspace_id, page)

    def read_page(self, workspace_id: str, page: EndpointPage) -> Page[Endpoint]:
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
        end = place(format_date(shown[-1].created), shown[-1].id) if shown else page.after
        return Page(shown, end, len(found) > page.limit)

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
