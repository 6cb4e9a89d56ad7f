"""Trying a filter on retained events, or on one's own, before anybody depends on it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from event_service.events.event import Event
from event_service.explain.judge import Judge
from event_service.filters.matching.matcher import Matcher
from tests.builders import an_event
from tests.fakes.graphql_services import FakeServices
from tests.unit.filters.matching.test_against_reference import CONDITIONS, DELIVERED, expected
from tests.unit.graphql_api.door import WORKSPACE, Door

MATCH = """query($input: MatchEventsInput!) { matchEvents(input: $input) {
    examined matched complete endCursor gained lost
    histogram { start examined matched }
    matches { id } nearMisses { event { id } clause { path present found wanted sentence } }
} }"""
LARGE = {"pattern": {"type": ["order"], "data": {"total": [{"numeric": [">", 100]}]}}}


def match(door: Door, condition: dict[str, Any] | None = None, **given: Any) -> Any:
    chosen = {"eventFiltersInput": condition or LARGE} if "eventFiltersId" not in given else {}
    return door.ask(MATCH, {"input": {**chosen, **given}}).data["matchEvents"]


def publish(door: Door, *events: dict[str, Any]) -> None:
    answered = door.ask("mutation($events: [EventInput!]!) { publishEvents(events: $events) { ok } }", {"events": list(events)})
    assert answered.data


def order(event_id: str, total: Any, event_type: str = "order") -> dict[str, Any]:
    return {"id": event_id, "type": event_type, "data": {"total": total}}


@pytest.fixture
def orders(door: Door, services: FakeServices) -> None:
    """Three on the first day and, two hours later, three more."""
    publish(door, order("a", 120))
    publish(door, order("b", 80))
    publish(door, order("c", 80, "refund"))
    services.clock.now += timedelta(hours=2)
    publish(door, order("d", 300), order("e", "300"))
    publish(door, order("f", 500))


pytestmark = pytest.mark.usefixtures("services")


@pytest.mark.usefixtures("orders")
def test_a_draft_is_tried_on_everything_that_is_retained(door: Door) -> None:
    found = match(door)

    assert (found["examined"], found["matched"], found["complete"], found["endCursor"]) == (6, 3, True, None)
    assert [one["id"] for one in found["matches"]] == ["f", "d", "a"]
    assert (found["gained"], found["lost"]) == (None, None)
    assert [(one["event"]["id"], one["clause"]["sentence"]) for one in found["nearMisses"]] == [
        ("e", '`data.total`: "300" is not > 100.'),
        ("b", "`data.total`: 80 is not > 100."),
    ]
    assert found["nearMisses"][1]["clause"] == {
        "path": "data.total",
        "present": True,
        "found": 80,
        "wanted": [{"numeric": [">", 100]}],
        "sentence": "`data.total`: 80 is not > 100.",
    }


@pytest.mark.usefixtures("orders")
def test_a_short_span_is_counted_by_the_hour_and_a_long_one_by_the_day(door: Door) -> None:
    hours = match(door, since="2026-03-01T12:00:00Z", until="2026-03-01T20:00:00Z")
    days = match(door)

    assert hours["histogram"] == [
        {"start": "2026-03-01T12:00:00.000000+00:00", "examined": 3, "matched": 1},
        {"start": "2026-03-01T14:00:00.000000+00:00", "examined": 3, "matched": 2},
    ]
    assert days["histogram"] == [{"start": "2026-03-01T00:00:00.000000+00:00", "examined": 6, "matched": 3}]


@pytest.mark.usefixtures("orders")
def test_a_span_is_of_acceptance_and_excludes_its_end(door: Door, services: FakeServices) -> None:
    created = {one.id: one.created for one in services.publishing().events}

    found = match(door, since=created["b"].isoformat(), until=created["d"].isoformat())

    assert found["examined"] == 2


@pytest.mark.usefixtures("orders")
def test_pages_together_say_what_one_would(door: Door, services: FakeServices) -> None:
    whole = match(door)
    services.seconds_per_look = 7.0
    pages = [match(door)]
    while pages[-1]["endCursor"]:
        pages.append(match(door, after=pages[-1]["endCursor"]))

    assert len(pages) > 2
    assert [page["complete"] for page in pages] == [False] * (len(pages) - 1) + [True]
    for key in ("examined", "matched"):
        assert sum(page[key] for page in pages) == whole[key]
    assert [one["id"] for page in pages for one in page["matches"]] == ["f", "d", "a"]
    # the events of one publish stay together
    assert all(page["examined"] >= 1 for page in pages[:-1])


@pytest.mark.usefixtures("orders")
def test_a_cursor_fits_its_own_question_only(door: Door, services: FakeServices) -> None:
    services.seconds_per_look = 7.0
    cursor = match(door)["endCursor"]

    other = {"pattern": {"type": ["refund"]}}
    response = door.ask(MATCH, {"input": {"eventFiltersInput": other, "after": cursor}})

    assert response.code == "BAD_USER_INPUT"
    assert "not an endCursor of this list" in response.error["message"]


@pytest.mark.usefixtures("orders")
def test_an_endpoint_gains_and_loses(door: Door) -> None:
    refund = 'createEventFilters(eventFiltersInput: {in: {eventTypes: ["refund"]}}) { id }'
    made = door.ask(f'mutation {{ {refund} createWebSocketEndpoint(name: "s") {{ id }} }}').data
    endpoint, refunds = made["createWebSocketEndpoint"]["id"], made["createEventFilters"]["id"]

    everything = match(door, endpointId=endpoint)
    link = f'linkEndpointsToEventFilters(endpointIds: ["{endpoint}"], eventFiltersId: "{refunds}") {{ ok }}'
    assert door.ask(f"mutation {{ {link} }}").data
    only_refunds = match(door, endpointId=endpoint)
    by_id = match(door, eventFiltersId=refunds, endpointId=endpoint)

    assert (everything["gained"], everything["lost"]) == (0, 3)
    assert (only_refunds["gained"], only_refunds["lost"]) == (3, 1)
    assert (by_id["matched"], by_id["gained"], by_id["lost"]) == (1, 0, 0)


@pytest.mark.usefixtures("orders")
def test_an_endpoint_may_keep_its_other_filters(door: Door) -> None:
    made = door.ask(
        'mutation { refunds: createEventFilters(eventFiltersInput: {in: {eventTypes: ["refund"]}}) { id }'
        ' small: createEventFilters(eventFiltersInput: {pattern: {type: ["order"], data: {total: [80]}}}) { id }'
        ' createWebSocketEndpoint(name: "s") { id } }'
    ).data
    endpoint, refunds, small = (made[name]["id"] for name in ("createWebSocketEndpoint", "refunds", "small"))
    # It has no filter yet, so it gets everything: the first one takes something from it.
    first = match(door, endpointId=endpoint, keepOthers=True)
    for one in (refunds, small):
        assert door.ask(f'mutation {{ linkEndpointsToEventFilters(endpointIds: ["{endpoint}"], eventFiltersId: "{one}") {{ ok }} }}').data

    added = match(door, endpointId=endpoint, keepOthers=True)
    changed = match(door, endpointId=endpoint, keepOthers=True, replacesId=small.upper())
    unchanged = match(door, eventFiltersId=small, endpointId=endpoint, keepOthers=True)

    assert (first["gained"], first["lost"]) == (0, 3)
    assert (added["matched"], added["gained"], added["lost"]) == (3, 3, 0)
    assert (changed["gained"], changed["lost"]) == (3, 1)
    assert (unchanged["matched"], unchanged["gained"], unchanged["lost"]) == (1, 0, 0)


@pytest.mark.parametrize(("given", "argument"), [({"keepOthers": True}, "keepOthers"), ({"replacesId": "a"}, "replacesId")])
def test_what_an_endpoint_keeps_needs_an_endpoint(given: dict[str, Any], argument: str, door: Door) -> None:
    response = door.ask(MATCH, {"input": {"eventFiltersInput": LARGE, **given}})

    assert (response.code, response.error["message"].partition(":")[0]) == ("BAD_USER_INPUT", argument)


@pytest.mark.usefixtures("orders")
def test_an_endpoint_that_lost_its_last_filter_would_gain_everything(door: Door) -> None:
    lost = door.ask('mutation { createEventFilters(eventFiltersInput: {in: {eventTypes: ["order"]}}) { id } }').data["createEventFilters"][
        "id"
    ]
    made = door.ask(f'mutation {{ createWebSocketEndpoint(name: "s", eventFiltersIds: ["{lost}"]) {{ id }} }}').data
    assert door.ask(f'mutation {{ deleteEventFilters(ids: ["{lost}"]) {{ ok }} }}').data

    found = match(door, endpointId=made["createWebSocketEndpoint"]["id"])

    assert (found["gained"], found["lost"]) == (3, 0)


@pytest.mark.usefixtures("orders")
def test_events_that_a_replica_does_not_have_yet_are_not_left_out(door: Door, services: FakeServices) -> None:
    services.lagging = {"b", "f"}

    assert match(door)["examined"] == 6


@pytest.mark.usefixtures("orders")
def test_single_events_are_tried_by_id(door: Door) -> None:
    found = match(door, eventIds=["b", "d", "b"])

    assert (found["examined"], found["matched"], found["complete"]) == (2, 1, True)
    assert [one["id"] for one in found["matches"]] == ["d"]


def test_events_of_ones_own_are_tried_and_not_published(door: Door, services: FakeServices) -> None:
    found = match(door, events=[order("mine", 120), {"type": "order", "data": {"total": 3}}])

    assert (found["examined"], found["matched"]) == (2, 1)
    assert [one["id"] for one in found["matches"]] == ["mine"]
    assert services.publishing().events == []


def test_the_services_own_events_match_only_a_filter_that_names_them(door: Door) -> None:
    mine = [{"type": "event-service.endpoint.disabled", "data": {}}]

    assert match(door, {"pattern": {"data": {"x": [{"exists": False}]}}}, events=mine)["matched"] == 0
    assert match(door, {"pattern": {"type": [{"prefix": "event-service."}]}}, events=mine)["matched"] == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give eventFiltersInput, or the eventFiltersId"),
        ({"eventFiltersInput": LARGE, "eventFiltersId": "00000000-0000-4000-8000-000000000001"}, "give eventFiltersInput, or"),
        ({"eventFiltersInput": LARGE, "eventIds": ["a"], "since": "2026-03-01T00:00:00Z"}, "since, until and eventIds were given"),
        ({"eventFiltersInput": LARGE, "eventIds": ["a"], "after": "x"}, "after: it is not an endCursor"),
        ({"eventFiltersInput": LARGE, "after": "x"}, "after: it is not an endCursor of this list"),
        ({"eventFiltersInput": LARGE, "eventIds": []}, "eventIds: 0 ids were given"),
        ({"eventFiltersInput": LARGE, "since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "is not before the end"),
        ({"eventFiltersInput": {"pattern": {"a": []}}}, "eventFiltersInput.pattern.a: an empty list"),
        ({"eventFiltersInput": LARGE, "events": [{"type": "", "data": 1}]}, "events[0].type"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(given: dict[str, Any], message: str, door: Door) -> None:
    response = door.ask(MATCH, {"input": given})

    assert response.code == "BAD_USER_INPUT"
    assert message in response.error["message"]


@pytest.mark.parametrize(
    "given",
    [
        {"eventFiltersId": "00000000-0000-4000-8000-000000000001"},
        {"eventFiltersInput": LARGE, "endpointId": "00000000-0000-4000-8000-000000000001"},
        {"eventFiltersInput": LARGE, "eventIds": ["unknown"]},
    ],
)
def test_unknown_ids_are_not_found(given: dict[str, Any], door: Door) -> None:
    assert door.ask(MATCH, {"input": given}).code == "NOT_FOUND"


def test_an_answer_says_so_where_no_event_is_found_in_time(door: Door, services: FakeServices) -> None:
    publish(door, order("a", 120))
    services.seconds_per_look = 20.0

    response = door.ask(MATCH, {"input": {"eventFiltersInput": LARGE}})

    assert response.code == "TOO_LARGE"


def test_a_page_shows_no_more_than_fits_into_an_answer(door: Door, services: FakeServices) -> None:
    for number in range(80):
        publish(door, {"id": f"e-{number}", "type": "order", "data": {"total": 120 if number % 2 else 1, "text": "x" * 100_000}})

    found = match(door)

    assert (found["examined"], found["matched"]) == (80, 40)
    assert 10 <= len(found["matches"]) == len(found["nearMisses"]) <= 15


def test_the_page_ends_when_it_has_read_enough(door: Door, services: FakeServices) -> None:
    for number in range(120):
        publish(door, {"id": f"e-{number}", "type": "order", "data": {"total": 1, "text": "x" * 200_000}})

    found = match(door)

    assert not found["complete"]
    # 16 MB, and what was begun
    assert 80 <= found["examined"] <= 90


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=CONDITIONS, event=DELIVERED)
def test_a_backtest_says_what_routing_would_do(condition: dict[str, Any], event: dict[str, Any]) -> None:
    made = an_event(type=event["type"], data=event["data"], camera_id=event["cameraId"], agent_id=event["agentId"])
    delivered = json.loads(made.as_json())

    judgement = Judge(WORKSPACE, condition, Matcher).judge(Event.from_delivered(delivered))

    assert judgement.matched is bool(expected({"f": condition}, delivered))
    assert not (judgement.matched and judgement.near_miss)
