"""Every field of everything that is stored or queued comes back as it was written."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from dataclasses import replace
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
from event_service.delivery.attempt import DeliveryStatus, LogRecord
from event_service.delivery.lane import Lane, Look, Trouble
from event_service.delivery.messages import WebhookMessage, parse_webhook_queue
from event_service.delivery.ports import REMINDER_SHARDS, BacklogRow, Reminder
from event_service.delivery.receiver_health import EndpointHealth
from event_service.delivery.storage.backlog import DynamoBacklogStore
from event_service.delivery.storage.health import DynamoHealthStore
from event_service.delivery.storage.lanes import DynamoLaneStore
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.log_items import record_of
from event_service.delivery.storage.reminders import DynamoReminderStore
from event_service.delivery.storage.wide_events import DynamoWideEvents
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
    if field.name == "lists":
        return (DeliveryStatus.PENDING,)  # it is said when the record is written, and not stored
    if field.name == "response_headers":
        return (("server", "é"), ("server", "x"))
    made = {str: f"{field.name} é\u0001", int: 7, bool: True, datetime: NOW + timedelta(seconds=len(field.name), microseconds=1)}
    return made[kind]


def test_every_field_of_a_webhook_message_comes_back() -> None:
    message = filled(WebhookMessage)
    assert parse_webhook_queue(message.text()) == message
    plain = dataclasses.replace(message, repeat=False)
    assert parse_webhook_queue(plain.text(repeat=True)) == message


def test_every_field_of_a_look_comes_back() -> None:
    look = filled(Look)
    assert Look.parse(look.text()) == look


def test_every_field_of_a_reminder_comes_back(database: Database) -> None:
    reminder = filled(Reminder)
    store = DynamoReminderStore(database)
    store.put([reminder, reminder])
    found = [one for shard in range(REMINDER_SHARDS) for one in store.due(shard, reminder.at, 10)]
    assert found == [reminder]
    store.delete(found)
    assert [one for shard in range(REMINDER_SHARDS) for one in store.due(shard, reminder.at, 10)] == []


@pytest.mark.parametrize("live", [True, False])
def test_every_field_of_a_backlog_row_comes_back(database: Database, live: bool) -> None:
    row = filled(BacklogRow, at=format_date(NOW), live=live)
    store = DynamoBacklogStore(database, 14)
    store.add([row])
    assert store.oldest(row.attempt.delivery.endpoint_id, 10) == [row]


def test_every_field_of_a_lane_comes_back(database: Database) -> None:
    store = DynamoLaneStore(database)
    lane = Lane(new_id(), new_id())
    store.note_trouble(lane.workspace_id, lane.endpoint_id, Trouble.LIMITED, NOW)
    assert store.note_slow(lane.workspace_id, lane.endpoint_id, NOW, NOW)
    lease = NOW + timedelta(seconds=90)
    claimed = store.claim(replace(lane, trouble=Trouble.LIMITED, not_before=NOW, slow_at=NOW), "t1", lease)
    assert claimed is not None
    assert store.set_ending(claimed, True)
    assert store.ask_again(claimed)
    assert store.read([lane.endpoint_id]) == {lane.endpoint_id: replace(claimed, ending=True, again=True)}
    left = replace(claimed, again=True, pace="{}", open_rows=(("a", 1772366440), ("b", 1772366441)))
    assert not store.release(replace(left, again=False), NOW)
    assert store.release(left, NOW)
    assert store.read([lane.endpoint_id]) == {lane.endpoint_id: replace(left, lease_until=None, next_at=NOW)}
    assert not store.release(left, NOW)
    store.reset(lane.endpoint_id)
    found = store.read([lane.endpoint_id])[lane.endpoint_id]
    assert (found.next_at, found.not_before, found.pace) == (None, None, "")


def test_one_of_two_that_claim_a_lane_is_its_owner(database: Database) -> None:
    store, lane = DynamoLaneStore(database), Lane(new_id(), new_id())
    assert store.claim(lane, "t1", NOW) is not None
    assert store.claim(lane, "t2", NOW) is None


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
    DynamoConfigurationRows(database, lambda: NOW, lambda: 0.0).apply(ChangeSet(workspace_id, 1, (PutEndpoint(endpoint),), Counts()))
    store = DynamoHealthStore(database)
    assert store.put(workspace_id, health, None)
    assert store.get(workspace_id, health.endpoint_id) == health


def test_the_version_that_routed_an_event_survives_queue_row_and_log(database: Database) -> None:
    """It is no part of what a delivery is compared by, so the tests above do not see it."""
    message, record = filled(WebhookMessage), filled(LogRecord)
    read = parse_webhook_queue(message.text())
    assert isinstance(read, WebhookMessage)
    assert read.delivery.configuration_version == message.delivery.configuration_version == 7
    row = codec.read_row(codec.row_attributes(message.attempt))
    assert row.delivery.configuration_version == 7
    log = DynamoDeliveryLog(database, lambda: NOW, 14)
    log.write([record])
    DynamoWideEvents(database, 14).mark([record.delivery])
    found = log.delivery(record.delivery.workspace_id, record.delivery.endpoint_id, record.delivery.event_id)
    assert found is not None
    assert found.configuration_version == record.delivery.configuration_version
    assert found.log_shards == record.delivery.log_shards == message.delivery.log_shards == row.delivery.log_shards == 7


def test_another_version_is_refused_and_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="format 2"):
        parse_webhook_queue('{"v":2}\nbody')
    with pytest.raises(ValueError, match="format 2"):
        codec.read_row({"attempt": {"S": '{"v":2}'}})
    with pytest.raises(ValueError, match="format 2"):
        record_of({"eventKey": {"S": "w#e"}, "attemptKey": {"S": "p#0001"}, "v": {"N": "2"}})
