"""What a batch of the shared lane counts, asks and writes, beyond its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest

from event_service.base.dates import format_date
from event_service.configuration.secrets import EndpointSecrets
from event_service.delivery.attempt import FailureClass, LogKey
from event_service.delivery.messages import WebhookMessage
from event_service.webhooks.batch import Received
from event_service.webhooks.exchange import WebhookAnswer, WebhookRequest
from event_service.webhooks.ports import Snapshot
from tests.fakes.webhooks import SECRET, WORKSPACE, Behaviour, WebhookScene, answering

OLD_SECRET = "whsec_" + "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"


def after(seconds: float) -> Behaviour:
    async def answer(request: WebhookRequest) -> WebhookAnswer:
        del request
        await asyncio.sleep(seconds)
        return WebhookAnswer(200, None, None, 12)

    return answer


async def test_a_deadline_shorter_than_the_cut_is_the_request_s_own() -> None:
    world = WebhookScene()
    world.side.delivery._attempts.deadline_seconds = 2.0
    endpoint = world.endpoint(after(2.5))
    world.publish(endpoint)
    report = await world.invoke()
    assert report is not None
    assert (report.cut, report.lanes_begun) == (0, 0)
    assert world.statuses(endpoint) == {"DELIVERED": 1}


async def test_only_requests_that_are_cut_go_without_a_timer_of_the_sender() -> None:
    world = WebhookScene()
    asked: list[bool] = []

    async def noting(request: WebhookRequest) -> WebhookAnswer:
        asked.append(request.ended_by_caller)
        return WebhookAnswer(200, None, None, 12)

    endpoint = world.endpoint(noting)
    world.publish(endpoint)
    await world.work()
    world.side.delivery._attempts.deadline_seconds = 2.0
    world.publish(endpoint)
    await world.work()
    world.pause(endpoint)
    world.publish(endpoint)
    await world.work()
    world.resume(endpoint)
    await world.work_all()
    assert asked == [True, False, False]


async def test_an_old_secret_signs_beside_the_new_one_until_its_grace_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    until = world.clock() + timedelta(hours=1)
    read = world.read

    def rotated(endpoints: Collection[tuple[str, str]], attempts: Collection[LogKey]) -> Snapshot:
        secrets = {endpoint.id: EndpointSecrets(SECRET, ((OLD_SECRET, until),))}
        return replace(read(endpoints, attempts), secrets=secrets)

    monkeypatch.setattr(world, "read", rotated)
    world.publish(endpoint)
    await world.work()
    world.clock.advance(seconds=3_600)
    world.publish(endpoint)
    await world.work()
    signatures = [one.headers["webhook-signature"].split() for one in world.receivers.receptions]
    assert [len(one) for one in signatures] == [2, 1]


async def test_a_url_that_is_not_allowed_any_more_is_a_failure_that_says_so() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.endpoints[endpoint.id] = replace(endpoint, url="http://receiver.example.org/hook")
    event = world.publish(endpoint)
    await world.work()
    delivery = world.log.delivery(WORKSPACE, endpoint.id, event.id)
    assert delivery is not None
    (attempt,) = delivery.attempts
    assert (attempt.status_code, attempt.failure, attempt.duration_ms) == (None, FailureClass.BLOCKED_ADDRESS, 0)
    assert str(attempt.explanation).startswith("No request was sent: ")
    assert not world.receivers.receptions


async def test_deliveries_that_will_never_be_made_are_counted() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    for _ in range(2):
        world.publish(endpoint)
    del world.endpoints[endpoint.id]
    report = await world.invoke()
    assert report is not None
    assert (report.discarded, report.failed) == (2, set())


async def test_endpoints_that_are_disabled_are_counted() -> None:
    world = WebhookScene()
    for _ in range(2):
        world.publish(world.endpoint(answering(410)))
    report = await world.invoke()
    assert report is not None
    assert report.disabled == 2


async def test_the_log_is_asked_for_attempts_only_that_may_have_been_made(monkeypatch: pytest.MonkeyPatch) -> None:
    world = WebhookScene()
    asked: list[int] = []
    read = world.read

    def noting(endpoints: Collection[tuple[str, str]], attempts: Collection[LogKey]) -> Snapshot:
        asked.append(len(attempts))
        return read(endpoints, attempts)

    monkeypatch.setattr(world, "read", noting)
    world.publish(world.endpoint(answering(500)))
    await world.work()
    world.clock.advance(seconds=10)
    await world.work()
    # The first attempt; then the second with its own record, that of the first and that of the third.
    assert asked == [0, 3]


async def test_a_repeat_asks_for_no_second_retry_while_the_first_is_due_later() -> None:
    world = WebhookScene()
    world.publish(world.endpoint(answering(500)))
    (message,) = world.queue.receive(10)
    await world.side.delivery.deliver([Received(message.text)], lambda: 60.0)
    assert len(world.queue.messages) == 2
    text = message.text.replace('{"', '{"repeat":true,"', 1)
    report = await world.side.delivery.deliver([Received(text)], lambda: 60.0)
    assert (report.dropped, report.failed) == (1, set())
    assert len(world.queue.messages) == 2


async def test_answers_that_come_soon_after_one_another_are_written_together() -> None:
    world = WebhookScene()
    for seconds in (0.01, 0.1, 0.19):
        world.publish(world.endpoint(after(seconds)))
    await world.work()
    assert world.aws.calls["log.write"] == 1


async def test_an_answer_does_not_wait_long_for_others_to_be_written() -> None:
    world = WebhookScene()
    for seconds in (0.01, 1.0):
        world.publish(world.endpoint(after(seconds)))
    await world.work()
    assert world.aws.calls["log.write"] == 2


async def test_a_lane_ends_soon_after_its_backlog() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    world.pause(endpoint)
    world.publish(endpoint)
    await world.work()
    world.resume(endpoint)
    before = world.clock()
    await world.work_all()
    assert world.statuses(endpoint) == {"DELIVERED": 1}
    assert world.clock() - before < timedelta(seconds=10)


async def test_what_comes_up_after_its_endpoint_was_disabled_joins_the_backlog() -> None:
    world = WebhookScene()
    answered: list[int] = []

    async def gone_then_slow(request: WebhookRequest) -> WebhookAnswer:
        del request
        answered.append(1)
        if len(answered) > 1:
            await asyncio.sleep(1.0)
            return WebhookAnswer(200, None, None, 12)
        return WebhookAnswer(410, None, None, 12)

    endpoint = world.endpoint(gone_then_slow)
    for _ in range(12):
        world.publish(endpoint)
    report = await world.invoke(limit=12)
    assert report is not None
    # Ten at once; the one that took the place of the first had begun before its answer was recorded.
    assert (len(answered), report.to_backlog, report.failed) == (11, 1, set())
    assert world.statuses(endpoint) == {"FAILED": 1, "DELIVERED": 10, "PENDING": 1}


@pytest.mark.parametrize(("method", "sent"), [("PUT", "PUT"), (None, "POST")])
async def test_a_request_has_the_method_of_its_endpoint(method: str | None, sent: str) -> None:
    world = WebhookScene()
    asked: list[str] = []

    async def noting(request: WebhookRequest) -> WebhookAnswer:
        asked.append(request.method)
        return WebhookAnswer(200, None, None, 12)

    endpoint = world.endpoint(noting)
    world.endpoints[endpoint.id] = replace(endpoint, method=method)
    world.publish(endpoint)
    await world.work()
    assert asked == [sent]


async def test_the_trace_of_a_publish_goes_on_at_the_receiver_and_in_the_report() -> None:
    world = WebhookScene()
    endpoint = world.endpoint()
    event = world.event()
    trace = "0af7651916cd43dd8448eb211c80319c"
    traceparent = f"00-{trace}-b7ad6b7169203331-01"
    message = WebhookMessage.first(WORKSPACE, endpoint.id, event.id, format_date(event.created), traceparent, event.as_json())
    report = await world.side.delivery.deliver([Received(message.text())], world.time_left())
    (reception,) = world.receivers.receptions
    assert report.traceparents == [traceparent]
    assert reception.headers["traceparent"].split("-")[1] == trace
    assert reception.headers["traceparent"] != traceparent
