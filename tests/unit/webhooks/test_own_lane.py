"""Endpoints in trouble and backlogs: one owner at a time sends what waits, at the pace that the receiver takes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from event_service.base.dates import format_date, from_stored
from event_service.configuration.endpoint import EndpointStatus
from event_service.delivery.attempt import Attempt, DeliveryStatus, FailureClass, LogRecord
from event_service.delivery.lane import Look, Trouble
from event_service.delivery.messages import WebhookMessage
from event_service.webhooks.attempt import CUT_SECONDS
from event_service.webhooks.batch import Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.record import TRIES
from tests.fakes.webhooks import WORKSPACE, Behaviour, WebhookScene, answering

DAY = 86_400.0


def taking(seconds: float, status: int | None = 200, failure: FailureClass | None = None) -> Behaviour:
    """A receiver that takes so long."""

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        await asyncio.sleep(seconds)
        return WebhookAnswer(status, failure, None if failure is None else "It did not work.", round(seconds * 1000))

    return answer


# -- the way into the lane -------------------------------------------------------------------------------------------


async def test_a_slow_request_is_cut_and_made_once_more_with_its_full_time() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(taking(10))
    healthy = world.endpoint()
    world.publish(endpoint, healthy)
    began = world.clock()
    report = await world.invoke()
    assert report is not None
    assert (report.cut, report.to_backlog, report.lanes_begun) == (1, 1, 1)
    assert world.clock() - began < timedelta(seconds=CUT_SECONDS + 1)
    assert world.lanes.items[endpoint.id].trouble is Trouble.SLOW
    assert world.health.items[endpoint.id].own_lane
    await world.serve_lanes()
    assert world.statuses(endpoint) == {"DELIVERED": 1}
    assert len(world.receivers.of(endpoint.id)) == 1  # the one that was cut saw no answer
    assert [key[3] for key in world.log.records if key[0] == endpoint.id] == [0, 1]
    assert not world.illegal


async def test_what_is_queued_for_an_endpoint_in_its_lane_moves_there_unsent() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(taking(10))
    world.publish(endpoint)
    await world.invoke()
    for _ in range(10):
        world.publish(endpoint)
    before = len(world.receivers.receptions)
    report = await world.invoke()
    assert report is not None
    assert (report.to_backlog, report.cut) == (10, 0)
    assert len(world.receivers.receptions) == before


async def test_one_slow_request_among_many_quick_ones_is_a_blip_and_two_are_not() -> None:
    world = WebhookScene()
    slow: set[str] = set()

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        return await taking(10 if json.loads(request.body)["id"] in slow else 0.1)(request)

    endpoint = world.endpoint(answer)
    for _ in range(10):
        world.publish(endpoint)
    await world.invoke()
    slow.add(world.publish(endpoint).id)
    await world.invoke()
    assert endpoint.id not in world.health.items
    await world.serve_lanes()
    assert world.statuses(endpoint) == {"DELIVERED": 11}
    slow |= {world.publish(endpoint).id, world.publish(endpoint).id}
    await world.invoke()
    assert world.health.items[endpoint.id].own_lane


@pytest.mark.parametrize("status", [500, 502, 504, 503])
async def test_a_single_failure_moves_nothing_and_writes_no_health(status: int) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(status))
    world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = answering()
    for _ in range(5):
        world.publish(endpoint)
    await world.run(10)
    assert world.statuses(endpoint) == {"DELIVERED": 6}
    assert world.health.writes[endpoint.id] == 0
    assert not world.lanes.items


async def test_half_of_ten_answers_that_fail_begin_a_lane() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    for _ in range(9):
        world.publish(endpoint)
    await world.invoke(9)
    assert endpoint.id not in world.health.items
    world.publish(endpoint)
    await world.invoke()
    assert world.lanes.items[endpoint.id].trouble is Trouble.FAILING


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [answering(429), answering(503, retry_after="30"), answering(429, retry_after="30")])
async def test_a_receiver_that_is_asked_too_often_spends_no_attempt(first: Behaviour) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(first)
    event = world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = answering(500)
    await world.run(8 * DAY)
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)
    assert delivery is not None
    assert delivery.status is DeliveryStatus.FAILED
    limited = sum(attempt.status_code != 500 for attempt in delivery.attempts)
    assert limited >= 1
    assert len(delivery.attempts) == limited + 10


@pytest.mark.parametrize("order", [(0.0, 0.05), (0.05, 0.0)])
async def test_a_wish_survives_successes_before_and_after_it(order: tuple[float, float]) -> None:
    world = WebhookScene()
    number = 0

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        nonlocal number
        number += 1
        good = number % 2 == 0
        await asyncio.sleep(order[good])
        return WebhookAnswer(200, None, None, 1) if good else WebhookAnswer(429, None, None, 1, (("retry-after", "3600"),))

    endpoint = world.endpoint(answer)
    for _ in range(10):
        world.publish(endpoint)
    await world.work_all()
    assert len(world.receivers.receptions) == 10
    world.publish(endpoint)
    await world.run(3_500)
    assert len(world.receivers.receptions) == 10
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(600)
    assert world.statuses(endpoint) == {"DELIVERED": 11}


async def test_an_old_success_does_not_clear_what_another_worker_noted_since() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    world.publish(endpoint)
    await world.run(10)
    known = world.health.items[endpoint.id]
    newer = replace(known, version=known.version + 1, own_lane=True)
    world.health.interfere = lambda endpoint_id: None
    world.receivers.behaviour[endpoint.id] = answering()
    world.publish(endpoint)
    batch = world.queue.receive(10)
    reading = world.read

    def read(*arguments: object) -> object:
        snapshot = reading(*arguments)  # type: ignore[arg-type]  # whatever it is asked for
        world.health.items[endpoint.id] = newer
        return snapshot

    world.read = read  # type: ignore[assignment,method-assign]
    await world.new_process().delivery.deliver([Received(one.text) for one in batch], world.time_left())
    assert world.health.items[endpoint.id] == newer


# -- one owner -------------------------------------------------------------------------------------------------------


async def test_two_looks_at_once_have_one_owner_and_every_row_is_sent_once() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(150):
        world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = taking(0.2)
    world.resume(endpoint)
    texts = [Look(WORKSPACE, endpoint.id).text()]
    reports = await asyncio.gather(*(world.new_process().own_lanes.serve(texts, world.time_left()) for _ in range(5)))
    assert sum(report.turns for report in reports) == 1
    await world.run(60)
    assert len(world.receivers.receptions) == 150
    assert world.statuses(endpoint) == {"DELIVERED": 150}


@pytest.mark.parametrize("change", ["rename", "pause and resume", "another look"])
async def test_nothing_is_sent_twice_whatever_happens_while_the_backlog_is_sent(change: str) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(100):
        world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = taking(0.3)
    world.resume(endpoint)
    serving = asyncio.create_task(world.serve_lanes())
    await asyncio.sleep(0.7)
    assert 0 < len(world.receivers.receptions) < 100
    if change == "rename":
        world.endpoints[endpoint.id] = replace(world.endpoints[endpoint.id], name="another", modified=world.clock())
        world.observer.changed([world.endpoints[endpoint.id]])
    elif change == "pause and resume":
        world.pause(endpoint)
        world.resume(endpoint)
    else:
        world.looks.ask([Look(WORKSPACE, endpoint.id)])
    other = asyncio.create_task(world.serve_lanes())
    await asyncio.gather(serving, other)
    await world.run(120)
    assert len(world.receivers.receptions) == 100
    assert not world.illegal
    assert not world.backlog.rows


async def test_a_row_that_comes_after_the_last_look_is_not_stranded() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    late = world.publish(endpoint)
    # The worker reads PAUSED ...
    batch = world.queue.receive(10)
    off = world.endpoints[endpoint.id]
    # ... the endpoint is resumed and nothing is found ...
    world.resume(endpoint)
    await world.work_all()
    # ... and only then the worker adds its delivery.
    world.endpoints[endpoint.id], on = off, world.endpoints[endpoint.id]
    worker = asyncio.create_task(world.side.delivery.deliver([Received(message.text) for message in batch], world.time_left()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.endpoints[endpoint.id] = on
    await worker
    world.queue.delete(batch)
    await world.run(60)
    assert [one.event_id for one in world.receivers.receptions] == [late.id]


async def test_an_owner_that_dies_is_followed_by_another_once_its_lease_is_over() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(20):
        world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = taking(5)
    world.resume(endpoint)
    serving = asyncio.create_task(world.serve_lanes())
    await asyncio.sleep(1)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(1_000)
    assert world.statuses(endpoint) == {"DELIVERED": 20}
    assert not world.backlog.rows


async def test_requests_that_outlive_the_lease_are_not_sent_by_the_next_owner() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(400):
        world.publish(endpoint)
    await world.work()
    slow = iter(range(10_000))

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        return await taking(14 if next(slow) % 20 == 19 else 1.2)(request)

    world.receivers.behaviour[endpoint.id] = answer
    world.maximum_requests = 8
    world.lane_side = world.new_process()
    world.resume(endpoint)
    first = asyncio.create_task(world.serve_lanes())
    await asyncio.sleep(32.6)
    assert world.lanes.items[endpoint.id].open_rows
    assert not first.done()
    second = asyncio.create_task(world.serve_lanes())
    await asyncio.gather(first, second)
    await world.run(400)
    ids = [one.event_id for one in world.receivers.receptions]
    assert len(ids) == len(set(ids)) == 400
    assert world.receivers.most_running[endpoint.id] <= 8


async def test_a_backlog_never_has_more_requests_open_than_the_operator_allows() -> None:
    world = WebhookScene(maximum_requests=7)
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(200):
        world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = taking(0.5)
    world.resume(endpoint)
    await world.run(120)
    assert world.receivers.most_running[endpoint.id] == 7
    assert world.statuses(endpoint) == {"DELIVERED": 200}


async def test_an_endpoint_paused_while_its_backlog_is_sent_soon_gets_no_more() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(1_000):
        world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = taking(0.5)
    world.resume(endpoint)
    serving = asyncio.create_task(world.serve_lanes())
    await asyncio.sleep(2)
    world.pause(endpoint)
    await serving
    sent = len(world.receivers.receptions)
    assert sent < 1_000
    await world.run(600)
    assert len(world.receivers.receptions) == sent
    world.resume(endpoint)
    await world.run(600)
    assert len(world.receivers.receptions) == 1_000


# -- the way out -----------------------------------------------------------------------------------------------------


async def test_a_dead_receiver_is_probed_gently_and_noticed_when_it_is_back() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(taking(15, None, FailureClass.TIMEOUT))
    for _ in range(100):
        world.publish(endpoint)
    await world.run(3_600)
    probes = len(world.receivers.receptions)
    assert 8 <= probes <= 60
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(330)
    assert not [row for row in world.backlog.rows.values() if row.attempt.number == 1]
    await world.run(3 * DAY)
    assert world.statuses(endpoint) == {"DELIVERED": 100}


async def test_an_endpoint_that_is_well_again_goes_back_to_the_shared_lane() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(taking(10))
    world.publish(endpoint)
    await world.invoke()
    world.receivers.behaviour[endpoint.id] = answering()
    for _ in range(8):
        world.publish(endpoint)
        await world.run(20)
    assert endpoint.id not in world.health.items
    assert world.lanes.items[endpoint.id].trouble is None
    assert not world.backlog.rows
    world.aws.calls.clear()
    world.publish(endpoint)
    await world.work_all()
    assert world.aws.calls == {"snapshot.read": 1, "log.write": 1}


# -- health ----------------------------------------------------------------------------------------------------------


async def test_five_days_without_a_success_warn_three_times_and_then_disable() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    for _ in range(6 * 4):
        world.publish(endpoint)
        await world.run(DAY / 4)
    assert world.endpoints[endpoint.id].status is EndpointStatus.DISABLED
    assert "5 days without one success" in (world.endpoints[endpoint.id].status_reason or "")
    told = [one for one in world.published.values() if one.type.startswith("event-service.endpoint")]
    assert [one.type.rpartition(".")[2] for one in told] == ["failing", "failing", "failing", "disabled"]
    assert all(one.data["endpointId"] == endpoint.id for one in told)
    assert world.aws.calls["publish"] == len(world.published), "something was told twice"


async def test_health_is_written_when_a_retry_fails_and_cleared_by_one_success() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    world.publish(endpoint)
    await world.run(10)
    assert world.aws.calls["health.put"] == 1
    world.receivers.behaviour[endpoint.id] = answering()
    for _ in range(3):
        world.publish(endpoint)
        await world.work()
    assert world.aws.calls["health.clear"] == 1
    assert not world.health.items


async def test_an_answer_of_the_old_url_does_not_disable_the_new_one() -> None:
    world = WebhookScene()

    async def gone(request: WebhookRequest) -> WebhookAnswer:
        moved = replace(world.endpoints[endpoint.id], url="https://new.example.org/hook", modified=world.clock())
        world.endpoints[endpoint.id] = moved
        return WebhookAnswer(410, None, None, 1)

    endpoint = world.endpoint(gone)
    world.publish(endpoint)
    report = await world.invoke()
    assert report is not None
    assert report.disabled == 0
    assert world.endpoints[endpoint.id].status is EndpointStatus.ENABLED


@pytest.mark.parametrize("waited", [False, True], ids=["live", "backlog"])
async def test_410_counts_although_disabling_failed_at_first(waited: bool) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(410), status=EndpointStatus.PAUSED if waited else EndpointStatus.ENABLED)
    world.publish(endpoint)
    if waited:
        await world.work()
        world.resume(endpoint)
    world.clock.advance(seconds=1)
    tries = 0

    def refused_for_long(operation: str) -> str | None:
        nonlocal tries
        tries += operation == "disable"
        return "refused" if operation == "disable" and tries <= TRIES else None

    world.aws.fault = refused_for_long
    await world.run(1_000)

    assert tries == TRIES + 1
    assert world.endpoints[endpoint.id].status is EndpointStatus.DISABLED
    assert sorted(one.type for one in world.published.values()) == ["event-service.delivery.failed", "event-service.endpoint.disabled"]
    assert len(world.receivers.receptions) == 1


async def test_delivery_that_waits_again_stays_in_its_endpoints_list() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500), status=EndpointStatus.PAUSED)
    event = world.publish(endpoint)
    await world.work()
    assert [one.event_id for one in world.log.of_endpoint(WORKSPACE, endpoint.id).refs] == [event.id]
    world.resume(endpoint)
    await world.run(1)
    assert len(world.receivers.receptions) == 1
    world.pause(endpoint)
    await world.run(60)

    assert [one.event_id for one in world.log.of_endpoint(WORKSPACE, endpoint.id).refs] == [event.id]
    assert world.statuses(endpoint) == {"PENDING": 1}
    assert len(world.receivers.receptions) == 1


# -- faults ----------------------------------------------------------------------------------------------------------


async def test_a_record_refused_at_first_is_written_seconds_later_and_sent_once() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    for _ in range(10):
        world.publish(endpoint)
    refusals = iter(range(3))
    world.aws.fault = lambda operation: "refused" if operation == "log.write" and next(refusals, None) is not None else None
    began = world.clock()
    report = await world.invoke()
    assert report is not None
    assert not report.failed
    assert world.clock() - began < timedelta(seconds=5)
    assert len(world.receivers.receptions) == 10


# -- due retries -----------------------------------------------------------------------------------------------------


async def test_waiting_retries_cost_nothing_and_share_one_reminder_a_minute() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    for _ in range(9):
        world.publish(endpoint)
    await world.run(400)  # three attempts each: the next is due in half an hour
    assert len(world.backlog.rows) == 9
    assert len(world.reminders.rows) <= 2
    world.aws.calls.clear()
    read = world.reminders.rows_read
    for _ in range(20):
        world.clock.advance(seconds=60)
        assert world.tick().sent == 0
    assert world.reminders.rows_read == read
    assert world.aws.calls == {"reminders.due": 20 * 8}


async def test_a_scheduler_that_dies_after_sending_doubles_nothing() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    for _ in range(9):
        world.publish(endpoint)
    await world.run(800)
    world.receivers.behaviour[endpoint.id] = answering()
    world.clock.advance(seconds=2_300)
    world.aws.fault = lambda operation: "refused" if operation == "reminders.delete" else None
    assert not world.tick().complete
    world.aws.fault = lambda operation: None
    await world.run(2_000)
    assert world.statuses(endpoint) == {"DELIVERED": 9}
    assert sum(one.status == 200 for one in world.receivers.receptions) == 9


async def test_a_run_without_time_leaves_the_rest_to_the_next_one() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    world.publish(endpoint)
    await world.run(400)
    world.clock.advance(seconds=2_300)
    world.seconds = 5
    report = world.tick()
    assert (report.sent, report.complete) == (0, False)
    world.seconds = 60
    assert world.tick().sent == 1


# -- what is put back ------------------------------------------------------------------------------------------------


async def test_an_event_that_is_limited_again_is_tried_when_the_receiver_wants() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(429, retry_after="40"))
    world.publish(endpoint)
    await world.run(1_000)
    assert 25 <= len(world.receivers.receptions) <= 26
    # Each turn knows when the next one is due: none is for nothing.
    assert world.aws.calls["lanes.claim"] <= len(world.receivers.receptions)
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(100)
    assert world.statuses(endpoint) == {"DELIVERED": 1}


async def test_what_a_request_puts_back_after_the_hand_over_is_found() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(taking(14, 429))
    world.publish(endpoint)
    world.seconds = 30.0  # the turn ends while the request is open
    await world.run(120)
    assert len(world.receivers.receptions) >= 2
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(120)
    assert world.statuses(endpoint) == {"DELIVERED": 1}
    assert not world.backlog.rows


async def test_new_events_do_not_wait_for_a_retry_that_is_due_later() -> None:
    world = WebhookScene()
    failing: set[str] = set()

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        return await answering(500 if json.loads(request.body)["id"] in failing else 200)(request)

    endpoint = world.endpoint(answer)
    world.lanes.note_trouble(WORKSPACE, endpoint.id, Trouble.SLOW, None)
    world.looks.ask([Look(WORKSPACE, endpoint.id)])
    await world.work_all()
    failing.add(world.publish(endpoint).id)
    await world.run(60)
    [row] = world.backlog.rows.values()
    due = from_stored(row.at)
    looks = world.lane_queue.sent
    for _ in range(10):
        world.publish(endpoint)
        await world.run(1)
    assert world.clock() < due
    assert world.statuses(endpoint) == {"DELIVERED": 10, "PENDING": 1}
    # And the turns of new events ask for no further look at the retry.
    assert world.lane_queue.sent - looks <= 11
    failing.clear()
    await world.run(600)
    assert world.statuses(endpoint) == {"DELIVERED": 11}


async def test_new_events_for_a_dead_receiver_bring_no_further_requests() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    for _ in range(30):
        world.publish(endpoint)
    await world.run(300)
    assert world.health.items[endpoint.id].own_lane
    before = len(world.receivers.receptions)
    for _ in range(120):
        world.publish(endpoint)
        await world.run(1)
    assert len(world.receivers.receptions) - before <= 10


# -- rows that cannot be read ----------------------------------------------------------------------------------------


async def test_throttled_rows_of_an_endpoint_hold_up_its_own_messages_only() -> None:
    world = WebhookScene()
    hot, calm = world.endpoint(), world.endpoint()
    world.publish(hot, calm)
    world.throttled = {hot.id}
    report = await world.invoke()
    assert report is not None
    assert (len(report.failed), report.discarded) == (1, 0)
    assert world.statuses(calm) == {"DELIVERED": 1}
    world.throttled = set()
    await world.run(1_000)
    assert world.statuses(hot) == {"DELIVERED": 1}


@pytest.mark.parametrize("when", ["before the turn", "during the turn"])
async def test_a_lane_whose_endpoint_cannot_be_read_keeps_its_rows(when: str) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(250):
        world.publish(endpoint)
    await world.work()
    world.resume(endpoint)
    if when == "before the turn":
        world.throttled = {endpoint.id}
    else:
        world.receivers.behaviour[endpoint.id] = throttling_after(world, endpoint.id, 70)
    report = await world.serve_lanes()
    assert report is not None
    assert report.failed == {0}
    assert report.delivery.discarded == 0
    world.throttled = set()
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(1_000)
    assert world.statuses(endpoint) == {"DELIVERED": 250}
    assert len(world.receivers.receptions) == 250


def throttling_after(world: WebhookScene, endpoint_id: str, number: int) -> Behaviour:
    """A receiver whose endpoint cannot be read any more after so many requests."""

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        if len(world.receivers.receptions) >= number:
            world.throttled.add(endpoint_id)
        return await taking(0.01)(request)

    return answer


async def test_an_endpoint_that_cannot_be_read_is_disabled_once_it_can() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()

    async def gone(request: WebhookRequest) -> WebhookAnswer:
        world.throttled.add(endpoint.id)
        return await answering(410)(request)

    world.receivers.behaviour[endpoint.id] = gone
    world.publish(endpoint)
    report = await world.invoke()
    assert report is not None
    assert report.failed == {0}
    world.throttled = set()
    await world.run(1_000)
    assert world.endpoints[endpoint.id].status is EndpointStatus.DISABLED
    assert len(world.receivers.receptions) == 1


async def test_an_owner_asks_the_log_again_before_it_sends_rows_of_long_ago() -> None:
    """A copy of the message, which SQS or a fault made, may be delivered by the shared lane while the row waits for its place."""
    world = WebhookScene(maximum_requests=1)
    endpoint = world.endpoint(taking(1.0), EndpointStatus.PAUSED)
    events = [world.publish(endpoint) for _ in range(30)]
    await world.work()
    world.resume(endpoint)
    chosen = events[20]
    copy = WebhookMessage.first(WORKSPACE, endpoint.id, chosen.id, format_date(chosen.created), None, chosen.as_json())

    async def deliver_copy() -> None:
        await asyncio.sleep(5)
        key = copy.attempt.delivery
        world.log.write(
            [LogRecord(key, DeliveryStatus.DELIVERED, world.clock(), attempt=Attempt(1, world.clock(), 1, 200, None, None, ""))]
        )

    asked = world.aws.calls["snapshot.read"]
    await asyncio.gather(world.serve_lanes(), deliver_copy())

    sent = [one.event_id for one in world.receivers.receptions]
    assert len(sent) == 29
    assert chosen.id not in sent
    assert world.statuses(endpoint) == {"DELIVERED": 30}
    assert not world.backlog.rows
    # once a page, and once for as many rows as are sent in the time for which an answer counts
    assert world.aws.calls["snapshot.read"] - asked < 15


async def test_an_unreadable_look_comes_again_and_the_others_are_served() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.pause(endpoint)
    world.publish(endpoint)
    await world.work()
    world.resume(endpoint)
    (look,) = world.lane_queue.receive(10)
    report = await world.lane_side.own_lanes.serve(["{}", look.text], world.time_left())
    assert report.failed == {0}
    assert world.statuses(endpoint) == {"DELIVERED": 1}
