"""The routing of one endpoint alone, as its event filters are now: for events that are sent again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from event_service.configuration.endpoint import Endpoint
from event_service.delivery.history import Endpoints
from event_service.filters.event_filter import EventFilter
from event_service.routing.table import Matcher, RoutingTable


class EndpointsAndFilters(Endpoints, Protocol):
    """What is asked of the configuration."""

    def event_filters_of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, list[EventFilter]]:
        """The linked event filters of each."""


def routing_of(endpoint: Endpoint, endpoints: EndpointsAndFilters, make_matcher: Callable[[], Matcher]) -> RoutingTable:
    """A table that knows this endpoint and its event filters."""
    filters = endpoints.event_filters_of(endpoint.workspace_id, [endpoint.id])[endpoint.id]
    table = RoutingTable(endpoint.workspace_id, make_matcher())
    # Read again: the last event filter may be deleted, or the first one linked, between the two reads.
    current = endpoints.endpoint(endpoint.workspace_id, endpoint.id)
    matching_nothing = [one.id for one in (endpoint, current) if one is not None and one.matches_nothing]
    table.load(0, {endpoint.id: endpoint.type}, filters, {endpoint.id: [one.id for one in filters]}, matching_nothing)
    return table
