"""What one more attempt of a webhook delivery costs, soon and later, when the scheduler has to wake up the lane.

Counted as in :mod:`benchmarks.cost.deliveries`: 100 deliveries to ten endpoints fail, in batches of ten, so that the endpoints go to lanes of
their own, and succeed at the next attempt.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

from benchmarks.cost import deliveries as cost
from benchmarks.cost import prices
from benchmarks.report.page import Table
from event_service.delivery.retry_scheduler import RetryScheduler
from event_service.delivery.storage.queue import SqsLookQueue
from event_service.delivery.storage.reminders import DynamoReminderStore
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from functions.retry_scheduler.handler import create_handler as create_scheduler
from functions.webhook_delivery.handler import create_handler
from tests.support.metering import Call, Ledger
from tests.world import Context, World, token

SOON_ATTEMPT, LATE_ATTEMPT = 1, 3
"""After the first attempt the next is due in 5 s, after the third in 30 min: beyond what SQS can delay."""


class Receivers:
    """Answers with one status, which can be changed."""

    status = 500
    taken = 0

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        del request
        self.taken += self.status == 200
        return WebhookAnswer(self.status, None, None, 50, (), "")

    async def aclose(self) -> None:
        """Nothing is open."""


def tables() -> list[Table]:
    """Both kinds of retry, each part apart."""
    soon, late = measure(SOON_ATTEMPT), measure(LATE_ATTEMPT)
    rows: list[list[Any]] = [[part, soon[part], late[part]] for part in soon]
    rows.append(["**sum**", sum(soon.values()), sum(late.values())])
    return [Table("Dollars a million retries", ["part", "within 15 minutes", "later"], rows)]


def measure(attempt: int) -> dict[str, float]:
    with cost.metered_world() as (world, ledger, sqs):
        for number in range(cost.ENDPOINTS):
            world.webhook(world.event_filter(eventTypes=[f"measured-{number}"]))
        receivers = Receivers()
        delivery = cost.delivery_of(world, receivers)
        deliver = create_handler(lambda: delivery)
        world.publishing.publish(token(), [cost.event(number) for number in range(cost.EVENTS)])
        with redirect_stdout(io.StringIO()):
            world.router({"Records": cost.records_of(sqs.routing)}, Context())
        ledger.take()

        failed = cost.Stage(Ledger(), 0, 0.0, 0)
        in_batches(failed, deliver, [_as_attempt(one, attempt) for one in cost.records_of(sqs.webhook)], ledger)
        scheduled = cost.Stage(Ledger(), 0, 0.0, 0)
        if attempt == LATE_ATTEMPT:
            scheduler = _scheduler(world)
            empty = _run(scheduler, ledger)  # finds nothing yet: that is the idle month's, not the retries'
            world.clock.now += timedelta(hours=1)
            start = time.process_time()
            scheduled.ledger.calls = _without(_run(scheduler, ledger), empty)
            scheduled.cpu_seconds = time.process_time() - start
        receivers.status = 200
        succeeded = cost.Stage(Ledger(), 0, 0.0, 0)
        if attempt == SOON_ATTEMPT:
            world.clock.now += timedelta(seconds=30)
        own = cost.delivery_of(world, receivers)
        handler = create_handler(lambda: own)
        # What is in the shared lane moves to the lanes of the endpoints, which are looked at then.
        while records := [*cost.records_of(sqs.webhook), *cost.records_of(sqs.looks)]:
            in_batches(succeeded, handler, records, ledger)
        assert receivers.taken == cost.EVENTS

    health = [call for call in (*failed.ledger.calls, *succeeded.ledger.calls) if call.operation == "UpdateItem"]
    waits = [*_sent(failed.ledger.calls), *_sent(scheduled.ledger.calls)]
    due = [call for call in failed.ledger.calls if call.target == "DueTable"]
    made = [call for call in succeeded.ledger.calls if call not in health]
    seconds = succeeded.billed_seconds(cost.GB["WebhookDeliveryFunction"])
    whole = {
        "SQS sends": len(waits) * (prices.SQS_STANDARD + prices.SQS_FAIR),
        "SQS receives and deletes": succeeded.polled * (prices.SQS_STANDARD + prices.SQS_FAIR),
        "DynamoDB writes of the backlog and its reminders": _writes(due) + _writes(scheduled.ledger.calls),
        "DynamoDB reads of the scheduler": _reads(scheduled.ledger.calls),
        "DynamoDB writes of the log": _writes(made),
        "DynamoDB writes of health, of the failure and of the success": _writes(health),
        "DynamoDB reads": _reads(made),
        "Lambda requests": succeeded.invocations * prices.LAMBDA_REQUEST,
        "Lambda GB-seconds": seconds * cost.GB["WebhookDeliveryFunction"] * prices.LAMBDA_GB_SECOND
        + scheduled.billed_seconds(cost.GB["RetrySchedulerFunction"]) * cost.GB["RetrySchedulerFunction"] * prices.LAMBDA_GB_SECOND,
        "CloudWatch lines, one for the failure": (failed.log_bytes + succeeded.log_bytes) / 1e9 * prices.LOGS_GB,
    }
    return {part: dollars / cost.EVENTS * 1e6 for part, dollars in whole.items()}


def _as_attempt(record: dict[str, Any], number: int) -> dict[str, Any]:
    head, _, body = record["body"].partition("\n")
    return record | {"body": f"{json.dumps(json.loads(head) | {'attempt': number})}\n{body}"}


def in_batches(stage: cost.Stage, handler: Any, records: list[dict[str, Any]], ledger: Ledger) -> None:
    for first in range(0, len(records), cost.BATCH):
        cost.invoke(stage, handler, records[first : first + cost.BATCH], ledger)
        stage.waited_seconds += cost.RECEIVER_SECONDS


def _scheduler(world: World) -> Any:
    scheduler = RetryScheduler(DynamoReminderStore(world.database), SqsLookQueue(world.queues, cost.LOOK_URL), world.clock)
    return create_scheduler(lambda: scheduler)


def _run(scheduler: Any, ledger: Ledger) -> list[Call]:
    with redirect_stdout(io.StringIO()):
        scheduler({}, Context())
    return ledger.take().calls


def _without(calls: list[Call], others: list[Call]) -> list[Call]:
    """The calls that a run makes beyond those of one that finds nothing."""
    left = list(calls)
    for other in others:
        match = next((one for one in left if (one.operation, one.target) == (other.operation, other.target)), None)
        if match is not None:
            left.remove(match)
    return left


def _sent(calls: Iterable[Call]) -> list[Call]:
    return [call for call in calls if call.operation.startswith("Send")]


def _writes(calls: Iterable[Call]) -> float:
    return sum(call.writes for call in calls) * prices.DYNAMODB_WRITE_UNIT


def _reads(calls: Iterable[Call]) -> float:
    return sum(call.reads for call in calls) * prices.DYNAMODB_READ_UNIT
