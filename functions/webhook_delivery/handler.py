"""The Lambda behind the queues of the shared lane and of the own lanes, which is also invoked directly to test an endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from event_service import wiring
from event_service.base.clock import time_left
from event_service.base.dates import format_date
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.lane import LEASE_SECONDS, Look
from event_service.observability import Metric, configure, count, invocation, note_trace
from event_service.webhooks.assembly import WebhookSide
from event_service.webhooks.batch import DeliveryReport, Received
from event_service.webhooks.endpoint_test import EndpointTests, NotTestable

if TYPE_CHECKING:
    from event_service.counting.counters import Counters

# One for the life of the process: connections to receivers are kept alive across invocations and belong to their loop.
_loop = asyncio.new_event_loop()

configure()


SECONDS_UNTIL_RETRY: Final = {1: 15, 2: 60}
"""By the number of receives; later tries wait for the queue's visibility time-out (6 minutes)."""
OWN_LANE_SECONDS: Final = LEASE_SECONDS + 5
"""A look comes again once the lease of an owner that failed is over: an earlier one would be left to that owner."""


def leave_hidden(own: bool, receipts: Sequence[str], seconds: int) -> None:
    """Messages that failed come again when the queue's visibility time-out is over."""
    del own, receipts, seconds


def no_counters() -> Counters | None:
    """Nothing is counted for charts."""
    return None


def create_handler(
    side: Callable[[], WebhookSide],
    show_again: Callable[[bool, Sequence[str], int], None] = leave_hidden,
    counters: Callable[[], Counters | None] = no_counters,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for SQS batches, which answers with the messages that must come again. A batch comes from
    one of the queues: an event source mapping mixes none.

    Args:
        side: gives the use cases; asked at each invocation, so that importing this module builds nothing.
        show_again: has messages of the own lanes' queue, or else of the shared lane's, come again after some seconds.
        counters: count for charts.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with invocation(context):
            if "test" in event:
                return _loop.run_until_complete(_test(side().tests, **event["test"]))
            records = event["Records"]
            left = time_left(context)
            own = any(Look.is_look(record["body"]) for record in records)
            failed = set(range(len(records)))
            try:
                if own:
                    lanes = _loop.run_until_complete(side().own_lanes.serve([record["body"] for record in records], left))
                    report, failed = lanes.delivery, lanes.failed
                else:
                    batch = [Received(record["body"], _receives(record)) for record in records]
                    report = _loop.run_until_complete(side().delivery.deliver(batch, left))
                    failed = report.failed
            finally:
                _show_again(own, [records[position] for position in sorted(failed)])
            _count(report)
            _count_for_charts(counters(), report, left)
            return {"batchItemFailures": [{"itemIdentifier": records[position]["messageId"]} for position in sorted(failed)]}

    def _show_again(own: bool, records: Sequence[dict[str, Any]]) -> None:
        by_seconds: dict[int, list[str]] = {}
        for record in records:
            seconds = SECONDS_UNTIL_RETRY.get(_receives(record))
            if seconds is not None:
                by_seconds.setdefault(OWN_LANE_SECONDS if own else seconds, []).append(record["receiptHandle"])
        for seconds, receipts in by_seconds.items():
            show_again(own, receipts, seconds)

    return handle


def _receives(record: dict[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def _count(report: DeliveryReport) -> None:
    for traceparent in report.traceparents:
        note_trace(traceparent)
    count(Metric.DELIVERED, report.attempts.get(DeliveryStatus.DELIVERED, 0))
    count(Metric.ATTEMPTS_FAILED, report.attempts.get(DeliveryStatus.PENDING, 0))
    count(Metric.FAILED, report.attempts.get(DeliveryStatus.FAILED, 0))
    count(Metric.DISCARDED, report.discarded)
    count(Metric.REPEATS_DROPPED, report.dropped)
    count(Metric.DISABLED, report.disabled)
    count(Metric.LIMITED, report.limited)
    count(Metric.CUT, report.cut)
    count(Metric.LANES_BEGUN, report.lanes_begun)


def _count_for_charts(counters: Counters | None, report: DeliveryReport, left: Callable[[], float]) -> None:
    if counters is None:
        return
    from event_service.counting.ports import Counted, answered_within

    names = {
        DeliveryStatus.DELIVERED: Counted.DELIVERED,
        DeliveryStatus.PENDING: Counted.ATTEMPTS_FAILED,
        DeliveryStatus.FAILED: Counted.FAILED,
    }
    counted = {one: {names[status]: number for status, number in by.items() if status in names} for one, by in report.by_workspace.items()}
    for workspace_id, answers in report.answers_ms.items():
        of_workspace = counted.setdefault(workspace_id, {})
        for duration_ms, number in answers.items():
            name = answered_within(duration_ms)
            of_workspace[name] = of_workspace.get(name, 0) + number
    counters.add(counted, left)


async def _test(tests: EndpointTests, workspaceId: str, endpointId: str) -> dict[str, Any]:  # noqa: N803 - names of the payload
    try:
        attempt = await tests.send(workspaceId, endpointId)
    except NotTestable as refused:
        return {"refused": str(refused)}
    return {
        "date": format_date(attempt.date),
        "durationMs": attempt.duration_ms,
        "statusCode": attempt.status_code,
        "failure": attempt.failure,
        "explanation": attempt.explanation,
        "responseBody": attempt.response_body,
        "url": attempt.url,
        "responseHeaders": attempt.response_headers,
    }


lambda_handler = create_handler(wiring.webhook_side, wiring.show_webhooks_again, wiring.counters)
