"""Events also come in as CloudEvents over HTTP."""

from __future__ import annotations

import json

import pytest

from event_service.base.errors import RateLimited, Unavailable
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import AGENT_TOKEN, Door

PATH = "/event-service/events"
HEADERS = {"content-type": "application/cloudevents+json"}
EVENT = json.dumps({"specversion": "1.0", "id": "1", "source": "/doors/7", "type": "door.opened", "data": {"door": 7}})


@pytest.mark.parametrize("token", [None, AGENT_TOKEN])
def test_a_cloud_event_is_published(token: str | None, door: Door, services: FakeServices) -> None:
    response = door.send(EVENT, path=PATH, headers=HEADERS, **({"token": token} if token else {}))

    assert response.status == 202
    (event,) = services.publishing().events
    assert response.json == {"ids": [event.id], "duplicateIds": []}
    assert event.type == "door.opened"


@pytest.mark.parametrize(
    ("body", "token", "status"),
    [(EVENT, "wrong", 401), ("[]", "", 401), ("nonsense", None, 400), ("{}", None, 400), (" " * 2_000_000, None, 413)],
)
def test_what_is_refused_is_told_in_a_json_list(body: str, token: str | None, status: int, door: Door, services: FakeServices) -> None:
    response = door.send(body, path=PATH, headers=HEADERS, **({} if token is None else {"token": token}))

    assert response.status == status
    assert isinstance(response.json, list)
    assert all(isinstance(sentence, str) for sentence in response.json)
    assert not services.publishing().events


@pytest.mark.parametrize(("failure", "status"), [(RateLimited("The queue is busy."), 429), (Unavailable("sqs timed out"), 503)])
def test_failures_of_aws_ask_to_come_again(
    failure: Exception, status: int, door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise failure

    monkeypatch.setattr(services.publishing(), "publish", fail)

    response = door.send(EVENT, path=PATH, headers=HEADERS)

    assert response.status == status
    assert response.headers["retry-after"] == "1"
    assert b"sqs" not in response.body
