"""The CloudEvents door, by the HTTP protocol binding and the JSON format of CloudEvents 1.0."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from event_service.access.token import Token, TokenKind
from event_service.base.errors import BadUserInput, TooLarge, Unauthenticated
from event_service.events.cloud_events import event_id_of, parse_cloud_events, receive_cloud_events
from event_service.events.new_event import NewEvent
from event_service.events.publishing import Publishing
from tests import builders
from tests.fakes.events import FakeEventStore, FakeRoutingQueue

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
BINARY = {"ce-specversion": "1.0", "ce-id": "A234", "ce-source": "/shop/1", "ce-type": "order.created", "content-type": "application/json"}
MINIMAL = {"specversion": "1.0", "id": "A234", "source": "/shop/1", "type": "order.created"}


def structured(**attributes: Any) -> list[NewEvent]:
    return parse_cloud_events(STRUCTURED, json.dumps({**MINIMAL, **attributes}).encode())


def problems(call: Callable[[], Any]) -> list[str]:
    with pytest.raises(BadUserInput) as caught:
        call()
    return caught.value.problems


def test_structured_mode() -> None:
    (event,) = structured(
        time="2018-04-05T17:31:00Z", subject="order 7", agentid="agent", cameraid="camera", comexampleextension=5, data={"total": 1}
    )

    assert event.id == event_id_of("/shop/1", "A234")
    assert (event.type, event.date, event.agent_id, event.camera_id) == ("order.created", "2018-04-05T17:31:00Z", "agent", "camera")
    assert event.data == {
        "total": 1,
        "cloudEvent": {
            "id": "A234",
            "source": "/shop/1",
            "time": "2018-04-05T17:31:00Z",
            "subject": "order 7",
            "agentid": "agent",
            "cameraid": "camera",
            "comexampleextension": 5,
        },
    }


def test_binary_mode() -> None:
    (event,) = parse_cloud_events(
        {**BINARY, "CE-Time": "2018-04-05T17:31:00Z", "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80"}, b'{"total": 1}'
    )

    assert (event.id, event.type, event.date) == (event_id_of("/shop/1", "A234"), "order.created", "2018-04-05T17:31:00Z")
    assert event.data["total"] == 1
    assert event.data["cloudEvent"]["subject"] == "Euro € 😀"
    assert event.data["cloudEvent"]["datacontenttype"] == "application/json"


def test_batch_mode_keeps_the_order() -> None:
    body = [{**MINIMAL, "id": str(number), "data": {"n": number}} for number in range(3)]

    events = parse_cloud_events(BATCH, json.dumps(body).encode())

    assert [event.data["n"] for event in events] == [0, 1, 2]
    assert [event.id for event in events] == [event_id_of("/shop/1", str(number)) for number in range(3)]


def test_an_event_without_data_has_only_its_attributes() -> None:
    assert structured()[0].data == {"cloudEvent": {"id": "A234", "source": "/shop/1"}}
    assert "datacontenttype" in parse_cloud_events(BINARY, b"")[0].data["cloudEvent"]


def test_data_may_come_in_base64() -> None:
    (event,) = structured(data_base64=base64.b64encode(b'{"total": 1}').decode())

    assert event.data["total"] == 1


def test_the_id_is_unique_only_with_its_source() -> None:
    assert event_id_of("a", "1") == event_id_of("a", "1")
    assert event_id_of("a", "1") != event_id_of("b", "1")
    assert event_id_of("a", "bc") != event_id_of("ab", "c")
    assert len(event_id_of("s" * 1024, "i" * 1024)) == 55


def test_an_attribute_that_is_null_is_one_that_is_not_there() -> None:
    assert structured(subject=None, time=None)[0].data == {"cloudEvent": {"id": "A234", "source": "/shop/1"}}


@pytest.mark.parametrize(
    ("header", "text"),
    [('"quoted"', "quoted"), ('"a \\"b\\" c"', 'a "b" c'), ("100%25", "100%"), (" spaced ", "spaced"), ("a%zz", "a%zz"), ("+", "+")],
)
def test_headers_are_decoded_as_the_binding_says(header: str, text: str) -> None:
    assert parse_cloud_events({**BINARY, "ce-subject": header}, b"{}")[0].data["cloudEvent"]["subject"] == text


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"specversion": None}, "events[0].specversion: it is missing."),
        ({"specversion": "0.3"}, "events[0].specversion: '0.3' was given; only 1.0 is read."),
        ({"specversion": 1.0}, "events[0].specversion: an attribute is a string"),
        ({"id": None}, "events[0].id: it is missing."),
        ({"id": ""}, "events[0].id: a string that is not empty is needed."),
        ({"id": 5}, "events[0].id: a string that is not empty is needed."),
        ({"source": None}, "events[0].source: it is missing."),
        ({"source": "x" * 1025}, "events[0].source: it has 1025 characters"),
        ({"type": None}, "events[0].type: it is missing."),
        ({"type": "x" * 257}, "events[0].type: it has 257 characters"),
        ({"type": "event-service.x"}, "events[0].type: types that begin with"),
        ({"time": "yesterday"}, "events[0].time: 'yesterday' is not a date-time"),
        ({"time": 5}, "events[0].time: '5' is not a date-time"),
        ({"agentid": ""}, "events[0].agentid: give 1 to 256"),
        ({"cameraid": 5}, "events[0].cameraid: give 1 to 256"),
        ({"camelCase": "x"}, "events[0].camelCase: the names of attributes are"),
        ({"ext": {"a": 1}}, "events[0].ext: an attribute is a string, a boolean or a 32-bit integer."),
        ({"ext": 2**31}, "events[0].ext: an attribute is"),
        ({"ext": 1.5}, "events[0].ext: an attribute is"),
        ({"id": "a\x00b"}, "events[0].id: control characters"),
        ({"source": "/a\x7f"}, "events[0].source: control characters"),
        ({"ext": "\x85"}, "events[0].ext: control characters"),
        ({"subject": "a\r\nb"}, "events[0].subject: control characters"),
        ({"ext": "\ufdd0"}, "events[0].ext: control characters, and code points that are no characters"),
        ({"ext": "\U0001ffff"}, "events[0].ext: control characters, and code points that are no characters"),
        ({"data": [1]}, "events[0].data: a JSON object is needed."),
        ({"data": "text", "datacontenttype": "text/plain"}, "events[0].data: a JSON object is needed."),
        ({"data": {"cloudEvent": 1}}, "events[0].data.cloudEvent: "),
        ({"data": {}, "data_base64": "e30="}, "events[0].data: give data or data_base64, not both."),
        ({"data_base64": "%%%"}, "events[0].data_base64: it is not Base64."),
        ({"data_base64": 5}, "events[0].data_base64: it is not Base64."),
        ({"data_base64": base64.b64encode(b"\xff\xfe").decode()}, "events[0].data_base64: not valid UTF-8"),
        ({"data_base64": base64.b64encode(b"[1]").decode()}, "events[0].data: a JSON object is needed."),
    ],
)
def test_a_fault_is_named_with_its_place(attributes: dict[str, Any], problem: str) -> None:
    found = problems(lambda: structured(**attributes))

    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    ("headers", "body", "problem"),
    [
        ({**BINARY, "content-type": "text/plain"}, b"hello", "events[0].data: text/plain was given"),
        ({**BINARY, "content-type": "application/xml"}, b"<a/>", "events[0].data: application/xml was given"),
        (BINARY, b"[1]", "events[0].data: a JSON object is needed."),
        (BINARY, b"{", "events[0].data: not JSON"),
        (BINARY, b'{"n": NaN}', "events[0].data: NaN is not JSON"),
        ({**BINARY, "ce-subject": "%FF"}, b"{}", "events[0].subject: the header is not percent-encoded UTF-8."),
        ({**BINARY, "ce-subject": "\u20ac"}, b"{}", "events[0].subject: the header is not percent-encoded UTF-8."),
        ({**BINARY, "content-type": "application/json; charset=utf-16"}, b"{}", "content-type: the charset utf-16"),
        ({"content-type": "application/json"}, b"{}", "content-type: this is no CloudEvent."),
        ({}, b"", "content-type: this is no CloudEvent."),
        ({"content-type": "application/cloudevents+avro"}, b"", "content-type: 'application/cloudevents+avro' is not read here"),
        ({"content-type": "application/cloudevents-batch+protobuf"}, b"", "content-type: 'application/cloudevents-batch+protobuf'"),
        (STRUCTURED, b"{", "body: not JSON"),
        (STRUCTURED, b"[]", "events[0]: a JSON object is needed."),
        (BATCH, b"{}", "body: a batch is a JSON array of CloudEvents."),
        (BATCH, b'["x"]', "events[0]: a JSON object is needed."),
    ],
)
def test_a_request_that_is_no_cloud_event_is_refused(headers: dict[str, str], body: bytes, problem: str) -> None:
    assert problems(lambda: parse_cloud_events(headers, body))[0].startswith(problem)


def test_all_faults_of_a_batch_are_listed() -> None:
    body = [MINIMAL, {**MINIMAL, "id": "", "time": "x"}, 5, {"specversion": "1.0"}]

    found = problems(lambda: parse_cloud_events(BATCH, json.dumps(body).encode()))

    assert [problem.split(":")[0] for problem in found] == [
        "events[1].id",
        "events[1].time",
        "events[2]",
        "events[3].id",
        "events[3].source",
        "events[3].type",
    ]


def test_a_batch_of_101_is_too_large() -> None:
    with pytest.raises(TooLarge):
        parse_cloud_events(BATCH, json.dumps([MINIMAL] * 101).encode())


class Door:
    """The door over fakes."""

    def __init__(self, kind: TokenKind = TokenKind.ACCESS, agent_id: str | None = None) -> None:
        self.queue = FakeRoutingQueue()
        self.publishing = Publishing(FakeEventStore(lambda: NOW), self.queue, lambda: NOW)
        self.token = builders.a_token(
            "token", token_hash="hash", workspace_id=WORKSPACE, kind=kind, agent_id=agent_id, name="test", created=NOW
        )

    def post(self, *events: dict[str, Any], headers: dict[str, str] = BATCH) -> tuple[int, Any]:
        answer = receive_cloud_events(headers, json.dumps(events).encode(), lambda: self.token, self.publishing)
        return answer.status, answer.body


def test_accepted_events_are_answered_with_their_ids() -> None:
    door = Door()
    twice = [{**MINIMAL, "id": "1"}, {**MINIMAL, "id": "2"}, {**MINIMAL, "id": "1"}]

    status, body = door.post(*twice)

    one, two = event_id_of("/shop/1", "1"), event_id_of("/shop/1", "2")
    assert (status, body) == (202, {"ids": [one, two, one], "duplicateIds": [one]})
    assert [event.id for event in door.queue.sent[0].events] == [one, two]


def test_the_same_cloud_event_sent_again_is_a_duplicate() -> None:
    door = Door()
    door.post(MINIMAL)

    assert door.post(MINIMAL) == (202, {"ids": [event_id_of("/shop/1", "A234")], "duplicateIds": [event_id_of("/shop/1", "A234")]})
    assert len(door.queue.sent) == 1


def test_an_empty_batch_is_accepted() -> None:
    assert Door().post() == (202, {"ids": [], "duplicateIds": []})


def test_faults_are_answered_with_a_list() -> None:
    door = Door()

    status, body = door.post(MINIMAL, {**MINIMAL, "id": "2", "type": ""})

    assert (status, body) == (400, ["events[1].type: a string that is not empty is needed."])
    assert door.queue.sent == []


def test_the_answer_without_a_token_is_401_whatever_was_sent() -> None:
    def no_token() -> Token:
        raise Unauthenticated("Give a token.")

    answer = receive_cloud_events({}, b"nonsense", no_token, Door().publishing)

    assert (answer.status, answer.body) == (401, ["Give a token."])


def test_an_agent_that_names_another_agent_gets_403() -> None:
    door = Door(TokenKind.AGENT, "0f0f")

    assert door.post({**MINIMAL, "agentid": "other"})[0] == 403
    assert door.post({**MINIMAL, "agentid": "0F0F"})[0] == 202


def test_an_event_above_256_kib_gets_413() -> None:
    status, body = Door().post({**MINIMAL, "data": {"x": "y" * 262_144}})

    assert status == 413
    assert body[0].startswith("events[0]: 262,")


def test_data_that_is_null_is_no_data() -> None:
    """As the JavaScript SDK writes an event without any."""
    (in_json,) = parse_cloud_events({"content-type": "application/cloudevents+json"}, json.dumps(MINIMAL | {"data": None}).encode())
    headers = {"content-type": "application/json", **{f"ce-{name}": value for name, value in MINIMAL.items()}}
    (in_headers,) = parse_cloud_events(headers, b"null")

    assert set(in_json.data) == set(in_headers.data) == {"cloudEvent"}


def test_control_characters_of_headers_are_refused_too() -> None:
    headers = {"content-type": "application/json", **{f"ce-{name}": value for name, value in MINIMAL.items()}, "ce-ext": "a%00b"}

    assert "events[0].ext: control characters" in problems(lambda: parse_cloud_events(headers, b"{}"))[0]


@pytest.mark.long
def test_an_answer_names_a_hundred_faults_and_says_that_there_are_more() -> None:
    # given as much as a request can bring: one event with very many wrong names, and many with some
    batch = [{f"A{number}" + "x" * 2_000: 1 for number in range(10 if event else 1_200)} for event in range(100)]
    headers = {"content-type": "application/cloudevents-batch+json"}

    found = problems(lambda: parse_cloud_events(headers, json.dumps(batch).encode()))

    assert len(found) == 101
    assert found[-1] == "These are the first 100 problems; there are more."
    assert sum(map(len, found)) < 20_000
