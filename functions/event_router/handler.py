"""The Lambda behind the routing queue."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from event_service import wiring
from event_service.base.clock import time_left
from event_service.events.routing_message import RoutingMessage
from event_service.observability import Metric, configure, count, invocation, note_trace
from event_service.routing.router import Routing
from event_service.routing.work import ReceivedMessage, RoutingReport

if TYPE_CHECKING:
    from event_service.counting.counters import Counters
    from event_service.counting.seen_types import SeenTypes

_LOG = logging.getLogger(__name__)

configure()


def no_counters() -> Counters | None:
    """Nothing is counted for charts."""
    return None


def no_types() -> SeenTypes | None:
    """Types are not noted."""
    return None


def create_handler(
    routing: Callable[[], Routing],
    counters: Callable[[], Counters | None] = no_counters,
    seen_types: Callable[[], SeenTypes | None] = no_types,
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for SQS batches, which answers with the messages that must come again.

    Args:
        routing: gives the use case; asked at each invocation, so that importing this module builds nothing.
        counters: count for charts.
        seen_types: notes the types of events.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with invocation(context):
            ids: list[str] = []
            batch: list[ReceivedMessage] = []
            failed: list[str] = []
            for record in event["Records"]:
                try:
                    message = RoutingMessage.parse(record["body"])
                except Exception:  # noqa: BLE001 - another format, or no message of ours: it must not fail its neighbours.
                    # After its tries it is in the dead-letter queue, for a version of the code that reads it.
                    _LOG.exception("a message cannot be read", extra={"message_id": record["messageId"]})
                    failed.append(record["messageId"])
                    continue
                ids.append(record["messageId"])
                receives = int(record["attributes"]["ApproximateReceiveCount"])
                batch.append(ReceivedMessage(message, receives > 1 or message.repeat, receives, record["receiptHandle"]))
                note_trace(message.traceparent)
            left = time_left(context)
            report = routing().route(batch, left)
            failed.extend(ids[position] for position in report.failed)
            count(Metric.ROUTED, report.events)
            count(Metric.DUPLICATES, report.duplicates)
            count(Metric.DELIVERIES, report.deliveries)
            count(Metric.REFUSED_FILTERS, report.refused_filters)
            count(Metric.UNDECIDED_FILTERS, report.undecided_filters)
            count(Metric.FAULTS, report.faults)
            _count_for_charts(counters(), report, left)
            types = seen_types()
            if types is not None:
                types.note(report.types, left)
            return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handle


def _count_for_charts(counters: Counters | None, report: RoutingReport, left: Callable[[], float]) -> None:
    if counters is None:
        return
    from event_service.counting.ports import Counted

    counted = {one: {Counted.EVENTS: events, Counted.DELIVERIES: deliveries} for one, (events, deliveries) in report.by_workspace.items()}
    counters.add(counted, left)


lambda_handler = create_handler(wiring.routing, wiring.counters, wiring.seen_types)
