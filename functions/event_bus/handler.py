"""The Lambda behind the EventBridge rule.

A failure is raised: Lambda calls again twice, then the event goes to the dead-letter queue, where it can be read and
sent again. The event's own id makes those repeats one event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from event_service import wiring
from event_service.base.trace_context import new_trace
from event_service.events.new_event import NewEvent
from event_service.events.publishing import Publishing
from event_service.observability import Metric, configure, count, invocation, logging_context
from event_service.settings import get_settings

configure()


def create_handler(
    publishing: Callable[[], Publishing], workspace_id: Callable[[], str]
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for the events of a rule.

    Args:
        publishing: gives the use case.
        workspace_id: gives the workspace that the events belong to.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        traceparent = new_trace().traceparent  # a rule hands over no header
        with invocation(context, event_id=event["id"]), logging_context(traceparent=traceparent):
            new = NewEvent(id=event["id"], type=event["detail-type"], date=event["time"], data=event["detail"])
            result = publishing().publish_from_bus(workspace_id(), [new], traceparent)
            count(Metric.PUBLISHED, len(result.ids) - len(result.duplicate_ids))
            count(Metric.DUPLICATES, len(result.duplicate_ids))
            return {"ids": result.ids, "duplicateIds": result.duplicate_ids}

    return handle


lambda_handler = create_handler(wiring.publishing, lambda: get_settings().event_bus_workspace_id)
