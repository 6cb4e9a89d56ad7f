"""Posts received events to a URL of the developer's, signed like a webhook, so that a receiver can be built behind a firewall."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from cli.errors import UsageError
from cli.http_requests import BadUrl, RequestFailed, post, split_url
from event_service.base import json_values
from event_service.base.trace_context import new_trace
from event_service.delivery.webhook_id import webhook_id
from event_service.webhooks.signature import InvalidSecret, secret_key, signed_headers

TIMEOUT_SECONDS: Final = 15.0
"""What a webhook has by default."""
LONGEST_PAUSE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Sends one event after the other; the next waits until one is taken or given up.

    Attributes:
        url: where to.
        endpoint_id: part of ``webhook-id``, which is the same for every try.
        secret: signs; ``whsec_`` and base64.
        tries: before an event is given up.
        note: told of tries that fail.
        sleep: waits between tries.
    """

    url: str
    endpoint_id: str
    secret: str
    tries: int
    note: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        try:
            split_url(self.url)
        except BadUrl as error:
            raise UsageError(f"--forward: {self.url!r} is not a URL such as http://localhost:3000/hook: {error}.") from None
        try:
            secret_key(self.secret)
        except InvalidSecret as error:
            raise UsageError(f"--secret: {error}.") from None

    async def send(self, event: dict[str, Any]) -> bool:
        """Whether it was taken: answered with 2xx. The body is the event as a webhook gets it, without ``sequence``."""
        body = json_values.dumps({key: value for key, value in event.items() if key != "sequence"}).encode()
        message_id = webhook_id(event["workspaceId"], event["id"], self.endpoint_id)
        traceparent = new_trace().traceparent
        for attempt in range(1, self.tries + 1):
            headers = {
                "content-type": "application/json",
                "user-agent": "event-service-cli",
                "traceparent": traceparent,
                **signed_headers([self.secret], message_id, int(time.time()), body),
            }
            fault = await asyncio.to_thread(self._post, body, headers)
            if fault is None:
                return True
            if attempt == self.tries:
                self.note(f"event {event['id']} was given up after {attempt} tries: {fault}")
                return False
            pause = min(LONGEST_PAUSE_SECONDS, 2.0 ** (attempt - 1))
            self.note(f"event {event['id']} was not taken ({fault}); again in {pause:.0f} s")
            await self.sleep(pause)
        return False

    def _post(self, body: bytes, headers: dict[str, str]) -> str | None:
        try:
            answer = post(self.url, body, headers, TIMEOUT_SECONDS)
        except RequestFailed as error:
            return str(error)
        return None if 200 <= answer.status <= 299 else f"HTTP {answer.status}"
