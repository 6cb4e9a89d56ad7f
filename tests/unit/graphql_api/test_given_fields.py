"""What an owner can give of endpoints and event filters reaches the use case, and is shown: no argument is taken and dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from event_service.base.errors import BadUserInput
from event_service.base.marks import MARKS, GivenMarks
from event_service.configuration.endpoint import Endpoint, Settings, contract_name
from event_service.filters.event_filter import EventFilter
from functions.graphql_api.schema.types import EndpointOutput, EventFiltersOutput
from tests.fakes.graphql_services import FakeServices
from tests.support.filled import filled
from tests.unit.graphql_api.door import Door

ID = "52c6548d-3e17-4b9b-9268-ce51d6900530"
SETTINGS_GIVEN: Settings = filled(Settings)
MARKS_GIVEN: GivenMarks = filled(GivenMarks, labels={"team": "é"})
WITH_SETTINGS = {"createWebhookEndpoint": 'name: "a"', "updateEndpoint": f'id: "{ID}"'}
WITH_MARKS = {
    **WITH_SETTINGS,
    "createWebSocketEndpoint": 'name: "a"',
    "createEventFilters": 'eventFiltersInput: {in: {eventTypes: ["A"]}}',
    "updateEventFilters": f'id: "{ID}"',
}


def _reached(services: FakeServices, mutation: str, required: str, given: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What of the type of ``given`` the use case is called with, when the mutation is given all its fields."""
    reached: list[Any] = []

    def note(*arguments: Any) -> None:
        reached.extend(one for one in arguments if isinstance(one, type(given)))
        raise BadUserInput("it was only looked at")

    configuration = services.configuration()
    use_case = configuration.event_filters if mutation.endswith("EventFilters") else configuration.endpoints
    monkeypatch.setattr(use_case, "create" if mutation.startswith("create") else "update", note)
    values = {contract_name(name): getattr(given, name) for name in type(given).__dataclass_fields__}
    if mutation == "createWebhookEndpoint":
        values.setdefault("url", "https://web-hook.server.com")
    variables = ", ".join(f"${name}: JSON" if isinstance(value, dict) else f"${name}: {_kind(value)}" for name, value in values.items())
    arguments = ", ".join(f"{name}: ${name}" for name in values)
    answer = Door(services).ask(f"mutation({variables}) {{ {mutation}({required}, {arguments}) {{ id }} }}", values)
    assert "only looked at" in json.dumps(answer.json)
    return reached


def _kind(value: Any) -> str:
    return {bool: "Boolean!", int: "Int!", str: "String!"}[type(value)]


@pytest.mark.parametrize("mutation", WITH_SETTINGS)
def test_every_setting_reaches_the_use_case(mutation: str, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _reached(services, mutation, WITH_SETTINGS[mutation], SETTINGS_GIVEN, monkeypatch) == [SETTINGS_GIVEN]


@pytest.mark.parametrize("mutation", WITH_MARKS)
def test_every_mark_reaches_the_use_case(mutation: str, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _reached(services, mutation, WITH_MARKS[mutation], MARKS_GIVEN, monkeypatch) == [MARKS_GIVEN]


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_shown(mark: str) -> None:
    endpoint, event_filter = filled(Endpoint), filled(EventFilter, condition={})

    for shown, marks in ((EndpointOutput.of(endpoint), endpoint.marks), (EventFiltersOutput.of(event_filter), event_filter.marks)):
        kept = getattr(marks, mark)
        assert getattr(shown, mark) == (dict(kept) if isinstance(kept, tuple) else kept)
