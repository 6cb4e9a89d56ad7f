"""Pages of lists: items, how many there are on all pages, and where the next page begins. Each part is read when it is
selected and not otherwise."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import strawberry

from event_service.base.page import Page
from event_service.base.problems import Problems
from event_service.delivery.attempt import Delivery
from functions.graphql_api.context import Info, Once
from functions.graphql_api.schema.arguments import first_of
from functions.graphql_api.schema.cursors import Cursors
from functions.graphql_api.schema.types import DeliveryOutput, EndpointOutput, EventFiltersOutput, EventOutput

if TYPE_CHECKING:
    from event_service.delivery.lists import DeliveryQuery

T = TypeVar("T")


class Listed(Generic[T]):
    """The parts of a list; each is fetched only when it is selected."""

    def __init__(self, page: Once[Page[T]], count: Once[int], cursors: Cursors) -> None:
        self._page = page
        self.count = count
        self._cursors = cursors

    async def items(self, info: Info) -> list[T]:
        """The items, counted against the size of the result."""
        items = (await self._page.get()).items
        info.context.nodes.take(len(items))
        return items

    async def end_cursor(self) -> str | None:
        """Where the page ended."""
        end = (await self._page.get()).end
        return None if end is None else self._cursors.write(end)

    async def has_next_page(self) -> bool:
        """Whether there may be more."""
        return (await self._page.get()).more


@strawberry.type
class _Collection:
    """What all collections have, whatever is in them."""

    listed: strawberry.Private[Listed[Any]]

    @strawberry.field(description="Give it as `after` to get the next page.")
    async def end_cursor(self) -> str | None:
        """Read only when selected."""
        return await self.listed.end_cursor()

    @strawberry.field(description="False: this is the last page.")
    async def has_next_page(self) -> bool:
        """Read only when selected."""
        return await self.listed.has_next_page()


@strawberry.type(description="A page of endpoints.")
class EndpointCollection(_Collection):
    @strawberry.field(description="How many there are on all pages.")
    async def total_count(self) -> int:
        """Counted only when selected."""
        return await self.listed.count.get()

    @strawberry.field
    async def collection_items(self, info: Info) -> list[EndpointOutput]:
        """Read only when selected."""
        return [EndpointOutput.of(item) for item in await self.listed.items(info)]


@strawberry.type(description="A page of event filters.")
class EventFiltersCollection(_Collection):
    @strawberry.field(description="How many there are on all pages.")
    async def total_count(self) -> int:
        """Counted only when selected."""
        return await self.listed.count.get()

    @strawberry.field
    async def collection_items(self, info: Info) -> list[EventFiltersOutput]:
        """Read only when selected."""
        return [EventFiltersOutput.of(item) for item in await self.listed.items(info)]


@strawberry.type(description="A page of events.")
class EventCollection(_Collection):
    @strawberry.field(description="How many there are on all pages. It reads all their index entries: give a date range.")
    async def total_count(self) -> int:
        """Counted only when selected."""
        return await self.listed.count.get()

    @strawberry.field
    async def collection_items(self, info: Info) -> list[EventOutput]:
        """Read only when selected."""
        return [EventOutput.of(item) for item in await self.listed.items(info)]


@strawberry.type(description="A page of deliveries.")
class DeliveryCollection(_Collection):
    @strawberry.field(description="How many there are on all pages. It reads them all: give an endpoint or an event.")
    async def total_count(self) -> int:
        """Counted only when selected."""
        return await self.listed.count.get()

    @strawberry.field
    async def collection_items(self, info: Info) -> list[DeliveryOutput]:
        """Read only when selected."""
        items: list[Delivery] = await self.listed.items(info)
        info.context.nodes.take(sum(len(item.attempts) for item in items))
        return [DeliveryOutput.of(item) for item in items]


def deliveries_below(info: Info, query: "DeliveryQuery", first: int | None, after: str | None) -> DeliveryCollection:
    """The deliveries of one of many objects: their pages are read together.

    Args:
        info: of the field.
        query: which deliveries.
        first: how many, as the caller gave it.
        after: the cursor, as the caller gave it. It is one of ``deliveries`` with the same filters, and the other way round.
    """
    context, problems = info.context, Problems()
    limit = first_of(first, problems)
    problems.refuse()
    cursors = Cursors(context.workspace_id, "deliveries", query)
    wanted = replace(query, limit=limit, after=None if after is None else cursors.read(after))
    return DeliveryCollection(
        listed=Listed(
            Once(lambda: context.loaders.delivery_pages.load(wanted)),
            Once(lambda: context.count(context.deliveries.count, wanted)),
            cursors,
        )
    )
