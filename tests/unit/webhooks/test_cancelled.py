"""What was cancelled is not sent any more, wherever it waits; what waits for an endpoint that is off can be discarded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from event_service.base.dates import format_date
from event_service.base.errors import NotFound, TooLarge
from event_service.base.identifiers import delivery_id, new_id
from event_service.base.page import Page
from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery import cancelling as module
from event_service.delivery.attempt import Delivery, DeliveryKey, DeliveryStatus, PendingAttempt
from event_service.delivery.cancelling import Cancelling
from event_service.delivery.lists import DeliveryQuery
from event_service.delivery.ports import BacklogRow
from event_service.explain.sentences import of_delivery
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.webhooks import WORKSPACE, WebhookScene, answering

DAY = 86_400.0


class Owner:
    """Whoever cancels, over the stores of a world of webhooks."""

    def __init__(self, world: WebhookScene) -> None:
        self.world = world
        self.cancelling = Cancelling(deliveries=self, log=world.log, backlog=world.backlog, endpoints=self, clock=world.clock)

    def read_page(self, workspace_id: str, query: DeliveryQuery) -> Page[Delivery]:
        keys = {(endpoint, event) for endpoint, _, event, _, _ in self.world.log.records}
        found = [one for one in self.world.log.deliveries(workspace_id, sorted(keys)).values() if query.matches(one)]
        return Page(found, None, more=False)

    def by_ids(self, workspace_id: str, ids: Sequence[str]) -> dict[str, Endpoint]:
        return {one: self.world.endpoints[one] for one in ids if workspace_id == WORKSPACE and one in self.world.endpoints}


@pytest.mark.parametrize("waits_seconds", [0.0, 400.0, DAY], ids=["in the queue", "in the queue for minutes", "in the backlog"])
async def test_a_cancelled_delivery_is_not_tried_again(waits_seconds: float) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    event = world.publish(endpoint)
    await world.invoke()
    await world.run(waits_seconds)
    made = len(world.receivers.of(endpoint.id))
    world.receivers.behaviour[endpoint.id] = answering(200)

    assert Owner(world).cancelling.cancel_ids(WORKSPACE, [delivery_id(endpoint.id, event.id)]) == 1
    await world.run(4 * DAY)

    assert len(world.receivers.of(endpoint.id)) == made
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)
    assert delivery is not None
    assert (delivery.status, delivery.next_attempt) == (DeliveryStatus.DISCARDED, None)
    assert (delivery.attempts[-1].error or "").startswith("cancelled: ")
    assert of_delivery(delivery, endpoint, None)[1].startswith("It was cancelled at ")
    assert world.backlog.waiting(endpoint.id) == 0
    assert not world.queue.messages


async def test_backlog_of_a_paused_endpoint_is_cancelled_before_any_attempt() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    event = world.publish(endpoint)
    await world.work()

    assert Owner(world).cancelling.cancel(WORKSPACE, DeliveryQuery()).count == 1
    world.resume(endpoint)
    await world.run(DAY)

    assert world.receivers.of(endpoint.id) == []
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)
    assert delivery is not None
    assert delivery.status is DeliveryStatus.DISCARDED


async def test_a_request_under_way_is_not_stopped_and_what_comes_of_it_counts() -> None:
    world = WebhookScene()

    async def slow(request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(1.0)
        return WebhookAnswer(200, None, None, 1_000)

    endpoint = world.endpoint(answering(500))
    event = world.publish(endpoint)
    await world.invoke()
    world.receivers.behaviour[endpoint.id] = slow
    await asyncio.sleep(10)
    working = asyncio.create_task(world.invoke())
    await asyncio.sleep(0.5)
    Owner(world).cancelling.cancel_ids(WORKSPACE, [delivery_id(endpoint.id, event.id)])
    await working

    assert world.statuses(endpoint) == {"DELIVERED": 1}


async def test_only_what_is_pending_is_cancelled_and_unknown_ids_change_nothing() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    event = world.publish(endpoint)
    await world.work()
    owner, delivered = Owner(world), delivery_id(endpoint.id, event.id)

    assert owner.cancelling.cancel_ids(WORKSPACE, [delivered]) == 0
    assert owner.cancelling.cancel(WORKSPACE, DeliveryQuery()).count == 0
    for workspace, ids in ((WORKSPACE, [delivered, delivery_id(new_id(), "x")]), (new_id(), [delivered])):
        with pytest.raises(NotFound):
            owner.cancelling.cancel_ids(workspace, ids)
    assert world.statuses(endpoint) == {"DELIVERED": 1}


async def test_a_dry_run_cancels_nothing() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    world.publish(endpoint)
    await world.work()

    assert Owner(world).cancelling.cancel(WORKSPACE, DeliveryQuery(), dry_run=True).count == 1
    assert world.statuses(endpoint) == {"PENDING": 1}


async def test_the_backlog_of_an_endpoint_that_is_off_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_PER_ROUND", 2)
    world = WebhookScene()
    paused, other = world.endpoint(status=EndpointStatus.PAUSED), world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(5):
        world.publish(paused, other)
    await world.work()

    assert Owner(world).cancelling.discard_waiting(WORKSPACE, [paused.id]) == 5

    assert world.statuses(paused) == {"DISCARDED": 5}
    assert world.statuses(other) == {"PENDING": 5}
    world.resume(paused)
    world.resume(other)
    await world.run(DAY)
    assert (len(world.receivers.of(paused.id)), len(world.receivers.of(other.id))) == (0, 5)


async def test_a_backlog_that_is_too_large_for_one_call_is_discarded_by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_PER_ROUND", 2)
    world = WebhookScene()
    paused = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(3):
        world.publish(paused)
    await world.work()

    with pytest.raises(TooLarge, match="2 deliveries were discarded and more wait"):
        Owner(world).cancelling.discard_waiting(WORKSPACE, [paused.id], lambda: 0.0)
    assert Owner(world).cancelling.discard_waiting(WORKSPACE, [paused.id], lambda: 0.0) == 1


async def test_the_backlog_of_an_endpoint_that_is_on_stays() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    with pytest.raises(NotFound):
        Owner(world).cancelling.discard_waiting(WORKSPACE, [endpoint.id, new_id()])
    with pytest.raises(NotFound):
        Owner(world).cancelling.discard_waiting(new_id(), [endpoint.id])

    key = DeliveryKey(WORKSPACE, endpoint.id, "e", format_date(world.clock()))
    world.backlog.add([BacklogRow(PendingAttempt(key, 2, listed=True), key.accepted_at)])

    assert Owner(world).cancelling.discard_waiting(WORKSPACE, [endpoint.id]) == 0
    assert world.backlog.waiting(endpoint.id) == 1
