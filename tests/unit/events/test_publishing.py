"""The publish protocol: all or none, and one event for one id, whatever races."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from event_service.access.token import Token, TokenKind
from event_service.base.errors import BadUserInput, RateLimited, TooLarge, Unavailable
from event_service.events.event import MAXIMUM_PUBLISH_BYTES
from event_service.events.new_event import NewEvent
from event_service.events.publishing import Publishing
from tests import builders
from tests.builders import START, SettableClock
from tests.fakes.events import FakeEventStore, FakeRoutingQueue

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"


def caller(kind: TokenKind = TokenKind.ACCESS, agent_id: str | None = None) -> Token:
    return builders.a_token("token", token_hash="hash", workspace_id=WORKSPACE, kind=kind, agent_id=agent_id, name="test", created=START)


class Service:
    """Publishing over fakes. Nonces are 01, 02, … in hex, ids made by us e1, e2, …"""

    def __init__(self) -> None:
        self.clock = SettableClock(START)
        self.store = FakeEventStore(self.clock)
        self.queue = FakeRoutingQueue()
        self.nonces = 0
        self.ids = 0
        self.publishing = Publishing(self.store, self.queue, self.clock, self._id, self._nonce)

    def _nonce(self) -> str:
        self.nonces += 1
        return f"{self.nonces:032x}"

    def _id(self) -> str:
        self.ids += 1
        return f"e{self.ids}"

    def publish(self, *events: NewEvent) -> tuple[list[str], list[str]]:
        result = self.publishing.publish(caller(), list(events))
        return result.ids, result.duplicate_ids


@pytest.fixture
def service() -> Service:
    return Service()


def event(event_id: str | None = None, type: str = "a") -> NewEvent:  # noqa: A002 - the field's name
    return NewEvent(type=type, data={}, id=event_id)


def test_a_publish_is_one_message_that_holds_all_its_events(service: Service) -> None:
    ids, duplicates = service.publish(event(), event("mine"), event())

    (message,) = service.queue.sent
    assert ids == ["e1", "mine", "e2"]
    assert [one.id for one in message.events] == ids
    assert duplicates == []
    assert message.workspace_id == WORKSPACE
    assert message.accepted_at == "2026-03-01T12:00:00.000000+00:00"


def test_nothing_is_written_before_the_message_is_sent(service: Service) -> None:
    seen: list[tuple[str, int]] = []
    service.store.before = lambda operation, ids: seen.append((operation, len(service.queue.sent)))

    service.publish(event(), event("mine"))

    assert [(operation, sent) for operation, sent in seen if operation.startswith("put")] == [("put", 1), ("put_if_absent", 1)]


def test_what_was_accepted_can_be_read_back_at_once(service: Service) -> None:
    ids, _ = service.publish(event(), event("mine"))

    assert set(service.store.get(WORKSPACE, ids)) == {"e1", "mine"}


def test_a_refused_publish_leaves_no_trace(service: Service) -> None:
    with pytest.raises(BadUserInput):
        service.publish(event("fine"), event("bad", type=""))

    assert service.queue.sent == []
    assert service.store.items == {}


def test_more_than_900_kib_together_is_refused_whole(service: Service) -> None:
    part = NewEvent(type="a", data={"x": "y" * 200_000})

    with pytest.raises(TooLarge, match="921,600"):
        service.publish(*[part] * 5)

    assert service.queue.sent == []
    assert service.store.items == {}


def test_a_publish_just_below_900_kib_fits_also_when_it_is_sent_again(service: Service) -> None:
    base = [NewEvent(type="a", data={"x": "y" * 200_000})] * 4
    service.ids = 10  # all ids then have three characters
    service.publish(*base, NewEvent(type="a", data={"x": ""}))
    room = MAXIMUM_PUBLISH_BYTES - len(service.queue.sent[0].text(repeat=True).encode())

    service.publish(*base, NewEvent(type="a", data={"x": "y" * room}))

    assert len(service.queue.sent[1].text(repeat=True).encode()) == MAXIMUM_PUBLISH_BYTES
    with pytest.raises(TooLarge):
        service.publish(*base, NewEvent(type="a", data={"x": "y" * (room + 1)}))


@pytest.mark.parametrize("fault", [RateLimited("busy"), Unavailable("SQS")])
def test_publishing_stores_nothing_when_the_message_was_not_sent(service: Service, fault: Exception) -> None:
    service.queue.fault = fault

    with pytest.raises(type(fault)):
        service.publish(event(), event("mine"))

    assert service.store.items == {}


def test_publishing_an_id_again_is_a_duplicate_and_is_not_routed_again(service: Service) -> None:
    service.publish(event("mine"))

    ids, duplicates = service.publish(event("mine"), event("other"))

    assert (ids, duplicates) == (["mine", "other"], ["mine"])
    assert [[one.id for one in message.events] for message in service.queue.sent] == [["mine"], ["other"]]


def test_publishing_sends_no_message_when_everything_is_a_duplicate(service: Service) -> None:
    service.publish(event("mine"))

    assert service.publish(event("mine")) == (["mine"], ["mine"])
    assert len(service.queue.sent) == 1


def test_the_first_of_equal_ids_in_one_call_counts(service: Service) -> None:
    ids, duplicates = service.publish(event("x", type="first"), event("y"), event("x", type="second"), event("x", type="third"))

    assert (ids, duplicates) == (["x", "y", "x", "x"], ["x"])
    (message,) = service.queue.sent
    assert [(one.id, one.type) for one in message.events] == [("x", "first"), ("y", "a")]
    assert service.store.items[WORKSPACE, "x"].event.type == "first"


def test_an_id_is_free_again_when_its_event_has_expired(service: Service) -> None:
    service.publish(event("mine"))
    service.clock.advance(days=14)

    assert service.publish(event("mine")) == (["mine"], [])
    assert len(service.queue.sent) == 2


def test_ids_of_another_workspace_are_free(service: Service) -> None:
    service.publish(event("mine"))
    other = builders.a_token("token", token_hash="hash", workspace_id="11111111-67df-4c03-8fa6-ee2eabffdc16", name="test", created=START)

    result = service.publishing.publish(other, [event("mine")])

    assert result.duplicate_ids == []


def test_two_racing_publishes_of_one_id_make_one_event_and_one_duplicate(service: Service) -> None:
    """Both look before either has written; the conditional put decides."""
    results: list[tuple[list[str], list[str]]] = []

    def race(operation: str, ids: list[str]) -> None:
        if operation == "put_if_absent" and not results:
            service.store.before = lambda operation, ids: None
            results.append(service.publish(event("mine", type="second")))

    service.store.before = race
    results.append(service.publish(event("mine", type="first")))

    assert results == [(["mine"], []), (["mine"], ["mine"])]
    assert service.store.items[WORKSPACE, "mine"].event.type == "second"
    assert len({message.nonce for message in service.queue.sent}) == 2


def test_a_publisher_that_loses_against_its_own_router_has_succeeded(service: Service) -> None:
    def router_was_faster(operation: str, ids: list[str]) -> None:
        if operation == "put_if_absent":
            service.store.before = lambda operation, ids: None
            message = service.queue.sent[-1]
            service.store.put_if_absent(message.events, message.nonce)

    service.store.before = router_was_faster

    assert service.publish(event("mine")) == (["mine"], [])


def test_the_answer_is_ok_once_sent_even_if_puts_fail(service: Service) -> None:
    service.store.failing = {"e1", "mine"}

    ids, duplicates = service.publish(event(), event("mine"), event("fine"))

    assert (ids, duplicates) == (["e1", "mine", "fine"], [])
    assert len(service.queue.sent) == 1


def test_the_put_finds_duplicates_when_the_look_for_them_fails(service: Service) -> None:
    service.publish(event("mine"))

    def fail(operation: str, ids: list[str]) -> None:
        if operation == "owners":
            raise RateLimited("busy")

    service.store.before = fail

    assert service.publish(event("mine"), event("other")) == (["mine", "other"], ["mine"])


def test_duplicate_unseen_by_the_cheap_read_is_found_by_the_put(service: Service) -> None:
    service.publish(event("mine"))
    service.store.lagging = {"mine"}

    assert service.publish(event("mine")) == (["mine"], ["mine"])


def test_ids_of_our_own_making_cost_no_look_up(service: Service) -> None:
    operations: list[str] = []
    service.store.before = lambda operation, ids: operations.append(operation)

    service.publish(event(), event())

    assert operations == ["put"]


def test_the_trace_goes_along(service: Service) -> None:
    service.publishing.publish(caller(), [event()], traceparent="00-1-2-01")

    assert service.queue.sent[0].traceparent == "00-1-2-01"


def test_an_agents_token_marks_its_events(service: Service) -> None:
    service.publishing.publish(caller(TokenKind.AGENT, "0f0f"), [event()])

    assert service.queue.sent[0].events[0].agent_id == "0f0f"


def test_an_operational_event_published_twice_with_one_id_is_one_event(service: Service) -> None:
    publish: Callable[[], object] = lambda: service.publishing.publish_operational(  # noqa: E731 - twice the same call
        WORKSPACE, "event-service.endpoint.disabled", {"endpointId": "x"}, event_id="disabled-x-1"
    )

    publish()
    publish()

    assert [[one.type for one in message.events] for message in service.queue.sent] == [["event-service.endpoint.disabled"]]


def test_an_agent_neither_takes_the_id_of_another_publisher_nor_learns_it(service: Service) -> None:
    agent = caller(TokenKind.AGENT, "720c3071-41f6-4882-980d-49a3e3beafa1")

    taken = service.publishing.publish(agent, [event("order-18", "noise")])
    ids, duplicates = service.publish(event("order-18"), event("order-19"))
    asked = service.publishing.publish(agent, [event("order-19", "noise")])
    again = service.publishing.publish(agent, [event("order-18", "noise")])

    assert (ids, duplicates) == (["order-18", "order-19"], [])
    assert (taken.ids, taken.duplicate_ids) == ([f"{agent.agent_id}/order-18"], [])
    assert asked.duplicate_ids == []
    assert again.duplicate_ids == [f"{agent.agent_id}/order-18"]
