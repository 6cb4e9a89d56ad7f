"""What the service itself has to say about endpoints and deliveries, as events of the workspace they belong to.

Ids are derived from what happened, so that a worker that repeats its work after a crash publishes nothing twice. The
router never hands them to the endpoint that they speak of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from event_service.base.dates import format_date
from event_service.base.identifiers import delivery_id
from event_service.configuration.endpoint import Endpoint
from event_service.delivery.attempt import Attempt
from event_service.delivery.ports import OperationalPublisher
from event_service.events.event import RESERVED_TYPE_PREFIX

ENDPOINT_DISABLED: Final = f"{RESERVED_TYPE_PREFIX}endpoint.disabled"
ENDPOINT_FAILING: Final = f"{RESERVED_TYPE_PREFIX}endpoint.failing"
ENDPOINT_RECOVERED: Final = f"{RESERVED_TYPE_PREFIX}endpoint.recovered"
DELIVERY_DISCARDED: Final = f"{RESERVED_TYPE_PREFIX}delivery.discarded"
DELIVERY_FAILED: Final = f"{RESERVED_TYPE_PREFIX}delivery.failed"


class OperationalEvents:
    """Publishes them. The publisher is made on the first use: most invocations have nothing to say."""

    def __init__(self, publisher: Callable[[], OperationalPublisher]) -> None:
        self._publisher = publisher

    def endpoint_disabled(self, endpoint: Endpoint) -> None:
        """The endpoint is DISABLED now; what arrives for it waits."""
        data = {**_about(endpoint), "reason": endpoint.shown_reason}
        self._publish(endpoint.workspace_id, ENDPOINT_DISABLED, data, endpoint.id, format_date(endpoint.modified))

    def endpoint_failing(self, endpoint: Endpoint, failing_since: datetime, disabled_at: datetime, warning: int) -> None:
        """It has had no success for long and will be disabled at ``disabled_at``; ``warning`` is 1 for the first warning."""
        since = format_date(failing_since)
        data = {**_about(endpoint), "failingSince": since, "disabledAt": format_date(disabled_at)}
        self._publish(endpoint.workspace_id, ENDPOINT_FAILING, data, endpoint.id, since, warning)

    def endpoint_recovered(self, endpoint: Endpoint, failing_since: datetime) -> None:
        """The first success after a warning, or after it was disabled and resumed."""
        since = format_date(failing_since)
        self._publish(endpoint.workspace_id, ENDPOINT_RECOVERED, {**_about(endpoint), "failingSince": since}, endpoint.id, since)

    def delivery_failed(self, endpoint: Endpoint, event_id: str, event_type: str, attempt: Attempt) -> None:
        """No further attempt will be made, unless somebody asks for one."""
        data = {
            **_about(endpoint),
            "deliveryId": delivery_id(endpoint.id, event_id),
            "eventId": event_id,
            "eventType": event_type,
            "attempts": attempt.number,
            "statusCode": attempt.status_code,
            "error": attempt.error,
        }
        self._publish(endpoint.workspace_id, DELIVERY_FAILED, data, endpoint.id, event_id, attempt.number)

    def deliveries_discarded(self, endpoint: Endpoint, number: int, now: datetime) -> None:
        """So many events expired before they could be sent. At most one such event an endpoint and hour: its id says the hour."""
        hour = format_date(now.replace(minute=0, second=0, microsecond=0))
        self._publish(endpoint.workspace_id, DELIVERY_DISCARDED, {**_about(endpoint), "number": number}, endpoint.id, hour)

    def _publish(self, workspace_id: str, event_type: str, data: dict[str, Any], *what: object) -> None:
        text = "\n".join((event_type, *(str(part) for part in what)))
        event_id = f"{event_type}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        self._publisher().publish_operational(workspace_id, event_type, data, event_id)


def _about(endpoint: Endpoint) -> dict[str, Any]:
    return {"endpointId": endpoint.id, "endpointName": endpoint.name}
