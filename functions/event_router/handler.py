"""The Lambda behind the routing queue."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from event_service import wiring
from event_service.events.routing_message import RoutingMessage
from event_service.observability import Metric, configure, count, invocation, note_trace
from event_service.routing.router import Received, Routing

_LOG = logging.getLogger(__name__)

configure()


def create_handler(routing: Callable[[], Routing]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for SQS batches, which answers with the messages that must come again.

    Args:
        routing: gives the use case; asked at each invocation, so that importing this module builds nothing.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with invocation(context):
            ids: list[str] = []
            batch: list[Received] = []
            failed: list[str] = []
            for record in event["Records"]:
                try:
                    message = RoutingMessage.parse(record["body"])
                except (ValueError, KeyError, TypeError):
                    # Another format or no message of ours: after its tries it waits in the dead-letter queue for a version
                    # of the code that reads it.
                    _LOG.exception("a message cannot be read", extra={"message_id": record["messageId"]})
                    failed.append(record["messageId"])
                    continue
                ids.append(record["messageId"])
                received_before = int(record["attributes"]["ApproximateReceiveCount"]) > 1
                batch.append(Received(message, repeat=received_before or message.repeat))
                note_trace(message.traceparent)
            report = routing().route(batch, lambda: context.get_remaining_time_in_millis() / 1000)
            failed.extend(ids[position] for position in report.failed)
            count(Metric.ROUTED, report.events)
            count(Metric.DUPLICATES, report.duplicates)
            count(Metric.DELIVERIES, report.deliveries)
            return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handle


lambda_handler = create_handler(wiring.routing)
