"""What is registered for every type of endpoints."""

from __future__ import annotations

import pytest

from event_service import wiring
from event_service.configuration.endpoint import EndpointType


def test_every_type_has_a_destination_and_an_outlet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "webhook_queue", object)
    monkeypatch.setattr(wiring, "socket_log", object)

    assert {wiring.destinations().of(one).type for one in EndpointType} == set(EndpointType)
    assert wiring.outlets().keys() == set(EndpointType)
