"""The Lambda behind the wake-up queue and the backlog queue of socket delivery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from event_service import wiring
from event_service.base.clock import time_left
from event_service.observability import Metric, configure, count, invocation
from event_service.sockets.delivery import ReceivedWakeUp, SocketDelivery
from event_service.sockets.messages import BacklogMessage, WakeUp, is_backlog_message, parse_backlog_message
from event_service.sockets.outside import ServingReport

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

RESERVE_SECONDS = 5.0
"""A post that has begun is given up by then; storing cursors and sending continuations are a few calls."""

# One for the life of the process: connections to API Gateway are kept alive across invocations and belong to their loop.
_loop = asyncio.new_event_loop()

configure()


def create_handler(delivery: Callable[[], SocketDelivery]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for batches of either queue, which answers with the messages that must come again.

    Args:
        delivery: gives the use case; asked at each invocation, so that importing this module builds nothing.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with invocation(context):
            records = event["Records"]
            is_backlog = any(is_backlog_message(record["body"]) for record in records)
            left = time_left(context, RESERVE_SECONDS)

            async def serve() -> tuple[list[str], ServingReport]:
                # Made inside the loop: what it opens belongs to it.
                if is_backlog:
                    ids, messages = _read(records, _backlog_message)
                    return ids, await delivery().serve_backlog(messages, left)
                ids, wake_ups = _read(records, _wake_up)
                return ids, await delivery().serve(wake_ups, left)

            ids, report = _loop.run_until_complete(serve())
            _count(report)
            return {"batchItemFailures": [{"itemIdentifier": ids[position]} for position in sorted(report.again)]}

    return handle


def _wake_up(record: dict[str, Any]) -> ReceivedWakeUp:
    return ReceivedWakeUp(WakeUp.parse(record["body"]), record.get("receiptHandle", ""))


def _backlog_message(record: dict[str, Any]) -> BacklogMessage:
    return parse_backlog_message(record["body"])


def _read(records: Sequence[dict[str, Any]], parse: Callable[[dict[str, Any]], _T]) -> tuple[list[str], list[_T]]:
    """The ids and contents of those messages that can be read. One that cannot is not tried again: it would lock its group,
    and would be no better the next time."""
    ids: list[str] = []
    messages: list[_T] = []
    for record in records:
        try:
            messages.append(parse(record))
        except (ValueError, KeyError, TypeError):
            count(Metric.FAULTS)
            _LOG.exception(
                "a message cannot be read and is dropped", extra={"message_id": record["messageId"], "body": record["body"][:500]}
            )
        else:
            ids.append(record["messageId"])
    return ids, messages


def _count(report: ServingReport) -> None:
    count(Metric.POSTED, report.posted)
    count(Metric.POSTS_THROTTLED, report.throttled)
    count(Metric.SOCKETS_GONE, report.gone)
    count(Metric.SOCKETS_OPEN, report.connections)
    count(Metric.SOCKETS_CLOSED_SLOW, report.closed_slow)
    count(Metric.FAULTS, report.faults)


lambda_handler = create_handler(wiring.socket_delivery)
