"""The Lambda behind the EventBridge rule.

A failure is raised: Lambda calls again twice, then the event goes to the dead-letter queue, where it can be read and
sent again. The event's own id makes those repeats one event. An event that can never be accepted is not a failure: it is
logged and counted, so that whoever may put events on the bus cannot ring an alarm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from event_service import wiring
from event_service.base.errors import BadUserInput, TooLarge
from event_service.base.trace_context import new_trace
from event_service.events.new_event import NewEvent
from event_service.events.publishing import Publishing
from event_service.observability import Metric, configure, count, invocation, logging_context
from event_service.settings import get_settings

_LOG = logging.getLogger(__name__)
KEPT_AS: Final = "eventBridge"
"""Under this name ``data`` keeps where an event comes from, which a sender cannot choose: EventBridge sets the account
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html)."""
KEPT: Final = ("source", "account", "region", "resources")

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
            try:
                result = publishing().publish_from_bus(workspace_id(), [_new_event(event)], traceparent)
            except (BadUserInput, TooLarge) as refused:
                count(Metric.REFUSED_BUS_EVENTS)
                origin = f"{event.get('source')!r} of account {event.get('account')!r}"
                _LOG.warning("an event of the bus, from %s, is refused for good: %s", origin, refused.message)
                return {"ids": [], "duplicateIds": [], "refused": refused.message}
            count(Metric.PUBLISHED, len(result.ids) - len(result.duplicate_ids))
            count(Metric.DUPLICATES, len(result.duplicate_ids))
            return {"ids": result.ids, "duplicateIds": result.duplicate_ids}

    return handle


def _new_event(event: dict[str, Any]) -> NewEvent:
    detail = event["detail"]
    if isinstance(detail, dict):
        if KEPT_AS in detail:
            raise BadUserInput(f"detail.{KEPT_AS}: under this name the service keeps where an event comes from.")
        detail = {**detail, KEPT_AS: {name: event[name] for name in KEPT if name in event}}
    return NewEvent(id=event["id"], type=event["detail-type"], date=event["time"], data=detail, door_key=KEPT_AS)


lambda_handler = create_handler(wiring.publishing, lambda: get_settings().event_bus_workspace_id)
