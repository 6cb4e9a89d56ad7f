"""Reading the delivery log, sending again and testing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from event_service.base.errors import BadUserInput, NotFound, TooLarge, Unavailable
from event_service.base.identifiers import delivery_id, new_id
from event_service.delivery import history as module
from event_service.delivery import lists
from event_service.delivery.attempt import Delivery, DeliveryStatus
from event_service.delivery.lists import DeliveryQuery
from tests.fakes.history import FOREIGN, WORKSPACE, HistoryScene


@pytest.fixture
def world() -> HistoryScene:
    return HistoryScene()


def ids(found: Sequence[Delivery]) -> list[tuple[str, str]]:
    return [(one.event_id, one.endpoint_id) for one in found]


def test_a_workspace_lists_the_newest_first_in_a_total_order(world: HistoryScene) -> None:
    others = sorted([world.hook.id, new_id()])
    for name, minute in (("a", 1), ("b", 2), ("c", 2)):
        event = world.event(name, minute)
        for endpoint_id in others:
            world.record(event, DeliveryStatus.DELIVERED, endpoint_id)
    world.event("without a delivery", 3)

    ascending = [("a", others[0]), ("a", others[1]), ("b", others[0]), ("b", others[1]), ("c", others[0]), ("c", others[1])]
    page = world.deliveries.page
    assert ids(page(WORKSPACE, DeliveryQuery())) == ascending[::-1]
    assert ids(page(WORKSPACE, DeliveryQuery(descending=False))) == ascending
    assert ids(page(WORKSPACE, DeliveryQuery(offset=1, limit=2))) == ascending[::-1][1:3]
    assert world.deliveries.count(WORKSPACE, DeliveryQuery(limit=1)) == 6
    assert page(FOREIGN, DeliveryQuery()) == []


@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize("event_id", [None, "e-16"])
def test_a_page_of_wide_events_reads_about_what_it_shows(
    world: HistoryScene, monkeypatch: pytest.MonkeyPatch, limit: int, event_id: str | None
) -> None:
    endpoints = [new_id() for _ in range(110)]
    for number in range(17):
        event = world.event(f"e-{number:02}", number)
        for endpoint_id in endpoints:
            world.record(event, DeliveryStatus.DELIVERED, endpoint_id)
    read = 0
    plain = world.log.of_event

    def counted(*arguments: Any, **options: Any) -> list[Delivery]:
        nonlocal read
        found = plain(*arguments, **options)
        read += len(found)
        return found

    monkeypatch.setattr(world.log, "of_event", counted)
    found = world.deliveries.page(WORKSPACE, DeliveryQuery(limit=limit, event_id=event_id))

    assert ids(found) == [("e-16", one) for one in sorted(endpoints, reverse=True)[:limit]]
    # A few of each of sixteen events, which may have no more, and what is shown.
    assert read <= 16 * 2 + 4 * limit


@pytest.mark.parametrize("limit", [1, 20])
def test_a_page_of_one_endpoint_reads_what_it_shows(world: HistoryScene, limit: int) -> None:
    for number in range(150):
        world.record(world.event(f"e-{number:03}", number), DeliveryStatus.DELIVERED)
    world.log.reads = 0

    page = world.deliveries.read_page(WORKSPACE, DeliveryQuery(limit=limit, endpoint_id=world.hook.id))

    assert [one.event_id for one in page.items] == [f"e-{149 - number:03}" for number in range(limit)]
    assert page.more
    assert world.log.reads == limit + 1


def test_each_filter_finds_its_own(world: HistoryScene) -> None:
    first, second = world.event("a", 1), world.event("b", 2)
    world.record(first, DeliveryStatus.DELIVERED)
    failed = world.record(second, DeliveryStatus.FAILED)
    other = world.record(second, DeliveryStatus.DELIVERED, new_id())

    def found(**filters: Any) -> list[tuple[str, str]]:
        query = DeliveryQuery(**filters)
        page = world.deliveries.page(WORKSPACE, query)
        assert world.deliveries.count(WORKSPACE, query) == len(page)
        return ids(page)

    hook = world.hook.id
    assert found(id=failed.id) == [("b", hook)]
    assert found(id=failed.id, event_id="a") == []
    assert found(id=failed.id, status=DeliveryStatus.DELIVERED) == []
    assert found(event_id="a") == [("a", hook)]
    assert sorted(found(event_id="b")) == sorted([("b", hook), ("b", other.endpoint_id)])
    assert found(endpoint_id=hook) == [("b", hook), ("a", hook)]
    assert found(endpoint_id=hook, descending=False) == [("a", hook), ("b", hook)]
    assert found(endpoint_id=hook, event_id="a") == [("a", hook)]
    assert found(status=DeliveryStatus.FAILED) == [("b", hook)]
    assert found(id=delivery_id(hook, "unknown")) == []


def test_deliveries_are_found_by_the_type_of_their_event(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_IN_ONE_READ", 2)
    for number, kind in enumerate(["paid", "sent", "Paid", "sent", "paid"]):
        world.record(world.event(f"e{number}", number, kind), DeliveryStatus.FAILED if number else DeliveryStatus.DELIVERED)
    gone = world.event("gone", 9, "paid")
    world.record(gone, DeliveryStatus.FAILED)
    world.store.items.pop((WORKSPACE, "gone"))

    def found(**filters: Any) -> list[str]:
        query = DeliveryQuery(**filters)
        listed = [one.event_id for one in world.deliveries.page(WORKSPACE, query)]
        assert world.deliveries.count(WORKSPACE, query) == len(listed)
        return listed

    assert found(event_types=("PAID",)) == ["e4", "e2", "e0"]
    assert found(event_types=("PAID",), descending=False) == ["e0", "e2", "e4"]
    assert found(event_types=("PAID",), status=DeliveryStatus.FAILED, endpoint_id=world.hook.id) == ["e4", "e2"]
    assert found(event_types=("PAID", "SENT"), event_id="e1") == ["e1"]
    assert found(event_types=()) == []
    first = world.deliveries.read_page(WORKSPACE, DeliveryQuery(event_types=("PAID",), limit=2))
    after = world.deliveries.read_page(WORKSPACE, DeliveryQuery(event_types=("PAID",), limit=2, after=first.end))
    assert [one.event_id for one in (*first.items, *after.items)] == ["e4", "e2", "e0"]
    assert (first.more, after.more) == (True, False)


def test_a_list_of_one_endpoint_goes_on_over_the_pages_of_the_index(world: HistoryScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "DELIVERIES_IN_ONE_READ", 3)
    for number in range(10):
        world.record(world.event(f"e{number}", number), DeliveryStatus.DELIVERED)
    query = DeliveryQuery(endpoint_id=world.hook.id, offset=2, limit=7)
    assert [event for event, _ in ids(world.deliveries.page(WORKSPACE, query))] == [f"e{number}" for number in range(7, 0, -1)]


def test_a_list_that_takes_too_long_asks_for_something_narrower(world: HistoryScene) -> None:
    for number in range(20):
        world.record(world.event(f"e{number}", number), DeliveryStatus.DELIVERED)
    world.tick = 11.0
    with pytest.raises(TooLarge, match="one event or one endpoint"):
        world.deliveries.count(WORKSPACE, DeliveryQuery())


def test_a_retry_is_the_next_attempt_with_a_new_schedule(world: HistoryScene) -> None:
    event = world.event("a", 1)
    world.record(event, DeliveryStatus.PENDING, number=1)
    delivery = world.record(event, DeliveryStatus.FAILED, number=2)

    world.deliveries.retry(WORKSPACE, [delivery.id, delivery.id])

    (row,) = world.sent
    assert row.attempt.delivery.event_id == event.id
    assert (row.attempt.number, row.attempt.schedule_start, row.attempt.listed, row.live) == (3, 3, True, False)
    assert len(world.look_queue.messages) == 1


def test_one_unknown_delivery_among_many_sends_nothing(world: HistoryScene) -> None:
    delivery = world.record(world.event("a", 1), DeliveryStatus.FAILED)
    unknown = delivery_id(world.hook.id, "unknown")
    with pytest.raises(NotFound) as caught:
        world.deliveries.retry(WORKSPACE, [delivery.id, unknown, "no id"])
    assert caught.value.ids == [unknown, "no id"]
    with pytest.raises(NotFound):
        world.deliveries.retry(FOREIGN, [delivery.id])
    assert world.sent == []
    assert not world.look_queue.messages


@pytest.mark.parametrize("count", [0, 101])
def test_a_retry_names_1_to_100_deliveries(world: HistoryScene, count: int) -> None:
    with pytest.raises(BadUserInput, match="1 to 100"):
        world.deliveries.retry(WORKSPACE, [delivery_id(world.hook.id, str(number)) for number in range(count)])


def test_what_cannot_be_sent_any_more_says_why(world: HistoryScene) -> None:
    gone = world.record(world.event("a", 1), DeliveryStatus.FAILED, new_id())
    expired = world.record(world.event("b", 1), DeliveryStatus.FAILED)
    world.store.items.pop((WORKSPACE, "b"))
    with pytest.raises(BadUserInput) as caught:
        world.deliveries.retry(WORKSPACE, [gone.id, expired.id])
    assert [problem.rpartition("its ")[2] for problem in caught.value.problems] == ["endpoint was deleted.", "event has expired."]


def test_a_retry_that_may_not_have_been_sent_is_no_success(world: HistoryScene) -> None:
    delivery = world.record(world.event("a", 1), DeliveryStatus.FAILED)
    world.aws.fault = lambda operation: "refused"
    with pytest.raises(Unavailable):
        world.deliveries.retry(WORKSPACE, [delivery.id])


def test_only_webhooks_of_the_workspace_are_tested(world: HistoryScene) -> None:
    with pytest.raises(BadUserInput, match="WEB_SOCKET"):
        world.deliveries.test_endpoint(WORKSPACE, world.socket.id)
    with pytest.raises(NotFound):
        world.deliveries.test_endpoint(WORKSPACE, new_id())
    with pytest.raises(BadUserInput, match="UUID"):
        world.deliveries.test_endpoint(WORKSPACE, "x")
    with pytest.raises(NotFound):
        world.deliveries.test_endpoint(FOREIGN, world.hook.id)


def test_a_test_goes_through_the_webhook_function(world: HistoryScene) -> None:
    assert world.deliveries.test_endpoint(WORKSPACE, world.hook.id.upper()).status_code == 200
    assert world.tested == [(WORKSPACE, world.hook.id)]
