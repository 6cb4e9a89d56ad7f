"""Every request that the platform's documentation prints, as a sample payload, gives the response that it prints."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from event_service.configuration.endpoint import EndpointType
from event_service.sockets.connection import Connection
from functions.graphql_api.schema.schema import build_schema
from tests.fakes.graphql_services import FakeServices
from tests.fakes.jobs import running_job
from tests.unit.graphql_api.door import EVENTS, WORKSPACE, Door, payload

DATE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}\+00:00")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def shape(value: Any) -> str:
    """The response as text, with the values that differ each time replaced; the order of keys stays."""
    return UUID.sub("<uuid>", DATE.sub("<date>", json.dumps(value, indent=1)))


def test_create_web_socket_endpoint_answers_as_documented(door: Door) -> None:
    response = door.invoke(payload("create_web_socket_endpoint"))

    assert shape(response.json) == shape(
        {
            "data": {
                "createWebSocketEndpoint": {
                    "creationDate": "2024-05-22T08:55:23.460103+00:00",
                    "id": "52c6548d-3e17-4b9b-9268-ce51d6900530",
                    "lastModified": "2024-05-22T08:55:23.460103+00:00",
                    "meta": {},
                    "name": "MyEndpoint",
                    "type": "WEB_SOCKET",
                    "workspaceId": "c641ff9c-67df-4c03-8fa6-ee2eabffdc16",
                }
            }
        }
    )
    endpoint = response.data["createWebSocketEndpoint"]
    assert endpoint["creationDate"] == endpoint["lastModified"]
    assert endpoint["workspaceId"] == WORKSPACE


def test_create_webhook_endpoint_answers_as_documented(door: Door) -> None:
    response = door.invoke(payload("create_webhook_endpoint"))

    assert shape(response.json) == shape(
        {
            "data": {
                "createWebhookEndpoint": {
                    "creationDate": "2024-05-22T09:00:03.005626+00:00",
                    "id": "357fe643-2396-4919-bd9e-a30f0ac28818",
                    "lastModified": "2024-05-22T09:00:03.005626+00:00",
                    "meta": {"url": "https://web-hook.server.com", "method": "POST"},
                    "name": "My Endpoint",
                    "type": "WEB_HOOK",
                    "workspaceId": "c641ff9c-67df-4c03-8fa6-ee2eabffdc16",
                }
            }
        }
    )
    endpoint = response.data["createWebhookEndpoint"]
    assert endpoint["creationDate"] == endpoint["lastModified"]


def test_endpoints_answers_as_documented(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, "8374c43d-7561-4a08-b3b7-afce7799e2a8", url=None)

    response = door.invoke(payload("endpoints"))

    # The page shows a totalCount that its request does not select; a GraphQL server returns what was selected.
    assert shape(response.json) == shape(
        {
            "data": {
                "endpoints": {
                    "collectionItems": [
                        {
                            "id": "8374c43d-7561-4a08-b3b7-afce7799e2a8",
                            "creationDate": "2023-09-22T11:40:18.232274+00:00",
                            "lastModified": "2023-09-22T11:40:18.232274+00:00",
                            "name": "test",
                            "type": "WEB_SOCKET",
                            "workspaceId": "53989c34-9729-4081-ab02-9e064de2884c",
                        }
                    ]
                }
            }
        }
    )


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("delete_endpoints", "deleteEndpoints"),
        ("link_endpoints_to_event_filters", "linkEndpointsToEventFilters"),
        ("unlink_endpoints_to_event_filters", "unlinkEndpointsToEventFilters"),
    ],
)
def test_operations_on_lists_answer_ok_as_documented(name: str, field: str, door: Door, services: FakeServices) -> None:
    for endpoint_id in ("2eff291d-8c8c-4325-8953-5a70b31bc63e", "29bcfb3a-3a26-4544-9def-d5d44bbd3be4"):
        services.put_endpoint(WORKSPACE, endpoint_id)
    services.put_event_filter(WORKSPACE, "36ce940c-d8c7-4770-8f76-2d03a3aa8275")

    response = door.invoke(payload(name))

    assert response.body == json.dumps({"data": {field: {"ok": True}}}, separators=(",", ":")).encode()


def test_events_filters_answers_as_documented(door: Door, services: FakeServices) -> None:
    endpoint = services.configuration().endpoints.create(WORKSPACE, EndpointType.WEB_SOCKET, "MyEndpoint")
    services.put_event_filter(WORKSPACE, "452cb352-1315-44d1-95d0-15eb9a7760fb", [endpoint.id])

    response = door.invoke(payload("events_filters"))

    filters = response.data["eventsFilters"]
    assert list(filters) == ["totalCount", "collectionItems"]
    assert filters["totalCount"] == 1
    (item,) = filters["collectionItems"]
    assert list(item) == ["endpoints", "workspaceId", "name", "meta", "lastModified", "id", "creationDate"]
    assert item["meta"] == {"in": {"eventTypes": ["IDENTIFICATION"]}}
    assert [(one["id"], one["type"], one["meta"]) for one in item["endpoints"]] == [(endpoint.id, "WEB_SOCKET", {})]


def test_create_event_filters_keeps_the_condition_as_it_was_given(door: Door) -> None:
    created = door.invoke(payload("create_event_filters")).data["createEventFilters"]

    assert created["name"] == "MyFilter"
    assert created["meta"] == {"in": {"cameraIds": ["0b8e1b0c-6c1c-4f8e-9d67-2f8a4c1f5e3d"], "eventTypes": ["IDENTIFICATION"]}}
    assert created["creationDate"] == created["lastModified"]
    assert created["endpoints"] == []


def test_a_published_event_is_read_back_with_every_documented_field(door: Door) -> None:
    published = door.invoke(payload("publish_events")).data["publishEvents"]
    again = door.invoke(payload("publish_events")).data["publishEvents"]

    assert published == {"ok": True, "ids": ["door-7-2026-03-01T12:00:00Z"], "duplicateIds": []}
    assert again == {"ok": True, "ids": published["ids"], "duplicateIds": published["ids"]}
    events = door.invoke(payload("events")).data["events"]
    assert events["totalCount"] == 1
    (event,) = events["collectionItems"]
    assert list(event) == ["id", "date", "data", "agentId", "cameraId", "creationDate", "lastModified", "type", "workspaceId"]
    assert event["date"] == "2026-03-01T12:00:00.000000+00:00"
    assert event["data"]["$image"] == {"id": "6a7e1a6e-9f5b-4a4e-8d0a-7a2f0c9e5b11"}
    assert event["agentId"] is None


WEBHOOK = "357fe643-2396-4919-bd9e-a30f0ac28818"
FILTER = "452cb352-1315-44d1-95d0-15eb9a7760fb"


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("update_endpoint", "updateEndpoint", {"id": WEBHOOK, "name": "Renamed", "lastModified": "<date>"}),
        ("pause_endpoints", "pauseEndpoints", {"ok": True}),
        ("resume_endpoints", "resumeEndpoints", {"ok": True}),
        ("update_event_filters", "updateEventFilters", {"id": FILTER, "meta": {"in": {"eventTypes": ["HAR"]}}, "lastModified": "<date>"}),
        ("delete_event_filters", "deleteEventFilters", {"ok": True}),
        ("test_endpoint", "testEndpoint", {"number": 1, "statusCode": None, "durationMs": 12, "error": "refused: nobody listens"}),
        ("replay_events", "replayEvents", {"ok": True, "count": 1, "continueSince": "2026-03-01T00:00:00.000000+00:00"}),
    ],
)
def test_sample_payloads_of_our_own_operations_work(
    name: str, field: str, expected: dict[str, Any], door: Door, services: FakeServices
) -> None:
    services.put_endpoint(WORKSPACE, WEBHOOK)
    services.put_event_filter(WORKSPACE, FILTER)

    answered = door.invoke(payload(name)).data[field]

    assert json.loads(json.dumps(expected)) == {key: ("<date>" if key == "lastModified" else value) for key, value in answered.items()}


def test_the_sample_of_single_objects_finds_what_there_is(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, WEBHOOK)
    services.put_event_filter(WORKSPACE, FILTER, [WEBHOOK])

    answered = door.invoke(payload("single_objects")).data

    assert answered["endpoint"] == {"id": WEBHOOK, "name": "test", "status": "ENABLED", "eventFilters": [{"id": FILTER}]}
    assert answered["eventFilter"] == {"id": FILTER, "name": "filter"}
    assert (answered["event"], answered["delivery"]) == (None, None)
    assert answered["token"]["workspaceId"] == WORKSPACE


def test_the_sample_of_explanations_answers_all_three(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, WEBHOOK)
    services.put_event_filter(WORKSPACE, FILTER, [WEBHOOK])
    door.ask('mutation { publishEvents(events: [{id: "order-17", type: ALARM, data: {}}]) { ok } }')

    answered = door.invoke(payload("explanations")).data

    assert answered["changes"] == {"collectionItems": [], "endCursor": None, "hasNextPage": False}
    assert answered["explainDelivery"]["outcome"] == "NOT_MATCHED"
    assert answered["matchEvents"] == {"examined": 1, "matched": 0, "gained": 0, "lost": 0, "complete": True}


def test_a_rotated_secret_is_the_endpoints_secret(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, WEBHOOK)
    before = door.invoke(payload("endpoint_secret")).data["endpointSecret"]

    rotated = door.invoke(payload("rotate_endpoint_secret")).data["rotateEndpointSecret"]

    assert rotated.startswith("whsec_")
    assert rotated != before
    assert door.invoke(payload("endpoint_secret")).data["endpointSecret"] == rotated


def test_the_sample_of_closing_connections_closes_one(door: Door, services: FakeServices) -> None:
    services.put_endpoint(WORKSPACE, WEBHOOK, url=None)
    row = Connection(WEBHOOK, "L0SM9cOFvHcCIhw=", WORKSPACE, services.clock(), 0)
    services.socket_logs.rows[row.endpoint_id, row.connection_id] = row

    assert door.invoke(payload("close_connections")).data["closeConnections"] == {"ok": True, "count": 1}
    assert len(services.socket_backlog.sent) == 1


def test_the_samples_of_jobs_show_one_and_end_it(door: Door, services: FakeServices) -> None:
    job = running_job(WORKSPACE, "019c0000-0000-7000-8000-000000000001")
    services.job_store.put(job)

    shown = door.invoke(payload("jobs")).data
    assert (shown["job"]["status"], shown["jobs"]["collectionItems"]) == ("RUNNING", [{"id": job.id, "status": "RUNNING"}])
    assert door.invoke(payload("cancel_job")).data["cancelJob"]["status"] == "CANCELLED"


def test_every_operation_has_a_sample_payload() -> None:
    core = build_schema().core
    assert core.query_type is not None
    assert core.mutation_type is not None
    operations = {*core.query_type.fields, *core.mutation_type.fields}

    bodies = [json.loads(body) for path in EVENTS.glob("*.json") if (body := json.loads(path.read_text()).get("body"))]
    shown = {name for body in bodies for name in re.findall(r"\w+", body["query"])}

    assert operations <= shown
