"""`make smoke`: the service as its users see it, on a deployed stack, in less than half a minute.

It uses a workspace of its own and removes what it made. The webhook goes to the stack's own CloudEvents door, which
refuses it (401) because webhooks carry no token: that proves the whole way out and back without a receiver of one's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from cli import documents
from cli.errors import CommandError
from cli.graphql_client import GraphqlClient
from event_service.base.errors import DomainError, Unavailable
from event_service.base.identifiers import new_id
from local.deployed import describe, issue_token, tokens_of
from local.tools import ToolError

SECONDS: Final = 30.0
FRAME_KILOBYTES: Final = (1, 33, 90)
"""API Gateway sends more than 32 KB in several WebSocket frames; clients must get them as one message."""
TYPE: Final = "smoke-test"


@dataclass(frozen=True, slots=True)
class Doors:
    """Where a stack is, and a token of the workspace to use."""

    graphql_url: str
    events_url: str
    web_socket_url: str
    token: str


class Smoke:
    """One run. Each check is one sentence; the first that fails ends the run."""

    def __init__(self, doors: Doors, say: Callable[[str], None], receiver: str | None = None) -> None:
        self._doors = doors
        self._say = say
        self._receiver = receiver or doors.events_url
        self._expected = range(200, 300) if receiver else range(401, 402)
        self._api = GraphqlClient(doors.graphql_url, doors.token)
        self._end = time.monotonic() + SECONDS
        self._made: list[str] = []

    def run(self) -> None:
        """Does every check.

        Raises:
            ToolError: says which check failed, and how.
        """
        try:
            self._run()
        finally:
            if self._made:
                self._api.execute(documents.DELETE_ENDPOINTS, ids=self._made)
                self._say("ok    what was made is deleted")

    def _run(self) -> None:
        with self._check("endpoints are created"):
            webhook = self._create(documents.CREATE_WEBHOOK, "createWebhookEndpoint", url=self._receiver)
            socket = self._create(documents.CREATE_SOCKET, "createWebSocketEndpoint")
        with self._check("a test event reaches the receiver"):
            attempt = self._api.execute(documents.TEST_ENDPOINT, id=webhook)["testEndpoint"]
            self._judge(attempt)
        with self._check("a socket connects"):
            connection = self._connect(socket)
        with connection:
            with self._check("a ping is answered"):
                connection.send("ping")
                self._until(connection, lambda message: "pong" in json.dumps(message))
            for kilobytes in FRAME_KILOBYTES:
                with self._check(f"an event of {kilobytes} KB arrives at the socket"):
                    event_id = self._publish(kilobytes)
                    self._until(connection, lambda message, wanted=event_id: message.get("id") == wanted)  # type: ignore[misc]  # bound here
        with self._check("a published event is delivered, with a record of the attempt"):
            self._judge(self._recorded_attempt(webhook))

    def _create(self, document: str, field: str, **variables: Any) -> str:
        made = str(self._api.execute(document, name="smoke test", **variables)[field]["id"])
        self._made.append(made)
        return made

    def _connect(self, endpoint_id: str) -> ClientConnection:
        query = urlencode({"endpoint_id": endpoint_id})
        return connect(f"{self._doors.web_socket_url}?{query}", additional_headers={"Token": self._doors.token}, open_timeout=self._left)

    def _publish(self, kilobytes: int) -> str:
        event_id = new_id()
        event = {"id": event_id, "type": TYPE, "data": {"text": "x" * (kilobytes * 1_000)}}
        self._api.execute(documents.PUBLISH, events=[event])
        return event_id

    def _until(self, connection: ClientConnection, fits: Callable[[dict[str, Any]], bool]) -> None:
        while True:
            message = json.loads(connection.recv(timeout=self._left))
            for one in message if isinstance(message, list) else [message]:
                if fits(one):
                    return

    def _recorded_attempt(self, endpoint_id: str) -> dict[str, Any]:
        filters = {"endpointId": {"exact": endpoint_id}}
        while True:
            found = self._api.execute(documents.DELIVERIES, filters=filters, pagination={"limit": 1})["deliveries"]["collectionItems"]
            attempts = found[0]["attempts"] if found else []
            if attempts:
                return dict(attempts[0])
            if self._left < 1:
                raise ToolError("no attempt was recorded in time")
            time.sleep(0.5)

    def _judge(self, attempt: dict[str, Any]) -> None:
        if attempt["statusCode"] not in self._expected:
            raise ToolError(f"{self._receiver} answered {attempt['statusCode']}, expected {self._expected.start}: {attempt['error']}")

    @property
    def _left(self) -> float:
        return max(0.1, self._end - time.monotonic())

    @contextmanager
    def _check(self, sentence: str) -> Iterator[None]:
        try:
            yield
        except (CommandError, ToolError, WebSocketException, OSError, TimeoutError, ValueError) as error:
            self._say(f"FAILED {sentence}: {error}")
            raise ToolError(f"The smoke test failed: {sentence}: {type(error).__name__}: {error}") from error
        self._say(f"ok    {sentence}")


def smoke_stack(name: str, profile: str | None, say: Callable[[str], None], receiver: str | None = None) -> None:
    """Runs the test on a stack in AWS, with a token that is revoked afterwards.

    Raises:
        ToolError: there is no such stack, or a check failed.
    """
    stack = describe(name, {}, profile)
    if stack is None:
        raise ToolError(f"There is no stack {name!r} in this account and Region.")
    issued = issue_token(stack, workspace_id=None, kind="access", name="smoke test")
    try:
        doors = Doors(stack.outputs["GraphqlUrl"], stack.outputs["EventsUrl"], stack.outputs["WebSocketUrl"], issued.token)
        Smoke(doors, say, receiver).run()
    finally:
        tokens = tokens_of(stack)
        for token in tokens.list_tokens(issued.workspace_id):
            tokens.revoke(issued.workspace_id, token.token_hash)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make smoke")
    parser.add_argument("--stack", required=True)
    parser.add_argument("--profile", default="")
    parser.add_argument("--receiver", default="", help="URL that must answer 2xx; without it the stack's own door, which answers 401")
    options = parser.parse_args()
    if not options.stack:
        print("Name the stack: make smoke STACK=event-service [PROFILE=...] [RECEIVER=https://...]", file=sys.stderr)
        return 2
    try:
        smoke_stack(options.stack, options.profile or None, print, options.receiver or None)
    except (ToolError, DomainError, Unavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
