"""The worker through its door: messages in, requests, records and messages out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from event_service.base.dates import format_date
from event_service.configuration.endpoint import EndpointStatus
from event_service.delivery.attempt import WIDE_FROM, WIDE_SHARDS, DeliveryStatus
from event_service.delivery.lane import MAXIMUM_CONTINUATIONS
from event_service.delivery.messages import WebhookMessage, parse_webhook_queue
from event_service.delivery.resending import Resending, row_again
from event_service.webhooks.batch import Received
from event_service.webhooks.endpoint_test import NotTestable
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from tests.fakes.webhooks import SECRET, WORKSPACE, Behaviour, WebhookScene, answering

DAY = 86_400.0


async def test_a_delivery_is_one_request_one_log_item_and_two_calls() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    for _ in range(10):
        world.publish(endpoint)
    await world.work()
    assert len(world.receivers.of(endpoint.id)) == 10
    assert len(world.log.writes) == len(set(world.log.writes)) == 10
    assert world.statuses(endpoint) == {"DELIVERED": 10}
    assert world.aws.calls == {"snapshot.read": 1, "log.write": 1}
    assert not world.queue.messages


async def test_a_request_verifies_with_the_official_library(monkeypatch: pytest.MonkeyPatch) -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    event = world.publish(endpoint)
    await world.work()
    (reception,) = world.receivers.of(endpoint.id)
    assert reception.headers["content-type"] == "application/json"
    assert reception.headers["user-agent"].startswith("event-service/")
    assert reception.body.decode() == event.as_json()
    # The library compares the timestamp with the machine's clock, which is not this test's.
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda self, timestamp: world.clock(), raising=True)
    assert Webhook(SECRET).verify(reception.body, reception.headers)["id"] == event.id


@pytest.mark.parametrize("first", [503, 500, 404, 301])
async def test_a_failure_is_retried_on_schedule_and_every_attempt_is_one_item(first: int) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(first))
    event = world.publish(endpoint)
    await world.run(4 * DAY)
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)
    assert delivery is not None
    assert delivery.status is DeliveryStatus.FAILED
    assert [attempt.number for attempt in delivery.attempts] == list(range(1, 11))
    gaps = [after.date - before.date for before, after in zip(delivery.attempts, delivery.attempts[1:], strict=False)]
    assert gaps == sorted(gaps)
    schedule = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    for gap, least in zip(gaps, schedule, strict=True):
        # To the second where the queue holds it back, to the scheduler's minute where the due index does.
        assert timedelta(seconds=least) <= gap <= timedelta(seconds=least + 61)
    assert len(world.log.writes) == 10
    assert len({one.webhook_id for one in world.receivers.receptions}) == 1
    assert len({one.headers["webhook-timestamp"] for one in world.receivers.receptions}) == 10
    assert world.queue.longest_delay <= 900


async def test_410_disables_at_once_and_gives_the_delivery_up() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(410))
    event = world.publish(endpoint)
    await world.work()
    assert world.endpoints[endpoint.id].status is EndpointStatus.DISABLED
    assert "410" in (world.endpoints[endpoint.id].status_reason or "")
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)
    assert delivery is not None
    assert delivery.status is DeliveryStatus.FAILED
    assert sorted(one.type for one in world.published.values()) == ["event-service.delivery.failed", "event-service.endpoint.disabled"]
    world.publish(endpoint)
    await world.run(DAY)
    assert len(world.receivers.receptions) == 1


@pytest.mark.parametrize(
    ("behaviour", "delivery", "endpoint_status"),
    [
        (answering(200, webhook_delivery="disable"), "DELIVERED", EndpointStatus.DISABLED),
        (answering(500, webhook_delivery="disable"), "PENDING", EndpointStatus.DISABLED),
        (answering(500, webhook_delivery="abort-message"), "FAILED", EndpointStatus.ENABLED),
        (answering(500, webhook_delivery="abort-message, disable"), "FAILED", EndpointStatus.DISABLED),
        (answering(200, webhook_delivery="abort-message"), "DELIVERED", EndpointStatus.ENABLED),
    ],
)
async def test_the_header_webhook_delivery_is_obeyed(behaviour: object, delivery: str, endpoint_status: EndpointStatus) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(behaviour)  # type: ignore[arg-type]
    world.publish(endpoint)
    await world.work()
    assert world.statuses(endpoint) == {delivery: 1}
    assert world.endpoints[endpoint.id].status is endpoint_status


async def test_two_failures_far_apart_are_not_five_days_of_failing() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500, webhook_delivery="abort-message"))
    world.publish(endpoint)
    await world.run(30 * DAY)
    world.publish(endpoint)
    await world.work()
    assert world.endpoints[endpoint.id].status is EndpointStatus.ENABLED


async def test_endpoint_resumed_after_disabling_is_reported_recovered() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(410))
    world.publish(endpoint)
    await world.work()
    world.receivers.behaviour[endpoint.id] = answering()
    world.resume(endpoint)
    world.publish(endpoint)
    await world.run(60)
    assert [one.type for one in world.published.values()].count("event-service.endpoint.recovered") == 1
    assert not world.health.items


async def test_failures_of_operational_events_make_no_further_ones() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    for _ in range(5):
        world.publish(endpoint, event_type="event-service.endpoint.disabled")
        await world.run(0.9 * DAY)
    assert not world.published


# -- what waits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [EndpointStatus.PAUSED, EndpointStatus.DISABLED])
async def test_backlog_of_an_endpoint_that_is_off_is_sent_in_order(status: EndpointStatus) -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=status)
    events = [world.publish(endpoint) for _ in range(230)]
    await world.work()
    assert not world.receivers.receptions
    assert world.statuses(endpoint) == {"PENDING": 230}
    delivery = world.log.delivery(WORKSPACE, endpoint.id, events[0].id)
    assert delivery is not None
    assert (delivery.attempts, delivery.next_attempt) == ((), None)
    await world.run(3 * DAY)
    world.resume(endpoint)
    await world.work_all()
    assert world.statuses(endpoint) == {"DELIVERED": 230}
    sent = [one.event_id for one in world.receivers.receptions]
    place = {event.id: number for number, event in enumerate(events)}
    # In order but for the few that are under way at the same time.
    assert all(abs(place[event_id] - number) < 100 for number, event_id in enumerate(sent))
    assert len(sent) == 230
    await world.run(600)
    assert not world.backlog.rows
    assert not world.queue.messages


async def test_a_resume_that_died_before_it_could_begin_is_taken_up() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    world.publish(endpoint)
    await world.work()
    world.observer.resuming([world.endpoints[endpoint.id]])
    world.endpoints[endpoint.id] = replace(world.endpoints[endpoint.id], status=EndpointStatus.ENABLED)
    await world.run(300)
    assert world.statuses(endpoint) == {"DELIVERED": 1}


async def test_what_waits_for_a_deleted_endpoint_is_discarded() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    for _ in range(150):
        world.publish(endpoint)
    await world.work()
    world.delete(endpoint)
    await world.run(600)
    assert world.statuses(endpoint) == {"DISCARDED": 150}
    assert not world.backlog.rows
    assert not world.receivers.receptions


async def test_message_for_a_deleted_endpoint_leaves_no_unlisted_record() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    tried = world.publish(endpoint)
    await world.work()
    world.publish(endpoint)
    world.delete(endpoint)
    await world.run(600)
    assert world.statuses(endpoint) == {"DISCARDED": 1}
    delivery = world.log.delivery(WORKSPACE, endpoint.id, tried.id)
    assert delivery is not None
    assert len(delivery.attempts) == 1


async def test_what_outlived_its_event_is_discarded_and_told_once_an_hour() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(status=EndpointStatus.PAUSED)
    world.publish(endpoint)
    await world.work()
    await world.run(15 * DAY)
    world.resume(endpoint)
    await world.run(600)
    assert world.statuses(endpoint) == {"DISCARDED": 1}
    assert not world.receivers.receptions
    told = [one for one in world.published.values() if one.type == "event-service.delivery.discarded"]
    assert [(one.data["endpointId"], one.data["number"]) for one in told] == [(endpoint.id, 1)]


# -- isolation -------------------------------------------------------------------------------------------------------


async def test_requests_to_one_endpoint_are_at_most_ten_at_once() -> None:
    world = WebhookScene()

    async def slow(request: WebhookRequest) -> WebhookAnswer:
        for _ in range(20):
            await asyncio.sleep(0)
        return WebhookAnswer(200, None, None, 1)

    endpoint = world.endpoint(slow)
    for _ in range(40):
        world.publish(endpoint)
    await world.invoke(40)
    assert world.receivers.most_running[endpoint.id] == 10
    assert world.statuses(endpoint) == {"DELIVERED": 40}


async def test_what_cannot_be_begun_in_time_goes_back_without_spending_a_receive() -> None:
    world = WebhookScene(seconds=10)
    endpoint = world.endpoint()
    world.publish(endpoint)
    report = await world.invoke()
    assert report is not None
    assert report.failed == set()
    assert not world.receivers.receptions
    world.seconds = 60
    world.clock.advance(seconds=2)
    await world.work()
    assert world.statuses(endpoint) == {"DELIVERED": 1}


# -- repeats ---------------------------------------------------------------------------------------------------------


async def test_a_repeat_of_a_recorded_attempt_is_dropped() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    for _ in range(10):
        world.publish(endpoint)
    batch = world.queue.receive(10)
    await world.side.delivery.deliver([Received(message.text) for message in batch], lambda: 60.0)
    # What follows their records failed, so they are shown again soon: they are young, and only their receive count tells.
    world.clock.advance(seconds=15)
    report = await world.side.delivery.deliver([Received(message.text, receive_count=2) for message in batch], lambda: 60.0)
    assert report.dropped == 10
    assert len(world.receivers.receptions) == 10


async def test_two_copies_in_one_batch_are_sent_once() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.publish(endpoint)
    (message,) = world.queue.receive(10)
    report = await world.side.delivery.deliver([Received(message.text), Received(message.text)], lambda: 60.0)
    assert len(world.receivers.receptions) == 1
    assert report.failed == {1}


async def test_redriven_message_is_checked_despite_receive_count_one() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.publish(endpoint)
    world.queue.messages[0].receives = 10
    (message,) = list(world.queue.messages.values())
    # It was delivered and recorded, but its worker died before it could delete it, ten times.
    await world.side.delivery.deliver([Received(message.text)], lambda: 60.0)
    world.queue.receive(10)
    assert len(world.queue.dead) == 1
    world.clock.advance(seconds=3_600)
    world.queue.redrive()
    await world.work()
    assert len(world.receivers.receptions) == 1
    assert not world.queue.messages


async def test_a_redriven_message_that_was_never_delivered_is_delivered() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.publish(endpoint)
    world.aws.fault = lambda operation: "refused" if operation == "log.write" else None
    for _ in range(11):
        await world.work()
        world.clock.advance(seconds=400)
    assert len(world.queue.dead) == 1
    world.aws.fault = lambda operation: None
    world.queue.redrive()
    await world.work()
    assert world.statuses(endpoint) == {"DELIVERED": 1}
    assert len({one.webhook_id for one in world.receivers.receptions}) == 1


async def test_retry_unsent_by_a_dead_worker_is_sent_by_the_repeat() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    world.publish(endpoint)
    (message,) = world.queue.receive(10)
    await world.side.delivery.deliver([Received(message.text)], lambda: 60.0)
    world.queue.messages = {message.id: message}  # the retry is gone, the message is not
    world.receivers.behaviour[endpoint.id] = answering()
    await world.run(1_000)
    assert [one.status for one in world.receivers.receptions] == [500, 200]


async def test_a_fault_of_ours_while_recording_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.publish(endpoint)

    def bug(records: object) -> None:
        raise TypeError(records)

    monkeypatch.setattr(world.log, "write", bug)
    report = await world.invoke()
    assert report is not None
    assert (report.failed, report.attempts) == ({0}, {})


async def test_unreadable_message_is_left_and_the_rest_is_delivered() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.publish(endpoint)
    (message,) = world.queue.receive(10)
    texts = ["", "{}\nbody", '{"v":2}\n', '["v"]\n{}', message.text]
    report = await world.side.delivery.deliver([Received(text) for text in texts], lambda: 60.0)
    assert report.failed == {0, 1, 2, 3}
    assert world.statuses(endpoint) == {"DELIVERED": 1}


async def test_continuations_are_counted_and_bounded_by_a_way_around_the_queue() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    event = world.event()
    message = WebhookMessage.first(WORKSPACE, endpoint.id, event.id, event.as_delivered()["creationDate"], None, event.as_json())
    world.queue.put(message)
    await world.work()
    (retry,) = world.queue.messages.values()
    following = parse_webhook_queue(retry.text)
    assert isinstance(following, WebhookMessage)
    assert (following.continuations, following.attempt.number) == (1, 2)
    world.queue.messages.clear()
    world.queue.put(replace(message, continuations=MAXIMUM_CONTINUATIONS, attempt=message.attempt.following()))
    await world.work()
    assert not world.queue.messages
    assert len(world.backlog.rows) == len(world.reminders.rows) == 1


# -- testing an endpoint ---------------------------------------------------------------------------------------------


async def test_a_test_is_sent_signed_and_not_logged() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(418), status=EndpointStatus.PAUSED)
    attempt = await world.side.tests.send(WORKSPACE, endpoint.id)
    assert (attempt.number, attempt.status_code) == (1, 418)
    (reception,) = world.receivers.receptions
    assert reception.headers["webhook-signature"].startswith("v1,")
    assert json.loads(reception.body)["type"] == "event-service.endpoint.test"
    assert not world.log.records
    assert not world.queue.messages


async def test_a_test_of_an_unknown_endpoint_is_refused() -> None:
    with pytest.raises(NotTestable):
        await WebhookScene().side.tests.send(WORKSPACE, "22222222-2222-4222-8222-222222222222")


# -- the due index ---------------------------------------------------------------------------------------------------


async def test_a_retry_whose_event_has_expired_is_discarded() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))
    event = world.publish(endpoint)
    await world.run(400)
    del world.store.items[WORKSPACE, event.id]
    await world.run(2_000)
    assert world.statuses(endpoint) == {"DISCARDED": 1}


def two_answers(*answers: tuple[float, int]) -> Behaviour:
    """A receiver whose answers to one request after the other take so long and are these; any further one is 500."""
    left = list(answers)

    async def answer(request: WebhookRequest) -> WebhookAnswer:
        seconds, status = left.pop(0) if left else (0.0, 500)
        await asyncio.sleep(seconds)
        return WebhookAnswer(status, None, None, round(seconds * 1_000))

    return answer


COPIES = [((0.3, 200), (1.5, 500)), ((1.5, 200), (0.3, 500)), ((0.3, 500), (1.5, 200)), ((1.5, 200), (0.3, 429))]


@pytest.mark.parametrize("answers", COPIES, ids=str)
async def test_two_copies_in_flight_of_which_one_succeeds_are_the_last_requests(answers: tuple[tuple[float, int], ...]) -> None:
    """SQS made two of one message. Whichever answer comes last, the log keeps the success, and no retry follows it."""
    world = WebhookScene()
    endpoint = world.endpoint(two_answers(*answers))
    world.queue.copies = lambda: 2
    world.publish(endpoint)
    world.queue.copies = lambda: 1

    await asyncio.gather(world.invoke(1), world.invoke(1, world.new_process()))
    await world.run(4 * DAY)

    assert len(world.receivers.of(endpoint.id)) == 2
    assert world.statuses(endpoint) == {"DELIVERED": 1}
    assert not world.illegal
    assert not world.backlog.rows
    assert not world.queue.messages


async def test_a_replay_of_a_wide_event_and_its_own_message_send_it_once() -> None:
    """The log has no record of the delivery yet, and the replay's row must be looked for where the message's record will be."""
    world = WebhookScene()
    endpoint = world.endpoint()
    event = world.event()
    accepted_at = format_date(event.created)
    message = WebhookMessage.first(WORKSPACE, endpoint.id, event.id, accepted_at, None, event.as_json(), log_shards=WIDE_SHARDS)
    world.log.mark([message.delivery])

    Resending(world.backlog, world.looks, world.log).send([row_again(endpoint.id, event, None)])
    await world.work_all()
    world.clock.advance(minutes=1)
    world.queue.put(message)
    await world.work_all()

    assert len(world.receivers.of(endpoint.id)) == 1
    (key,) = world.log.records
    assert key == (endpoint.id, WORKSPACE, event.id, 1, WIDE_SHARDS)


async def test_a_retry_by_hand_of_a_wide_event_goes_on_where_its_log_is() -> None:
    world = WebhookScene()
    endpoints = [world.endpoint() for _ in range(WIDE_FROM + 1)]
    event = world.publish(*endpoints)
    await world.work()
    delivery = world.log.delivery(WORKSPACE, endpoints[0].id, event.id)

    Resending(world.backlog, world.looks, world.log).send([row_again(endpoints[0].id, event, delivery)])
    await world.work_all()

    numbers = sorted(key[3:] for key in world.log.records if key[0] == endpoints[0].id)
    assert numbers == [(1, WIDE_SHARDS), (2, WIDE_SHARDS)]


async def test_a_retry_by_hand_after_a_success_is_sent() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    event = world.publish(endpoint)
    await world.work()
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)

    Resending(world.backlog, world.looks, world.log).send([row_again(endpoint.id, event, delivery)])
    await world.work_all()

    assert len(world.receivers.of(endpoint.id)) == 2
    assert [attempt.number for attempt in world.log.delivery(WORKSPACE, endpoint.id, event.id).attempts] == [1, 2]  # type: ignore[union-attr]
