"""The Lambda behind the wake-up queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from event_service import wiring
from event_service.observability import Metric, configure, count, invocation
from event_service.sockets.delivery import SocketDelivery
from event_service.sockets.outside import ServingReport
from event_service.sockets.ports import Poster
from event_service.sockets.wake_up import WakeUp

_LOG = logging.getLogger(__name__)

RESERVE_SECONDS = 8.0
"""A post that has begun may take 3 s, a pause 2 s, storing the cursors and handing on the rest a few calls."""

configure()


def create_handler(
    poster: Callable[[], AbstractAsyncContextManager[Poster]], delivery: Callable[[Poster], SocketDelivery]
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for batches of the wake-up queue, which answers with the messages that must come again.

    Args:
        poster: gives the poster of one event loop.
        delivery: gives the use case over it.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with invocation(context):
            messages: list[tuple[str, WakeUp]] = []
            failed: list[str] = []
            for record in event["Records"]:
                try:
                    messages.append((record["messageId"], WakeUp.parse(record["body"])))
                except (ValueError, KeyError, TypeError):
                    _LOG.exception("a wake-up cannot be read", extra={"message_id": record["messageId"]})
                    failed.append(record["messageId"])

            async def serve() -> ServingReport:
                async with poster() as opened:
                    wake_ups = [wake_up for _, wake_up in messages]
                    return await delivery(opened).serve(wake_ups, lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)

            report = asyncio.run(serve()) if messages else ServingReport()
            count(Metric.POSTED, report.posted)
            count(Metric.SOCKETS_GONE, report.gone)
            count(Metric.SOCKETS_OPEN, report.connections)
            count(Metric.FAULTS, report.faults)
            again = {wake_up.group for wake_up in report.again}
            failed.extend(message_id for message_id, wake_up in messages if wake_up.group in again)
            return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handle


lambda_handler = create_handler(wiring.socket_poster, wiring.socket_delivery)
