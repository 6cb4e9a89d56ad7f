"""Testing an endpoint by invoking the webhook function: the same code, network and guards as a real delivery."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from event_service.base.clock import Clock
from event_service.base.dates import from_stored
from event_service.base.errors import NotFound, RateLimited, Unavailable
from event_service.delivery.attempt import Attempt, FailureClass
from event_service.delivery.history import EndpointTester
from event_service.delivery.ports import TestsMade

SLACK_SECONDS: Final = 5
"""For a cold start of the webhook function, beside the attempt's own deadline."""
MAXIMUM_SECONDS: Final = 20
"""The caller's own time ends after :data:`~event_service.base.allowance.GATEWAY_SECONDS`.
With a longer deadline a slow receiver cannot be tested."""


TESTS_PER_MINUTE: Final = 30
"""Of one workspace. A test goes out at once, beside all limits of delivery: without this one it would make the service a scanner of ports
or a cannon, with the operator's address."""


class LimitedTester:
    """Implements :class:`~event_service.delivery.history.EndpointTester`: another one, so many times a minute."""

    def __init__(self, tester: EndpointTester, made: TestsMade, clock: Clock) -> None:
        self._tester = tester
        self._made = made
        self._clock = clock

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        """Makes the attempt and waits for it.

        Raises:
            RateLimited: the workspace has made as many tests in this minute as it may.
        """
        if not self._made.take(workspace_id, self._clock(), TESTS_PER_MINUTE):
            raise RateLimited(f"testEndpoint: a workspace may make {TESTS_PER_MINUTE} tests a minute; try again in the next minute.")
        return self._tester.test(workspace_id, endpoint_id)


class LambdaEndpointTester:
    """Implements :class:`~event_service.delivery.history.EndpointTester`."""

    def __init__(self, function: str, region: str, endpoint_url: str | None, deadline_seconds: int) -> None:
        """
        Args:
            function: name or ARN of the webhook function, or of its alias.
            region: its Region.
            endpoint_url: where AWS is, when it is not AWS.
            deadline_seconds: the webhook function's deadline for one attempt.
        """
        self._function = function
        self._region = region
        self._endpoint_url = endpoint_url
        self._seconds = min(deadline_seconds + SLACK_SECONDS, MAXIMUM_SECONDS)

    @cached_property
    def _client(self) -> Any:
        # No retries: a repeat would test twice.
        config = Config(connect_timeout=1, read_timeout=self._seconds, retries={"total_max_attempts": 1})
        return Session().create_client("lambda", region_name=self._region, endpoint_url=self._endpoint_url, config=config)

    def test(self, workspace_id: str, endpoint_id: str) -> Attempt:
        """Makes the attempt and waits for it.

        Raises:
            NotFound: the endpoint was deleted meanwhile.
            RateLimited: the webhook function is as busy as it may be.
            Unavailable: the function could not be invoked or failed.
        """
        payload = json.dumps({"test": {"workspaceId": workspace_id, "endpointId": endpoint_id}})
        try:
            answer = self._client.invoke(FunctionName=self._function, Payload=payload)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "TooManyRequestsException":
                raise RateLimited("Webhook delivery is too busy for a test at the moment; try again in a few seconds.") from error
            raise Unavailable(f"Lambda Invoke: {error.response.get('Error', {}).get('Code')}") from error
        except BotoCoreError as error:
            raise Unavailable(f"Lambda Invoke: {type(error).__name__}") from error
        result = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise Unavailable("the webhook function failed while it tested an endpoint")
        if "refused" in result:
            raise NotFound("endpoint", [endpoint_id])
        return Attempt(
            number=1,
            date=from_stored(result["date"]),
            duration_ms=result["durationMs"],
            status_code=result["statusCode"],
            failure=None if result["failure"] is None else FailureClass(result["failure"]),
            explanation=result["explanation"],
            response_body=result["responseBody"],
            url=result.get("url"),
            response_headers=tuple((name, value) for name, value in result.get("responseHeaders", ())),
        )
