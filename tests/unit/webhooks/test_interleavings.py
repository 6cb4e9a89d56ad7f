"""Two workers of the shared lane, two of the own lanes, the scheduler and the owner of the endpoints, in every order that a seed
can think of. No call fails and nothing dies here (see ``test_faults``): whatever the order, each event is taken once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest

from event_service.configuration.endpoint import Endpoint, EndpointStatus
from event_service.delivery.attempt import DeliveryStatus
from event_service.delivery.resending import Resending, row_again
from event_service.webhooks.attempt import CUT_SECONDS
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.webhooks import WORKSPACE, Behaviour, WebhookScene, answering
from tests.simulation.virtual_time import ShuffledLoop, VirtualClock

pytestmark = pytest.mark.long

ORDERS = 70
"""A lease that nobody minds is found in the first, a look that is not asked for in the fifth; what these do not find two hundred do not."""
SECONDS = 90.0


def moody(draw: random.Random, seen: Counter[str]) -> Behaviour:
    """A receiver that fails, limits and delays. Counts the requests that it took, or whose sender did not wait for the end."""
    kinds = [answering(), answering(500), answering(429), answering(503, retry_after="3"), answering(500, webhook_delivery="abort-message")]

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        if draw.random() < 0.05:
            try:
                await asyncio.sleep(CUT_SECONDS + 1)
            except asyncio.CancelledError:
                seen["cut"] += 1
                raise
        result = await draw.choices(kinds, [80, 8, 6, 6, 3])[0](request)
        seen[request.headers["webhook-id"]] += result.status == 200
        return result

    return answer


class Scene:
    """One seed: an endpoint that works, one that is moody, and everybody around them."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.loop = ShuffledLoop(self.draw)
        self.world = WebhookScene(clock=VirtualClock(self.loop.passed))
        self.seen: Counter[str] = Counter()
        self.retried = 0
        self.calm = self.world.endpoint(self._counted)
        self.sick = self.world.endpoint(moody(self.draw, self.seen))

    async def _counted(self, request: WebhookRequest) -> WebhookAnswer:
        self.seen[request.headers["webhook-id"]] += 1
        return await answering()(request)

    async def publish(self) -> None:
        while self.loop.time() < SECONDS / 2:
            self.world.publish(self.calm, self.sick)
            await asyncio.sleep(self.draw.expovariate(1.0))

    async def work(self, own: bool) -> None:
        """One process after another, since a process handles one batch at a time."""
        side = self.world.new_process()
        while self.loop.time() < SECONDS:
            done = await (self.world.serve_lanes(4, side) if own else self.world.invoke(4, side))
            if done is None:
                await asyncio.sleep(self.draw.uniform(0.1, 1.0))

    async def schedule(self) -> None:
        while self.loop.time() < SECONDS:
            self.world.tick()
            await asyncio.sleep(self.draw.uniform(10, 60))

    async def own(self, endpoint: Endpoint) -> None:
        """Renames, pauses, resumes, and starts again what was given up; the changes are committed between two awaits."""
        world = self.world
        while self.loop.time() < SECONDS / 2:
            await asyncio.sleep(self.draw.expovariate(0.3))
            now = world.endpoints[endpoint.id]
            match self.draw.choice(["rename", "pause", "move", "retry"]):
                case "rename":
                    world.endpoints[endpoint.id] = replace(now, name="another", modified=world.clock())
                    world.observer.changed([world.endpoints[endpoint.id]])
                case "move":
                    world.endpoints[endpoint.id] = replace(now, url="https://moved.example.org/", modified=world.clock())
                    world.observer.changed([world.endpoints[endpoint.id]])
                case "pause":
                    world.pause(now)
                    await asyncio.sleep(self.draw.uniform(0.0, 5.0))
                    world.resume(now)
                case _:
                    self.retry(endpoint)

    def retry(self, endpoint: Endpoint) -> None:
        """What is known not to be done, as a replay of what is missing does."""
        world = self.world
        for endpoint_id, event_id in world.accepted:
            delivery = world.log.delivery(WORKSPACE, endpoint_id, event_id) if endpoint_id == endpoint.id else None
            if delivery is not None and delivery.status is DeliveryStatus.FAILED:
                event = world.store.items[WORKSPACE, event_id].event
                self.retried += 1
                Resending(world.backlog, world.looks, world.log).send([row_again(endpoint_id, event, delivery)])

    async def everybody(self) -> None:
        lanes = [self.work(own) for own in (False, False, True, True)]
        people = [self.own(self.calm), self.own(self.sick)]
        await asyncio.gather(self.publish(), *lanes, self.schedule(), *people)

    async def come_to_rest(self) -> None:
        """All receivers work, and time passes."""
        self.world.receivers.behaviour[self.sick.id] = self._counted
        await self.world.run(60)
        self.retry(self.sick)
        await self.world.run(48 * 3_600)


@pytest.mark.timeout(300)
def test_each_event_is_taken_once_in_whatever_order_invocations_meet() -> None:
    met: Counter[str] = Counter()
    for seed in range(ORDERS):
        scene = Scene(seed)
        try:
            scene.loop.run_until_complete(scene.everybody())
            scene.loop.run_until_complete(scene.come_to_rest())
        finally:
            scene.loop.close()
        world = scene.world
        repeated = {one: number for one, number in scene.seen.items() if one != "cut" and number > 1}
        assert not repeated, f"seed {seed}"
        assert not world.illegal, f"seed {seed}"
        assert sum(number == 1 for number in scene.seen.values()) >= len(world.accepted) - 1, f"seed {seed}"
        deliveries = [world.log.delivery(WORKSPACE, *one) for one in world.accepted]
        assert {one and one.status for one in deliveries} == {DeliveryStatus.DELIVERED}, f"seed {seed}"
        assert not world.backlog.rows, f"seed {seed}"
        assert not world.log.missing, f"seed {seed}"
        assert not world.log.listed, f"seed {seed}"
        assert world.endpoints[scene.sick.id].status is EndpointStatus.ENABLED
        met["requests"] += len(world.receivers.receptions)
        met["turns"] += world.aws.calls["lanes.claim"]
        met["asked again"] += world.aws.calls["lanes.ask_again"]
        met["started again"] += scene.retried
        met["lanes"] += world.aws.calls["lanes.note_trouble"]
    # The orders lead to what they are drawn for.
    assert met["asked again"] > ORDERS / 10
    assert met["turns"] > ORDERS
    assert met["started again"] > ORDERS / 10
    assert met["lanes"] > ORDERS
