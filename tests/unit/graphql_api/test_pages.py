"""Lists are read page by page: each item once, whatever is written meanwhile, and at the same cost however far."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from event_service.base.page import Page
from event_service.delivery.attempt import Delivery, DeliveryStatus
from event_service.delivery.lists import DeliveryQuery
from event_service.events.event import Event
from functions.graphql_api import limits
from tests.fakes.reading_services import ReadingServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

HOOK = "00000000-0000-4000-8000-0000000000aa"
LISTS = ["endpoints", "eventsFilters", "events", "deliveries"]


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def joined(pages: list[list[int]]) -> list[int]:
    return [number for page in pages for number in page]


class Filled:
    """25 things in each list, numbered in the order in which they were made."""

    def __init__(self) -> None:
        self.services = ReadingServices(WORKSPACE)
        self.services.add_token(TOKEN, WORKSPACE)
        self.services.add_token(OTHER_TOKEN, OTHER_WORKSPACE)
        for number in range(1, 26):
            self.add(number)
        self.door = Door(self.services)

    def add(self, number: int) -> Event:
        self.services.put_endpoint(WORKSPACE, uuid(number), url=None if number % 2 else "https://web-hook.server.com")
        self.services.put_event_filter(WORKSPACE, uuid(number))
        event = self.services.event(f"e-{number:03d}", number)
        self.services.delivery(event, HOOK)
        return event

    def page(self, name: str, arguments: str) -> Any:
        item = "eventId" if name == "deliveries" else "id"
        return self.door.ask(f"{{ {name}({arguments}) {{ collectionItems {{ {item} }} endCursor hasNextPage }} }}").data[name]

    def add_five(self, numbers: Iterator[int]) -> None:
        for _ in range(5):
            self.add(next(numbers))

    def walk(self, name: str, arguments: str = "", first: int = 7, between: Callable[[], None] = lambda: None) -> list[list[int]]:
        """The numbers on each page, read to the end."""
        pages: list[list[int]] = []
        after = ""
        while True:
            page = self.page(name, f"first: {first} {arguments} {after}")
            pages.append([int(next(iter(item.values()))[-3:]) for item in page["collectionItems"]])
            if not page["hasNextPage"]:
                return pages
            after = f'after: "{page["endCursor"]}"'
            between()


@pytest.fixture
def filled() -> Filled:
    return Filled()


ORDERS = [
    ("endpoints", "order: {creationDate: %s}"),
    ("endpoints", "filters: {type: {exact: WEB_SOCKET}} order: {creationDate: %s}"),
    ("eventsFilters", "order: {creationDate: %s}"),
    ("eventsFilters", "order: {lastModified: %s}"),
    ("events", "order: {date: %s}"),
    ("events", 'filters: {type: {exact: "A"}, date: {gte: "2026-03-01T00:00:00Z"}} order: {date: %s}'),
    ("deliveries", "order: {creationDate: %s}"),
    ("deliveries", f'filters: {{endpointId: {{exact: "{HOOK}"}}}} order: {{creationDate: %s}}'),
]


@pytest.mark.parametrize(("name", "arguments"), ORDERS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(ORDERS)])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_pages_together_are_the_whole_list_in_its_order(name: str, arguments: str, direction: str, filled: Filled) -> None:
    pages = filled.walk(name, arguments % direction)

    expected = [number for number in range(1, 26) if "WEB_SOCKET" not in arguments or number % 2]
    assert joined(pages) == (expected if direction == "ASC" else expected[::-1])
    assert {len(page) for page in pages[:-1]} == {7}


@pytest.mark.parametrize("descending", [True, False])
def test_the_deliveries_of_one_event_come_page_by_page(descending: bool, filled: Filled) -> None:
    event = filled.services.event("many", 100)
    for number in range(1, 26):
        filled.services.delivery(event, uuid(number))
    order = "DESC" if descending else "ASC"
    found: list[str] = []
    after = ""
    while True:
        arguments = f'first: 7 {after} filters: {{eventId: {{exact: "many"}}}} order: {{creationDate: {order}}}'
        page = filled.door.ask(f"{{ deliveries({arguments}) {{ collectionItems {{ endpointId }} endCursor hasNextPage }} }}").data[
            "deliveries"
        ]
        found.extend(item["endpointId"] for item in page["collectionItems"])
        if not page["hasNextPage"]:
            break
        after = f'after: "{page["endCursor"]}"'

    assert found == sorted((uuid(number) for number in range(1, 26)), reverse=descending)


def test_a_page_of_the_workspace_begins_in_the_middle_of_an_event(filled: Filled) -> None:
    for number in range(1, 26):
        filled.services.delivery(filled.services.event("many", 100), uuid(number))
    found: list[str] = []
    after = ""
    while True:
        page = filled.door.ask(f"{{ deliveries(first: 6 {after}) {{ collectionItems {{ id }} endCursor hasNextPage }} }}").data[
            "deliveries"
        ]
        found.extend(item["id"] for item in page["collectionItems"])
        if not page["hasNextPage"]:
            break
        after = f'after: "{page["endCursor"]}"'

    assert len(found) == len(set(found)) == 50


@pytest.mark.parametrize("name", LISTS)
def test_what_is_added_meanwhile_repeats_nothing_and_hides_nothing(name: str, filled: Filled) -> None:
    added = iter(range(100, 200))
    newest_first = "order: {date: DESC}" if name == "events" else "order: {creationDate: DESC}"

    pages = filled.walk(name, newest_first, between=lambda: filled.add_five(added))

    assert joined(pages) == list(range(25, 0, -1))


@pytest.mark.parametrize("name", LISTS)
def test_what_is_deleted_meanwhile_hides_nothing_else(name: str, filled: Filled) -> None:
    def delete() -> None:
        services = filled.services
        for number in (1, 7):
            services.rows.endpoint_rows.pop((WORKSPACE, uuid(number)), None)
            services.rows.filter_rows.pop((WORKSPACE, uuid(number)), None)
            services.store.items.pop((WORKSPACE, f"e-{number:03d}"), None)

    oldest_first = "order: {date: ASC}" if name == "events" else "order: {creationDate: ASC}"

    assert joined(filled.walk(name, oldest_first, between=delete)) == list(range(1, 26))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_without_arguments_is_its_first_page(name: str, filled: Filled) -> None:
    for number in range(26, 126):
        filled.add(number)
    item = "eventId" if name == "deliveries" else "id"

    page = filled.door.ask(f"{{ {name} {{ collectionItems {{ {item} }} endCursor hasNextPage }} }}").data[name]

    assert len(page["collectionItems"]) == 100
    assert page["hasNextPage"]
    rest = filled.page(name, f'after: "{page["endCursor"]}"')
    assert len(rest["collectionItems"]) == 25
    assert not rest["hasNextPage"]


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_goes_on_from_an_offset(name: str, filled: Filled) -> None:
    skipped = filled.page(name, "pagination: {offset: 3, limit: 4}")
    assert skipped["hasNextPage"]

    following = filled.page(name, f'first: 4 after: "{skipped["endCursor"]}"')

    assert following["collectionItems"] == filled.page(name, "pagination: {offset: 7, limit: 4}")["collectionItems"]


@pytest.mark.parametrize("name", LISTS)
def test_a_page_that_ends_with_the_list_says_so(name: str, filled: Filled) -> None:
    assert not filled.page(name, "first: 25")["hasNextPage"]
    assert filled.page(name, "first: 24")["hasNextPage"]


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_page_has_no_cursor(name: str, filled: Filled) -> None:
    empty = filled.door.ask(f"{{ {name}(first: 5) {{ collectionItems {{ id }} endCursor hasNextPage }} }}", token=OTHER_TOKEN).data[name]

    assert empty == {"collectionItems": [], "endCursor": None, "hasNextPage": False}


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_is_refused_by_every_other_list(name: str, filled: Filled) -> None:
    cursor = filled.page(name, "first: 5")["endCursor"]
    other = LISTS[(LISTS.index(name) + 1) % 4]
    changed = "order: {date: ASC}" if name == "events" else "order: {creationDate: " + ("ASC" if name == "deliveries" else "DESC") + "}"

    def refused(query: str, token: str = TOKEN) -> bool:
        response = filled.door.ask(query, token=token)
        return response.code == "BAD_USER_INPUT" and "after: it is not an endCursor of this list" in response.error["message"]

    def rest(arguments: str, of: str = name) -> str:
        return f"{{ {of}(first: 5 {arguments}) {{ collectionItems {{ id }} }} }}"

    assert "errors" not in filled.door.ask(rest(f'after: "{cursor}"')).json
    assert refused(rest(f'after: "{cursor}"', other))
    assert refused(rest(f'after: "{cursor}" {changed}'))
    assert refused(rest(f'after: "{cursor}"'), OTHER_TOKEN)
    assert refused(rest('after: ""'))
    assert refused(rest('after: "é"'))
    assert refused(rest(f'after: "{"A" * 5_000}"'))
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[-1] ^= 1
    assert refused(rest(f'after: "{base64.urlsafe_b64encode(raw).decode().rstrip("=")}"'))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("first: 0", "first: 0 is not from 1 to 1000"),
        ("first: 1001", "first: 1001 is not from 1 to 1000"),
        ("first: 5 pagination: {limit: 5}", "pagination: it was given beside first or after"),
        ('after: "x" pagination: {offset: 5}', "pagination: it was given beside first or after"),
    ],
)
@pytest.mark.parametrize("name", LISTS)
def test_a_page_is_asked_for_in_one_way(name: str, arguments: str, said: str, filled: Filled) -> None:
    response = filled.door.ask(f"{{ {name}({arguments}) {{ endCursor }} }}")

    assert response.code == "BAD_USER_INPUT"
    assert said in response.error["message"]


@pytest.mark.parametrize("name", LISTS)
def test_null_and_an_empty_pagination_mean_left_out(name: str, filled: Filled) -> None:
    assert len(filled.page(name, "first: null after: null pagination: null")["collectionItems"]) == 25
    assert len(filled.page(name, "first: 5 pagination: {}")["collectionItems"]) == 5


def test_a_far_page_of_events_costs_what_the_first_costs(filled: Filled) -> None:
    for number in range(26, 2_000):
        filled.services.event(f"e-{number:04d}", number)
    costs: list[tuple[int, int]] = []
    after = ""
    for _ in range(20):
        filled.services.indexes.reads.clear()
        filled.services.indexes.entries_read = 0
        page = filled.page("events", f"first: 50 {after}")
        after = f'after: "{page["endCursor"]}"'
        costs.append((len(filled.services.indexes.reads), filled.services.indexes.entries_read))

    assert max(reads for reads, _ in costs) <= 16 * 2
    assert max(entries for _, entries in costs) <= 16 * (3 + 12) * 3


@pytest.mark.parametrize("filters", ["", f'filters: {{endpointId: {{exact: "{HOOK}"}}}}'], ids=["workspace", "endpoint"])
def test_a_far_page_of_deliveries_reads_no_more_than_the_first(filters: str, filled: Filled) -> None:
    for number in range(26, 400):
        filled.services.delivery(filled.services.event(f"e-{number:04d}", number), HOOK)
    costs: list[int] = []
    after = ""
    for _ in range(10):
        filled.services.log.reads = 0
        page = filled.page("deliveries", f"first: 20 {after} {filters}")
        after = f'after: "{page["endCursor"]}"'
        costs.append(filled.services.log.reads)

    assert max(costs) <= 101


def test_items_cursor_and_end_are_one_read(filled: Filled) -> None:
    filled.services.calls.clear()

    filled.door.ask("{ endpoints { a: collectionItems { id } b: collectionItems { name } endCursor hasNextPage } }").data["endpoints"]

    assert {name: number for name, number in filled.services.calls.items() if number} == {"rows.endpoint_page": 1}


# -- deliveries of an event and of an endpoint -------------------------------------------------------------------------


def test_events_show_their_deliveries(filled: Filled) -> None:
    query = (
        "{ events(first: 3) { collectionItems { id deliveries(first: 2) { totalCount hasNextPage collectionItems { eventId status } } } } }"
    )

    items = filled.door.ask(query).data["events"]["collectionItems"]

    assert [item["deliveries"]["collectionItems"] for item in items] == [[{"eventId": item["id"], "status": "DELIVERED"}] for item in items]
    assert {(item["deliveries"]["totalCount"], item["deliveries"]["hasNextPage"]) for item in items} == {(1, False)}


def test_an_endpoint_shows_its_deliveries_and_goes_on(filled: Filled) -> None:
    filled.services.put_endpoint(WORKSPACE, HOOK)
    query = '{ endpoint(id: "%s") { deliveries(first: 10 %s) { hasNextPage endCursor collectionItems { eventId endpoint { id } } } } }'

    first = filled.door.ask(query % (HOOK, "")).data["endpoint"]["deliveries"]
    second = filled.door.ask(query % (HOOK, f'after: "{first["endCursor"]}"')).data["endpoint"]["deliveries"]

    assert [item["eventId"] for item in first["collectionItems"]] == [f"e-{number:03d}" for number in range(25, 15, -1)]
    assert [item["eventId"] for item in second["collectionItems"]] == [f"e-{number:03d}" for number in range(15, 5, -1)]
    assert {item["endpoint"]["id"] for item in first["collectionItems"]} == {HOOK}
    assert first["hasNextPage"]


def test_an_endpoint_shows_its_deliveries_of_one_status(filled: Filled) -> None:
    filled.services.put_endpoint(WORKSPACE, HOOK)
    filled.services.delivery(filled.services.event("failed", 50), HOOK, DeliveryStatus.FAILED, 500)

    query = f'{{ endpoint(id: "{HOOK}") {{ deliveries(status: FAILED) {{ collectionItems {{ eventId }} }} }} }}'

    assert filled.door.ask(query).data["endpoint"]["deliveries"]["collectionItems"] == [{"eventId": "failed"}]


def test_a_cursor_of_an_edge_is_one_of_the_list_with_that_filter(filled: Filled) -> None:
    filled.services.put_endpoint(WORKSPACE, HOOK)
    edge = filled.door.ask(f'{{ endpoint(id: "{HOOK}") {{ deliveries(first: 10) {{ endCursor }} }} }}').data["endpoint"]["deliveries"]

    page = filled.page("deliveries", f'filters: {{endpointId: {{exact: "{HOOK}"}}}} first: 1 after: "{edge["endCursor"]}"')

    assert page["collectionItems"] == [{"eventId": "e-015"}]


def test_deliveries_of_many_events_are_asked_for_together(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    history = filled.services.deliveries()
    asked: list[int] = []
    read_pages = history.read_pages

    def noted(workspace_id: str, queries: Sequence[DeliveryQuery]) -> list[Page[Delivery]]:
        asked.append(len(queries))
        return read_pages(workspace_id, queries)

    monkeypatch.setattr(history, "read_pages", noted)

    filled.door.ask("{ events { collectionItems { deliveries { collectionItems { id } } } } }").data["events"]

    assert asked == [25]


def test_deliveries_below_other_objects_count_for_the_size_of_the_result(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAXIMUM_NODES", 74)

    response = filled.door.ask("{ events { collectionItems { deliveries { collectionItems { id } } } } }")

    # 25 events, 25 deliveries, 25 attempts
    assert {error["extensions"]["code"] for error in response.json["errors"]} == {"TOO_LARGE"}


def test_deliveries_of_more_than_100_endpoints_are_refused_unread(filled: Filled) -> None:
    for number in range(26, 102):
        filled.services.put_endpoint(WORKSPACE, uuid(number))
    query = "{ endpoints(first: %d) { collectionItems { deliveries(first: 1) { collectionItems { id } } } } }"

    assert "errors" not in filled.door.ask(query % 100).json
    response = filled.door.ask(query % 101)

    assert {error["extensions"]["code"] for error in response.json["errors"]} == {"TOO_LARGE"}
    assert "endpoints(first: 100)" in response.json["errors"][0]["message"]
