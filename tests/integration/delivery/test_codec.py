"""Every field of everything that is stored or queued comes back as it was written."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Database
from event_service.base.dates import format_date
from event_service.base.identifiers import new_id
from event_service.configuration.changes import ChangeSet, Counts, PutEndpoint
from event_service.configuration.endpoint import Endpoint
from event_service.configuration.storage.rows import DynamoConfigurationRows
from event_service.delivery import codec
from event_service.delivery.attempt import LogRecord, PendingAttempt
from event_service.delivery.messages import BacklogMessage, WebhookMessage, parse_webhook_queue
from event_service.delivery.ports import BACKLOG_SHARDS, BacklogTicket, DueRetry
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.log import DynamoDeliveryLog, record_of
from event_service.delivery.storage.retries import DynamoRetryStore
from event_service.webhooks.storage.context import DynamoSnapshotReader
from tests.support.filled import filled as filled_endpoint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def filled(of_type: type[Any], **given: Any) -> Any:
    """An instance of a dataclass in which no field has its default."""
    hints = typing.get_type_hints(of_type)
    values = {field.name: given.get(field.name, _value(hints[field.name], field)) for field in dataclasses.fields(of_type)}
    for field in dataclasses.fields(of_type):
        assert field.name in given or values[field.name] != field.default, field.name
    return of_type(**values)


def _value(kind: Any, field: dataclasses.Field[Any]) -> Any:
    if isinstance(kind, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not types.NoneType)
    if field.name in ("workspace_id", "endpoint_id"):
        return new_id()
    if field.name == "accepted_at":
        return format_date(NOW)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return filled(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return list(kind)[-1]
    if field.name == "response_headers":
        return (("server", "é"), ("server", "x"))
    made = {str: f"{field.name} é\u0001", int: 7, bool: True, datetime: NOW + timedelta(seconds=len(field.name), microseconds=1)}
    return made[kind]


def test_every_field_of_a_webhook_message_comes_back() -> None:
    message = filled(WebhookMessage)
    assert parse_webhook_queue(message.text()) == message
    plain = dataclasses.replace(message, repeat=False)
    assert parse_webhook_queue(plain.text(repeat=True)) == message


def test_every_field_of_a_backlog_message_comes_back() -> None:
    message = filled(BacklogMessage)
    assert parse_webhook_queue(message.text()) == message


def test_every_field_of_a_retry_comes_back(database: Database) -> None:
    retry = filled(DueRetry)
    store = DynamoRetryStore(database)
    store.put([retry])
    assert [one for shard in range(BACKLOG_SHARDS) for one in store.due(shard, retry.due, 10)] == [retry]


def test_every_field_of_a_backlog_row_comes_back(database: Database) -> None:
    attempt = filled(PendingAttempt)
    store = DynamoBacklogStore(database, 14)
    store.add([attempt])
    assert store.oldest(attempt.delivery.endpoint_id, 10) == [attempt]


def test_every_field_of_a_backlog_ticket_comes_back(database: Database) -> None:
    ticket = filled(BacklogTicket)
    store = DynamoBacklogStore(database, 14)
    store.put_ticket(ticket)
    assert store.tickets_due(ticket.check_at) == [ticket]


@pytest.mark.parametrize("made", [True, False])
def test_every_field_of_a_record_of_the_log_comes_back(database: Database, made: bool) -> None:
    # Of a record with an attempt, the attempt's date is the record's; one without says which attempt it stands before.
    record = filled(LogRecord)
    assert record.attempt is not None
    record = (
        dataclasses.replace(record, waits_for=0, attempt=dataclasses.replace(record.attempt, date=record.date))
        if made
        else dataclasses.replace(record, attempt=None)
    )
    log = DynamoDeliveryLog(database, lambda: NOW, 14)
    log.write([record])
    reader = DynamoSnapshotReader(database, lambda: NOW)
    assert reader.read([], [record.log_key]).recorded == {record.log_key: record}


def test_every_field_of_a_health_record_comes_back(database: Database) -> None:
    health = filled(EndpointHealth)
    endpoint = filled_endpoint(Endpoint, id=health.endpoint_id)
    workspace_id = endpoint.workspace_id
    DynamoConfigurationRows(database, lambda: NOW).apply(ChangeSet(workspace_id, 1, (PutEndpoint(endpoint),), Counts()))
    store = DynamoHealthStore(database)
    assert store.put(workspace_id, health, None)
    assert store.get(workspace_id, health.endpoint_id) == health


def test_the_version_that_routed_an_event_comes_back_from_queue_row_and_log(database: Database) -> None:
    """It is no part of what a delivery is compared by, so the tests above do not see it."""
    message, record = filled(WebhookMessage), filled(LogRecord)
    read = parse_webhook_queue(message.text())
    assert isinstance(read, WebhookMessage)
    assert read.delivery.configuration_version == message.delivery.configuration_version == 7
    row = codec.read_row(codec.row_attributes(message.attempt))
    assert row.delivery.configuration_version == 7
    log = DynamoDeliveryLog(database, lambda: NOW, 14)
    log.write([record])
    found = log.delivery(record.delivery.workspace_id, record.delivery.endpoint_id, record.delivery.event_id)
    assert found is not None
    assert found.configuration_version == record.delivery.configuration_version


def test_another_version_is_refused_and_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="format 2"):
        parse_webhook_queue('{"v":2}\nbody')
    with pytest.raises(ValueError, match="format 2"):
        codec.read_row({"attempt": {"S": '{"v":2}'}})
    with pytest.raises(ValueError, match="format 2"):
        record_of({"eventKey": {"S": "w#e"}, "attemptKey": {"S": "p#0001"}, "v": {"N": "2"}})
