"""Steps of jobs, from their queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from event_service.base.errors import RateLimited, Unavailable
from event_service.jobs.ports import JobMessage
from event_service.jobs.runner import JobRunner

_LOG = logging.getLogger(__name__)


def run_jobs(runner: JobRunner, records: Sequence[dict[str, Any]], context: Any) -> dict[str, Any]:
    """Does what a batch of the job queue asks for.

    Args:
        runner: the use case.
        records: SQS messages.
        context: of the invocation.

    Returns:
        The messages that must come again.
    """
    failed: list[str] = []
    for record in records:
        try:
            message = JobMessage.parse(record["body"])
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            runner.run(message, receives, lambda: float(context.get_remaining_time_in_millis()) / 1000)
        except (RateLimited, Unavailable) as error:
            _LOG.warning("a step of a job comes again: %s", error, extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
        except Exception:  # noqa: BLE001 - a fault of ours, or a message of a newer version: after its tries it is in the dead-letter queue
            _LOG.exception("a step of a job failed by a fault of the service", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
