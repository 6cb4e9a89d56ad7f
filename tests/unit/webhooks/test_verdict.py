"""What each answer of a receiver means. Every row names the wrong implementation that it catches."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from event_service.delivery.attempt import FailureClass
from event_service.webhooks.verdict import Outcome, Verdict, judge

NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
DAY = 86_400.0

DELIVERED, RETRY, GIVE_UP = Outcome.DELIVERED, Outcome.RETRY, Outcome.GIVE_UP


class Case(NamedTuple):
    """One answer and its verdict; ``disabled`` is a part of the reason."""

    catches: str
    status: int | None
    outcome: Outcome
    headers: tuple[tuple[str, str], ...] = ()
    failure: FailureClass | None = None
    wait: float | None = None
    limited: bool = False
    disabled: str | None = None


CASES = [
    Case("takes only 200 for success", 201, DELIVERED),
    Case("takes 200 for failure", 200, DELIVERED),
    Case("wants a body", 204, DELIVERED),
    Case("takes only the registered 2xx", 299, DELIVERED),
    Case("counts below 400 as success", 304, RETRY),
    Case("follows a redirect (301 turns POST into GET)", 301, RETRY, (("location", "https://example.com/"),)),
    Case("follows a redirect to an internal address", 307, RETRY, (("location", "http://169.254.169.254/"),)),
    Case("believes 308 where it distrusts 301", 308, RETRY, (("location", "https://example.com/"),)),
    Case("takes a switch of protocols for an answer", 101, RETRY),
    Case("gives up on 4xx as if our request were wrong: 400 of a receiver in deployment", 400, RETRY),
    Case("gives up on 401", 401, RETRY),
    Case("gives up on 404, so that a redeployed receiver loses events", 404, RETRY),
    Case("takes 408 for a time-out of ours that cools the endpoint", 408, RETRY),
    Case("takes 409 for 'already there'", 409, RETRY),
    Case("gives up on 413", 413, RETRY),
    Case("slows the endpoint on 425", 425, RETRY),
    Case("retries what is gone", 410, GIVE_UP, disabled="410 Gone"),
    Case("lets Retry-After soften 410", 410, GIVE_UP, (("Retry-After", "60"),), disabled="410 Gone"),
    Case("lets the header's reason hide 410's", 410, GIVE_UP, (("webhook-delivery", "disable"),), disabled="410 Gone"),
    Case("slows only the message on 429", 429, RETRY, limited=True),
    Case("ignores Retry-After on 429", 429, RETRY, (("Retry-After", "600"),), wait=600, limited=True),
    Case("cuts fractions, and so undercuts", 429, RETRY, (("retry-after", "120.6"),), wait=120.6, limited=True),
    Case("reads only seconds", 429, RETRY, (("Retry-After", "Tue, 24 Nov 2026 09:00:00 GMT"),), wait=3600, limited=True),
    Case("waits a week because it was told to", 429, RETRY, (("Retry-After", "604800"),), wait=DAY, limited=True),
    Case("waits until the year 9999", 503, RETRY, (("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"),), limited=True, wait=DAY),
    Case("fails on a negative wish", 429, RETRY, (("Retry-After", "-1"),), limited=True),
    Case("fails on nonsense", 429, RETRY, (("Retry-After", "later"),), limited=True),
    Case(
        "waits a negative time for a date in the past",
        503,
        RETRY,
        (("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),),
        limited=True,
        wait=0,
    ),
    Case(
        "takes the first of two wishes, and undercuts the other",
        503,
        RETRY,
        (("Retry-After", "5"), ("retry-after", "90")),
        limited=True,
        wait=90,
    ),
    Case("lets nonsense hide a good wish", 503, RETRY, (("Retry-After", "soon"), ("Retry-After", "90")), limited=True, wait=90),
    Case("honours Retry-After on 429 only", 503, RETRY, (("Retry-After", "30"),), limited=True, wait=30),
    Case("slows the endpoint on 503, which one route may answer", 503, RETRY),
    Case("honours Retry-After on 500, where it has no meaning", 500, RETRY, (("Retry-After", "3600"),)),
    Case("honours Retry-After on 502", 502, RETRY, (("Retry-After", "3600"),)),
    Case("slows the endpoint on every 5xx", 500, RETRY),
    Case("does not slow the endpoint on 502", 502, RETRY),
    Case("does not slow the endpoint on 504", 504, RETRY),
    Case("knows only statuses up to 511", 599, RETRY),
    Case("takes an unregistered status for success", 999, RETRY),
    Case("ignores webhook-delivery: disable on a success", 200, DELIVERED, (("webhook-delivery", "disable"),), disabled="asked for it"),
    Case("loses the event that came with a disable", 500, RETRY, (("webhook-delivery", "disable"),), disabled="asked for it"),
    Case("compares the header with case", 500, RETRY, (("Webhook-Delivery", " DISABLE "),), disabled="asked for it"),
    Case("retries after abort-message", 500, GIVE_UP, (("webhook-delivery", "abort-message"),)),
    Case("disables on abort-message", 400, GIVE_UP, (("WEBHOOK-DELIVERY", "\tAbort-Message\t"),)),
    Case("counts a delivered event as given up", 200, DELIVERED, (("webhook-delivery", "abort-message"),)),
    Case("knows one wish at a time", 500, GIVE_UP, (("webhook-delivery", "abort-message , disable"),), disabled="asked for it"),
    Case(
        "reads one header of two", 500, GIVE_UP, (("webhook-delivery", "disable"), ("webhook-delivery", "abort-message")), disabled="asked"
    ),
    Case("finds the wish inside another word", 500, RETRY, (("webhook-delivery", "do-not-disable"),)),
    Case("lets abort-message undo the slow-down of 429", 429, GIVE_UP, (("webhook-delivery", "abort-message"),), limited=True),
    Case("obeys the wish under a redirect's status only", 302, RETRY, (("webhook-delivery", "disable"),), disabled="asked for it"),
    Case("gives up after a time-out", None, RETRY, failure=FailureClass.TIMEOUT),
    Case("gives up on a name that does not resolve today", None, RETRY, failure=FailureClass.DNS),
    Case("gives up on an expired certificate, which gets renewed", None, RETRY, failure=FailureClass.TLS),
    Case("does not count refused connections", None, RETRY, failure=FailureClass.REFUSED),
    Case("does not count resets", None, RETRY, failure=FailureClass.RESET),
    Case("does not count networks that are gone", None, RETRY, failure=FailureClass.UNREACHABLE),
    Case("cools an endpoint to which nothing was sent", None, RETRY, failure=FailureClass.BLOCKED_ADDRESS),
    Case("cools a receiver that answers at once, though wrongly", None, RETRY, failure=FailureClass.PROTOCOL),
    Case("cools a receiver with large headers", None, RETRY, failure=FailureClass.TOO_LARGE),
    Case("sends again what was taken, because the body was cut", 200, DELIVERED, failure=FailureClass.RESET),
    Case("sends again what was taken, because the body was slow", 202, DELIVERED, failure=FailureClass.TIMEOUT),
    Case("forgets that a slow body held a slot until the deadline", 500, RETRY, failure=FailureClass.TIMEOUT),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.catches)
def test_the_receiver_is_obeyed(case: Case) -> None:
    verdict = judge(case.status, case.headers, case.failure, NOW)

    if case.disabled is not None:
        assert verdict.disable_reason is not None
        assert case.disabled in verdict.disable_reason
    assert verdict == Verdict(
        outcome=case.outcome,
        retry_after=case.wait,
        limited=case.limited,
        disable_reason=verdict.disable_reason if case.disabled is not None else None,
    )


def test_table_has_thirty_cases_and_each_catches_something_else() -> None:
    assert len({case.catches for case in CASES}) == len(CASES) >= 30


def test_attempt_without_status_and_failure_is_our_fault() -> None:
    with pytest.raises(ValueError, match="a status or with a failure"):
        judge(None, (), None, NOW)


@pytest.mark.parametrize("status", [*range(100, 200), *range(300, 600)])
def test_only_2xx_is_ever_a_success(status: int) -> None:
    assert judge(status, (), None, NOW).outcome is not Outcome.DELIVERED
