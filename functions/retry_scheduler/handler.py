"""The Lambda that runs once a minute and asks for the lanes to be served that have something due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from event_service import wiring
from event_service.base.clock import time_left
from event_service.delivery.retry_scheduler import RetryScheduler
from event_service.observability import Metric, configure, count, invocation

configure()


def create_handler(scheduler: Callable[[], RetryScheduler]) -> Callable[[dict[str, Any], Any], None]:
    """A Lambda handler for the schedule.

    Args:
        scheduler: gives the use case; asked at each invocation, so that importing this module builds nothing.
    """

    def handle(_event: dict[str, Any], context: Any) -> None:
        with invocation(context):
            report = scheduler().run(time_left(context))
            count(Metric.RETRIED, report.sent)
            count(Metric.OLDEST_WAITING_SECONDS, round(report.late_seconds))

    return handle


lambda_handler = create_handler(wiring.retry_scheduler)
