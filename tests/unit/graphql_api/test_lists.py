"""Lists: order, pages, what ``null`` means, and that nothing is read which is not selected."""

from __future__ import annotations

import pytest

from event_service.delivery.attempt import DeliveryStatus
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import WORKSPACE, Door

IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(1, 6)]


@pytest.fixture
def door(services: FakeServices) -> Door:
    """Five endpoints, created in the order of their ids: the third is a WEB_SOCKET; the first two have a filter."""
    for number, endpoint_id in enumerate(IDS):
        services.put_endpoint(WORKSPACE, endpoint_id, url=None if number == 2 else "https://web-hook.server.com")
    services.put_event_filter(WORKSPACE, IDS[0], IDS[:2])
    services.put_event_filter(WORKSPACE, IDS[1], IDS[:1])
    return Door(services)


def ids_of(door: Door, arguments: str, field: str = "endpoints") -> list[str]:
    items = door.ask(f"{{ {field}{arguments} {{ collectionItems {{ id }} }} }}").data[field]["collectionItems"]
    return [item["id"] for item in items]


@pytest.mark.parametrize("key", ["creation_date", "creationDate"])
@pytest.mark.parametrize("field", ["endpoints", "eventsFilters"])
def test_both_spellings_of_an_order_work(key: str, field: str, door: Door) -> None:
    ascending = ids_of(door, "", field)

    assert ids_of(door, f"(order: {{{key}: ASC}})", field) == ascending
    assert ids_of(door, f"(order: {{{key}: DESC}})", field) == ascending[::-1]


@pytest.mark.parametrize("key", ["last_modified", "lastModified"])
def test_event_filters_are_ordered_by_modification_in_both_spellings(key: str, door: Door) -> None:
    door.ask(f'mutation {{ updateEventFilters(id: "{IDS[0]}", name: "renamed") {{ id }} }}')

    assert ids_of(door, "", "eventsFilters") == [IDS[0], IDS[1]]
    assert ids_of(door, f"(order: {{{key}: ASC}})", "eventsFilters") == [IDS[1], IDS[0]]


def test_a_page_skips_and_takes(door: Door) -> None:
    assert ids_of(door, "(pagination: {offset: 1, limit: 2})") == IDS[1:3]
    assert ids_of(door, "(pagination: {offset: 4})") == IDS[4:]
    assert ids_of(door, "(pagination: {limit: 0})") == []


@pytest.mark.parametrize(
    "arguments",
    [
        "(filters: null, order: null, pagination: null)",
        "(filters: {}, order: {}, pagination: {})",
        "(filters: {id: null, type: null}, order: {creation_date: null, creationDate: null}, pagination: {offset: null, limit: null})",
        "(filters: {id: {exact: null}, type: {}})",
        "(order: {creation_date: null, creationDate: ASC})",
    ],
)
def test_null_means_left_out(arguments: str, door: Door) -> None:
    assert ids_of(door, arguments) == IDS


def test_null_in_a_variable_means_left_out(door: Door) -> None:
    query = """query($filters: EndpointFilters, $order: EndpointOrder, $pagination: PaginationInput) {
        endpoints(filters: $filters, order: $order, pagination: $pagination) { totalCount }
    }"""
    # five endpoints stand there without having been created, so the count says 0
    assert "errors" not in door.ask(query, {"filters": None, "order": None, "pagination": None}).json
    assert "errors" not in door.ask(query, {"filters": {"id": None}, "order": {"creationDate": None}, "pagination": {"limit": None}}).json
    assert "errors" not in door.ask(query).json


def test_null_for_the_optional_arguments_of_mutations_means_left_out(door: Door) -> None:
    created = door.ask(
        """mutation {
            createWebhookEndpoint(name: "a", url: "https://web-hook.server.com", method: null, eventFiltersIds: null) {
                id meta eventFilters { id }
            }
            createEventFilters(
                eventFiltersInput: {in: {eventTypes: ["A"], cameraIds: null}, pattern: null}, name: null, endpointIds: null
            ) { meta }
            publishEvents(events: [{type: A, data: {}, id: null, date: null, agentId: null, cameraId: null}]) { ok }
        }"""
    ).data

    assert created["createWebhookEndpoint"]["meta"] == {"url": "https://web-hook.server.com", "method": "POST"}
    assert created["createWebhookEndpoint"]["eventFilters"] == []
    assert created["createEventFilters"]["meta"] == {"in": {"eventTypes": ["A"]}}
    endpoint_id = created["createWebhookEndpoint"]["id"]
    updated = door.ask(f'mutation {{ updateEndpoint(id: "{endpoint_id}", name: "b", url: null, method: null) {{ name meta }} }}').data
    assert updated["updateEndpoint"] == {"name": "b", "meta": {"url": "https://web-hook.server.com", "method": "POST"}}
    assert door.ask(f'mutation {{ rotateEndpointSecret(id: "{endpoint_id}", gracePeriodSeconds: null) }}').data["rotateEndpointSecret"]


def test_replay_takes_its_defaults_for_null(door: Door, services: FakeServices) -> None:
    door.ask(f'mutation {{ replayEvents(endpointId: "{IDS[0]}", since: "2026-03-01T00:00:00Z", until: null, missingOnly: null) {{ ok }} }}')

    ((_, _, until, missing_only),) = services.deliveries().replayed
    assert until is None
    assert missing_only is True


def test_a_dry_run_of_a_replay_sends_nothing(door: Door, services: FakeServices) -> None:
    replay = f'replayEvents(endpointId: "{IDS[0]}", since: "2026-03-01T00:00:00Z", dryRun: true) {{ count continueSince }}'

    assert door.ask(f"mutation {{ {replay} }}").data["replayEvents"] == {"count": 1, "continueSince": None}
    assert services.deliveries().replayed == []


def test_endpoints_are_filtered_by_type_and_id_in_any_case(door: Door) -> None:
    assert ids_of(door, "(filters: {type: {exact: WEB_SOCKET}})") == [IDS[2]]
    assert ids_of(door, f'(filters: {{id: {{exact: "{IDS[3].upper()}"}}}})') == [IDS[3]]
    assert ids_of(door, f'(filters: {{id: {{exact: "{IDS[3]}"}}, type: {{exact: WEB_SOCKET}}}})') == []
    assert ids_of(door, f'(filters: {{id: {{exact: "{IDS[3]}"}}}}, pagination: {{offset: 1}})') == []


def test_a_total_counts_all_pages_of_a_filter_by_id(door: Door) -> None:
    query = f'{{ endpoints(filters: {{id: {{exact: "{IDS[3]}"}}}}, pagination: {{limit: 0}}) {{ totalCount collectionItems {{ id }} }} }}'

    assert door.ask(query).data["endpoints"] == {"totalCount": 1, "collectionItems": []}


# -- what is read --------------------------------------------------------------------------------------------------


def reads(services: FakeServices) -> dict[str, int]:
    return {name: number for name, number in services.calls.items() if number}


def test_a_list_is_one_read(door: Door, services: FakeServices) -> None:
    door.ask("{ endpoints { collectionItems { id name meta status } } }")

    assert reads(services) == {"rows.endpoint_page": 1}


def test_nested_lists_are_batched_level_by_level(door: Door, services: FakeServices) -> None:
    answered = door.ask(
        """{ endpoints { collectionItems { id eventFilters { id endpoints { id eventFilters { id } } } again: eventFilters { name } } } }"""
    ).data

    first = answered["endpoints"]["collectionItems"][0]
    assert [one["id"] for one in first["eventFilters"]] == IDS[:2]
    assert [one["id"] for one in first["eventFilters"][0]["endpoints"]] == IDS[:2]
    # one read of links and one of rows a level, however many endpoints there are; the third level is remembered
    assert reads(services) == {
        "rows.endpoint_page": 1,
        "rows.event_filter_ids_of": 1,
        "rows.event_filters": 1,
        "rows.endpoint_ids_of": 1,
        "rows.endpoints": 1,
    }


def test_a_nested_list_of_100_filters_costs_what_one_costs(door: Door, services: FakeServices) -> None:
    for number in range(100, 200):
        services.put_event_filter(WORKSPACE, f"00000000-0000-4000-8000-{number:012d}", IDS)

    answered = door.ask("{ eventsFilters(pagination: {offset: 2, limit: 100}) { collectionItems { endpoints { id } } } }").data

    assert [len(item["endpoints"]) for item in answered["eventsFilters"]["collectionItems"]] == [5] * 100
    assert reads(services) == {"rows.event_filter_page": 1, "rows.endpoint_ids_of": 1, "rows.endpoints": 1}


def test_a_lookup_by_id_is_one_read_for_items_and_total(door: Door, services: FakeServices) -> None:
    door.ask(f'{{ endpoints(filters: {{id: {{exact: "{IDS[0]}"}}}}) {{ totalCount a: totalCount collectionItems {{ id }} }} }}')

    assert reads(services) == {"rows.endpoints": 1}


@pytest.mark.parametrize(
    ("selection", "counted", "variables"),
    [
        ("{ collectionItems { id } }", 0, {}),
        ("{ totalCount }", 1, {}),
        ("{ a: totalCount b: totalCount }", 1, {}),
        ("{ ...F }", 1, {}),
        ("{ ... on EventCollection { totalCount } }", 1, {}),
        ("{ totalCount @skip(if: true) collectionItems { id } }", 0, {}),
        ("{ totalCount @include(if: false) collectionItems { id } }", 0, {}),
        ("{ totalCount @include(if: $yes) }", 1, {"yes": True}),
        ("{ totalCount @skip(if: $yes) collectionItems { id } }", 0, {"yes": True}),
    ],
)
def test_a_total_is_counted_only_when_it_is_selected(
    selection: str, counted: int, variables: dict[str, bool], door: Door, services: FakeServices
) -> None:
    fragment = "fragment F on EventCollection { totalCount }" if "...F" in selection else ""
    declared = "query($yes: Boolean!)" if variables else "query"

    assert "errors" not in door.ask(f"{declared} {{ events {selection} }} {fragment}", variables).json

    assert services.events_reading().counts == counted


@pytest.mark.parametrize(
    ("selection", "with_data"), [("{ id }", False), ("{ d: data }", True), ("{ ...F }", True), ("{ ... { ... { data } } }", True)]
)
def test_reading_events_knows_whether_their_data_is_shown(selection: str, with_data: bool, door: Door, services: FakeServices) -> None:
    fragment = "fragment F on EventOutput { data }" if "...F" in selection else ""

    door.ask(f"{{ events {{ collectionItems {selection} }} }} {fragment}")

    assert [query.with_data for query in services.events_reading().queries] == [with_data]


def test_the_filters_of_events_are_handed_on(door: Door, services: FakeServices) -> None:
    door.ask(
        """{ events(
            filters: {
                type: {exact: IDENTIFICATION}, date: {gte: "2026-03-01T00:00:00+01:00", lt: "2026-03-02T00:00:00.1234567Z"},
                dataIdentificationDataProfileId: {exact: "p"}, activityId: {exact: "a"}
            }
            order: {date: ASC}, pagination: {offset: 3, limit: 7}
        ) { collectionItems { id } } }"""
    )

    (query,) = services.events_reading().queries
    assert (query.type, query.profile_id, query.activity_id) == ("IDENTIFICATION", "p", "a")
    assert query.date.gte is not None
    assert query.date.gte.isoformat() == "2026-02-28T23:00:00+00:00"
    assert query.date.lt is not None
    assert query.date.lt.microsecond == 123_456
    assert (query.descending, query.offset, query.limit) == (False, 3, 7)


def test_events_and_deliveries_come_newest_first(door: Door, services: FakeServices) -> None:
    door.ask("{ events { collectionItems { id } } deliveries { collectionItems { id } } }")

    assert services.events_reading().queries[0].descending


def test_a_delivery_shows_its_attempts(door: Door, services: FakeServices) -> None:
    delivery = services.add_delivery(WORKSPACE, IDS[0], "e-1", status=DeliveryStatus.PENDING, attempts=(), next_attempt=services.clock())

    answered = door.ask(
        """{ deliveries(filters: {status: {exact: PENDING}}) {
            totalCount collectionItems { id eventId endpointId status attempts { number } nextAttemptDate }
        } }"""
    ).data["deliveries"]

    assert answered["totalCount"] == 1
    (item,) = answered["collectionItems"]
    assert (item["id"], item["eventId"], item["endpointId"], item["status"], item["attempts"]) == (
        delivery.id,
        "e-1",
        IDS[0],
        "PENDING",
        [],
    )
    assert item["nextAttemptDate"].endswith("+00:00")
    assert door.ask("mutation($ids: [ID!]!) { retryDeliveries(ids: $ids) { ok } }", {"ids": [delivery.id]}).data == {
        "retryDeliveries": {"ok": True}
    }


def test_what_was_loaded_before_a_mutation_is_not_shown_after_it(door: Door) -> None:
    answered = door.ask(
        f"""mutation {{
            a: updateEndpoint(id: "{IDS[0]}", name: "a") {{ eventFilters {{ id }} }}
            unlinkEndpointsToEventFilters(endpointIds: ["{IDS[0]}"], eventFiltersId: "{IDS[1]}") {{ ok }}
            b: updateEndpoint(id: "{IDS[0]}", name: "b") {{ eventFilters {{ id }} }}
        }}"""
    ).data

    assert [one["id"] for one in answered["a"]["eventFilters"]] == IDS[:2]
    assert [one["id"] for one in answered["b"]["eventFilters"]] == IDS[:1]
