"""What the fields of one request read by id, or by the object they belong to: gathered, and read many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from strawberry.dataloader import DataLoader

from event_service.base.errors import TooLarge

if TYPE_CHECKING:
    from event_service.base.page import Page
    from event_service.configuration.endpoint import Endpoint
    from event_service.delivery.attempt import Delivery
    from event_service.delivery.lane import Lane
    from event_service.delivery.lists import DeliveryQuery
    from event_service.delivery.receiver_health import EndpointHealth
    from event_service.delivery.receiver_reports import LastHour
    from event_service.events.event import Event
    from event_service.filters.event_filter import EventFilter
    from event_service.sockets.open_connections import OpenConnection
    from functions.graphql_api.context import Context

ROWS_PER_BATCH: Final = 100
"""DynamoDB reads at most 100 rows a call (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html)."""
MAXIMUM_ENDPOINTS_WITH_DELIVERIES: Final = 100
"""The deliveries of one endpoint stand in 16 places, and each is asked."""
MAXIMUM_ENDPOINTS_READ_EACH: Final = 10
"""Each is up to 260 reads."""


class Loaders:
    """Of one request. What they have read is kept until the next change of the request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.event_filters_of: DataLoader[str, list[EventFilter]] = DataLoader(self._event_filters_of, max_batch_size=ROWS_PER_BATCH)
        self.endpoints_of: DataLoader[str, list[Endpoint]] = DataLoader(self._endpoints_of, max_batch_size=ROWS_PER_BATCH)
        self.endpoints: DataLoader[str, Endpoint | None] = DataLoader(self._endpoints, max_batch_size=ROWS_PER_BATCH)
        self.event_filters: DataLoader[str, EventFilter | None] = DataLoader(self._event_filters, max_batch_size=ROWS_PER_BATCH)
        self.events: DataLoader[tuple[str, bool], Event | None] = DataLoader(self._events, max_batch_size=ROWS_PER_BATCH)
        """By id, and whether their data is shown."""
        self.deliveries: DataLoader[tuple[str, str], Delivery | None] = DataLoader(self._deliveries, max_batch_size=ROWS_PER_BATCH)
        """By endpoint id and event id."""
        self.delivery_pages: DataLoader[DeliveryQuery, Page[Delivery]] = DataLoader(self._delivery_pages, max_batch_size=ROWS_PER_BATCH)
        self._endpoints_with_deliveries: set[str] = set()
        self.health: DataLoader[str, EndpointHealth | None] = DataLoader(self._health, max_batch_size=ROWS_PER_BATCH)
        self.lanes: DataLoader[str, Lane | None] = DataLoader(self._lanes, max_batch_size=ROWS_PER_BATCH)
        self._endpoints_with_last_hour: set[str] = set()
        self._endpoints_with_waiting: set[str] = set()
        self._endpoints_with_connections: set[str] = set()

    async def _event_filters_of(self, endpoint_ids: list[str]) -> list[list[EventFilter]]:
        context = self._context
        of_endpoints = context.configuration.event_filters.of_endpoints
        found = await context.read(of_endpoints, context.workspace_id, endpoint_ids, context.nodes.expect)
        return [found.get(endpoint_id, []) for endpoint_id in endpoint_ids]

    async def _endpoints_of(self, event_filter_ids: list[str]) -> list[list[Endpoint]]:
        context = self._context
        of_event_filters = context.configuration.endpoints.of_event_filters
        found = await context.read(of_event_filters, context.workspace_id, event_filter_ids, context.nodes.expect)
        return [found.get(event_filter_id, []) for event_filter_id in event_filter_ids]

    async def _endpoints(self, ids: list[str]) -> list[Endpoint | None]:
        context = self._context
        found = await context.read(context.configuration.endpoints.by_ids, context.workspace_id, ids)
        return [found.get(one) for one in ids]

    async def _event_filters(self, ids: list[str]) -> list[EventFilter | None]:
        context = self._context
        found = await context.read(context.configuration.event_filters.by_ids, context.workspace_id, ids)
        return [found.get(one) for one in ids]

    async def _events(self, keys: list[tuple[str, bool]]) -> list[Event | None]:
        context = self._context
        with_data = {event_id for event_id, shown in keys if shown}
        heads = [event_id for event_id, _ in keys if event_id not in with_data]
        found: dict[str, Event] = {}
        for ids, shown in ((sorted(with_data), True), (heads, False)):
            if ids:
                found |= await context.read(context.events_reading.by_ids, context.workspace_id, ids, with_data=shown)
        return [found.get(event_id) for event_id, _ in keys]

    async def _deliveries(self, keys: list[tuple[str, str]]) -> list[Delivery | None]:
        context = self._context
        found = await context.read(context.deliveries.by_keys, context.workspace_id, keys)
        return [found.get(key) for key in keys]

    async def _delivery_pages(self, queries: list[DeliveryQuery]) -> list[Page[Delivery]]:
        context = self._context
        self._endpoints_with_deliveries.update(query.endpoint_id for query in queries if query.endpoint_id is not None)
        if len(self._endpoints_with_deliveries) > MAXIMUM_ENDPOINTS_WITH_DELIVERIES:
            raise TooLarge(
                f"deliveries: at most {MAXIMUM_ENDPOINTS_WITH_DELIVERIES} endpoints show their deliveries in one request, since each is "
                f"read by itself. Ask for endpoints(first: {MAXIMUM_ENDPOINTS_WITH_DELIVERIES})."
            )
        return await context.read(context.deliveries.read_pages, context.workspace_id, queries)

    async def _health(self, endpoint_ids: list[str]) -> list[EndpointHealth | None]:
        context = self._context
        found = await context.read(context.receiver_reports.known, context.workspace_id, endpoint_ids)
        return [found.get(one) for one in endpoint_ids]

    async def _lanes(self, endpoint_ids: list[str]) -> list[Lane | None]:
        context = self._context
        found = await context.read(context.receiver_reports.lanes, context.workspace_id, endpoint_ids)
        return [found.get(one) for one in endpoint_ids]

    async def last_hour(self, endpoint_id: str) -> LastHour:
        """Of one endpoint.

        Raises:
            TooLarge: it is asked for of more than 10 endpoints.
        """
        context = self._context
        _bounded(self._endpoints_with_last_hour, endpoint_id, "lastHour", "the last 100 deliveries of each are read")
        return await context.read(context.receiver_reports.last_hour, context.workspace_id, endpoint_id)

    async def waiting(self, endpoint_id: str) -> int:
        """Of one endpoint.

        Raises:
            TooLarge: it is asked for of more than 10 endpoints.
        """
        context = self._context
        _bounded(self._endpoints_with_waiting, endpoint_id, "waiting", "the backlog of each is counted")
        return await context.read(context.receiver_reports.waiting, endpoint_id)

    async def connections(self, endpoint_id: str, limit: int, after: str | None) -> Page[OpenConnection]:
        """A page of one endpoint's.

        Raises:
            TooLarge: they are asked for of more than 10 endpoints.
        """
        context = self._context
        _bounded(self._endpoints_with_connections, endpoint_id, "connections", "the groups of connections of each are read")
        return await context.read(context.open_connections.page, context.workspace_id, endpoint_id, limit, after)


def _bounded(asked: set[str], endpoint_id: str, name: str, why: str) -> None:
    asked.add(endpoint_id)
    if len(asked) > MAXIMUM_ENDPOINTS_READ_EACH:
        raise TooLarge(
            f"{name}: at most {MAXIMUM_ENDPOINTS_READ_EACH} endpoints show it in one request, since {why}. "
            f"Ask for endpoints(first: {MAXIMUM_ENDPOINTS_READ_EACH})."
        )
