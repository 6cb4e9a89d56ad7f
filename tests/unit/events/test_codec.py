"""The stored form of an event, and the beginning of it that a list without data reads."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import Any

import pytest

from event_service.events.event import Event
from event_service.events.storage.codec import pack, unpack
from tests import builders
from tests.builders import START, WORKSPACE

LONG = "\N{GRINNING FACE}" * 256


def an_event(data: dict[str, Any], event_type: str = "a", agent_id: str | None = None) -> Event:
    return builders.an_event(
        id="x", type=event_type, date=START + timedelta(seconds=1), data=data, agent_id=agent_id, workspace_id=WORKSPACE, created=START
    )


@pytest.mark.parametrize("event_type", ["a", LONG, '"\\', "\uffff" * 256, "],["])
@pytest.mark.parametrize("data", [{}, {"text": "x" * 100_000}, {"text": "語" * 20_000}], ids=["empty", "large", "cut in a character"])
@pytest.mark.parametrize("agent_id", [None, LONG])
def test_an_event_is_read_as_it_was_with_and_without_its_data(event_type: str, data: dict[str, Any], agent_id: str | None) -> None:
    event = an_event(data, event_type, agent_id)
    body = pack(event)

    assert unpack(WORKSPACE, "x", body)[0] == event
    without, size = unpack(WORKSPACE, "x", body, with_data=False)
    assert (without, size) == (an_event({}, event_type, agent_id), 0)


def test_the_size_is_that_of_the_json() -> None:
    _, size = unpack(WORKSPACE, "x", pack(an_event({"text": "x" * 1_000})))

    assert 1_000 < size < 1_200


@pytest.mark.parametrize("compressed", [True, False])
def test_nothing_of_the_data_is_looked_at_without_it(compressed: bool) -> None:
    """Behind the beginning stands what nobody could read."""
    plain = b'["a","2026-03-01T12:00:01.000000+00:00","2026-03-01T12:00:00.000000+00:00",null,null,{"text":' + b"?" * 100_000
    body = zlib.compress(plain) if compressed else plain

    assert unpack(WORKSPACE, "x", body, with_data=False)[0] == an_event({})
