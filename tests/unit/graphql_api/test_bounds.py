"""What one request costs is bounded before it is read, and is felt by no other request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.aws.sqs import Queues
from event_service.base.errors import BadUserInput, TooLarge
from event_service.base.identifiers import new_id
from event_service.delivery.attempt import Attempt
from event_service.events.publishing import Publishing
from event_service.events.reading import EventsReading
from event_service.events.storage.events import DynamoEventStore, EventItem
from event_service.events.storage.queue import SqsRoutingQueue
from event_service.filters.event_filter import EventFilter
from functions.graphql_api import answers, limits
from functions.graphql_api.routes import graphql as graphql_route
from functions.graphql_api.time_left import ANSWER_SECONDS, ANSWERED_WITHIN_SECONDS, time_left_of
from tests import builders
from tests.fakes.events import FakeEventIndexes, FakeEventStore, FakeSqsClient
from tests.fakes.graphql_services import FakeServices
from tests.unit.graphql_api.door import OTHER_TOKEN, TOKEN, WORKSPACE, Door, Response

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class WithEvents(FakeServices):
    """Reads events by the real use case, over a store and indexes in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.add_token(TOKEN, WORKSPACE)
        self.store = FakeEventStore(lambda: AT)
        self.indexes = FakeEventIndexes(self.store)
        self.reading = EventsReading(self.store, self.indexes, lambda: AT)

    def events_reading(self) -> EventsReading:  # type: ignore[override]
        return self.reading

    def add(self, number: int, data: dict[str, Any] | None = None, event_type: str = "a") -> None:
        for one in range(number):
            at = AT - timedelta(seconds=number - one)
            self.store.put(
                [builders.an_event(id=f"e{one:05d}", type=event_type, date=at, data=data or {}, workspace_id=WORKSPACE, created=at)], "00"
            )


class Endless:
    """A database in which a query never comes to an end; ``calls`` are noted."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun = threading.Event()
        self.gate = threading.Event()

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls += 1
        self.begun.set()
        self.gate.wait(10)
        return {"Items": [], "Count": 0, "LastEvaluatedKey": {"key": {"S": "k"}}}

    def count(self, *_: Any) -> int:
        """As a use case that reads on and on."""
        database = Database(self, str)  # type: ignore[arg-type]
        return sum(1 for _ in database.query_all(EventItem, EventItem.key == "k"))


# -- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "links", "objects"),
    [
        ("{ endpoints(pagination: {limit: 1000}) { collectionItems { eventFilters { id } } } }", "event_filter_ids_of", "event_filters"),
        ("{ eventsFilters(pagination: {limit: 1000}) { collectionItems { endpoints { id } } } }", "endpoint_ids_of", "endpoints"),
    ],
)
def test_linked_objects_are_counted_before_they_are_read(
    query: str, links: str, objects: str, door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(300):
        services.put_endpoint(WORKSPACE, new_id())
        services.put_event_filter(WORKSPACE, new_id())
    linked = {new_id() for _ in range(1_000)}
    read: list[int] = []

    def objects_of(workspace_id: str, ids: Any) -> dict[str, EventFilter]:
        read.append(len(ids))
        return {}

    monkeypatch.setattr(services.rows, links, lambda workspace_id, ids: dict.fromkeys(ids, linked))
    monkeypatch.setattr(services.rows, objects, objects_of)

    response = door.ask(query).json

    assert {error["extensions"]["code"] for error in response["errors"]} == {"TOO_LARGE"}
    assert read == []


def test_nothing_of_a_request_goes_on_after_its_answer(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Endless()
    monkeypatch.setattr(limits, "QUERY_SECONDS", 0.05)
    monkeypatch.setattr(limits, "MAXIMUM_COUNTS", 30)
    monkeypatch.setattr(services.events_reading(), "count", database.count)

    response = door.ask("{" + " ".join(f"a{number}: events {{ totalCount }}" for number in range(30)) + "}")
    before = database.calls
    database.gate.set()
    for thread in [one for one in threading.enumerate() if one.name.startswith("use-case")]:
        thread.join(10)

    assert response.code == "TOO_LARGE"
    # What was asked of AWS is answered; none of the ten threads asks again, none of the twenty that waited begins.
    assert before <= 10
    assert database.calls == before


@pytest.mark.parametrize(
    ("field", "expensive"),
    [
        ("events { totalCount }", True),
        ('events(filters: {activityId: {exact: "a"}}) { totalCount }', True),
        ("deliveries { totalCount }", True),
        ('deliveries(filters: {endpointId: {exact: "83b70c55-759f-4c42-952c-fcd75c9b4bf5"}}) { totalCount }', True),
        ('events(filters: {id: {exact: "e"}}) { totalCount }', False),
        ('deliveries(filters: {eventId: {exact: "e"}}) { totalCount }', False),
        ("events { hasNextPage }", False),
    ],
)
def test_one_request_counts_at_most_five_whole_lists(field: str, expensive: bool, door: Door, services: FakeServices) -> None:
    def ask(number: int) -> Response:
        return door.ask("{" + " ".join(f"a{one}: {field}" for one in range(number)) + "}")

    assert "errors" not in ask(5).json
    before = services.events_reading().counts + services.deliveries().counts
    response = ask(30)

    if expensive:
        assert response.code == "TOO_LARGE"
        assert "at most 5 lists" in response.error["message"]
        assert services.events_reading().counts + services.deliveries().counts <= before + 5
    else:
        assert "errors" not in response.json


def test_totals_of_the_lists_below_objects_count_as_well(door: Door, services: FakeServices) -> None:
    for _ in range(6):
        services.put_endpoint(WORKSPACE, new_id())

    query = "{ endpoints(pagination: {limit: %d}) { collectionItems { deliveries { totalCount } } } }"

    assert "errors" not in door.ask(query % 5).json
    assert {error["extensions"]["code"] for error in door.ask(query % 6).json["errors"]} == {"TOO_LARGE"}


def test_nothing_goes_on_when_a_field_fails_before_its_siblings_are_read(
    door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error where null is not allowed is the answer at once, although other fields are still being read."""
    database = Endless()
    monkeypatch.setattr(services.events_reading(), "count", database.count)

    def fail(*_: Any) -> str:
        assert database.begun.wait(10)
        raise BadUserInput("id: it is not a UUID.")

    monkeypatch.setattr(services.configuration().secrets, "current", fail)

    response = door.ask('{ events { totalCount } endpointSecret(id: "x") }')
    before = database.calls
    database.gate.set()
    for thread in [one for one in threading.enumerate() if one.name.startswith("use-case")]:
        thread.join(10)

    assert response.code == "BAD_USER_INPUT"
    assert before == 1
    assert database.calls == before


def test_a_request_that_was_cut_short_takes_no_threads_from_the_next(
    door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda freezes a process with its threads: they wait at the expense of whoever asks next."""
    database = Endless()
    monkeypatch.setattr(services.events_reading(), "count", database.count)
    with monkeypatch.context() as patch:
        patch.setattr(limits, "QUERY_SECONDS", 0.05)
        patch.setattr(limits, "MAXIMUM_COUNTS", 30)
        door.ask("{" + " ".join(f"a{number}: events {{ totalCount }}" for number in range(30)) + "}")

    assert not database.gate.is_set()
    assert door.ask("{ endpoints { totalCount } }", token=OTHER_TOKEN).data == {"endpoints": {"totalCount": 0}}
    database.gate.set()


def test_a_list_without_data_unpacks_none() -> None:
    services = WithEvents()
    services.add(200, {"text": "x" * 1_000})

    items = Door(services).ask("{ events(pagination: {limit: 200}) { collectionItems { id type } } }").data["events"]["collectionItems"]

    assert len(items) == 200
    assert services.store.unpacked == 0


def test_all_lists_of_a_request_together_have_what_one_answer_can_hold() -> None:
    """Thirty pages of 4 MB would be 120 MB of JSON, and a gigabyte in memory."""
    services = WithEvents()
    services.add(40, {"text": "x" * 100_000})
    pages = " ".join(f"a{number}: events {{ collectionItems {{ data }} }}" for number in range(30))

    response = Door(services).ask(f"{{ {pages} }}")

    assert {error["extensions"]["code"] for error in response.json["errors"]} == {"TOO_LARGE"}
    # Fifty fit. Each of the thirty lists may have one more in its hands when it is told so, and one in the queue behind it:
    # how many do depends on the threads. Without the budget it would be 1,200.
    assert services.store.unpacked <= limits.MAXIMUM_ANSWER_BYTES // 100_000 + 2 * 30


@pytest.mark.parametrize("limit", [1, 10, 100])
def test_a_page_of_one_type_costs_what_it_is_worth_when_all_events_have_it(limit: int) -> None:
    services = WithEvents()
    services.add(5_000, event_type="IDENTIFICATION")
    query = (
        'query($limit: Int) { events(filters: {type: {exact: "identification"}}, pagination: {limit: $limit}) { collectionItems { id } } }'
    )

    items = Door(services).ask(query, {"limit": limit}).data["events"]["collectionItems"]

    assert len(items) == limit
    assert services.indexes.entries_read <= 64 + 4 * limit


def test_a_rare_type_is_found_although_reading_begins_small() -> None:
    services = WithEvents()
    services.add(2_000)
    at = AT - timedelta(hours=2)
    services.store.put([builders.an_event(id="rare", type="b", date=at, workspace_id=WORKSPACE, created=at)], "00")

    found = Door(services).ask('{ events(filters: {type: {exact: "B"}}, pagination: {limit: 1}) { collectionItems { id } } }')

    assert found.data == {"events": {"collectionItems": [{"id": "rare"}]}}
    # Each read is twice the one before: eight for one shard.
    assert len(services.indexes.reads) <= 16 * 9


# -- mutations -----------------------------------------------------------------------------------------------------


class Time:
    """What is left of a request's time, as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.left = seconds
        monkeypatch.setattr(graphql_route, "time_left_of", lambda scope: lambda: self.left)

    def takes(self, seconds: float, use_case: Callable[..., Any]) -> Callable[..., Any]:
        """The use case, which takes so long."""

        def run(*arguments: Any, **options: Any) -> Any:
            self.left -= seconds
            return use_case(*arguments, **options)

        return run


def test_two_tests_in_one_document_answer_what_was_done(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = services.put_endpoint(WORKSPACE, new_id())
    clock = Time(monkeypatch, 27.0)
    made: list[Attempt] = []

    def test_endpoint(*arguments: Any) -> Attempt:
        made.append(services.deliveries().__class__.test_endpoint(services.deliveries(), *arguments))
        return made[-1]

    monkeypatch.setattr(services.deliveries(), "test_endpoint", clock.takes(15, test_endpoint))

    response = door.ask(f'mutation {{ a: testEndpoint(id: "{endpoint.id}") {{ error }} b: testEndpoint(id: "{endpoint.id}") {{ error }} }}')

    assert response.json["data"]["a"] is not None
    assert response.json["data"]["b"] is None
    assert response.code == "TOO_LARGE"
    assert "not begun" in response.error["message"]
    assert "12 s are left" in response.error["message"]
    assert len(made) == 1


def test_two_replays_in_one_document_share_the_time(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = services.put_endpoint(WORKSPACE, new_id())
    clock = Time(monkeypatch, 27.0)
    replay = services.replay()
    given: list[float] = []

    def run(*arguments: Any, dry_run: bool) -> Any:
        given.append(arguments[-1]())
        clock.left -= 15
        return replay.replay(*arguments, dry_run=dry_run)

    monkeypatch.setattr(services, "replay", lambda: type("", (), {"replay": staticmethod(run)}))
    call = f'replayEvents(endpointId: "{endpoint.id}", since: "2026-03-01T00:00:00Z") {{ ok count continueSince }}'

    response = door.ask(f"mutation {{ a: {call} b: {call} c: {call} }}")

    assert given == [27.0, 12.0]
    assert [response.json["data"][name] is not None for name in "abc"] == [True, True, False]
    assert response.code == "TOO_LARGE"


def test_a_mutation_that_could_not_end_in_time_is_not_begun(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    Time(monkeypatch, limits.CHANGE_SECONDS - 0.1)

    response = door.ask('mutation { createWebSocketEndpoint(name: "a") { id } }')

    assert response.code == "TOO_LARGE"
    assert "not begun" in response.error["message"]
    assert services.calls["changes.append"] == 0


def test_a_mutation_that_began_is_not_cut_short(door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Time(monkeypatch, limits.CHANGE_SECONDS)
    endpoints = services.configuration().endpoints
    monkeypatch.setattr(endpoints, "create", clock.takes(30, endpoints.create))
    monkeypatch.setattr(limits, "QUERY_SECONDS", 0.0)

    assert door.ask('mutation { createWebSocketEndpoint(name: "a") { name } }').data == {"createWebSocketEndpoint": {"name": "a"}}


class Invocation:
    """Lambda's context with so much time left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.mark.parametrize(
    ("scope", "seconds"),
    [
        ({}, ANSWERED_WITHIN_SECONDS),
        ({"aws.context": Invocation(10_000)}, 10.0),
        ({"aws.context": Invocation(28_900)}, 28.9),
        ({"aws.event": {"requestContext": {"timeEpoch": 8}}, "aws.context": Invocation(28_000)}, ANSWERED_WITHIN_SECONDS - 8.0),
        ({"aws.event": {"requestContext": {"timeEpoch": 3_600}}}, ANSWERED_WITHIN_SECONDS),
        ({"aws.event": {"requestContext": {"timeEpoch": -60}}}, ANSWERED_WITHIN_SECONDS),
    ],
    ids=["local", "lambda", "both", "cold start", "stored event", "other clock"],
)
def test_the_time_left_is_what_lambda_and_api_gateway_leave(scope: dict[str, Any], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1_000.0)
    monkeypatch.setattr(time, "time", lambda: 5_000.0)
    if "aws.event" in scope:
        context = scope["aws.event"]["requestContext"]
        scope = {**scope, "aws.event": {"requestContext": {"timeEpoch": (5_000 - context["timeEpoch"]) * 1_000}}}

    assert time_left_of(scope)() == pytest.approx(seconds - ANSWER_SECONDS)


# -- publishing ----------------------------------------------------------------------------------------------------


class Counting:
    """A database that takes everything and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._lock = threading.Lock()

    def dispatch(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls += 1
        return {}


class WithPublishing(FakeServices):
    """Publishes by the real use case, into a database that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.add_token(TOKEN, WORKSPACE)
        self.database = Counting()
        self.sqs = FakeSqsClient()
        store = DynamoEventStore(Database(self.database, str), lambda: AT, 14)  # type: ignore[arg-type]
        queues = Queues(lambda: self.sqs)  # type: ignore[arg-type,return-value]
        self.real = Publishing(store, SqsRoutingQueue(queues, "url"), lambda: AT)

    def publishing(self) -> Publishing:  # type: ignore[override]
        return self.real


@pytest.mark.parametrize("chosen", [0, 50, 100], ids=["our ids", "half of them", "the publisher's ids"])
def test_the_worst_publish_takes_less_than_250_calls(chosen: int) -> None:
    services = WithPublishing()
    profiles = [{"profile_id": f"p{number}"} for number in range(300)]
    events = [
        {"type": "a", "data": {"identification_data": profiles, "activity_id": "x"}, **({"id": f"id {number}"} if number < chosen else {})}
        for number in range(100)
    ]

    published = Door(services).ask("mutation($e: [EventInput!]!) { publishEvents(events: $e) { ok ids } }", {"e": events})

    assert len(published.data["publishEvents"]["ids"]) == 100
    assert services.database.calls + len(services.sqs.calls) <= 250


# -- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["я" * 30_000, "語" * 20_000, "\N{GRINNING FACE}" * 15_000])
def test_an_answer_that_lambda_escapes_is_measured_escaped(
    text: str, door: Door, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime for Python 3.11 does."""
    monkeypatch.setattr(answers, "_ASCII_ONLY", True)
    now = services.clock()
    services.publishing().events.extend(
        builders.an_event(id=f"e-{number}", type="A", date=now, data={"text": text}, workspace_id=WORKSPACE, created=now)
        for number in range(50)
    )

    response = door.ask("{ events { collectionItems { id data } } }")

    assert response.code == "TOO_LARGE"
    fitting = int(response.error["message"].split("limit: ")[1].split("}")[0])
    fits = door.ask(f"{{ events(pagination: {{limit: {fitting}}}) {{ collectionItems {{ id data }} }} }}")
    assert "errors" not in fits.json
    assert len(json.dumps(fits.body.decode())) <= limits.MAXIMUM_ESCAPED_ANSWER_BYTES + 2
    assert door.ask(f"{{ events(pagination: {{limit: {fitting + 1}}}) {{ collectionItems {{ id data }} }} }}").code == "TOO_LARGE"


def test_an_expectation_is_checked_against_all_that_was_expected() -> None:
    nodes = limits.NodeBudget()

    nodes.expect(limits.MAXIMUM_NODES)
    nodes.take(limits.MAXIMUM_NODES)
    with pytest.raises(TooLarge):
        nodes.expect(1)
