"""The GraphQL function as it is wired in Lambda, against moto: what a client sees, and how many AWS calls that takes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from event_service import wiring
from event_service.filters.matching.matcher import Matcher
from event_service.routing.tables import RoutingTables
from tests import builders
from tests.integration.graphql_api.conftest import WORKSPACE, create_filter, create_webhook, forget
from tests.unit.graphql_api.door import Door, payload


def test_what_was_created_is_listed_at_once(door: Door) -> None:
    filter_id = create_filter(door)
    ids = [create_webhook(door, f"endpoint {number}", [filter_id] if number else None) for number in range(3)]

    answered = door.ask(
        "{ endpoints { totalCount collectionItems { id name meta eventFilters { id endpoints { id } } } } }", token=door.token
    ).data["endpoints"]

    assert answered["totalCount"] == 3
    assert [item["id"] for item in answered["collectionItems"]] == ids
    assert [len(item["eventFilters"]) for item in answered["collectionItems"]] == [0, 1, 1]
    assert [one["id"] for one in answered["collectionItems"][1]["eventFilters"][0]["endpoints"]] == ids[1:]


def test_a_backtest_reads_each_event_once_and_their_index(door: Door, calls: list[str]) -> None:
    for number in range(3):
        door.ask(f'mutation {{ publishEvents(events: [{{id: "e-{number}", type: A, data: {{n: {number}}}}}]) {{ ok }} }}', token=door.token)
    calls.clear()

    answered = door.ask(
        "query($input: MatchEventsInput!) { matchEvents(input: $input) { examined matched complete nearMisses { clause { sentence } } } }",
        {"input": {"eventFiltersInput": {"pattern": {"type": ["A"], "data": {"n": [{"numeric": [">", 1]}]}}}}},
        token=door.token,
    ).data["matchEvents"]

    # 16 shards of both indexes of acceptance
    assert Counter(calls) == {"Query": 32, "BatchGetItem": 1}
    assert (answered["examined"], answered["matched"], answered["complete"]) == (3, 1, True)
    assert [one["clause"]["sentence"] for one in answered["nearMisses"]] == ["`data.n`: 1 is not > 1.", "`data.n`: 0 is not > 1."]


def test_an_explanation_takes_few_calls_and_its_sentence_is_right(door: Door, calls: list[str]) -> None:
    filter_id = create_filter(door)
    endpoint_id = create_webhook(door, "Orders", [filter_id])
    door.ask('mutation { publishEvents(events: [{id: "order-17", type: B, data: {}}]) { ok } }', token=door.token)
    calls.clear()

    query = 'query($id: ID!) { explainDelivery(eventId: "order-17", endpointId: $id) { outcome sentence } }'
    answered = door.ask(query, {"id": endpoint_id}, token=door.token).data["explainDelivery"]

    # the event, the endpoint, its links, its filters; its delivery, and whether the event's log is spread over shards, since there is none;
    # the changes back to the last one of the filter
    assert Counter(calls) == {"GetItem": 1, "BatchGetItem": 4, "Query": 2}
    assert answered["outcome"] == "NOT_MATCHED"
    assert '`in.eventTypes`: "B" is not "A".' in answered["sentence"]


def test_the_history_is_read_in_one_call_and_names_what_is_gone(door: Door, calls: list[str]) -> None:
    filter_id = create_filter(door)
    endpoint_id = create_webhook(door, "Orders", [filter_id])
    door.ask(f'mutation {{ deleteEndpoints(ids: ["{endpoint_id}"]) {{ ok }} }}', token=door.token)
    calls.clear()

    answered = door.ask("{ changes(first: 2) { collectionItems { version sentence before } hasNextPage } }", token=door.token).data[
        "changes"
    ]

    assert calls == ["Query"]
    assert [one["version"] for one in answered["collectionItems"]] == [3, 2]
    assert answered["collectionItems"][0]["sentence"] == 'Deleted the endpoint "Orders".'
    assert answered["collectionItems"][0]["before"] == {endpoint_id: {"name": "Orders"}}
    assert answered["hasNextPage"] is True


def test_deleting_pausing_and_unlinking_are_seen_at_once(door: Door) -> None:
    filter_id = create_filter(door)
    first, second = (create_webhook(door, name, [filter_id]) for name in "ab")

    door.ask(f'mutation {{ deleteEndpoints(ids: ["{first.upper()}"]) {{ ok }} }}', token=door.token).data["deleteEndpoints"]
    door.ask(f'mutation {{ pauseEndpoints(ids: ["{second}"]) {{ ok }} }}', token=door.token).data["pauseEndpoints"]
    door.ask(
        f'mutation {{ unlinkEndpointsToEventFilters(endpointIds: ["{second}"], eventFiltersId: "{filter_id}") {{ ok }} }}',
        token=door.token,
    )

    assert door.ask("{ endpoints { totalCount collectionItems { id status eventFilters { id } } } }", token=door.token).data == {
        "endpoints": {"totalCount": 1, "collectionItems": [{"id": second, "status": "PAUSED", "eventFilters": []}]}
    }


def test_an_event_is_published_and_read_back(door: Door) -> None:
    event = payload("publish_events")
    event["headers"]["token"] = door.agent_token

    published = door.invoke(event).data["publishEvents"]
    again = door.invoke(event).data["publishEvents"]

    assert published["duplicateIds"] == []
    assert again["duplicateIds"] == published["ids"]
    answered = door.ask("{ events { totalCount collectionItems { id type data agentId } } }", token=door.token).data["events"]
    assert answered["totalCount"] == 1
    assert answered["collectionItems"][0]["id"] == published["ids"][0]
    assert answered["collectionItems"][0]["data"] == json.loads(event["body"])["variables"]["events"][0]["data"]


@pytest.mark.parametrize("number", [1, 7])
def test_a_list_is_one_call_of_aws_however_long_it_is(number: int, door: Door, calls: list[str]) -> None:
    for _ in range(number):
        create_webhook(door, "a")
    calls.clear()

    door.ask("{ endpoints { collectionItems { id name type meta status } } }", token=door.token).data["endpoints"]

    assert calls == ["Query"]


@pytest.mark.parametrize("number", [2, 7])
def test_nested_lists_cost_the_same_calls_however_many_there_are(number: int, door: Door, calls: list[str]) -> None:
    filters = [create_filter(door) for _ in range(3)]
    for _ in range(number):
        create_webhook(door, "a", filters)
    calls.clear()

    answered = door.ask("{ endpoints { collectionItems { eventFilters { id name endpoints { id name } } } } }", token=door.token).data[
        "endpoints"
    ]

    assert {len(item["eventFilters"]) for item in answered["collectionItems"]} == {3}
    # links and rows, once for each level
    assert calls == ["Query", "BatchGetItem", "BatchGetItem", "BatchGetItem", "BatchGetItem"]


def test_objects_by_id_are_one_call_for_each_kind(door: Door, calls: list[str]) -> None:
    filter_id = create_filter(door)
    ids = [create_webhook(door, name) for name in "abc"]
    events = [{"id": f"e-{number}", "type": "A", "data": {"n": number}} for number in range(3)]
    door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": events}, token=door.token)
    calls.clear()

    endpoints = " ".join(f'e{number}: endpoint(id: "{one}") {{ id }}' for number, one in enumerate(ids))
    answered = door.ask(
        f'{{ {endpoints} a: event(id: "e-0") {{ data }} b: event(id: "e-2") {{ data }} eventFilter(id: "{filter_id}") {{ name }} }}',
        token=door.token,
    ).data

    assert [answered[f"e{number}"]["id"] for number in range(3)] == ids
    assert (answered["a"], answered["b"]) == ({"data": {"n": 0}}, {"data": {"n": 2}})
    assert calls == ["BatchGetItem", "BatchGetItem", "BatchGetItem"]


def page(door: Door, name: str, arguments: str, item: str = "id") -> Any:
    selection = f"{{ collectionItems {{ {item} }} endCursor hasNextPage }}"
    return door.ask(f"{{ {name}({arguments}) {selection} }}", token=door.token).data[name]


def test_each_page_of_a_list_costs_the_same_calls(door: Door, calls: list[str]) -> None:
    for number in range(7):
        create_webhook(door, f"endpoint {number}")
        create_filter(door)
    events = [{"id": f"e-{number}", "type": "A", "data": {}} for number in range(7)]
    door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": events}, token=door.token)
    # The index of events is 16 shards; the last page reads some of them to their end.
    costs = {"endpoints": {"Query": 1}, "eventsFilters": {"Query": 1, "BatchGetItem": 1}, "events": {"Query": 16, "BatchGetItem": 1}}
    for name, cost in costs.items():
        found: list[str] = []
        after = ""
        for _ in range(3):
            calls.clear()
            read = page(door, name, f"first: 2 {after}")
            assert Counter(calls) == cost, name
            found.extend(item["id"] for item in read["collectionItems"])
            assert read["hasNextPage"]
            after = f'after: "{read["endCursor"]}"'
        rest = page(door, name, f"first: 2 {after}")
        found.extend(item["id"] for item in rest["collectionItems"])
        assert not rest["hasNextPage"]
        assert len(found) == len(set(found)) == 7


def test_what_filters_of_the_configuration_cost(door: Door, calls: list[str]) -> None:
    filter_id = create_filter(door)
    endpoint_id = create_webhook(door, "Orders", [filter_id])
    create_webhook(door, "Billing")
    for call in (
        f'updateEndpoint(id: "{endpoint_id}", key: "k", labels: {{team: "shop"}})',
        f'updateEventFilters(id: "{filter_id}", key: "k")',
    ):
        assert "errors" not in door.ask(f"mutation {{ {call} {{ id }} }}", token=door.token).json
    cases = [
        ("endpoints", 'key: {exact: "k"}', endpoint_id, ["Query", "BatchGetItem"]),
        ("endpoints", f'eventFiltersId: {{exact: "{filter_id}"}}', endpoint_id, ["BatchGetItem", "BatchGetItem"]),
        ("endpoints", 'labels: {team: "shop"}', endpoint_id, ["Query"]),
        ("endpoints", 'name: {contains: "ORD"}', endpoint_id, ["Query"]),
        ("eventsFilters", 'key: {exact: "k"}', filter_id, ["Query", "BatchGetItem"]),
        ("eventsFilters", f'endpointId: {{exact: "{endpoint_id}"}}', filter_id, ["BatchGetItem"] * 3),
        ("eventsFilters", "linked: true", filter_id, ["Query", "BatchGetItem", "BatchGetItem"]),
    ]
    for name, filters, expected, cost in cases:
        calls.clear()

        read = page(door, name, f"filters: {{{filters}}} first: 10")

        assert [item["id"] for item in read["collectionItems"]] == [expected], filters
        assert calls == cost, filters


def test_a_key_costs_one_call_more_and_without_one_nothing(door: Door, calls: list[str]) -> None:
    def create(marks: str) -> list[str]:
        calls.clear()
        answered = door.ask(f'mutation {{ createWebSocketEndpoint(name: "s" {marks}) {{ id }} }}', token=door.token)
        assert "errors" not in answered.json
        return list(calls)

    plain = create("")
    assert create('labels: {team: "shop"}, description: "d"') == plain
    assert Counter(create('key: "k"')) - Counter(plain) == {"Query": 1}


def test_the_health_of_endpoints_is_one_call(door: Door, calls: list[str]) -> None:
    for name in "abc":
        create_webhook(door, name)
    calls.clear()

    door.ask("{ endpoints { collectionItems { health { failingSince } } } }", token=door.token).data["endpoints"]

    assert calls == ["Query", "BatchGetItem"]
    calls.clear()

    door.ask("{ endpoints { collectionItems { health { ownLane trouble notBefore } } } }", token=door.token).data["endpoints"]

    assert calls == ["Query", "BatchGetItem", "BatchGetItem"]


def test_a_secret_is_shown_and_rotated(door: Door) -> None:
    endpoint_id = create_webhook(door, "a")
    query = f'{{ endpointSecret(id: "{endpoint_id}") }}'
    before = door.ask(query, token=door.token).data["endpointSecret"]

    rotated = door.ask(f'mutation {{ rotateEndpointSecret(id: "{endpoint_id}") }}', token=door.token).data["rotateEndpointSecret"]

    assert rotated != before
    assert door.ask(query, token=door.token).data["endpointSecret"] == rotated


def test_lists_of_nothing_are_empty(door: Door) -> None:
    empty = {"totalCount": 0, "collectionItems": []}
    selected = "{ totalCount collectionItems { id } }"

    answered = door.ask(
        f"{{ endpoints {selected} eventsFilters {selected} events {selected} deliveries {selected} }}", token=door.token
    ).data

    assert answered == {"endpoints": empty, "eventsFilters": empty, "events": empty, "deliveries": empty}


OR_OF_TEN = {"$or": [{f"b{number}": [1]} for number in range(10)]}

REFUSED_PATTERNS: list[tuple[dict[str, Any], str, str]] = [
    ({"data": {"a": []}}, "data.a", "an empty list"),
    ({"data": {"a": [{"wildcard": "a**b"}]}}, "data.a[0].wildcard", "two wildcards follow each other"),
    ({"data": {"a": [{"wildcard": "a*" * 33}]}}, "data.a[0].wildcard", "at most 32"),
    ({"data": {"a": [{"anything-but": ["x", 1]}]}}, "data.a[0].anything-but", "a list of strings"),
    ({"data": {"a": [{"numeric": [">", 2, "<", 1]}]}}, "data.a[0].numeric", "less than the upper"),
    ({"data": {"a": [{"cidr": "10.0.0.0/33"}]}}, "data.a[0].cidr", "0 to 31"),
    ({"$or": [{"type": ["a"]}, {"prefix": ["x"]}]}, "$or[1].prefix", "reserved word"),
    ({f"f{level}": OR_OF_TEN for level in range(4)}, "", "more than 1,000 alternatives"),
]


@pytest.mark.parametrize("as_string", [False, True], ids=["object", "string"])
@pytest.mark.parametrize(("pattern", "place", "reason"), REFUSED_PATTERNS, ids=[reason for _, _, reason in REFUSED_PATTERNS])
def test_refused_pattern_names_its_place(door: Door, pattern: dict[str, Any], place: str, reason: str, as_string: bool) -> None:
    kept = create_filter(door)
    given = {"pattern": json.dumps(pattern) if as_string else pattern}

    created = door.ask(
        "mutation($c: EventFiltersInput!) { createEventFilters(eventFiltersInput: $c) { id } }", {"c": given}, token=door.token
    )
    updated = door.ask(
        "mutation($id: ID!, $c: EventFiltersInput) { updateEventFilters(id: $id, eventFiltersInput: $c) { id } }",
        {"id": kept, "c": given},
        token=door.token,
    )

    for answer in (created, updated):
        assert answer.code == "BAD_USER_INPUT"
        assert answer.error["message"].startswith(f"eventFiltersInput.pattern{'.' * bool(place)}{place}: ")
        assert reason in answer.error["message"]
    left = door.ask("{ eventsFilters { collectionItems { id meta } } }", token=door.token).data["eventsFilters"]["collectionItems"]
    assert left == [{"id": kept, "meta": {"in": {"eventTypes": ["A"]}}}]


def test_a_workspace_that_is_full_says_how_much_it_may_hold(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ENDPOINTS", "2")
    monkeypatch.setenv("MAX_EVENT_FILTERS", "1")
    forget()
    full = Door(wiring)
    for name in "ab":
        full.ask(f'mutation {{ createWebSocketEndpoint(name: "{name}") {{ id }} }}', token=door.token).data["createWebSocketEndpoint"]
    create = 'mutation { createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}) { id } }'
    full.ask(create, token=door.token).data["createEventFilters"]

    for query, words in (
        ('mutation { createWebSocketEndpoint(name: "c") { id } }', "2 endpoints, as many as it may"),
        ('mutation { createWebhookEndpoint(name: "c", url: "https://a.example.com") { id } }', "2 endpoints, as many as it may"),
        (create, "1 event filters, as many as it may"),
    ):
        refused = full.ask(query, token=door.token)
        assert refused.code == "TOO_LARGE"
        assert words in refused.error["message"]
    totals = full.ask("{ endpoints { totalCount } eventsFilters { totalCount } }", token=door.token).data
    assert totals == {"endpoints": {"totalCount": 2}, "eventsFilters": {"totalCount": 1}}


OF_PROFILE: dict[str, Any] = {"identification_data": [{"profile_id": "p"}]}
PUBLISHED = [
    {"id": "e1", "type": "LIST.A", "date": "2026-11-01T00:00:01Z", "data": {"activity_id": "act"}},
    {"id": "e2", "type": "list.a", "date": "2026-11-01T00:00:02Z", "data": OF_PROFILE},
    {
        "id": "e3",
        "type": "list.b",
        "date": "2026-11-01T00:00:03Z",
        "data": {"activity_id": "act", "identification_data": [{"profile_id": "p"}]},
    },
    {"id": "e4", "type": "list.b", "date": "2026-11-01T00:00:04Z", "data": {}},
]

EVENT_FILTERS: list[tuple[str, list[str]]] = [
    ("", ["e1", "e2", "e3", "e4"]),
    ('id: {exact: "e3"}', ["e3"]),
    ('id: {exact: "other"}', []),
    ('type: {exact: "List.A"}', ["e1", "e2"]),
    ('date: {exact: "2026-11-01T01:00:02+01:00"}', ["e2"]),
    ('date: {gt: "2026-11-01T00:00:02Z"}', ["e3", "e4"]),
    ('date: {gte: "2026-11-01T00:00:02Z"}', ["e2", "e3", "e4"]),
    ('date: {lt: "2026-11-01T00:00:02Z"}', ["e1"]),
    ('date: {lte: "2026-11-01T00:00:02Z"}', ["e1", "e2"]),
    ('date: {gt: "2026-11-01T00:00:01Z", lt: "2026-11-01T00:00:04Z"}', ["e2", "e3"]),
    ('dataIdentificationDataProfileId: {exact: "p"}', ["e2", "e3"]),
    ('activityId: {exact: "act"}', ["e1", "e3"]),
    ('activityId: {exact: "act"}, dataIdentificationDataProfileId: {exact: "p"}, type: {exact: "list.b"}', ["e3"]),
]


@pytest.mark.parametrize(("filters", "found"), EVENT_FILTERS, ids=[filters or "none" for filters, _ in EVENT_FILTERS])
def test_events_are_filtered_ordered_and_paged(door: Door, filters: str, found: list[str]) -> None:
    published = door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok ids } }", {"e": PUBLISHED}, token=door.token).data[
        "publishEvents"
    ]
    assert published == {"ok": True, "ids": ["e1", "e2", "e3", "e4"]}
    given = f"filters: {{{filters}}}" if filters else "filters: null"

    answered = door.ask(
        f"""{{
            newest: events({given}) {{ totalCount collectionItems {{ id }} }}
            oldest: events({given}, order: {{date: ASC}}) {{ collectionItems {{ id }} }}
            page: events({given}, order: {{date: ASC}}, pagination: {{offset: 1, limit: 1}}) {{ totalCount collectionItems {{ id }} }}
        }}""",
        token=door.token,
    ).data

    ids = {name: [item["id"] for item in page["collectionItems"]] for name, page in answered.items()}
    assert ids == {"newest": found[::-1], "oldest": found, "page": found[1:2]}
    assert answered["newest"]["totalCount"] == answered["page"]["totalCount"] == len(found)


def test_a_total_of_events_is_counted_only_when_it_is_selected(door: Door, calls: list[str]) -> None:
    door.ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }", {"e": PUBLISHED}, token=door.token)
    calls.clear()
    door.ask("{ events { collectionItems { id } } }", token=door.token).data["events"]
    page = Counter(calls)
    calls.clear()
    door.ask("{ events { totalCount collectionItems { id } } }", token=door.token).data["events"]

    assert page == {"Query": 16, "BatchGetItem": 1}
    assert Counter(calls) == {"Query": 32, "BatchGetItem": 1}


def routed(event_type: str) -> set[str]:
    """Who gets an event of this type now, as a router finds it."""
    at = datetime.now(UTC)
    tables = RoutingTables(wiring.change_log(), wiring.configuration_rows(), Matcher)
    return tables.current(WORKSPACE).endpoints_for(builders.an_event(id="x", type=event_type, date=at, workspace_id=WORKSPACE, created=at))


def test_filters_and_links_route_as_documented(door: Door) -> None:
    conditions: list[dict[str, Any]] = [
        {"in": {"eventTypes": ["Order.Created"]}},
        {"pattern": json.dumps({"type": [{"anything-but": {"prefix": "order."}}]})},
        {"in": {"eventTypes": []}},
        {"in": {"eventTypes": ["order.created", "door.opened"]}, "pattern": {"type": [{"suffix": "opened"}]}},
    ]
    create = "mutation($c: EventFiltersInput!) { createEventFilters(eventFiltersInput: $c) { id } }"
    filters = [door.ask(create, {"c": one}, token=door.token).data["createEventFilters"]["id"] for one in conditions]
    by_type, others, nothing, both_ways = filters
    endpoints = [create_webhook(door, "a", linked) for linked in ([by_type, others], [nothing], [both_ways], None)]
    either, never, opened, everything = endpoints

    assert routed("ORDER.CREATED") == {either, everything}
    assert routed("door.opened") == {either, opened, everything}
    assert routed("order.deleted") == {everything}

    unlink = "mutation($e: [ID!]!, $f: ID!) { unlinkEndpointsToEventFilters(endpointIds: $e, eventFiltersId: $f) { ok } }"
    door.ask(unlink, {"e": [never], "f": nothing}, token=door.token).data["unlinkEndpointsToEventFilters"]
    assert routed("order.deleted") == {everything, never}, "without a filter it gets every event"

    delete = "mutation($ids: [ID!]!) { deleteEventFilters(ids: $ids) { ok } }"
    door.ask(delete, {"ids": [by_type, both_ways]}, token=door.token).data["deleteEventFilters"]
    listed = door.ask("{ endpoints { collectionItems { id status statusReason } } }", token=door.token).data["endpoints"]
    off = {item["id"]: item["statusReason"] for item in listed["collectionItems"] if item["status"] == "DISABLED"}
    assert off == {opened: "its last event filter was deleted: link one, or resume it to receive every event"}
    assert routed("order.created") == {never, everything}, "one that lost its last filter must not get what it never wanted"
    assert routed("door.opened") == {either, never, everything}, "nor what its filter wanted"


CLOUD_EVENT = {"specversion": "1.0", "source": "/doors/7", "type": "door.opened", "data": {"door": 7}}
STRUCTURED, BATCH = ({"content-type": f"application/cloudevents{kind}+json"} for kind in ("", "-batch"))
BINARY = {"content-type": "application/json", "ce-specversion": "1.0", "ce-source": "/doors/7", "ce-type": "door.opened"}


def test_cloud_events_of_all_three_modes_are_events_like_others(door: Door) -> None:
    sent: list[tuple[dict[str, str], Any]] = [
        (STRUCTURED, {**CLOUD_EVENT, "id": "1"}),
        ({**BINARY, "ce-id": "2"}, {"door": 7}),
        (BATCH, [{**CLOUD_EVENT, "id": "3"}, {**CLOUD_EVENT, "id": "3", "source": "/doors/8"}]),
    ]
    ids: list[str] = []
    for again in (False, True):
        answers = [
            door.send(json.dumps(body), path="/event-service/events", headers=headers, token=door.agent_token) for headers, body in sent
        ]
        assert [answer.status for answer in answers] == [202] * 3
        named = [one for answer in answers for one in answer.json["ids"]]
        assert [one for answer in answers for one in answer.json["duplicateIds"]] == (named if again else [])
        assert not again or named == ids
        ids = named

    listed = door.ask("{ events { totalCount collectionItems { id type data } } }", token=door.token).data["events"]
    originals = {item["id"]: item["data"].pop("cloudEvent") for item in listed["collectionItems"]}
    assert listed["totalCount"] == 4
    assert [(originals[one]["id"], originals[one]["source"]) for one in ids] == [
        ("1", "/doors/7"),
        ("2", "/doors/7"),
        ("3", "/doors/7"),
        ("3", "/doors/8"),
    ]
    assert all((item["type"], item["data"]) == ("door.opened", {"door": 7}) for item in listed["collectionItems"])


def test_each_door_says_which_event_was_wrong_and_accepts_none_of_them(door: Door) -> None:
    right = {**CLOUD_EVENT, "id": "1"}
    by_batch = door.send(
        json.dumps([right, {**right, "data": [1]}, {**right, "id": ""}]), path="/event-service/events", headers=BATCH, token=door.token
    )
    by_graphql = door.ask(
        "mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok } }",
        {"e": [{"type": "a", "data": {}}, {"type": "a", "data": [1]}, {"type": "", "data": {}}]},
        token=door.token,
    )

    assert by_batch.status == 400
    assert [sentence.split(":")[0] for sentence in by_batch.json] == ["events[1].data", "events[2].id"]
    sentences = "\n".join(error["message"] for error in by_graphql.json["errors"])
    assert {error["extensions"]["code"] for error in by_graphql.json["errors"]} == {"BAD_USER_INPUT"}
    assert all(place in sentences for place in ("events[1].data: ", "events[2].type: "))
    assert "events[0]" not in sentences
    assert door.ask("{ events { totalCount } }", token=door.token).data == {"events": {"totalCount": 0}}


def test_an_agent_may_publish_and_nothing_else(door: Door) -> None:
    query = 'mutation { publishEvents(events: [{type: "a", data: {}}]) { ok } }'

    assert door.ask(query, token=door.agent_token).data["publishEvents"] == {"ok": True}
    assert door.ask("{ events { totalCount } }", token=door.agent_token).code == "FORBIDDEN"
    assert door.ask('mutation { createWebSocketEndpoint(name: "a") { id } }', token=door.agent_token).code == "FORBIDDEN"
    assert door.ask("{ events { totalCount } endpoints { totalCount } }", token=door.token).data == {
        "events": {"totalCount": 1},
        "endpoints": {"totalCount": 0},
    }


def test_a_revoked_token_ends(door: Door) -> None:
    text, token = wiring.tokens().issue(WORKSPACE)
    assert "errors" not in door.ask("{ endpoints { totalCount } }", token=text).json

    wiring.tokens().revoke(WORKSPACE, token.token_hash)

    assert door.ask("{ endpoints { totalCount } }", token=text).code == "UNAUTHENTICATED"
