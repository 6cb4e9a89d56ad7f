"""Every field of what sockets store or queue comes back as it was: a new field that a codec forgets fails here."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Key
from event_service.sockets.connection import Connection, Lane
from event_service.sockets.messages import BacklogMessage, WakeUp, parse_backlog_message
from event_service.sockets.ports import LogHead, Segment
from event_service.sockets.storage.connections import ConnectionItem
from event_service.sockets.storage.log import HeadItem, SegmentItem, head_key
from tests.integration.sockets.conftest import Sockets

_MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def filled(kind: type[Any], **given: Any) -> Any:
    """One of a dataclass in which no two fields are equal and none has its default."""
    hints = typing.get_type_hints(kind)
    values = {}
    for number, field in enumerate(dataclasses.fields(kind), start=2):
        value = given[field.name] if field.name in given else _value(hints[field.name], field.name, number)
        if value == field.default and field.name not in given:
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
    added, saved, joined = (filled(Connection, connection_id=one, lane=Lane.OWN, endpoint_id="e") for one in ("a=", "b=", "c="))

    sockets.store.add(added)
    sockets.store.save([saved])
    sockets.store.save([replace(joined, lane=Lane.JOINING, reset=False)])
    sockets.store.join([(replace(joined, lane=Lane.JOINING), joined)])

    assert sockets.store.of_group(added.endpoint_id, added.group)[1] == [added, saved, joined]


def test_a_head_and_a_segment_come_back_from_the_log_with_every_field(sockets: Sockets) -> None:
    head = filled(LogHead)
    segments = [filled(Segment, first=5, unused=0), filled(Segment, first=9, event_ids=(), unused=3)]

    sockets.log_store.put_head("endpoint", head, None)
    sockets.log_store.append("endpoint", segments, ["nonce"])

    assert sockets.log_store.heads(["endpoint"]) == {"endpoint": head}
    assert sockets.log_store.segments("endpoint", 5, 10) == segments


def test_a_wake_up_comes_back_from_the_queue_with_every_field(sockets: Sockets) -> None:
    wake_up = filled(WakeUp)

    sockets.queue.send([wake_up])

    assert WakeUp.parse(_body(sockets, sockets.queue_url)) == wake_up


@pytest.mark.parametrize("kind", typing.get_args(BacklogMessage))
def test_each_message_of_the_backlog_queue_comes_back_with_every_field(sockets: Sockets, kind: type[Any]) -> None:
    message = filled(kind)

    sockets.backlog.send([message], 0)

    assert parse_backlog_message(_body(sockets, sockets.backlog_url)) == message


def _body(sockets: Sockets, url: str) -> str:
    return str(sockets.sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])


def test_a_stored_form_that_is_newer_than_the_code_is_refused(sockets: Sockets) -> None:
    connection, head, segment = filled(Connection, lane=Lane.OWN, endpoint_id="e"), filled(LogHead), filled(Segment, first=5, unused=0)
    sockets.store.add(connection)
    sockets.log_store.put_head("endpoint", head, None)
    sockets.log_store.append("endpoint", [segment], ["nonce"])
    for key, attribute in (
        (Key(ConnectionItem, f"{connection.endpoint_id}#{connection.group}", connection.connection_id), ConnectionItem.format),
        (head_key("endpoint"), HeadItem.format),
        (Key(SegmentItem, "endpoint#0", segment.first), SegmentItem.format),
    ):
        sockets.database.update(key, [attribute.set(99)])

    state, readable = sockets.store.of_group(connection.endpoint_id, connection.group)
    assert (state.unreadable, readable) == ((connection.connection_id,), [])
    with pytest.raises(ValueError, match="format 99"):
        sockets.log_store.heads(["endpoint"])
    with pytest.raises(ValueError, match="format 99"):
        sockets.log_store.segments("endpoint", 5, 10)
    with pytest.raises(ValueError, match="format"):
        WakeUp.parse('{"v": 99}')
