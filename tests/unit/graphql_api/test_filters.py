"""The filters of the four lists: what each finds, what is found directly, and where looking through ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from event_service.base import look_through
from event_service.base.dates import format_date
from event_service.delivery import history
from event_service.delivery.attempt import DeliveryStatus
from event_service.events import pattern_look, reading
from tests.builders import START
from tests.fakes.reading_services import ReadingServices
from tests.unit.graphql_api.door import OTHER_TOKEN, OTHER_WORKSPACE, TOKEN, WORKSPACE, Door

LINKED = {"rows.event_filter_ids_of": 1, "rows.event_filters": 1}
CREATE_FILTER = 'createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}'


class Stocked:
    """Endpoints and event filters made through the API; events and deliveries put there."""

    def __init__(self) -> None:
        self.services = ReadingServices(WORKSPACE)
        self.services.add_token(TOKEN, WORKSPACE)
        self.services.add_token(OTHER_TOKEN, OTHER_WORKSPACE)
        self.door = Door(self.services)
        self.filter = self.change(
            'createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}, name: "Alarms", key: "f", labels: {a: "1"})'
        )
        self.unlinked = self.change('createEventFilters(eventFiltersInput: {in: {eventTypes: ["B"]}}, name: "Bells")')
        self.hook = self.change(
            'createWebhookEndpoint(name: "Orders Straße", url: "https://web-hook.server.com", key: "k", '
            f'labels: {{team: "shop", env: "prod"}}, eventFiltersIds: ["{self.filter}"])'
        )
        self.other = self.change('createWebhookEndpoint(name: "Billing", url: "https://web-hook.server.com", labels: {team: "shop"})')
        self.socket = self.change(f'createWebSocketEndpoint(name: "Dashboard", eventFiltersIds: ["{self.filter}"])')
        self.door.ask(f'mutation {{ pauseEndpoints(ids: ["{self.other}"]) {{ ok }} }}')
        self.services.calls.clear()

    def change(self, call: str) -> str:
        (made,) = self.door.ask(f"mutation {{ {call} {{ id }} }}").data.values()
        return str(made["id"])

    def found(self, name: str, filters: str, token: str = TOKEN, more: str = "") -> list[str]:
        answered = self.door.ask(
            f"{{ {name}(filters: {{{filters}}} {more}) {{ totalCount collectionItems {{ id }} }} }}", token=token
        ).data[name]
        assert answered["totalCount"] == len(answered["collectionItems"])
        return [item["id"] for item in answered["collectionItems"]]


@pytest.fixture
def stocked() -> Stocked:
    return Stocked()


ENDPOINTS: list[tuple[str, list[str]]] = [
    ('name: {contains: "ORDER"}', ["hook"]),
    ('name: {contains: "strasse"}', ["hook"]),
    ('name: {contains: "i"}', ["other"]),
    ('name: {contains: "nowhere"}', []),
    ("status: {exact: PAUSED}", ["other"]),
    ("status: {exact: ENABLED}", ["hook", "socket"]),
    ('key: {exact: "k"}', ["hook"]),
    ('key: {exact: "K"}', []),
    ('key: {exact: "k"}, type: {exact: WEB_SOCKET}', []),
    ('labels: {team: "shop"}', ["hook", "other"]),
    ('labels: {team: "shop", env: "prod"}', ["hook"]),
    ('labels: {team: "other"}', []),
    ("labels: {}", ["hook", "other", "socket"]),
    ('eventFiltersId: {exact: "%(filter)s"}', ["hook", "socket"]),
    ('eventFiltersId: {exact: "%(filter)s"}, type: {exact: WEB_HOOK}', ["hook"]),
    ('eventFiltersId: {exact: "%(filter)s"}, name: {contains: "dash"}', ["socket"]),
    ('eventFiltersId: {exact: "%(unlinked)s"}', []),
    ('eventFiltersId: {exact: "%(filter)s"}, key: {exact: "k"}', ["hook"]),
    ('eventFiltersId: {exact: "%(unlinked)s"}, key: {exact: "k"}', []),
    ('id: {exact: "%(hook)s"}, labels: {env: "prod"}', ["hook"]),
    ('id: {exact: "%(other)s"}, labels: {env: "prod"}', []),
    ('id: {exact: "%(other)s"}, eventFiltersId: {exact: "%(filter)s"}', []),
    ("name: null, status: null, key: null, labels: null, eventFiltersId: null", ["hook", "other", "socket"]),
    ("name: {contains: null}, status: {}, key: {}", ["hook", "other", "socket"]),
]
FILTERS: list[tuple[str, list[str]]] = [
    ('name: {contains: "bell"}', ["unlinked"]),
    ('key: {exact: "f"}', ["filter"]),
    ('labels: {a: "1"}', ["filter"]),
    ("linked: true", ["filter"]),
    ("linked: false", ["unlinked"]),
    ('linked: false, key: {exact: "f"}', []),
    ('endpointId: {exact: "%(hook)s"}', ["filter"]),
    ('endpointId: {exact: "%(other)s"}', []),
    ('endpointId: {exact: "%(hook)s"}, name: {contains: "bell"}', []),
    ('id: {exact: "%(unlinked)s"}, linked: true', []),
    ('id: {exact: "%(unlinked)s"}, linked: false', ["unlinked"]),
    ("name: null, key: null, labels: null, linked: null, endpointId: null", ["filter", "unlinked"]),
]
CASES = [*(("endpoints", *case) for case in ENDPOINTS), *(("eventsFilters", *case) for case in FILTERS)]


@pytest.mark.parametrize(("name", "filters", "expected"), CASES, ids=[f"{name} {filters}" for name, filters, _ in CASES])
def test_each_filter_of_the_configuration_finds_its_own(name: str, filters: str, expected: list[str], stocked: Stocked) -> None:
    wanted = filters % vars(stocked)

    assert stocked.found(name, wanted) == [getattr(stocked, one) for one in expected]
    assert stocked.found(name, wanted, token=OTHER_TOKEN) == []
    newest_first = stocked.found(name, wanted, more="order: {creationDate: DESC}")
    assert newest_first == [getattr(stocked, one) for one in reversed(expected)]


@pytest.mark.parametrize(
    ("name", "filters", "reads"),
    [
        ("endpoints", 'key: {exact: "k"}', {"rows.endpoint_with_key": 1, "rows.endpoints": 1}),
        ("endpoints", 'eventFiltersId: {exact: "%(filter)s"}', {"rows.endpoint_ids_of": 1, "rows.endpoints": 1}),
        ("endpoints", 'name: {contains: "x"}', {"rows.endpoint_page": 1}),
        ("eventsFilters", 'key: {exact: "f"}', {"rows.event_filter_with_key": 1, "rows.event_filters": 1}),
        (
            "eventsFilters",
            'endpointId: {exact: "%(hook)s"}',
            {"rows.event_filter_ids_of": 1, "rows.event_filters": 1, "rows.endpoint_ids_of": 1},
        ),
        ("eventsFilters", "linked: false", {"rows.event_filter_page": 1, "rows.endpoint_ids_of": 1}),
    ],
)
def test_what_a_filter_reads(name: str, filters: str, reads: dict[str, int], stocked: Stocked) -> None:
    stocked.door.ask(f"{{ {name}(filters: {{{filters % vars(stocked)}}}) {{ collectionItems {{ id }} }} }}")

    assert {operation: number for operation, number in stocked.services.calls.items() if number} == reads


@pytest.mark.parametrize(
    ("name", "filters", "said"),
    [
        ("endpoints", 'name: {contains: ""}', "filters.name.contains: it has 0 characters"),
        ("endpoints", 'key: {exact: ""}', "filters.key.exact: it has 0 characters"),
        ("endpoints", "labels: [1]", "filters.labels: it is no object"),
        ("endpoints", "labels: {a: 1}", "filters.labels.a: it is no text"),
        ("endpoints", 'eventFiltersId: {exact: "x"}', "filters.eventFiltersId.exact: 'x' is not a UUID"),
        ("eventsFilters", 'endpointId: {exact: "x"}', "filters.endpointId.exact: 'x' is not a UUID"),
        ("events", 'type: {in: ["a", ""]}', "filters.type.in[1]: it has 0 characters"),
        ("events", 'type: {startsWith: ""}', "filters.type.startsWith: it has 0 characters"),
        ("events", 'agentId: {exact: ""}', "filters.agentId.exact: give 1 to 256"),
        ("events", "pattern: {data: []}", "filters.pattern.data: "),
        ("events", "pattern: 5", "filters.pattern: "),
        ("events", 'pattern: {data: {a: ["' + "x" * 33_000 + '"]}}', "filters.pattern: it has 33,"),
    ],
)
def test_a_bad_filter_says_where_it_is(name: str, filters: str, said: str, stocked: Stocked) -> None:
    response = stocked.door.ask(f"{{ {name}(filters: {{{filters}}}) {{ totalCount }} }}")

    assert response.code == "BAD_USER_INPUT"
    assert said in response.error["message"]


def test_a_list_of_types_is_bounded(stocked: Stocked) -> None:
    types = [f"t{number}" for number in range(101)]

    response = stocked.door.ask("query($t: [EventType!]) { events(filters: {type: {in: $t}}) { totalCount } }", {"t": types})

    assert "filters.type.in: it has 101 values; at most 100" in response.error["message"]


# -- events --------------------------------------------------------------------------------------------------------------


EVENTS: list[tuple[str, list[str]]] = [
    ('type: {in: ["ORDER.created", "alarm"]}', ["e-1", "e-3"]),
    ("type: {in: []}", []),
    ('type: {in: ["order.created", "order.paid"], exact: "Order.Paid"}', ["e-2"]),
    ('type: {startsWith: "ORDER."}', ["e-1", "e-2"]),
    ('type: {startsWith: "order.", in: ["order.paid"]}', ["e-2"]),
    ('agentId: {exact: "agent-1"}', ["e-2", "e-3"]),
    ('cameraId: {exact: "camera-1"}', ["e-3"]),
    ('agentId: {exact: "agent-1"}, type: {exact: "alarm"}', ["e-3"]),
    ('agentId: {exact: "nobody"}', []),
    ('pattern: {data: {total: [{numeric: [">", 100]}]}}', ["e-2"]),
    ('pattern: "{\\"data\\": {\\"total\\": [{\\"exists\\": true}]}}"', ["e-1", "e-2"]),
    ('pattern: {data: {total: [{exists: true}]}}, type: {in: ["order.created"]}', ["e-1"]),
    ('pattern: {agentId: ["agent-1"]}, type: {startsWith: "al"}', ["e-3"]),
    ('id: {exact: "e-1"}, pattern: {data: {total: [80]}}', ["e-1"]),
    ('id: {exact: "e-2"}, pattern: {data: {total: [80]}}', []),
    ('id: {exact: "e-2"}, agentId: {exact: "agent-1"}', ["e-2"]),
    ('id: {exact: "e-1"}, agentId: {exact: "agent-1"}', []),
    ('agentId: {exact: "agent-1"}, date: {lt: "2026-03-01T12:03:00Z"}', ["e-2"]),
]


@pytest.mark.parametrize(("filters", "expected"), EVENTS)
def test_each_filter_of_events_finds_its_own(filters: str, expected: list[str], stocked: Stocked) -> None:
    stocked.services.event("e-1", 1, type="order.created", data={"total": 80})
    stocked.services.event("e-2", 2, type="order.paid", agent_id="agent-1", data={"total": 120})
    stocked.services.event("e-3", 3, type="Alarm", agent_id="agent-1", camera_id="camera-1")

    assert stocked.found("events", filters) == expected[::-1]
    assert stocked.found("events", filters, more="order: {date: ASC}") == expected


def test_several_types_are_told_apart_by_the_index(stocked: Stocked) -> None:
    for number in range(300):
        stocked.services.event(f"e-{number:03d}", number, type="noise")
    stocked.services.event("rare", 400, type="rare")
    stocked.services.store.unpacked = 0

    assert stocked.found("events", 'type: {in: ["rare", "none"]}') == ["rare"]
    stocked.door.ask('{ events(filters: {type: {in: ["rare"]}}) { collectionItems { data } } }')
    assert stocked.services.store.unpacked == 1


def walk(stocked: Stocked, name: str, arguments: str) -> list[list[str]]:
    pages: list[list[str]] = []
    after = ""
    while True:
        page = stocked.door.ask(f"{{ {name}({arguments} {after}) {{ collectionItems {{ id }} endCursor hasNextPage }} }}").data[name]
        pages.append([item["id"] for item in page["collectionItems"]])
        if not page["hasNextPage"]:
            return pages
        after = f'after: "{page["endCursor"]}"'


def test_a_rare_event_is_found_step_by_step(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "EXAMINED_PER_ROUND", 200)
    monkeypatch.setattr(reading, "EXAMINED_AT_MOST", 500)
    stocked.services.event("rare", 0, agent_id="agent-1")
    for number in range(1, 900):
        stocked.services.event(f"e-{number:03d}", number)

    pages = walk(stocked, "events", 'first: 10 filters: {agentId: {exact: "agent-1"}}')

    assert pages == [[], [], [], [], ["rare"]]
    refused = stocked.door.ask('{ events(filters: {agentId: {exact: "agent-1"}}) { collectionItems { id } } }')
    counted = stocked.door.ask('{ events(filters: {agentId: {exact: "agent-1"}}) { totalCount } }')
    assert refused.code == counted.code == "TOO_LARGE"
    assert "page by page" in refused.error["message"]


def test_a_step_ends_before_the_request_has_read_too_much(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BYTES_PER_ROUND", 10**12)
    for number in range(250):
        stocked.services.event(f"e-{number:03d}", number)

    pages = walk(stocked, "events", 'first: 10 filters: {agentId: {exact: "agent-1"}}')

    assert pages == [[], [], []]


def test_pages_of_looked_up_events_have_no_gap(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "EXAMINED_PER_ROUND", 100)
    for number in range(450):
        stocked.services.event(f"e-{number:03d}", number, camera_id="c" if number % 7 == 0 else None)

    pages = walk(stocked, "events", 'first: 5 filters: {cameraId: {exact: "c"}}')

    assert [one for page in pages for one in page] == [f"e-{number:03d}" for number in range(448, -1, -7)]
    assert max(map(len, pages)) == 5


def test_a_pattern_that_takes_long_ends_its_page_early(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_look, "STEPS_PER_PAGE", 200)
    for number in range(450):
        stocked.services.event(f"e-{number:03d}", number, data={"total": number})
    filters = 'filters: {pattern: {data: {total: [{numeric: ["<", 0]}]}}}'

    page = stocked.door.ask(f"{{ events(first: 1000 {filters}) {{ collectionItems {{ id }} hasNextPage endCursor }} }}").data["events"]
    refused = stocked.door.ask(f"{{ events({filters}) {{ totalCount }} }}")

    # What was looked at when the budget ended counts as a match, and no further step is begun.
    assert 0 < len(page["collectionItems"]) <= 100
    assert page["hasNextPage"]
    assert refused.code == "TOO_LARGE"


def test_data_that_is_not_shown_is_read_for_a_pattern(stocked: Stocked) -> None:
    stocked.services.event("e-1", 1, data={"total": 80})

    answered = stocked.door.ask("{ events(filters: {pattern: {data: {total: [80]}}}) { collectionItems { id type } } }").data

    assert answered["events"]["collectionItems"] == [{"id": "e-1", "type": "a"}]


# -- endpoints and filters, step by step ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "at_once"), [("endpoints", 500), ("eventsFilters", 100)])
def test_a_rare_name_is_found_step_by_step(name: str, at_once: int, stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_through, "EXAMINED_PER_ROUND", at_once)
    monkeypatch.setattr(look_through, "EXAMINED_AT_MOST", 2 * at_once)
    for number in range(2 * at_once):
        put = stocked.services.put_endpoint if name == "endpoints" else stocked.services.put_event_filter
        put(WORKSPACE, f"00000000-0000-4000-8000-{number:012d}")
    rare = stocked.change(
        'createWebSocketEndpoint(name: "rare")'
        if name == "endpoints"
        else 'createEventFilters(eventFiltersInput: {in: {eventTypes: ["A"]}}, name: "rare")'
    )

    pages = walk(stocked, name, 'first: 10 filters: {name: {contains: "RARE"}}')

    assert pages == [[], [], [rare]]
    for selected in ("collectionItems { id }", "totalCount"):
        refused = stocked.door.ask(f'{{ {name}(filters: {{name: {{contains: "rare"}}}}) {{ {selected} }} }}')
        assert refused.code == "TOO_LARGE"
        assert "page by page" in refused.error["message"]


def test_pages_of_looked_up_endpoints_have_no_gap(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_through, "EXAMINED_PER_ROUND", 1)
    for number in range(30):
        stocked.change(f'createWebSocketEndpoint(name: "n{number}", labels: {{odd: "{number % 2}"}})')

    pages = walk(stocked, "endpoints", 'first: 4 filters: {labels: {odd: "1"}}')

    assert [len(page) for page in pages] == [4, 4, 4, 3]
    assert [one for page in pages for one in page] == stocked.found("endpoints", 'labels: {odd: "1"}')


def test_what_is_linked_comes_page_by_page_to_its_end(stocked: Stocked) -> None:
    for number in range(4):
        stocked.change(f'createWebSocketEndpoint(name: "n{number}", eventFiltersIds: ["{stocked.filter}"])')
    linked = f'filters: {{eventFiltersId: {{exact: "{stocked.filter}"}}}}'

    assert [len(page) for page in walk(stocked, "endpoints", f"first: 3 {linked}")] == [3, 3]
    newest_first = walk(stocked, "endpoints", f"first: 4 {linked} order: {{creationDate: DESC}}")
    assert [one for page in newest_first for one in page] == stocked.found("endpoints", linked[10:-1])[::-1]


# -- deliveries ----------------------------------------------------------------------------------------------------------


DELIVERIES: list[tuple[str, list[int]]] = [
    ("status: {in: [FAILED, PENDING]}", [2, 3]),
    ("status: {in: []}", []),
    ("status: {in: [FAILED, PENDING], exact: PENDING}", [3]),
    ("statusCode: {exact: 503}", [2]),
    ("statusCode: {exact: 503}, status: {exact: DELIVERED}", []),
    ('statusCode: {exact: 200}, endpointId: {exact: "%(hook)s"}', [1]),
    ('status: {in: [FAILED]}, eventId: {exact: "e-2"}', [2]),
    ("status: {in: null}, statusCode: null", [1, 2, 3]),
    ('creationDate: {gte: "%(two)s"}', [2, 3]),
    ('creationDate: {gt: "%(two)s"}', [3]),
    ('creationDate: {lt: "%(two)s"}, endpointId: {exact: "%(hook)s"}', [1]),
    ('creationDate: {lte: "%(two)s"}, endpointId: {exact: "%(hook)s"}', [1, 2]),
    ('creationDate: {exact: "%(two)s"}, endpointId: {exact: "%(hook)s"}', [2]),
    ('creationDate: {gt: "%(two)s", lt: "%(two)s"}', []),
    ('creationDate: {gt: "%(two)s"}, eventId: {exact: "e-2"}', []),
    ('creationDate: {gte: "%(two)s"}, eventId: {exact: "e-2"}, endpointId: {exact: "%(hook)s"}', [2]),
    ("creationDate: null", [1, 2, 3]),
    ('eventType: {exact: "t2"}', [2]),
    ("eventType: {in: [t1, T3]}", [1, 3]),
    ("eventType: {in: [t1, t2], exact: t2}", [2]),
    ("eventType: {in: [t1], exact: t2}", []),
    ("eventType: {in: []}", []),
    ("eventType: {}", [1, 2, 3]),
    ('eventType: {in: [t2, t3]}, status: {exact: FAILED}, endpointId: {exact: "%(hook)s"}', [2]),
]


@pytest.mark.parametrize(("filters", "expected"), DELIVERIES)
def test_each_filter_of_deliveries_finds_its_own(filters: str, expected: list[int], stocked: Stocked) -> None:
    given = [(DeliveryStatus.DELIVERED, 200), (DeliveryStatus.FAILED, 503), (DeliveryStatus.PENDING, 500)]
    for number, (status, code) in enumerate(given, 1):
        stocked.services.delivery(stocked.services.event(f"e-{number}", number, type=f"T{number}"), stocked.hook, status, code)
    two = format_date(START + timedelta(minutes=2))
    query = f"{{ deliveries(filters: {{{filters % {**vars(stocked), 'two': two}}}}) {{ totalCount collectionItems {{ eventId }} }} }}"

    answered = stocked.door.ask(query).data["deliveries"]

    assert [item["eventId"] for item in answered["collectionItems"]] == [f"e-{number}" for number in reversed(expected)]
    assert answered["totalCount"] == len(expected)


@pytest.mark.parametrize("endpoint", [True, False])
def test_a_rare_delivery_is_found_step_by_step(endpoint: bool, stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EXAMINED_PER_ROUND", 50)
    for number in range(180):
        code = 503 if number == 0 else 200
        stocked.services.delivery(stocked.services.event(f"e-{number:03d}", number), stocked.hook, status_code=code)
    filters = f'statusCode: {{exact: 503}}, endpointId: {{exact: "{stocked.hook}"}}' if endpoint else "statusCode: {exact: 503}"

    pages = walk(stocked, "deliveries", f"first: 10 filters: {{{filters}}}")

    assert [len(page) for page in pages] == [0, 0, 0, 1]
    assert len(stocked.found("deliveries", filters)) == 1


def test_a_rare_type_of_deliveries_is_found_step_by_step(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EXAMINED_PER_ROUND", 50)
    for number in range(180):
        kind = "RARE" if number == 0 else "COMMON"
        stocked.services.delivery(stocked.services.event(f"e-{number:03d}", number, type=kind), stocked.hook)

    pages = walk(stocked, "deliveries", "first: 10 filters: {eventType: {exact: rare}}")

    assert [len(page) for page in pages] == [0, 0, 0, 1]
    refused = stocked.door.ask('{ deliveries(filters: {eventType: {startsWith: "r"}}) { collectionItems { id } } }')
    assert "give exact or in" in refused.error["message"]


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize("healthy", [10, 1_500])
def test_a_delivery_that_did_not_succeed_is_found_at_once(healthy: int, endpoint: bool, stocked: Stocked) -> None:
    for number in range(healthy):
        status = DeliveryStatus.FAILED if number in (0, 2) else DeliveryStatus.DELIVERED
        stocked.services.delivery(stocked.services.event(f"e-{number:04d}", number / 100), stocked.hook, status)
    filters = f'status: {{exact: FAILED}}, endpointId: {{exact: "{stocked.hook}"}}' if endpoint else "status: {exact: FAILED}"

    page = stocked.door.ask(f"{{ deliveries(first: 1 filters: {{{filters}}}) {{ collectionItems {{ eventId }} hasNextPage }} }}").data

    assert page["deliveries"] == {"collectionItems": [{"eventId": "e-0002"}], "hasNextPage": True}
    assert (stocked.services.log.places_read, stocked.services.log.reads) == (2, 2)


def test_deliveries_without_conditions_fill_a_page_of_any_size(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EXAMINED_PER_ROUND", 50)
    for number in range(120):
        stocked.services.delivery(stocked.services.event(f"e-{number:03d}", number), stocked.hook)

    assert [len(page) for page in walk(stocked, "deliveries", "first: 100")] == [100, 20]
