"""What deliveries cost when receivers fail, are slow, or are down for a day.

Counted as in :mod:`benchmarks.cost.deliveries`: the endpoints fail first, so that they are in lanes of their own, and then get a hundred
events more, which their lanes deliver.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout

from benchmarks.cost import deliveries as cost
from benchmarks.cost import prices, retries
from benchmarks.report.page import Table
from event_service.webhooks.turn import LINGER_SECONDS
from functions.webhook_delivery.handler import create_handler
from tests.support.metering import Ledger
from tests.world import Context, token

FAILING_SHARE, SLOW_SHARE = 0.01, 0.1
SLOW_SECONDS = 5.0
"""How long a slow receiver takes; it has ten requests open at once, as its lane's invocation has."""


def table() -> Table:
    """Beside what it costs when all is well, fan-out 10."""
    well = cost.dollars_by_part(cost.run_stages(cost.ENDPOINTS, mixed=True)[0], cost.EVENTS * cost.ENDPOINTS)
    total = sum(sum(stages.values()) for stages in well.values())
    shared = sum(stages["deliver"] for stages in well.values())
    retry = sum(retries.measure(retries.SOON_ATTEMPT).values())
    lane = sum(lane_parts().values())
    rows: list[list[object]] = [
        ["all is well", total, 0.0],
        ["1 % of the attempts fail, and succeed at the next", total + FAILING_SHARE * retry, FAILING_SHARE * retry],
        [f"10 % of the deliveries go to receivers that take {SLOW_SECONDS:g} s", *_with(total, SLOW_SHARE, slow_lane() - shared)],
        [
            "receivers are down for a day, and their backlogs are sent then (without what they are asked in between)",
            *_with(total, 1.0, lane - shared),
        ],
    ]
    return Table(
        "Dollars a million deliveries with receivers in trouble, fan-out 10", ["receivers", "dollars", "of which for the trouble"], rows
    )


def _with(total: float, share: float, surplus: float) -> tuple[float, float]:
    return total + share * surplus, share * surplus


def lane_parts() -> dict[str, float]:
    """Dollars of a million deliveries that move from the queue to the backlog of their endpoint and are sent by its lane, by part."""
    stage = _measured()
    nothing = [cost.Stage(Ledger(), 0, 0.0, 0, door=1), cost.Stage(Ledger(), 0, 0.0, 0)]
    return {part: stages["deliver"] for part, stages in cost.dollars_by_part([*nothing, stage], cost.EVENTS).items()}


def slow_lane() -> float:
    """As :func:`lane_parts`, while the lane waits for its receiver."""
    waiting = SLOW_SECONDS / cost.BATCH * cost.GB["WebhookDeliveryFunction"] * prices.LAMBDA_GB_SECOND * 1e6
    dollars: float = sum(lane_parts().values()) + waiting
    return dollars


def _measured() -> cost.Stage:
    with cost.metered_world() as (world, ledger, sqs):
        for number in range(cost.ENDPOINTS):
            world.webhook(world.event_filter(eventTypes=[f"measured-{number}"]))
        receivers = retries.Receivers()
        side = cost.delivery_of(world, receivers)
        handler = create_handler(lambda: side)
        began, sent = cost.Stage(Ledger(), 0, 0.0, 0), cost.Stage(Ledger(), 0, 0.0, 0)

        def publish() -> None:
            world.publishing.publish(token(), [cost.event(number) for number in range(cost.EVENTS)])
            with redirect_stdout(io.StringIO()):
                world.router({"Records": cost.records_of(sqs.routing)}, Context())
            ledger.take()

        publish()
        retries.in_batches(began, handler, cost.records_of(sqs.webhook), ledger)
        # What follows from the failures is the price of a failure, and counted elsewhere.
        cost.records_of(sqs.webhook)
        cost.records_of(sqs.looks)
        receivers.status = 200
        publish()
        own = cost.delivery_of(world, receivers)
        handler = create_handler(lambda: own)
        while records := [*cost.records_of(sqs.webhook), *cost.records_of(sqs.looks)]:
            if any("eventId" not in one["body"].partition("\n")[0] for one in records):
                sent.waited_seconds += LINGER_SECONDS
            retries.in_batches(sent, handler, records, ledger)
        assert receivers.taken == cost.EVENTS
    return sent
