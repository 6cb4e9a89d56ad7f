"""Packed rows in DynamoDB: whole or not at all, in items that fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_service.aws.dynamodb import Database, Key
from event_service.base.identifiers import new_id
from event_service.base.marks import Marks
from event_service.configuration import codec
from event_service.configuration.endpoint import EndpointType
from event_service.configuration.ports import RoutingRows
from event_service.filters.event_filter import EventFilter
from event_service.routing.packed import Packed
from event_service.routing.storage import packed_rows
from event_service.routing.storage.packed_rows import DynamoPackedRows, PackedItem
from tests.builders import SettableClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKSPACE = new_id()
LARGE = EventFilter(
    new_id(),
    WORKSPACE,
    'line\nends, quotes " and 😀',
    {"in": {"eventTypes": ["a\n"]}},
    NOW,
    NOW,
    7,
    Marks("k", "d", (("team", "a"),)),
)
PART_BYTES = 4_000


def rows(filters: int = 300) -> RoutingRows:
    found = [LARGE, *(EventFilter(new_id(), WORKSPACE, f"{n}", {"in": {"eventTypes": [new_id()]}}, NOW, NOW, 1) for n in range(filters))]
    links = {new_id(): {one.id for one in found}, new_id(): {new_id() for _ in range(2_500)}}
    endpoints = dict.fromkeys(links, EndpointType.WEB_HOOK) | {new_id(): EndpointType.WEB_SOCKET}
    return RoutingRows(endpoints, {one.id: one for one in found}, links, frozenset([new_id()]))


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def store(database: Database, clock: SettableClock) -> DynamoPackedRows:
    return DynamoPackedRows(database, clock, lambda seconds: None, PART_BYTES * 10)


def newest(store: DynamoPackedRows) -> Packed:
    found = store.newest(WORKSPACE)
    assert found is not None
    return found


def test_what_was_packed_is_read_as_it_was(store: DynamoPackedRows, database: Database) -> None:
    given = rows()

    store.write(WORKSPACE, 12, given)

    found = newest(store)
    assert found.version == 12
    assert found.parts > 1
    assert store.read(found) == given
    keys = [Key(PackedItem, f"{WORKSPACE}#packed#{found.generation}#{number}", "part") for number in range(found.parts)]
    sizes = [len(item["body"]["B"]) for _, item in database.batch_get(keys)]
    assert max(sizes) <= PART_BYTES * 10


def test_nothing_is_named_until_all_of_it_is_there(store: DynamoPackedRows, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    put, left = database.put, [2]

    def dies(item: Any, condition: Any = None) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        put(item, condition)

    monkeypatch.setattr(database, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        store.write(WORKSPACE, 12, rows())

    assert store.newest(WORKSPACE) is None


def test_a_missing_part_means_that_there_is_nothing(store: DynamoPackedRows, database: Database) -> None:
    store.write(WORKSPACE, 12, rows())
    found = newest(store)
    database.delete(Key(PackedItem, f"{WORKSPACE}#packed#{found.generation}#0", "part"))

    assert store.read(found) is None


def test_what_a_newer_release_packed_is_left_to_it(store: DynamoPackedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "FORMAT", codec.FORMAT + 1)
    store.write(WORKSPACE, 12, rows())
    monkeypatch.undo()
    assert store.read(newest(store)) is None

    monkeypatch.setattr(packed_rows.PackedItem.format, "default", packed_rows.FORMAT + 1)
    store.write(WORKSPACE, 13, rows())
    assert store.newest(WORKSPACE) is None


def test_one_of_many_packs_and_another_after_it_died(store: DynamoPackedRows, clock: SettableClock) -> None:
    assert [store.claim(WORKSPACE, 60) for _ in range(3)] == [True, False, False]
    clock.now += timedelta(seconds=62)
    assert [store.claim(WORKSPACE, 60) for _ in range(2)] == [True, False]


def test_a_workspace_is_packed_anew_after_a_week(store: DynamoPackedRows, clock: SettableClock) -> None:
    store.write(WORKSPACE, 12, rows(1))
    clock.now += timedelta(days=8)

    assert store.newest(WORKSPACE) is None
