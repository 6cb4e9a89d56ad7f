"""The router: what becomes of a batch of routing messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from event_service.base.errors import RateLimited, Unavailable
from event_service.configuration.changes import DeleteEndpoints, Link, PutEndpoint, PutEventFilter
from event_service.configuration.endpoint import EndpointType
from event_service.delivery.attempt import WIDE_FROM, WIDE_SHARDS, DeliveryKey
from event_service.events.event import Event
from event_service.events.routing_message import RoutingMessage
from event_service.routing.fan_out import MAXIMUM_CONTINUATIONS
from event_service.routing.work import ReceivedMessage, RoutingReport
from event_service.webhooks.outlet import MarkingQueue
from tests import builders
from tests.builders import SettableClock
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows
from tests.fakes.delivery import Aws, FakeDeliveryLog
from tests.fakes.events import FakeEventStore, FakeRefusedFilterReports, FakeRoutingQueue, FakeSocketLog, FakeWebhookQueue
from tests.unit.routing.configurations import WORKSPACE, change, endpoint, event_filter
from tests.wiring import new_routing, outlets

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STORED_AT = "2026-03-01T12:00:00.000000+00:00"


def endpoint_id(number: int) -> str:
    return f"e0000000-0000-4000-8000-{number:012d}"


def event(event_id: str, event_type: str = "a", data: dict[str, Any] | None = None) -> Event:
    return builders.an_event(id=event_id, type=event_type, date=AT, data=data or {}, workspace_id=WORKSPACE, created=AT)


def message(nonce: int, *events: Event, repeat: bool = False, **changes: Any) -> ReceivedMessage:
    return ReceivedMessage(RoutingMessage(WORKSPACE, f"{nonce:032x}", STORED_AT, events, **changes), repeat)


class Router:
    """The router over fakes."""

    def __init__(self, hooks: int = 0, sockets: int = 0, calls: int = 1_000) -> None:
        self.clock = SettableClock(AT)
        self.log = FakeChangeLog()
        self.rows = FakeConfigurationRows(lambda: AT)
        self.store = FakeEventStore(self.clock)
        self.webhooks = FakeWebhookQueue()
        self.aws = Aws()
        self.deliveries = FakeDeliveryLog(self.aws, self.clock)
        self.marks_asked = 0
        self.sockets = FakeSocketLog()
        self.queue = FakeRoutingQueue()
        self.refused = FakeRefusedFilterReports()
        self.hooks = [endpoint_id(number) for number in range(hooks)]
        self.socket_ids = [endpoint_id(1_000_000 + number) for number in range(sockets)]
        self.configure(*[PutEndpoint(endpoint(one)) for one in self.hooks])
        self.configure(*[PutEndpoint(endpoint(one, EndpointType.WEB_SOCKET)) for one in self.socket_ids])
        self.routing = new_routing(
            self.log,
            self.rows,
            store=self.store,
            outlets=outlets(MarkingQueue(self.webhooks, self.wide_events), self.sockets),
            queue=self.queue,
            refused_filters=self.refused,
            calls_per_invocation=calls,
        )

    def wide_events(self) -> FakeDeliveryLog:
        self.marks_asked += 1
        return self.deliveries

    def configure(self, *operations: Any) -> None:
        head = self.log.head(WORKSPACE)
        one = change(head.version + 1 if head else 1, *operations)
        self.log.append(one)
        self.rows.apply(one)
        self.log.mark_applied(WORKSPACE, one.version)

    def route(self, *batch: ReceivedMessage) -> RoutingReport:
        return self.routing.route(batch, lambda: 60)

    def stored(self, received: ReceivedMessage) -> ReceivedMessage:
        self.store.put(received.message.events, received.message.nonce)
        return received

    def route_continuations(self) -> int:
        """Routes continuations until none is left; returns their number."""
        continuations = 0
        while self.queue.sent:
            sent, self.queue.sent = self.queue.sent, []
            for one in sent:
                continuations += 1
                assert self.route(ReceivedMessage(one, one.repeat)).failed == []
        return continuations


# -- whose event it is ---------------------------------------------------------------------------------------------


def test_an_event_with_the_messages_nonce_is_routed() -> None:
    router = Router(hooks=2)

    report = router.route(router.stored(message(1, event("x"))))

    assert router.webhooks.pairs == [(router.hooks[0], "x"), (router.hooks[1], "x")]
    assert (report.failed, report.events, report.deliveries, report.duplicates) == ([], 1, 2, 0)


def test_an_event_with_another_nonce_is_a_duplicate_and_is_dropped() -> None:
    router = Router(hooks=1)
    router.stored(message(1, event("x")))

    report = router.route(message(2, event("x"), event("y")))

    assert router.webhooks.pairs == [(router.hooks[0], "y")]
    assert (report.failed, report.events, report.duplicates) == ([], 1, 1)


def test_an_event_that_is_missing_is_stored_and_routed() -> None:
    router = Router(hooks=1)

    router.route(message(1, event("x")))

    assert router.webhooks.pairs == [(router.hooks[0], "x")]
    assert router.store.items[WORKSPACE, "x"].nonce == f"{1:032x}"


def test_a_publisher_that_is_faster_between_read_and_put_is_recognised() -> None:
    for publisher, routed in ((1, 1), (2, 0)):
        router = Router(hooks=1)

        def put_first(operation: str, ids: list[str], router: Router = router, publisher: int = publisher) -> None:
            if operation == "put_if_absent":
                router.store.before = lambda operation, ids: None
                router.stored(message(publisher, event("x")))

        router.store.before = put_first

        router.route(message(1, event("x")))

        assert len(router.webhooks.sent) == routed


def test_two_publishes_of_one_id_in_one_batch_are_one_event() -> None:
    router = Router(hooks=1)

    report = router.route(message(1, event("x", data={"n": 1})), message(2, event("x", data={"n": 2})))

    assert router.webhooks.pairs == [(router.hooks[0], "x")]
    assert '"n":1' in router.webhooks.sent[0].body
    assert (report.failed, report.duplicates) == ([], 1)


def test_an_event_that_expired_counts_as_absent() -> None:
    router = Router(hooks=1)
    router.stored(message(1, event("x")))
    router.clock.advance(days=14)

    router.route(message(2, event("x")))

    assert router.webhooks.pairs == [(router.hooks[0], "x")]


def test_a_workspaces_ids_are_its_own() -> None:
    router = Router(hooks=1)
    router.store.put([builders.an_event(id="x", type="a", date=AT, workspace_id="another", created=AT)], f"{9:032x}")

    router.route(message(1, event("x")))

    assert router.webhooks.pairs == [(router.hooks[0], "x")]


# -- what is handed over -------------------------------------------------------------------------------------------


def test_each_endpoint_gets_its_own_events_in_the_order_of_the_publish() -> None:
    router = Router(hooks=2, sockets=2)
    router.configure(PutEventFilter(event_filter(endpoint_id(9), {"in": {"eventTypes": ["b"]}})))
    router.configure(Link((router.hooks[1], router.socket_ids[1]), (endpoint_id(9),)))

    report = router.route(message(1, event("1", "a"), event("2", "b"), event("3", "a"), event("4", "b")))

    first, second = router.hooks
    assert [pair for pair in router.webhooks.pairs if pair[0] == first] == [(first, one) for one in "1234"]
    assert [pair for pair in router.webhooks.pairs if pair[0] == second] == [(second, one) for one in "24"]
    assert router.sockets.logs == {
        router.socket_ids[0]: {f"{1:032x}": ("1", "2", "3", "4")},
        router.socket_ids[1]: {f"{1:032x}": ("2", "4")},
    }
    assert report.deliveries == 4 + 2 + 4 + 2


def test_a_webhook_message_carries_what_the_delivery_needs() -> None:
    router = Router(hooks=1)

    router.route(message(1, event("x", data={"k": "é"}), traceparent="00-1-2-01"))

    (sent,) = router.webhooks.sent
    assert sent.delivery == DeliveryKey(WORKSPACE, router.hooks[0], "x", STORED_AT)
    assert (sent.attempt.number, sent.attempt.traceparent) == (1, "00-1-2-01")
    assert sent.body == event("x", data={"k": "é"}).as_json()


@pytest.mark.parametrize("repeat", [False, True])
def test_what_comes_from_a_message_that_may_be_a_repeat_says_so(repeat: bool) -> None:
    router = Router(hooks=1)

    router.route(message(1, event("x"), repeat=repeat))

    assert [sent.repeat for sent in router.webhooks.sent] == [repeat]


def test_the_messages_of_a_batch_share_calls() -> None:
    """The queue packs ten messages into a call, so the router gives it all of them at once."""
    router = Router(hooks=1)
    sends: list[int] = []
    send = router.webhooks.send

    def counting(messages: Any, time_left: Any) -> list[int]:
        sends.append(len(messages))
        return send(messages, time_left)

    router.webhooks.send = counting  # type: ignore[assignment,method-assign]

    router.route(*[message(number, event(str(number))) for number in range(10)])

    assert sends == [10]


def test_two_copies_of_a_message_in_one_batch_go_to_a_log_once() -> None:
    router = Router(sockets=1)

    report = router.route(message(1, event("x")), message(1, event("x"), repeat=True))

    assert report.failed == []
    assert router.sockets.logs == {router.socket_ids[0]: {f"{1:032x}": ("x",)}}


# -- failures ------------------------------------------------------------------------------------------------------


def test_only_the_messages_whose_deliveries_were_not_queued_come_again() -> None:
    router = Router(hooks=2)
    router.configure(PutEventFilter(event_filter(endpoint_id(9), {"in": {"eventTypes": ["b"]}})))
    router.configure(Link((router.hooks[1],), (endpoint_id(9),)))
    router.webhooks.refusing = {router.hooks[1]}

    report = router.route(message(1, event("x", "a")), message(2, event("y", "b")), message(3, event("z", "a")))

    assert report.failed == [1]
    assert router.route(message(2, event("y", "b"), repeat=True)).failed == [0]


def test_only_the_messages_that_a_log_did_not_take_come_again() -> None:
    router = Router(sockets=1)
    router.sockets.refusing = {f"{2:032x}"}

    assert router.route(*[message(number, event(str(number))) for number in (1, 2, 3)]).failed == [1]


def test_only_messages_of_a_workspace_that_cannot_be_read_come_again() -> None:
    router = Router(hooks=1)
    other = RoutingMessage("other", "0" * 32, STORED_AT, (builders.an_event(id="y", type="a", date=AT, workspace_id="other", created=AT),))

    after = router.log.after

    def fail(workspace_id: str, version: int, limit: int) -> Any:
        if workspace_id == "other":
            raise Unavailable("DynamoDB Query")
        return after(workspace_id, version, limit)

    router.log.after = fail  # type: ignore[method-assign]

    report = router.route(ReceivedMessage(other, repeat=False), message(1, event("x")))

    assert report.failed == [0]
    assert router.webhooks.pairs == [(router.hooks[0], "x")]
    assert ("other", "y") not in router.store.items


def test_all_come_again_and_nothing_is_sent_when_events_cannot_be_read() -> None:
    router = Router(hooks=1)

    def fail(operation: str, ids: list[str]) -> None:
        if operation == "owners":
            raise RateLimited("busy")

    router.store.before = fail

    assert router.route(message(1, event("x")), message(2, event("y"))).failed == [0, 1]
    assert router.webhooks.sent == []


def test_an_event_that_cannot_be_stored_is_not_sent_before_it_is() -> None:
    """Otherwise a publish of the same id that is stored meanwhile would be a second event."""
    router = Router(hooks=1)
    router.store.failing = {"x"}

    assert router.route(message(1, event("x")), message(2, event("y"))).failed == [0]
    assert router.webhooks.pairs == [(router.hooks[0], "y")]


# -- large fan-outs ------------------------------------------------------------------------------------------------


def test_a_fan_out_to_10_000_endpoints_is_continued_through_the_queue() -> None:
    router = Router(hooks=10_000, calls=300)

    report = router.route(message(1, event("x")))

    assert report.continued == 1
    assert report.deliveries < 10_000
    continuations = router.route_continuations()
    assert sorted(router.webhooks.pairs) == [(one, "x") for one in router.hooks]
    assert continuations == 3


def test_every_endpoint_gets_all_events_of_a_message_in_one_continuation() -> None:
    router = Router(hooks=30, sockets=30, calls=50)
    events = [event(str(number)) for number in range(100)]

    router.route(message(1, *events))
    router.route_continuations()

    assert sorted(router.webhooks.pairs) == sorted((one, each.id) for one in router.hooks for each in events)
    assert {one: list(log.values()) for one, log in router.sockets.logs.items()} == {
        one: [tuple(each.id for each in events)] for one in router.socket_ids
    }


def test_large_bodies_use_up_the_calls_faster() -> None:
    small, large = Router(hooks=2_000, calls=100), Router(hooks=2_000, calls=100)

    small.route(message(1, event("x")))
    large.route(message(1, event("x", data={"x": "y" * 250_000})))

    assert len(small.webhooks.sent) == 1_000
    # A quarter of a megabyte each: four to a call, where there are ten small ones.
    assert len(large.webhooks.sent) == 421


def test_continued_message_leaves_room_for_its_batch() -> None:
    router = Router(hooks=5_000, calls=500)

    report = router.route(*[message(number, event(str(number))) for number in range(5)])

    assert report.continued == 5
    assert {event_id: sum(pair[1] == event_id for pair in router.webhooks.pairs) for event_id in "01234"} == dict.fromkeys("01234", 1_000)


def test_what_one_message_does_not_use_the_next_may() -> None:
    router = Router(hooks=2_000, calls=200)
    other = RoutingMessage("other", "0" * 32, STORED_AT, (builders.an_event(id="y", type="a", date=AT, workspace_id="other", created=AT),))

    assert router.route(ReceivedMessage(other, repeat=False), message(1, event("x"))).continued == 0


def test_a_continuation_does_not_look_at_ids_again() -> None:
    """Its events were stored by the first message; a look could find them expired, or cost a read for nothing."""
    router = Router(hooks=1)
    operations: list[str] = []
    router.store.before = lambda operation, ids: operations.append(operation)

    router.route(message(1, event("x"), after=endpoint_id(0).replace("e0", "d0"), continuation=1))

    assert operations == []
    assert router.webhooks.pairs == [(router.hooks[0], "x")]


def test_only_the_events_that_are_its_own_go_into_a_continuation() -> None:
    router = Router(hooks=2_000, calls=100)
    router.stored(message(9, event("taken")))

    router.route(message(1, event("taken"), event("x")))

    assert [each.id for each in router.queue.sent[0].events] == ["x"]


def test_a_continuation_that_may_repeat_says_so() -> None:
    router = Router(hooks=2_000, calls=100)

    router.route(message(1, event("x"), repeat=True))
    router.route_continuations()

    assert all(sent.repeat for sent in router.webhooks.sent)


def test_the_message_comes_again_when_its_continuation_cannot_be_sent() -> None:
    router = Router(hooks=2_000, calls=100)
    router.queue.fault = Unavailable("SQS")

    assert router.route(message(1, event("x"))).failed == [0]


def test_no_continuation_hides_that_deliveries_failed() -> None:
    router = Router(hooks=2_000, calls=100)
    router.webhooks.refusing = {router.hooks[3]}

    assert router.route(message(1, event("x"))).failed == [0]
    assert router.queue.sent == []


def test_an_endpoint_deleted_between_continuations_gets_nothing_more() -> None:
    router = Router(hooks=2_000, calls=100)
    router.route(message(1, event("x")))

    router.configure(DeleteEndpoints((router.hooks[-1],)))
    router.route_continuations()

    assert sorted(router.webhooks.pairs) == [(one, "x") for one in router.hooks[:-1]]


def test_a_chain_of_continuations_has_an_end() -> None:
    router = Router(hooks=2_000, calls=100)

    report = router.route(message(1, event("x"), after="", continuation=MAXIMUM_CONTINUATIONS))

    assert report.failed == [0]
    assert router.queue.sent == []
    assert router.webhooks.sent == []


# -- events for very many webhooks ---------------------------------------------------------------------------------


def with_filter(router: Router) -> None:
    """Five of its endpoints want events of the type "a" only."""
    router.configure(PutEventFilter(event_filter("f1", {"in": {"eventTypes": ["a"]}})), Link(tuple(router.hooks[:5]), ("f1",)))


def test_an_event_for_few_webhooks_is_not_wide_and_costs_no_call() -> None:
    router = Router(hooks=WIDE_FROM, sockets=WIDE_FROM)
    router.route(router.stored(message(1, event("x"))))
    assert {one.delivery.log_shards for one in router.webhooks.sent} == {0}
    assert (router.marks_asked, router.deliveries.wide) == (0, {})


def test_an_event_for_many_webhooks_is_marked_before_it_is_sent() -> None:
    router = Router(hooks=WIDE_FROM + 1, calls=10)
    with_filter(router)
    marked: list[bool] = []
    send = router.webhooks.send

    def watched(messages: Any, *more: Any) -> list[int]:
        marked.append((WORKSPACE, "x") in router.deliveries.wide)
        return send(messages, *more)

    router.webhooks.send = watched  # type: ignore[method-assign, assignment]  # the queue is looked at from outside
    router.route(router.stored(message(1, event("x"), event("y", "b"))))
    assert router.route_continuations() > 0
    assert all(marked)
    shards = {(one.delivery.event_id, one.delivery.log_shards) for one in router.webhooks.sent}
    assert shards == {("x", WIDE_SHARDS), ("y", 0)}
    assert router.deliveries.wide == {(WORKSPACE, "x"): WIDE_SHARDS}


def test_what_cannot_be_marked_comes_again_and_the_rest_is_sent() -> None:
    router = Router(hooks=WIDE_FROM + 1)
    with_filter(router)
    router.aws.fault = lambda operation: "refused"
    report = router.route(router.stored(message(1, event("x"))), router.stored(message(2, event("y", "b"))))
    assert report.failed == [0]
    assert {one.delivery.event_id for one in router.webhooks.sent} == {"y"}
