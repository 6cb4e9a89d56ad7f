"""``/event-service/events``: publishing as CloudEvents over HTTP, for senders that know no GraphQL."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from event_service.access.token import TokenKind
from event_service.base.errors import STATUSES, BadUserInput, Forbidden, RateLimited, TooLarge, Unauthenticated, Unavailable
from event_service.observability import Metric, count, logging_context, note_trace
from functions.graphql_api.http.bodies import READ_CODINGS, UnreadCoding, read_body
from functions.graphql_api.http.callers import Caller, caller_of
from functions.graphql_api.http.responses import encode, json_response
from functions.graphql_api.use_cases import UseCases

PATH = "/event-service/events"
METHODS = ["POST", "OPTIONS"]
MINIMAL = "return=minimal"
"""As a preference (RFC 7240) or in the query: the answer to accepted events is empty then. Knative's brokers take any other body for
events that they are to pass on, and a subscription there can only set its address."""
_ORIGIN_CHARACTERS = 256

_LOG = logging.getLogger(__name__)


def cloud_events_route(use_cases: UseCases) -> Callable[[Request], Awaitable[Response]]:
    """The route. Errors are a JSON list of sentences, as the CloudEvents door promises."""

    async def cloud_events(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _handshake(request)
        caller = caller_of(request.headers, request.scope)
        note_trace(caller.traceparent)
        with logging_context(traceparent=caller.traceparent, hidden=caller.token):
            try:
                return await _publish(use_cases, request, caller)
            except (Unauthenticated, Forbidden) as error:
                if isinstance(error, Unauthenticated):
                    count(Metric.REFUSED_TOKENS)
                return json_response(encode([error.message]), STATUSES[error.code].http)
            except TooLarge as error:
                return json_response(encode([error.message]), 413)
            except UnreadCoding as error:
                return json_response(encode(error.problems), 415, {"accept-encoding": READ_CODINGS})
            except BadUserInput as error:
                return json_response(encode(error.problems), 400)
            except RateLimited as error:
                return json_response(encode([error.message]), 429, {"retry-after": "1"})
            except Unavailable:
                count(Metric.FAULTS)
                _LOG.exception("CloudEvents could not be accepted")
                sentence = f"The service did not answer in time. Sending the same events again is safe. Request {caller.request_id}."
                return json_response(encode([sentence]), 503, {"retry-after": "1"})

    return cloud_events


async def _publish(use_cases: UseCases, request: Request, caller: Caller) -> Response:
    from event_service.events.cloud_events import receive_cloud_events

    # Who asks is settled before a byte of the body is read. Blocking, on purpose: one request at a time runs here.
    token = use_cases.tokens().authenticate(caller.token)
    if token.kind is TokenKind.LISTENER:
        raise Forbidden("This token belongs to a listener, which cannot publish. Use an access token, or an agent's.")
    body = read_body(request.headers, await request.body())
    answer = receive_cloud_events(request.headers, body, lambda: token, use_cases.publishing(), caller.traceparent)
    if answer.status != 202:
        return json_response(encode(answer.body), answer.status)
    count(Metric.PUBLISHED, len(answer.body["ids"]) - len(answer.body["duplicateIds"]))
    count(Metric.DUPLICATES, len(answer.body["duplicateIds"]))
    if _prefers_nothing(request):
        return Response(status_code=202, headers={"cache-control": "no-store", "preference-applied": MINIMAL})
    return json_response(encode(answer.body), 202)


def _prefers_nothing(request: Request) -> bool:
    preferences = ",".join(request.headers.getlist("prefer")).replace(";", ",").split(",")
    wished = any("".join(preference.lower().split()).replace('"', "") == MINIMAL for preference in preferences)
    return wished or request.query_params.get("return") == "minimal"


def _handshake(request: Request) -> Response:
    """CloudEvents' abuse protection: a sender such as Azure Event Grid asks whether its events are wanted here. They are: what keeps
    others out is the token that each POST needs.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection
    """
    headers = {"allow": ", ".join(METHODS), "cache-control": "no-store"}
    origin = request.headers.get("webhook-request-origin", "").strip()
    if origin and len(origin) <= _ORIGIN_CHARACTERS and origin.isascii() and origin.isprintable():
        headers["webhook-allowed-origin"] = origin
        # how many requests a minute: what is too much is answered with 429
        headers["webhook-allowed-rate"] = "*"
    return Response(status_code=200, headers=headers)
