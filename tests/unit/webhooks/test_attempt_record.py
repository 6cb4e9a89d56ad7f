"""What the log keeps of an attempt: where it went, and of a failure the headers of the answer."""

from __future__ import annotations

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.attempt import attempt_of
from event_service.webhooks.exchange import WebhookAnswer
from tests.builders import START

URL = "https://hooks.example.com/" + "x" * 500
HEADERS = (("server", "nginx"), ("set-cookie", "(masked)"))


def test_a_failure_keeps_the_whole_url_and_the_headers() -> None:
    failed = attempt_of(1, START, WebhookAnswer(503, None, None, 12, failure_headers=HEADERS), URL)
    cut_off = attempt_of(1, START, WebhookAnswer(None, FailureClass.TIMEOUT, "It took too long.", 12), URL)

    assert (failed.url, failed.response_headers) == (URL, HEADERS)
    assert (cut_off.url, cut_off.response_headers) == (URL, ())


def test_a_success_keeps_as_much_of_the_url_as_costs_nothing() -> None:
    done = attempt_of(1, START, WebhookAnswer(200, None, None, 12, body="ok"), URL)

    assert done.url == URL[:256]
    assert done.response_headers == ()
