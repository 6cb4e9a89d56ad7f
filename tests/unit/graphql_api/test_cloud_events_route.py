"""Events also come in as CloudEvents over HTTP."""

from __future__ import annotations

import json

import pytest

from event_service.base.errors import RateLimited, Unavailable
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import AGENT_TOKEN, TOKEN, Door, Response, payload

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
    [(EVENT, "wrong", 401), ("[]", "", 401), ("nonsense", None, 400), ("{}", None, 400), (" " * 4_000_000, None, 413)],
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


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {"prefer": "return=minimal"}),
        (PATH, {"Prefer": 'respond-async, Return = "minimal"; foo'}),
        (PATH + "?return=minimal", {}),
        (PATH + "?a=b&return=minimal", {}),
    ],
)
def test_an_empty_answer_is_given_to_whoever_asks_for_it(path: str, headers: dict[str, str], door: Door, services: FakeServices) -> None:
    response = send(door, EVENT, path, headers)

    assert (response.status, response.body) == (202, b"")
    assert response.headers["preference-applied"] == "return=minimal"
    assert len(services.publishing().events) == 1


@pytest.mark.parametrize(("path", "headers"), [(PATH + "?return=representation", {}), (PATH, {"prefer": "return=representation"})])
def test_whoever_asks_for_anything_else_gets_the_ids(path: str, headers: dict[str, str], door: Door) -> None:
    assert send(door, EVENT, path, headers).json["duplicateIds"] == []


def test_what_is_refused_is_told_also_to_whoever_wants_no_answer(door: Door) -> None:
    response = send(door, "{}", PATH + "?return=minimal", {})

    assert response.status == 400
    assert response.json


def send(door: Door, body: str, path: str, headers: dict[str, str]) -> Response:
    event = payload("endpoints")
    path, _, query = path.partition("?")
    event["requestContext"]["http"] |= {"method": "POST", "path": path}
    event |= {"rawPath": path, "rawQueryString": query, "body": body, "isBase64Encoded": False}
    event["headers"] = {**HEADERS, "token": TOKEN, **headers}
    return door.invoke(event)


def test_a_sender_that_asks_first_is_told_that_it_may(door: Door, services: FakeServices) -> None:
    """As Azure Event Grid does, without a token."""
    headers = {"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}

    response = door.send("", method="OPTIONS", path=PATH, token=None, headers=headers)

    assert (response.status, response.body) == (200, b"")
    assert response.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert response.headers["webhook-allowed-rate"] == "*"
    assert response.headers["allow"] == "POST, OPTIONS"
    assert not services.calls


@pytest.mark.parametrize("origin", ["", "a\r\nx: y", "x" * 257, "é"])
def test_an_origin_that_is_none_is_not_allowed(origin: str, door: Door) -> None:
    response = door.send("", method="OPTIONS", path=PATH, token=None, headers={"webhook-request-origin": origin} if origin else {})

    assert response.status == 200
    assert "webhook-allowed-origin" not in response.headers
