"""Every stored or queued form: a newer release may add fields, and a higher format number is refused."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from event_service.base.formats import check_format
from event_service.configuration import codec as configuration_codec
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.delivery import codec as delivery_codec
from event_service.delivery.attempt import Attempt, DeliveryKey, DeliveryStatus, LogRecord, PendingAttempt
from event_service.delivery.lane import Look
from event_service.delivery.messages import WebhookMessage, parse_webhook_queue
from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.events.storage import codec as event_codec
from event_service.filters.event_filter import EventFilter
from event_service.jobs.ports import JobMessage
from event_service.sockets.messages import CloseSocket, LateAppend, OwnTurn, WakeUp, parse_backlog_message
from event_service.webhooks.pace import Pace

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STORED_AT = "2026-03-01T12:00:00.000000+00:00"
EVENT = Event("x", "a", AT, {"n": 1}, None, "camera", "w", AT)
KEY = DeliveryKey("w", "e", "x", STORED_AT, 7)
ENDPOINT = Endpoint("e", "w", EndpointType.WEB_HOOK, "name", "https://a.example", "POST", EndpointStatus.ENABLED, None, AT, AT)
FILTER = EventFilter("f", "w", "name", {"in": {"eventTypes": ["a"]}}, AT, AT)


@dataclass(frozen=True)
class Form:
    """One stored form: as a mapping, how it is read, and where its number stands."""

    written: dict[str, Any]
    read: Callable[[dict[str, Any]], Any]
    number: str = "v"
    raised: Any = 99


def _record(item: dict[str, Any]) -> LogRecord:
    return delivery_codec.read_record(item, ("w", "x", 0), "e", 1, listed=False)


def _with_body(head: dict[str, Any]) -> WebhookMessage:
    return parse_webhook_queue(json.dumps(head) + "\n{}")


MESSAGE = WebhookMessage(PendingAttempt(KEY), "{}")
RECORD = LogRecord(KEY, DeliveryStatus.DELIVERED, AT, attempt=Attempt(1, AT, 5, 200, None, None, ""))
FORMS = {
    "routing message": Form(
        json.loads(RoutingMessage("w", "n", STORED_AT, (EVENT,)).text()), lambda value: RoutingMessage.parse(json.dumps(value))
    ),
    "webhook message": Form(json.loads(MESSAGE.text().partition("\n")[0]), _with_body),
    "look": Form(json.loads(Look("w", "e").text()), lambda value: Look.parse(json.dumps(value))),
    "job message": Form(json.loads(JobMessage("w", "j", 1).text()), lambda value: JobMessage.parse(json.dumps(value))),
    "wake-up": Form(json.loads(WakeUp("w", "e").text()), lambda value: WakeUp.parse(json.dumps(value))),
    "own turn": Form(json.loads(OwnTurn("w", "e", 0, "c", 1).text()), lambda value: parse_backlog_message(json.dumps(value))),
    "close": Form(json.loads(CloseSocket("c").text()), lambda value: parse_backlog_message(json.dumps(value))),
    "append": Form(json.loads(LateAppend("w", "e", "n", ("x",)).text()), lambda value: parse_backlog_message(json.dumps(value))),
    "row of a backlog": Form(
        delivery_codec.written_attempt(MESSAGE.attempt), lambda value: delivery_codec.read_row({"attempt": {"S": json.dumps(value)}})
    ),
    "record of the log": Form(delivery_codec.record_attributes(RECORD), _record, raised={"N": "99"}),
    "endpoint": Form(configuration_codec.endpoint_fields(ENDPOINT), configuration_codec.endpoint_of, "format"),
    "endpoint for routing": Form(configuration_codec.endpoint_fields(ENDPOINT), configuration_codec.endpoint_type_of, "format"),
    "event filter": Form(configuration_codec.event_filter_fields(FILTER), configuration_codec.event_filter_of, "format"),
    "flat event filter": Form(
        configuration_codec.flat(configuration_codec.event_filter_fields(FILTER)), configuration_codec.event_filter_of, "format"
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_fields_that_a_newer_release_added_are_ignored(name: str) -> None:
    form = FORMS[name]

    assert form.read({**form.written, "addedLater": {"S": "new"}}) == form.read(form.written)


@pytest.mark.parametrize("name", FORMS)
def test_a_higher_number_is_refused(name: str) -> None:
    form = FORMS[name]
    assert form.number in form.written

    with pytest.raises(ValueError, match="of format 99 is newer than this release"):
        form.read({**form.written, form.number: form.raised})


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.number == "v" and name != "record of the log"])
def test_a_message_without_a_number_is_refused(name: str) -> None:
    form = FORMS[name]

    with pytest.raises(ValueError, match="without a format number"):
        form.read({name: value for name, value in form.written.items() if name != form.number})


@pytest.mark.parametrize("pack", [bytes, zlib.compress], ids=["plain", "compressed"])
@pytest.mark.parametrize(
    "read",
    [
        lambda body: event_codec.unpack("w", "x", body),
        lambda body: event_codec.unpack("w", "x", body, with_data=False),
        lambda body: event_codec.delivered_text("w", "x", body),
    ],
    ids=["whole", "without data", "as text"],
)
def test_a_stored_event_of_a_later_form_is_refused(pack: Callable[[bytes], bytes], read: Callable[[bytes], Any]) -> None:
    later = pack(json.dumps([2, "a", "date", "date", None, None, {}], separators=(",", ":")).encode())

    with pytest.raises(ValueError, match=r"of format 2 is newer|begins with b'\[2,"):
        read(later)


def test_a_pace_with_fields_that_a_newer_release_added_goes_on() -> None:
    before = Pace(50, 0.0, limited=True)
    written = {**json.loads(before.written()), "addedLater": 1}

    assert Pace(50, 0.0, json.dumps(written)).written() == before.written()


@pytest.mark.parametrize("found", [1, 2, "2", 2.0])
def test_known_numbers_are_fine_in_every_spelling(found: Any) -> None:
    check_format(found, 2, "a thing")


@pytest.mark.parametrize("found", [None, "x", {}])
def test_what_is_no_number_is_named(found: Any) -> None:
    with pytest.raises(ValueError, match="a thing without a format number"):
        check_format(found, 2, "a thing")
