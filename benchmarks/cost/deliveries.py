"""What a million deliveries cost by AWS's list prices, each part apart.

Requests and units are counted, not guessed: events are published, routed and delivered through the real use cases and
adapters on tables made from template.yaml, and :mod:`tests.support.metering` notes each call and the units of each item and
index. What cannot be measured here is how long AWS takes: a call counts as 5 ms and a receiver as 50 ms of billed time,
beside the processor time that the same run used (which includes the AWS in memory, so it is too much rather than too little).
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.cost import prices
from benchmarks.report.page import Goal, Section, Table
from benchmarks.report.plots import bars
from event_service.aws.dynamodb import Database
from event_service.aws.dynamodb import connect as connect_dynamodb
from event_service.aws.sqs import Queues
from event_service.configuration.ports import EndpointPage
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.lanes import DynamoLaneStore
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.queue import SqsLookQueue, SqsWebhookQueue
from event_service.delivery.storage.reminders import DynamoReminderStore
from event_service.events.new_event import NewEvent
from event_service.settings import Settings
from event_service.webhooks.addresses import AddressGuard
from event_service.webhooks.assembly import Limits, WebhookSide
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.ports import Sender
from event_service.webhooks.storage.context import DynamoSnapshotReader
from event_service.webhooks.storage.event_texts import DynamoEventTexts
from event_service.webhooks.url import UrlRules
from functions.webhook_delivery.handler import create_handler
from tests.builders import SettableClock
from tests.fakes.events import FakeSqsClient
from tests.integration.events.test_cost import OneAtATime
from tests.support.aws_in_memory import aws_in_memory, empty_tables
from tests.support.metering import Ledger, MeteredConnection, MeteredSqs, TableShape, item_size
from tests.template_file import resources
from tests.wiring import WebhookUseCases
from tests.world import REGION, RETENTION_DAYS, WORKSPACE, Context, World, token

EVENTS = 100
BATCH = 10
ENDPOINTS = 10
AWS_CALL_SECONDS = 0.005
RECEIVER_SECONDS = 0.050
LIST_SECONDS = 0.010
"""Of a list call beside its calls to AWS: assumed."""
FULL_CORE_MEGABYTES = 1769
"""Of memory, with which Lambda gives a function one whole core; with less it gets that share of one."""
GB = {name: one["Properties"]["MemorySize"] / 1024 for name, one in resources("AWS::Serverless::Function").items()}
GOALS = {10: 2.00, 1: 4.00}
CALLS_GOAL = 0.8
MONTH_SECONDS = 30 * 24 * 3600
IDLE_GOAL = 3.00
DUE_QUERIES = 9
"""Of a run of the retry scheduler that finds nothing: 8 partitions, and one for the whole service."""
POLLERS = 5
"""With which Lambda polls an idle standard queue, each with requests that wait 20 s."""


@dataclass
class Stage:
    """What one of the three functions used for all deliveries of a run."""

    ledger: Ledger
    invocations: int
    cpu_seconds: float
    log_bytes: int
    polled: float = 0.0
    """SQS requests of Lambda's pollers: receiving and deleting."""
    messages: int = 0
    door: int = 0
    """Requests to the HTTP API."""
    waited_seconds: float = 0.0
    """For receivers; for AWS it follows from the calls."""

    def billed_seconds(self, gigabytes: float) -> float:
        """What Lambda bills for a function with so much memory."""
        share = min(1.0, gigabytes * 1024 / FULL_CORE_MEGABYTES)
        return self.cpu_seconds / share + self.waited_seconds + len(self.ledger) * AWS_CALL_SECONDS


LOOK_URL = "queue/looks"


class CountedSqs:
    """Takes what is sent to any queue; the real one of moto is not needed to count."""

    def __init__(self) -> None:
        self.routing, self.webhook, self.socket, self.looks = FakeSqsClient(), FakeSqsClient(), FakeSqsClient(), FakeSqsClient()

    def _of(self, url: str) -> FakeSqsClient:
        if url.endswith("socket.fifo"):
            return self.socket
        if url == LOOK_URL:
            return self.looks
        return self.routing if url.endswith("routing") else self.webhook

    def send_message(self, **arguments: Any) -> Any:
        return self._of(arguments["QueueUrl"]).send_message(**arguments)

    def send_message_batch(self, **arguments: Any) -> Any:
        return self._of(arguments["QueueUrl"]).send_message_batch(**arguments)

    def delete_message_batch(self, **arguments: Any) -> Any:
        """What was taken is gone from the list already."""
        return {"Successful": [{"Id": one["Id"]} for one in arguments["Entries"]]}


class _Receivers:
    """Every receiver answers 200."""

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        del request
        await asyncio.sleep(0)
        return WebhookAnswer(200, None, None, 50, (), "ok")

    async def aclose(self) -> None:
        """Nothing is open."""


@contextmanager
def metered_world() -> Iterator[tuple[World, Ledger, CountedSqs]]:
    with aws_in_memory():
        settings = Settings(empty_tables())

        def table_name(logical: str) -> str:
            return str(getattr(settings, f"{logical}_table"))

        ledger = Ledger()
        tables = {name: TableShape.of_template(one["Properties"]) for name, one in resources("AWS::DynamoDB::Table").items()}
        connection: Any = MeteredConnection(OneAtATime(connect_dynamodb(REGION, None)), tables, ledger)
        sqs = CountedSqs()
        client: Any = MeteredSqs(sqs, ledger)
        queues = Queues(lambda: client)
        world = World(
            database=Database(connection, table_name),
            queues=queues,
            sqs=None,
            clock=SettableClock(),
            routing_url="queue/routing",
            webhook_url="queue/webhook",
            socket_url="queue/socket.fifo",
            backlog_url="queue/backlog",
        )
        yield world, ledger, sqs


def delivery_of(world: World, receivers: Sender | None = None) -> WebhookSide:
    """As `wiring` builds it, over the metered tables."""
    database, began = world.database, time.monotonic()

    def clock() -> datetime:
        # The owner of a lane waits and looks at the time.
        return world.clock() + timedelta(seconds=time.monotonic() - began)

    use_cases = WebhookUseCases(
        snapshots=DynamoSnapshotReader(database, clock),
        log=DynamoDeliveryLog(database, clock, RETENTION_DAYS),
        backlog=DynamoBacklogStore(database, RETENTION_DAYS),
        reminders=DynamoReminderStore(database),
        lanes=DynamoLaneStore(database),
        health=DynamoHealthStore(database),
        texts=DynamoEventTexts(database, clock),
        queue=SqsWebhookQueue(world.queues, world.webhook_url),
        look_queue=SqsLookQueue(world.queues, LOOK_URL),
        publisher=lambda: world.publishing,
        disabler=lambda: world.configuration.endpoints,
        clock=clock,
    )
    rules = UrlRules(guard=AddressGuard(), allow_http=False)
    return use_cases.new_process(receivers or _Receivers(), rules, Limits(RETENTION_DAYS, 15))


def event(number: int) -> NewEvent:
    """About 1 KB as delivered."""
    return NewEvent(type=f"measured-{number % ENDPOINTS}", data={"n": number, "text": "A person entered the region of interest. " * 17})


def records_of(sent: FakeSqsClient) -> list[dict[str, Any]]:
    taken = [
        {"messageId": str(place), "receiptHandle": str(place), "body": one["MessageBody"], "attributes": {"ApproximateReceiveCount": "1"}}
        for place, one in enumerate(sent.arrived)
    ]
    sent.arrived.clear()
    return taken


def run_stages(fan_out: int, *, mixed: bool, per_publish: int = EVENTS) -> tuple[list[Stage], dict[str, float]]:
    """Publishes 100 events in one call or several, routes and delivers them to ten endpoints: each to all, or each to one.

    Args:
        fan_out: 10 or 1.
        mixed: no two messages of a batch go to the same endpoint; otherwise all do.
        per_publish: events of one call.
    """
    with metered_world() as (world, ledger, sqs):
        for number in range(ENDPOINTS):
            world.webhook(*([] if fan_out == ENDPOINTS else [world.event_filter(eventTypes=[f"measured-{number}"])]))
        delivery = delivery_of(world)
        deliver = create_handler(lambda: delivery)
        # Warm: the router has its snapshot, each function its clients.
        world.publishing.publish(token(), [event(0)])
        with redirect_stdout(io.StringIO()):
            world.router({"Records": records_of(sqs.routing)}, Context())
        sqs.webhook.arrived.clear()
        ledger.take()

        start = time.process_time()
        for first in range(0, EVENTS, per_publish):
            world.publishing.publish(token(), [event(number) for number in range(first, first + per_publish)])
        calls = EVENTS // per_publish
        published = Stage(ledger.take(), calls, time.process_time() - start, 250 * calls, door=calls)

        routed = Stage(Ledger(), 0, 0.0, 0)
        records = records_of(sqs.routing)
        # Many small messages come to the router in batches, one of a hundred events alone.
        for first in range(0, len(records), BATCH):
            invoke(routed, world.router, records[first : first + BATCH], ledger)
        delivered = Stage(Ledger(), 0, 0.0, 0)
        messages = records_of(sqs.webhook)
        assert len(messages) == EVENTS * fan_out
        messages.sort(key=lambda one: json.loads(one["body"].partition("\n")[0])["endpointId"])
        if mixed:
            each = len(messages) // ENDPOINTS
            messages = [messages[endpoint * each + place] for place in range(each) for endpoint in range(ENDPOINTS)]
        for first in range(0, len(messages), BATCH):
            invoke(delivered, deliver, messages[first : first + BATCH], ledger)
            delivered.waited_seconds += RECEIVER_SECONDS
        page = _list_call(world, ledger)
        stored = {
            "event rows": float(sum(item_size(one) + 100 for one in _rows(world, "EventsTable"))),
            "log rows": float(sum(item_size(one) + 100 for one in _rows(world, "DeliveriesTable"))),
            "list reads": page.reads,
            "list calls": float(len(page)),
        }
    return [published, routed, delivered], stored


def _list_call(world: World, ledger: Ledger) -> Ledger:
    ledger.take()
    world.configuration.endpoints.page(WORKSPACE, EndpointPage(type=None, descending=False, offset=0, limit=100))
    return ledger.take()


def _rows(world: World, table: str) -> list[dict[str, Any]]:
    connection: Any = world.database._connection  # noqa: SLF001 - the meter keeps what was written
    return [item for (name, _), item in connection._items.items() if name == table]  # noqa: SLF001 - as above


def invoke(stage: Stage, handler: Any, records: list[dict[str, Any]], ledger: Ledger) -> None:
    output = io.StringIO()
    start = time.process_time()
    with redirect_stdout(output):
        answer = handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": []}
    calls = ledger.take()
    stage.cpu_seconds += time.process_time() - start
    stage.ledger.calls += calls.calls
    stage.invocations += 1
    stage.messages += len(records)
    stage.polled += 2 * -(-sum(len(one["body"]) for one in records) // 65_536)
    stage.log_bytes += len(output.getvalue())


FUNCTIONS = ("GraphqlApiFunction", "EventRouterFunction", "WebhookDeliveryFunction")
STAGES = ("publish", "route", "deliver")


def dollars_by_part(stages: list[Stage], deliveries: int) -> dict[str, dict[str, float]]:
    """Dollars of a million deliveries: by part, and there by stage."""
    parts: dict[str, dict[str, float]] = {}
    for name, function, stage in zip(STAGES, FUNCTIONS, stages, strict=True):
        sent = sum(1 for call in stage.ledger.calls if call.operation.startswith("Send"))
        if name == "publish":
            sent = stage.door * -(-EVENTS // stage.door * 1_100 // 65_536)  # one message of 110 KB is billed as two requests
        used = {
            "HTTP API": stage.door * prices.HTTP_API_REQUEST,
            "SQS sends": sent * (prices.SQS_STANDARD + prices.SQS_FAIR),
            "SQS receives and deletes": stage.polled * (prices.SQS_STANDARD + prices.SQS_FAIR),
            "DynamoDB writes, indexes included": stage.ledger.writes * prices.DYNAMODB_WRITE_UNIT,
            "DynamoDB reads": stage.ledger.reads * prices.DYNAMODB_READ_UNIT,
            "Lambda requests": stage.invocations * prices.LAMBDA_REQUEST,
            "Lambda GB-seconds": stage.billed_seconds(GB[function]) * GB[function] * prices.LAMBDA_GB_SECOND,
            "CloudWatch lines": stage.log_bytes / 1e9 * prices.LOGS_GB,
        }
        for part, dollars in used.items():
            parts.setdefault(part, {})[name] = dollars / deliveries * 1e6
    return parts


def _idle() -> dict[str, float]:
    """Dollars of a month in which nothing happens, alarms, dashboard and own keys off."""
    polls = POLLERS * MONTH_SECONDS / 20
    polled = [event["Properties"]["Queue"]["Fn::GetAtt"][0] for event in _queue_events()]
    fifo = sum(bool(resources("AWS::SQS::Queue")[name]["Properties"].get("FifoQueue")) for name in polled)
    standard = len(polled) - fifo
    ticks = MONTH_SECONDS / 60
    return {
        f"SQS polling of {standard} standard queues": standard * polls * prices.SQS_STANDARD,
        f"SQS polling of {fifo} FIFO queue": fifo * polls * prices.SQS_FIFO,
        "scheduler": ticks * prices.SCHEDULER_INVOCATION,
        "Lambda of the scheduler, 100 ms a minute": ticks
        * (prices.LAMBDA_REQUEST + 0.1 * prices.LAMBDA_GB_SECOND * GB["RetrySchedulerFunction"]),
        f"DynamoDB reads of the due index ({DUE_QUERIES} queries a minute)": ticks * DUE_QUERIES * 0.5 * prices.DYNAMODB_READ_UNIT,
        "CloudWatch lines (500 bytes a minute)": ticks * 500 / 1e9 * prices.LOGS_GB,
    }


def _queue_events() -> list[dict[str, Any]]:
    """The queues that Lambda polls for functions."""
    functions = resources("AWS::Serverless::Function").values()
    return [event for one in functions for event in one["Properties"].get("Events", {}).values() if event["Type"] == "SQS"]


def _list_parts(calls: float, reads: float) -> dict[str, float]:
    """Dollars of a million list calls, by part."""
    gigabyte_seconds = (LIST_SECONDS + calls * AWS_CALL_SECONDS) * GB["GraphqlApiFunction"]
    return {
        "HTTP API": prices.HTTP_API_REQUEST * 1e6,
        "DynamoDB reads": reads * prices.DYNAMODB_READ_UNIT * 1e6,
        "Lambda requests": prices.LAMBDA_REQUEST * 1e6,
        "Lambda GB-seconds": gigabyte_seconds * prices.LAMBDA_GB_SECOND * 1e6,
    }


def _by_part(title: str, parts: dict[str, dict[str, float]]) -> Table:
    rows: list[list[Any]] = [[part, *(one[name] for name in STAGES), sum(one.values())] for part, one in parts.items()]
    sums = [sum(one[name] for one in parts.values()) for name in STAGES]
    return Table(title, ["part", *STAGES, "sum"], [*rows, ["**sum**", *sums, sum(sums)]])


def run(quick: bool = False) -> Section:
    """Counts and multiplies. ``quick`` changes nothing: it takes seconds."""
    from benchmarks.cost import counting, questions, retries, sockets, switches, troubled  # they count with what is above

    del quick
    logging.getLogger("botocore").setLevel(logging.WARNING)
    tables: list[Table] = []
    goals: list[Goal] = []
    sums: dict[str, float] = {}
    page: dict[str, float] = {}
    for fan_out, goal in GOALS.items():
        deliveries = EVENTS * fan_out
        alike = sum(sum(one.values()) for one in dollars_by_part(run_stages(fan_out, mixed=False)[0], deliveries).values())
        stages, stored = run_stages(fan_out, mixed=True)
        parts = dollars_by_part(stages, deliveries)
        total = sum(sum(one.values()) for one in parts.values())
        tables.append(_by_part(f"Dollars a million deliveries, fan-out {fan_out}", parts))
        gigabytes = (stored["event rows"] + stored["log rows"]) / deliveries * 1e6 / 1e9
        besides = [
            [
                f"storage of events and log for {RETENTION_DAYS} days, without indexes",
                gigabytes * prices.DYNAMODB_GB_MONTH * RETENTION_DAYS / 30,
            ],
            ["data to the internet (1.5 KB a request)", 1.5 * prices.INTERNET_GB],
        ]
        tables.append(Table(f"Besides, fan-out {fan_out}", ["part", "dollars a million deliveries"], besides))
        calls = [len(stage.ledger) / deliveries for stage in stages]
        pollers = sum(stage.polled for stage in stages) / deliveries
        tables.append(
            Table(
                f"Calls and units a delivery, fan-out {fan_out}",
                ["", *STAGES, "sum"],
                [
                    ["SDK calls", *calls, sum(calls)],
                    ["SQS requests of Lambda's pollers", *(stage.polled / deliveries for stage in stages), pollers],
                    [
                        "write units",
                        *(stage.ledger.writes / deliveries for stage in stages),
                        sum(s.ledger.writes for s in stages) / deliveries,
                    ],
                    [
                        "read units",
                        *(stage.ledger.reads / deliveries for stage in stages),
                        sum(s.ledger.reads for s in stages) / deliveries,
                    ],
                ],
            )
        )
        goals.append(
            Goal(f"list price of a million deliveries, fan-out {fan_out}", f"${alike:.2f} to ${total:.2f}", f"≤ ${goal:.2f}", total <= goal)
        )
        if fan_out == BATCH:
            goals.append(
                Goal("SDK calls a delivery, fan-out 10, batches of 10", f"{sum(calls):.2f}", f"≤ {CALLS_GOAL}", sum(calls) <= CALLS_GOAL)
            )
            page = stored
        sums[f"fan-out {fan_out}"] = total
    single = dollars_by_part(run_stages(1, mixed=True, per_publish=1)[0], EVENTS)
    tables.append(_by_part("Dollars a million deliveries, fan-out 1, one event a publish", single))
    idle = _idle()
    tables.append(
        Table(
            "Dollars of an idle month, by the template's schedules",
            ["part", "dollars"],
            [*map(list, idle.items()), ["**sum**", sum(idle.values())]],
        )
    )
    tables.append(switches.table())
    listing = _list_parts(page["list calls"], page["list reads"])
    tables.append(
        Table(
            "`endpoints` query, a page of ten",
            ["part", "dollars a million"],
            [*map(list, listing.items()), ["**sum**", sum(listing.values())]],
        )
    )
    tables += retries.tables()
    tables.append(troubled.table())
    tables += sockets.tables()
    tables += counting.tables()
    tables += questions.tables()
    goals.append(counting.goal())
    others = [[name, dollars, text] for name, (dollars, text) in prices.OTHERS.items()]
    tables.append(Table("Others, by their list prices", ["service", "dollars a million events with one delivery", "what is in it"], others))
    goals.append(
        Goal(
            "an idle month, alarms, dashboard and own keys off",
            f"${sum(idle.values()):.2f}",
            f"≤ ${IDLE_GOAL:.2f}",
            sum(idle.values()) <= IDLE_GOAL,
        )
    )
    return Section(
        title="Cost",
        notes=[
            (
                f"List prices of {prices.AS_OF} in us-east-1 (`benchmarks/cost/prices.py`), no free tier. Events of 1 KB, {EVENTS} a publish, "
                f"webhooks in batches of {BATCH}, each delivered at the first attempt. Calls and units are counted in a run; billed time is the run's "
                "processor time (with the AWS in memory inside, so rather too much) plus, assumed, "
                f"{AWS_CALL_SECONDS * 1_000:.0f} ms a call and {RECEIVER_SECONDS * 1_000:.0f} ms a batch for the receivers. "
                "Each batch reads its endpoints once: the tables are for batches in which every message goes to another endpoint, the dearest "
                "case; the lower number among the goals is for batches to one endpoint. The idle month is computed from the schedules, not measured."
            ),
        ],
        tables=tables,
        goals=goals,
        plots=[
            bars(
                "cost.svg",
                "A million deliveries, and others' million events",
                sums | {name: one[0] for name, one in prices.OTHERS.items()},
                "dollars",
            )
        ],
    )
