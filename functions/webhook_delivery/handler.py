"""The Lambda behind the webhook queue, which is also invoked directly to test an endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from event_service import wiring
from event_service.base.dates import format_date
from event_service.delivery.attempt import DeliveryStatus
from event_service.observability import Metric, configure, count, invocation, note_trace
from event_service.webhooks.assembly import WebhookSide
from event_service.webhooks.batch import Received
from event_service.webhooks.endpoint_test import EndpointTests, NotTestable

# One for the life of the process: connections to receivers are kept alive across invocations and belong to their loop.
_loop = asyncio.new_event_loop()

configure()


def create_handler(side: Callable[[], WebhookSide]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for SQS batches, which answers with the messages that must come again.

    Args:
        side: gives the use cases; asked at each invocation, so that importing this module builds nothing.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with invocation(context):
            if "test" in event:
                return _loop.run_until_complete(_test(side().tests, **event["test"]))
            records = event["Records"]
            batch = [Received(record["body"], int(record["attributes"]["ApproximateReceiveCount"])) for record in records]
            work = side().delivery.deliver(batch, lambda: context.get_remaining_time_in_millis() / 1000)
            report = _loop.run_until_complete(work)
            for traceparent in report.traceparents:
                note_trace(traceparent)
            count(Metric.DELIVERED, report.attempts.get(DeliveryStatus.DELIVERED, 0))
            count(Metric.ATTEMPTS_FAILED, report.attempts.get(DeliveryStatus.PENDING, 0))
            count(Metric.FAILED, report.attempts.get(DeliveryStatus.FAILED, 0))
            count(Metric.DISCARDED, report.discarded)
            count(Metric.REPEATS_DROPPED, report.dropped)
            count(Metric.DISABLED, report.disabled)
            return {"batchItemFailures": [{"itemIdentifier": records[position]["messageId"]} for position in sorted(report.failed)]}

    return handle


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


lambda_handler = create_handler(wiring.webhook_side)
