"""What the resolvers of one request share."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, ParamSpec, Protocol, TypeVar

import strawberry
from graphql import DocumentNode

from event_service.access.token import Token, TokenKind
from event_service.base.actor import Actor, acting
from event_service.base.allowance import Allowance
from event_service.base.errors import Forbidden, TooLarge
from functions.graphql_api import limits
from functions.graphql_api.limits import NodeBudget
from functions.graphql_api.loaders import Loaders
from functions.graphql_api.use_cases import UseCases

if TYPE_CHECKING:
    from event_service.configuration.configuration import Configuration
    from event_service.counting.seen_types import EventTypes
    from event_service.counting.statistics import Statistics
    from event_service.delivery.cancelling import Cancelling
    from event_service.delivery.history import DeliveryHistory
    from event_service.delivery.receiver_reports import ReceiverReports
    from event_service.events.publishing import Publishing
    from event_service.events.reading import EventsReading
    from event_service.explain.backtest import Backtest
    from event_service.explain.changes import Changes
    from event_service.explain.delivery import Explanations
    from event_service.explain.last_match import LastMatches
    from event_service.explain.past_configuration import PastConfiguration
    from event_service.jobs.jobs import Jobs
    from event_service.routing.bulk_retry import BulkRetry
    from event_service.routing.replay import Replay
    from event_service.sockets.open_connections import OpenConnections

P = ParamSpec("P")
T = TypeVar("T")


class Countable(Protocol):
    """A query for a list that has a total."""

    @property
    def is_cheap_to_count(self) -> bool:
        """Whether its total reads no index."""


Q = TypeVar("Q", bound=Countable)

MAXIMUM_THREADS = 10
"""Of one request. A list of events has 16 more; the pool of connections holds 32."""
TOKEN_ID_CHARACTERS = 16
"""Of the hash by which tokens are listed and revoked: enough to name one in the history of changes."""


_ALLOWED = {
    TokenKind.AGENT: "This token belongs to an agent, which may only publish events (publishEvents). Use an access token.",
    TokenKind.LISTENER: "This token belongs to a listener, which may only connect to its WEB_SOCKET endpoints. Use an access token.",
}


class Context:
    """One request: its caller, the use cases, and what it has used up.

    The properties that return use cases are where an agent's token ends: everything but publishing refuses it, so a new operation is
    closed to agents unless it is written otherwise.
    """

    def __init__(
        self, token: Token, use_cases: UseCases, document: DocumentNode, traceparent: str, time_left: Callable[[], float], seconds: float
    ) -> None:
        """
        Args:
            token: of the caller.
            use_cases: the use cases.
            document: what is asked for.
            traceparent: the trace it belongs to.
            time_left: seconds that this request may still take.
            seconds: that its reads may take.
        """
        self.token = token
        self.document = document
        self.traceparent = traceparent
        self.nodes = NodeBudget()
        self._counts = 0
        self.time_left = time_left
        self._use_cases = use_cases
        self._allowance = Allowance(seconds, limits.MAXIMUM_READ_BYTES, limits.MAXIMUM_ANSWER_BYTES)
        # Threads of its own: those of a request that was cut short may still wait for an answer of AWS.
        self._threads = ThreadPoolExecutor(MAXIMUM_THREADS, thread_name_prefix="use-case")
        self._forget()

    def end(self) -> None:
        """The request is answered: nothing of it goes on."""
        self._allowance.end()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def workspace_id(self) -> str:
        """Whose data this request sees; never taken from an argument."""
        return self.token.workspace_id

    @property
    def own_token(self) -> Token:
        """What is stored of the caller's token."""
        self._require_access()
        return self.token

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
    def receiver_reports(self) -> ReceiverReports:
        """How receivers are doing."""
        self._require_access()
        return self._use_cases.receiver_reports()

    @property
    def cancelling(self) -> Cancelling:
        """Ending deliveries that have not been made yet."""
        self._require_access()
        return self._use_cases.cancelling()

    @property
    def bulk_retry(self) -> BulkRetry:
        """Starting many deliveries again."""
        self._require_access()
        return self._use_cases.bulk_retry()

    @property
    def jobs(self) -> Jobs:
        """Long work, and how far it is."""
        self._require_access()
        return self._use_cases.jobs()

    @property
    def open_connections(self) -> OpenConnections:
        """Who is connected to WEB_SOCKET endpoints."""
        self._require_access()
        return self._use_cases.open_connections()

    @property
    def changes(self) -> Changes:
        """The history of the configuration."""
        self._require_access()
        return self._use_cases.changes()

    @property
    def event_types(self) -> EventTypes:
        """Types of events."""
        self._require_access()
        return self._use_cases.event_types()

    @property
    def statistics(self) -> Statistics:
        """Counts for charts."""
        self._require_access()
        return self._use_cases.statistics()

    @property
    def past_configuration(self) -> PastConfiguration:
        """The configuration as it was."""
        self._require_access()
        return self._use_cases.past_configuration()

    @property
    def backtest(self) -> Backtest:
        """Trying event filters."""
        self._require_access()
        return self._use_cases.backtest()

    @property
    def last_matches(self) -> LastMatches:
        """When event filters last matched."""
        self._require_access()
        return self._use_cases.last_matches()

    @property
    def explanations(self) -> Explanations:
        """Why events did or did not arrive."""
        self._require_access()
        return self._use_cases.explanations()

    @property
    def publishing(self) -> Publishing:
        """Accepting events: open to agents."""
        if self.token.kind is TokenKind.LISTENER:
            raise Forbidden(_ALLOWED[self.token.kind])
        return self._use_cases.publishing()

    async def read(self, use_case: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking use case beside the event loop, unless the result is over its limit already."""

        def run() -> T:
            # Looked at when its turn comes: what was read meanwhile may have been too much.
            self.nodes.check()
            with self._allowance.applied():
                return use_case(*args, **kwargs)

        return await self._in_thread(run)

    async def count(self, use_case: Callable[[str, Q], int], query: Q) -> int:
        """The total of a list of this workspace.

        Raises:
            TooLarge: the request asks for more than five totals that read a whole index.
        """
        self._counts += not query.is_cheap_to_count
        if self._counts > limits.MAXIMUM_COUNTS:
            raise TooLarge(
                f"totalCount: one request counts at most {limits.MAXIMUM_COUNTS} lists of events or deliveries. "
                "Send the others by themselves."
            )
        return await self.read(use_case, self.workspace_id, query)

    async def change(self, use_case: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a use case that changes something; see :meth:`change_within`."""
        return await self.change_within(limits.CHANGE_SECONDS, use_case, *args, **kwargs)

    async def change_within(self, seconds: float, use_case: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a use case that changes something and takes up to ``seconds``.

        It is never cut short: the caller would not know what was done. So it does not begin unless its longest time fits
        into what is left.

        Raises:
            TooLarge: the mutations before it left too little time.
        """
        left = self.time_left()
        if left < seconds:
            raise TooLarge(
                f"This mutation may take {seconds:.0f} s, and {max(left, 0):.0f} s are left of the time that one request has: it was not "
                "begun. What stands before it is done. Send it again by itself."
            )

        def run() -> T:
            with acting(Actor(self.token.name, self.token.token_hash[:TOKEN_ID_CHARACTERS])):
                return use_case(*args, **kwargs)

        try:
            return await self._in_thread(run)
        finally:
            self._forget()

    async def _in_thread(self, run: Callable[[], T]) -> T:
        # The copied context carries the log's correlation ids into the thread.
        return await asyncio.get_running_loop().run_in_executor(self._threads, contextvars.copy_context().run, run)

    def _forget(self) -> None:
        """What was loaded before a change must not be shown after it."""
        self.loaders = Loaders(self)

    def _require_access(self) -> None:
        if self.token.kind is not TokenKind.ACCESS:
            raise Forbidden(_ALLOWED[self.token.kind])


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
