"""What the resolvers of one request share."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

import strawberry
from graphql import DocumentNode
from strawberry.dataloader import DataLoader

from event_service.access.token import Token, TokenKind
from event_service.base.errors import Forbidden, TooLarge
from event_service.configuration.endpoint import Endpoint
from event_service.filters.event_filter import EventFilter
from functions.graphql_api.limits import QUERY_SECONDS, NodeBudget
from functions.graphql_api.use_cases import UseCases

if TYPE_CHECKING:
    from event_service.configuration.configuration import Configuration
    from event_service.delivery.history import DeliveryHistory
    from event_service.events.publishing import Publishing
    from event_service.events.reading import EventsReading
    from event_service.routing.replay import Replay

P = ParamSpec("P")
T = TypeVar("T")

MAXIMUM_THREADS = 10
"""botocore's connection pool holds 10: more threads would open connections that are thrown away."""
ROWS_PER_BATCH = 100
"""DynamoDB reads at most 100 rows a call."""

_threads = ThreadPoolExecutor(MAXIMUM_THREADS, thread_name_prefix="use-case")


class Context:
    """One request: its caller, the use cases, and what it has used up.

    The properties that give out use cases are where an agent's token ends: everything but publishing refuses it, so a new operation is
    closed to agents unless it is written otherwise.
    """

    def __init__(self, token: Token, use_cases: UseCases, document: DocumentNode, traceparent: str) -> None:
        self.token = token
        self.document = document
        self.traceparent = traceparent
        self.nodes = NodeBudget()
        self._use_cases = use_cases
        self._deadline = time.monotonic() + QUERY_SECONDS
        self._forget()

    @property
    def workspace_id(self) -> str:
        """Whose data this request sees; never taken from an argument."""
        return self.token.workspace_id

    @property
    def configuration(self) -> Configuration:
        """Endpoints, event filters and links."""
        self._require_access()
        return self._use_cases.configuration()

    @property
    def events_reading(self) -> EventsReading:
        """Reading events back."""
        self._require_access()
        return self._use_cases.events_reading()

    @property
    def deliveries(self) -> DeliveryHistory:
        """The delivery log, retries and tests."""
        self._require_access()
        return self._use_cases.deliveries()

    @property
    def replay(self) -> Replay:
        """Sending retained events again."""
        self._require_access()
        return self._use_cases.replay()

    @property
    def publishing(self) -> Publishing:
        """Accepting events: open to agents."""
        return self._use_cases.publishing()

    async def read(self, use_case: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking use case beside the event loop, unless the result is over its limit already."""
        self.nodes.check()
        return await _in_thread(use_case, *args, **kwargs)

    async def change(self, use_case: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a use case that changes something.

        It is never cut short: the caller would not know what was done. So it does not begin when the time is up.

        Raises:
            TooLarge: the mutations before it took all the time a request has.
        """
        if time.monotonic() > self._deadline:
            raise TooLarge(
                f"The mutations before this one took more than {QUERY_SECONDS:.0f} s; this one was not begun. Send it again by itself."
            )
        try:
            return await _in_thread(use_case, *args, **kwargs)
        finally:
            self._forget()

    def _forget(self) -> None:
        """What was loaded before a change must not be shown after it."""
        self.event_filters_of: DataLoader[str, list[EventFilter]] = DataLoader(self._load_event_filters, max_batch_size=ROWS_PER_BATCH)
        self.endpoints_of: DataLoader[str, list[Endpoint]] = DataLoader(self._load_endpoints, max_batch_size=ROWS_PER_BATCH)

    async def _load_event_filters(self, endpoint_ids: list[str]) -> list[list[EventFilter]]:
        found = await self.read(self.configuration.event_filters.of_endpoints, self.workspace_id, endpoint_ids)
        return [found.get(endpoint_id, []) for endpoint_id in endpoint_ids]

    async def _load_endpoints(self, event_filter_ids: list[str]) -> list[list[Endpoint]]:
        found = await self.read(self.configuration.endpoints.of_event_filters, self.workspace_id, event_filter_ids)
        return [found.get(event_filter_id, []) for event_filter_id in event_filter_ids]

    def _require_access(self) -> None:
        if self.token.kind is not TokenKind.ACCESS:
            raise Forbidden("This token belongs to an agent, which may only publish events (publishEvents). Use an access token.")


Info = strawberry.Info[Context, None]


class Once(Generic[T]):
    """A value that is fetched when it is first selected, and only once however often it is selected."""

    def __init__(self, fetch: Callable[[], Awaitable[T]]) -> None:
        self._fetch = fetch
        self._fetched: asyncio.Future[T] | None = None

    async def get(self) -> T:
        if self._fetched is None:
            self._fetched = asyncio.ensure_future(self._fetch())
        return await self._fetched


async def _in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    # The copied context carries the log's correlation ids into the thread.
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
