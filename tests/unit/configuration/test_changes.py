"""Change sets survive being stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from event_service.configuration.changes import (
    DeleteEndpoints,
    DeleteEventFilters,
    Link,
    Operation,
    PutEndpoint,
    PutEventFilter,
    SetState,
    Unlink,
    operations_from_json,
    operations_to_json,
)
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.filters.event_filter import EventFilter

NOW = datetime(2024, 5, 22, 8, 55, 23, 460103, tzinfo=UTC)
OPERATIONS: list[Operation] = [
    PutEndpoint(Endpoint("e", "w", EndpointType.WEB_HOOK, "n", "https://x", "PUT", EndpointStatus.DISABLED, "why", NOW, NOW)),
    PutEndpoint(Endpoint("s", "w", EndpointType.WEB_SOCKET, "n", None, None, EndpointStatus.ENABLED, None, NOW, NOW)),
    DeleteEndpoints(("e",), (EndpointType.WEB_HOOK,)),
    SetState(("e", "s"), "2024-05-22T08:55:23.460103+00:00", EndpointStatus.PAUSED, None, True),
    PutEventFilter(EventFilter("f", "w", "n", {"in": {"cameraIds": ["é"]}}, NOW, NOW)),
    DeleteEventFilters(("f",)),
    Link(("e",), ("f", "g")),
    Unlink(("e", "s"), ("f",)),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: type(operation).__name__)
def test_an_operation_is_read_back_as_it_was(operation: Operation) -> None:
    stored = json.loads(json.dumps(operations_to_json([operation])))
    assert operations_from_json(stored) == (operation,)


def test_an_unknown_operation_is_an_error_and_never_skipped() -> None:
    with pytest.raises(ValueError, match="newer"):
        operations_from_json([{"op": "newer"}])
