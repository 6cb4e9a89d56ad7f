"""The use cases behind the GraphQL function, in memory, with every call counted.

Tokens and configuration are the real ones over fake stores; what reaches beyond them (events, deliveries) is kept in
lists, so that a test sees what the door handed over.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from event_service.access.token import Token, TokenKind
from event_service.access.tokens import Tokens
from event_service.base.errors import BadUserInput, NotFound
from event_service.base.identifiers import new_id, parse_uuid
from event_service.base.page import Page
from event_service.configuration.chain import Waiting
from event_service.configuration.configuration import Configuration, ConfigurationStores, assemble
from event_service.configuration.endpoint import Endpoint, EndpointType
from event_service.configuration.event_filters import ConditionReading
from event_service.configuration.existence import Quotas
from event_service.configuration.secrets import EndpointSecrets
from event_service.counting.seen_types import EventTypes
from event_service.counting.statistics import Statistics
from event_service.delivery.attempt import Attempt, Delivery, FailureClass, LogRecord
from event_service.delivery.cancelling import Cancelling
from event_service.delivery.history import DeliveryHistory
from event_service.delivery.lists import DeliveryQuery
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.receiver_reports import ReceiverReports
from event_service.events.event import Event
from event_service.events.new_event import NewEvent, Origin, accept_all
from event_service.events.ports import StoredEvent
from event_service.events.publishing import Publishing, PublishResult
from event_service.events.reading import EventQuery, EventsReading
from event_service.explain.backtest import Backtest
from event_service.explain.changes import Changes
from event_service.explain.delivery import Explanations
from event_service.explain.last_match import LastMatches
from event_service.explain.past_configuration import PastConfiguration
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.matcher import Matcher
from event_service.filters.matching.size import index_entries
from event_service.jobs.jobs import Jobs
from event_service.jobs.runner import JobRunner
from event_service.routing.bulk_retry import BulkRetry
from event_service.routing.job_steps import steps
from event_service.routing.replay import Replay
from event_service.sockets.open_connections import OpenConnections
from event_service.sockets.places import SocketPlaces
from tests import builders
from tests.builders import SettableClock
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows, FakeSecretStore
from tests.fakes.counting import FakeCounts, FakeSeenTypes
from tests.fakes.delivery import Aws, FakeBacklogStore, FakeDeliveryLog, FakeLaneStore
from tests.fakes.events import FakeEventStore
from tests.fakes.jobs import FakeJobQueue, FakeJobStore
from tests.fakes.sockets import FakeBacklogQueue, FakeSocketTables
from tests.wiring import destinations, new_bulk_retry


class FakeTokenStore:
    """Tokens by hash."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.reads = 0

    def get(self, token_hash: str) -> Token | None:
        self.reads += 1
        return self.tokens.get(token_hash)

    def put(self, token: Token) -> None:
        self.tokens[token.token_hash] = token

    def of_workspace(self, workspace_id: str) -> list[Token]:
        return [token for token in self.tokens.values() if token.workspace_id == workspace_id]


class FakePublishing(Publishing):
    """Accepts by the real rules and keeps what was accepted."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.events: list[Event] = []
        self.traceparents: list[str | None] = []

    def publish(self, caller: Token, events: Sequence[NewEvent], traceparent: str | None = None) -> PublishResult:
        self.traceparents.append(traceparent)
        agent_id = caller.agent_id if caller.kind is TokenKind.AGENT else None
        accepted = accept_all(events, Origin(caller.workspace_id, self._clock(), agent_id=agent_id), new_id)
        known = {event.id for event in self.events if event.workspace_id == caller.workspace_id}
        self.events.extend(event for event in accepted if event.id not in known)
        return PublishResult([event.id for event in accepted], [event.id for event in accepted if event.id in known])


class FakeEventsReading(EventsReading):
    """Reads what was published; of the filters it knows the id."""

    def __init__(self, publishing: FakePublishing) -> None:
        self._publishing = publishing
        self.queries: list[EventQuery] = []
        self.lookups: list[tuple[list[str], bool]] = []
        self.counts = 0

    def read_page(self, workspace_id: str, query: EventQuery) -> Page[Event]:
        self.queries.append(query)
        found = self._of(workspace_id, query)
        if query.after is not None:
            found = (
                [event for event in found if event.id > query.after] if not query.descending else [e for e in found if e.id < query.after]
            )
        shown = found[query.offset : query.offset + query.limit]
        return Page(shown, shown[-1].id if shown else query.after, len(found) > query.offset + query.limit)

    def by_ids(self, workspace_id: str, ids: Sequence[str], *, with_data: bool = True) -> dict[str, Event]:
        self.lookups.append((list(ids), with_data))
        found = [event for event in self._publishing.events if event.workspace_id == workspace_id and event.id in ids]
        return {event.id: event if with_data else replace(event, data={}) for event in found}

    def count(self, workspace_id: str, query: EventQuery) -> int:
        self.counts += 1
        return len(self._of(workspace_id, query))

    def _of(self, workspace_id: str, query: EventQuery) -> list[Event]:
        found = [event for event in self._publishing.events if event.workspace_id == workspace_id and query.id in (None, event.id)]
        return sorted(found, key=lambda event: (event.date, event.id), reverse=query.descending)


class FakeDeliveries(DeliveryHistory):
    """A delivery log that is filled by hand."""

    def __init__(self, configuration: Configuration, clock: Callable[[], datetime]) -> None:
        self._configuration = configuration
        self._clock = clock
        self.log: dict[str, list[Delivery]] = {}
        self.queries: list[DeliveryQuery] = []
        self.lookups: list[list[tuple[str, str]]] = []
        self.written: list[LogRecord] = []
        self.retried: list[str] = []
        self.replayed: list[tuple[str, datetime, datetime | None, bool]] = []
        self.counts = 0

    def read_page(self, workspace_id: str, query: DeliveryQuery) -> Page[Delivery]:
        self.queries.append(query)
        found = [one for one in self.log.get(workspace_id, []) if query.id in (None, one.id) and query.status in (None, one.status)]
        shown = found[query.offset : query.offset + query.limit]
        return Page(shown, shown[-1].event_id if shown else query.after, len(found) > query.offset + query.limit)

    def count(self, workspace_id: str, query: DeliveryQuery) -> int:
        self.counts += 1
        return len(self.page(workspace_id, query))

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        return self.by_keys(workspace_id, keys)

    def write(self, records: Sequence[LogRecord]) -> None:
        self.written.extend(records)

    def by_keys(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        self.lookups.append(list(keys))
        found = {(one.endpoint_id, one.event_id): one for one in self.log.get(workspace_id, [])}
        return {key: found[key] for key in keys if key in found}

    def retry(self, workspace_id: str, ids: Sequence[str]) -> None:
        known = {one.id for one in self.log.get(workspace_id, [])}
        if not ids:
            raise BadUserInput("ids: the list is empty.")
        unknown = [one for one in ids if one not in known]
        if unknown:
            raise NotFound("delivery", unknown)
        self.retried.extend(ids)

    def replay_one(
        self, workspace_id: str, endpoint_id: str, since: datetime, until: datetime | None = None, missing_only: bool = True
    ) -> tuple[int, datetime | None]:
        self._require(workspace_id, endpoint_id)
        self.replayed.append((endpoint_id, since, until, missing_only))
        return 1, since

    def test_endpoint(self, workspace_id: str, endpoint_id: str) -> Attempt:
        self._require(workspace_id, endpoint_id)
        return Attempt(
            number=1,
            date=self._clock(),
            duration_ms=12,
            status_code=None,
            failure=FailureClass.REFUSED,
            explanation="nobody listens",
            response_body=None,
        )

    def _require(self, workspace_id: str, endpoint_id: str) -> None:
        wanted = parse_uuid(endpoint_id, "endpointId")
        if self._configuration.endpoint(workspace_id, wanted) is None:
            raise NotFound("endpoint", [wanted])


class FakeReplay(Replay):
    """Notes what was asked for beside the deliveries."""

    def __init__(self, deliveries: FakeDeliveries) -> None:
        self._fake_deliveries = deliveries

    def replay(
        self,
        workspace_id: str,
        endpoint_id: str,
        since: datetime,
        until: datetime | None = None,
        missing_only: bool = True,
        time_left: Callable[[], float] = lambda: 29.0,
        *,
        dry_run: bool = False,
        run_id: str | None = None,
    ) -> tuple[int, datetime | None]:
        if dry_run:
            return 1, None
        return self._fake_deliveries.replay_one(workspace_id, endpoint_id, since, until, missing_only)


class FakeKnownHealth:
    """What a test says of endpoints that fail, by workspace and endpoint."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], EndpointHealth] = {}
        self.reads: list[int] = []

    def of(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, EndpointHealth]:
        self.reads.append(len(endpoint_ids))
        return {one: self.stored[workspace_id, one] for one in endpoint_ids if (workspace_id, one) in self.stored}


class FakePublished:
    """What was published, by id."""

    def __init__(self, publishing: FakePublishing, lagging: Collection[str] = ()) -> None:
        self._publishing = publishing
        self._lagging = lagging

    def get(self, workspace_id: str, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        found = [one for one in self._publishing.events if one.workspace_id == workspace_id and one.id in event_ids]
        return {one.id: StoredEvent(one, "nonce", len(one.as_json())) for one in found}

    def each(
        self, workspace_id: str, event_ids: Sequence[str], *, consistent: bool = True, with_data: bool = True
    ) -> Iterator[StoredEvent]:
        for one in self.get(workspace_id, event_ids).values():
            if consistent or one.event.id not in self._lagging:
                yield one if with_data else replace(one, event=replace(one.event, data={}), data_bytes=0)

    def accepted(
        self, workspace_id: str, since: datetime, until: datetime, *, descending: bool = False, check: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[datetime, str]]:
        check()
        events = [one for one in self._publishing.events if one.workspace_id == workspace_id and since <= one.created < until]
        for one in sorted(events, key=lambda one: (one.created, one.id), reverse=descending):
            yield one.created, one.id


class FakeRecords:
    """The deliveries that a test put into the log, by endpoint and event."""

    def __init__(self, deliveries: FakeDeliveries) -> None:
        self._deliveries = deliveries

    def deliveries(self, workspace_id: str, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        found = {(one.endpoint_id, one.event_id): one for one in self._deliveries.log.get(workspace_id, [])}
        return {key: found[key] for key in keys if key in found}


class FakeServices:
    """All of them. ``calls`` counts operations on the fake stores by name; ``before`` may fail one."""

    def __init__(self) -> None:
        self.clock = SettableClock(datetime(2026, 3, 1, 12, 0, 0, 460103, tzinfo=UTC), step_seconds=1)
        self.calls: Counter[str] = Counter()
        self.failures: dict[str, BaseException] = {}
        self.token_store = FakeTokenStore()
        self._tokens = Tokens(self.token_store, self.clock)
        self.rows = FakeConfigurationRows(self.clock, self._count)
        self.secrets = FakeSecretStore()
        self.counts = FakeCounts()
        self.job_store = FakeJobStore()
        self.job_queue = FakeJobQueue()
        self.seen_types = FakeSeenTypes()
        self.change_log = FakeChangeLog(self._count, self.secrets)
        self._configuration = assemble(
            stores=ConfigurationStores(self.change_log, self.rows, self.secrets, self.secrets),
            observers=(),
            destinations=destinations(_check_url),
            quotas=Quotas(100_000, 100_000),
            reading=ConditionReading(_check_pattern, index_entries),
            clock=self.clock,
            waiting=Waiting(sleep=lambda seconds: None),
        )
        self._publishing = FakePublishing(self.clock)
        self._events_reading = FakeEventsReading(self._publishing)
        self._deliveries = FakeDeliveries(self._configuration, self.clock)
        self.known_health = FakeKnownHealth()
        self.lanes = FakeLaneStore(Aws(), self.clock)
        self.socket_logs = FakeSocketTables()
        self.socket_backlog = FakeBacklogQueue(clock=self.clock)
        self.lagging: set[str] = set()
        """Events that a read which is not consistent does not see yet."""
        self.seconds_per_look = 0.0
        self._looks = itertools.count()

    def tokens(self) -> Tokens:
        return self._tokens

    def configuration(self) -> Configuration:
        return self._configuration

    def publishing(self) -> FakePublishing:
        return self._publishing

    def events_reading(self) -> FakeEventsReading:
        return self._events_reading

    def deliveries(self) -> FakeDeliveries:
        return self._deliveries

    def changes(self) -> Changes:
        return Changes(self.change_log)

    def event_types(self) -> EventTypes:
        return EventTypes(self.seen_types)

    def jobs(self) -> Jobs:
        return Jobs(self.job_store, self.job_queue, self.clock)

    def job_runner(self) -> JobRunner:
        return JobRunner(self.job_store, self.job_queue, steps(self.replay, self.bulk_retry, self.cancelling), self.clock)

    def statistics(self) -> Statistics:
        return Statistics(self.counts, self.clock, gathered=True)

    def past_configuration(self) -> PastConfiguration:
        return PastConfiguration(self.change_log)

    def last_matches(self) -> LastMatches:
        published = FakePublished(self._publishing, self.lagging)
        return LastMatches(store=published, accepted=published, make_matcher=Matcher, clock=self.clock, monotonic=self.monotonic)

    def backtest(self) -> Backtest:
        return Backtest(
            configuration=self._configuration,
            store=FakePublished(self._publishing, self.lagging),
            accepted=FakePublished(self._publishing),
            check_pattern=_check_pattern,
            make_matcher=Matcher,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def explanations(self) -> Explanations:
        return Explanations(
            configuration=self._configuration,
            history=self.change_log,
            events=FakePublished(self._publishing),
            deliveries=FakeRecords(self._deliveries),
            sockets=SocketPlaces(self.socket_logs, timedelta(hours=24)),
            destinations=destinations(_check_url),
            health=self.known_health,
            clock=self.clock,
        )

    def open_connections(self) -> OpenConnections:
        tables, endpoints = self.socket_logs, self._configuration.endpoints
        return OpenConnections(
            listed=tables, connections=tables, log=tables, backlog=self.socket_backlog, endpoints=endpoints, clock=self.clock
        )

    def replay(self) -> FakeReplay:
        return FakeReplay(self._deliveries)

    def receiver_reports(self) -> ReceiverReports:
        return ReceiverReports(self.known_health, self.lanes, FakeDeliveryLog(Aws(), self.clock), FakeBacklogStore(Aws()), self.clock)

    def cancelling(self) -> Cancelling:
        """Of the deliveries in the fake log; nothing waits."""
        backlog, endpoints = FakeBacklogStore(Aws()), self._configuration.endpoints
        return Cancelling(deliveries=self.deliveries(), log=self.deliveries(), backlog=backlog, endpoints=endpoints, clock=self.clock)  # type: ignore[arg-type] # what is used of it

    def bulk_retry(self) -> BulkRetry:
        """Over events that are not there: what it finds it skips."""
        return new_bulk_retry(self.deliveries(), FakeEventStore(self.clock), self._configuration)

    def monotonic(self) -> float:
        """Time in which each look takes ``seconds_per_look``."""
        return next(self._looks) * self.seconds_per_look

    def add_token(self, text: str, workspace_id: str, kind: TokenKind = TokenKind.ACCESS, **changes: Any) -> Token:
        """Makes ``text`` a token; ``changes`` are fields of :class:`Token` such as ``revoked``."""
        agent_id = new_id() if kind is TokenKind.AGENT else None
        fields = {"agent_id": agent_id, "expires": None, "revoked": None, **changes}
        token = builders.a_token(text, workspace_id=workspace_id, kind=kind, name="test", created=self.clock(), **fields)
        self.token_store.put(token)
        return token

    def add_delivery(self, workspace_id: str, endpoint_id: str, event_id: str, **fields: Any) -> Delivery:
        """Puts a delivery into the log."""
        now = self.clock()
        delivery = Delivery(workspace_id=workspace_id, event_id=event_id, endpoint_id=endpoint_id, created=now, modified=now, **fields)
        self._deliveries.log.setdefault(workspace_id, []).append(delivery)
        return delivery

    def put_endpoint(self, workspace_id: str, endpoint_id: str, url: str | None = "https://web-hook.server.com") -> Endpoint:
        """An endpoint with the id that a documented request uses: a WEB_SOCKET when ``url`` is ``None``."""
        now = self.clock()
        endpoint = builders.an_endpoint(
            EndpointType.WEB_HOOK if url else EndpointType.WEB_SOCKET,
            id=endpoint_id,
            workspace_id=workspace_id,
            name="test",
            url=url,
            method="POST" if url else None,
            created=now,
            modified=now,
        )
        self.rows.endpoint_rows[workspace_id, endpoint_id] = (0, endpoint)
        if url:
            self.secrets.stored[workspace_id, endpoint_id] = EndpointSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        return endpoint

    def put_event_filter(self, workspace_id: str, event_filter_id: str, endpoint_ids: Sequence[str] = ()) -> EventFilter:
        """An event filter with the id that a documented request uses."""
        now = self.clock()
        event_filter = EventFilter(event_filter_id, workspace_id, "filter", {"in": {"eventTypes": ["IDENTIFICATION"]}}, now, now)
        self.rows.filter_rows[workspace_id, event_filter_id] = (0, event_filter)
        self.rows.links.setdefault(workspace_id, set()).update((endpoint_id, event_filter_id) for endpoint_id in endpoint_ids)
        return event_filter

    def _count(self, operation: str) -> None:
        self.calls[operation] += 1
        if operation in self.failures:
            raise self.failures[operation]


def _check_url(url: str) -> object:
    from event_service.webhooks.addresses import AddressGuard
    from event_service.webhooks.url import UrlRules, parse_webhook_url

    return parse_webhook_url(url, UrlRules(allow_http=False, guard=AddressGuard.allowing(())))


def _check_pattern(given: Any) -> dict[str, Any]:
    from event_service.filters.patterns.compile import parse_pattern

    return parse_pattern(given)
