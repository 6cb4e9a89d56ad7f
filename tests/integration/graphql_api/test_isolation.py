"""Ids of another workspace cost and read what unknown ids do: the calls to AWS are the same in kind and number, and no
answer of AWS holds anything of the other workspace. So neither data nor durations tell whether an id exists.

Every operation of the schema is tried, and every filter and input that takes an id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.client import BaseClient
from graphql import GraphQLInputObjectType, get_named_type

from event_service import wiring
from event_service.base.dates import format_date
from event_service.base.identifiers import delivery_id
from event_service.delivery.attempt import Attempt, DeliveryKey, DeliveryStatus, LogRecord
from event_service.sockets.connection import Connection
from functions.graphql_api.schema.schema import build_schema
from tests.fakes.jobs import running_job
from tests.integration.graphql_api.conftest import create_filter, create_webhook
from tests.unit.graphql_api.door import OTHER_WORKSPACE, Door
from tests.unit.graphql_api.test_authorization import FIELDS, VERDICTS

UNKNOWN = "00000000-0000-4000-8000-000000000001"
LISTED = "{ totalCount collectionItems { id } }"
CALLS: dict[str, str] = {
    # `token` takes no id, and reads nothing.
    **{name: VERDICTS[name].call for name in FIELDS if name != "token"},
    # -- filters of lists
    "DeliveryFilters.eventId": '{ deliveries(filters: {eventId: {exact: "%(event)s"}}) ' + LISTED + " }",
    "DeliveryFilters.endpointId": '{ deliveries(filters: {endpointId: {exact: "%(endpoint)s"}}) ' + LISTED + " }",
    "DeliveryFilters.endpointId and status": (
        '{ deliveries(filters: {endpointId: {exact: "%(endpoint)s"}, status: {exact: FAILED}}) ' + LISTED + " }"
    ),
    "DeliveryFilters.endpointId and dates": (
        '{ deliveries(filters: {endpointId: {exact: "%(endpoint)s"}, creationDate: {gte: "2026-01-01T00:00:00Z"}}) ' + LISTED + " }"
    ),
    "DeliveryFilters of both ids": (
        '{ deliveries(filters: {endpointId: {exact: "%(endpoint)s"}, eventId: {exact: "%(event)s"}}) ' + LISTED + " }"
    ),
    "EndpointFilters.eventFiltersId": '{ endpoints(filters: {eventFiltersId: {exact: "%(filter)s"}}) ' + LISTED + " }",
    "EventFiltersFilters.endpointId": '{ eventsFilters(filters: {endpointId: {exact: "%(endpoint)s"}}) ' + LISTED + " }",
    "EventFilters.dataIdentificationDataProfileId": (
        '{ events(filters: {dataIdentificationDataProfileId: {exact: "%(event)s"}}) ' + LISTED + " }"
    ),
    "EventFilters.activityId": '{ events(filters: {activityId: {exact: "%(event)s"}}) ' + LISTED + " }",
    "EventFilters.agentId": '{ events(filters: {agentId: {exact: "%(event)s"}}) ' + LISTED + " }",
    "EventFilters.cameraId": '{ events(filters: {cameraId: {exact: "%(event)s"}}) ' + LISTED + " }",
    # -- mutations by filters, and with ids of both kinds
    "retryDeliveries by endpoint": 'mutation { retryDeliveries(filters: {endpointId: {exact: "%(endpoint)s"}}) { ok } }',
    "retryDeliveries by event": 'mutation { retryDeliveries(filters: {eventId: {exact: "%(event)s"}}) { ok } }',
    "retryDeliveries counted": 'mutation { retryDeliveries(filters: {endpointId: {exact: "%(endpoint)s"}}, dryRun: true) { ok } }',
    "cancelDeliveries by endpoint": 'mutation { cancelDeliveries(filters: {endpointId: {exact: "%(endpoint)s"}}) { ok } }',
    "cancelDeliveries by event": 'mutation { cancelDeliveries(filters: {eventId: {exact: "%(event)s"}}) { ok } }',
    "replayEvents in the background": (
        'mutation { replayEvents(endpointId: "%(endpoint)s", since: "2026-03-01T00:00:00Z", background: true) { job { id } } }'
    ),
    "retryDeliveries in the background": (
        'mutation { retryDeliveries(filters: {endpointId: {exact: "%(endpoint)s"}}, background: true) { job { id } } }'
    ),
    "replayEvents counted": 'mutation { replayEvents(endpointId: "%(endpoint)s", since: "2026-03-01T00:00:00Z", dryRun: true) { ok } }',
    "resumeEndpoints without its backlog": 'mutation { resumeEndpoints(ids: ["%(endpoint)s"], discardWaiting: true) { ok } }',
    "MatchEventsInput.endpointId": (
        '{ matchEvents(input: {eventFiltersInput: {in: {eventTypes: ["A"]}}, endpointId: "%(endpoint)s"}) { matched } }'
    ),
    "MatchEventsInput.eventFiltersId": '{ matchEvents(input: {eventFiltersId: "%(filter)s"}) { matched } }',
    "MatchEventsInput.eventIds": (
        '{ matchEvents(input: {eventFiltersInput: {in: {eventTypes: ["A"]}}, eventIds: ["%(event)s"]}) { matched } }'
    ),
    "MatchEventsInput.replacesId": (
        '{ matchEvents(input: {eventFiltersInput: {in: {eventTypes: ["A"]}}, endpointId: "%(endpoint)s", keepOthers: true, '
        'replacesId: "%(filter)s"}) { matched } }'
    ),
    # -- objects beside what is named
    "explainDelivery with the last match": (
        '{ explainDelivery(eventId: "%(event)s", endpointId: "%(endpoint)s") { filters { lastMatch { event { id } examined } } } }'
    ),
    "event with its deliveries": (
        '{ event(id: "%(event)s") { id deliveries { totalCount collectionItems { id } } '
        "destinations { collectionItems { endpoint { id } } } } }"
    ),
    "endpoint with its deliveries": (
        '{ endpoint(id: "%(endpoint)s") { id health { __typename } connections { collectionItems { id } } '
        "deliveries { totalCount collectionItems { id } } eventFilters { id } } }"
    ),
    "delivery with its ends": '{ delivery(id: "%(delivery)s") { id event { id } endpoint { id } } }',
}
IDS_THAT_ARE_LOOKED_UP = {
    "DeliveryFilters": {"id", "eventId", "endpointId"},
    "EndpointFilters": {"id", "eventFiltersId"},
    "EventFiltersFilters": {"id", "endpointId"},
    "EventFilters": {"id", "dataIdentificationDataProfileId", "activityId", "agentId", "cameraId"},
    "MatchEventsInput": {"endpointId", "eventFiltersId", "eventIds", "replacesId"},
}
IDS_THAT_ARE_ONLY_STORED = {
    "ConditionFields": {"cameraIds", "agentIds", "profileGroupIds"},
    "EventInput": {"id", "agentId", "cameraId"},
}


@dataclass
class Calls:
    """What one request did: operation, table and number of items that came back; and all that AWS answered, as text."""

    made: list[tuple[str, str, int]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def clear(self) -> None:
        self.made.clear()
        self.answers.clear()


@pytest.fixture
def aws_calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    client: Any = BaseClient
    original: Callable[..., Any] = client._make_api_call

    def noted(self: BaseClient, operation_name: str, parameters: Any) -> Any:
        answer = original(self, operation_name, parameters)
        tables = sorted(parameters.get("RequestItems", {})) or [str(parameters.get("TableName", ""))]
        items = [*answer.get("Items", ()), *([answer["Item"]] if "Item" in answer else ())]
        items += [item for some in answer.get("Responses", {}).values() for item in some] if operation_name == "BatchGetItem" else []
        found.made.append((operation_name, " ".join(tables), len(items)))
        found.answers.append(json.dumps(items, default=str))
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return found


@dataclass(frozen=True)
class Theirs:
    """What the other workspace has."""

    endpoint: str
    event_filter: str
    event: str = "e-theirs"


@pytest.fixture
def theirs(door: Door) -> Theirs:
    """Another workspace with an endpoint, a filter, an event and forty deliveries."""
    own = door.token
    door.token, _ = wiring.tokens().issue(OTHER_WORKSPACE)
    event_filter = create_filter(door)
    endpoint = create_webhook(door, "theirs", [event_filter])
    published = '{id: "e-theirs", type: A, agentId: "e-theirs", cameraId: "e-theirs", data: {activity_id: "e-theirs"}}'
    door.ask(f"mutation {{ publishEvents(events: [{published}]) {{ ok }} }}", token=door.token)
    now = datetime.now(UTC)
    attempt = Attempt(1, now, 5, 500, None, None, "no")
    wiring.delivery_log().write(
        [
            LogRecord(
                DeliveryKey(OTHER_WORKSPACE, endpoint, event_id, format_date(now)), DeliveryStatus.FAILED, now, attempt=attempt, listed=True
            )
            for event_id in ("e-theirs", *(f"e-{number}" for number in range(39)))
        ]
    )
    wiring._job_store().put(replace(running_job(OTHER_WORKSPACE, endpoint), started=now))
    wiring.connection_store().add(Connection(endpoint, "c=", OTHER_WORKSPACE, now, 0))
    door.token = own
    # warm: the configuration of this workspace has been read
    create_filter(door)
    return Theirs(endpoint, event_filter)


def test_foreign_ids_read_and_cost_what_unknown_ids_do(door: Door, theirs: Theirs, aws_calls: Calls) -> None:
    assert len(wiring.delivery_log().of_endpoint(OTHER_WORKSPACE, theirs.endpoint).refs) == 40

    def ask(name: str, endpoint: str, event_filter: str, event: str) -> list[tuple[str, str, int]]:
        aws_calls.clear()
        ids = {"endpoint": endpoint, "filter": event_filter, "event": event, "delivery": delivery_id(endpoint, event)}
        answer = door.ask(CALLS[name] % ids, token=door.token).json
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        # It must not be refused for a mistake in the call, before anything is looked up.
        assert codes <= {"NOT_FOUND"}, (name, answer)
        assert aws_calls.made, name
        return sorted(aws_calls.made)

    different, shown = {}, {}
    for name in CALLS:
        unknown = ask(name, UNKNOWN, UNKNOWN, "e-unknown")
        foreign = ask(name, theirs.endpoint, theirs.event_filter, theirs.event)
        if foreign != unknown:
            different[name] = (foreign, unknown)
        if any(OTHER_WORKSPACE in answer for answer in aws_calls.answers):
            shown[name] = aws_calls.answers[:]

    assert different == {}
    assert shown == {}


def test_every_input_that_takes_an_id_is_tried() -> None:
    """An input that no call uses would let a new way in slip past this matrix."""
    found: dict[str, set[str]] = {}
    for name, definition in build_schema().core.type_map.items():
        if isinstance(definition, GraphQLInputObjectType):
            ids = {one for one, details in definition.fields.items() if get_named_type(details.type).name in ("ID", "IdLookup")}
            if ids and name != "IdLookup":
                found[name] = ids

    assert found == IDS_THAT_ARE_LOOKED_UP | IDS_THAT_ARE_ONLY_STORED
    assert all(f"{one}:" in " ".join(CALLS.values()) for ids in IDS_THAT_ARE_LOOKED_UP.values() for one in ids)
