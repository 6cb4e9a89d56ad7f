"""Erasing leaves nothing of an event in any table, and touches nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from event_service.aws.dynamodb import Database
from event_service.base.dates import format_date
from event_service.base.errors import RateLimited
from event_service.delivery.attempt import WIDE_SHARDS, Attempt, DeliveryKey, DeliveryStatus, LogRecord
from event_service.delivery.erasing import EVENTS_PER_ROUND, Erasing
from event_service.delivery.storage.log import DynamoDeliveryLog
from event_service.delivery.storage.wide_events import DynamoWideEvents
from event_service.events.storage.events import DynamoEventStore
from event_service.events.storage.listing import DynamoEventIndexes
from tests import builders
from tests.integration.conftest import REGION

WORKSPACE = "c641ff9c-67df-4c03-8fa6-ee2eabffdc16"
FOREIGN = "53989c34-9729-4081-ab02-9e064de2884c"
ENDPOINTS = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class ErasableEvents:
    """Events with deliveries, in the tables of the template."""

    def __init__(self, database: Database, aws: dict[str, str]) -> None:
        self._tables = [aws[name] for name in ("EVENTS_TABLE", "EVENT_INDEX_TABLE", "DELIVERIES_TABLE")]
        self.database = database
        self.store = DynamoEventStore(database, lambda: AT, 14)
        self.log = DynamoDeliveryLog(database, lambda: AT, 14)
        self.wide_events = DynamoWideEvents(database, 14)
        # As the command-line tool has them: it does not know for how long events were kept when they were stored.
        events, log = DynamoEventStore(database, lambda: AT, 0), DynamoDeliveryLog(database, lambda: AT, 0)
        self.erasing_log = log
        self.erasing = Erasing(events, DynamoEventIndexes(database), log)

    def add(self, event_id: str, profiles: list[str], workspace_id: str = WORKSPACE, *, wide: bool = False, **more: Any) -> None:
        data = {"identification_data": [{"profile_id": one} for one in profiles], "activity_id": "a", **more}
        event = builders.an_event(id=event_id, type="A", date=AT - timedelta(minutes=1), data=data, workspace_id=workspace_id, created=AT)
        self.store.put([event], "00")
        attempts = [Attempt(1, AT, 5, 500, None, None, "who is this? " * 100), Attempt(2, AT, 5, 500, None, None, "no")]
        shards = WIDE_SHARDS if wide else 0
        keys = [DeliveryKey(workspace_id, one, event_id, format_date(AT), log_shards=shards) for one in ENDPOINTS]
        if wide:
            self.wide_events.mark(keys[:1])
        self.log.write([LogRecord(key, DeliveryStatus.FAILED, AT, attempt=attempt, listed=True) for key in keys for attempt in attempts])

    def everything(self) -> list[str]:
        """All items of all tables."""
        client = boto3.client("dynamodb", region_name=REGION)
        pages = [page for table in self._tables for page in client.get_paginator("scan").paginate(TableName=table)]
        return sorted(str(sorted(item.items())) for page in pages for item in page["Items"])


@pytest.fixture
def erasable(database: Database, aws: dict[str, str]) -> ErasableEvents:
    return ErasableEvents(database, aws)


def all_of(erase: Callable[..., Any], *arguments: Any, **named: Any) -> list[str]:
    return sorted(one for some in erase(*arguments, **named) for one in some)


def test_nothing_of_an_event_is_left_and_nothing_else_is_touched(erasable: ErasableEvents) -> None:
    erasable.add("other", ["p", "q"])
    erasable.add("order-1", ["p"], FOREIGN)
    before = erasable.everything()
    for event_id in ("order-1", "order-2", "\U0001f600" * 256):
        erasable.add(event_id, ["p"])

    erased = erasable.erasing.erase(WORKSPACE, ["order-1", "order-2", "\U0001f600" * 256, "order-1", "unknown"])

    assert sorted(erased) == sorted(["order-1", "order-2", "\U0001f600" * 256])
    assert erasable.everything() == before
    assert erasable.erasing.erase(WORKSPACE, ["order-1"]) == []


def test_nothing_of_a_wide_event_is_left_whenever_it_is_interrupted(erasable: ErasableEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    before = erasable.everything()
    erasable.add("order-1", ["p"], wide=True)
    full = len(erasable.everything())
    write = erasable.database.batch_write
    for failing in range(1, 4):
        calls: list[object] = []

        def fail(*arguments: Any, failing: int = failing, calls: list[object] = calls, **more: Any) -> None:
            calls.append(arguments)
            if len(calls) == failing:
                raise RateLimited("busy")
            write(*arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(erasable.database, "batch_write", fail)
            with pytest.raises(RateLimited):
                erasable.erasing.erase(WORKSPACE, ["order-1"])
        assert len(before) < len(erasable.everything()) <= full
    assert erasable.erasing.erase(WORKSPACE, ["order-1"]) == ["order-1"]
    assert erasable.everything() == before


def test_all_events_of_a_profile_are_erased(erasable: ErasableEvents) -> None:
    erasable.add("other", ["q"])
    erasable.add("foreign", ["p"], FOREIGN)
    before = erasable.everything()
    ids = [f"order-{number}" for number in range(40)]
    for number, event_id in enumerate(ids):
        erasable.add(event_id, ["q", "p"] if number % 2 else ["p"])

    assert all_of(erasable.erasing.erase_profile, WORKSPACE, "p") == sorted(ids)
    assert erasable.everything() == before
    assert all_of(erasable.erasing.erase_profile, WORKSPACE, "p") == []


def test_a_profile_that_is_not_in_the_index_is_found_by_looking_at_all(erasable: ErasableEvents) -> None:
    erasable.add("other", ["q"])
    before = erasable.everything()
    erasable.add("crowd", [f"p{number}" for number in range(150)])

    assert all_of(erasable.erasing.erase_profile, WORKSPACE, "p149") == []
    assert all_of(erasable.erasing.erase_profile, WORKSPACE, "p149", all_events=True) == ["crowd"]
    assert erasable.everything() == before


def test_an_event_that_an_index_names_wrongly_stays(erasable: ErasableEvents) -> None:
    """A publish that lost a race for its id may leave a row that names the event of the winner."""
    erasable.add("order-1", ["q"])
    event = builders.an_event(
        id="order-1",
        type="A",
        date=AT - timedelta(minutes=1),
        data={"identification_data": [{"profile_id": "p"}]},
        workspace_id=WORKSPACE,
        created=AT,
    )
    erasable.store.write_rows([event])

    assert all_of(erasable.erasing.erase_profile, WORKSPACE, "p") == []
    assert list(erasable.store.get(WORKSPACE, ["order-1"])) == ["order-1"]


def test_what_was_interrupted_is_ended_by_the_next_try(erasable: ErasableEvents, monkeypatch: pytest.MonkeyPatch) -> None:
    before = erasable.everything()
    erasable.add("order-1", ["p"])
    erasable.add("order-2", ["p"])
    erase = erasable.erasing_log.erase

    def fail(workspace_id: str, event_id: str) -> None:
        if event_id == "order-2":
            raise RateLimited("busy")
        erase(workspace_id, event_id)

    with monkeypatch.context() as patch:
        patch.setattr(erasable.erasing_log, "erase", fail)
        with pytest.raises(RateLimited):
            erasable.erasing.erase(WORKSPACE, ["order-1", "order-2"])
    # Both are there to be found again by their profile.
    assert all_of(erasable.erasing.erase_profile, WORKSPACE, "p") == ["order-1", "order-2"]
    assert erasable.everything() == before


def test_many_ids_are_erased_in_steps(erasable: ErasableEvents) -> None:
    ids = [f"e{number}" for number in range(EVENTS_PER_ROUND + 1)]
    now = [builders.an_event(id=one, type="A", date=AT, workspace_id=WORKSPACE, created=AT) for one in ids]
    erasable.store.put(now, "00")

    assert sorted(erasable.erasing.erase(WORKSPACE, ids)) == sorted(ids)
    assert erasable.everything() == []
