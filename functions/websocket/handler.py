"""The Lambda behind the routes of the WebSocket API."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from event_service import wiring
from event_service.base.errors import STATUSES, DomainError, ErrorCode, RateLimited
from event_service.observability import Metric, configure, count, invocation, logging_context
from event_service.sockets.client_messages import MESSAGES_PER_MINUTE, TOO_MANY, MessageRates, answer_to, closes
from event_service.sockets.connection import read_connect_request
from event_service.sockets.connections import SocketConnections

_LOG = logging.getLogger(__name__)

configure()


def create_handler(
    connections: Callable[[], SocketConnections], rates: MessageRates | None = None
) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """A Lambda handler for the routes ``$connect``, ``$disconnect`` and ``$default``.

    Args:
        connections: gives the use case; asked only when it is needed, so that importing this module builds nothing.
        rates: counts what clients send.
    """
    counted = rates or MessageRates()

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        request = event["requestContext"]
        with invocation(context, connection_id=request["connectionId"]):
            match request["eventType"]:
                case "CONNECT":
                    return _connect(connections(), event)
                case "DISCONNECT":
                    count(Metric.DISCONNECTS)
                    connections().disconnect(request["connectionId"])
                    return {"statusCode": 200}
                case _:
                    number = counted.take(request["connectionId"])
                    if number > MESSAGES_PER_MINUTE:
                        count(Metric.EXCESS_MESSAGES)
                        if not closes(number):
                            return {"statusCode": 200}
                        connections().close(request["connectionId"])
                        return {"statusCode": 200, "body": TOO_MANY.text}
                    text = None if event.get("isBase64Encoded") else event.get("body")
                    if not connections().check(request["connectionId"]):
                        count(Metric.ZOMBIES)
                        return {"statusCode": 200}
                    answer = answer_to(text)
                    if not answer.understood:
                        count(Metric.NOT_UNDERSTOOD)
                    return {"statusCode": 200, "body": answer.text}

    return handle


def _connect(connections: SocketConnections, event: Mapping[str, Any]) -> dict[str, Any]:
    context = event["requestContext"]
    request = read_connect_request(
        connection_id=context["connectionId"],
        connected_at=datetime.fromtimestamp(context["connectedAt"] / 1000, UTC),
        headers=event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()},
        query=event.get("queryStringParameters") or {},
        address=(context.get("identity") or {}).get("sourceIp", ""),
    )
    try:
        with logging_context(hidden=request.token):
            connections.connect(request)
    except DomainError as error:
        status = STATUSES[error.code].web_socket
        count(Metric.REFUSED_CONNECTS)
        if error.code is ErrorCode.UNAUTHENTICATED:
            count(Metric.REFUSED_TOKENS)
        # A browser shows its program nothing of this; the log is where the reason can be found.
        _LOG.info("refused: %s", error.message, extra={"status": status, "code": error.code.value})
        refusal: dict[str, Any] = {"statusCode": status, "body": error.message}
        if isinstance(error, RateLimited):
            refusal["headers"] = {"Retry-After": str(error.retry_after_seconds)}
        return refusal
    count(Metric.CONNECTS)
    answer: dict[str, Any] = {"statusCode": 200}
    if request.subprotocol is not None:
        answer["headers"] = {"Sec-WebSocket-Protocol": request.subprotocol}
    return answer


lambda_handler = create_handler(wiring.socket_connections)
