"""Every request of docs/why.md is sent as it stands there, to a workspace that holds what the page names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import WORKSPACE, Door

PAGE = (Path(__file__).parents[3] / "docs" / "why.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
ENDPOINT = "357fe643-2396-4919-bd9e-a30f0ac28818"
FILTER = "36ce940c-d8c7-4770-8f76-2d03a3aa8275"


@pytest.mark.parametrize("request_text", REQUESTS, ids=lambda text: text.split("{")[1].split("(")[0].strip())
def test_a_documented_request_is_answered(request_text: str, door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, ENDPOINT)
    services.put_event_filter(WORKSPACE, FILTER, [ENDPOINT])
    door.ask('mutation { publishEvents(events: [{id: "order-17", type: "order.created", data: {total: 80}}]) { ok } }')

    answered = door.ask(request_text)

    assert answered.data
