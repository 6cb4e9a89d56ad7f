"""What is registered for every type of endpoints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from event_service import wiring
from event_service.configuration.destinations import Feature
from event_service.configuration.endpoint import Endpoint, EndpointType
from tests.support.filled import filled


def test_every_type_has_a_destination_and_an_outlet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "webhook_queue", object)
    monkeypatch.setattr(wiring, "socket_log", object)

    assert {wiring.destinations().of(one).type for one in EndpointType} == set(EndpointType)
    assert wiring.outlets().keys() == set(EndpointType)


def test_every_type_that_can_be_replayed_to_has_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("delivery_log", "resending", "socket_places"):
        monkeypatch.setattr(wiring, name, object)
    destinations, targets = wiring.destinations(), wiring.replay_targets()

    for one in EndpointType:
        if destinations.can(one, Feature.REPLAY):
            assert targets.of(replace(filled(Endpoint), type=one)) is not None
