"""``/event-service/events``: publishing as CloudEvents over HTTP, for senders that know no GraphQL."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from event_service.base.errors import RateLimited, Unavailable
from event_service.observability import Metric, count, logging_context, note_trace
from functions.graphql_api.http.callers import caller_of
from functions.graphql_api.http.requests import MAXIMUM_BODY_BYTES
from functions.graphql_api.http.responses import encode, json_response
from functions.graphql_api.services import Services

PATH = "/event-service/events"

_LOG = logging.getLogger(__name__)


def cloud_events_route(services: Services) -> Callable[[Request], Awaitable[Response]]:
    """The route. Errors are a JSON list of sentences, as the CloudEvents door promises."""

    async def cloud_events(request: Request) -> Response:
        from event_service.events.cloud_events import receive_cloud_events

        body = await request.body()
        if len(body) > MAXIMUM_BODY_BYTES:
            return json_response(encode([f"The request has {len(body):,} bytes; at most {MAXIMUM_BODY_BYTES:,} are allowed."]), 413)
        caller = caller_of(request.headers, request.scope)
        note_trace(caller.traceparent)
        with logging_context(traceparent=caller.traceparent, hidden=caller.token):
            try:
                # Blocking, on purpose: one request at a time runs here, and it has nothing to do beside this.
                answer = receive_cloud_events(
                    request.headers, body, lambda: services.tokens().authenticate(caller.token), services.publishing(), caller.traceparent
                )
            except RateLimited as error:
                return json_response(encode([error.message]), 429, {"retry-after": "1"})
            except Unavailable:
                count(Metric.FAULTS)
                _LOG.exception("CloudEvents could not be accepted")
                sentence = f"The service did not answer in time. Sending the same events again is safe. Request {caller.request_id}."
                return json_response(encode([sentence]), 503, {"retry-after": "1"})
        if answer.status == 202:
            count(Metric.PUBLISHED, len(answer.body["ids"]) - len(answer.body["duplicateIds"]))
            count(Metric.DUPLICATES, len(answer.body["duplicateIds"]))
        return json_response(encode(answer.body), answer.status)

    return cloud_events
