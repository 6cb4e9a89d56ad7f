"""A batch holds messages of many workspaces: what is wrong with one is felt by no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from event_service.base.errors import DomainError, RateLimited, Unavailable
from event_service.configuration.changes import ChangeSet, DeleteEventFilters, Link, PutEndpoint, PutEventFilter
from event_service.configuration.endpoint import EndpointType, Settings
from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.filters.event_filter import EventFilter
from event_service.filters.matching.budget import STEPS_PER_EVENT, Budget
from event_service.routing import fan_out, router
from event_service.routing.fan_out import STEPS_PER_MESSAGE
from event_service.routing.refused_filters import FILTER_REFUSED, RefusedFilterEvents
from event_service.routing.router import SECONDS_TO_FINISH
from event_service.routing.table import RefusedFilter
from event_service.routing.work import ReceivedMessage, RoutingReport
from functions.event_router.handler import create_handler
from tests import builders
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows
from tests.fakes.events import FakeEventStore, FakeRefusedFilterReports, FakeRoutingQueue, FakeSocketLog, FakeWebhookQueue
from tests.fakes.graphql_services import FakeServices
from tests.wiring import new_routing, outlets

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STORED_AT = "2026-03-01T12:00:00.000000+00:00"
SICK = "aaaaaaaa-0000-4000-8000-000000000000"
HEALTHY = "bbbbbbbb-0000-4000-8000-000000000000"
FAULTS = [
    ValueError("change set operation 'setQuota' is not known to this version"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    KeyError("newer field"),
    Unavailable("DynamoDB: timed out"),
    RateLimited("busy"),
]


def endpoint_id(workspace_id: str, number: int = 0) -> str:
    return f"e{workspace_id[1:-4]}{number:04d}"


class House:
    """A router for two workspaces, each with a webhook for everything."""

    def __init__(self) -> None:
        self.log = FakeChangeLog()
        self.rows = FakeConfigurationRows(lambda: AT)
        self.store = FakeEventStore(lambda: AT)
        self.webhooks = FakeWebhookQueue()
        self.sockets = FakeSocketLog()
        self.queue = FakeRoutingQueue()
        self.refused = FakeRefusedFilterReports()
        self.seconds_left = 60.0
        self.routing = new_routing(
            self.log,
            self.rows,
            store=self.store,
            outlets=outlets(self.webhooks, self.sockets),
            queue=self.queue,
            refused_filters=self.refused,
        )
        self.tables = self.routing._tables
        for workspace_id in (SICK, HEALTHY):
            self.configure(workspace_id, PutEndpoint(an_endpoint(workspace_id)))

    def configure(self, workspace_id: str, *operations: Any) -> None:
        head = self.log.head(workspace_id)
        one = replace(a_change(head.version + 1 if head else 1, *operations), workspace_id=workspace_id)
        self.log.append(one)
        self.rows.apply(one)
        self.log.mark_applied(workspace_id, one.version)

    def route(self, *batch: ReceivedMessage) -> RoutingReport:
        return self.routing.route(batch, lambda: self.seconds_left)

    @property
    def handed_over(self) -> list[str]:
        """The ids of the events, in order."""
        return [message.delivery.event_id for message in self.webhooks.sent]


def an_endpoint(workspace_id: str, number: int = 0) -> Any:
    from event_service.configuration.endpoint import EndpointType
    from tests.unit.routing.configurations import endpoint

    return replace(endpoint(endpoint_id(workspace_id, number), EndpointType.WEB_HOOK), workspace_id=workspace_id)


def a_change(version: int, *operations: Any) -> ChangeSet:
    from tests.unit.routing.configurations import change

    return change(version, *operations)


def received(workspace_id: str, event_id: str, receives: int = 1, events: int = 1, **changes: Any) -> ReceivedMessage:
    """A message whose events are ``<event_id>``, or ``<event_id>0``, … when there are several."""
    ids = [event_id] if events == 1 else [f"{event_id}{number}" for number in range(events)]
    own = tuple(builders.an_event(id=one, type="a", date=AT, workspace_id=workspace_id, created=AT) for one in ids)
    message = RoutingMessage(workspace_id, f"{sum(event_id.encode()):032x}", STORED_AT, own, **changes)
    return ReceivedMessage(message, repeat=receives > 1, receives=receives, receipt=event_id)


@pytest.fixture
def house() -> House:
    return House()


# -- whatever is raised --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_workspace_whose_table_cannot_be_read_fails_alone(house: House, fault: Exception) -> None:
    after = house.log.after

    def fail(workspace_id: str, version: int, limit: int) -> Any:
        if workspace_id == SICK:
            raise fault
        return after(workspace_id, version, limit)

    house.log.after = fail  # type: ignore[method-assign]

    report = house.route(received(SICK, "a"), *[received(HEALTHY, f"b{number}") for number in range(8)], received(SICK, "c"))

    assert report.failed == [0, 9]
    assert house.handed_over == [f"b{number}" for number in range(8)]
    assert report.faults == (0 if isinstance(fault, DomainError | Unavailable) else 2)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("step", ["matching", "storing", "continuing", "writing rows"])
def test_a_message_that_fails_at_any_step_fails_alone(house: House, fault: Exception, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if any(SICK in repr(argument) for argument in arguments):
                raise fault
            return real(*arguments, **options)

        return call

    if step == "matching":
        table = house.tables.current(SICK)
        table.endpoints_for = broken(table.endpoints_for)  # type: ignore[method-assign]
    elif step == "storing":
        house.store.put_if_absent = broken(house.store.put_if_absent)  # type: ignore[method-assign]
    elif step == "writing rows":
        house.store.write_rows = broken(house.store.write_rows)  # type: ignore[method-assign]
        house.queue.send = broken(house.queue.send)  # type: ignore[method-assign]
    else:
        monkeypatch.setattr(fan_out, "LEAST_CALLS_PER_MESSAGE", 0)
        house.routing._calls_per_invocation = 0
        for workspace_id in (SICK, HEALTHY):
            house.configure(workspace_id, *[PutEndpoint(an_endpoint(workspace_id, number)) for number in range(1, 20)])
        house.queue.send = broken(house.queue.send)  # type: ignore[method-assign]

    report = house.route(received(HEALTHY, "1"), received(SICK, "a"), received(HEALTHY, "2"))

    assert report.failed == [1]
    assert {one.delivery.event_id for one in house.webhooks.sent if one.delivery.workspace_id == HEALTHY} == {"1", "2"}


@pytest.mark.parametrize("step", ["owners", "send"])
def test_each_message_is_routed_alone_when_a_step_they_share_breaks(house: House, step: str) -> None:
    """Some may have been handed over before it broke: they say that they may be repeats."""
    if step == "owners":

        def fail(operation: str, ids: list[str]) -> None:
            if operation == "owners" and "a" in ids:
                raise ValueError("a stored item that this release cannot read")

        house.store.before = fail
    else:
        send = house.webhooks.send

        def send_or_fail(messages: Any, time_left: Any) -> Any:
            if any(message.delivery.event_id == "a" for message, _ in messages):
                raise TypeError("a message that this release cannot write")
            return send(messages, time_left)

        house.webhooks.send = send_or_fail  # type: ignore[method-assign,assignment]

    report = house.route(received(HEALTHY, "1"), received(SICK, "a"), received(HEALTHY, "2"))

    assert report.failed == [1]
    assert house.handed_over == ["1", "2"]
    assert all(message.repeat for message in house.webhooks.sent)
    assert (report.events, report.faults) == (2, 1)


def test_memory_that_ran_out_is_given_back(house: House) -> None:
    house.route(received(HEALTHY, "1"), received(SICK, "a"))
    table = house.tables.current(SICK)

    def exhaust(event: Event, budget: Budget | None = None) -> set[str]:
        raise MemoryError

    table.endpoints_for = exhaust  # type: ignore[method-assign]
    assert house.route(received(SICK, "b")).failed == [0]

    assert house.route(received(SICK, "b")).failed == []


def test_one_sick_workspace_fails_no_other_through_the_function() -> None:
    """A newer release wrote a change that this one does not know, during a roll-back."""
    services = FakeServices()
    endpoints = services.configuration().endpoints
    for workspace_id in (SICK, HEALTHY):
        endpoints.create(workspace_id, EndpointType.WEB_HOOK, "hook", Settings("https://web-hook.server.com"))
    log = services.change_log
    after = log.after

    def unknown(workspace_id: str, version: int, limit: int) -> Any:
        if workspace_id == SICK:
            raise ValueError("change set operation 'setQuota' is not known to this version")
        return after(workspace_id, version, limit)

    log.after = unknown  # type: ignore[method-assign]
    webhooks = FakeWebhookQueue()
    routing = new_routing(
        log,
        services.rows,
        store=FakeEventStore(lambda: AT),
        outlets=outlets(webhooks, FakeSocketLog()),
        queue=FakeRoutingQueue(),
        refused_filters=FakeRefusedFilterReports(),
    )
    handler = create_handler(lambda: routing)

    answer = handler({"Records": [record(SICK, 1), *[record(HEALTHY, number) for number in range(2, 10)], broken_record()]}, Context())

    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == ["unreadable", "a1"]
    assert len(webhooks.sent) == 8


class Context:
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def record(workspace_id: str, number: int) -> dict[str, Any]:
    return {
        "messageId": f"{workspace_id[:1]}{number}",
        "receiptHandle": f"receipt-{number}",
        "body": received(workspace_id, f"e{number}").message.text(),
        "attributes": {"ApproximateReceiveCount": "1"},
    }


def broken_record() -> dict[str, Any]:
    return {
        "messageId": "unreadable",
        "receiptHandle": "receipt",
        "body": "[" * 100_000,
        "attributes": {"ApproximateReceiveCount": "1"},
    }


# -- what may end an invocation ------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: nothing handles it."""


def killer(house: House, event_id: str) -> None:
    """Planning the message with this event ends the invocation."""
    table = house.tables.current(SICK)
    real = table.endpoints_for

    def kill(event: Event, budget: Budget | None = None) -> set[str]:
        if event.id == event_id:
            raise Killed
        return real(event, budget)

    table.endpoints_for = kill  # type: ignore[method-assign]


def test_suspects_are_routed_alone_once_the_others_are_removed(house: House) -> None:
    killer(house, "killer")

    with pytest.raises(Killed):
        house.route(
            received(SICK, "killer", receives=3),
            received(HEALTHY, "new"),
            received(HEALTHY, "unlucky", receives=2),
            received(SICK, "also new"),
        )

    assert house.handed_over == ["new", "also new", "unlucky"]
    assert house.queue.deleted == ["new", "also new", "unlucky"]
    # And should it not come to an end, the rest need not wait for minutes.
    assert house.queue.shown_again == [("unlucky", 65), ("killer", 65)]


def test_messages_received_once_cost_no_call_more(house: House) -> None:
    house.route(received(HEALTHY, "1"), received(SICK, "2"))

    assert (house.queue.deleted, house.queue.shown_again) == ([], [])


def test_one_suspect_by_itself_costs_no_call_more(house: House) -> None:
    assert house.route(received(HEALTHY, "1", receives=2)).failed == []

    assert (house.queue.deleted, house.queue.shown_again) == ([], [])


def test_a_failed_message_is_not_removed(house: House) -> None:
    house.webhooks.refusing = {endpoint_id(SICK)}

    report = house.route(received(SICK, "a"), received(HEALTHY, "1"), received(HEALTHY, "2", receives=2))

    assert report.failed == [0]
    assert house.queue.deleted == ["1"]


@pytest.mark.parametrize(("receives", "seconds"), [(1, 15), (2, 60), (3, None)])
def test_what_failed_comes_again_soon_at_first(house: House, receives: int, seconds: int | None) -> None:
    house.webhooks.refusing = {endpoint_id(SICK)}

    house.route(received(SICK, "a", receives=receives))

    assert house.queue.shown_again == ([("a", seconds)] if seconds else [])


# -- time ----------------------------------------------------------------------------------------------------------


def test_what_the_time_does_not_suffice_for_goes_back_as_it_came(house: House) -> None:
    table = house.tables.current(HEALTHY)
    real = table.endpoints_for

    def slow(event: Event, budget: Budget | None = None) -> set[str]:
        house.seconds_left -= 20
        return real(event, budget)

    table.endpoints_for = slow  # type: ignore[method-assign]

    report = house.route(*[received(HEALTHY, str(number)) for number in range(5)])

    assert house.handed_over == ["0", "1", "2"]
    assert report.failed == [3, 4]
    assert house.queue.shown_again == [("3", 0), ("4", 0)]
    assert report.faults == 0


def test_a_message_is_not_cut_in_the_middle_when_the_time_is_up(house: House) -> None:
    table = house.tables.current(HEALTHY)
    real = table.endpoints_for

    def slow(event: Event, budget: Budget | None = None) -> set[str]:
        house.seconds_left -= 20
        return real(event, budget)

    table.endpoints_for = slow  # type: ignore[method-assign]

    report = house.route(received(HEALTHY, "x", events=5))

    assert (report.failed, house.handed_over) == ([0], [])


def test_nothing_is_begun_with_too_little_time(house: House) -> None:
    house.seconds_left = SECONDS_TO_FINISH - 0.1

    report = house.route(received(HEALTHY, "1"), received(HEALTHY, "2", receives=2))

    assert report.failed == [0, 1]
    assert house.handed_over == []
    assert house.store.items == {}


def test_suspects_that_there_is_no_time_for_go_back_too(house: House) -> None:
    table = house.tables.current(HEALTHY)
    real = table.endpoints_for

    def slow(event: Event, budget: Budget | None = None) -> set[str]:
        house.seconds_left -= 50
        return real(event, budget)

    table.endpoints_for = slow  # type: ignore[method-assign]

    report = house.route(received(HEALTHY, "1", receives=2), received(HEALTHY, "2", receives=3))

    assert (house.handed_over, report.failed) == (["1"], [1])
    assert house.queue.shown_again[-1] == ("2", 0)


# -- matching that costs much --------------------------------------------------------------------------------------


class Costly:
    """A matcher whose every event takes so many steps, or all there are."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.estimated_bytes = 1

    def add_stored(self, filter_id: str, condition: Any, /) -> str | None:
        return None

    def remove(self, filter_id: str, /) -> None:
        raise AssertionError

    def matches(self, event: Any, budget: Budget, /) -> set[str]:
        spent = min(budget.left, self.steps)
        budget.left -= spent
        budget.undecided += spent < self.steps
        return {FILTER}


FILTER = "f0000000-0000-4000-8000-000000000000"


def with_costly_filters(house: House, steps: int) -> None:
    house.configure(SICK, PutEventFilter(a_filter({"in": {"eventTypes": ["x"]}})), Link((endpoint_id(SICK),), (FILTER,)))
    house.tables.current(SICK)._matcher = Costly(steps)


def a_filter(condition: dict[str, Any], workspace_id: str = SICK) -> EventFilter:
    return EventFilter(FILTER, workspace_id, "mine", condition, AT, AT)


def test_all_events_of_a_message_share_one_budget(house: House) -> None:
    with_costly_filters(house, STEPS_PER_EVENT)
    events = 2 * STEPS_PER_MESSAGE // STEPS_PER_EVENT

    report = house.route(received(SICK, "x", events=events))

    # What the budget did not suffice for counts as a match: an event too many is delivered, never one too few.
    assert len(house.handed_over) == events
    assert report.undecided_filters == events // 2


def test_a_workspace_whose_filters_take_long_is_served_after_the_others(house: House) -> None:
    with_costly_filters(house, STEPS_PER_EVENT)

    report = house.route(*[received(SICK, f"a{number}", events=4) for number in range(3)], received(HEALTHY, "1"))

    sent = [(one.delivery.workspace_id, one.delivery.event_id) for one in house.webhooks.sent]
    assert report.failed == []
    assert len(sent) == 13
    # The first message of the slow one shows that it is slow; the others come when the neighbour has been served.
    assert sent.index((HEALTHY, "1")) == 4


def test_tables_too_large_to_hold_at_once_are_used_one_after_the_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "MAXIMUM_BYTES_IN_HAND", 1)
    sends: list[int] = []
    send = house.webhooks.send

    def count(messages: Any, time_left: Any) -> list[int]:
        sends.append(len(messages))
        return send(messages, time_left)

    house.webhooks.send = count  # type: ignore[method-assign,assignment]

    assert house.route(received(SICK, "a"), received(HEALTHY, "1"), received(SICK, "b")).failed == []

    assert sends == [2, 1]


# -- conditions that this release refuses --------------------------------------------------------------------------

UNKNOWN = {"pattern": {"data": {"x": [{"regex": "a+"}]}}}


def nested(depth: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"x": [1]}
    for _ in range(depth):
        condition = {"x": condition}
    return {"pattern": {"data": condition}}


@pytest.mark.parametrize("condition", [UNKNOWN, nested(100_000), {"in": 7}, {"by": {}}], ids=["operator", "deep", "kind", "key"])
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "followed"])
def test_a_refused_stored_condition_matches_nothing_and_stops_nobody(house: House, condition: dict[str, Any], loaded: bool) -> None:
    filtered = endpoint_id(SICK, 1)
    if not loaded:
        house.tables.current(SICK)
    house.configure(SICK, PutEndpoint(an_endpoint(SICK, 1)), PutEventFilter(a_filter(condition)), Link((filtered,), (FILTER,)))

    report = house.route(received(SICK, "a"))

    assert (report.failed, report.refused_filters) == ([], 1)
    assert house.webhooks.pairs == [(endpoint_id(SICK), "a")]
    ((workspace_id, refused),) = house.refused.announced
    assert (workspace_id, [one.event_filter.id for one in refused]) == (SICK, [FILTER])
    assert house.route(received(SICK, "b")).refused_filters == 0
    assert len(house.refused.announced) == 1


@pytest.mark.parametrize(
    "repair",
    [lambda: PutEventFilter(a_filter({"in": {"eventTypes": ["x"]}})), lambda: DeleteEventFilters((FILTER,))],
    ids=["changed", "deleted"],
)
def test_a_condition_that_was_repaired_meanwhile_is_not_announced(house: House, repair: Callable[[], Any]) -> None:
    house.tables.current(SICK)
    house.configure(SICK, PutEventFilter(a_filter(UNKNOWN)))
    house.configure(SICK, repair())

    assert house.route(received(SICK, "a")).refused_filters == 0


def test_a_refused_condition_is_named_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.configure(SICK, PutEventFilter(a_filter(UNKNOWN)))

    house.route(received(SICK, "a"))

    (line,) = [one for one in caplog.records if "match nothing" in one.getMessage()]
    assert FILTER in line.getMessage()
    assert "regex" in line.getMessage()
    assert (line.workspace_id, line.event_filter_id) == (SICK, FILTER)  # type: ignore[attr-defined]


def test_that_it_cannot_be_announced_fails_no_message(house: House) -> None:
    house.configure(SICK, PutEventFilter(a_filter(UNKNOWN)))
    house.refused.fault = Unavailable("SQS")

    assert house.route(received(SICK, "a")).failed == []


def test_the_same_refused_filters_are_announced_by_the_same_event() -> None:
    published: list[tuple[str, str, dict[str, Any], str | None]] = []

    class Publisher:
        def publish_operational(self, workspace_id: str, event_type: str, data: dict[str, Any], event_id: str | None = None) -> None:
            published.append((workspace_id, event_type, data, event_id))

    announce = RefusedFilterEvents(Publisher).filters_refused
    refused = RefusedFilter(a_filter(UNKNOWN), "regex is not an operator")
    announce(SICK, [refused])
    announce(SICK, [refused])
    announce(SICK, [RefusedFilter(replace(refused.event_filter, modified=AT.replace(day=2)), refused.reason)])

    assert published[0][:3] == (
        SICK,
        FILTER_REFUSED,
        {"count": 1, "eventFilters": [{"id": FILTER, "name": "mine", "reason": "regex is not an operator"}]},
    )
    ids = [one[3] for one in published]
    assert ids[0] == ids[1] != ids[2]


# -- rows that are written later -----------------------------------------------------------------------------------


def test_events_whose_rows_are_missing_are_routed_first_and_finished_then(house: House) -> None:
    operations: list[str] = []
    house.store.before = lambda operation, ids: operations.append(f"{operation} after {len(house.handed_over)}")

    house.route(received(HEALTHY, "x"))

    assert operations == ["owners after 0", "put_if_absent after 0", "write_rows after 1"]
    assert house.store.rows_missing == set()


def test_rows_that_cannot_be_written_are_written_by_a_message_of_their_own(house: House) -> None:
    def throttle(operation: str, ids: list[str]) -> None:
        if operation == "write_rows":
            raise RateLimited("busy")

    house.store.before = throttle

    report = house.route(received(HEALTHY, "x"))

    assert (report.failed, house.handed_over) == ([], ["x"])
    (rest,) = house.queue.sent
    assert rest.rows_only
    assert house.route(ReceivedMessage(rest, repeat=False)).failed == [0]
    house.store.before = lambda operation, ids: None
    report = house.route(ReceivedMessage(rest, repeat=False))
    assert (report.failed, report.events, house.handed_over) == ([], 0, ["x"])
    assert house.store.rows_missing == set()


def test_endpoints_with_missing_rows_get_their_events_later(house: House) -> None:
    """Where a webhook is delivered, a missing row would mean that the endpoint was deleted."""
    new = replace(a_change(2, PutEndpoint(an_endpoint(SICK, 1))), workspace_id=SICK)
    house.log.append(new)

    def refuse(operation: str) -> None:
        if operation == "rows.apply":
            raise ValueError("ItemCollectionSizeLimitExceededException")

    house.rows.before = refuse

    report = house.route(received(SICK, "a"), received(HEALTHY, "1"))

    assert report.failed == [0]
    assert house.webhooks.pairs == [(endpoint_id(SICK), "a"), (endpoint_id(HEALTHY), "1")]
    house.rows.before = lambda operation: None
    assert house.route(received(SICK, "a", receives=2)).failed == []
    assert (endpoint_id(SICK, 1), "a") in house.webhooks.pairs
