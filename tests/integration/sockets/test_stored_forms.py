"""Every field of what sockets store or queue comes back as it was: a new field that a codec forgets fails here."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Key
from event_service.sockets.connection import Connection, Shard
from event_service.sockets.ports import LogHead, Segment
from event_service.sockets.storage.connections import ConnectionItem
from event_service.sockets.storage.log import HeadItem, SegmentItem, head_key
from event_service.sockets.wake_up import WakeUp
from tests.integration.sockets.conftest import Sockets

_MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def filled(kind: type[Any], **given: Any) -> Any:
    """One of a dataclass in which no two fields are equal and none has its default."""
    hints = typing.get_type_hints(kind)
    values = {}
    for number, field in enumerate(dataclasses.fields(kind), start=2):
        value = given.get(field.name, _value(hints[field.name], field.name, number))
        if value == field.default:
            raise AssertionError(f"{kind.__name__}.{field.name} would keep its default")
        values[field.name] = value
    return kind(**values)


def _value(hint: Any, name: str, number: int) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(one for one in hint.__args__ if one is not type(None))
    if dataclasses.is_dataclass(hint):
        return filled(typing.cast("type[Any]", hint))
    plain: dict[Any, Any] = {str: f"{name} é", int: number, bool: True, datetime: _MOMENT + timedelta(hours=number)}
    if hint in plain:
        return plain[hint]
    if typing.get_origin(hint) is tuple:
        return (f"{name} one", f"{name} two é")
    raise AssertionError(f"the test does not know how to fill a {hint}")


def test_a_connection_comes_back_from_its_table_with_every_field(sockets: Sockets) -> None:
    connection = filled(Connection, connection_id="a=")

    sockets.store.add(connection)

    assert sockets.store.of_endpoint(connection.endpoint_id, None) == [connection]


def test_a_head_and_a_segment_come_back_from_the_log_with_every_field(sockets: Sockets) -> None:
    head, segment = filled(LogHead, next=5), filled(Segment, first=5)

    sockets.log_store.put_head("endpoint", head, None)
    sockets.log_store.append("endpoint", head, [segment], ["nonce"])

    assert sockets.log_store.heads(["endpoint"]) == {"endpoint": dataclasses.replace(head, next=7)}
    assert sockets.log_store.segments("endpoint", 4, 10, 10) == [segment]


def test_a_wake_up_comes_back_from_the_queue_with_every_field(sockets: Sockets) -> None:
    wake_up = filled(WakeUp, shard=Shard(3, 8))

    sockets.queue.send([wake_up])

    body = sockets.sqs.receive_message(QueueUrl=sockets.queue_url)["Messages"][0]["Body"]
    assert WakeUp.parse(body) == wake_up


def test_a_stored_form_that_is_newer_than_the_code_is_refused(sockets: Sockets) -> None:
    connection, head, segment = filled(Connection, connection_id="a="), filled(LogHead, next=5), filled(Segment, first=5)
    sockets.store.add(connection)
    sockets.log_store.put_head("endpoint", head, None)
    sockets.log_store.append("endpoint", head, [segment], ["nonce"])
    row = next(iter(sockets.database.query_all(ConnectionItem, ConnectionItem.endpoint_id == connection.endpoint_id)))
    for key, attribute in (
        (Key(ConnectionItem, row["endpointId"]["S"], row["connectionId"]["S"]), ConnectionItem.format),
        (head_key("endpoint"), HeadItem.format),
        (Key(SegmentItem, "endpoint", segment.last), SegmentItem.format),
    ):
        sockets.database.update(key, [attribute.set(99)])

    with pytest.raises(ValueError, match="format 99"):
        sockets.store.of_endpoint(connection.endpoint_id, None)
    with pytest.raises(ValueError, match="format 99"):
        sockets.log_store.heads(["endpoint"])
    with pytest.raises(ValueError, match="format 99"):
        sockets.log_store.segments("endpoint", 4, 10, 10)
