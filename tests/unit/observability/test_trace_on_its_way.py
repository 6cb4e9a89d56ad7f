"""One correlation id from the door to the receiver: the real use cases, with queues that carry text."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from event_service.base.identifiers import delivery_id
from event_service.base.trace_context import parse_traceparent, trace_of
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint
from event_service.events.new_event import NewEvent
from event_service.events.publishing import Publishing
from event_service.routing.work import ReceivedMessage
from tests import builders
from tests.fakes.configuration_store import FakeChangeLog, FakeConfigurationRows
from tests.fakes.events import FakeRefusedFilterReports, FakeRoutingQueue, FakeSocketLog, FakeWebhookQueue
from tests.fakes.webhooks import WORKSPACE, WebhookScene, answering
from tests.wiring import new_routing, outlets

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}


def _publish_and_route(world: WebhookScene, traceparent: str) -> str:
    """From the door to the webhook queue; returns the event's id."""
    routing_queue, webhook_queue = FakeRoutingQueue(), FakeWebhookQueue()
    log, rows = FakeChangeLog(), FakeConfigurationRows(lambda: AT)
    change = ChangeSet(WORKSPACE, 1, tuple(PutEndpoint(endpoint) for endpoint in world.endpoints.values()), Counts())
    log.append(change)
    rows.apply(change)
    log.mark_applied(WORKSPACE, 1)
    caller = builders.a_token("token", token_hash="hash", workspace_id=WORKSPACE, name="test", created=AT)

    result = Publishing(world.store, routing_queue, world.clock).publish(caller, [NewEvent(type="a", data={})], traceparent)
    (message,) = routing_queue.sent
    routing = new_routing(
        log,
        rows,
        store=world.store,
        outlets=outlets(webhook_queue, FakeSocketLog()),
        queue=routing_queue,
        refused_filters=FakeRefusedFilterReports(),
    )
    assert routing.route([ReceivedMessage(message, repeat=False)], lambda: 60).failed == []
    for sent in webhook_queue.sent:
        world.queue.put(sent)
    return result.ids[0]


async def test_attempt_carries_the_trace_of_the_publish() -> None:
    world = WebhookScene()
    endpoint = world.endpoint(answering(500))

    _publish_and_route(world, trace_of(HEADERS).traceparent)
    # through the queue's delay (5 s, 5 min), then through the due index (30 min, 2 h)
    await world.run(4 * 3_600)

    traces = [parse_traceparent(reception.headers["traceparent"]) for reception in world.receivers.of(endpoint.id)]
    assert len(traces) == 5
    assert {trace.trace_id for trace in traces if trace is not None} == {TRACE_ID}
    assert len({trace.span_id for trace in traces if trace is not None} | {"00f067aa0ba902b7"}) == 6
    assert all(trace is not None and trace.sampled for trace in traces)


async def test_failed_attempt_is_logged_with_every_id(caplog: pytest.LogCaptureFixture) -> None:
    world = WebhookScene()
    failing, healthy = world.endpoint(answering(503)), world.endpoint()
    caplog.set_level(logging.INFO, "event_service")

    event_id = _publish_and_route(world, trace_of(HEADERS).traceparent)
    await world.work()

    told = [record for record in caplog.records if record.getMessage().startswith("attempt: ")]
    assert [record.getMessage() for record in told] == ["attempt: PENDING"]
    assert {
        key: vars(told[0])[key] for key in ("trace_id", "workspace_id", "endpoint_id", "event_id", "delivery_id", "attempt", "status")
    } == {
        "trace_id": TRACE_ID,
        "workspace_id": WORKSPACE,
        "endpoint_id": failing.id,
        "event_id": event_id,
        "delivery_id": delivery_id(failing.id, event_id),
        "attempt": 1,
        "status": 503,
    }
    assert "example.org" not in json.dumps([vars(record) for record in told], default=str)

    caplog.set_level(logging.DEBUG, "event_service")
    _publish_and_route(world, trace_of({}).traceparent)
    await world.work()
    assert healthy.id in {vars(record).get("endpoint_id") for record in caplog.records if record.levelno == logging.DEBUG}


async def test_a_batch_names_the_traces_of_its_messages() -> None:
    world = WebhookScene()
    world.endpoint()
    _publish_and_route(world, trace_of(HEADERS).traceparent)
    _publish_and_route(world, trace_of({}).traceparent)

    report = await world.invoke()

    assert report is not None
    assert len(set(report.traceparents)) == 2
    assert report.traceparents[0] == HEADERS["traceparent"]
