"""WebSocket handshakes as API Gateway answers them.

MiniStack drops the headers of what ``$connect`` answered, and with them ``Sec-WebSocket-Protocol``: a browser that asked for a
subprotocol then closes the connection. And it answers every refusal with 403.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import apigateway  # type: ignore[import-not-found]  # only in MiniStack's environment

_answered: ContextVar[dict[str, Any]] = ContextVar("_answered")
"""What ``$connect`` answered, in the task of the connection."""


def install() -> None:
    """Puts this in the place of MiniStack's own."""
    invoke = apigateway._invoke_ws_lambda  # noqa: SLF001 - MiniStack has no hooks for this
    handle = apigateway.handle_websocket

    async def invoke_and_remember(*arguments: Any, **options: Any) -> Any:
        response = await invoke(*arguments, **options)
        if "CONNECT" in arguments:
            _answered.get().update({"response": response, "connectionId": arguments[5], "requestId": arguments[7]})
        return response

    async def handle_with_answer(
        scope: dict[str, Any], receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]], *arguments: Any, **options: Any
    ) -> None:
        answered: dict[str, Any] = {}
        _answered.set(answered)
        began = False

        async def send_as_answered(message: dict[str, Any]) -> None:
            nonlocal began
            if not began and message["type"] == "websocket.accept":
                protocol = subprotocol_of(answered.get("response"))
                message = message | ({"subprotocol": protocol} if protocol else {})
            elif not began and message["type"] == "websocket.close" and "response" in answered:
                for part in refusal_of(answered):
                    await send(part)
                began = True
                return
            began = True
            await send(message)

        await handle(scope, receive, send_as_answered, *arguments, **options)

    apigateway._invoke_ws_lambda = invoke_and_remember  # noqa: SLF001 - as above
    apigateway.handle_websocket = handle_with_answer


def subprotocol_of(response: dict[str, Any] | None) -> str | None:
    """The subprotocol that ``$connect`` chose."""
    headers = (response or {}).get("headers") or {}
    return next((str(value) for name, value in headers.items() if name.lower() == "sec-websocket-protocol"), None)


def refusal_of(answered: dict[str, Any]) -> list[dict[str, Any]]:
    """The HTTP answer to a handshake that ``$connect`` refused: its status; API Gateway writes a body of its own."""
    status = int((answered["response"] or {}).get("statusCode", 500))
    message = {401: "Unauthorized", 403: "Forbidden", 500: "Internal server error"}.get(status, "Refused")
    body = json.dumps({"message": message, "connectionId": answered["connectionId"], "requestId": answered["requestId"]}).encode()
    return [
        {"type": "websocket.http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]},
        {"type": "websocket.http.response.body", "body": body},
    ]
