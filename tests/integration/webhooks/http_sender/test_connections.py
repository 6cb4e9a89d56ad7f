"""What is sent, and over how many connections."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_service.base.errors import BadUserInput
from event_service.delivery.attempt import FailureClass
from event_service.webhooks import http_sender
from event_service.webhooks.exchange import WebhookRequest
from event_service.webhooks.http_sender import HttpSender
from event_service.webhooks.url import UrlRules, parse_webhook_url
from tests.integration.webhooks.http_sender.conftest import BODY, HEADERS, LOOPBACK, MakeSender, Sending, names
from tests.integration.webhooks.http_sender.receivers import OK, Conversation, answering, receiver

LOCAL = UrlRules(guard=LOOPBACK, allow_http=True)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_the_request_on_the_wire_is_exactly_this(make_sender: MakeSender, method: str) -> None:
    async with receiver(answering(OK)) as target:
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/a/../%2e%2F?q=%41&x=y+z", method=method)

    (request,) = target.requests
    assert request.head.split("\r\n") == [
        f"{method} /a/../%2e%2F?q=%41&x=y+z HTTP/1.1",
        f"Host: 127.0.0.1:{target.port}",
        "content-type: application/json",
        "user-agent: event-service",
        "webhook-id: msg_abc",
        "accept: */*",
        "accept-encoding: identity",
        f"Content-Length: {len(BODY)}",
    ]
    assert request.body == BODY
    assert (answer.status, answer.failure, answer.explanation, answer.body, answer.body_is_cut) == (200, None, None, "ok", False)


async def test_headers_that_a_verdict_needs_come_back_cut(make_sender: MakeSender) -> None:
    headers = b"Retry-After: 5\r\nretry-after: 90\r\nWebhook-Delivery: disable\r\nx-other: 1\r\nwebhook-delivery: " + b"x" * 1000
    async with receiver(answering(b"HTTP/1.1 503 X\r\n" + headers + b"\r\ncontent-length: 0\r\n\r\n")) as target:
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert answer.headers == (
        ("retry-after", "5"),
        ("retry-after", "90"),
        ("webhook-delivery", "disable"),
        ("webhook-delivery", "x" * 256),
    )


async def test_the_headers_of_a_failure_are_kept_with_cookies_masked(make_sender: MakeSender) -> None:
    headers = b"X-Request-Id: 7f\r\nSet-Cookie: session=secret\r\nServer: nginx\r\nx-long: " + b"y" * 3_000
    answers = []
    for status in (b"503 X", b"200 OK"):
        async with receiver(answering(b"HTTP/1.1 " + status + b"\r\n" + headers + b"\r\ncontent-length: 0\r\n\r\n")) as target:
            answers.append(await make_sender()(f"http://127.0.0.1:{target.port}/"))

    failed, succeeded = answers
    assert failed.failure_headers == (
        ("x-request-id", "7f"),
        ("set-cookie", "(masked)"),
        ("server", "nginx"),
        ("x-long", "y" * 512),
        ("content-length", "0"),
    )
    assert succeeded.failure_headers == ()


@pytest.mark.parametrize(("status", "kept"), [(200, 0), (299, 0), (300, 2)])
async def test_what_is_no_success_keeps_its_headers(make_sender: MakeSender, status: int, kept: int) -> None:
    async with receiver(answering(b"HTTP/1.1 %d X\r\nserver: x\r\ncontent-length: 0\r\n\r\n" % status)) as target:
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert (answer.status, len(answer.failure_headers)) == (status, kept)


async def test_a_connection_is_used_again(make_sender: MakeSender) -> None:
    send = make_sender()

    async with receiver(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 30000\r\n\r\n" + b"x" * 30_000)) as target:
        answers = [await send(f"http://127.0.0.1:{target.port}/") for _ in range(20)]

    assert [(answer.status, len(answer.body), answer.body_is_cut) for answer in answers] == [(200, 256, True)] * 20
    assert (len(target.requests), target.connections) == (20, 1)


async def test_requests_to_one_endpoint_are_at_most_ten_at_a_time(make_sender: MakeSender) -> None:
    busy = most_busy = 0

    async def script(conversation: Conversation) -> None:
        nonlocal busy, most_busy
        while True:
            await conversation.request()
            busy += 1
            most_busy = max(most_busy, busy)
            await asyncio.sleep(0.01)
            busy -= 1
            await conversation.send(OK)

    send = make_sender()
    async with receiver(script) as target:
        answers = await asyncio.gather(*(send(f"http://127.0.0.1:{target.port}/") for _ in range(50)))

    assert [answer.status for answer in answers] == [200] * 50
    assert most_busy == 10
    assert target.connections == 10


async def test_no_other_endpoint_waits_for_one_that_hangs(make_sender: MakeSender) -> None:
    send = make_sender(deadline=60)

    async with receiver(Conversation.silence) as hanging, receiver(answering(OK)) as healthy:
        stuck = [asyncio.create_task(send(f"http://127.0.0.1:{hanging.port}/", endpoint_id="hanging")) for _ in range(30)]
        answers = await asyncio.gather(
            *(send(f"http://127.0.0.1:{healthy.port}/", endpoint_id=f"healthy-{number % 5}") for number in range(100))
        )
        assert [answer.status for answer in answers] == [200] * 100
        assert not any(task.done() for task in stuck)
        assert hanging.connections == 10
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    assert send.sender._slots == {}


async def test_waiting_for_a_free_connection_does_not_count_against_the_receiver(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        while True:
            await conversation.request()
            await asyncio.sleep(0.1)
            await conversation.send(OK)

    send = make_sender(deadline=0.4)
    async with receiver(script) as target:
        # the last of these wait for 7 rounds of 0.1 s, longer than the deadline
        answers = await asyncio.gather(*(send(f"http://127.0.0.1:{target.port}/") for _ in range(80)))

    assert [answer.status for answer in answers] == [200] * 80


async def test_a_receiver_that_answers_before_reading_everything_is_dialled_anew(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.reader.readuntil(b"\r\n\r\n")
        await conversation.send(b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(60)

    async with receiver(script) as target:
        sending = make_sender()
        url = f"http://127.0.0.1:{target.port}/"
        # More than the kernel takes for a receiver that reads nothing.
        answers = [await sending(url, body=b"x" * 32_000_000) for _ in range(2)]

    assert [(answer.status, answer.failure) for answer in answers] == [(413, None), (413, None)]
    assert target.connections == 2


async def test_an_idle_connection_that_the_receiver_closed_is_not_a_failure(make_sender: MakeSender) -> None:
    send = make_sender()

    async with receiver(answering(OK, times=1)) as target:
        answers = []
        for _ in range(5):
            answers.append(await send(f"http://127.0.0.1:{target.port}/"))
            await asyncio.sleep(0.01)

    assert [answer.status for answer in answers] == [200] * 5
    assert target.connections == 5


async def test_connection_closed_under_a_request_is_replaced_once(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK)
        await conversation.request()  # read, and answered with a FIN: what a server does whose idle time just ran out

    send = make_sender()
    async with receiver(script) as target:
        answers = [await send(f"http://127.0.0.1:{target.port}/") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert (target.connections, len(target.requests)) == (2, 3)


async def test_receiver_that_closes_is_dialled_once_for_an_attempt(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()

    async with receiver(script) as target:
        answer = await make_sender()(f"http://127.0.0.1:{target.port}/")

    assert (answer.status, answer.failure) == (None, FailureClass.RESET)
    assert (target.connections, len(target.requests)) == (1, 1)


async def test_idle_connections_do_not_pile_up(make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sender, "_CONNECTIONS_BEFORE_RENEWAL", 5)
    known = {f"host-{number}.test": ["127.0.0.1"] for number in range(40)}
    send = make_sender(lookup=names(**{name.replace(".", "_"): found for name, found in known.items()}))

    async with receiver(answering(OK)) as target:
        for name in known:
            await send(f"http://{name}:{target.port}/")

    assert len(target.requests) == 40
    assert target.most_open <= 8


async def test_a_sender_stays_with_its_event_loop(make_sender: MakeSender) -> None:
    send = make_sender()
    async with receiver(answering(OK)) as target:
        await send(f"http://127.0.0.1:{target.port}/")

    def elsewhere() -> None:
        asyncio.run(send("http://127.0.0.1:9999/"))

    with pytest.raises(RuntimeError, match="keep one loop for a process"):
        await asyncio.to_thread(elsewhere)


def test_connections_outlive_an_invocation() -> None:
    """One loop for the process, run once for each invocation, as the function does it."""
    sender = HttpSender(LOOPBACK)
    send = Sending(sender)
    with asyncio.Runner() as runner:
        manager = receiver(answering(OK))
        target = runner.run(manager.__aenter__())
        answers = [runner.run(send(f"http://127.0.0.1:{target.port}/")) for _ in range(3)]
        runner.run(sender.aclose())
        runner.run(manager.__aexit__(None, None, None))

    assert [answer.status for answer in answers] == [200] * 3
    assert target.connections == 1


async def test_a_cancelled_attempt_gives_its_slot_and_its_connection_back(make_sender: MakeSender) -> None:
    send = make_sender(deadline=60)

    async with receiver(Conversation.silence) as hanging:
        for _ in range(3):
            tasks = [asyncio.create_task(send(f"http://127.0.0.1:{hanging.port}/")) for _ in range(10)]
            await hanging.until_open(10)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await hanging.until_open(0)

    assert hanging.connections == 30
    assert hanging.most_open == 10


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("?", "/?"),
        ("/?", "/?"),
        ("/a?", "/a?"),
        ("/a??", "/a??"),
        ("/a?=", "/a?="),
        ("/a/?b=%3F?", "/a/?b=%3F?"),
        ("//", "//"),
        ("//a//?", "//a//?"),
        ("/a;b?c&d;e", "/a;b?c&d;e"),
        ("/%7e~?%7E=~", "/%7e~?%7E=~"),
        ("/.", "/."),
        ("/a/..?", "/a/..?"),
        ("/é?ü", "/%C3%A9?%C3%BC"),
    ],
)
async def test_the_target_on_the_wire_is_the_one_that_was_read(make_sender: MakeSender, path: str, target: str) -> None:
    async with receiver(answering(OK)) as taking:
        url = f"http://127.0.0.1:{taking.port}{path}"
        await make_sender()(url)

    assert [request.target for request in taking.requests] == [target]
    assert parse_webhook_url(url, LOCAL).target == target


@settings(max_examples=60, deadline=None)
@given(paths=st.lists(st.text(alphabet="aB1:/?@[]%-_.~;=&+ é🎈'\"{}|^`<>", max_size=20), min_size=1, max_size=20))
def test_every_url_that_is_taken_is_sent_as_it_was_read(paths: list[str]) -> None:
    async def send_all() -> tuple[list[str], list[str]]:
        read = []
        sender = HttpSender(LOOPBACK)
        async with receiver(answering(OK)) as taking:
            for path in paths:
                try:
                    url = parse_webhook_url(f"http://127.0.0.1:{taking.port}/{path}", LOCAL)
                except BadUserInput:
                    continue
                read.append(url.target)
                await sender.send(WebhookRequest("endpoint-1", url, "POST", {}, BODY))
            await sender.aclose()
        return read, [request.target for request in taking.requests]

    read, sent = asyncio.run(send_all())
    assert read == sent


async def test_connecting_has_a_time_of_its_own(make_sender: MakeSender) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return ["127.0.0.1"]

    sender = make_sender(deadline=60, connect=0.2, lookup=lookup)
    answer = await sender("http://slow.test/")
    async with receiver(Conversation.silence) as silent:
        handshake = await sender(f"https://127.0.0.1:{silent.port}/")

    assert (answer.failure, answer.explanation) == (FailureClass.TIMEOUT, "The name slow.test was not resolved within 0.2 s.")
    assert handshake.failure is FailureClass.TIMEOUT
    assert handshake.explanation == "No connection to 127.0.0.1 came about within 0.2 s."


async def test_the_time_for_connecting_does_not_end_an_answer_that_takes_longer(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await asyncio.sleep(0.6)
        await conversation.send(OK)

    async with receiver(script) as slow:
        answer = await make_sender(connect=0.3)(f"http://127.0.0.1:{slow.port}/")

    assert answer.status == 200


async def test_a_request_may_have_less_time_than_the_sender_gives(make_sender: MakeSender) -> None:
    send = make_sender(deadline=60)

    async with receiver(Conversation.silence) as silent:
        url = parse_webhook_url(f"http://127.0.0.1:{silent.port}/", LOCAL)
        answer = await send.sender.send(WebhookRequest("endpoint-1", url, "POST", HEADERS, BODY, deadline_seconds=0.2))

    assert answer.failure is FailureClass.TIMEOUT
    assert answer.explanation == "The receiver took the request but did not send complete response headers within 0.2 s."


async def test_a_request_cannot_have_more_time_than_the_sender_gives(make_sender: MakeSender) -> None:
    send = make_sender(deadline=0.2)

    async with receiver(Conversation.silence) as silent:
        url = parse_webhook_url(f"http://127.0.0.1:{silent.port}/", LOCAL)
        answer = await send.sender.send(WebhookRequest("endpoint-1", url, "POST", HEADERS, BODY, deadline_seconds=60))

    assert answer.explanation == "The receiver took the request but did not send complete response headers within 0.2 s."


async def test_a_caller_that_ends_requests_itself_has_no_deadline_of_the_sender(make_sender: MakeSender) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.request()
        await asyncio.sleep(0.3)
        await conversation.send(OK)

    async with receiver(script) as target:
        sending = make_sender(deadline=0.1)
        url = parse_webhook_url(f"http://127.0.0.1:{target.port}/", LOCAL)
        answer = await sending.sender.send(WebhookRequest("endpoint-1", url, "POST", HEADERS, BODY, ended_by_caller=True))

    assert (answer.status, answer.failure) == (200, None)
