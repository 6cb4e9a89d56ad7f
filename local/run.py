"""`make run`: the whole service on this machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from local.background import file_of
from local.log_view import follow, readable
from local.stack import LocalStack, StackFile
from local.tools import LOCAL, ToolError

DEFAULT_PORT: Final = 4566
FUNCTIONS: Final = {
    "event-service-GraphqlApi": "graphql_api",
    "event-service-EventRouter": "event_router",
    "event-service-WebhookDelivery": "webhook_delivery",
    "event-service-SocketDelivery": "socket_delivery",
    "event-service-Websocket": "websocket",
    "event-service-RetryScheduler": "retry_scheduler",
    "event-service-EventBus": "event_bus",
    "event-service-Console": "console",
}


class _StopRequested(Exception):
    """SIGINT or SIGTERM came. Only the first counts: a second Ctrl-C must not cut the stop short and lose the state."""


def main() -> int:
    """Runs the stack; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make run")
    parser.add_argument("--headless", action="store_true", help="without logs and addresses: nobody reads them")
    parser.add_argument("--directory", type=Path, default=LOCAL / "stack", help="holds its state")
    options = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", flush=True)

    try:
        port = _port(os.environ.get("PORT"))
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    stack = LocalStack(options.directory, port, file=file_of(options.directory.resolve()), say=say)
    _on_signals(_raise_once)
    try:
        ready = stack.start()
        say("Ready")
        if options.headless:
            _wait(stack)
        print(_welcome(ready), flush=True)
        _show_logs(stack)
    except _StopRequested:
        print("\nStopping; the state is kept for the next start ...", flush=True)
        return 0
    except ToolError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    finally:
        stack.stop()
    return 0


def _wait(stack: LocalStack) -> NoReturn:
    while True:
        time.sleep(0.5)
        _require_alive(stack)


def _require_alive(stack: LocalStack) -> None:
    if stack.has_died():
        raise ToolError(f"The local AWS ended by itself; its log is {stack.directory / 'ministack.log'}")


def _show_logs(stack: LocalStack) -> None:
    for entry in follow(stack.function_log):
        if entry is None:
            _require_alive(stack)
            continue
        line = readable(entry, FUNCTIONS)
        if line is not None:
            print(line, flush=True)


def _port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ToolError(f"PORT={text}: a port is a number from 1 to 65535, such as {DEFAULT_PORT}")
    return int(text)


def _raise_once(number: int, frame: FrameType | None) -> None:
    del number, frame
    _on_signals(signal.SIG_IGN)
    raise _StopRequested


def _on_signals(action: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, action)  # type: ignore[arg-type]  # typeshed's private alias covers both uses


def _welcome(ready: StackFile) -> str:
    call = f"curl -s {ready.graphqlUrl} -H 'Token: {ready.token}' -H 'content-type: application/json' -d"
    create = 'mutation { createWebSocketEndpoint(name: "first") { id } }'
    publish = 'mutation { publishEvents(events: [{type: "hello", data: {greeting: "hi"}}]) { ok ids } }'
    return f"""
  Console    {ready.consoleUrl}
  GraphQL    {ready.graphqlUrl}   (a browser gets the IDE)
  WebSocket  {ready.webSocketUrl}
  Token      {ready.token}   (of workspace {ready.workspaceId})

  Try it in another terminal, in this folder. Create an endpoint:

    ENDPOINT=$({call} {_body(create)} | grep -oE '[0-9a-f-]{{36}}'); echo $ENDPOINT

  Listen to it, in the background (what it gets will be printed there):

    make listen ENDPOINT=$ENDPOINT & sleep 5

  Publish an event and see it arrive:

    {call} {_body(publish)}; echo

  Ctrl-C stops the stack; endpoints, filters, links and events are there again after the next make run.
"""


def _body(query: str) -> str:
    return f"'{json.dumps({'query': query})}'"


if __name__ == "__main__":
    sys.exit(main())
