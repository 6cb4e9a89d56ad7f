"""Builds the use cases out of adapters and settings: the only place that does.

Every factory is cached for the life of the process and imports what it needs itself, so that a function loads only
what it uses. Nothing is built on import.

Example::

    lambda_handler = create_handler(wiring.routing)  # called at the first invocation, not on import
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from event_service.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from botocore.credentials import ReadOnlyCredentials
    from botocore.session import Session
    from pynamodb.connection import Connection

    from event_service.access.last_use import LastUses
    from event_service.access.tokens import Tokens
    from event_service.aws.dynamodb import Database
    from event_service.aws.plain_batches import PlainBatches
    from event_service.aws.sqs import Queues
    from event_service.configuration.configuration import Configuration
    from event_service.configuration.destinations import Destinations
    from event_service.configuration.endpoint import EndpointType
    from event_service.configuration.endpoints import Endpoints
    from event_service.configuration.ports import EndpointObserver
    from event_service.configuration.storage.change_log import DynamoChangeLog
    from event_service.configuration.storage.rows import DynamoConfigurationRows
    from event_service.configuration.storage.secrets import DynamoSecretStore
    from event_service.counting.counters import Counters
    from event_service.counting.seen_types import EventTypes, SeenTypes
    from event_service.counting.statistics import Statistics
    from event_service.delivery.cancelling import Cancelling
    from event_service.delivery.history import DeliveryHistory
    from event_service.delivery.lanes import Looks
    from event_service.delivery.outlet import Outlet
    from event_service.delivery.receiver_reports import ReceiverReports
    from event_service.delivery.replay_target import ReplayTarget, ReplayTargets
    from event_service.delivery.resending import Resending
    from event_service.delivery.retry_scheduler import RetryScheduler
    from event_service.delivery.service_events import OperationalEvents
    from event_service.delivery.storage.backlog import DynamoBacklogStore
    from event_service.delivery.storage.health import DynamoHealthStore
    from event_service.delivery.storage.lanes import DynamoLaneStore
    from event_service.delivery.storage.log import DynamoDeliveryLog
    from event_service.delivery.storage.queue import SqsLookQueue, SqsWebhookQueue
    from event_service.delivery.storage.wide_events import DynamoWideEvents
    from event_service.events.publishing import Publishing
    from event_service.events.reading import EventsReading
    from event_service.events.storage.events import DynamoEventStore
    from event_service.explain.backtest import Backtest
    from event_service.explain.changes import Changes
    from event_service.explain.delivery import Explanations
    from event_service.explain.last_match import LastMatches
    from event_service.explain.past_configuration import PastConfiguration
    from event_service.jobs.jobs import Jobs
    from event_service.jobs.runner import JobRunner
    from event_service.jobs.storage.queue import SqsJobQueue
    from event_service.jobs.storage.rows import DynamoJobStore
    from event_service.routing.bulk_retry import BulkRetry
    from event_service.routing.packed import PackedReading
    from event_service.routing.replay import Replay
    from event_service.routing.router import Routing
    from event_service.sockets.connections import SocketConnections
    from event_service.sockets.delivery import SocketDelivery
    from event_service.sockets.limits import ConnectionLimits, SocketLimits
    from event_service.sockets.log import SocketLog
    from event_service.sockets.narrowing import ConnectionFilters
    from event_service.sockets.observer import SocketObserver
    from event_service.sockets.open_connections import OpenConnections
    from event_service.sockets.places import SocketPlaces
    from event_service.sockets.slow_clients import SlowClients
    from event_service.sockets.storage.connections import DynamoConnectionStore
    from event_service.sockets.storage.log import DynamoSocketLogStore
    from event_service.sockets.storage.queue import SqsBacklogQueue, SqsWakeUpQueue
    from event_service.webhooks.assembly import WebhookSide
    from event_service.webhooks.http_sender import HttpSender
    from event_service.webhooks.observer import WebhookObserver
    from event_service.webhooks.url import UrlRules


def clock() -> datetime:
    """The time, in UTC. A function, so that tests may replace it."""
    return datetime.now(UTC)


@cache
def connection() -> Connection:
    """The one DynamoDB client of the process: all tables share its connections."""
    from event_service.aws.dynamodb import connect

    return connect(get_settings().region, get_settings().aws_endpoint_url)


@cache
def database() -> Database:
    """All tables, under the names that the environment gives them."""
    from event_service.aws.dynamodb import Database

    settings = get_settings()
    return Database(connection(), lambda logical: str(getattr(settings, f"{logical}_table")), plain_batches=plain_batches())


@cache
def plain_batches() -> PlainBatches | None:
    """Batches of webhook delivery without the SDK, whose client then need not be made: that takes 65 ms. Where DynamoDB has another name,
    as in China, they find nobody, and the SDK makes the calls."""
    from event_service.aws.plain_batches import PlainBatches

    settings = get_settings()
    url = settings.aws_endpoint_url or f"https://dynamodb.{settings.region}.amazonaws.com"
    return PlainBatches(url, settings.region, _credentials)


@cache
def change_log() -> DynamoChangeLog:
    """The chain of change sets, in the table ``changes``. For the configuration, routing and explaining."""
    from event_service.configuration.storage.change_log import DynamoChangeLog

    return DynamoChangeLog(database())


@cache
def configuration_rows() -> DynamoConfigurationRows:
    """The rows of endpoints, event filters and links, written after each change set."""
    from event_service.configuration.storage.rows import DynamoConfigurationRows

    return DynamoConfigurationRows(database(), clock)


@cache
def secret_store() -> DynamoSecretStore:
    """Signing secrets, and what idempotency keys remember, in the table ``secrets``."""
    from event_service.configuration.storage.secrets import DynamoSecretStore

    return DynamoSecretStore(database())


@cache
def tokens() -> Tokens:
    """Token checks and administration, over the table ``tokens``. For the GraphQL API and the command line."""
    from event_service.access.storage.tokens import DynamoTokenStore
    from event_service.access.tokens import Tokens

    return Tokens(DynamoTokenStore(database()), clock, last_uses())


@cache
def last_uses() -> LastUses:
    """When tokens were used: written beside the request, at most once an hour for each."""
    from event_service.access.last_use import LastUses
    from event_service.access.storage.tokens import DynamoTokenStore

    return LastUses(DynamoTokenStore(database()), clock, lambda call: background().submit(call))


@cache
def background() -> Executor:
    """What no request waits for. One thread: it has little to do."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, thread_name_prefix="background")


@cache
def url_rules() -> UrlRules:
    """What the operator allows of webhook URLs, from the environment. For creating endpoints and for sending."""
    from event_service.webhooks.addresses import AddressGuard
    from event_service.webhooks.url import UrlRules

    settings = get_settings()
    return UrlRules(allow_http=settings.allow_http, guard=AddressGuard.allowing(settings.allowed_networks, on_aws=settings.on_aws))


@cache
def destinations() -> Destinations:
    """The types of endpoints: a new one is registered here."""
    from event_service.configuration.destinations import Destinations
    from event_service.sockets.destination import SocketDestination
    from event_service.webhooks.destination import WebhookDestination

    return Destinations([SocketDestination(), WebhookDestination(_check_url)])


def _check_url(url: str) -> object:
    from event_service.webhooks.url import parse_webhook_url

    return parse_webhook_url(url, url_rules())


@cache
def configuration() -> Configuration:
    """Endpoints, event filters and links, with observers of all types. For the GraphQL API."""
    return _configuration([socket_observer(), webhook_observer()], tells_everyone=True)


@cache
def webhook_endpoints() -> Endpoints:
    """For webhook delivery, which disables webhooks: sockets and their settings have no part in that."""
    return _configuration([webhook_observer()], tells_everyone=False).endpoints


def _configuration(observers: list[EndpointObserver], *, tells_everyone: bool) -> Configuration:
    from event_service.configuration.configuration import ConfigurationStores, assemble
    from event_service.configuration.event_filters import ConditionReading
    from event_service.configuration.existence import Quotas

    settings = get_settings()
    return assemble(
        stores=ConfigurationStores(change_log(), configuration_rows(), secret_store(), secret_store()),
        observers=observers,
        destinations=destinations(),
        quotas=Quotas(settings.max_endpoints, settings.max_event_filters),
        reading=ConditionReading(_check_pattern, _index_entries),
        clock=clock,
        tells_everyone=tells_everyone,
    )


def _check_pattern(given: Any) -> dict[str, Any]:
    from event_service.filters.patterns.compile import parse_pattern

    return parse_pattern(given)


def _index_entries(condition: Mapping[str, Any]) -> int:
    from event_service.filters.matching.size import index_entries

    return index_entries(condition)


@cache
def queues() -> Queues:
    """The one SQS client of the process, made when the first message is sent."""
    from event_service.aws.sqs import Queues, connect

    return Queues(lambda: connect(get_settings().region, get_settings().aws_endpoint_url))


@cache
def event_store() -> DynamoEventStore:
    """Events by id, in the table ``events``. For publishing, routing, delivery and reading."""
    from event_service.events.storage.events import DynamoEventStore

    return DynamoEventStore(database(), clock, get_settings().event_retention_days)


@cache
def events_reading() -> EventsReading:
    """Lists and counts of events, over the table ``event_index``. For the GraphQL API."""
    from event_service.events.reading import EventsReading
    from event_service.events.storage.listing import DynamoEventIndexes

    return EventsReading(event_store(), DynamoEventIndexes(database()), clock)


@cache
def publishing() -> Publishing:
    """Accepting events. For the GraphQL API, the event bus, and the service's own events."""
    from event_service.events.publishing import Publishing
    from event_service.events.storage.queue import SqsRoutingQueue

    return Publishing(event_store(), SqsRoutingQueue(queues(), get_settings().routing_queue_url), clock)


@cache
def packed_reading() -> PackedReading:
    """How routers that start together read large workspaces: one reads the rows, the others what it packed."""
    import time

    from event_service.routing.packed import PackedReading
    from event_service.routing.storage.packed_rows import DynamoPackedRows

    def newest_version(workspace_id: str) -> int:
        head = change_log().head(workspace_id)
        return head.version if head is not None else 0

    return PackedReading(DynamoPackedRows(database(), clock), newest_version, time.sleep, time.monotonic)


@cache
def routing() -> Routing:
    """From accepted events to deliveries. For the event router."""
    from event_service.events.storage.queue import SqsRoutingQueue
    from event_service.filters.matching.matcher import Matcher
    from event_service.routing.refused_filters import RefusedFilterEvents
    from event_service.routing.router import Routing
    from event_service.routing.tables import RoutingTables

    settings = get_settings()
    return Routing(
        tables=RoutingTables(change_log(), configuration_rows(), Matcher, packed=packed_reading),
        store=event_store(),
        outlets=outlets(),
        routing_queue=SqsRoutingQueue(queues(), settings.routing_queue_url),
        refused_filters=RefusedFilterEvents(publishing),
    )


def outlets() -> Mapping[EndpointType, Outlet]:
    """How routing hands over to endpoints of each type: a new type is registered here, too."""
    from event_service.configuration.endpoint import EndpointType
    from event_service.sockets.outlet import SocketOutlet
    from event_service.webhooks.outlet import MarkingQueue, WebhookOutlet

    return {
        EndpointType.WEB_HOOK: WebhookOutlet(MarkingQueue(webhook_queue(), wide_events)),
        EndpointType.WEB_SOCKET: SocketOutlet(socket_log()),
    }


# -- sockets -----------------------------------------------------------------------------------------------------------


def socket_retention() -> timedelta:
    """How long a client can resume: no longer than the events themselves are kept."""
    settings = get_settings()
    return min(timedelta(hours=settings.socket_retention_hours), timedelta(days=settings.event_retention_days))


@cache
def wake_up_queue() -> SqsWakeUpQueue:
    """Wakes socket delivery, first in, first out for each group of connections. Written by routing and by observers."""
    from event_service.sockets.storage.queue import SqsWakeUpQueue

    return SqsWakeUpQueue(queues(), get_settings().socket_queue_url)


@cache
def socket_log_store() -> DynamoSocketLogStore:
    """The logs of WEB_SOCKET endpoints, in the table ``socket_log``."""
    from event_service.sockets.storage.log import DynamoSocketLogStore

    return DynamoSocketLogStore(database(), clock)


@cache
def socket_backlog_queue() -> SqsBacklogQueue:
    """What must not hold up a group of connections: single connections, closes, late appends."""
    from event_service.sockets.storage.queue import SqsBacklogQueue

    return SqsBacklogQueue(queues(), get_settings().socket_backlog_queue_url)


@cache
def socket_log() -> SocketLog:
    """Appending to the logs. For routing."""
    from event_service.sockets.log import SocketLog

    return SocketLog(socket_log_store(), wake_up_queue(), socket_backlog_queue(), clock, socket_retention())


@cache
def socket_places() -> SocketPlaces:
    """Where events stand in the logs."""
    from event_service.sockets.places import SocketPlaces

    return SocketPlaces(socket_log_store(), socket_retention())


@cache
def connection_store() -> DynamoConnectionStore:
    """Open connections, in the table ``connections``."""
    from event_service.sockets.storage.connections import DynamoConnectionStore

    return DynamoConnectionStore(database())


def connection_limits() -> ConnectionLimits:
    """Limits of open connections, from the environment. For the function of the WebSocket API."""
    from event_service.sockets.limits import SocketLimits

    return _connection_counts(SocketLimits(*get_settings().socket_limits))


def _connection_counts(limits: SocketLimits | None = None) -> ConnectionLimits:
    from event_service.sockets.limits import ConnectionLimits, SocketLimits
    from event_service.sockets.storage.counts import DynamoConnectionCounts

    return ConnectionLimits(DynamoConnectionCounts(database(), clock), limits or SocketLimits(), clock, slow_clients())


@cache
def slow_clients() -> SlowClients:
    """Clients that were closed because they took nothing."""
    from event_service.sockets.slow_clients import SlowClients
    from event_service.sockets.storage.counts import DynamoConnectionCounts

    return SlowClients(DynamoConnectionCounts(database(), clock), socket_log_store(), clock)


@cache
def socket_connections() -> SocketConnections:
    """Opening and closing connections. For the function of the WebSocket API."""
    from event_service.sockets.connections import SocketConnections

    return SocketConnections(
        connection_store(),
        socket_log_store(),
        socket_backlog_queue(),
        clock,
        socket_retention(),
        last_uses(),
        connection_limits(),
        needs_token=get_settings().web_socket_auth == "token",
    )


@cache
def open_connections() -> OpenConnections:
    """Who is connected, and closing connections. For the GraphQL API."""
    from event_service.sockets.open_connections import OpenConnections

    return OpenConnections(
        listed=connection_store(),
        connections=connection_store(),
        log=socket_log_store(),
        backlog=socket_backlog_queue(),
        endpoints=configuration().endpoints,
        clock=clock,
    )


@cache
def socket_observer() -> SocketObserver:
    """What changed endpoints mean for open sockets."""
    from event_service.sockets.observer import SocketObserver

    return SocketObserver(socket_log_store(), wake_up_queue())


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()


def _credentials() -> ReadOnlyCredentials | None:
    credentials = _session().get_credentials()
    return credentials.get_frozen_credentials() if credentials else None


@cache
def connection_filters() -> ConnectionFilters:
    """What narrows connections; asked for only when one has an event filter."""
    from event_service.sockets.narrowing import ConnectionFilters

    return ConnectionFilters(connection_store(), clock)


@cache
def socket_delivery() -> SocketDelivery:
    """Serving connections; its HTTP session belongs to the event loop that uses it first."""
    import asyncio

    from event_service.sockets.delivery import SocketDelivery
    from event_service.sockets.outside import Outside
    from event_service.sockets.pace import PostPace
    from event_service.sockets.poster import SocketPoster

    settings = get_settings()
    outside = Outside(
        filters=connection_filters,
        connections=connection_store(),
        log=socket_log_store(),
        events=event_store(),
        poster=SocketPoster(settings.web_socket_management_url, settings.region, _credentials),
        wake_ups=wake_up_queue(),
        backlog=socket_backlog_queue(),
        clock=clock,
        in_thread=asyncio.to_thread,
        sleep=asyncio.sleep,
        slow_after=timedelta(seconds=settings.socket_slow_client_seconds),
        pace=PostPace(connection_store(), settings.socket_posts_per_second, clock, asyncio.to_thread, asyncio.sleep).take,
        release=_connection_counts().release,
        note_slow=slow_clients().note,
    )
    return SocketDelivery(outside, socket_log())


@cache
def delivery_log() -> DynamoDeliveryLog:
    """The log of delivery attempts, in the table ``deliveries``. Written by webhook delivery, read by the GraphQL API."""
    from event_service.delivery.storage.log import DynamoDeliveryLog

    return DynamoDeliveryLog(database(), clock, get_settings().event_retention_days)


@cache
def wide_events() -> DynamoWideEvents:
    """Events for very many webhooks, whose records are spread over several keys of the log."""
    from event_service.delivery.storage.wide_events import DynamoWideEvents

    return DynamoWideEvents(database(), get_settings().event_retention_days)


@cache
def backlog_store() -> DynamoBacklogStore:
    """Backlogs of endpoints, in the table ``due``. Written by both lanes and by sending again."""
    from event_service.delivery.storage.backlog import DynamoBacklogStore

    return DynamoBacklogStore(database(), get_settings().event_retention_days)


@cache
def health_store() -> DynamoHealthStore:
    """What is known of endpoints that fail, beside their rows by id. Read with each batch of webhook delivery."""
    from event_service.delivery.storage.health import DynamoHealthStore

    return DynamoHealthStore(database())


@cache
def webhook_queue() -> SqsWebhookQueue:
    """The queue of the shared lane, from routing and from webhook delivery itself."""
    from event_service.delivery.storage.queue import SqsWebhookQueue

    return SqsWebhookQueue(queues(), get_settings().webhook_queue_url)


@cache
def look_queue() -> SqsLookQueue:
    """The queue of the endpoints' own lanes."""
    from event_service.delivery.storage.queue import SqsLookQueue

    return SqsLookQueue(queues(), get_settings().own_lane_queue_url)


@cache
def looks() -> Looks:
    """Asks for lanes to be served, now by a message or later by a reminder."""
    from event_service.delivery.lanes import Looks
    from event_service.delivery.storage.reminders import DynamoReminderStore

    return Looks(look_queue(), DynamoReminderStore(database()), clock)


@cache
def lane_store() -> DynamoLaneStore:
    """The endpoints' own lanes, in the table ``due``."""
    from event_service.delivery.storage.lanes import DynamoLaneStore

    return DynamoLaneStore(database())


@cache
def operational_events() -> OperationalEvents:
    """Publishes the service's own events, such as that an endpoint fails."""
    from event_service.delivery.service_events import OperationalEvents

    return OperationalEvents(publishing)


@cache
def webhook_observer() -> WebhookObserver:
    """What changed endpoints mean for deliveries: backlogs are sent or erased, lanes begin anew."""
    from event_service.webhooks.observer import WebhookObserver

    return WebhookObserver(looks(), lane_store(), health_store(), operational_events(), clock)


@cache
def webhook_sender() -> HttpSender:
    """Sends webhooks; its connections outlive an invocation."""
    from event_service.webhooks.http_sender import HttpSender

    settings = get_settings()
    return HttpSender(
        url_rules().guard,
        deadline_seconds=settings.webhook_timeout_seconds,
        connections_to_one_endpoint=max(settings.maximum_requests_per_endpoint, 10),
    )


def show_webhooks_again(own: bool, receipts: Sequence[str], seconds: int) -> None:
    """Has messages of webhook delivery that failed come again sooner than the visibility time-out of their queue."""
    settings = get_settings()
    queues().show_again(settings.own_lane_queue_url if own else settings.webhook_queue_url, receipts, seconds)


@cache
def webhook_side() -> WebhookSide:
    """From messages to requests, of both lanes. For webhook delivery."""
    from event_service.webhooks.assembly import Limits, assemble
    from event_service.webhooks.ports import DeliveryStores, EndpointActions, EndpointState
    from event_service.webhooks.storage.context import DynamoSnapshotReader
    from event_service.webhooks.storage.event_texts import DynamoEventTexts
    from event_service.webhooks.url import WebhookUrl, parse_webhook_url

    settings = get_settings()
    rules = url_rules()

    def parse_url(url: str) -> WebhookUrl:
        return parse_webhook_url(url, rules)

    return assemble(
        state=EndpointState(DynamoSnapshotReader(database(), clock), health_store(), lane_store()),
        stores=DeliveryStores(delivery_log(), backlog_store(), looks()),
        texts=DynamoEventTexts(database(), clock),
        queue=webhook_queue(),
        actions=EndpointActions(operational_events(), webhook_endpoints),
        sender=webhook_sender(),
        parse_url=parse_url,
        clock=clock,
        limits=Limits(settings.event_retention_days, settings.webhook_timeout_seconds, settings.maximum_requests_per_endpoint),
    )


@cache
def retry_scheduler() -> RetryScheduler:
    """Asks once a minute for lanes to be served that have something due. For the retry scheduler."""
    from event_service.delivery.retry_scheduler import RetryScheduler
    from event_service.delivery.storage.reminders import DynamoReminderStore

    return RetryScheduler(DynamoReminderStore(database()), look_queue(), clock)


@cache
def resending() -> Resending:
    """Sending deliveries again, through the endpoints' backlogs. For the GraphQL API."""
    from event_service.delivery.resending import Resending

    return Resending(backlog_store(), looks(), wide_events())


@cache
def deliveries() -> DeliveryHistory:
    """The delivery log as its owner sees it, sending again, and testing. For the GraphQL API."""
    from event_service.delivery.history import DeliveryHistory
    from event_service.delivery.ports import ReadableLog
    from event_service.delivery.storage.lists_by_status import DynamoUnfinishedDeliveries
    from event_service.delivery.storage.tests_made import DynamoTestsMade
    from event_service.webhooks.tester import LambdaEndpointTester, LimitedTester

    settings = get_settings()
    tester = LambdaEndpointTester(settings.webhook_function, settings.region, settings.aws_endpoint_url, settings.webhook_timeout_seconds)
    return DeliveryHistory(
        readable=ReadableLog(delivery_log(), DynamoUnfinishedDeliveries(database(), clock, settings.event_retention_days)),
        resending=resending(),
        store=event_store(),
        accepted=events_reading(),
        endpoints=configuration(),
        destinations=destinations(),
        tester=LimitedTester(tester, DynamoTestsMade(database()), clock),
    )


@cache
def receiver_reports() -> ReceiverReports:
    """How receivers are doing: their lanes, and attempts of the last hour. For the GraphQL API."""
    from event_service.delivery.receiver_reports import ReceiverReports
    from event_service.delivery.storage.health_reports import DynamoKnownHealth

    return ReceiverReports(DynamoKnownHealth(database()), lane_store(), delivery_log(), backlog_store(), clock)


@cache
def cancelling() -> Cancelling:
    """Ending deliveries that have not been made yet. For the GraphQL API."""
    from event_service.delivery.cancelling import Cancelling

    return Cancelling(
        deliveries=deliveries(), log=delivery_log(), backlog=backlog_store(), endpoints=configuration().endpoints, clock=clock
    )


@cache
def bulk_retry() -> BulkRetry:
    """Starting many deliveries again that meet filters. For the GraphQL API."""
    from event_service.filters.matching.matcher import Matcher
    from event_service.routing.bulk_retry import BulkRetry

    return BulkRetry(
        deliveries=deliveries(), store=event_store(), endpoints=configuration(), destinations=destinations(), make_matcher=Matcher
    )


@cache
def replay() -> Replay:
    """Sending retained events again. For the GraphQL API."""
    from event_service.filters.matching.matcher import Matcher
    from event_service.routing.replay import Replay

    return Replay(
        targets=replay_targets(),
        store=event_store(),
        accepted=events_reading(),
        endpoints=configuration(),
        make_matcher=Matcher,
        clock=clock,
    )


def replay_targets() -> ReplayTargets:
    """Where replays put events: a type that can be replayed to is registered here, too."""
    from event_service.configuration.endpoint import EndpointType
    from event_service.delivery.replay_target import ReplayTargets
    from event_service.sockets.replay_target import SocketTarget
    from event_service.webhooks.replay_target import WebhookTarget

    targets: dict[EndpointType, ReplayTarget] = {
        EndpointType.WEB_HOOK: WebhookTarget(delivery_log(), resending(), clock),
        EndpointType.WEB_SOCKET: SocketTarget(socket_log, socket_places(), clock),
    }
    return ReplayTargets(destinations(), targets)


# -- jobs --------------------------------------------------------------------------------------------------------------


@cache
def _job_store() -> DynamoJobStore:
    from event_service.jobs.storage.rows import DynamoJobStore

    return DynamoJobStore(database())


@cache
def _job_queue() -> SqsJobQueue:
    from event_service.jobs.storage.queue import SqsJobQueue

    return SqsJobQueue(queues(), get_settings().job_queue_url)


@cache
def jobs() -> Jobs:
    """Starting, following and cancelling jobs."""
    from event_service.jobs.jobs import Jobs

    return Jobs(_job_store(), _job_queue(), clock)


@cache
def job_runner() -> JobRunner:
    """Doing jobs."""
    from event_service.jobs.runner import JobRunner
    from event_service.routing.job_steps import steps

    return JobRunner(_job_store(), _job_queue(), steps(replay, bulk_retry, cancelling), clock)


# -- counting ----------------------------------------------------------------------------------------------------------


@cache
def counters() -> Counters | None:
    """What this function counts for charts; ``None``: the operator wants no charts."""
    if not get_settings().statistics:
        return None
    from event_service.counting.counters import Counters
    from event_service.counting.storage.counts import DynamoCounts

    return Counters(DynamoCounts(database()), clock)


@cache
def seen_types() -> SeenTypes | None:
    """Notes the types of events; ``None``: the operator wants no counting."""
    if not get_settings().statistics:
        return None
    from event_service.counting.seen_types import SeenTypes
    from event_service.counting.storage.seen_types import DynamoSeenTypes

    return SeenTypes(DynamoSeenTypes(database()), clock)


@cache
def event_types() -> EventTypes:
    """The types of events of a workspace, as routing has seen them. For the GraphQL API."""
    from event_service.counting.seen_types import EventTypes
    from event_service.counting.storage.seen_types import DynamoSeenTypes

    return EventTypes(DynamoSeenTypes(database()))


@cache
def statistics() -> Statistics:
    """Counts for charts, in the table ``due``. For the GraphQL API."""
    from event_service.counting.statistics import Statistics
    from event_service.counting.storage.counts import DynamoCounts

    return Statistics(DynamoCounts(database()), clock, gathered=get_settings().statistics)


# -- explaining --------------------------------------------------------------------------------------------------------


@cache
def changes() -> Changes:
    """The history of the configuration, in sentences. For the GraphQL API."""
    from event_service.explain.changes import Changes

    return Changes(change_log())


@cache
def past_configuration() -> PastConfiguration:
    """The configuration as it was at a version or a moment. For the GraphQL API."""
    from event_service.explain.past_configuration import PastConfiguration

    return PastConfiguration(change_log())


@cache
def explanations() -> Explanations:
    """Why events did or did not arrive. For the GraphQL API."""
    from event_service.delivery.storage.health_reports import DynamoKnownHealth
    from event_service.explain.delivery import Explanations

    return Explanations(
        configuration=configuration(),
        history=change_log(),
        events=event_store(),
        deliveries=delivery_log(),
        sockets=socket_places(),
        destinations=destinations(),
        health=DynamoKnownHealth(database()),
        clock=clock,
    )


@cache
def last_matches() -> LastMatches:
    """When event filters last matched."""
    from event_service.explain.last_match import LastMatches
    from event_service.filters.matching.matcher import Matcher

    return LastMatches(store=event_store(), accepted=events_reading(), make_matcher=Matcher, clock=clock)


@cache
def backtest() -> Backtest:
    """Trying event filters on retained events. For the GraphQL API."""
    from event_service.explain.backtest import Backtest
    from event_service.filters.matching.matcher import Matcher

    return Backtest(
        configuration=configuration(),
        store=event_store(),
        accepted=events_reading(),
        check_pattern=_check_pattern,
        make_matcher=Matcher,
        clock=clock,
    )
