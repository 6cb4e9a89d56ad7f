"""What an event must be to be accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.base.errors import BadUserInput, DomainError, Forbidden, TooLarge
from event_service.events.event import MAXIMUM_EVENT_BYTES
from event_service.events.new_event import NewEvent, Origin, accept_all

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
ORIGIN = Origin(WORKSPACE, NOW)


UNSEEN_TYPES = [
    " event-service.endpoint.disabled",
    "event-service\u200b.endpoint.disabled",
    "\uff45vent-service.x",
    "\u0435vent-service.x",
    "event\u2010service.x",
    "event-ser\u03bdice.x",
    "\u00e9vent-service.x",
    "event -service.x",
    "EVENT\u2212SERV\u0406CE\u2024x",
    "\U0001d41event-service.x",
    " a",
    "a ",
    "\u00a0a",
    "a\u202egnp.exe",
    "a\u2066b",
    "a\u200fb",
    "a\u200db",
    "a\u00adb",
    "a\u2028b",
    "a\U000e0041b",
]
UNSEEN_IDS = [
    "event-service.delivery.failed-f60089",
    "EVENT-service.x",
    "\u0435vent-service.x",
    "ce_aaaa",
    "CE_aaaa",
    "\u0441e_aaaa",
    "a\u202eb",
    "a\u200bb",
    "\u200da",
    "a\u200c",
    "a\u200d\u200db",
]


def accept(*events: NewEvent, origin: Origin = ORIGIN) -> Any:
    return accept_all(events, origin, lambda: "drawn")


def problems(*events: NewEvent) -> list[str]:
    with pytest.raises(BadUserInput) as caught:
        accept(*events)
    return caught.value.problems


def test_what_is_not_given_is_filled_in() -> None:
    (event,) = accept(NewEvent(type="a", data={}))

    assert (event.id, event.date, event.created, event.workspace_id) == ("drawn", NOW, NOW, WORKSPACE)
    assert (event.agent_id, event.camera_id) == (None, None)


def test_what_is_given_is_kept_as_it_is() -> None:
    (event,) = accept(NewEvent(type="Ümlaut", data={"k": [1]}, id="ID 1", date="2024-05-22T10:55:23+02:00", agent_id="A", camera_id="c"))

    assert (event.id, event.type, event.data, event.agent_id, event.camera_id) == ("ID 1", "Ümlaut", {"k": [1]}, "A", "c")
    assert event.date == datetime(2024, 5, 22, 8, 55, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (NewEvent(type="", data={}), "events[0].type"),
        (NewEvent(type="x" * 257, data={}), "events[0].type"),
        (NewEvent(type="a\nb", data={}), "events[0].type"),
        (NewEvent(type="event-service.endpoint.disabled", data={}), "events[0].type"),
        (NewEvent(type="Event-Service.X", data={}), "events[0].type"),
        (NewEvent(type="a", data=None), "events[0].data"),
        (NewEvent(type="a", data=[]), "events[0].data"),
        (NewEvent(type="a", data="{}"), "events[0].data"),
        (NewEvent(type="a", data=True), "events[0].data"),
        (NewEvent(type="a", data={"n": float("nan")}), "events[0].data"),
        (NewEvent(type="a", data={"n": float("inf")}), "events[0].data"),
        (NewEvent(type="a", data={"n": "\ud800"}), "events[0].data"),
        (NewEvent(type="a", data={}, id=""), "events[0].id"),
        (NewEvent(type="a", data={}, id="x" * 257), "events[0].id"),
        *((NewEvent(type=type_, data={}), "events[0].type") for type_ in UNSEEN_TYPES),
        *((NewEvent(type="a", data={}, id=event_id), "events[0].id") for event_id in UNSEEN_IDS),
        (NewEvent(type="a", data={}, id="a\tb"), "events[0].id"),
        (NewEvent(type="a", data={}, date="2024-05-22"), "events[0].date"),
        (NewEvent(type="a", data={}, date="2024-05-22T08:55:23"), "events[0].date"),
        (NewEvent(type="a", data={}, date=datetime(2024, 5, 22)), "events[0].date"),  # noqa: DTZ001 - without an offset on purpose
        (NewEvent(type="a", data={}, date=datetime(1969, 5, 22, tzinfo=UTC)), "events[0].date"),
        (NewEvent(type="a", data={}, agent_id=""), "events[0].agentId"),
        (NewEvent(type="a", data={}, camera_id="x" * 257), "events[0].cameraId"),
        (NewEvent(type="a", data={}, camera_id="\x00"), "events[0].cameraId"),
    ],
)
def test_a_fault_is_named_with_its_place(event: NewEvent, place: str) -> None:
    (problem,) = problems(event)

    assert problem.startswith(f"{place}: ")


@pytest.mark.parametrize(
    "event_id",
    [
        "x",
        "x" * 256,
        "ид 1",
        "a#b/c",
        "𝄞" * 256,
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d🚀",
        "ice_1",
        "events-service",
    ],
)
def test_ids_of_1_to_256_printable_characters_are_accepted(event_id: str) -> None:
    assert accept(NewEvent(type="a", data={}, id=event_id))[0].id == event_id


def test_all_faults_of_all_events_are_reported_together() -> None:
    found = problems(
        NewEvent(type="a", data={}),
        NewEvent(type="", data=5, id="", date="x", agent_id="", camera_id=""),
        NewEvent(type="a", data={"x": "y" * MAXIMUM_EVENT_BYTES}),
    )

    places = [problem.split(":")[0] for problem in found]
    assert places == [
        "events[1].id",
        "events[1].type",
        "events[1].date",
        "events[1].data",
        "events[1].agentId",
        "events[1].cameraId",
        "events[2]",
    ]


def test_an_event_of_exactly_256_kib_is_accepted_and_one_byte_more_is_not() -> None:
    empty = len(accept(NewEvent(type="a", data={"x": ""}))[0].as_json().encode())
    room = MAXIMUM_EVENT_BYTES - empty

    assert len(accept(NewEvent(type="a", data={"x": "y" * room}))[0].as_json()) == MAXIMUM_EVENT_BYTES
    with pytest.raises(TooLarge, match=r"events\[0\]: 262,145 bytes as JSON"):
        accept(NewEvent(type="a", data={"x": "y" * (room + 1)}))


def test_an_empty_list_and_101_events_are_refused() -> None:
    assert problems() == ["events: the list is empty; give 1 to 100 events."]
    with pytest.raises(TooLarge, match="101 were given"):
        accept(*[NewEvent(type="a", data={})] * 101)
    assert len(accept(*[NewEvent(type="a", data={})] * 100)) == 100


def test_an_agents_events_carry_its_id() -> None:
    agent = Origin(WORKSPACE, NOW, agent_id="0f0f")

    events = accept(NewEvent(type="a", data={}), NewEvent(type="a", data={}, agent_id="0F0F"), origin=agent)

    assert [event.agent_id for event in events] == ["0f0f", "0f0f"]


def test_an_agent_cannot_publish_for_another_one() -> None:
    agent = Origin(WORKSPACE, NOW, agent_id="0f0f")

    with pytest.raises(Forbidden, match=r"events\[1\]\.agentId"):
        accept(NewEvent(type="a", data={}), NewEvent(type="", data={}, agent_id="other"), origin=agent)


def test_an_agents_ids_are_its_own() -> None:
    agent = Origin(WORKSPACE, NOW, agent_id="0f0f")

    events = accept(*(NewEvent(type="a", data={}, id=given) for given in ("order-18", "0f0f/order-18", "ce_x", "0a0a/x")), origin=agent)

    assert [event.id for event in events] == ["0f0f/order-18", "0f0f/order-18", "0f0f/ce_x", "0f0f/0a0a/x"]


def test_an_agents_id_with_its_own_before_it_has_256_characters_at_most() -> None:
    agent = Origin(WORKSPACE, NOW, agent_id="0f0f")

    assert len(accept(NewEvent(type="a", data={}, id="x" * 251), origin=agent)[0].id) == 256
    with pytest.raises(BadUserInput, match=r"events\[0\].id: it has 252 characters; an agent's have at most 251."):
        accept(NewEvent(type="a", data={}, id="x" * 252), origin=agent)


@pytest.mark.parametrize(
    ("ahead", "accepted"), [(timedelta(days=1), True), (timedelta(days=1, seconds=1), False), (-timedelta(days=9_000), True)]
)
def test_an_agent_cannot_date_an_event_far_ahead(ahead: timedelta, accepted: bool) -> None:
    event = NewEvent(type="a", data={}, date=NOW + ahead)

    assert accept(event)[0].date == NOW + ahead
    if accepted:
        assert accept(event, origin=Origin(WORKSPACE, NOW, agent_id="0f0f"))[0].date == NOW + ahead
    else:
        with pytest.raises(BadUserInput, match=r"events\[0\].date: an agent may date an event at most 1 day ahead."):
            accept(event, origin=Origin(WORKSPACE, NOW, agent_id="0f0f"))


def test_ids_that_the_service_makes_may_begin_as_they_do() -> None:
    own = Origin(WORKSPACE, NOW, reserved=True)

    assert accept(NewEvent(type="event-service.x", data={}, id="event-service.x-1"), origin=own)[0].id == "event-service.x-1"
    assert accept(NewEvent(type="a", data={}, id="ce_1", id_is_derived=True))[0].id == "ce_1"


@pytest.mark.parametrize("name", ["cloudEvent", "eventBridge"])
def test_no_event_claims_to_have_come_by_another_door(name: str) -> None:
    with pytest.raises(BadUserInput, match=rf"^events\[0\]\.data\.{name}: "):
        accept(NewEvent(type="a", data={name: {"source": "/shop"}}))
    with pytest.raises(BadUserInput, match=rf"^events\[0\]\.data\.{name}: "):
        accept(NewEvent(type="a", data={name: {"source": "/shop"}}, door_key="another"))
    assert accept(NewEvent(type="a", data={name: {"source": "/shop"}}, door_key=name))
    assert accept(NewEvent(type="a", data={"order": {name: 1}}))


def test_only_the_service_itself_publishes_its_types() -> None:
    own = Origin(WORKSPACE, NOW, reserved=True)

    assert accept(NewEvent(type="event-service.endpoint.disabled", data={}), origin=own)[0].type == "event-service.endpoint.disabled"


@pytest.mark.parametrize("depth", [99, 100])
def test_data_may_be_nested_100_deep_and_no_deeper(depth: int) -> None:
    data: Any = {}
    for _ in range(depth):
        data = {"k": data}

    refused: DomainError | None = None
    try:
        accept(NewEvent(type="a", data=data))
    except BadUserInput as error:
        refused = error

    assert (refused is None) == (depth + 1 <= 100)
