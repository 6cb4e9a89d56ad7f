"""What one workspace with many webhooks costs the keys of DynamoDB, with as many deliveries as it should reach."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.secrets import EndpointSecrets
from event_service.configuration.storage.change_log import DynamoChangeLog
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.configuration.storage.secrets import secret_item
from event_service.delivery.attempt import Attempt, DeliveryKey, DeliveryStatus, LogRecord
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.filters.matching.matcher import Matcher
from event_service.routing.tables import RoutingTables
from event_service.webhooks.storage.context import DynamoSnapshotReader
from tests import builders
from tests.fakes.partitions import READS_PER_SECOND, WRITES_PER_SECOND, PartitionedConnection, PartitionLimits
from tests.world import table_shapes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKSPACE = new_id()
DELIVERIES_PER_SECOND = 10_000
PART = 20
"""So much of a second is played, with limits that are as much smaller."""
ENDPOINTS, BATCH, FAN_OUT = 40, 10, 10


def test_ten_thousand_deliveries_a_second_of_one_workspace_throttle_no_key(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a workspace with many webhooks
    rows, log = DynamoConfigurationRows(database, lambda: NOW, lambda: 0.0), DynamoChangeLog(database)
    hooks = [
        builders.a_webhook(id=new_id(), workspace_id=WORKSPACE, name="n", url="https://a.example", created=NOW, modified=NOW)
        for _ in range(ENDPOINTS)
    ]
    change = ChangeSet(WORKSPACE, 1, tuple(map(PutEndpoint, hooks)), Counts())
    assert log.append(change)
    rows.apply(change)
    log.mark_applied(WORKSPACE, 1)
    for hook in hooks:
        database.put(secret_item(WORKSPACE, hook.id, EndpointSecrets("whsec_1")))
    tables = RoutingTables(log, rows, Matcher)
    tables.current(WORKSPACE)
    # when a part of a second is played, in which each batch holds messages for ten endpoints and each event goes to ten
    limits = PartitionLimits(now=lambda: 0.0, reads=READS_PER_SECOND / PART, writes=WRITES_PER_SECOND / PART)
    monkeypatch.setattr(database, "_connection", PartitionedConnection(database._connection, table_shapes(), limits))
    reader, deliveries = DynamoSnapshotReader(database, lambda: NOW), DynamoDeliveryLog(database, lambda: NOW, 14)
    for number in range(DELIVERIES_PER_SECOND // PART // BATCH):
        if number % FAN_OUT == 0:
            tables.current(WORKSPACE)  # a batch of ten routing messages, each of one event for ten endpoints
        some = [hooks[(number * BATCH + one) % ENDPOINTS] for one in range(BATCH)]
        snapshot = reader.read([(WORKSPACE, hook.id) for hook in some], [])
        assert len(snapshot.endpoints) == len(snapshot.secrets) == BATCH
        deliveries.write([_record(hook, f"event-{number}") for hook in some])
    # then no key was throttled, and none is near what it gives
    assert limits.throttled == {}
    for table in ("EndpointsByIdTable", "SecretsTable", "ChangesTable"):
        assert limits.busiest(table) * PART <= READS_PER_SECOND / 10
    assert limits.busiest("EndpointsTable") == 0
    # and an endpoint costs two read units for each batch, as many as ever
    reads = sum(units for (partition, kind, _), units in limits._used.items() if kind == "read" and "Changes" not in partition.place)
    assert reads == 2 * DELIVERIES_PER_SECOND / PART


def _record(hook: Endpoint, event_id: str) -> LogRecord:
    attempt = Attempt(1, NOW, 12, 200, None, None, None)
    key = DeliveryKey(WORKSPACE, hook.id, event_id, format_date(NOW))
    return LogRecord(delivery=key, status=DeliveryStatus.DELIVERED, date=NOW, attempt=attempt)


def test_an_event_that_fails_everywhere_with_long_pages_throttles_no_key(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    number = WRITES_PER_SECOND // PART * 9 // 10
    limits = PartitionLimits(now=lambda: 0.0, reads=READS_PER_SECOND / PART, writes=WRITES_PER_SECOND / PART)
    monkeypatch.setattr(database, "_connection", PartitionedConnection(database._connection, table_shapes(), limits))
    log = DynamoDeliveryLog(database, lambda: NOW, 14)
    page, headers = "e" * 16_384, (("server", "x" * 500),)
    attempt = Attempt(1, NOW, 12, 503, None, None, page, "https://a.example/" + "p" * 2_000, headers)
    keys = [DeliveryKey(WORKSPACE, new_id(), "event", format_date(NOW)) for _ in range(number)]
    for start in range(0, number, 25):
        log.write([LogRecord(one, DeliveryStatus.PENDING, NOW, attempt=attempt, listed=True) for one in keys[start : start + 25]])
    assert limits.throttled == {}
    assert limits.busiest("DeliveriesTable") <= number
    monkeypatch.undo()
    listed = log.of_event(WORKSPACE, "event", None, 100)
    assert [one.attempts for one in listed] == [(attempt,)] * number
    assert log.deliveries(WORKSPACE, [(keys[0].endpoint_id, "event")])[keys[0].endpoint_id, "event"].attempts == (attempt,)
