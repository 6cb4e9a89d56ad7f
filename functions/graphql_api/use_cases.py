"""What the GraphQL function needs of the use cases.

``event_service.wiring`` has these factories; tests pass others. Factories and not instances, so that a request builds
(and loads the code of) only what it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from event_service.access.tokens import Tokens
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
    from event_service.jobs.runner import JobRunner
    from event_service.routing.bulk_retry import BulkRetry
    from event_service.routing.replay import Replay
    from event_service.sockets.open_connections import OpenConnections


class UseCases(Protocol):
    """Factories of the use cases; each returns the same object every time."""

    def tokens(self) -> Tokens:
        """Who calls."""

    def configuration(self) -> Configuration:
        """Endpoints, event filters and links."""

    def publishing(self) -> Publishing:
        """Accepting events."""

    def events_reading(self) -> EventsReading:
        """Reading events back."""

    def deliveries(self) -> DeliveryHistory:
        """The delivery log, retries and tests."""

    def replay(self) -> Replay:
        """Sending retained events again."""

    def cancelling(self) -> Cancelling:
        """Ending deliveries that have not been made yet."""

    def bulk_retry(self) -> BulkRetry:
        """Starting many deliveries again."""

    def jobs(self) -> Jobs:
        """Long work, and how far it is."""

    def job_runner(self) -> JobRunner:
        """Doing it."""

    def receiver_reports(self) -> ReceiverReports:
        """How receivers are doing."""

    def open_connections(self) -> OpenConnections:
        """Who is connected to WEB_SOCKET endpoints."""

    def changes(self) -> Changes:
        """The history of the configuration."""

    def event_types(self) -> EventTypes:
        """Types of events."""

    def statistics(self) -> Statistics:
        """Counts for charts."""

    def past_configuration(self) -> PastConfiguration:
        """The configuration as it was."""

    def explanations(self) -> Explanations:
        """Why events did or did not arrive."""

    def last_matches(self) -> LastMatches:
        """When event filters last matched."""

    def backtest(self) -> Backtest:
        """Trying event filters."""
