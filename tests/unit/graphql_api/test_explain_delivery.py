"""Why an event did or did not reach an endpoint: one call, one sentence, at the configuration that was in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.delivery.attempt import Attempt, DeliveryStatus, FailureClass
from event_service.delivery.receiver_health import EndpointHealth
from event_service.explain import last_match
from event_service.sockets.ports import LogHead, Segment
from tests import builders
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import WORKSPACE, Door

EXPLAIN = """query($event: ID!, $endpoint: ID!) { explainDelivery(eventId: $event, endpointId: $endpoint) {
    outcome sentence configurationVersion asRouted sequence endpoint { id }
    delivery { status attempts { number } }
    filters { eventFiltersId name matched failed { path present found wanted sentence } lastChange { version operation actor } }
} }"""
LARGE = '{pattern: "{\\"data\\":{\\"total\\":[{\\"numeric\\":[\\">\\",100]}]}}"}'
SMALL = '{pattern: "{\\"data\\":{\\"total\\":[{\\"numeric\\":[\\"<\\",100]}]}}"}'
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Scene:
    """A dashboard that wants large orders."""

    def __init__(self, door: Door, services: FakeServices) -> None:
        self.door, self.services = door, services
        self.filter = self.do(f'createEventFilters(name: "Large orders", eventFiltersInput: {LARGE}) {{ id }}')["id"]
        self.hook = self.do(
            f'createWebhookEndpoint(name: "Dashboard", url: "https://a.example.com", eventFiltersIds: ["{self.filter}"]) {{ id }}'
        )["id"]
        self.later()

    def do(self, mutation: str) -> Any:
        (answer,) = self.door.ask(f"mutation {{ {mutation} }}").data.values()
        return answer

    def later(self) -> None:
        """An hour passes, so that no change falls into the moment of routing."""
        self.services.clock.now += timedelta(hours=1)

    def publish(self, event_id: str = "order-17", total: Any = 80, event_type: str = "order.created") -> None:
        self.do(f'publishEvents(events: [{{id: "{event_id}", type: "{event_type}", data: {{total: {total}}}}}]) {{ ok }}')

    def explain(self, event_id: str = "order-17", endpoint: str | None = None) -> Any:
        return self.door.ask(EXPLAIN, {"event": event_id, "endpoint": endpoint or self.hook}).data["explainDelivery"]


@pytest.fixture
def scene(door: Door, services: FakeServices) -> Scene:
    return Scene(door, services)


def test_an_event_that_does_not_match_is_explained_by_the_failing_clause(scene: Scene) -> None:
    scene.publish()
    scene.later()

    explained = scene.explain()

    assert explained["outcome"] == "NOT_MATCHED"
    assert explained["sentence"] == 'Its event filter did not match ("Large orders"): `data.total`: 80 is not > 100.'
    assert (explained["configurationVersion"], explained["asRouted"]) == (2, True)
    assert explained["endpoint"] == {"id": scene.hook}
    assert explained["delivery"] is None
    (one,) = explained["filters"]
    assert (one["eventFiltersId"], one["name"], one["matched"]) == (scene.filter, "Large orders", False)
    clause = {"path": "data.total", "present": True, "found": 80, "wanted": [{"numeric": [">", 100]}]}
    assert one["failed"] == [{**clause, "sentence": "`data.total`: 80 is not > 100."}]
    assert one["lastChange"] == {"version": 2, "operation": "createWebhookEndpoint", "actor": "test"}


def test_the_filter_is_judged_as_it_was_when_the_event_was_routed(scene: Scene) -> None:
    scene.publish(total=80)
    scene.later()
    scene.do(f'updateEventFilters(id: "{scene.filter}", name: "Small orders", eventFiltersInput: {SMALL}) {{ id }}')
    scene.later()
    scene.publish("order-18", total=120)
    scene.later()

    before, after = scene.explain("order-17"), scene.explain("order-18")

    assert (before["configurationVersion"], after["configurationVersion"]) == (2, 3)
    assert before["filters"][0]["name"] == "Large orders"
    assert before["filters"][0]["failed"][0]["sentence"] == "`data.total`: 80 is not > 100."
    assert after["filters"][0]["failed"][0]["sentence"] == "`data.total`: 120 is not < 100."
    assert before["filters"][0]["lastChange"]["operation"] == "updateEventFilters"


@pytest.mark.parametrize(
    ("mutation", "sentence"),
    [
        ('unlinkEndpointsToEventFilters(endpointIds: ["{hook}"], eventFiltersId: "{filter}") {{ ok }}', "80 is not > 100"),
        ('deleteEventFilters(ids: ["{filter}"]) {{ ok }}', "80 is not > 100"),
    ],
)
def test_a_filter_that_is_gone_explains_what_it_kept_away(mutation: str, sentence: str, scene: Scene) -> None:
    scene.publish()
    scene.later()
    scene.do(mutation.format(hook=scene.hook, filter=scene.filter))

    explained = scene.explain()

    assert (explained["outcome"], explained["asRouted"], explained["configurationVersion"]) == ("NOT_MATCHED", True, 2)
    assert sentence in explained["sentence"]
    assert [one["eventFiltersId"] for one in explained["filters"]] == [scene.filter]


def test_an_endpoint_that_was_made_later_could_not_receive_it(scene: Scene) -> None:
    scene.publish()
    scene.later()
    made = scene.do('createWebSocketEndpoint(name: "Later") { id }')["id"]

    explained = scene.explain(endpoint=made)

    assert explained["outcome"] == "NOT_MATCHED"
    assert explained["sentence"].startswith("The endpoint was created at 2026-03-01 14:")


def test_an_endpoint_that_lost_its_last_filter_matches_nothing(scene: Scene) -> None:
    scene.do(f'deleteEventFilters(ids: ["{scene.filter}"]) {{ ok }}')
    scene.later()
    scene.publish()
    scene.later()

    explained = scene.explain()

    assert explained["outcome"] == "NOT_MATCHED"
    assert "its last event filter was deleted" in explained["sentence"]


def test_a_change_in_the_moment_of_routing_leaves_two_possible_versions(scene: Scene) -> None:
    scene.publish()
    scene.do(f'updateEventFilters(id: "{scene.filter}", eventFiltersInput: {SMALL}) {{ id }}')
    scene.later()

    explained = scene.explain()

    assert explained["configurationVersion"] is None
    assert explained["sentence"].endswith("it was routed by version 2 or one up to 3, and this is said of version 2.")


def test_what_the_chain_does_not_reach_back_to_is_said_of_now(scene: Scene, services: FakeServices) -> None:
    scene.publish()
    scene.later()
    scene.do(f'updateEventFilters(id: "{scene.filter}", eventFiltersInput: {SMALL}) {{ id }}')
    services.change_log.trim(WORKSPACE, 1)

    explained = scene.explain()

    assert (explained["asRouted"], explained["configurationVersion"]) == (False, None)
    assert explained["filters"][0]["matched"] is True
    assert explained["outcome"] == "NOT_ROUTED_YET"
    assert explained["sentence"].endswith("this is said of the configuration of now.")


def test_a_version_not_kept_is_named_and_its_filters_are_those_of_now(scene: Scene, services: FakeServices) -> None:
    scene.publish()
    fields = {"status": DeliveryStatus.DELIVERED, "attempts": (_attempt(1, 200),), "next_attempt": None, "configuration_version": 2}
    scene.services.add_delivery(WORKSPACE, scene.hook, "order-17", **fields)
    scene.do(f'updateEventFilters(id: "{scene.filter}", name: "Renamed") {{ id }}')
    services.change_log.trim(WORKSPACE, 1)

    explained = scene.explain()

    assert (explained["outcome"], explained["configurationVersion"], explained["asRouted"]) == ("DELIVERED", 2, False)
    assert explained["filters"][0]["name"] == "Renamed"


def test_a_resume_does_not_change_what_was_kept_away_before_it(scene: Scene) -> None:
    scene.do(f'deleteEventFilters(ids: ["{scene.filter}"]) {{ ok }}')
    scene.later()
    scene.publish()
    scene.later()
    scene.do(f'resumeEndpoints(ids: ["{scene.hook}"]) {{ ok }}')

    explained = scene.explain()

    assert (explained["outcome"], explained["configurationVersion"], explained["asRouted"]) == ("NOT_MATCHED", 3, True)
    assert "its last event filter was deleted" in explained["sentence"]


def test_a_filter_that_is_gone_is_rebuilt_only_for_as_long_as_it_was_there(scene: Scene) -> None:
    create = 'createEventFilters(name: "Refunds", eventFiltersInput: {in: {eventTypes: ["refund"]}}, endpointIds: ["%s"]) { id }'
    refunds = scene.do(create % scene.hook)["id"]
    scene.later()
    scene.publish("before")
    scene.later()
    scene.do(f'deleteEventFilters(ids: ["{refunds}"]) {{ ok }}')
    scene.later()
    assert [one["name"] for one in scene.explain("before")["filters"]] == ["Large orders", "Refunds"]
    scene.publish("after")
    scene.later()
    scene.do(f'updateEventFilters(id: "{scene.filter}", name: "Renamed") {{ id }}')

    before, after = scene.explain("before"), scene.explain("after")

    assert [one["name"] for one in before["filters"]] == ["Large orders", "Refunds"]
    assert before["sentence"].startswith('None of its 2 event filters matched; the nearest is "')
    assert [one["name"] for one in after["filters"]] == ["Large orders"]


def test_unrelated_changes_do_not_make_it_uncertain(scene: Scene, services: FakeServices) -> None:
    scene.publish()
    scene.later()
    for _ in range(3):
        scene.do(f'createEventFilters(name: "Other", eventFiltersInput: {LARGE}) {{ id }}')
    services.change_log.trim(WORKSPACE, 4)

    assert (scene.explain()["asRouted"], scene.explain()["configurationVersion"]) == (True, 2)


def test_an_event_that_matches_and_is_young_is_on_its_way(scene: Scene) -> None:
    scene.publish(total=120)

    explained = scene.explain()

    assert explained["outcome"] == "NOT_ROUTED_YET"
    assert "it is on its way" in explained["sentence"]
    assert explained["filters"][0]["matched"] is True
    assert explained["filters"][0]["failed"] == []


def _attempt(number: int, status: int | None, failure: FailureClass | None = None) -> Attempt:
    return Attempt(number, WHEN, 12, status, failure, "No connection came about." if failure else None, None)


@pytest.mark.parametrize(
    ("status", "attempts", "outcome", "sentence"),
    [
        ("DELIVERED", [(1, 500, None), (2, 204, None)], "DELIVERED", "It was delivered by attempt 2 at 2026-03-01 12:00:00 UTC: HTTP 204."),
        (
            "FAILED",
            [(1, None, FailureClass.TIMEOUT)],
            "FAILED",
            "It was given up after one attempt. The last: timeout: No connection came about, at 2026-03-01 12:00:00 UTC.",
        ),
        (
            "PENDING",
            [(1, 503, None)],
            "WAITING",
            "It waits in the endpoint's backlog, which is being sent. One attempt so far, the last: HTTP",
        ),
        ("DISCARDED", [], "DISCARDED", "It was discarded after no attempt: the event expired before it could be sent."),
    ],
)
def test_what_was_tried_is_told_in_a_sentence(status: str, attempts: Any, outcome: str, sentence: str, scene: Scene) -> None:
    scene.publish(total=120)
    made = tuple(_attempt(*one) for one in attempts)
    fields = {"status": DeliveryStatus(status), "attempts": made, "next_attempt": None, "configuration_version": 1}
    scene.services.add_delivery(WORKSPACE, scene.hook, "order-17", **fields)

    explained = scene.explain()

    assert explained["outcome"] == outcome
    assert explained["sentence"].startswith(sentence)
    assert explained["configurationVersion"] == 1
    assert explained["delivery"] == {"status": status, "attempts": [{"number": one[0]} for one in attempts]}


def test_attempts_show_their_url_and_the_headers_of_a_failure(scene: Scene) -> None:
    scene.publish(total=120)
    failed = replace(_attempt(1, 503), url="https://a.example.com", response_headers=(("server", "nginx"), ("set-cookie", "(masked)")))
    done = replace(_attempt(2, 200), url="https://b.example.com")
    fields = {"status": DeliveryStatus.DELIVERED, "attempts": (failed, done), "next_attempt": None}
    scene.services.add_delivery(WORKSPACE, scene.hook, "order-17", **fields)

    (delivery,) = scene.door.ask("{ deliveries { collectionItems { attempts { url responseHeaders } } } }").data["deliveries"][
        "collectionItems"
    ]

    assert delivery["attempts"] == [
        {"url": "https://a.example.com", "responseHeaders": [["server", "nginx"], ["set-cookie", "(masked)"]]},
        {"url": "https://b.example.com", "responseHeaders": None},
    ]


def test_what_waits_for_a_paused_endpoint_says_so(scene: Scene) -> None:
    scene.publish(total=120)
    scene.do(f'pauseEndpoints(ids: ["{scene.hook}"]) {{ ok }}')
    scene.services.add_delivery(WORKSPACE, scene.hook, "order-17", status=DeliveryStatus.PENDING, attempts=(), next_attempt=None)

    explained = scene.explain()

    assert explained["outcome"] == "WAITING"
    assert "the endpoint is PAUSED. Resuming it sends the backlog." in explained["sentence"]


def test_what_waits_for_a_failing_receiver_says_since_when(scene: Scene) -> None:
    scene.publish(total=120)
    scene.services.add_delivery(WORKSPACE, scene.hook, "order-17", status=DeliveryStatus.PENDING, attempts=(), next_attempt=None)
    health = EndpointHealth(scene.hook, 1, own_lane=True, failing_since=WHEN, last_failure=WHEN)
    scene.services.known_health.stored[WORKSPACE, scene.hook] = health

    explained = scene.explain()

    assert explained["sentence"].startswith(
        "It waits in the endpoint's backlog: the receiver has failed since 2026-03-01 12:00:00 UTC, and is tried again every few minutes."
    )


# -- sockets -----------------------------------------------------------------------------------------------------------


def _log(scene: Scene, endpoint_id: str, events: int, wanted: int) -> None:
    """A log with one event every ten minutes, segment by segment; the ``wanted``-th is order-17, appended now."""
    now = scene.services.clock.now
    for number in range(1, events + 1):
        appended = now + timedelta(minutes=10) * (number - wanted)
        event_id = "order-17" if number == wanted else f"other-{number}"
        scene.services.socket_logs.log.setdefault(endpoint_id, {})[number] = Segment(
            number, (event_id,), appended, appended + timedelta(hours=24)
        )
    scene.services.socket_logs.log_heads[endpoint_id] = LogHead(events + 1, 1, now + timedelta(hours=24))


@pytest.mark.parametrize("wanted", [1, 2, 63, 100])
def test_an_event_in_a_sockets_log_is_found_by_its_time(wanted: int, scene: Scene) -> None:
    socket = scene.do('createWebSocketEndpoint(name: "Screen") { id }')["id"]
    scene.later()
    scene.publish()
    _log(scene, socket, 100, wanted)
    reads: list[str] = []
    scene.services.socket_logs.before = reads.append

    explained = scene.explain(endpoint=socket)

    assert (explained["outcome"], explained["sequence"]) == ("LOGGED", wanted)
    assert explained["sentence"].startswith(f"It stands in the endpoint's log as sequence {wanted};")
    assert len(reads) <= 10


def test_event_in_a_log_whose_older_blocks_have_expired_is_found(scene: Scene) -> None:
    socket = scene.do('createWebSocketEndpoint(name: "Screen") { id }')["id"]
    scene.later()
    scene.publish()
    _log(scene, socket, 20_000, 19_990)
    log = scene.services.socket_logs.log[socket]
    for number in [one for one in log if one < 19_900]:
        del log[number]
    reads: list[str] = []
    scene.services.socket_logs.before = reads.append

    assert scene.explain(endpoint=socket)["sequence"] == 19_990
    assert len(reads) <= 40


def test_an_event_in_a_sockets_log_is_explained_by_its_segments_version(scene: Scene) -> None:
    socket = scene.do(f'createWebSocketEndpoint(name: "Screen", eventFiltersIds: ["{scene.filter}"]) {{ id }}')["id"]
    scene.later()
    scene.publish(total=120)
    # routed a moment later, by the version that this makes
    scene.do(f'updateEventFilters(id: "{scene.filter}", name: "Larger", eventFiltersInput: {SMALL}) {{ id }}')
    _log(scene, socket, 10, 5)
    found = scene.services.socket_logs.log[socket][5]
    scene.services.socket_logs.log[socket][5] = replace(found, configuration_version=3)

    before = scene.explain(endpoint=socket)
    scene.services.socket_logs.log[socket][5] = replace(found, configuration_version=4)
    after = scene.explain(endpoint=socket)

    assert [(one["outcome"], one["configurationVersion"], one["asRouted"]) for one in (before, after)] == [
        ("LOGGED", 3, True),
        ("LOGGED", 4, True),
    ]
    assert (before["filters"][0]["name"], before["filters"][0]["matched"]) == ("Large orders", True)
    assert (after["filters"][0]["name"], after["filters"][0]["matched"]) == ("Larger", False)


def test_a_log_that_was_off_or_is_over_says_so(scene: Scene) -> None:
    socket = scene.do('createWebSocketEndpoint(name: "Screen") { id }')["id"]
    scene.later()
    scene.publish()

    assert scene.explain(endpoint=socket)["outcome"] == "NOT_ROUTED_YET"
    scene.later()
    off = scene.explain(endpoint=socket)
    assert (off["outcome"], off["sequence"]) == ("DISCARDED", None)
    assert "no client had been connected for 24 hours" in off["sentence"]
    scene.services.clock.now += timedelta(hours=24)
    assert "that time is over" in scene.explain(endpoint=socket)["sentence"]


# -- all endpoints of an event -----------------------------------------------------------------------------------------


def test_the_destinations_of_an_event_are_all_endpoints_matched_or_not(scene: Scene) -> None:
    everything = scene.do('createWebhookEndpoint(name: "All", url: "https://b.example.com") { id }')["id"]
    scene.later()
    scene.publish()
    scene.services.add_delivery(
        WORKSPACE, everything, "order-17", status=DeliveryStatus.DELIVERED, attempts=(_attempt(1, 200),), next_attempt=None
    )
    query = """query($after: String) { events(filters: {id: {exact: "order-17"}}) { collectionItems {
        destinations(first: 1, after: $after) {
            collectionItems { endpoint { id name } outcome sentence } endCursor hasNextPage
        }
    } } }"""

    def page(after: str | None = None) -> Any:
        (only,) = scene.door.ask(query, {"after": after}).data["events"]["collectionItems"]
        return only["destinations"]

    first = page()
    second = page(first["endCursor"])

    assert [one["endpoint"]["name"] for one in first["collectionItems"] + second["collectionItems"]] == ["Dashboard", "All"]
    assert [one["outcome"] for one in first["collectionItems"] + second["collectionItems"]] == ["NOT_MATCHED", "DELIVERED"]
    assert (first["hasNextPage"], second["hasNextPage"]) == (True, False)


def test_a_cursor_of_another_event_is_refused(scene: Scene) -> None:
    scene.publish("a")
    scene.publish("b")
    query = """query($id: ID!, $after: String) { events(filters: {id: {exact: $id}}) {
        collectionItems { destinations(after: $after) { endCursor } } } }"""
    (first,) = scene.door.ask(query, {"id": "a"}).data["events"]["collectionItems"]

    response = scene.door.ask(query, {"id": "b", "after": first["destinations"]["endCursor"]})

    assert response.code == "BAD_USER_INPUT"
    assert "not an endCursor of this list" in response.error["message"]


@pytest.mark.parametrize(
    ("event", "endpoint", "named"), [("unknown", None, "unknown"), ("order-17", "00000000-0000-4000-8000-000000000001", "00000000")]
)
def test_unknown_ids_are_named(event: str, endpoint: str | None, named: str, scene: Scene) -> None:
    scene.publish()

    response = scene.door.ask(EXPLAIN, {"event": event, "endpoint": endpoint or scene.hook})

    assert response.code == "NOT_FOUND"
    assert named in response.error["message"]


# -- when a filter last matched ------------------------------------------------------------------------------------------

LAST = """query($event: ID!, $endpoint: ID!) { explainDelivery(eventId: $event, endpointId: $endpoint) {
    filters { name lastMatch { event { id } examined since complete sentence } }
} }"""


def last_matches(scene: Scene, event_id: str = "order-17") -> dict[str, Any]:
    explained = scene.door.ask(LAST, {"event": event_id, "endpoint": scene.hook}).data["explainDelivery"]
    return {one["name"]: one["lastMatch"] for one in explained["filters"]}


def test_an_explanation_says_when_the_filter_last_matched(scene: Scene) -> None:
    for number, total in enumerate([500, 300, 10, 20]):
        scene.publish(f"order-{number}", total=total)
        scene.services.clock.advance(minutes=1)
    scene.publish()

    last = last_matches(scene)["Large orders"]

    assert (last["event"], last["examined"], last["complete"]) == ({"id": "order-1"}, 4, True)
    accepted = next(one.created for one in scene.services.publishing().events if one.id == "order-1")
    assert last["sentence"] == f'It last matched "order-1", which was accepted at {accepted:%Y-%m-%d %H:%M:%S} UTC.'


def test_a_filter_that_never_matched_is_looked_for_in_all_that_is_retained(scene: Scene) -> None:
    for number in range(3):
        scene.publish(f"order-{number}", total=1)
    scene.publish()
    last = last_matches(scene)["Large orders"]
    assert (last["event"], last["examined"], last["complete"]) == (None, 4, True)
    assert last["sentence"] == "It matched none of the 4 events that are retained."


def test_a_long_look_ends_and_says_how_far_it_came(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_match, "MAXIMUM_EVENTS", 4)
    monkeypatch.setattr(last_match, "LEAST_PER_READ", 2)
    monkeypatch.setattr(last_match, "MOST_PER_READ", 2)
    scene.publish("order-0", total=500)
    for number in range(1, 8):
        scene.publish(f"order-{number}", total=1)
    scene.publish()

    last = last_matches(scene)["Large orders"]

    assert (last["event"], last["examined"], last["complete"]) == (None, 4, False)
    assert last["sentence"].startswith("It matched none of the newest 4 events, which were accepted since 2026-03-01")
    monkeypatch.setattr(last_match, "MAXIMUM_BYTES", 1)
    assert last_matches(scene)["Large orders"]["examined"] == 2


def test_a_look_without_time_says_so(scene: Scene) -> None:
    scene.publish()
    scene.services.seconds_per_look = last_match.MAXIMUM_SECONDS + 1
    last = last_matches(scene)["Large orders"]
    assert (last["examined"], last["complete"], last["sentence"]) == (0, False, "There was no time to look at any event.")


def test_all_filters_of_an_answer_share_one_look(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        linked = f'endpointIds: ["{scene.hook}"], name: "f{number}"'
        condition = f'{{pattern: "{{\\"data\\":{{\\"total\\":[{number}]}}}}"}}'
        scene.do(f"createEventFilters({linked}, eventFiltersInput: {condition}) {{ id }}")
    scene.later()
    for number in (1, 4, 9):
        scene.publish(f"order-{number}", total=number)
    scene.publish()
    looks: list[int] = []
    find = last_match.LastMatches.find

    def counted(self: last_match.LastMatches, workspace_id: str, conditions: Any) -> Any:
        looks.append(len(conditions))
        return find(self, workspace_id, conditions)

    monkeypatch.setattr(last_match.LastMatches, "find", counted)

    found = last_matches(scene)

    assert {name: one["event"] and one["event"]["id"] for name, one in found.items()} == {
        "Large orders": None, "f0": None, "f1": "order-1", "f2": None, "f3": None, "f4": "order-4",
    }  # fmt: skip
    assert looks == [6]
    scene.explain()
    assert looks == [6]


def test_the_service_s_own_events_match_only_filters_that_name_them() -> None:
    services = FakeServices()
    own = builders.an_event(id="own", type="event-service.endpoint.disabled", date=WHEN, workspace_id=WORKSPACE, created=WHEN)
    services.publishing().events.append(own)
    everything, named = {"pattern": {"workspaceId": [WORKSPACE]}}, {"in": {"eventTypes": [own.type]}}

    found = services.last_matches().find(WORKSPACE, [everything, named])

    assert [one.event for one in found] == [None, own]


def test_an_event_that_could_not_be_judged_is_no_match(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.publish(total=1)
    monkeypatch.setattr(last_match, "STEPS_PER_EVENT", 0)
    assert last_matches(scene)["Large orders"]["event"] is None
