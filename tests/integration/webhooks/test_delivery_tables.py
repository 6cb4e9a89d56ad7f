"""What only the tables of the template do: sizes, indexes, shared rows, throttles. What every store of deliveries does is in
``tests/integration/delivery/test_stores.py``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from event_service.aws.dynamodb import Database
from event_service.base.dates import format_date
from event_service.base.errors import RateLimited
from event_service.base.identifiers import new_id
from event_service.configuration.changes import ChangeSet, Counts, DeleteEndpoints, Operation, PutEndpoint, SetState
from event_service.configuration.endpoint import Endpoint, EndpointStatus, EndpointType
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import secret_item
from event_service.delivery.attempt import Attempt, DeliveryKey, DeliveryStatus, FailureClass, LogRecord
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.tests_made import DynamoTestsMade
from event_service.webhooks.storage import context
from event_service.webhooks.storage.context import DynamoSnapshotReader
from tests import builders
from tests.integration.conftest import REGION

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKSPACE, OTHER_WORKSPACE = new_id(), new_id()
ENDPOINT = new_id()


def clock() -> datetime:
    return NOW


@pytest.fixture
def log(database: Database) -> DynamoDeliveryLog:
    return DynamoDeliveryLog(database, clock, 14)


def record(number: int, event_id: str = "e", **changes: Any) -> LogRecord:
    accepted = changes.pop("accepted", NOW)
    attempt = Attempt(number, accepted, 12, 500, FailureClass.RESET, "It broke off.", "what it said \u0001 é")
    given = LogRecord(
        delivery=DeliveryKey(WORKSPACE, changes.pop("endpoint_id", ENDPOINT), event_id, format_date(accepted)),
        status=DeliveryStatus.PENDING,
        date=accepted,
        next_attempt=NOW + timedelta(minutes=5),
        attempt=attempt if number else None,
        listed=number <= 1,
    )
    return replace(given, **changes)


# -- the log ---------------------------------------------------------------------------------------------------------


def test_attempt_is_one_small_item_and_one_index_entry(log: DynamoDeliveryLog, aws: dict[str, str]) -> None:
    done = Attempt(1, NOW, 12, 200, None, None, "x" * 256, url="https://" + "h" * 248)
    log.write([record(1, new_id(), status=DeliveryStatus.DELIVERED, next_attempt=None, attempt=done)])
    items = boto3.client("dynamodb", region_name=REGION).scan(TableName=aws["DELIVERIES_TABLE"])["Items"]
    assert len(items) == 1
    (listed,) = [item for item in items if "endpointShard" in item]
    size = sum(len(name) + len(str(next(iter(value.values())))) for name, value in listed.items())
    # Writes are billed by started kilobyte.
    assert size < 1_024


@pytest.mark.parametrize("descending", [False, True])
def test_a_list_goes_on_behind_any_entry(log: DynamoDeliveryLog, descending: bool) -> None:
    names = ["a", "b", "\U0001f600" * 256, "\U0001f600" * 255]
    log.write([record(1, name) for name in names])
    everything = log.of_endpoint(WORKSPACE, ENDPOINT, descending=descending).refs
    for number, ref in enumerate(everything):
        if ref.event_id[0] == "\U0001f600":
            continue  # both are cut to the same key
        rest = log.of_endpoint(WORKSPACE, ENDPOINT, descending=descending, position=f"{ref.accepted_at}#{ref.event_id}").refs
        assert rest == everything[number + 1 :]


def test_the_longest_event_id_has_a_place_in_the_list(log: DynamoDeliveryLog) -> None:
    event_id = "\U0001f600" * 256
    log.write([record(1, event_id)])
    assert [ref.event_id for ref in log.of_endpoint(WORKSPACE, ENDPOINT).refs] == [event_id]


def test_a_failure_is_recorded_although_its_key_is_throttled_for_a_moment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = database._call
    refused: list[str] = []

    def throttled(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if operation == "PutItem" and len(refused) < 2:
            refused.append(operation)
            raise RateLimited("busy")
        return plain(operation, arguments)

    monkeypatch.setattr(database, "_call", throttled)
    log = DynamoDeliveryLog(database, clock, 14)

    log.write([record(1)])

    assert len(refused) == 2
    assert log.delivery(WORKSPACE, ENDPOINT, "e") is not None


# -- health and the snapshot -----------------------------------------------------------------------------------------


def an_endpoint(endpoint_id: str = ENDPOINT, **changes: Any) -> Endpoint:
    url, enabled = "https://a.example.org", EndpointStatus.ENABLED
    return replace(
        builders.a_webhook(
            id=endpoint_id, workspace_id=WORKSPACE, name="n", url=url, method="PUT", status=enabled, created=NOW, modified=NOW
        ),
        **changes,
    )


def change(version: int, *operations: Operation) -> ChangeSet:
    return ChangeSet(WORKSPACE, version, operations, Counts())


def test_health_and_endpoint_share_a_row_and_leave_each_other_alone(database: Database) -> None:
    store, rows = DynamoHealthStore(database), DynamoConfigurationRows(database, clock, lambda: 0.0)
    reader = DynamoSnapshotReader(database, clock)
    failing = EndpointHealth(ENDPOINT, 1, failing_since=NOW, last_failure=NOW)
    rows.apply(change(1, PutEndpoint(an_endpoint(status_reason="why"))))
    assert store.put(WORKSPACE, failing, None)
    moved = an_endpoint(url="https://b.example.org")
    rows.apply(change(2, PutEndpoint(moved)))
    rows.apply(change(3, SetState((ENDPOINT,), format_date(NOW), EndpointStatus.PAUSED)))
    snapshot = reader.read([(WORKSPACE, ENDPOINT)], [])
    assert snapshot.endpoints == {ENDPOINT: replace(moved, status=EndpointStatus.PAUSED)}
    assert snapshot.health == {ENDPOINT: failing}
    assert store.clear(WORKSPACE, failing)
    assert reader.read([(WORKSPACE, ENDPOINT)], []).endpoints == snapshot.endpoints


def test_health_of_a_deleted_or_foreign_endpoint_is_not_kept(database: Database) -> None:
    store, rows = DynamoHealthStore(database), DynamoConfigurationRows(database, clock, lambda: 0.0)
    health = EndpointHealth(ENDPOINT, 1, failing_since=NOW, last_failure=NOW)
    assert not store.put(WORKSPACE, health, None)
    rows.apply(change(1, PutEndpoint(an_endpoint())))
    assert not store.put(OTHER_WORKSPACE, health, None)
    assert store.put(WORKSPACE, health, None)
    assert store.get(OTHER_WORKSPACE, ENDPOINT) is None
    rows.apply(change(2, DeleteEndpoints((ENDPOINT,), (EndpointType.WEB_HOOK,))))
    assert not store.put(WORKSPACE, replace(health, version=2), health)
    assert not store.put(WORKSPACE, health, None)
    assert store.clear(WORKSPACE, health)
    assert store.get(WORKSPACE, ENDPOINT) is None


def test_throttled_rows_of_one_endpoint_leave_the_others_readable(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = DynamoConfigurationRows(database, clock, lambda: 0.0)
    hot, calm = an_endpoint(new_id()), an_endpoint(new_id())
    rows.apply(change(1, PutEndpoint(hot), PutEndpoint(calm)))
    plain = database._call

    def throttled(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        tables = arguments["RequestItems"]
        left = {
            name: {**one, "Keys": keys}
            for name, one in tables.items()
            if (keys := [key for key in one["Keys"] if key["id"]["S"] == hot.id])
        }
        asked = {name: {**one, "Keys": [key for key in one["Keys"] if key["id"]["S"] != hot.id]} for name, one in tables.items()}
        asked = {name: one for name, one in asked.items() if one["Keys"]}
        if not asked:
            raise RateLimited("AWS answers with an error when it could read nothing")
        return {**plain(operation, {"RequestItems": asked}), "UnprocessedKeys": left}

    monkeypatch.setattr(database, "_call", throttled)
    snapshot = DynamoSnapshotReader(database, clock).read([(WORKSPACE, hot.id), (WORKSPACE, calm.id)], [])

    assert snapshot.endpoints == {calm.id: calm}
    assert snapshot.unread == {hot.id}
    with pytest.raises(RateLimited):
        snapshot.require_all()


@pytest.mark.parametrize("row", ["endpoint", "secret", "record"])
def test_row_that_cannot_be_read_holds_up_its_own_endpoint_only(
    database: Database, log: DynamoDeliveryLog, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    rows = DynamoConfigurationRows(database, clock, lambda: 0.0)
    bad, well = an_endpoint(new_id()), an_endpoint(new_id())
    rows.apply(change(1, PutEndpoint(bad), PutEndpoint(well)))
    reader = {"endpoint": "endpoint_of", "secret": "secrets_of", "record": "record_of"}[row]
    database.put(secret_item(WORKSPACE, bad.id, EndpointSecrets("whsec_a")))
    log.write([record(1, "e", endpoint_id=bad.id)])
    plain = getattr(context, reader)

    def refuse(item: dict[str, Any]) -> Any:
        if bad.id in str(item):
            raise ValueError("a newer release wrote it")
        return plain(item)

    monkeypatch.setattr(context, reader, refuse)
    attempts = [(bad.id, WORKSPACE, "e", 1, 0)]
    snapshot = DynamoSnapshotReader(database, clock).read([(WORKSPACE, bad.id), (WORKSPACE, well.id)], attempts)

    assert snapshot.endpoints[well.id] == well
    assert snapshot.unread == {bad.id}


def test_one_call_reads_all_that_a_batch_needs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, health = DynamoConfigurationRows(database, clock, lambda: 0.0), DynamoHealthStore(database)
    endpoints = [an_endpoint(new_id()) for _ in range(3)]
    rows.apply(ChangeSet(WORKSPACE, 1, tuple(PutEndpoint(endpoint) for endpoint in endpoints), Counts()))
    rows.apply(ChangeSet(WORKSPACE, 2, (DeleteEndpoints((endpoints[2].id,)),), Counts()))
    known = EndpointSecrets("whsec_current", (("whsec_previous", NOW),))
    for endpoint in endpoints[:2]:
        database.put(secret_item(WORKSPACE, endpoint.id, known))
    failing = EndpointHealth(endpoints[1].id, 1, failing_since=NOW, last_failure=NOW)
    health.put(WORKSPACE, failing, None)
    log = DynamoDeliveryLog(database, clock, 14)
    log.write([record(1)])
    calls: list[str] = []
    plain = database._call

    def counted(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        calls.append(operation)
        return plain(operation, arguments)

    monkeypatch.setattr(database, "_call", counted)
    attempts = [(ENDPOINT, WORKSPACE, "e", 1, 0), (ENDPOINT, WORKSPACE, "e", 2, 0)]
    snapshot = DynamoSnapshotReader(database, clock).read([(WORKSPACE, endpoint.id) for endpoint in endpoints], attempts)
    assert calls == ["BatchGetItem"]
    assert snapshot.endpoints == {endpoint.id: endpoint for endpoint in endpoints[:2]}
    assert snapshot.secrets == {endpoint.id: known for endpoint in endpoints[:2]}
    assert snapshot.health == {endpoints[1].id: failing}
    assert snapshot.recorded == {attempts[0]: record(1)}


def test_an_endpoint_of_another_workspace_is_not_found(database: Database) -> None:
    rows = DynamoConfigurationRows(database, clock, lambda: 0.0)
    rows.apply(change(1, PutEndpoint(an_endpoint())))
    database.put(secret_item(WORKSPACE, ENDPOINT, EndpointSecrets("whsec_theirs")))
    snapshot = DynamoSnapshotReader(database, clock).read([(OTHER_WORKSPACE, ENDPOINT)], [])
    assert (snapshot.endpoints, snapshot.secrets) == ({}, {})


def test_tests_of_endpoints_are_counted_by_workspace_and_minute(database: Database) -> None:
    made = DynamoTestsMade(database)
    assert [made.take(WORKSPACE, NOW, 2) for _ in range(3)] == [True, True, False]
    assert made.take(OTHER_WORKSPACE, NOW, 2)
    assert made.take(WORKSPACE, NOW + timedelta(minutes=1), 2)
