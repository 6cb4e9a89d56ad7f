"""Testing an endpoint through the webhook function, against Lambda's answers."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from event_service.base.errors import NotFound, RateLimited, Unavailable
from event_service.delivery.attempt import Attempt, FailureClass
from event_service.webhooks.tester import TESTS_PER_MINUTE, LambdaEndpointTester, LimitedTester

ATTEMPT = {
    "date": "2026-03-01T12:00:00.000000+00:00",
    "durationMs": 7,
    "statusCode": None,
    "failure": "timeout",
    "explanation": "It took too long.",
    "responseBody": None,
    "url": "https://receiver.example.org/hook",
    "responseHeaders": [["server", "x"]],
}


def a_tester() -> tuple[LambdaEndpointTester, Stubber]:
    made = LambdaEndpointTester("function:live", "us-east-1", "http://127.0.0.1:1", deadline_seconds=15)
    return made, Stubber(made._client)


def answer(value: Any, **more: Any) -> dict[str, Any]:
    body = json.dumps(value).encode()
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body)), **more}


def test_the_attempt_is_what_the_function_says() -> None:
    made, stub = a_tester()
    payload = json.dumps({"test": {"workspaceId": "w", "endpointId": "e"}})
    stub.add_response("invoke", answer(ATTEMPT), {"FunctionName": "function:live", "Payload": payload})
    with stub:
        attempt = made.test("w", "e")
    assert (attempt.number, attempt.url, attempt.response_headers) == (1, "https://receiver.example.org/hook", (("server", "x"),))
    assert (attempt.failure, attempt.error, attempt.duration_ms) == (FailureClass.TIMEOUT, "timeout: It took too long.", 7)


def test_an_endpoint_that_is_gone_meanwhile_is_unknown() -> None:
    made, stub = a_tester()
    stub.add_response("invoke", answer({"refused": "gone"}))
    with stub, pytest.raises(NotFound):
        made.test("w", "e")


def test_a_function_that_fails_is_no_attempt() -> None:
    made, stub = a_tester()
    stub.add_response("invoke", answer({"errorMessage": "x"}, FunctionError="Unhandled"))
    with stub, pytest.raises(Unavailable):
        made.test("w", "e")


@pytest.mark.parametrize(("code", "becomes"), [("TooManyRequestsException", RateLimited), ("ServiceException", Unavailable)])
def test_lambdas_errors_become_the_domains(code: str, becomes: type[Exception]) -> None:
    made, stub = a_tester()
    stub.add_client_error("invoke", code)
    with stub, pytest.raises(becomes):
        made.test("w", "e")


def test_an_endpoint_is_never_tested_twice_by_a_retry_of_the_sdk() -> None:
    made, _ = a_tester()
    assert made._client.meta.config.retries["total_max_attempts"] == 1
    assert made._client.meta.config.read_timeout > 15


class Counted:
    """Counts by workspace, and is a tester as well."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[str, datetime]] = Counter()
        self.tested = 0

    def take(self, workspace_id: str, now: datetime, limit: int) -> bool:
        minute = now.replace(second=0)
        self.taken[workspace_id, minute] += 1
        return self.taken[workspace_id, minute] <= limit

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        self.tested += 1
        return Attempt(1, datetime(2026, 3, 1, tzinfo=UTC), 1, 200, None, None, None)


def test_a_workspace_makes_so_many_tests_a_minute_and_others_theirs() -> None:
    counted, now = Counted(), datetime(2026, 3, 1, 12, tzinfo=UTC)
    limited = LimitedTester(counted, counted, lambda: now)
    for _ in range(TESTS_PER_MINUTE):
        limited.test("w", "e")
    with pytest.raises(RateLimited, match="30 tests a minute"):
        limited.test("w", "e")
    limited.test("another", "e")
    now += timedelta(minutes=1)
    limited.test("w", "e")
    assert counted.tested == TESTS_PER_MINUTE + 2
